"""Chrome's trace events, which Perfetto opens: read and written."""
