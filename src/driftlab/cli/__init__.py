"""The command line: one module a command, which parses, calls the api and prints."""

EXIT_VIOLATED = 1  # a judge found violations
EXIT_DIFFERENT = 1  # a replay or a simulation differs from its run
EXIT_UNUSABLE = 2
EXIT_NOT_WHOLE = 3  # a machine was lost
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a shell reports SIGPIPE
