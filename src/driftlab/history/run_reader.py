"""Journals of one run into one trace.

The rows come in pieces, process after process: a journal in one piece from the
parser of single lines, or in many from `scan`. What is not a row is gathered
on the way, so rows need not stay in memory: `packed` writes them to a file.

A tick that is not there leaves a hole before the next event of its process. A
journal without a last line tells that there may have been more.

Whether journals belong together: what their first lines and the scenario say of the run.

A machine's header is decided by the scenario and the run's number (its place,
its peers, its rate), so with a scenario each header is held against what it
decides; all headers of a run are held against each other. The limit: what no
header tells (the length of a run, latencies, the die) is not seen here.

The journals of one run: which files they are, whether they belong together, whose they are.

What is checked before a line is read as an event: that every journal is of
this run (its seed, its number, its token) and of a machine of its own, and who
the processes are, in the order in which timestamps count them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from driftlab.clocks.catalogue import decoder_of
from driftlab.history.tick_repair import in_tick_order, rows_after_gap_since
from driftlab.history.trace import ProcessInfo, Trace, UnreadLine
from driftlab.journal.files import UnreadableError, line_chunks, size_of
from driftlab.journal.format import COLUMNS, JOURNAL_SUFFIX, MORE_COLUMNS, Note
from driftlab.journal.journal_columns import (
    JournalColumns,
    TargetSets,
    columns_of_entries,
    concatenate,
)
from driftlab.journal.reader import (
    Journal,
    JournalChunk,
    chunk_per_journal,
    read_header,
    read_journal,
)
from driftlab.model.columns import Array, starts_of
from driftlab.scenario.scenario import Scenario

_LOSSES = ("channel-lost", "channel-full", "peer-closed")


class TraceBuilder:
    """What is known of a run beside its rows, while they come in, process after process."""

    def __init__(self, names: Sequence[str], unread: Sequence[UnreadLine] = ()) -> None:
        self.names = names
        self.unread = unread  # what is known of before
        self.sets = TargetSets()
        self.counts = [0] * len(names)
        self.journals: dict[int, Journal] = {}
        self.has_texts = False
        self.gaps: Array = None  # rows of the last piece before which ticks are missing
        self.reached: dict[int, int] = {}  # how many ticks of a process there are, holes and all

    def add(self, piece: JournalChunk) -> JournalColumns:
        """Take the next piece; return its rows, whose sets are numbered for the whole run."""
        process, rows, journal = piece
        before = self.journals.get(process)
        if before is None:
            self.journals[process] = journal
        else:
            self.journals[process] = journal._replace(
                notes=before.notes + journal.notes,
                unread=before.unread + journal.unread,
                torn=before.torn or journal.torn,
            )
        self.counts[process] += rows.events
        reached = self.reached.get(process, 0)
        self.gaps = rows_after_gap_since(reached - 1, rows.columns.tick)
        if rows.events:
            self.reached[process] = max(reached, int(rows.columns.tick.max()) + 1)
        self.has_texts |= rows.recorded is not None
        return self.sets.renumbered(rows)

    def known(self) -> dict[str, Any]:
        """Return what `Trace` has beside its rows, under the names that it has there."""
        mine = [self.journals.get(place) for place in range(len(self.names))]
        return {
            "starts": starts_of(self.counts),
            "sets": self.sets.members,
            "peers": _peers(mine, self.names),
            "process_info": [
                ProcessInfo()
                if each is None
                else describe_process(each, self.reached.get(place, 0))
                for place, each in enumerate(mine)
            ],
            "files": [each.path.name if each else "" for each in mine],
            "unread": [*self.unread, *(one for each in mine if each for one in _unread(each))],
            "missing_processes": [
                name for name, each in zip(self.names, mine, strict=True) if each is None
            ],
        }


def assemble(
    pieces: Iterable[JournalChunk], gathering: TraceBuilder, clock: str, scenario: str | None = None
) -> Trace:
    """Put all pieces of a run together."""
    empty = columns_of_entries([], [], {}, clock)
    rows = concatenate(chain([empty], map(gathering.add, pieces)))
    texts = {} if rows.recorded is None else {"recorded": rows.recorded}
    trace = Trace(
        gathering.names,
        columns=rows.columns,
        arrivals=rows.arrivals,
        timestamps=rows.timestamps,
        texts=texts,
        scenario=scenario,
        **gathering.known(),
    )
    return in_tick_order(trace)


def _peers(
    journals: Sequence[Journal | None], names: Sequence[str]
) -> list[tuple[int, ...]] | None:
    """Return whom each process can send to; None where all can send to all."""
    places = {name: place for place, name in enumerate(names)}
    near = [
        tuple(place for place in places.values() if place != own)
        if journal is None
        else tuple(sorted(places[name] for name in _linked_peers(journal) if name in places))
        for own, journal in enumerate(journals)
    ]
    is_mesh = all(len(peers) == len(names) - 1 for peers in near)
    return None if is_mesh else near


def _linked_peers(journal: Journal) -> list[str]:
    return journal.header.get("peers", "").split(",")


def describe_process(journal: Journal, reached: int) -> ProcessInfo:
    """Return what a journal tells about its machine, whose events reach so many ticks."""
    header = journal.header
    ends = journal.notes_on("end")
    return ProcessInfo(
        rate=float(header["rate"]),
        speed=float(header.get("speed", 1)),
        phase_ns=int(header["phase_ns"]) if "phase_ns" in header else None,
        simulated=header.get("world") == "simulated",
        ended=bool(ends) and not journal.torn and not _lacks_events(ends[-1], reached),
        lost=frozenset(
            note.fields.get("peer", "")
            for note in journal.notes_on("incident")
            if note.fields.get("what") in _LOSSES
        ),
        process=header.get("process", "die"),
        from_start=True,
    )


def _lacks_events(end: Note, reached: int) -> bool:
    """Whether a journal's last line counts more ticks than its events reach."""
    counted = end.fields.get("ticks", "")
    is_number = counted.isascii() and counted.isdigit() and len(counted) < 20
    return not is_number or int(counted) > reached


