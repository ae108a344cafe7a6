"""Benchmarks: each measures driftlab beside a bare counterpart or another engine, in one run.

`python -m benchmarks`, from the root of the repository, runs all of them in about
45 minutes; `python -m benchmarks pacing simulator` runs two of them, and `--quick`
makes each run short. Nothing passes or fails: each table states its target beside the
ratio. An idle computer gives better figures.
"""
