"""What a history must satisfy, rule by rule."""
