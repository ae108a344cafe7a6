"""The public face of the compiled engine (a thin thread of it so far)."""

from math import gcd, lcm
from typing import Any

import numpy as np

from driftlab.compiled import records, runs
from driftlab.compiled.ticks import KINDS_OF_LATENCY
from driftlab.dice import Purpose, draw, stream
from driftlab.latency import exponentials, logarithms
from driftlab.planning import plan_run
from driftlab.scenario import RateRange, Scenario, exact
from driftlab.schedule import NS_PER_SECOND, phase_ns
