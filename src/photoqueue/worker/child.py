"""One process of a worker: takes messages of one queue and runs their jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psutil

from photoqueue.errors import (
    EXIT_CONFIGURATION,
    BrokerUnavailableError,
    ConfigurationError,
    MessageRefusedError,
    ModelError,
    PhotoqueueError,
    may_pass,
)
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Workplace, load_handler
from photoqueue.queue.ledger import Claim, Ledger
from photoqueue.queue.workers import Register
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobType, Message
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.logs import LogFormat, configure_logging
from photoqueue.worker.runner import Runner
from photoqueue.worker.template import HELD_BACK, name_process

if TYPE_CHECKING:
    from photoqueue.jobs.handling import Handler
    from photoqueue.queue.broker.queues import Broker
    from photoqueue.queue.broker.retention import Finished
    from photoqueue.services import Endpoints
    from photoqueue.settings import Settings

logger = logging.getLogger(__name__)

#: Exit status of a process whose engine closed descriptors that are not its own (``EX_IOERR``).
EXIT_CUT_OFF: Final = 74
#: Seconds between attempts to reach a broker that is unavailable.
_RECONNECT_SECONDS: Final = 0.5
#: A message that arrived after waiting at least this long (seconds) was not yet there when asked.
_WAITED_SECONDS: Final = 0.005


@dataclass(frozen=True)
class Assignment:
    """What a process needs for its work; sent to it when it starts."""

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


def run_child(assignment: Assignment, board: StatusBoard, parent: Connection) -> None:
    """Work until a stop is requested or the supervisor is gone."""
    stop = threading.Event()
    # A group of its own, to which what the engine starts belongs, and which ends with it.
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    # Ctrl-C reaches a whole process group; only the supervisor decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    name_process(assignment.queue, f"-{assignment.slot}")
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    configure_logging(assignment.log_format)
    try:
        _work(assignment, board, stop, parent)
    except PhotoqueueError as exc:
        logger.error("%s", exc, extra={"fields": {"queue": assignment.queue}})
        lasting = isinstance(exc, ConfigurationError | ModelError) and not may_pass(exc)
        raise SystemExit(EXIT_CONFIGURATION if lasting else 1) from None


@dataclass(frozen=True)
class _Source:
    """Takes messages of one queue, unless the process is stopping or may not take any."""

    broker: Broker
    register: Register
    queue: JobType
    board: StatusBoard
    stop: threading.Event

    def first(self) -> UUID | None:
        """Wait a moment for a message; None when none came, or none may be taken."""
        if not self.board.takes:
            self.stop.wait(0.1)
            return None
        try:
            return self.broker.take(self.queue)
        except MessageRefusedError as exc:
            self._count_refused(exc)
            return None

    def following(self, completed: Sequence[Finished], count: int) -> list[Message]:
        """Take the messages that are there, and record completed jobs in the broker."""
        self.board.set_looked()
        if self.stop.is_set() or not self.board.takes:
            count = 0
        if not completed and not count:
            return []
        return self.broker.take_next(self.queue, completed, count, refused=self._count_refused)

    def _count_refused(self, exc: MessageRefusedError) -> None:
        logger.warning("%s", exc, extra={"fields": {"queue": self.queue}})
        with contextlib.suppress(PhotoqueueError):
            self.register.count_refused(self.queue)


def _work(
    assignment: Assignment, board: StatusBoard, stop: threading.Event, parent: Connection
) -> None:
    installation = Installation(
        assignment.settings, assignment.endpoints, namespace=assignment.namespace
    )
    ledger = Ledger(installation.database, name=f"photoqueue {assignment.queue}", busy=True)
    workplace = Workplace(assignment.settings, installation.database, assignment.processes)
    broker = installation.broker
    source = _Source(broker, Register(ledger), assignment.queue, board, stop)
    runner = Runner(
        ledger=ledger,
        broker=broker,
        settings=assignment.settings,
        queue=assignment.queue,
        handler=_still_whole(load_handler(assignment.queue, workplace), parent),
        worker_id=assignment.worker_id,
        slot=assignment.slot,
        board=board,
        following=source.following,
    )
    board.set_looked()
    board.ready = True
    warned = False
    while not stop.is_set():
        board.set_looked()
        board.set_jobs([])
        try:
            asked = time.monotonic()
            job_id = source.first()
            if job_id is not None:
                # Its message was waited for, so the queue is empty: record it without fetching
                # others.
                runner.run(job_id, follow=time.monotonic() - asked <= _WAITED_SECONDS)
            warned = False
        except BrokerUnavailableError as exc:
            if not warned:
                logger.warning("waiting for the broker: %s", exc)
                warned = True
            stop.wait(_RECONNECT_SECONDS)
    ledger.close()
    installation.close()


def _still_whole(handler: Handler, parent: Connection) -> Handler:
    """Let a handler end this process if its engine leaves it unable to record the job.

    An engine may have closed all descriptors: those of the connections may be its own files by now.
    Or it has forked and comes back twice; only the process that the supervisor knows goes on.
    """
    pid, pipe = os.getpid(), os.fstat(parent.fileno())

    def run(claim: Claim, calls: list[AiCall]) -> str:
        try:
            return handler(claim, calls)
        finally:
            if os.getpid() != pid:
                os._exit(0)
            whole = False
            with contextlib.suppress(OSError):
                whole = os.path.samestat(os.fstat(parent.fileno()), pipe)
            if not whole:
                os._exit(EXIT_CUT_OFF)

    return run


def end_family(pid: int) -> None:
    """Kill a process of a worker, and what its engine has started, also if the process has ended.

    The engine's programs are in the group of the process, whose id is not used again while there
    are any; those that have left it are found as long as their parents run.
    """
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error, OSError):  # OSError: there are too many open files
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    for one in family:
        with contextlib.suppress(psutil.Error):
            if one.pid != os.getpid():
                one.kill()
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def _die_with(parent: Connection) -> None:
    """End this process and its engine's at once when the supervisor is gone.

    The supervisor never writes to its end of the pipe, and the kernel closes that end however the
    supervisor dies, which ends the read. The next worker recovers the jobs, so this process must
    not go on with them.
    """
    with contextlib.suppress(EOFError, OSError):
        parent.recv_bytes()
    end_family(os.getpid())
    os._exit(1)
