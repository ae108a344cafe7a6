"""Scenarios: validation, canonical form, TOML, topologies."""

import pickle
import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.errors import DriftlabError
from driftlab.journal.run_folder import RunFolderError, join_run_folder
from driftlab.model.random_streams import DIE_BITS
from driftlab.scenario.builtin import ALIASES, BUILT_IN, built_in
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario, _toml_value, default_name
from driftlab.scenario.validate import WAITING_MESSAGES_MAX, RateRange, ScenarioError
from driftlab.study.claims.recording import BOTH, FEW_INTERNAL, NARROW, condition_of
from driftlab.study.study_file import load_study

numbers = st.one_of(st.integers(1, 10**6), st.floats(1e-6, 1e6))
chances = st.floats(0, 0.5)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    keys: dict[str, Any] = {
        "seconds": draw(numbers),
        "runs": draw(st.integers(1, 1000)),
        "first_run": draw(st.integers(1, 1000)),
        "seed": draw(st.integers(0, 2**64 - 1)),
        "speed": draw(numbers),
        "phase": draw(st.sampled_from(["random", "aligned"])),
        "order": draw(st.sampled_from(["peers", "arrival"])),
        "topology": draw(st.sampled_from(["mesh", "ring", "star"])),
        "latency": draw(st.sampled_from(["none", "fixed:0.1", "uniform:0..2", "lognormal:1,0.5"])),
    }
    if draw(st.booleans()):
        keys["rates"] = draw(st.lists(numbers, min_size=2, max_size=6))
        if draw(st.booleans()):
            keys["names"] = [f"machine-{i}" for i in range(len(keys["rates"]))]
    else:
        low = draw(st.integers(1, 9))
        keys["rates"] = f"{low}..{low + draw(st.integers(0, 9))}"
        keys["machines"] = draw(st.integers(2, 40))
    if draw(st.booleans()):
        keys["faces"] = draw(st.integers(3, 1000))
    else:
        keys["send_one"], keys["send_all"] = draw(chances), draw(chances)
    return Scenario.from_dict(keys)


@given(scenarios())
def test_a_scenario_survives_toml(scenario: Scenario) -> None:
    assert Scenario.from_toml(scenario.to_toml()) == scenario


@given(scenarios())
def test_a_scenario_survives_plain_keys(scenario: Scenario) -> None:
    assert Scenario.from_dict(scenario.to_dict()) == scenario


def test_the_variations_are_the_same_everywhere() -> None:
    """In the scenarios, the study of the assignment, and the claims."""
    study = load_study("assignment").scenarios(simulated=False)
    for name in ("standard", "narrow-rates", "few-internal-events"):
        ours = Scenario.from_dict(BUILT_IN[name].keys)
        assert ours == study[name].replace(seed=ours.seed)
    for name, condition in (
        ("narrow-rates", NARROW), ("few-internal-events", FEW_INTERNAL), ("both-variations", BOTH)
    ):  # fmt: skip
        assert condition_of(Scenario.from_dict(BUILT_IN[name].keys)) == condition
    assert {name: built_in(name) for name in ALIASES} == {
        name: BUILT_IN[new] for name, new in ALIASES.items()
    }
    assert built_in("nothing") is None


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_scenario_is_valid_and_survives_toml(name: str) -> None:
    scenario = Scenario.from_dict(BUILT_IN[name].keys)
    assert Scenario.from_toml(scenario.to_toml()) == scenario
    assert scenario.size == 3
    assert scenario.runs == 5


def test_the_default_is_the_machine_of_the_assignment() -> None:
    scenario = Scenario()
    assert scenario.machine_names() == ("A", "B", "C")
    assert scenario.rates == RateRange(1, 6)
    assert scenario.to_dict() == {
        "rates": "1..6", "machines": 3, "seconds": 60, "runs": 1, "first_run": 1, "faces": 10,
        "seed": 1, "speed": 1, "phase": "random", "order": "peers", "latency": "none",
        "topology": "mesh", "clock": "lamport", "process": "die",
    }  # fmt: skip


def test_a_range_of_rates_differs_from_the_two_rates_that_end_it() -> None:
    assert Scenario(rates="1..6", machines=2) != Scenario(rates=[1, 6])
    assert Scenario(rates="1..6") == Scenario(rates=RateRange(1, 6)) != Scenario(rates="1..5")
    assert hash(Scenario(rates="1..6")) == hash(Scenario(rates=RateRange(1, 6)))


