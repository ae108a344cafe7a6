"""What happens between two machines: the wire protocol, and the latency of messages."""
