"""What processes record, in JSON lines: a value of JSON there, and the same text when read back."""

import csv
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.api.export import convert
from driftlab.model.event import payload_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def converted(texts: list[str]) -> tuple[list[Any], list[str | None]]:
    """Return what a column `recorded` becomes in JSON lines, and what it is when read back."""
    with TemporaryDirectory() as folder:
        log, out = Path(folder, "log.csv"), Path(folder, "out.jsonl")
        with log.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["process", "lamport", "recorded"])
            writer.writerows(["a", number, text] for number, text in enumerate(texts, 1))
        convert(log, out, "json", format="csv")
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        back = driftlab.read(out, format="json").trace.texts["recorded"]
        return [line.get("recorded") for line in lines], list(back)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_what_was_recorded_is_a_value_and_comes_back_to_the_letter(recorded: list[Any]) -> None:
    texts = [payload_text(value) for value in recorded]
    values, back = converted(texts)
    assert list(map(payload_text, values)) == texts
    assert back == texts


# Texts of other programs that are no list as we write one: they stay what they are.
OTHERS = ["heard of it", "[1, 2]", "[1", "[NaN]", '{"x":1}', "7", "[" * 9_000 + "]" * 9_000]


def test_other_texts_stay_texts() -> None:
    values, back = converted(OTHERS)
    assert values == back == OTHERS


def test_what_was_written_before_is_read_as_what_is_written_now(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(
        rates=[6, 3, 1],
        seconds=5,
        process=f"{Path(__file__).with_name('processes.py')}:Surroundings",
    )
    driftlab.simulate(scenario, out=tmp_path / "run")
    convert(tmp_path / "run", tmp_path / "now.jsonl", "json")
    now = (tmp_path / "now.jsonl").read_text()
    before, count = re.subn(
        r'"recorded": (\[.*\])\}', lambda found: f'"recorded": {json.dumps(found[1])}}}', now
    )
    assert count > 5
    (tmp_path / "before.jsonl").write_text(before)
    texts = [
        list(driftlab.read(tmp_path / name).trace.texts["recorded"])
        for name in ("run", "now.jsonl", "before.jsonl")
    ]
    assert texts[0] == texts[1] == texts[2]
    assert count == sum(map(bool, texts[0]))