@given(st.integers(0, 2**64 - 1), st.integers(1, 10**6))
def test_drawn_rates_are_whole_numbers_of_the_range_and_repeatable(seed: int, run: int) -> None:
    scenario = Scenario.from_dict({"rates": "2..4", "machines": 8, "seed": seed})
    rates = scenario.rates_of(run)
    assert rates == scenario.rates_of(run)
    assert set(rates) <= {2, 3, 4}
    assert len(rates) == 8


def test_drawn_rates_take_every_value_about_equally_often() -> None:
    scenario = Scenario()
    drawn = [rate for run in range(1, 2001) for rate in scenario.rates_of(run)]
    for rate in range(1, 7):
        assert abs(drawn.count(rate) - 1000) < 5 * 29


@given(st.integers(3, 40))
def test_in_a_ring_each_has_the_next_and_the_one_before(machines: int) -> None:
    near = Scenario(machines=machines, topology="ring").neighbours(1)
    for i, others in enumerate(near):
        assert set(others) == {(i - 1) % machines, (i + 1) % machines}


@given(st.integers(2, 40))
def test_in_a_star_all_have_the_first_and_it_has_all(machines: int) -> None:
    near = Scenario(machines=machines, topology="star").neighbours(1)
    assert near == (tuple(range(1, machines)), *((0,) for _ in range(machines - 1)))


@given(st.integers(2, 30), st.data(), st.integers(0, 2**64 - 1), st.integers(1, 99))
def test_a_regular_graph_has_the_degree_asked_for_is_symmetric_and_repeatable(
    machines: int, data: st.DataObject, seed: int, run: int
) -> None:
    degree = data.draw(st.integers(1, machines - 1).filter(lambda d: d * machines % 2 == 0))
    scenario = Scenario(machines=machines, topology=f"regular:{degree}", seed=seed)
    near = scenario.neighbours(run)
    for i, others in enumerate(near):
        assert len(set(others)) == degree
        assert i not in others
        assert list(others) == sorted(others)
        assert all(i in near[other] for other in others)
    assert near == scenario.neighbours(run)


def test_regular_graphs_differ_from_run_to_run() -> None:
    scenario = Scenario(machines=20, topology="regular:4")
    assert len({scenario.neighbours(run) for run in range(1, 21)}) == 20


def test_links_are_those_listed() -> None:
    scenario = Scenario(machines=4, topology="A-B, B-C,D-B")
    assert scenario.neighbours(1) == ((1,), (0, 2, 3), (1,), (1,))


def test_default_names_go_on_after_z_like_spreadsheet_columns() -> None:
    names = [default_name(i) for i in range(26 * 27 + 1)]
    assert names[:3] == ["A", "B", "C"]
    assert names[24:29] == ["Y", "Z", "AA", "AB", "AC"]
    assert names[-2:] == ["ZZ", "AAA"]
    assert len(set(names)) == len(names)


