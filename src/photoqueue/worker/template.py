"""A process that has imported what the processes of a worker need, and forks them; Linux only.

An interpreter of its own costs a process most of a second of processor time for imports, and 50 MB
for what they leave in memory; forked processes share both. The template is forked before the worker
has any thread, connection or module of the user's, and never gets one. The worker becomes the
parent of each process (it is a subreaper meanwhile): it sees how they end, and the end of the
template changes nothing for them.
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
import weakref
from collections.abc import Iterator
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
#: What processes import late, beside the modules of the worker.
_MODULES: Final = ("engines.registry", "inventory.wording", "photos.pixels", "photos.store")
#: Signals that a template leaves to the worker; they wait until a new process can take them.
HELD_BACK: Final = (signal.SIGINT, signal.SIGTERM)
#: Requests of ``prctl`` (linux/prctl.h).
_SET_NAME, _SET_CHILD_SUBREAPER = 15, 36
#: Seconds in which a template answers, mostly within 10 ms: meanwhile nobody looks after the other
#: processes.
_PATIENCE: Final = 1.0
#: Descriptors that came with the data of this process.
_passed: list[int] = []


@contextmanager
def thrifty() -> Iterator[None]:
    """Set these variables for processes started in the block; the operator's own values stay."""
    missing = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextmanager
def template() -> Iterator[Template | None]:
    """Keep a template for a block; None where there can be none, and processes are spawned.

    Call it before the process has threads, connections or modules of the user's.
    """
    # Whoever started this process may ignore it: nobody would learn how a process has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    made = None
    # Not Linux, an old kernel, a sandbox; a Python built for old kernels lacks pidfd_open().
    with suppress(OSError, AttributeError):
        made = Template()
    try:
        yield made
    finally:
        if made is not None:
            made.close()


class Template:
    """The worker's side of a template process."""

    def __init__(self) -> None:
        with thrifty():
            # Told otherwise by the operator, numpy starts threads.
            for module in _MODULES if os.environ["OPENBLAS_NUM_THREADS"] == "1" else ():
                with suppress(ImportError):  # processes that need it say what is missing
                    import_module(f"photoqueue.{module}")
            if _threads() > 1:
                raise OSError("this process has threads")
            os.close(os.pidfd_open(os.getpid()))
            self._end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._end.settimeout(_PATIENCE)
            _flush()
            gc.freeze()  # so that no collection writes to shared pages
            self.pid = os.fork()
            if self.pid == 0:
                self._end.close()
                _serve(theirs)
        theirs.close()

    def process(self, **options: Any) -> BaseProcess:
        """Return a process that starts as a fork of the template; options of ``Process``.

        Its ``start()`` raises ``OSError`` if the template does not answer, or may not fork.
        """
        return _Forked(self, **options)

    def fork(self, data: bytes, descriptors: list[int]) -> int:
        """Have a process run; return its id, which is that of a child of this process."""
        _prctl(_SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(self._end, [data], descriptors)
            answer = self._end.recv(32)
        finally:
            _prctl(_SET_CHILD_SUBREAPER, 0)
        if not answer:
            raise ChildProcessError("it has ended")
        # ChildProcessError where the system did not make it a child of this process.
        os.waitid(os.P_PID, int(answer), os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return int(answer)

    def close(self) -> None:
        """End the template; processes that it has forked go on."""
        if self.pid:
            self._end.close()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


def name_process(name: str, number: str = "") -> None:
    """Set the name that ``ps -e``, ``top`` and the kernel's log show.

    They show 15 characters; of a longer name the end is left out, and not the number.
    """
    with suppress(AttributeError, OSError):
        _prctl(_SET_NAME, f"{name[: 15 - len(number)]}{number}".encode())


def _prctl(request: int, value: int | bytes) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(request, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")


def _threads() -> int:
    """Count the threads of this process: in a fork there is one, with the locks of them all."""
    return len(list(Path("/proc/self/task").iterdir()))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # none, not writable, closed
            stream.flush()


def _serve(end: socket.socket) -> NoReturn:
    """Fork processes as they are asked for, until the worker closes its end or is gone."""
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        name_process("pq-template")
        _forget_handlers()
        with suppress(AttributeError, ValueError):  # not glibc; not a number
            for name, parameter in _MALLOPT.items():
                ctypes.CDLL(None).mallopt(parameter, int(os.environ[name]))
        while True:
            data, descriptors, *_ = socket.recv_fds(end, _MIB, 64)
            if not data or _threads() > 1:
                break
            end.send(_fork(end, data, descriptors))
            for descriptor in descriptors:
                os.close(descriptor)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _forget_handlers() -> None:
    """Let processes end with handlers and finalizers of their own, not with the worker's."""
    atexit._clear()
    registry, run_all = (getattr(weakref.finalize, name) for name in ("_registry", "_exitfunc"))
    for finalizer in registry:
        finalizer.atexit = False
    atexit.register(run_all)


def _fork(end: socket.socket, data: bytes, descriptors: list[int]) -> bytes:
    """Fork a process whose parent ends at once, so that it becomes the worker's; return its id."""
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
    answer = os.read(reader, 32)
    os.close(reader)
    return answer


def _run(data: bytes, descriptors: list[int]) -> NoReturn:
    """Be the process that the data describe."""
    code = 1
    try:
        _passed[:] = descriptors
        process = pickle.loads(data)
        code = process._bootstrap(os.pidfd_open(process._parent_pid))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        atexit._run_exitfuncs()
        _flush()
        os._exit(code)


class _Forked(BaseProcess):
    _start_method = "spawn"  # for processes that it starts itself

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
