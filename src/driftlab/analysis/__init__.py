"""What a recorded history means. Never imports a host or a machine."""
