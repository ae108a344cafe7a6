"""The compiled engine: the built-in workload under the Lamport clock, at the speed of C."""
