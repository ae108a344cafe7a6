"""The space-time diagram of a history in Python: `history.diagram()`.

In a notebook it shows itself, with everything that the page can do; `save` writes one file.
"""

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from driftlab.analysis.restamp import RestampError
from driftlab.diagram.columns import Diagram, LaneOffset, diagram_of, lane_offsets
from driftlab.diagram.command_line import command_line
from driftlab.diagram.event_texts import texts_block
from driftlab.diagram.intact_messages import intact_messages
from driftlab.diagram.marks import marks_of
from driftlab.diagram.offline import Page, offline_page
from driftlab.diagram.part import first_part, span_of
from driftlab.diagram.svg import svg_of
from driftlab.errors import DriftlabError, counted
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.scenario.scenario import Scenario
from driftlab.scenario.validate import ScenarioError

if TYPE_CHECKING:
    from driftlab.analysis.offsets import Offsets
    from driftlab.judge.checker import Verdict

EVENTS_MAX: Final = 1_000_000  # of a file, unless more are asked for
TEXTS_BYTES_MAX: Final = 20_000_000  # of the texts of a file
OFFSET_EVENTS_MAX: Final = 3_000_000  # for which the offsets of own clocks are estimated
OFFSET_LANES_MAX: Final = 64
PNG_SCALE: Final = 2
NOTEBOOK_HEIGHT: Final = 640  # pixels
NS_PER_S: Final = 1e9
SUFFIXES: Final = (".html", ".svg", ".png")


class Drawable(Protocol):
    """What is needed of a history: `driftlab.api.history.History` has it."""

    trace: Trace
    name: str

    def __len__(self) -> int: ...

    @property
    def messages(self) -> Messages:
        """The matched messages."""

    def check(self) -> "Verdict":
        """Judge it."""

    def offsets(self) -> "Offsets":
        """Estimate the offsets of the processes' own clocks. Raise RestampError."""


class UnknownDiagramFileError(DriftlabError):
    """A file name that does not say what is to be written."""


class SpaceTimeDiagram:
    """The space-time diagram of a history.

    history: that it is of. title: what stands above it. span: seconds of the time axis from
    which and to which a file or a picture shows it (numbers of events, of a log without times);
    None for all.
    """

    def __init__(
        self, history: Drawable, title: str = "", span: tuple[float, float] | None = None
    ) -> None:
        self.history = history
        self.title = title or history.name
        self.span = span

    def __repr__(self) -> str:
        return f"SpaceTimeDiagram({counted(len(self.history), 'event')})"

    @cached_property
    def columns(self) -> Diagram:
        """The columns of the diagram, with the verdict of the judge."""
        history = self.history
        drawn = columns_of(history, self.title)
        offsets = offsets_of(history)
        return drawn._replace(
            lanes=[
                lane._replace(offset=offset)
                for lane, offset in zip(drawn.lanes, offsets, strict=True)
            ],
            verdict=marks_of(history.check()),
        )

    def html(self, *, events_max: int = EVENTS_MAX) -> bytes:
        """Return one HTML file that shows the diagram offline.

        events_max: how many events it may have; of more it has the beginning, and says so.
        """
        return offline_page([self.page(events_max)])

    def page(self, events_max: int = EVENTS_MAX) -> Page:
        """Return what an offline page shows of it."""
        diagram = self.columns
        if self.span is not None:
            scale = NS_PER_S if "time" in diagram.columns else 1.0
            diagram = span_of(diagram, self.span[0] * scale, self.span[1] * scale)
        part = first_part(diagram, events_max)
        is_whole = part.events == self.columns.events
        trace = self.history.trace
        if not (is_whole and trace.texts):
            return Page(part)
        texts, rows = texts_block(trace, TEXTS_BYTES_MAX)
        if rows < len(trace) and len(texts) > TEXTS_BYTES_MAX * 0.9:
            note = f"the texts of the first {rows:,} events are in this file, no others"
            part = part._replace(remarks=[*part.remarks, note])
        return Page(part, texts)

    def svg(self, width: int | None = None) -> str:
        """Return a picture of the span as SVG; width: in pixels, by default 960."""
        return svg_of(self.columns, self.span) if width is None else svg_of(
            self.columns, self.span, width
        )  # fmt: skip

    def png(self, width: int | None = None) -> bytes:
        """Return the same picture as PNG, two pixels for each of the SVG's."""
        import vl_convert

        return vl_convert.svg_to_png(self.svg(width), scale=PNG_SCALE)

    def save(self, path: str | Path, *, events_max: int = EVENTS_MAX) -> Path:
        """Write the diagram to a file, by its suffix: .html (offline page), .svg or .png.

        Raise UnknownDiagramFileError if the suffix is another one.
        """
        from driftlab.journal.whole_file import whole_file

        place = Path(path)
        content = self._content(place, events_max)
        with whole_file(place) as unfinished:
            unfinished.write_bytes(content)
        return place

    def _content(self, place: Path, events_max: int) -> bytes:
        suffix = place.suffix.lower()
        if suffix == ".html":
            return self.html(events_max=events_max)
        if suffix == ".svg":
            return self.svg().encode()
        if suffix == ".png":
            return self.png()
        raise UnknownDiagramFileError(
            f"{place}: what is to be written? name a file that ends in {', '.join(SUFFIXES)}"
        )

    def _repr_html_(self) -> str:
        page = self.html().decode()
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{escape(page)}" '
            f'style="width: 100%; height: {NOTEBOOK_HEIGHT}px; border: 0" '
            f'title="{escape(self.title or "space-time diagram")}"></iframe>'
        )


def columns_of(history: Drawable, title: str, messages: Messages | None = None) -> Diagram:
    """Return the columns of a history's diagram, without its verdict and offsets.

    messages: those of the history, where they are known.
    """
    if messages is None:
        messages = messages_of(history)
    return diagram_of(history.trace, messages, title=title, command=command_of(history))


def messages_of(history: Drawable) -> Messages:
    """Return the messages of a history, at once where its log is whole and our own."""
    return intact_messages(history.trace) or history.messages


def offsets_of(history: Drawable) -> list[LaneOffset | None]:
    """Return how far each process's own clock is ahead; None where that is not known.

    Of very large histories it is not estimated.
    """
    trace = history.trace
    is_large = len(trace) > OFFSET_EVENTS_MAX or trace.processes > OFFSET_LANES_MAX
    if is_large or trace.columns.time_ns is None:
        return [None] * trace.processes
    try:
        return lane_offsets(trace, history.offsets())
    except (RestampError, ScenarioError):
        return [None] * trace.processes


def command_of(history: Drawable) -> str | None:
    """Return the command that repeats a run; None if its scenario is not known."""
    trace = history.trace
    if trace.scenario is None:
        return None
    is_simulated = len(trace.process_info) > 0 and trace.process_info[0].simulated
    try:
        scenario = Scenario.from_toml(trace.scenario)
    except ScenarioError:  # of a packed run that somebody edited
        return None
    return command_line(scenario, "simulate" if is_simulated else "run")
