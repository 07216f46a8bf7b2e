"""Start and stop one embedded server, whatever state it was left in.

A server is *ready* when it answers on its socket. It is *alive* as long as one of its processes
holds the lock of its ``alive`` file, which it inherits when it is started. The kernel releases
the lock when the last of them ends, so that stale pid files, reused pids and zombies are not
mistaken for a server, and no second server is started on data that an old process still writes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, ClassVar, Final

import psutil

from photoqueue.errors import ServiceError
from photoqueue.files import open_lock, try_lock
from photoqueue.services import process
from photoqueue.services.folder import ServiceFolder
from photoqueue.services.process import Account

#: Time limit of each read from a server, in seconds.
ANSWER_SECONDS: Final = 2.0

_NOBODY_LISTENS = (FileNotFoundError, NotADirectoryError, PermissionError, ConnectionRefusedError)

#: Time limit of a start, in seconds; it may include recovery after a crash.
START_SECONDS: Final = 120.0
#: Seconds after which a running server that cannot be reached has lost its socket for good.
LOST_SECONDS: Final = 5.0
#: Time limit of a clean stop, and then of a forced one, in seconds.
STOP_SECONDS: Final = 30.0
KILL_SECONDS: Final = process.KILL_SECONDS
#: Free bytes below which a disk is full: the files of a start take more.
_NO_SPACE: Final = 2**20
#: Seconds between stop signals, as a server that is still starting may miss the first.
REPEAT_SECONDS: Final = 1.0


class EmbeddedServer(ABC):
    """One server of a home."""

    name: ClassVar[str]
    folder_name: ClassVar[str]
    socket_name: ClassVar[str]
    #: Prefixes of the names of its processes.
    process_names: ClassVar[tuple[str, ...]]
    #: Signal for a clean stop that does not wait for clients.
    stop_signal: ClassVar[int]
    error: ClassVar[type[ServiceError]]
    #: The setting for a configured server instead.
    setting: ClassVar[str]
    #: Bytes sent to probe the server.
    hello: ClassVar[bytes]

    def __init__(self, place: ServiceFolder) -> None:
        self.place = place
        self.folder = place.root / self.folder_name
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"

    @abstractmethod
    def url(self) -> str:
        """Return the address for clients; call it when the sockets exist."""

    @abstractmethod
    def read_answer(self, stream: BinaryIO) -> bool:
        """Read the server's response to :attr:`hello`; return whether it takes commands.

        Only a server that says it is starting (or recovering, or stopping) gets better by waiting.
        Other refusals are for callers to see: its disk is full, it has no free connection.
        """

    @abstractmethod
    def prepare(self, account: Account | None) -> None:
        """Create or repair the data directory before a start; no process may be using it."""

    @abstractmethod
    def command(self, account: Account | None) -> list[str | Path]:
        """Return the command with which the account runs the server in the foreground."""

    def socket(self) -> Path | None:
        """Return the path of the socket, if its folder exists."""
        folder = self.place.sockets()
        return folder and folder / self.socket_name

    def ask(self) -> bool | None:
        """Ask whether it is ready; None if nothing listens. Takes no lock and starts nothing."""
        path = self.socket()
        if path is None:
            return None
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(str(path))
                connection.sendall(self.hello)
                with connection.makefile("rb") as stream:
                    return self.read_answer(stream)
            except _NOBODY_LISTENS:
                return None
            except OSError:
                # Too slow, backlog full, or connection closed: a server is running.
                return False

    def is_ready(self) -> bool:
        """Whether the server takes commands."""
        return bool(self.ask())

    def why_absent(self) -> str:
        """Describe why the server does not answer."""
        try:
            return "not ready" if self.is_alive() else "not running"
        except PermissionError:
            return "out of reach: this home belongs to another user"

    def is_alive(self) -> bool:
        """Whether a process of this server is running, ready or not."""
        if not self._alive_file.exists():
            return False
        descriptor = open_lock(self._alive_file)
        try:
            return not try_lock(descriptor, shared=True)
        finally:
            os.close(descriptor)

    def processes(self) -> list[psutil.Process]:
        """Return its visible processes, the main one first."""
        return process.processes_in(self.data, self.process_names)

    def bring_up(self) -> None:
        """Start the server if necessary; call it within :meth:`ServiceFolder.exclusive`."""
        deadline = time.monotonic() + START_SECONDS
        account = self.place.prepare()
        self.place.make_private(self.folder, account)
        last_contact = time.monotonic()
        while True:
            answer = self.ask()
            if answer:
                return
            if not self.is_alive():
                break
            # Another process started it, or it is recovering, or it is about to end.
            now = time.monotonic()
            if answer is not None:
                last_contact = now
            elif now - last_contact > LOST_SECONDS:
                self.stop()
            if now > deadline:
                raise self.failure(f"is running but was not ready within {START_SECONDS:.0f} s")
            time.sleep(process.PAUSE_SECONDS)
        self._start(account, deadline)

    def stop(self) -> bool:
        """Stop the server; return whether it was running.

        Call it within :meth:`ServiceFolder.exclusive`.
        """
        if not self.is_alive():
            return False
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            process.send_signal(self.processes()[:1], self.stop_signal)
            if self._ends_within(REPEAT_SECONDS):
                break
        else:
            process.send_signal(self.processes(), signal.SIGKILL)
            if not self._ends_within(KILL_SECONDS):
                raise self.error(
                    f"{self.name} in {self.folder} is in use by processes that cannot be seen or "
                    "stopped from here: another user, container or host shares this home. Run "
                    "`photoqueue down` there."
                )
        return True

    def failure(self, problem: str, output: str = "") -> ServiceError:
        """Return the error for a server that cannot be started or stopped.

        It contains the ``output`` of a program, or else the end of the server's log.
        """
        shown = process.shown_lines(output) if output else process.last_lines(self.log)
        if shutil.disk_usage(self.folder).free < _NO_SPACE:
            shown += f"\nThe disk of {self.folder} is full."
        return self.error(
            f"The embedded {self.name} {problem} (log: {self.log}):\n{shown}\n"
            f"Remove the cause, set PHOTOQUEUE_HOME to another folder than {self.place.home}, or "
            f"set {self.setting} to a server of your own."
        )

    @property
    def _alive_file(self) -> Path:
        return self.folder / "alive"

    def _start(self, account: Account | None, deadline: float) -> None:
        alive = open_lock(self._alive_file)
        try:
            # ``status`` may be testing the lock at this moment.
            if not process.until(lambda: try_lock(alive), deadline):
                raise self.failure("cannot be started: its files are in use")
            with self.place.explained():
                self.prepare(account)
                process.rotate_log(self.log)
            log_start = process.log_size(self.log)
            try:
                command = self.command(account)
                process.spawn(command, folder=self.data, account=account, log=self.log, keep=alive)
            except (OSError, subprocess.CalledProcessError) as exc:
                raise self.failure("could not be started", str(exc)) from exc
        finally:
            # Closed, not unlocked: the server holds the lock now.
            os.close(alive)
        if not process.until(lambda: self.is_ready() or not self.is_alive(), deadline):
            raise self.failure(f"was not ready within {START_SECONDS:.0f} s")
        if not self.is_alive():
            raise self.failure("ended at once", process.last_lines(self.log, log_start))

    def _ends_within(self, seconds: float) -> bool:
        return process.until(lambda: not self.is_alive(), time.monotonic() + seconds)
