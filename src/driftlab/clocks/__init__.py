"""Logical clocks and the timestamps that they issue."""
