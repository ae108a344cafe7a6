"""What the server answers: pages, columns, verdicts, events, searches; see `diagram.encoding`.

All addresses are below the token. The page of a diagram asks for `columns` first, then for
everything else; reading and encoding happen in threads, so that no page waits for another.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from driftlab.diagram.event_texts import QueryError
from driftlab.errors import DriftlabError
from driftlab.view.divergence import first_divergence
from driftlab.view.frame_reader import FrameReader
from driftlab.view.journal_tail import Follower
from driftlab.view.page_files import PageFile, page_file, page_text
from driftlab.view.served_history import ServedHistory

CHUNK_BYTES: Final = 1 << 20  # of the columns that are sent at once
BODY_BYTES_MAX: Final = 1 << 16
DIGITS_MAX: Final = 19  # of the number of an event
POLL_S: Final = 0.1  # between two looks at the journals of a run that goes on
BYTES: Final = "application/octet-stream"
KEPT: Final = "private, max-age=31536000, immutable"  # what the digest in its address names


class Bench(Protocol):
    """The start page's side of the server: the runs of a folder, and runs that it starts."""

    def listed(self) -> Mapping[str, Any]:
        """Return what the start page shows."""

    def find(self, run: str) -> ServedHistory:
        """Return a run by its id. Raise KeyError if there is none."""

    def command(self, fields: Mapping[str, Any]) -> str:
        """Return the command line of a form. Raise FieldError."""

    def start(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the run that a form describes. Raise FieldError."""

    def stop(self, run: str) -> None:
        """Stop a run that was started here. Raise KeyError if there is none."""


class FieldError(DriftlabError):
    """A field of the form that cannot be, or all of them together.

    field: its name, None if it is not one.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Site:
    """What is shown: one or two diagrams by their ids, and perhaps a bench."""

    def __init__(
        self,
        shown: Mapping[str, ServedHistory],
        bench: Bench | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._shown = dict(shown)
        self._bench = bench
        self.is_stopping = is_stopping

    def routes(self) -> list[Route | Mount]:
        """Return the routes of everything below the token."""
        of_one = [
            Route("/", self._page),
            Route("/info", self._about),
            Route("/overview", self._overview),
            Route("/data", self._columns),
            Route("/verdict", self._verdict),
            Route("/offsets", self._offsets),
            Route("/event/{row}", self._event),
            Route("/search", self._search),
            Route("/live", self._live),
            Route("/compare", self._compare),
            Route("/stop", self._stop, methods=["POST"]),
        ]
        return [
            Route("/", self._start_page),
            Route("/runs", self._runs),
            Route("/start", self._start, methods=["POST"]),
            Route("/command", self._command, methods=["POST"]),
            Route("/static/{path:path}", self._static),
            Mount("/diagram/{id}", routes=of_one),
        ]

    def app(self, token: str) -> Starlette:
        """Return the application of all routes below a token."""
        return Starlette(
            routes=[Mount(f"/{token}", routes=self.routes())],
            exception_handlers={KeyError: _not_there, DriftlabError: _not_readable},
        )

    # Pages.

    async def _start_page(self, request: Request) -> Response:
        if self._bench is None or (self._shown and "bench" not in request.query_params):
            return RedirectResponse(f"diagram/{next(iter(self._shown))}/")
        return _page_answer(page_text("bench.html"))

    async def _page(self, request: Request) -> Response:
        await self._find(request)
        return _page_answer(page_text("page.html"))

    async def _static(self, request: Request) -> Response:
        return _page_answer(page_file(request.path_params["path"]))

    # One diagram.

    async def _find(self, request: Request) -> ServedHistory:
        """Return the diagram that a request is about. Raise KeyError if there is none."""
        name = request.path_params["id"]
        if name in self._shown:
            return self._shown[name]
        if self._bench is None:
            raise KeyError(name)
        return await run_in_threadpool(self._bench.find, name)

    async def _about(self, request: Request) -> Response:
        shown, name = await self._find(request), request.path_params["id"]
        ids = list(self._shown)
        second = ids[1] if len(ids) > 1 and name == ids[0] else None
        is_live = await run_in_threadpool(lambda: shown.is_live)
        has_texts = False if is_live else await run_in_threadpool(lambda: shown.has_texts)
        return _json(
            {
                "title": shown.name,
                "live": is_live,
                "bench": self._bench is not None,
                "second": None if second is None else f"../{second}/",
                "texts": has_texts,
            }
        )

    async def _overview(self, request: Request) -> Response:
        """Answer with what is known before all is read, or with nothing."""
        shown = await self._find(request)
        found = await run_in_threadpool(lambda: shown.overview)
        if found is None:
            return Response(status_code=204)
        return Response(b"".join(found.parts()), media_type=BYTES)

    async def _columns(self, request: Request) -> Response:
        shown = await self._find(request)
        parts = await run_in_threadpool(shown.parts)
        length = sum(map(len, parts))
        return StreamingResponse(
            _in_chunks(parts),
            media_type=BYTES,
            headers={"content-length": str(length)},
            background=BackgroundTask(shown.judge),  # in a thread, when all is sent
        )

    async def _verdict(self, request: Request) -> Response:
        shown = await self._find(request)
        if shown.marks is not None:
            return _json(shown.marks)
        await run_in_threadpool(shown.judge)
        return _json({"judging": True}, 202)

    async def _offsets(self, request: Request) -> Response:
        shown = await self._find(request)
        found = await run_in_threadpool(lambda: shown.offsets)
        return _json([None if each is None else each._asdict() for each in found])

    async def _event(self, request: Request) -> Response:
        shown = await self._find(request)
        row = request.path_params["row"]
        try:
            number = int(row) if row.isascii() and row.isdigit() and len(row) < DIGITS_MAX else -1
            details = await run_in_threadpool(shown.event, number)
        except IndexError:
            return _problem("there is no such event", 404)
        return _json(details)

    async def _search(self, request: Request) -> Response:
        shown = await self._find(request)
        query, column = request.query_params.get("q", ""), request.query_params.get("column")
        try:
            rows = await run_in_threadpool(lambda: shown.search.rows(query, column))
        except QueryError as error:
            return _problem(str(error), 400)
        return Response(rows.astype("<i4").tobytes(), media_type=BYTES)

    async def _compare(self, request: Request) -> Response:
        ids = list(self._shown)
        if len(ids) < 2:
            return _problem("there is one diagram only", 404)
        one, other = (self._shown[name] for name in ids[:2])
        found = await run_in_threadpool(
            lambda: first_divergence(one.history.trace, other.history.trace)
        )
        return _json({"first_divergence": None if found is None else asdict(found)})

    async def _live(self, request: Request) -> Response:
        shown = await self._find(request)
        try:
            had = [int(each) for each in request.query_params.get("from", "").split(",") if each]
        except ValueError:
            return _problem("from: expected the number of events of each lane", 400)
        follower = await run_in_threadpool(shown.follower, had)
        return StreamingResponse(self._frames(follower), media_type=BYTES)

    async def _frames(self, follower: Follower) -> AsyncIterator[bytes]:
        """Yield the frames of a run while it goes on, each after its length."""
        with FrameReader(follower) as reader:
            while True:
                frame, is_last = await reader.next_frame()
                if frame:
                    yield len(frame).to_bytes(4, "little") + frame
                if is_last or self.is_stopping():
                    return
                if not follower.is_behind:
                    await asyncio.sleep(POLL_S)

    # The bench.

    async def _runs(self, request: Request) -> Response:
        if self._bench is None:
            return _problem("there is no bench here", 404)
        return _json(await run_in_threadpool(self._bench.listed))

    async def _command(self, request: Request) -> Response:
        return await self._with_fields(request, lambda bench, fields: {
            "command": bench.command(fields)
        })  # fmt: skip

    async def _start(self, request: Request) -> Response:
        return await self._with_fields(request, lambda bench, fields: bench.start(fields))

    async def _with_fields(
        self, request: Request, answer: Callable[[Bench, Mapping[str, Any]], Mapping[str, Any]]
    ) -> Response:
        if self._bench is None:
            return _problem("there is no bench here", 404)
        try:
            fields = await _fields(request)
            return _json(await run_in_threadpool(answer, self._bench, fields))
        except FieldError as error:
            return _json({"error": str(error), "field": error.field}, 400)

    async def _stop(self, request: Request) -> Response:
        if self._bench is None:
            return _problem("runs that were not started here are not stopped here", 404)
        await run_in_threadpool(self._bench.stop, request.path_params["id"])
        return _json({})


async def _fields(request: Request) -> Mapping[str, Any]:
    """Return the fields of a form, texts by name. Raise FieldError."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise FieldError("expected JSON")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise FieldError("the form is too long")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise FieldError("expected JSON") from None
    if not isinstance(fields, dict) or not all(
        isinstance(value, str | int | float | bool | None) for value in fields.values()
    ):
        raise FieldError("expected an object of texts and numbers")
    return fields


async def _in_chunks(parts: Sequence[bytes | memoryview]) -> AsyncIterator[memoryview]:
    """Yield the bytes of a container in chunks that the socket can take."""
    for part in parts:
        for begin in range(0, len(part), CHUNK_BYTES):
            yield memoryview(part)[begin : begin + CHUNK_BYTES]


def _page_answer(file: PageFile | None) -> Response:
    """Return a file of the page as an answer."""
    if file is None:
        return _problem("no such file", 404)
    headers = {"cache-control": KEPT} if file.kept else None
    return Response(file.content, media_type=file.media_type, headers=headers)


def _json(document: Any, status: int = 200) -> Response:
    """Return a document as JSON in ASCII: the texts of a log may hold halves of characters."""
    return Response(json.dumps(document, allow_nan=False), status, media_type="application/json")


def _problem(text: str, status: int) -> Response:
    return _json({"error": text}, status)


async def _not_there(request: Request, error: Exception) -> Response:
    return _problem("there is no such diagram", 404)


async def _not_readable(request: Request, error: Exception) -> Response:
    return _problem(str(error), 422)
