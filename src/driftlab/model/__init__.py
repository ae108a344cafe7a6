"""Events, schedules and random streams: the vocabulary that every other layer shares."""
