"""Commands as processes of their own that need not import anything first.

A shell finds `driftlab` and `python` in the folder that `programs` returns. Each is a small
client, which hands its arguments, folder, environment and open files to a server. The server
has imported the commands and forks a process for every request. What a reader types runs
word for word, pipes and all; only the half second in which each command would import its
libraries is left out, and what that finds is for the tests of starting (`test_start.py`).

The server has done nothing but import, so it has no thread whose lock a fork could leave held.
"""

import atexit
import marshal
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from tests.started import LINUX

STATUS_BYTES = 4
LENGTH_BYTES = 8
NAMES = ("driftlab", "python")
LAYERS = ("cli", "report", "study", "figures", "api", "judge", "analysis", "foreign", "simulator")

CLIENT = """\
#!{python} -IS
import marshal, os, sys
from _socket import AF_UNIX, SCM_RIGHTS, SOL_SOCKET, SOCK_STREAM, socket
name = os.path.basename(sys.argv[0])
if name == "python" and not (sys.argv[1:] and sys.argv[1].endswith(".py")):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
body = marshal.dumps((name, sys.argv[1:], os.getcwd(), dict(os.environ)))
server = socket(AF_UNIX, SOCK_STREAM)
server.connect({address!r})
files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
server.sendmsg([len(body).to_bytes(8, "big")], [(SOL_SOCKET, SCM_RIGHTS, files)])
server.sendall(body)
for number in (0, 1, 2):
    os.close(number)
os._exit(int.from_bytes(server.recv(4) or b"\x46", "big"))
"""


@cache
def programs() -> str:
    """Return the folder of the clients, whose server runs until these tests end.

    Only Linux forks a process of so many libraries safely; elsewhere every command starts anew.
    """
    if not LINUX:
        return str(Path(sys.executable).parent)
    folder = tempfile.mkdtemp(prefix="driftlab-programs-")
    address = os.path.join(folder, "server")
    for name in NAMES:
        path = Path(folder) / name
        path.write_text(CLIENT.format(python=sys.executable, address=address))
        path.chmod(0o755)
    command = [sys.executable, "-m", "tests.command_server", address]
    environment = {**os.environ, "LC_ALL": "C"}
    server = subprocess.Popen(
        command, cwd=Path(__file__).parent.parent, env=environment, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.kill()
        server.wait()
        for path in Path(folder).iterdir():
            path.unlink()
        os.rmdir(folder)

    atexit.register(end)
    return folder


def serve(address: str) -> None:
    """Import the commands, and fork a process for every request, for ever."""
    for layer in LAYERS:
        package = import_module(f"driftlab.{layer}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in ("numba", "polars", "vl_convert", "jinja2"):
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forked ones
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            client, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> NoReturn:
    """Run what a client asks for in this process, tell it the status, and end."""
    status = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        head, files, _, _ = socket.recv_fds(client, LENGTH_BYTES, 3)
        body = b""
        while len(body) < int.from_bytes(head, "big"):
            body += client.recv(1 << 20)
        name, arguments, folder, environment = marshal.loads(body)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        status = _run(name, arguments)
    finally:
        client.sendall(status.to_bytes(STATUS_BYTES, "big"))
        os._exit(status)


def _run(name: str, arguments: Sequence[str]) -> int:
    """Run a command, or a Python file, as its own process would, and return the status."""
    errors = "surrogateescape"  # as in the C locale
    sys.stdin = os.fdopen(0, encoding="utf-8", errors=errors, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors=errors, closefd=False)
    sys.stderr = os.fdopen(
        2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False
    )  # a line at a time
    try:
        if name == "driftlab":
            from driftlab.cli.main import main

            sys.argv = [name, *arguments]
            status = main()
        else:
            sys.argv = list(arguments)
            sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
            runpy.run_path(arguments[0], run_name="__main__")
            status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    serve(sys.argv[1])
