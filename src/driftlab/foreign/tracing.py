"""DistributedClocks `tracing`: a JSON object per line, as its server writes them.

`TracerIdentity` is the process, `Tag` names the kind of record, `VectorClock`
the clock, `Body` what was recorded, `TraceID` which trace it belongs to. A
message is named by its token: who generates it sends, who receives it receives,
so messages are known without the clocks. Columns other than these we write into
`Body`; another program's log has there what that program recorded.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from driftlab.foreign.log_file import LogFile, ReadOptions
from driftlab.foreign.records import Records, UnmatchedText, records_of_file
from driftlab.foreign.text_columns import NONE, TextColumns, only_trace, write_text
from driftlab.foreign.trace_builder import Execution, build_execution
from driftlab.history.trace import Trace

NEEDED: Final = ("TracerIdentity", "VectorClock")
_SENDS: Final = "GenerateTokenTrace"
_RECEIVES: Final = "ReceiveTokenTrace"
_OURS: Final = "Driftlab"  # the key in `Body` of columns that the format does not know


def read(logs: Sequence[LogFile], options: ReadOptions) -> list[Execution]:
    """Read files of records. Raise DriftlabError if they cannot be read.

    logs: all files of the log. options: what the user says about the format.
    """
    return build_execution([_records(log) for log in logs], options)


def _records(log: LogFile) -> Records:
    text = log.read_text()
    unread = [UnmatchedText(0, one.line, one.reason, "") for one in text.unread]
    records: list[dict[str, Any]] = []
    lines = []
    for number, line in text.numbered_lines():
        record = _record(line)
        if isinstance(record, str):
            unread.append(UnmatchedText(0, number, record, line))
        else:
            records.append(record)
            lines.append(number)
    names = dict.fromkeys(name for record in records for name in record)
    fields = {name: [record.get(name) for record in records] for name in names}
    return records_of_file(text.name, {"host": [], **fields}, np.array(lines, np.int64), unread)


def _record(line: str) -> dict[str, Any] | str:
    """Return the fields of a record, or why the line is not one."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "is not a JSON object"
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
    """Write one execution, a record per line. Raises UnwritableError."""
    write_text(path, _lines(only_trace(executions, "tracing")))


def _lines(trace: Trace) -> list[str]:
    texts = TextColumns(trace, "tracing")
    extra = dict(texts.extra())
    sent = extra.pop("sent", [NONE] * len(trace))
    received = extra.pop("received", [NONE] * len(trace))
    lines = []
    for row, (host, clock) in enumerate(zip(texts.hosts(), texts.clocks(), strict=True)):
        ours = {key: column[row] for key, column in extra.items() if column[row] != NONE}
        ours |= {
            key: text
            for key, column in trace.texts.items()
            if key not in extra and (text := column[row])
        }
        tag, message = _tag(sent[row], received[row])
        if tag == _RECEIVES and sent[row] != NONE:
            ours["sent"] = _token(sent[row])
        body = {_OURS: ours} if message is None else {"Token": _token(message), _OURS: ours}
        record = {
            "TracerIdentity": host, "TraceID": 0, "Tag": tag, "Body": body,
            "VectorClock": json.loads(clock),
        }  # fmt: skip
        lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
    return lines


def _tag(sent: str, received: str) -> tuple[str, str | None]:
    """Return the tag of an event, and the name of its message."""
    if received != NONE:
        return _RECEIVES, received
    return (_SENDS, sent) if sent != NONE else ("Event", None)


def _token(message: str) -> str:
    return base64.b64encode(message.encode()).decode()
