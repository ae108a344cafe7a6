"""What is to be run: the scenario, its validation, and the plan of each machine."""
