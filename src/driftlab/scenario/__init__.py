"""What is to be run: the description, its validation, and the plan of each machine."""