def test_a_die_is_its_probabilities_exactly() -> None:
    one, both = Fraction(1, 5), Fraction(3, 10)
    assert Scenario(faces=10).die == (int(one * 2**DIE_BITS), int(both * 2**DIE_BITS))
    assert Scenario(faces=10).die == Scenario(send_one=0.2, send_all=0.1).die
    assert Scenario(send_one=0.5, send_all=0.5).die[1] == 2**DIE_BITS
    assert Scenario(send_one=0.1).die == (2**DIE_BITS // 10, 2**DIE_BITS // 10)


def test_text_is_read_as_flags_give_it() -> None:
    given_text = Scenario.from_dict(
        {"rates": "6, 3,1", "seconds": "2.5", "seed": "7", "speed": "60", "names": "x,y,z"}
    )
    assert given_text == Scenario(
        rates=(6, 3, 1), seconds=2.5, seed=7, speed=60, names=("x", "y", "z")
    )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"rates": [6, 0, 1]}, "rates"),
    ({"rates": [6, -3, 1]}, "rates"),
    ({"rates": "6,three,1"}, "three"),
    ({"rates": [6, float("nan"), 1]}, "nan"),
    ({"rates": [6, float("inf"), 1]}, "inf"),
    ({"rates": [6, True, 1]}, "True"),
    ({"rates": [6, None]}, "None"),
    ({"rates": [6]}, "from 2"),
    ({"rates": []}, "rates"),
    ({"rates": ""}, "rates"),
    ({"rates": "6,,1"}, "rates"),
    ({"rates": "6..1"}, "6..1"),
    ({"rates": "0..6"}, "0..6"),
    ({"rates": "1.5..6"}, "1.5..6"),
    ({"rates": 1e12}, "rates"),
    ({"machines": 1}, "from 2"),
    ({"machines": 0}, "machines"),
    ({"machines": -2}, "machines"),
    ({"machines": 2.5}, "whole"),
    ({"machines": "three"}, "whole"),
    ({"machines": 4, "rates": [6, 3, 1]}, "must agree"),
    ({"names": ["A", "B", "C", "D"], "rates": [6, 3, 1]}, "must agree"),
    ({"names": ["A", "A", "C"]}, "A, A, C: each machine needs a different name"),
    ({"names": ["A", "a", "C"]}, "A, a, C: each machine needs a different name"),
    ({"names": ["A", "B C", "D"]}, "B C"),
    ({"names": ["A", "B,C", "D"]}, "B,C"),
    ({"names": ["A", "../B", "D"]}, "../B"),
    ({"names": ["A", "", "D"]}, "name"),
    ({"names": ["A", 7, "D"]}, "7"),
    ({"names": ["A" * 33, "B", "D"]}, "32"),
    ({"seconds": 0}, "seconds"),
    ({"seconds": -1}, "seconds"),
    ({"seconds": float("nan")}, "seconds"),
    ({"seconds": "soon"}, "soon"),
    ({"runs": 0}, "runs"),
    ({"runs": 1.5}, "runs"),
    ({"faces": 2}, "faces"),
    ({"faces": 10.5}, "faces"),
    ({"faces": 10, "send_one": 0.2}, "not both"),
    ({"send_one": 0.7, "send_all": 0.4}, "1.1"),
    ({"send_one": 1.2}, "send_one"),
    ({"send_all": -0.1}, "send_all"),
    ({"send_all": "x"}, "send_all"),
    ({"seed": -1}, "seed"),
    ({"seed": 2**64}, "seed"),
    ({"seed": "x"}, "seed"),
    ({"speed": 0}, "speed"),
    ({"speed": float("inf")}, "speed"),
    ({"phase": "random-ish"}, "aligned"),
    ({"order": "size"}, "arrival"),
    ({"topology": "cube"}, "cube"),
    ({"topology": "regular:3"}, "regular:3 is not possible with 3"),
    ({"topology": "regular:0"}, "regular:0"),
    ({"topology": "regular:3", "machines": 5}, "even"),
    ({"topology": "A-B"}, "C has no link"),
    ({"topology": "A-B,C-C"}, "a link joins two different machines"),
    ({"topology": "A-B,B-D"}, "no machine D"),
    ({"topology": ""}, "not known"),
    ({"latency": "fixed:-1"}, "latency: -1"),
    ({"latency": "fixed:nan"}, "latency: nan"),
    ({"latency": "fixed:soon"}, "soon"),
    ({"latency": "fixed:"}, "latency"),
    ({"latency": "uniform:2..1"}, "uniform:2..1"),
    ({"latency": "lognormal:1"}, "lognormal:1"),
    ({"latency": "lognormal:1,9"}, "sigma"),
    ({"latency": "gamma:1"}, "gamma:1"),
    ({"latency": 0.5}, "0.5"),
    ({"ratse": [6, 3, 1]}, "ratse"),
]


@pytest.mark.parametrize(("keys", "reason"), BAD)
def test_bad_keys_are_named_in_one_line(keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(keys)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, DriftlabError)


def test_bad_toml_is_a_scenario_error() -> None:
    with pytest.raises(ScenarioError, match="TOML"):
        Scenario.from_toml("rates = [6, 3,")


