"""One run in columns, and what follows from program order and messages alone."""
