"""The command line: one module a command, which parses, calls the api and prints."""