def test_a_scenario_never_changes_and_its_copies_are_equal() -> None:
    scenario = Scenario(
        rates=[6, 3.5], latencies={"A>B": "fixed:1"}, offset_ms=[0, -3], clock="vector"
    )
    with pytest.raises(AttributeError, match="never changes"):
        scenario.seed = 3
    with pytest.raises(AttributeError, match="never changes"):
        del scenario.seed
    for copy in (pickle.loads(pickle.dumps(scenario)), scenario.replace(seed=1)):
        assert (copy, hash(copy)) == (scenario, hash(scenario))
    assert eval(repr(scenario)) == scenario
    assert scenario.replace(seed=2) != scenario


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"clock": "sundial"}, "clock: 'sundial' is not known; allowed: lamport, vector"),
        ({"clock": "matrix", "machines": 51}, "clock: 51 processes are too many for the matrix"),
        ({"offset_ms": [1, 2]}, "offset_ms: 2 given for 3 machines"),
        ({"offset_ms": "1,x,3"}, "offset_ms: 'x' is not a number"),
        ({"skew_ppm": [0, 0, 1e9]}, "skew_ppm: 1000000000.0 is not allowed"),
        ({"latencies": {"A": "fixed:1"}}, "latencies: 'A' is not a channel"),
        ({"latencies": {"A>A": "fixed:1"}}, "latencies: 'A>A' is not a channel"),
        ({"latencies": {"A>Z": "fixed:1"}}, "latencies: A>Z: there is no machine Z"),
        ({"latencies": {"A>B": "fixed:-1"}}, "latencies: A>B: -1.0 is not allowed"),
        ({"latencies": {"A>B": "fixed:nan"}}, "latencies: A>B: nan is not allowed"),
        ({"latencies": 5}, "latencies: 5 is not a table"),
        ({"process": "mine"}, "process: 'mine' is not a process"),
        ({"first_run": 2**63, "runs": 2}, "first_run: 2 runs from 9223372036854775808 on"),
        ({"process": int}, "int is not defined in a file"),
        (
            {"seconds": 1e300},
            "seconds: 1e+300 is not allowed; allowed: a number from 1e-09 to",
        ),
    ],
)
def test_what_does_not_fit_together_says_what_is_allowed(keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(ScenarioError) as error:
        Scenario(**keys)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


CONTROL_CHARACTERS = [*map(chr, (*range(32), 127)), "\x80", "\u2028", "\\", '"', '\\"', "\\u0041"]
ALL_KEYS = """\
rates = [6, 3.5, 1e-09]
names = ["A", "B-1", "c_2"]
seconds = 60
runs = 2
first_run = 7
send_one = 0.25
send_all = 0
seed = 18446744073709551615
speed = 0.5
phase = "aligned"
order = "arrival"
latency = "uniform:0.05..0.2"
topology = "star"
clock = "hybrid"
process = "of \\"mine\\".py:Ring"
offset_ms = [0, -3, 0.1]
skew_ppm = [0, 100000, -0.5]

[latencies]
"A>B-1" = "lognormal:0.1,0.5"
"c_2>A" = "fixed:0"
"""


def test_the_toml_of_a_scenario_stays_as_it_is() -> None:
    scenario = Scenario.from_toml(ALL_KEYS)
    keys = [line.split(" = ")[0] for line in ALL_KEYS.splitlines() if line[:1].isalpha()]
    lines = [line.split(" = ")[0] for line in scenario.to_toml().splitlines()]
    assert [line for line in lines if line[:1].isalpha()] == sorted(keys)
    assert Scenario.from_toml(scenario.to_toml()) == scenario
    assert set(scenario.to_toml().splitlines()) == set(ALL_KEYS.splitlines())


def test_a_scenario_written_by_an_earlier_version_is_read() -> None:
    """It wrote each list on several lines."""
    earlier = re.sub(r"\[(.+, .+)\]", lambda found: f"[\n    {found[1]},\n]", ALL_KEYS)
    earlier = "\n".join(
        line.replace(", ", ",\n    ") if line.startswith("    ") else line
        for line in earlier.splitlines()
    )
    assert earlier.startswith("rates = [\n    6,\n    3.5,\n    1e-09,\n]\nnames = [\n")
    assert Scenario.from_toml(earlier) == Scenario.from_toml(ALL_KEYS)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(CONTROL_CHARACTERS))
