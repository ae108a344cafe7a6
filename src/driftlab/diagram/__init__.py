"""The space-time diagram: the columns of a history, their bytes, and pages that draw them."""
