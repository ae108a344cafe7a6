"""Logical clocks: what issues timestamps. Imports nothing outside."""