def test_any_text_survives_as_a_value_of_toml(text: str) -> None:
    assert tomllib.loads(f"key = {_toml_value(text)}\n") == {"key": text}
    assert tomllib.loads(f"key = {_toml_value([text, text])}\n") == {"key": [text, text]}
    assert tomllib.loads(f"{_toml_value(text)} = 1\n") == {text: 1}


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_survives_as_a_value_of_toml(number: float) -> None:
    back = tomllib.loads(f"key = {_toml_value(number)}\n")["key"]
    assert (back, type(back)) == (number, type(number))


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1))
def test_a_file_name_of_any_characters_survives_toml(name: str) -> None:
    scenario = Scenario(process=f"{name}.py:Ring")
    assert Scenario.from_toml(scenario.to_toml()) == scenario


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    scenario = Scenario(rates=np.array([6, 3, 1]), seconds=np.int64(60), seed=np.uint32(7))  # type: ignore[arg-type]
    assert scenario == Scenario(rates=[6, 3, 1], seconds=60, seed=7)


RATES_ALLOWED = "a number from 1e-09 to 1e+09 ticks per second, as in 6,3,1 or 1..6"
RATES_ALLOWED_2 = "LOW..HIGH, whole numbers with 1 <= LOW <= HIGH <= 1e+09"
RATES_ALLOWED_3 = "numbers of ticks per second, as in 6,3,1 or 1..6"
MACHINES_ALLOWED = "a whole number from 2 to 1000000"
NAMES_ALLOWED = "a letter, then letters, digits, _ or -, at most 32 characters"
SECONDS_ALLOWED = "a number from 1e-09 to 1e+09 (scenario time)"
RUNS_ALLOWED = "a whole number from 1 to 1000000000"
FIRST_RUN_ALLOWED = "a whole number from 1 to 9223372036854775808"
FACES_ALLOWED = "a whole number from 3 to 4294967296"
SEND_ONE_ALLOWED = "a number from 0 to 1"
SEED_ALLOWED = "a whole number from 0 to 18446744073709551615"
SPEED_ALLOWED = "a number from 1e-06 to 1e+06"
LATENCY_ALLOWED = "a number from 0 to 1e+06 seconds"
FORMS = "none, fixed:S, uniform:LOW..HIGH, exponential:MEAN or lognormal:MEDIAN,SIGMA, in seconds"
SIGMAS = "a number from 0 to 5 for sigma"
OFFSETS = "a number from -1e+12 to 1e+12 milliseconds"
ONE_EACH = "one for each"
SKEW_ALLOWED = "a number from -100000 to 100000 parts per million"
PHASE_ALLOWED = "random or aligned"
ORDER_ALLOWED = "peers or arrival"
CLOCK_ALLOWED = "lamport, vector, matrix, hybrid"
TOPOLOGY_ALLOWED = (
    "mesh, ring, star, regular:D, or links between names without a hyphen, as in A-B,B-C"
)
PROCESS_ALLOWED = "die, or FILE.py:CLASS, as in mine.py:Ring"
IMPOSSIBLE = (
    "regular:{} is not possible with 3 machines; the number of neighbours must be less than "
    "that of machines, and their product even"
)
LIMITS: list[tuple[str, Any, Any, str, str | None]] = [
    # A key, a value just inside its limit, one just outside, and what is said of that.
    ("rates", [1e-9, 1], [9e-10, 1], "9e-10 is not allowed", RATES_ALLOWED),
    ("rates", [1e9, 1], [1e9 + 1, 1], "1000000001.0 is not allowed", RATES_ALLOWED),
    ("rates", "1..1", "0..1", "0..1 is not a range", RATES_ALLOWED_2),
    ("rates", "2..2", "2..1", "2..1 is not a range", RATES_ALLOWED_2),
    ("rates", "1..1000000000", "1..1000000001", "1..1000000001 is not a range", RATES_ALLOWED_2),
    ("rates", "6,3", [], "none given", RATES_ALLOWED_3),
    ("machines", 2, 1, "1 is not allowed", MACHINES_ALLOWED),
    ("machines", 10**6, 10**6 + 1, "1000001 is not allowed", MACHINES_ALLOWED),
    ("names", ["A" * 32, "b"], ["A" * 33, "b"], f"'{'A' * 33}' is not a name", NAMES_ALLOWED),
    ("names", ["A", "b_-0"], ["A", "0b"], "'0b' is not a name", NAMES_ALLOWED),
    ("seconds", 1e-9, 9e-10, "9e-10 is not allowed", SECONDS_ALLOWED),
    ("seconds", 1e9, 1e9 + 1, "1000000001.0 is not allowed", SECONDS_ALLOWED),
    ("runs", 1, 0, "0 is not allowed", RUNS_ALLOWED),
    ("runs", 10**9, 10**9 + 1, "1000000001 is not allowed", RUNS_ALLOWED),
    ("first_run", 1, 0, "0 is not allowed", FIRST_RUN_ALLOWED),
    ("first_run", 2**63, 2**63 + 1, "9223372036854775809 is not allowed", FIRST_RUN_ALLOWED),
    ("faces", 3, 2, "2 is not allowed", FACES_ALLOWED),
    ("faces", 2**32, 2**32 + 1, "4294967297 is not allowed", FACES_ALLOWED),
    ("send_one", 0, -1e-9, "-1e-09 is not allowed", SEND_ONE_ALLOWED),
    ("send_one", 1, 1.5, "1.5 is not allowed", SEND_ONE_ALLOWED),
    ("send_all", 0, -1e-9, "-1e-09 is not allowed", SEND_ONE_ALLOWED),
    ("send_all", 1, 1.5, "1.5 is not allowed", SEND_ONE_ALLOWED),
    ("seed", 0, -1, "-1 is not allowed", SEED_ALLOWED),
    ("seed", 2**64 - 1, 2**64, "18446744073709551616 is not allowed", SEED_ALLOWED),
    ("speed", 1e-6, 9e-7, "9e-07 is not allowed", SPEED_ALLOWED),
    ("speed", 1e6, 1000001, "1000001 is not allowed", SPEED_ALLOWED),
    ("latency", "fixed:0", "fixed:-1e-9", "-1e-09 is not allowed", LATENCY_ALLOWED),
    ("latency", "fixed:1e6", "fixed:1000000.5", "1000000.5 is not allowed", LATENCY_ALLOWED),
    (
        "latency",
        "uniform:1..1",
        "uniform:1..0.9",
        "'uniform:1..0.9' is not a latency",
        FORMS,
    ),
    ("latency", "lognormal:1,0", "lognormal:1,-0.1", "-0.1 is not allowed", SIGMAS),
    ("latency", "lognormal:1,5", "lognormal:1,5.1", "5.1 is not allowed", SIGMAS),
    ("latency", "none", "none:1", "'none:1' is not a latency", FORMS),
    ("latency", "uniform:1..2", "gamma:1..2", "'gamma:1..2' is not a latency", FORMS),
    ("latency", "lognormal:1,2", "gamma:1,2", "'gamma:1,2' is not a latency", FORMS),
    ("latency", "uniform:0..0", "uniform:1", "'uniform:1' is not a latency", FORMS),
    ("latency", "exponential:0", "exponential", "'' is not a number", LATENCY_ALLOWED),
    (
        "offset_ms",
        [1e12, 0, -1e12],
        [1e12 + 1, 0, 0],
        "1000000000001.0 is not allowed",
        OFFSETS,
    ),
    ("offset_ms", [0, 0, 0], [-1e12 - 1, 0, 0], "-1000000000001.0 is not allowed", OFFSETS),
    ("offset_ms", [], [0, 0, 0, 0], "4 given for 3 machines", ONE_EACH),
    ("skew_ppm", [1e5, 0, -1e5], [100001, 0, 0], "100001 is not allowed", SKEW_ALLOWED),
    ("skew_ppm", [0, 0, 0], [-100001, 0, 0], "-100001 is not allowed", SKEW_ALLOWED),
    ("phase", "aligned", "sideways", "'sideways' is not known", PHASE_ALLOWED),
    ("order", "arrival", "size", "'size' is not known", ORDER_ALLOWED),
    ("clock", "matrix", "sundial", "'sundial' is not known", CLOCK_ALLOWED),
    (
        "topology",
        "regular:2",
        "regular:3",
        IMPOSSIBLE.format(3),
        None,
    ),
    (
        "topology",
        "ring",
        "regular:0",
        IMPOSSIBLE.format(0),
        None,
    ),
    ("topology", "A-B,B-C", "A-B", "C has no link; every machine needs one", None),
    ("topology", "A-B,A-C", "A-B,C-C", "C-C: a link joins two different machines", None),
    ("topology", "star", "A-B,C-D", "C-D: there is no machine D", None),
    ("topology", "mesh", "regular:1234567", "'regular:1234567' is not known", TOPOLOGY_ALLOWED),
    ("process", "x.py:Ring", "x.py:0", "'x.py:0' is not a process", PROCESS_ALLOWED),
]


