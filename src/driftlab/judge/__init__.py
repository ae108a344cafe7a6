"""The judge: what a history must satisfy, rule by rule, and the verdict."""
