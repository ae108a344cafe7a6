"""The diagram in a browser: the server, runs that are followed live, and the bench."""
