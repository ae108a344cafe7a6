"""The simulated world: the general engine, and the compiled one beside it."""
