"""The hosts: the only rooms that touch a socket, a clock or a process."""
