"""The command line: glue, no logic. Commands are loaded when they are used."""