def _unread(journal: Journal) -> list[UnreadLine]:
    lines = [UnreadLine(journal.path.name, line, reason) for line, reason in journal.unread]
    if journal.torn:
        lines.append(UnreadLine(journal.path.name, journal.length, "breaks off in the middle"))
    return lines


Header = Mapping[str, str]

_OF_A_RUN: Final = ("seed", "run", "run_id", "clock", "process", "speed", "world")
_OWN_FOLDERS: Final = "put each run into a folder of its own"


def require_one_run(folder: Path, headers: Mapping[Path, Header]) -> None:
    """Raise UnreadableError for journals of one machine, or of different runs."""
    (first, header), *others = headers.items()
    machines = {header["machine"]: first}
    for path, other in others:
        before = machines.setdefault(other["machine"], path)
        if before is not path:
            raise UnreadableError(
                f"{folder}: {before.name} and {path.name} are both of machine "
                f"{other['machine']}; keep one of them"
            )
        for key in _OF_A_RUN:
            if other.get(key) != header.get(key):
                raise UnreadableError(
                    f"{folder}: journals of different runs: line 1 of {first.name} has "
                    f"{key}={header.get(key)}, that of {path.name} {key}={other.get(key)}; "
                    f"{_OWN_FOLDERS}"
                )


def require_same_links(folder: Path, headers: Mapping[Path, Header]) -> None:
    """Raise UnreadableError where one machine is linked to another, and that not to it."""
    linked = {
        header["machine"]: (path, _linked(header, ()))
        for path, header in headers.items()
        if "peers" in header
    }
    there = set(linked)
    for name, (path, peers) in linked.items():
        for peer in sorted(peers & there):
            other, back = linked[peer]
            if name not in back:
                raise UnreadableError(
                    f"{folder}: journals of different runs: line 1 of {path.name} has {peer} "
                    f"among its peers, that of {other.name} has no {name}; {_OWN_FOLDERS}"
                )


