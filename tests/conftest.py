"""Fixtures: the laws' settings, and a driftlab command to start."""

from hypothesis import settings

settings.register_profile("driftlab", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("driftlab")
