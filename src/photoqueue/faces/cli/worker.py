"""``photoqueue worker``."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from photoqueue.faces.cli.output import server_extra
from photoqueue.worker.logs import LogFormat

if TYPE_CHECKING:
    from photoqueue.worker.health import Answer, Probe, Pulse
    from photoqueue.worker.supervisor import Supervisor


def worker(
    queue: Annotated[
        str | None, typer.Option(help="Work only on this queue (default: all known job types).")
    ] = None,
    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="N|MIN-MAX",
            help="Processes per queue, each with one job at a time; of a range such as 2-8 as "
            "many as there is work for (default: QUEUE_CONCURRENCY).",
        ),
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="Log format.")] = "text",
    health_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port for /healthz: 503 when its processes are stuck."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port for /metrics; may be that for /healthz."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Address of these ports; they have no token.")
    ] = "127.0.0.1",
    end_with_stdin: Annotated[
        bool, typer.Option("--end-with-stdin", hidden=True, help="Drain when stdin closes.")
    ] = False,
) -> None:
    """Take jobs and do them, until SIGTERM or Ctrl-C.

    Running jobs then finish within PHOTOQUEUE_GRACE_SECONDS; a second signal gives them back at
    once.
    """
    from photoqueue.installation import Installation
    from photoqueue.jobs import types_to_run
    from photoqueue.settings import Concurrency, load_settings
    from photoqueue.worker.logs import configure_logging
    from photoqueue.worker.supervisor import Supervisor
    from photoqueue.worker.template import template

    configure_logging(log_format)
    try:
        given = None if concurrency is None else Concurrency.of(concurrency)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--concurrency") from None
    # First: the process has no thread and no connection yet.
    with template() as forks:
        settings = load_settings()
        supervisor = Supervisor(
            Installation.open(settings),
            types_to_run(queue),
            concurrency=given or settings.concurrency,
            log_format=log_format,
            template=forks,
        )
        probes = _probes(supervisor, listen, health_port, metrics_port)
        if end_with_stdin:
            threading.Thread(target=_stop_at_end_of_stdin, args=(supervisor,), daemon=True).start()
        try:
            supervisor.run()
        finally:
            for probe in probes:
                probe.close()


def _probes(
    supervisor: Supervisor, host: str, health_port: int | None, metrics_port: int | None
) -> list[Probe]:
    """Listen on the requested ports."""
    from photoqueue.worker.health import Probe, health_answer

    pulse = supervisor.pulse
    answers: dict[int, dict[str, Callable[[], Answer]]] = {}
    if health_port is not None:
        answers.setdefault(health_port, {})["/healthz"] = lambda: health_answer(pulse.problems())
    if metrics_port is not None:
        answers.setdefault(metrics_port, {})["/metrics"] = _metrics(pulse)
    return [Probe(host, port, found) for port, found in answers.items()]


def _metrics(pulse: Pulse) -> Callable[[], Answer]:
    """Return the function that answers ``/metrics``, for the installation and this worker."""
    from photoqueue.client.metrics import RecentMetrics

    with server_extra("--metrics-port"):
        from photoqueue.faces.http import metrics

    recent = RecentMetrics()

    def answer() -> Answer:
        found = (*metrics.installation_metrics(recent()), *metrics.worker_metrics(pulse))
        return 200, metrics.CONTENT_TYPE, metrics.exposition(*found)

    return answer


def _stop_at_end_of_stdin(supervisor: Supervisor) -> None:
    # Reads the descriptor directly: a thread inside a buffered read would hold its lock while the
    # interpreter shuts down.
    while os.read(0, 1024):
        pass
    supervisor.stop()
