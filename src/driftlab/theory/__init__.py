"""What theory says about a run before anything runs: queues, clock rates, jumps."""
