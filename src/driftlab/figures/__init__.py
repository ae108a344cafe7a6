"""What is drawn: the data of a figure, its chart, and the files it is written to."""
