"""Benchmarks, each beside something bare or another engine, side by side in one run.

`python -m benchmarks` from the repository root runs all of them,
`python -m benchmarks pacing simulator` some, `--quick` makes every run short. There
is no pass and no fail: each table states the target beside the ratio. All of it
takes about half an hour; an idle machine gives the better figures.
"""
