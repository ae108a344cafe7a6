"""Signals at the worst instant: just after the main thread has acquired a lock of a pool."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from driftlab.interrupts import INTERRUPTS, deferred_interrupts

# The signal comes when the main thread enters a condition for the given time.
INTERRUPTED = """
import signal, sys, threading, time
enter, seen, main_thread = threading.Condition.__enter__, [], threading.get_ident()

def enter_and_be_interrupted(condition):
    entered = enter(condition)
    if threading.get_ident() == main_thread:
        seen.append(condition)
        if len(seen) == int(sys.argv[1]):
            signal.raise_signal(signal.SIGINT)
            time.sleep(0)
    return entered

def main():
    import driftlab
    from driftlab.study.sweep import sweep
    threading.Condition.__enter__ = enter_and_be_interrupted
    clock = "vector" if sys.argv[2] == "processes" else "lamport"
    runs = 100_000 if sys.argv[2] == "processes" else 1_000_000
    many = driftlab.Scenario(rates=[6, 3, 1], seconds=60, runs=runs, clock=clock)
    try:
        if sys.argv[2] == "sweep":
            sweep(many, {"faces": [3, 4, 5, 6]}, 100_000, workers=2)
        else:
            driftlab.simulate(many, workers=2)
    except KeyboardInterrupt:
        print("interrupted")

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
"""


@pytest.mark.parametrize("work", ["processes", "threads", "sweep"])
@pytest.mark.parametrize("entered", [2, 9, 30])
def test_an_interrupt_within_a_lock_ends_what_is_under_way(work: str, entered: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(entered), work],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


@pytest.fixture(autouse=True)
def _interrupts_are_not_ignored() -> Iterator[None]:
    """They are where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_is_held_back_until_it_may_be_handled() -> None:
    before = {number: signal.getsignal(number) for number in INTERRUPTS}
    with deferred_interrupts() as handle:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            handle()
        handle()
    assert {number: signal.getsignal(number) for number in INTERRUPTS} == before


def test_a_signal_that_nobody_handled_is_handled_at_the_end() -> None:
    reached = []

    def work() -> None:
        with deferred_interrupts():
            signal.raise_signal(signal.SIGINT)
            reached.append("end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["end"]


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupts() as handle:
            signal.raise_signal(signal.SIGINT)
            handle()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_hold_nothing_back() -> None:
    handlers = []

    def work() -> None:
        with deferred_interrupts() as handle:
            handle()
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
