"""``photoqueue autoscale``."""

from __future__ import annotations

from typing import Annotated

import typer

from photoqueue.faces.cli.output import QueueName
from photoqueue.faces.cli.worker import LogFormatName


def autoscale(
    fewest: Annotated[int, typer.Option("--min", min=0, help="Workers at least.")] = 1,
    most: Annotated[int, typer.Option("--max", min=1, help="Workers at most.")] = 4,
    queue: Annotated[
        QueueName | None, typer.Option(help="Work on this queue only; both when left out.")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Jobs at a time per queue and worker."),
    ] = None,
    wait_seconds: Annotated[
        float, typer.Option(min=0, help="A job that waits longer asks for one more worker.")
    ] = 10.0,
    idle_seconds: Annotated[
        float, typer.Option(min=0, help="A worker that is spare for this long is let go.")
    ] = 60.0,
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds between two looks.")
    ] = 2.0,
    log_format: Annotated[
        LogFormatName, typer.Option(help="Form of the log.")
    ] = LogFormatName.TEXT,
) -> None:
    """Run as many workers on this machine as there is work for, until SIGTERM or Ctrl-C.

    A worker that is let go finishes its jobs first. All end with this command.
    """
    from photoqueue.errors import ConfigurationError
    from photoqueue.faces.http.autoscaler import Autoscaler
    from photoqueue.faces.http.scaling import Limits
    from photoqueue.jobs import job_types
    from photoqueue.settings import load_settings
    from photoqueue.words import job_type
    from photoqueue.worker.logs import configure_logging

    configure_logging("json" if log_format is LogFormatName.JSON else "text")
    settings = load_settings()
    if fewest > most:
        raise ConfigurationError(f"--min {fewest} is more than --max {most}. Make it less.")
    queues = list(job_types()) if queue is None else [job_type(queue)]
    arguments = ["--log-format", str(log_format)]
    if queue is not None:
        arguments += ["--queue", str(queue)]
    if concurrency is not None:
        arguments += ["--concurrency", str(concurrency)]
    Autoscaler(
        arguments,
        queues=queues,
        slots=(concurrency or settings.concurrency) * len(queues),
        limits=Limits(
            fewest=fewest, most=most, wait_seconds=wait_seconds, idle_seconds=idle_seconds
        ),
        interval_seconds=interval,
        grace_seconds=settings.grace_seconds,
    ).run()
