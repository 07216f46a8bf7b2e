"""``photoqueue worker``."""

from __future__ import annotations

import os
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from photoqueue.cli.options import QueueName

if TYPE_CHECKING:
    from photoqueue.worker.supervisor import Supervisor


class LogFormatName(StrEnum):
    """The forms of the log."""

    TEXT = "text"
    JSON = "json"


def worker(
    queue: Annotated[
        QueueName | None, typer.Option(help="Work on this queue only; both when left out.")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Jobs at a time per queue (default: QUEUE_CONCURRENCY)."),
    ] = None,
    log_format: Annotated[
        LogFormatName, typer.Option(help="Form of the log.")
    ] = LogFormatName.TEXT,
    end_with_stdin: Annotated[
        bool, typer.Option("--end-with-stdin", hidden=True, help="Drain when stdin closes.")
    ] = False,
) -> None:
    """Take jobs and do them, until SIGTERM or Ctrl-C.

    Running jobs then finish within PHOTOQUEUE_GRACE_SECONDS; a second signal hands them back
    at once.
    """
    from photoqueue.installation import Installation
    from photoqueue.models import JobType
    from photoqueue.settings import load_settings
    from photoqueue.worker.logs import configure_logging
    from photoqueue.worker.supervisor import Supervisor

    configure_logging("json" if log_format is LogFormatName.JSON else "text")
    settings = load_settings()
    supervisor = Supervisor(
        Installation.open(settings),
        list(JobType) if queue is None else [JobType(queue)],
        concurrency=concurrency or settings.concurrency,
        log_format="json" if log_format is LogFormatName.JSON else "text",
    )
    if end_with_stdin:
        threading.Thread(target=_stop_at_end_of_stdin, args=(supervisor,), daemon=True).start()
    supervisor.run()


def _stop_at_end_of_stdin(supervisor: Supervisor) -> None:
    # Straight from the descriptor: a thread inside a buffered read would hold its lock
    # while the interpreter shuts down.
    while os.read(0, 1024):
        pass
    supervisor.stop()
