"""Which send each received message belongs to."""
