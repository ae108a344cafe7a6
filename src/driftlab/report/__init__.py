"""Documents about runs: HTML, Markdown, figures and tables."""
