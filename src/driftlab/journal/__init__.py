"""What was recorded: the journals, and how they are read back."""
