"""The machine, pure: inputs in, effects out. It never knows which world it is in."""