@pytest.mark.parametrize(("key", "inside", "outside", "fault", "allowed"), LIMITS)
def test_every_limit_of_a_key_is_inclusive_and_beyond_it_says_what_is_allowed(
    key: str, inside: Any, outside: Any, fault: str, allowed: str | None
) -> None:
    Scenario.from_dict({key: inside})
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict({key: outside})
    assert str(caught.value) == f"{key}: {fault}" + (f"; allowed: {allowed}" if allowed else "")


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (
            {"send_one": 0.7, "send_all": 0.3},
            {"send_one": 0.7, "send_all": 0.31},
            "send_one 0.7 and send_all 0.31 add up to 1.01; together they may be at most 1",
        ),
        (
            {"first_run": 2**63, "runs": 1},
            {"first_run": 2**63, "runs": 2},
            "first_run: 2 runs from 9223372036854775808 on would go beyond 9223372036854775808, "
            "the last number of a run",
        ),
        (
            {"rates": [6, 3], "names": ["A", "B"], "machines": 2},
            {"rates": [6, 3], "names": ["A", "B"], "machines": 3},
            "number of machines: machines gives 3, rates gives 2, names gives 2; they must agree",
        ),
        (
            {"names": ["A", "B"]},
            {"names": ["A"]},
            "machines: 1 is not allowed; from 2 to 1000000",
        ),
        (
            {"faces": 10},
            {"faces": 10, "send_all": 0},
            "faces and send_all: give a die or probabilities, not both",
        ),
        (
            {"machines": 50, "clock": "matrix"},
            {"machines": 51, "clock": "matrix"},
            "clock: 51 processes are too many for the matrix clock, whose timestamps must fit a "
            "frame; the limit is 50",
        ),
        (
            {"machines": 2000, "clock": "vector"},
            {"machines": 2001, "clock": "vector"},
            "clock: 2001 processes are too many for the vector clock, whose timestamps must fit a "
            "frame; the limit is 2000",
        ),
        (
            {"machines": 4, "topology": "regular:3"},
            {"machines": 5, "topology": "regular:3"},
            "topology: regular:3 is not possible with 5 machines; the number of neighbours must "
            "be less than that of machines, and their product even",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(
    inside: dict[str, Any], outside: dict[str, Any], reason: str
) -> None:
    Scenario.from_dict(inside)
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(outside)
    assert str(caught.value) == reason


def test_the_limit_of_waiting_messages_is_that_of_the_page() -> None:
    assert WAITING_MESSAGES_MAX == 10_000_000


def test_probabilities_default_to_zero_and_faces_to_ten() -> None:
    assert (Scenario().faces, Scenario().send_one, Scenario().send_all) == (10, None, None)
    one = Scenario(send_one=0.5)
    assert (one.faces, one.send_one, one.send_all) == (None, 0.5, 0)
    every = Scenario(send_all=0.5)
    assert (every.faces, every.send_one, every.send_all) == (None, 0, 0.5)


def test_numbers_are_exact_decimals() -> None:
    scenario = Scenario(
        rates=[0.1, 1], seconds=0.3, offset_ms=[0.0000019, -0.0000019], skew_ppm=[0.0019, 0]
    )
    assert scenario.horizon_ns == 300_000_000
    one, two = scenario.physical_clock(0), scenario.physical_clock(1)
    assert (one.offset_ns, one.skew_ppb) == (1, 1)  # towards zero, in ns and parts per billion
    assert (two.offset_ns, two.skew_ppb) == (-1, 0)
    assert Scenario(rates=[6.0, 3]).rates == (6, 3)
    assert [type(rate) for rate in Scenario(rates=[6.0, 3]).rates_of(1)] == [int, int]


def test_run_numbers_rates_and_expected_ticks_follow_from_the_keys() -> None:
    scenario = Scenario(rates="2..5", machines=4, runs=3, first_run=7, seconds=10)
    assert list(scenario.run_numbers) == [7, 8, 9]
    assert scenario.expected_ticks == 3 * 10 * 4 * 3.5
    assert Scenario(rates=[6, 3, 1], seconds=2, runs=2).expected_ticks == 40
    alone = scenario.for_run(8)
    assert (alone.runs, alone.first_run, alone.rates) == (1, 8, scenario.rates_of(8))
    assert alone.for_run(8) is alone
    assert alone.for_run(9) == alone.replace(first_run=9)


def test_latencies_are_sampled_in_nanoseconds() -> None:
    scenario = Scenario(
        latency="uniform:0.05..0.2",
        latencies={"A > B": "fixed:1e-9", "C>A": "exponential:2", "B>C": "lognormal:0.1,0.5"},
    )
    every = [scenario.message_latency, *scenario.channel_latencies().values()]
    assert list(scenario.channel_latencies()) == [(0, 1), (2, 0), (1, 2)]
    assert [(each.kind, each.first, each.second) for each in every] == [
        ("uniform", 50_000_000, 200_000_000),
        ("fixed", 1, 0),
        ("exponential", 2_000_000_000, 0),
        ("lognormal", 100_000_000, 500_000),
    ]
    assert scenario.latencies == {
        "A>B": "fixed:1e-9", "C>A": "exponential:2", "B>C": "lognormal:0.1,0.5",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("machines", "kind", "neighbours"),
    [
        (2, "mesh", ((1,), (0,))),
        (3, "mesh", ((1, 2), (0, 2), (0, 1))),
        (2, "ring", ((1,), (0,))),
        (4, "ring", ((1, 3), (0, 2), (1, 3), (0, 2))),
        (4, "star", ((1, 2, 3), (0,), (0,), (0,))),
        (2, "regular:1", ((1,), (0,))),
        (4, "regular:3", ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))),
        (4, "A-D,D-B,B-C,D-A", ((3,), (2, 3), (1,), (0, 1))),
    ],
)
def test_a_topology_of_few_machines(
    machines: int, kind: str, neighbours: tuple[tuple[int, ...], ...]
) -> None:
    assert Scenario(machines=machines, topology=kind).neighbours(1) == neighbours


