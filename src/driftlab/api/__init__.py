"""The public Python interface: run, simulate, read back. Here the two wings meet."""
