"""One machine of the model, as a pure state machine, and the process that it runs."""
