"""Message matching: which send each receive belongs to.

`match.match` is the entry; it says which strategy applies in which order. Each
strategy has a file of its own, `by_*`. `repair` corrects names before matching,
and `arrivals` matches what a tick found in its sockets with the same sends.
"""
