"""The known faults of programs: which of them explain the violations of a log."""
