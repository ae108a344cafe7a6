"""Real runs: the launcher, the workers, and the TCP connections between their machines."""