def _linked(header: Header, otherwise: Iterable[str]) -> set[str]:
    return set(filter(None, header["peers"].split(",") if "peers" in header else otherwise))


def require_scenario(folder: Path, headers: Mapping[Path, Header], scenario: Scenario) -> None:
    """Raise UnreadableError for a journal that is not of the folder's scenario of one run."""
    roster = scenario.machine_names()
    near = scenario.neighbours(scenario.first_run)
    for path, header in headers.items():
        if header["machine"] not in roster:
            raise UnreadableError(
                f"{path}: line 1: machine {header['machine']} is not of this run's scenario; "
                "move its journal away"
            )
        place = roster.index(header["machine"])
        peers = [roster[peer] for peer in near[place]]
        for key, found, value in _contradictions(header, scenario, place, peers):
            raise UnreadableError(
                f"{path}: line 1 has {key}={found}, but {folder}/scenario.toml "
                f"{key}={value}; {_OWN_FOLDERS}"
            )


def _contradictions(
    header: Header, scenario: Scenario, place: int, peers: list[str]
) -> Iterator[tuple[str, str, object]]:
    """Yield each key of a header that is not as the scenario has it, and both values."""
    run = scenario.first_run
    told = {
        "seed": str(scenario.seed),
        "run": str(run),
        "clock": scenario.clock,
        "index": str(place),
    }
    for key, value in told.items():
        found = header.get(key, "lamport" if key == "clock" else value)
        if found != value:
            yield key, found, value
    numbers = {"rate": scenario.rates_of(run)[place]}
    if header.get("world") == "real":  # simulated time passes at its own speed
        numbers["speed"] = scenario.speed
    for key, number in numbers.items():
        if float(header.get(key, number)) != float(number):
            yield key, header[key], number
    if _linked(header, peers) != set(peers):
        yield "peers", header["peers"], ",".join(peers)


SUFFIXES: Final = (JOURNAL_SUFFIX, JOURNAL_SUFFIX + ".gz")
SCAN_BYTES_MIN: Final = 4_000_000  # of fewer the parser of single lines has read them in a second
HEAD_BYTES: Final = 1 << 16  # read at once in search of a first event
NO_FILE_BYTES: Final = "empty: its machine was killed before it wrote anything"


class RunJournals(NamedTuple):
    """The journals of one run.

    paths: in the order of `names`; a process may have none. clock: the further
    one that the run keeps, or `lamport`. unread: files in which there is nothing.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    clock: str
    scenario: str | None = None
    unread: Sequence[UnreadLine] = ()

    def pieces(self) -> Iterator[JournalChunk]:
        """Read them, process after process, in pieces. Raises UnreadableError."""
        if sum(map(size_of, self.paths)) >= SCAN_BYTES_MIN:
            from driftlab.journal.reader import scan

            return scan(self.paths, self.names, self.clock)
        places = {name: place for place, name in enumerate(self.names)}
        decode = decoder_of(self.clock, places, len(places))
        journals = (read_journal(path, decode) for path in self.paths)
        return chunk_per_journal(journals, self.names, self.clock)

    def gathering(self) -> TraceBuilder:
        """Return what takes the pieces."""
        return TraceBuilder(self.names, self.unread)

    def trace(self) -> Trace:
        """Read them into memory. Raises UnreadableError."""
        return assemble(self.pieces(), self.gathering(), self.clock, self.scenario)


def journal_paths(folder: Path) -> list[Path]:
    """Return the files in a folder that are named as journals, in name order."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    except OSError as error:
        raise UnreadableError(f"{folder}: {error.strerror}") from error


