"""Logs in every format that is read, written independently of the package, line by line.

Each line knows the event that it is of. So a log can be damaged, and it is known which
events were, and where in the damaged file the others stand.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tests.written_logs import Line
from tests.wrong_machines import NAMES, SECOND, run_machines, time_text

Place = tuple[str, int]  # an event: its process, and its number there


class Text(NamedTuple):
    """One line of a file without its line end, and the event that it is of; None if of none."""

    text: str
    place: Place | None = None


Files = dict[str, list[Text]]  # by name; a log of one file has one


class Log(NamedTuple):
    """A log that is to be written: in which format, its files, how it is to be read.

    rows: of a table of Parquet, which has no lines of text. is_folder: whether the files
    are one log.
    """

    format: str
    files: Files
    options: Mapping[str, Any] = {}
    rows: Sequence[Line] = ()
    is_folder: bool = False

    def write(self, folder: Path, cut: int | None = None) -> Path:
        """Write the log into a folder; `cut`: only so many bytes of its last file."""
        folder.mkdir(parents=True)
        if self.rows:
            return _write_parquet(folder / "log.parquet", self.rows, cut)
        for name, lines in self.files.items():
            text = "".join(f"{line.text}\n" for line in lines).encode("utf-8", "surrogateescape")
            is_last = name == list(self.files)[-1]
            (folder / name).write_bytes(text[:cut] if is_last else text)
        return folder if self.is_folder else folder / next(iter(self.files))


def run_lines(
    *, clock: str, seed: int, seconds: int, rates: tuple[int, ...], fault: str = ""
) -> tuple[list[Line], list[list[str]]]:
    """Run machines; return their events, process after process, and the cells of their journals."""
    lines, journals = [], []
    for machine in run_machines(fault, clock=clock, seed=seed, seconds=seconds, rates=rates):
        name = NAMES[machine.place]
        for number, text in enumerate(machine.lines):
            cells = text.split("\t")
            _, due, late, _, kind, sender, stamp, targets, lamport, queue, _, *further = (
                "" if cell == "-" else cell for cell in cells
            )
            vector = ""
            if clock == "vector":
                entries = zip(NAMES, map(int, further[0].split(".")), strict=False)
                vector = json.dumps({process: entry for process, entry in entries if entry})
            message = f"{sender}-{stamp}" if stamp else f"{name}-{lamport}" if targets else ""
            lines.append(
                Line(
                    name, kind, lamport, queue, sender, stamp, targets, vector,
                    str(int(due) + int(late) + 1700 * 10**6 * SECOND), message, (name, number),
                )
            )  # fmt: skip
            journals.append(cells)
    return lines, journals


# Formats that hold any field.

FIELDS = ("process", "kind", "lamport", "queue", "sender", "stamp", "targets", "vector", "time",
          "message")  # fmt: skip
CALLED = {"vector": "clock", "time": "time_ns"}  # as a column


def _names(lines: Sequence[Line]) -> list[str]:
    return [name for name in FIELDS if any(getattr(line, name) for line in lines)]


def _record(line: Line, names: Sequence[str]) -> dict[str, Any]:
    """Return a line as an object: numbers as numbers, its clock as an object."""
    record: dict[str, Any] = {}
    for name in names:
        cell = getattr(line, name)
        if cell == "":
            continue
        number = cell.lstrip("-").isdigit() and name not in ("process", "sender", "targets")
        value = json.loads(cell) if name == "vector" else int(cell) if number else cell
        record[CALLED.get(name, name)] = value
    return record


def _csv(lines: Sequence[Line], names: Sequence[str]) -> list[Text]:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text

    head = Text(",".join(CALLED.get(name, name) for name in names))
    return [
        head,
        *(
            Text(",".join(cell(getattr(line, name)) for name in names), line.place)
            for line in lines
        ),
    ]


def csv(lines: Sequence[Line]) -> Log:
    return Log("csv", {"log.csv": _csv(lines, _names(lines))})


def csv_folder(lines: Sequence[Line]) -> Log:
    """A file for each process, which alone says whose it is."""
    names = [name for name in _names(lines) if name != "process"]
    files = {f"{name}.csv": _csv(own, names) for name, own in _by_process(lines).items()}
    return Log("csv", files, {"format": "csv"}, is_folder=True)


def parquet(lines: Sequence[Line]) -> Log:
    return Log("parquet", {}, rows=lines)


def _write_parquet(path: Path, lines: Sequence[Line], cut: int | None) -> Path:
    names = _names(lines)
    columns = {}
    for name in names:
        cells = [getattr(line, name) or None for line in lines]
        number = name in ("lamport", "queue", "stamp", "time")
        whole = number and all(cell is None or cell.lstrip("-").isdigit() for cell in cells)
        columns[CALLED.get(name, name)] = (
            [None if cell is None else int(cell) for cell in cells] if whole else cells
        )
    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out)
    path.write_bytes(out.getvalue()[:cut])
    return path


def json_lines(lines: Sequence[Line]) -> Log:
    names = _names(lines)
    texts = [Text(json.dumps(_record(line, names)), line.place) for line in lines]
    return Log("json lines", {"log.jsonl": texts})


def json_array(lines: Sequence[Line]) -> Log:
    names = _names(lines)
    last = len(lines) - 1
    texts = [
        Text(json.dumps(_record(line, names)) + ("," if number < last else ""), line.place)
        for number, line in enumerate(lines)
    ]
    return Log("json array", {"log.json": [Text("["), *texts, Text("]")]})


def _pairs(line: Line, names: Sequence[str]) -> str:
    found = []
    for name in names:
        cell = getattr(line, name)
        if cell:
            quoted = json.dumps(cell) if '"' in cell or " " in cell else cell
            found.append(f"{CALLED.get(name, name)}={quoted}")
    return " ".join(found)


def logfmt(lines: Sequence[Line]) -> Log:
    names = _names(lines)
    return Log("logfmt", {"log.txt": [Text(_pairs(line, names), line.place) for line in lines]})


def syslog(lines: Sequence[Line]) -> Log:
    names = [name for name in _names(lines) if name not in ("process", "time")]
    texts = []
    for line in lines:
        time = time_text(int(line.time)) if line.time else "2024-03-04T15:20:27Z"
        head = f"<34>1 {time} {line.process} app 12 - -"
        texts.append(Text(f"{head} {_pairs(line, names)}", line.place))
    return Log("syslog", {"log.txt": texts})


def edn(lines: Sequence[Line]) -> Log:
    def value(cell: Any) -> str:
        if isinstance(cell, dict):
            return "{" + ", ".join(f":{name} {entry}" for name, entry in cell.items()) + "}"
        return json.dumps(cell)

    names = _names(lines)
    texts = []
    for line in lines:
        record = _record(line, names)
        held = ", ".join(f":{name} {value(cell)}" for name, cell in record.items())
        texts.append(Text("{" + held + "}", line.place))
    return Log("edn", {"log.edn": texts})


def text(lines: Sequence[Line]) -> Log:
    """Sentences, of which a pattern is given."""
    names = [name for name in _names(lines) if name != "process"]
    pattern = "".join(
        [
            r"^\[(?<process>\w+)\]",
            *(f" {name}=(?<{CALLED.get(name, name)}>.*?)" for name in names),
            "$",
        ]
    )
    texts = [
        Text(
            f"[{line.process}]"
            + "".join(f" {name}={getattr(line, name) or '-'}" for name in names),
            line.place,
        )
        for line in lines
    ]
    return Log("text", {"log.txt": texts}, {"pattern": pattern})


def shiviz(lines: Sequence[Line]) -> Log:
    """A header with a group for each field, as its text a line below."""
    names = [name for name in _names(lines) if name not in ("process", "vector", "kind")]
    groups = "".join(f" (?<{CALLED.get(name, name)}>\\S*)" for name in names)
    texts = [Text(rf"(?<host>\S*) (?<clock>{{.*}}){groups}\n(?<event>.*)"), Text("")]
    for line in lines:
        cells = "".join(f" {getattr(line, name) or '-'}" for name in names)
        texts += [
            Text(f"{line.process} {line.vector or '{}'}{cells}", line.place),
            Text(line.kind or "works", line.place),
        ]
    return Log("shiviz", {"log.txt": texts})


def tracing(lines: Sequence[Line]) -> Log:
    names = [name for name in _names(lines) if name not in ("process", "vector")]
    texts = []
    for line in lines:
        record = {
            "TracerIdentity": line.process, "TraceID": 0, "Tag": line.kind or "Event",
            "Body": {"Driftlab": {k: str(v) for k, v in _record(line, names).items()}},
            "VectorClock": json.loads(line.vector or "{}"),
        }  # fmt: skip
        texts.append(Text(json.dumps(record), line.place))
    return Log("tracing", {"log.txt": texts})


def chrome(lines: Sequence[Line]) -> Log:
    """A slice for each event, with its clocks, and an arrow for each message with a name."""
    tids = {process: tid for tid, process in enumerate(_by_process(lines))}
    counts = dict.fromkeys(tids, 0)
    ids = {name: n for n, name in enumerate(sorted({line.message for line in lines}), 1)}
    texts = [Text('{"traceEvents":[')]
    for line in lines:
        counts[line.process] += 1
        at = int(line.time) // 1000 if line.time else counts[line.process] * 10
        where = {"pid": 1, "tid": tids[line.process], "ts": at}
        held = {"ph": "X", "name": line.kind or "works", **where, "dur": 1,
                "args": _record(line, ["lamport", "vector"])}  # fmt: skip
        texts.append(Text(json.dumps(held) + ",", line.place))
        if line.message:
            phase = {"ph": "f", "bp": "e"} if line.kind == "receive" else {"ph": "s"}
            flow = {**phase, "cat": "m", "name": "m", "id": ids[line.message], **where}
            texts.append(Text(json.dumps(flow) + ",", line.place))
    for process, tid in tids.items():
        named = {"ph": "M", "name": "thread_name", "pid": 1, "tid": tid, "args": {"name": process}}
        texts.append(Text(json.dumps(named) + ","))
    texts[-1] = texts[-1]._replace(text=texts[-1].text.removesuffix(","))
    return Log("chrome", {"log.json": [*texts, Text("]}")]})


# Formats of vector clocks alone.


def below(lines: Sequence[Line]) -> Log:
    """ShiViz without a header: the text below the clock."""
    texts = [
        text
        for line in lines
        for text in (
            Text(f"{line.process} {line.vector}", line.place),
            Text(f"does {line.kind} no {line.place[1] if line.place else 0}", line.place),
        )
    ]
    return Log("shiviz, text below", {"log.txt": texts})


def above(lines: Sequence[Line]) -> Log:
    """ShiViz without a header: the text above the clock."""
    texts = [
        text
        for line in lines
        for text in (
            Text(f"does {line.kind}", line.place),
            Text(f"{line.process} {line.vector}", line.place),
        )
    ]
    return Log("shiviz, text above", {"log.txt": texts})


def beside(lines: Sequence[Line]) -> Log:
    """ShiViz without a header: the text beside the clock."""
    texts = [Text(f"{line.process} {line.vector} does {line.kind}", line.place) for line in lines]
    return Log("shiviz, text beside", {"log.txt": texts})


def tsviz(lines: Sequence[Line]) -> Log:
    texts = [
        text
        for line in lines
        for text in (
            Text(f"{line.time} does {line.kind}", line.place),
            Text(f"{line.process} {line.vector}", line.place),
        )
    ]
    return Log("tsviz", {"log.txt": texts})


def _govector(lines: Sequence[Line]) -> list[Text]:
    return [
        text
        for line in lines
        for text in (
            Text(f"{line.process} {line.vector}", line.place),
            Text(f"INFO-does {line.kind}", line.place),
        )
    ]


def govector(lines: Sequence[Line]) -> Log:
    return Log("govector", {"all-Log.txt": _govector(lines)})


def govector_folder(lines: Sequence[Line]) -> Log:
    files = {f"{name}-Log.txt": _govector(own) for name, own in _by_process(lines).items()}
    return Log("govector folder", files, is_folder=True)


# Formats of spans, in which a message is a producer's span and a consumer's.


def _spans(lines: Sequence[Line]) -> list[tuple[Line, dict[str, Any]]]:
    sends = {line.message: line for line in lines if line.kind == "send"}
    found = []
    for line in lines:
        own = f"{line.process}{line.place[1] if line.place else 0:06d}".encode().hex()
        parent = sends.get(line.message) if line.kind == "receive" else None
        at = parent.place if parent else None
        found.append(
            (
                line,
                {
                    "own": own,
                    "parent": f"{at[0]}{at[1]:06d}".encode().hex() if at else "",
                    "kind": {"send": "producer", "receive": "consumer"}.get(line.kind, "internal"),
                    "at": int(line.time or 0),
                },
            )
        )
    return found


def otlp(lines: Sequence[Line]) -> Log:
    kinds = {"internal": 1, "producer": 4, "consumer": 5}
    texts = [Text('{"resourceSpans":[')]
    for line, span in _spans(lines):
        held = {
            "traceId": "ab" * 16, "spanId": span["own"], "parentSpanId": span["parent"],
            "name": "work", "kind": kinds[span["kind"]],
            "startTimeUnixNano": str(span["at"]), "endTimeUnixNano": str(span["at"] + 1000),
        }  # fmt: skip
        name = {"key": "service.name", "value": {"stringValue": line.process}}
        group = {"resource": {"attributes": [name]}, "scopeSpans": [{"spans": [held]}]}
        texts.append(Text(json.dumps(group) + ",", line.place))
    texts[-1] = texts[-1]._replace(text=texts[-1].text.removesuffix(","))
    return Log("otlp", {"log.json": [*texts, Text("]}")]})


def jaeger(lines: Sequence[Line]) -> Log:
    texts = [Text('{"data":[{"traceID":"' + "ab" * 16 + '","spans":[')]
    for line, span in _spans(lines):
        of = [{"refType": "CHILD_OF", "traceID": "ab" * 16, "spanID": span["parent"]}]
        held = {
            "traceID": "ab" * 16, "spanID": span["own"], "operationName": "work",
            "references": of if span["parent"] else [], "startTime": span["at"] // 1000,
            "duration": 1, "tags": [{"key": "span.kind", "value": span["kind"]}],
            "processID": line.process,
        }  # fmt: skip
        texts.append(Text(json.dumps(held) + ",", line.place))
    texts[-1] = texts[-1]._replace(text=texts[-1].text.removesuffix(","))
    processes = {name: {"serviceName": name} for name in _by_process(lines)}
    return Log(
        "jaeger", {"log.json": [*texts, Text('],"processes":' + json.dumps(processes) + "}]}")]}
    )


# Our own journals.

JOURNAL_COLUMNS = "time,due_ns,late_ns,tick,kind,sender,stamp,targets,clock,queue,found"


def journal(
    lines: Sequence[Line], cells: Mapping[Place, Sequence[str]], rates: Sequence[int]
) -> Log:
    """Journals: what a line does not have, as ticks and due times, is in `cells` by event."""
    files: Files = {}
    own = _by_process(lines)
    for index, (name, mine) in enumerate(own.items()):
        further = any(line.vector for line in mine)
        phase = next(iter(cells.values()))[1] if not mine or not mine[0].place else (
            cells[name, 0][1]
        )  # fmt: skip
        peers = ",".join(other for other in own if other != name)
        clock = " clock=vector process=die" if further else ""
        texts = [
            Text(
                f"# driftlab-journal 1 machine={name} index={index} peers={peers} "
                f"rate={float(rates[index])} seed=1 run=1 phase_ns={phase}{clock} speed=1 "
                "world=real"
            ),
            Text(f"# columns names={JOURNAL_COLUMNS}{',timestamp,recorded' if further else ''}"),
        ]
        for line in mine:
            assert line.place is not None
            time, due, late, tick, _, _, _, _, _, _, found, *_ = cells[line.place]
            row = [time, due, late, tick, line.kind, line.sender or "-", line.stamp or "-",
                   line.targets or "-", line.lamport, line.queue, found]  # fmt: skip
            if further:
                entries = json.loads(line.vector)
                row += [".".join(str(entries.get(each, 0)) for each in own), "-"]
            texts.append(Text("\t".join(row), line.place))
        end = f"# end time=- ticks={len(mine)} undelivered=0 incidents=0 reason=complete"
        files[f"{name}.log"] = [*texts, Text(end)]
    return Log("journal", files, is_folder=True)


def _by_process(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.process, []).append(line)
    return found


Writer = Callable[[Sequence[Line]], Log]

ANY_FIELDS: dict[str, Writer] = {
    "csv": csv,
    "csv folder": csv_folder,
    "parquet": parquet,
    "json lines": json_lines,
    "json array": json_array,
    "logfmt": logfmt,
    "syslog": syslog,
    "edn": edn,
    "text": text,
    "shiviz": shiviz,
    "tracing": tracing,
}
VECTORS: dict[str, Writer] = {
    "shiviz below": below,
    "shiviz above": above,
    "shiviz beside": beside,
    "tsviz": tsviz,
    "govector": govector,
    "govector folder": govector_folder,
}
ARROWS: dict[str, Writer] = {"chrome": chrome}
SPANS: dict[str, Writer] = {"otlp": otlp, "jaeger": jaeger}
