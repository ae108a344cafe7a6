import pickle
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.errors import DriftlabError
from driftlab.model.random_streams import DIE_BITS
from driftlab.scenario.builtin import BUILT_IN
from driftlab.scenario.scenario import Scenario, default_name
from driftlab.scenario.validate import RateRange, ScenarioError

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


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_scenario_is_valid_and_survives_toml(name: str) -> None:
    scenario = Scenario.from_dict(BUILT_IN[name].keys)
    assert Scenario.from_toml(scenario.to_toml()) == scenario
    assert scenario.size == 3
    assert scenario.runs == 5


def test_the_default_is_the_notes_machine() -> None:
    scenario = Scenario()
    assert scenario.machine_names() == ("A", "B", "C")
    assert scenario.rates == RateRange(1, 6)
    assert (scenario.seconds, scenario.faces, scenario.phase) == (60, 10, "random")
    assert scenario.order == "peers"


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
def test_a_regular_graph_has_the_neighbours_asked_for_both_ways_and_is_repeatable(
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


def test_names_go_on_after_z_like_columns_of_a_sheet() -> None:
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


@pytest.mark.parametrize(("keys", "told"), BAD)
def test_bad_keys_are_named_in_one_line(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(keys)
    assert told in str(caught.value)
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
    ("keys", "said"),
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
def test_further_keys_say_what_is_allowed(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        Scenario(**keys)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


ALL_KEYS = """\
rates = [
    6,
    3.5,
    1e-09,
]
names = [
    "A",
    "B-1",
    "c_2",
]
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
offset_ms = [
    0,
    -3,
    0.1,
]
skew_ppm = [
    0,
    100000,
    -0.5,
]

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
    """It wrote each list on one line."""
    earlier = ALL_KEYS.replace("[\n    ", "[").replace(",\n    ", ", ").replace(",\n]", "]")
    assert earlier.startswith('rates = [6, 3.5, 1e-09]\nnames = ["A", "B-1", "c_2"]\n')
    assert Scenario.from_toml(earlier) == Scenario.from_toml(ALL_KEYS)


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1))
def test_a_file_name_of_any_characters_survives_toml(name: str) -> None:
    scenario = Scenario(process=f"{name}.py:Ring")
    assert Scenario.from_toml(scenario.to_toml()) == scenario


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    scenario = Scenario(rates=np.array([6, 3, 1]), seconds=np.int64(60), seed=np.uint32(7))  # type: ignore[arg-type]
    assert scenario == Scenario(rates=[6, 3, 1], seconds=60, seed=7)
