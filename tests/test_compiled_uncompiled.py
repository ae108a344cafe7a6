"""The kernels run as Python, too, and give the same: only so does coverage see their lines."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftlab import Scenario
from driftlab.simulator.compiled import engine
from driftlab.simulator.compiled.engine import record_run, simulate_runs

ROOT = Path(__file__).parent.parent

# Short runs that together reach every branch of the kernels.
SINGLE: dict[str, dict[str, Any]] = {
    "static": {},
    "arrival": {"order": "arrival"},
    "no schedule that repeats": {"rates": [6.1, 3.3, 1.7]},
    "ticks at one instant": {"rates": [2, 2, 2, 2], "phase": "aligned", "send_all": 0.5},
    "a phase of many digits": {"rates": [6.123456789012345, 3, 1]},
    "drawn rates": {"rates": "1..6", "machines": 3},
    "two machines": {"rates": [3, 5]},
    "a star": {"rates": [0.5, 9, 8, 9], "topology": "star", "send_one": 1, "seconds": 20},
    "a ring": {"rates": [5] * 5, "topology": "ring"},
    "fixed latency": {"latency": "fixed:0.4"},
    "uniform latency": {"latency": "uniform:0..1", "send_all": 0.7},
    "exponential latency": {"latency": "exponential:2", "send_all": 0.9},
    "lognormal latency": {"latency": "lognormal:0.1,1"},
    "a crowd in one bucket": {
        "rates": [1 + i * 1e-9 for i in range(40)], "phase": "aligned", "seconds": 3,
    },
}  # fmt: skip
MANY: dict[str, dict[str, Any]] = {
    "in batches": {"runs": 100, "seconds": 3},
    "in batches by arrival": {"runs": 100, "seconds": 3, "order": "arrival"},
    "in batches with drawn rates": {"rates": "1..2", "machines": 3, "seconds": 3, "runs": 100},
    "in batches that outgrow their rings": {"rates": [20, 20, 1], "seconds": 5, "runs": 66},
}


def scenario(keys: dict[str, Any]) -> Scenario:
    return Scenario.from_dict({"rates": [6, 3, 1], "seconds": 6, "seed": 3, **keys})


def text_of(tables: Any) -> str:
    """Return a digest of some arrays, their types and shapes included."""
    content = repr([(table.dtype.str, table.shape, table.tobytes()) for table in tables])
    return sha256(content.encode()).hexdigest()


def results() -> dict[str, list[str]]:
    """Simulate every case and return digests of all events and all metrics."""
    found: dict[str, list[str]] = {}
    with np.errstate(over="ignore"):  # words are meant to wrap around
        for name, keys in SINGLE.items():
            recorded = record_run(scenario(keys), 1)
            metrics = simulate_runs(scenario(keys), [1])
            found[name] = [text_of(recorded.history), text_of(recorded.figures), text_of(metrics)]
            assert recorded.figures.digest[0] == metrics.digest[0]
        for limit in (3, 40):
            for latency in ("none", "fixed:1"):
                one = scenario({"latency": latency, "rates": [9, 9, 1]})
                recorded = record_run(one, 1, waiting_max=limit, repeats=latency == "none")
                found[f"{limit} may wait, {latency}"] = [*map(text_of, recorded)]
        for name, keys in MANY.items():
            found[name] = [text_of(simulate_runs(scenario(keys), cores=1))]
    return found


def test_uncompiled_kernels_give_the_same_events_and_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = (
        "import json\n"
        "from driftlab.simulator.compiled import engine\n"
        "engine.ROOM_FIRST = 16\n"
        "from tests.test_compiled_uncompiled import results\n"
        "assert not hasattr(engine.run_some, 'py_func')\n"
        "print(json.dumps(results()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=110,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.setattr(engine, "ROOM_FIRST", 16)  # so that the pool has to grow
    assert json.loads(done.stdout) == results()
