"""DistributedClocks `tracing`: an object of JSON a line, as its server writes them.

`TracerIdentity` is the process, `Tag` names the kind of record, `VectorClock`
the clock, `Body` what was recorded, `TraceID` which trace it belongs to. A
message is named by its token: who generates it sends, who receives it
receives, so messages are known without the clocks. Columns other than these
we write into `Body`; a log of others has in it what its program recorded.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from driftlab.foreign.log_file import lines_of, read_text
from driftlab.foreign.options import Execution, ReadOptions, UnwritableError
from driftlab.foreign.records import Records, UnmatchedText
from driftlab.foreign.text_columns import TextColumns, write_text
from driftlab.foreign.text_log import executions_of
from driftlab.history.trace import Trace

NEEDED: Final = ("TracerIdentity", "VectorClock")
_SENDS: Final = "GenerateTokenTrace"
_RECEIVES: Final = "ReceiveTokenTrace"
_OURS: Final = "Driftlab"  # what `Body` calls columns that the format does not know


def read(paths: Sequence[Path], asked: ReadOptions) -> list[Execution]:
    """Read files of records. Raises DriftlabError."""
    return executions_of([[("", _rows(path, asked))] for path in paths], asked)


def _rows(path: Path, asked: ReadOptions) -> Records:
    text = read_text(path, asked.encoding)
    unread = [UnmatchedText(0, one.line, one.reason, "") for one in text.unread]
    records: list[dict[str, Any]] = []
    lines = []
    for number, line in lines_of(text):
        record = _record(line)
        if isinstance(record, str):
            unread.append(UnmatchedText(0, number, record, line))
        else:
            records.append(record)
            lines.append(number)
    names = dict.fromkeys(name for record in records for name in record)
    fields = {name: [record.get(name) for record in records] for name in names}
    unread.sort(key=lambda each: each.line)
    file = np.zeros(len(lines), np.int32)
    return Records({"host": [], **fields}, np.array(lines, np.int64), file, [text.name], unread)


def _record(line: str) -> dict[str, Any] | str:
    """Return the fields of one record, or why it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "is no object of JSON"
    missing = [key for key in NEEDED if not isinstance(record, dict) or key not in record]
    if missing:
        return f"has no {missing[0]}"
    body = record.get("Body")
    body = body if isinstance(body, dict) else {} if body is None else {"Body": body}
    ours = body.pop(_OURS, None)
    token, tag = body.get("Token"), record.get("Tag")
    fields: dict[str, Any] = {
        "host": record["TracerIdentity"],
        "clock": record["VectorClock"],
        "event": tag,
        "sent": token if tag == _SENDS else None,
        "received": token if tag == _RECEIVES else None,
    }
    if isinstance(ours, dict):
        return fields | {"event": None} | ours
    fields["trace"] = None if record.get("TraceID") is None else str(record["TraceID"])
    fields["body"] = json.dumps(body, ensure_ascii=False) if body else None
    return fields


def write(executions: Sequence[Execution], path: Path) -> None:
    """Write one execution, a record a line. Raises UnwritableError."""
    if len(executions) > 1:
        raise UnwritableError("tracing: holds one execution; choose one with --execution")
    write_text(path, _lines(executions[0].trace))


def _lines(trace: Trace) -> list[str]:
    written = TextColumns(trace, "tracing")
    extra = dict(written.extra())
    sent = extra.pop("sent", ["-"] * len(trace))
    received = extra.pop("received", ["-"] * len(trace))
    lines = []
    for row, (host, clock) in enumerate(zip(written.hosts(), written.clocks(), strict=True)):
        ours = {key: column[row] for key, column in extra.items() if column[row] != "-"}
        ours |= {key: text for key, column in trace.texts.items() if (text := column[row])}
        tag, name = _tag(sent[row], received[row])
        if tag == _RECEIVES and sent[row] != "-":
            ours["sent"] = _token(sent[row])
        body = {_OURS: ours} if name is None else {"Token": _token(name), _OURS: ours}
        record = {
            "TracerIdentity": host, "TraceID": 0, "Tag": tag, "Body": body,
            "VectorClock": json.loads(clock),
        }  # fmt: skip
        lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
    return lines


def _tag(sent: str, received: str) -> tuple[str, str | None]:
    """Return the tag of an event, and the name of its message."""
    if received != "-":
        return _RECEIVES, received
    return (_SENDS, sent) if sent != "-" else ("Event", None)


def _token(name: str) -> str:
    return base64.b64encode(name.encode()).decode()
