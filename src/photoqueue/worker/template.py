"""A process that has imported what the processes of a worker need, and forks them; Linux only.

An interpreter of its own costs a process most of a second of processor time for imports, and 50 MB
for what they leave in memory; forked processes share both. The template is forked from the worker
before that has any thread, connection or module of the user's, and never gets one.

The worker becomes the parent of each process (``PR_SET_CHILD_SUBREAPER``): it sees how they end,
and the end of the template changes nothing for them.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import os
import pickle
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import popen_spawn_posix, reduction
from multiprocessing.context import set_spawning_popen
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Final, NoReturn

_MIB: Final = 2**20
#: Environment variables that save processor time. Libraries read them when the process starts or
#: when they are loaded, so they are set before that.
_ENVIRONMENT: Final = {
    # OpenBLAS, used by numpy, starts as many threads as there are cores, and they spin for a while
    # after each product. With two processes on two cores that cost 12 ms a photo, for products that
    # take a tenth of a millisecond.
    "OPENBLAS_NUM_THREADS": "1",
    # glibc returns the memory of each large picture to the system and requests it again for the
    # next one, zeroed, with a page fault for each page: 1,100 to 3,400 faults for a photo of 1280 ×
    # 960, or 4 to 13 ms. These settings keep up to this many bytes in a process. (Pillow's own
    # block cache did not help: it cuts large blocks to the size of small ones.)
    "MALLOC_MMAP_THRESHOLD_": str(32 * _MIB),
    "MALLOC_TRIM_THRESHOLD_": str(64 * _MIB),
}
#: What glibc reads only when a program starts, as parameters of ``mallopt`` (malloc.h).
_MALLOPT: Final = {"MALLOC_MMAP_THRESHOLD_": -3, "MALLOC_TRIM_THRESHOLD_": -1}
#: Modules that processes import late, beside those of the worker.
_MODULES: Final = (
    "photoqueue.engines.registry",
    "photoqueue.inventory.wording",
    "photoqueue.photos.pixels",
    "photoqueue.photos.store",
)
#: Requests of Linux' ``prctl`` (linux/prctl.h).
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36
#: Signals that a template leaves to the worker, and that wait until a new process can take them.
HELD_BACK: Final = (signal.SIGINT, signal.SIGTERM)
_MOST_BYTES: Final = _MIB
_MOST_FDS: Final = 64
#: Seconds in which a template answers; it may have to import its modules first.
_PATIENCE: Final = 10.0
#: Descriptors that came with a process's own data.
_passed: list[int] = []


@contextmanager
def thrifty() -> Iterator[list[str]]:
    """Set these variables for processes started in the block; the operator's own values stay."""
    missing = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield list(missing)
    finally:
        for name in missing:
            os.environ.pop(name, None)


def name_process(name: str) -> None:
    """Set the name that ``ps``, ``top`` and the kernel's log show; Linux keeps 15 characters."""
    with suppress(OSError):
        _prctl(_PR_SET_NAME, name.encode())