def test_a_drawn_graph_stays_the_same_for_ever() -> None:
    """Golden: another graph here means that no published run can be repeated."""
    scenario = Scenario(machines=6, topology="regular:3", seed=5)
    assert scenario.neighbours(1) == (
        (1, 3, 5), (0, 4, 5), (3, 4, 5), (0, 2, 4), (1, 2, 3), (0, 1, 2),
    )  # fmt: skip
    assert scenario.replace(seed=2).neighbours(1) == (  # by the first attempt
        (1, 3, 4), (0, 4, 5), (3, 4, 5), (0, 2, 5), (0, 1, 2), (1, 2, 3),
    )  # fmt: skip


def test_a_run_folder_is_joined_by_the_same_scenario_whatever_the_layout_of_its_file(
    tmp_path: Path,
) -> None:
    """Earlier versions wrote each list on one line; a person may write comments."""
    scenario = Scenario(rates=[6, 3, 1], seed=5)
    file = tmp_path / "scenario.toml"
    for text in ("rates = [6, 3, 1]\nseed = 5\n", "# mine\nseed = 5\nrates = [ 6, 3.0, 1 ]\n", ""):
        file.write_text(text)
        join_run_folder(tmp_path, scenario)
        assert file.read_text() == text
    for text in ("rates = [6, 3, 1]\nseed = 6\n", "rates = [6, 3", "rates = [6, 0]\n"):
        file.write_text(text)
        with pytest.raises(RunFolderError, match="holds another scenario; name another folder"):
            join_run_folder(tmp_path, scenario)


def test_drawn_rates_phases_and_streams_stay_the_same_for_ever() -> None:
    """Golden: other values here mean that no published run can be repeated."""
    assert Scenario(rates="1..1000", machines=4, seed=7).rates_of(3) == (731, 949, 218, 764)
    plans = plan_run(Scenario(rates=[6, 3, 1], seed=7), 3)
    assert [plan.schedule.phase_ns for plan in plans] == [
        67960325, 136201839, 342967301,
    ]  # fmt: skip
    assert [plan.die_stream for plan in plans] == [
        14178843686510204355, 14642000208355135164, 7047293094384832854,
    ]  # fmt: skip
