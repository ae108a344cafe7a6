"""Many runs with a question: sweeps over a grid, studies, and claims."""
