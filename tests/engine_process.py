"""The JavaScript engine of the diagram as a process that answers questions, for contract tests."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parent.parent
ENGINE_TESTS: Final = ROOT / "tests" / "engine"
PROTOCOL: Final = ENGINE_TESTS / "protocol.js"


def node() -> str:
    """Return the path of Node. Skip the test, in one line, where there is none."""
    named = os.environ.get("DRIFTLAB_NODE")
    found = named or shutil.which("node") or _node_of_playwright()
    if found is None:
        pytest.skip("not run: no `node` on the PATH (install it, or name it in DRIFTLAB_NODE)")
    return found


def _node_of_playwright() -> str | None:
    try:
        import playwright
    except ImportError:
        return None
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    return str(bundled) if bundled.exists() else None


class EngineError(Exception):
    """The engine refused a question."""


class Engine:
    """One running engine. It holds the diagram that was opened last."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [node(), str(PROTOCOL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def ask(self, call: str, *args: Any) -> Any:
        """Return the answer to one question; NaN and undefined are None. Raise EngineError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer["result"]

    def ask_each(self, call: str, each_args: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the answers to one question with several arguments."""
        questions = [{"call": call, "args": list(args)} for args in each_args]
        answers: list[Any] = self.ask("together", questions)
        return answers

    def open(
        self, container: bytes, *, rows: int = 64, messages: int = 256, anew: int = 200_000
    ) -> Any:
        """Open a container.

        rows, messages: from one entry of an index to the next. anew: rows that are read anew.
        """
        blocks = {"rows": rows, "messages": messages, "anew": anew}
        return self.ask("open", as_bytes(container), blocks)


def as_bytes(data: bytes) -> dict[str, str]:
    """Return bytes as an argument of a question."""
    return {"bytes": base64.b64encode(data).decode()}