def run_journals(folder: Path, scenario: Scenario | None = None) -> RunJournals:
    """Return the journals in the folder of one run. Raises UnreadableError."""
    paths = journal_paths(folder)
    empty = [path for path in paths if path.is_file() and not size_of(path)]
    headers = {path: read_header(path) for path in paths if path not in empty}
    if not headers:
        raise UnreadableError(
            f"{folder}: its journals are empty: {', '.join(path.name for path in empty)}"
            if empty
            else f"{folder}: no journals here; a run folder holds a NAME.log a machine"
        )
    require_one_run(folder, headers)
    unread = [UnreadLine(path.name, 1, NO_FILE_BYTES) for path in empty]
    if scenario is None:
        require_same_links(folder, headers)
        names = names_of(folder, headers)
        return RunJournals(_ordered(headers, names), names, _clock(headers), None, unread)
    require_scenario(folder, headers, scenario)
    roster = scenario.machine_names()
    return RunJournals(
        _ordered(headers, roster), roster, scenario.clock, scenario.to_toml(), unread
    )


def single_journal(path: Path, scenario: Scenario | None = None, why_not: str = "") -> RunJournals:
    """Return one journal without those of its peers. Raises UnreadableError.

    `scenario`: what stands beside it, which is left aside where it is not the
    journal's. `why_not`: why there is none.
    """
    headers = {path: read_header(path)}
    if scenario is not None:
        try:
            require_scenario(path.parent, headers, scenario)
        except UnreadableError as error:
            why_not = str(error)
        else:
            return RunJournals([path], scenario.machine_names(), scenario.clock, scenario.to_toml())
    try:
        return RunJournals([path], names_of(path, headers), _clock(headers))
    except UnreadableError as error:
        raise UnreadableError(f"{error} ({why_not})" if why_not else str(error)) from None


def _clock(headers: Mapping[Path, Header]) -> str:
    return next(iter(headers.values())).get("clock", "lamport")


def _ordered(headers: Mapping[Path, Header], names: Sequence[str]) -> list[Path]:
    places = {name: place for place, name in enumerate(names)}
    return sorted(headers, key=lambda path: places[headers[path]["machine"]])


def names_of(where: Path, journals: Mapping[Path, Header]) -> list[str]:
    """Return the processes of a run without a scenario, in their order, as its journals have it.

    Each tells its own place and whom it is linked to. In a mesh that is all of
    them; else places that no journal tells are filled in name order, which
    timestamps of one number a process do not allow. Raises UnreadableError.
    """
    headers = list(journals.values())
    placed = {int(header["index"]): header["machine"] for header in headers}
    if len(placed) < len(headers):
        raise UnreadableError(f"{where}: two journals say the same index; are they of one run?")
    linked = [list(filter(None, header.get("peers", "").split(","))) for header in headers]
    index, own, peers = int(headers[0]["index"]), headers[0]["machine"], linked[0]
    mesh = [*peers[:index], own, *peers[index:]]
    met = {name for each in linked for name in each} | set(placed.values())
    first = [placed[place] for place in sorted(placed)]
    is_mesh = len(set(mesh)) == len(mesh) and set(mesh) == met and _fits(mesh, placed)
    names = mesh if is_mesh else first + sorted(met - set(first))
    if _clock(journals) in ("vector", "matrix"):
        counted = {_counted(path) for path in journals} - {None}
        if not (is_mesh or _fits(names, placed)) or counted - {len(names)}:
            raise UnreadableError(
                f"{where}: its timestamps count processes that only the other journals or "
                "scenario.toml tell; read the run's folder"
            )
    return names


def _counted(path: Path) -> int | None:
    """Return how many processes the first timestamp of a journal counts."""
    for stretch in line_chunks(path, HEAD_BYTES):  # mostly the first line of the first
        for line in stretch.text.split(b"\n"):
            cells = line.split(b"\t")
            if len(cells) == len(COLUMNS + MORE_COLUMNS):
                stamp = cells[len(COLUMNS)]
                return len(stamp.split(b"/" if b"/" in stamp else b"."))
    return None


def _fits(names: Sequence[str], placed: Mapping[int, str]) -> bool:
    return all(place < len(names) and names[place] == name for place, name in placed.items())
