"""The compiled engine: the die process under the Lamport clock, at the speed of C.

It gives the general engine's events bit for bit. `eligibility` knows what it can
simulate; `engine` is its interface; `memory_layout` turns a scenario into
arrays; the kernels that Numba compiles are `run_kernel` (one run after the
other) and `many_runs_kernel` (many short runs at once), built from `mailbox`,
`calendar_queue` and, in `jit_rules`, the rules that the machines share.
"""
