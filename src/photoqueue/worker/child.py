"""One process of a worker: takes messages of one queue and runs their jobs."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from photoqueue.errors import (
    BrokerUnavailableError,
    ConfigurationError,
    MessageRefusedError,
    ModelError,
    PhotoqueueError,
)
from photoqueue.installation import Installation
from photoqueue.models import JobType
from photoqueue.tracking.ledger import Ledger
from photoqueue.tracking.register import Register
from photoqueue.worker.engines import Engines
from photoqueue.worker.handlers import Handler, InventorySync, PhotoAnalyze
from photoqueue.worker.logs import LogFormat, configure_logging
from photoqueue.worker.runner import Runner

if TYPE_CHECKING:
    from photoqueue.broker.broker import Broker
    from photoqueue.broker.retention import Finished
    from photoqueue.services import Endpoints
    from photoqueue.settings import Settings

logger = logging.getLogger(__name__)

#: Exit status of a process that cannot work as configured (``EX_CONFIG`` of sysexits.h):
#: starting it again would not help.
EXIT_CONFIGURATION: Final = 78
#: Seconds between tries to reach a broker that is away.
_RECONNECT_SECONDS: Final = 0.5


class Board:
    """What a supervisor and one of its processes tell each other, in shared memory.

    Plain memory and no lock: a process can be killed at any moment, and a lock that
    it held would stay taken.
    """

    def __init__(self) -> None:
        self._busy_since: Any = RawValue(ctypes.c_double, 0.0)
        self._looked_at: Any = RawValue(ctypes.c_double, 0.0)
        self._settled_at: Any = RawValue(ctypes.c_double, 0.0)
        self._job: Any = RawArray(ctypes.c_ubyte, 16)
        self._ready: Any = RawValue(ctypes.c_bool, False)
        self._paused: Any = RawValue(ctypes.c_bool, False)

    @property
    def busy_since(self) -> float:
        """When the work on a job began, on the monotonic clock; 0 while there is none."""
        return float(self._busy_since.value)

    def set_busy(self, busy: bool) -> None:
        """Say that the work on a job begins, or that only its record is left."""
        self._busy_since.value = time.monotonic() if busy else 0.0

    @property
    def looked_at(self) -> float:
        """When the process last turned to its queue, on the monotonic clock; 0 before."""
        return float(self._looked_at.value)

    def set_looked(self) -> None:
        """Say that the process turns to its queue, whether or not there is work."""
        self._looked_at.value = time.monotonic()

    @property
    def job_id(self) -> UUID | None:
        """The job that the process has; may be torn while it changes."""
        found = bytes(self._job)
        return UUID(bytes=found) if any(found) else None

    @property
    def settled_at(self) -> float:
        """When the process last knew which job it has, on the monotonic clock; 0 before."""
        return float(self._settled_at.value)

    def set_job(self, job_id: UUID | None) -> None:
        """Say which job the process has, once every claim that it sent is answered or given up."""
        self._job[:] = job_id.bytes if job_id else bytes(16)
        self._settled_at.value = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the process has its engine and takes jobs."""
        return bool(self._ready.value)

    def set_ready(self) -> None:
        """Say that the process takes jobs from now on."""
        self._ready.value = True

    @property
    def paused(self) -> bool:
        """Whether the process is to leave its queue alone."""
        return bool(self._paused.value)

    def set_paused(self, paused: bool) -> None:
        """Make the process leave its queue alone, or take from it again."""
        self._paused.value = paused


@dataclass(frozen=True)
class Assignment:
    """What a process needs to know to do its work; sent to it when it starts."""

    settings: Settings
    endpoints: Endpoints
    #: Name of the installation in the broker.
    namespace: str
    queue: JobType
    worker_id: UUID
    slot: int
    #: How many processes of this worker share the machine's cores.
    processes: int
    log_format: LogFormat


def run_child(assignment: Assignment, board: Board, parent: Connection) -> None:
    """Run the process until it is told to stop, or its supervisor is gone."""
    stop = threading.Event()
    # Ctrl-C reaches the whole group; only the supervisor decides what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    configure_logging(assignment.log_format)
    try:
        _work(assignment, board, stop)
    except (ConfigurationError, ModelError) as exc:
        logger.error("%s", exc, extra={"fields": {"queue": assignment.queue}})
        raise SystemExit(EXIT_CONFIGURATION) from None
    except PhotoqueueError as exc:
        logger.error("%s", exc, extra={"fields": {"queue": assignment.queue}})
        raise SystemExit(1) from None


class _Source:
    """Where a process gets its messages: one queue, as long as it is to take any."""

    def __init__(
        self,
        broker: Broker,
        register: Register,
        queue: JobType,
        board: Board,
        stop: threading.Event,
    ) -> None:
        self._broker = broker
        self._register = register
        self._queue = queue
        self._board = board
        self._stop = stop

    def first(self) -> UUID | None:
        """Wait a moment for a message; None when none came, or when it is to take none."""
        if self._board.paused:
            self._stop.wait(0.1)
            return None
        try:
            return self._broker.take(self._queue)
        except MessageRefusedError as exc:
            self._count_refused(exc)
            return None

    def following(self, finished: Finished | None) -> UUID | None:
        """Take a message if there is one, and keep the record of a job that has ended."""
        self._board.set_looked()
        if self._stop.is_set() or self._board.paused:
            if finished is not None:
                self._broker.keep_record(finished)
            return None
        try:
            return self._broker.take_next(self._queue, finished)
        except MessageRefusedError as exc:
            self._count_refused(exc)
            return None

    def _count_refused(self, exc: MessageRefusedError) -> None:
        logger.warning("%s", exc, extra={"fields": {"queue": self._queue}})
        with contextlib.suppress(PhotoqueueError):
            self._register.count_refused(self._queue)


def _work(assignment: Assignment, board: Board, stop: threading.Event) -> None:
    installation = Installation(
        assignment.settings, assignment.endpoints, namespace=assignment.namespace
    )
    ledger = Ledger(installation.database, name=f"photoqueue {assignment.queue}")
    broker = installation.broker
    source = _Source(broker, Register(ledger), assignment.queue, board, stop)
    runner = Runner(
        ledger=ledger,
        broker=broker,
        settings=assignment.settings,
        queue=assignment.queue,
        handler=_handler(assignment, installation),
        worker_id=assignment.worker_id,
        slot=assignment.slot,
        busy=board.set_busy,
        following=source.following,
        has=board.set_job,
    )
    board.set_looked()
    board.set_ready()
    told = False
    while not stop.is_set():
        board.set_looked()
        board.set_job(None)
        try:
            job_id = source.first()
            if job_id is not None:
                runner.run(job_id)
            told = False
        except BrokerUnavailableError as exc:
            if not told:
                logger.warning("waiting for the broker: %s", exc)
                told = True
            stop.wait(_RECONNECT_SECONDS)
    ledger.close()
    installation.close()


def _handler(assignment: Assignment, installation: Installation) -> Handler:
    if assignment.queue is JobType.INVENTORY_SYNC:
        return InventorySync(installation)
    return PhotoAnalyze(installation, Engines(installation, processes=assignment.processes))


def _die_with(parent: Connection) -> None:
    """End this process at once when the supervisor is gone.

    The supervisor holds the other end of the pipe and never writes: reading ends when
    the kernel closes that end, however the supervisor died. Its jobs are recovered by
    the next worker, which must not find this process still at them.
    """
    with contextlib.suppress(EOFError, OSError):
        parent.recv_bytes()
    os._exit(1)
