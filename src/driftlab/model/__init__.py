"""Events, payloads, schedules, random streams and digests: what every layer above shares."""