class Template:
    """The worker's side of a template process."""

    def __init__(self, pid: int, end: socket.socket) -> None:
        self.pid = pid
        self._end = end
        end.settimeout(_PATIENCE)

    def process(self, **options: Any) -> BaseProcess:
        """Return a process that starts as a fork of the template; options of ``Process``.

        Its ``start()`` raises ``OSError`` if the template does not answer, or may not fork.
        """
        return _Forked(self, **options)

    def fork(self, data: bytes, descriptors: Sequence[int]) -> int:
        """Have a process run; return its id, which is that of a child of this process."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(self._end, [data], descriptors)
            answer = self._end.recv(32)
        finally:
            _prctl(_PR_SET_CHILD_SUBREAPER, 0)
        if not answer:
            raise ChildProcessError("the template process has ended")
        pid = int(answer)
        # Raises ChildProcessError where the system did not make it a child of this process.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return pid

    def close(self) -> None:
        """End the template; processes that it has forked go on."""
        if self.pid:
            self._end.close()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


@contextmanager
def template() -> Iterator[Template | None]:
    """Keep a template for a block; None where there can be none, and processes are spawned.

    Call it before the process has threads, connections or modules of the user's.
    """
    made = _start() if sys.platform == "linux" else None
    try:
        yield made
    finally:
        if made is not None:
            made.close()


def _start() -> Template | None:
    try:
        os.close(os.pidfd_open(os.getpid()))
        _prctl(_PR_SET_CHILD_SUBREAPER, 0)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:  # an old kernel, or a sandbox
        return None
    if not _alone():
        ours.close()
        theirs.close()
        return None
    _flush()
    gc.freeze()  # so that no collection writes to shared pages
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve(theirs)
    theirs.close()
    return Template(pid, ours)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # none, not writable, closed
            stream.flush()


def _alone() -> bool:
    """Whether this process has one thread: others would not exist in a fork, but their locks."""
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _serve(end: socket.socket) -> NoReturn:
    """Fork processes as they are asked for, until the worker closes its end or is gone."""
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        name_process("pq-template")
        atexit._clear()  # processes end with handlers of their own
        with thrifty() as missing:
            for name in _MALLOPT.keys() & set(missing):
                ctypes.CDLL(None).mallopt(_MALLOPT[name], int(_ENVIRONMENT[name]))
            # Told otherwise by the operator, numpy starts threads.
            for module in _MODULES if os.environ["OPENBLAS_NUM_THREADS"] == "1" else ():
                with suppress(ImportError):  # processes that need it say what is missing
                    import_module(module)
            gc.freeze()
            while True:
                data, descriptors, *_ = socket.recv_fds(end, _MOST_BYTES, _MOST_FDS)
                if not data or not _alone():
                    break
                end.send(_fork(end, data, descriptors))
                for descriptor in descriptors:
                    os.close(descriptor)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _fork(end: socket.socket, data: bytes, descriptors: list[int]) -> bytes:
    """Fork a process that outlives its parent at once, and so is the worker's; return its id."""
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            pid = os.fork()
            if pid == 0:
                for one in (reader, writer, end.detach()):
                    os.close(one)
                _run(data, descriptors)
            os.write(writer, str(pid).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(between, 0)
    pid_text = os.read(reader, 32)
    os.close(reader)
    return pid_text


def _run(data: bytes, descriptors: list[int]) -> NoReturn:
    """Be the process that the data describe."""
    code = 1
    try:
        _passed[:] = descriptors
        code = pickle.loads(data)._bootstrap()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        atexit._run_exitfuncs()
        _flush()
        os._exit(code)


class _Forked(BaseProcess):
    #: How processes are started that it starts itself.
    _start_method = "spawn"

    def __init__(self, template: Template, **options: Any) -> None:
        super().__init__(**options)
        self._template = template

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_template": None}

    def _Popen(self, process: BaseProcess) -> _Popen:
        return _Popen(process, self._template)


class _Passed(popen_spawn_posix._DupFd):
    """A descriptor that goes to the process beside its data; ``fd`` is its place among those."""

    def detach(self) -> int:
        return _passed[self.fd]


class _Popen(popen_spawn_posix.Popen):
    """A child of this process that another one forks, as multiprocessing calls it."""

    method = "template"
    DupFd = _Passed
    _fds: list[int]

    def __init__(self, process: BaseProcess, template: Template) -> None:
        self._template = template
        super().__init__(process)

    def duplicate_for_child(self, fd: int) -> int:
        self._fds.append(fd)
        return len(self._fds) - 1

    def _launch(self, process: BaseProcess) -> None:
        data = io.BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(process, data)
        finally:
            set_spawning_popen(None)
        self.pid = self._template.fork(data.getvalue(), self._fds)
        self.sentinel = os.pidfd_open(self.pid)
        self.finalizer = Finalize(self, os.close, (self.sentinel,))


def _prctl(request: int, value: int | bytes) -> None:
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is None or prctl(request, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({request}) failed")
