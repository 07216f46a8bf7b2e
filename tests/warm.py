"""Commands in processes of their own that need not import photoqueue first.

One interpreter has imported it, and each command is a fork of that: a start costs hundredths of a
second of processor time instead of one. What a command is given is what a shell would give it:
arguments, environment, files, a session of its own. Tests of what the interpreter itself does at
its start and its end take ``sys.executable`` instead.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import psutil

REPOSITORY: Final = Path(__file__).parents[1]
#: What workers, servers and commands import; none of it starts a thread or reads the environment.
_MODULES: Final = (
    "pandas",
    "photoqueue.client.observe",
    "photoqueue.client.submit",
    "photoqueue.faces.cli.app",
    "photoqueue.faces.cli.views",
    "photoqueue.faces.http.metrics",
    "photoqueue.faces.notebook.trial",
    "photoqueue.inventory.wording",
    "photoqueue.jobs.inventory_sync",
    "photoqueue.jobs.photo_analyze",
    "photoqueue.photos.pixels",
    "photoqueue.photos.store",
    "photoqueue.worker.supervisor",
)


class WarmProcess:
    """A command that runs in a fork; used like :class:`subprocess.Popen`."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._read = b""
        self.pid = self._number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None:
            # A time-out of 0 would make the socket non-blocking, with another error.
            self._told.settimeout(timeout if timeout is None else max(timeout, 1e-6))
            try:
                self.returncode = self._number()
            except TimeoutError:
                raise subprocess.TimeoutExpired("photoqueue", timeout or 0) from None
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        while b"\n" not in self._read:
            some = self._told.recv(64)
            assert some, "the process that watches the command is gone"
            self._read += some
        line, _, self._read = self._read.partition(b"\n")
        return int(line)


def _environment() -> dict[str, str]:
    """Return the environment without the settings of the test that needs it first."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PHOTOQUEUE_")}
    # Threads of OpenBLAS would not survive a fork.
    return {**kept, "OPENBLAS_NUM_THREADS": "1"}


class Warm:
    """An interpreter that has imported photoqueue and waits for commands."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=REPOSITORY,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # An interrupt of the tests ends it by closing the socket.
                start_new_session=True,
            )

    def start(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        output: IO[bytes],
        errors: IO[bytes] | None = None,
        new_session: bool = False,
        program: str | None = None,
    ) -> WarmProcess:
        """Run ``photoqueue ARGUMENTS``, or a program of Python as ``python -c`` does.

        Errors go to the output where there is no file for them.
        """
        ours, theirs = socket.socketpair()
        request = {
            "arguments": list(arguments),
            "program": program,
            "environment": dict(environment),
            "session": new_session,
        }
        with theirs, Path(os.devnull).open("rb") as nothing:
            files = (nothing, output, errors or output, theirs)
            socket.send_fds(self._requests, [b"."], [file.fileno() for file in files])
        ours.sendall(json.dumps(request).encode() + b"\n")
        return WarmProcess(ours)

    def run(
        self,
        *arguments: str | Path,
        environment: Mapping[str, str],
        timeout: float = 150,
        program: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command or a program to its end."""
        words = list(map(str, arguments))
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = self.start(
                words, environment=environment, output=output, errors=errors, program=program
            )
            try:
                status = process.wait(timeout)
            finally:
                process.kill()
            output.seek(0)
            errors.seek(0)
            shown = output.read().decode(), errors.read().decode()
        return subprocess.CompletedProcess(words, status, *shown)

    def commands(self) -> list[str]:
        """List the commands that run."""
        watchers = psutil.Process(self._process.pid).children()
        return [f"{one.pid} below {watcher.pid}" for watcher in watchers for one in _below(watcher)]

    def close(self) -> None:
        """End it; commands that run go on."""
        self._requests.close()
        self._process.wait(60)


_interpreter: Warm | None = None


def interpreter() -> Warm:
    """Return that of this process; the first call starts it."""
    global _interpreter
    if _interpreter is None:
        _interpreter = Warm()
    return _interpreter


def commands() -> list[str]:
    """List the commands that run."""
    return [] if _interpreter is None else _interpreter.commands()


def close() -> None:
    """End the interpreter, if there is one."""
    if _interpreter is not None:
        _interpreter.close()


def _below(watcher: psutil.Process) -> list[psutil.Process]:
    try:
        return watcher.children()
    except psutil.Error:
        return []


def _serve(requests: socket.socket) -> None:
    """Fork for each request, until the tests close their end."""
    for module in _MODULES:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch
    while True:
        message, files, _, _ = socket.recv_fds(requests, 1, 4)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _watch(files)
            return
        for file in files:
            os.close(file)


def _watch(files: list[int]) -> None:
    """Run one command, and tell its process id and then how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=files.pop()) as teller, teller.makefile("rb") as stream:
        request = json.loads(stream.readline())
        pid = os.fork()
        if pid == 0:
            teller.close()
            _run(request, files)
            return
        for file in files:
            os.close(file)
        teller.sendall(b"%d\n" % pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(BrokenPipeError):  # the test that started it has ended
            teller.sendall(b"%d\n" % status)
    os._exit(0)


def _run(request: dict[str, Any], files: list[int]) -> None:
    if request["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        setattr(sys, name, os.fdopen(number, mode, closefd=False))
    sys.stderr.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # by TMPDIR of the command
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if program := request["program"]:
        sys.argv = ["-c", *request["arguments"]]
        exec(program, {"__name__": "__main__"})
    else:
        sys.argv = ["photoqueue", *request["arguments"]]
        runpy.run_module("photoqueue", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
