"""Commands that run the service and look after it: worker, serve, migrate, down, prune, erase."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from photoqueue.faces.cli.output import AsJson, printed_json, server_extra, show, warn
from photoqueue.format import counted, line
from photoqueue.worker.logs import LogFormat, configure_logging

if TYPE_CHECKING:
    from photoqueue.client.pruning import Deleted
    from photoqueue.settings import Settings
    from photoqueue.worker.health import Answer, Probe, Pulse
    from photoqueue.worker.supervisor import Supervisor


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; all but loopback need a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free port.")
    ] = 8080,
    log_format: Annotated[LogFormat, typer.Option(help="Log format.")] = "text",
) -> None:
    """Serve the HTTP API and the board, until SIGTERM or Ctrl-C.

    Callers must send PHOTOQUEUE_API_TOKEN as a bearer token; without a token, only this machine has
    access.
    """
    from photoqueue.settings import load_settings

    with server_extra("The HTTP API"):
        from photoqueue.faces.http.server import run
    configure_logging(log_format)
    run(load_settings(), host=host, port=port)


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
        answers.setdefault(health_port, {})["/healthz"] = lambda: health_answer(
            pulse.problems(), waiting=pulse.servers_away
        )
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


def migrate() -> None:
    """Update the tracking tables to the newest schema."""
    from photoqueue import services
    from photoqueue.installation import Installation
    from photoqueue.queue.database import migrate as apply
    from photoqueue.queue.tables import SCHEMA_REVISION
    from photoqueue.settings import load_settings

    settings = load_settings()
    # Not Installation.open(): it refuses tables with an old schema.
    installation = Installation(settings, services.ensure(settings))
    database = installation.database
    try:
        before = database.revision()
        where = line(database.address)
        if apply(database):
            show(f"{where}: from revision {before or 'none'} to {SCHEMA_REVISION}.")
        else:
            show(f"{where}: at revision {SCHEMA_REVISION} already; there was nothing to do.")
        if installation.endpoints.redis_url is None:
            installation.broker.probe()  # makes the table of messages, as the owner of all tables
    finally:
        installation.close()


def down() -> None:
    """Stop the embedded servers of PHOTOQUEUE_HOME; they start again on first use."""
    from photoqueue import services
    from photoqueue.settings import load_settings

    settings = load_settings()
    workers = _live_workers(settings)
    if workers:
        warn(
            f"{counted(workers, 'live worker')} used these servers. Running jobs are "
            "recovered when the servers and a worker run again."
        )
    stopped = services.down(settings)
    home = line(settings.home)
    if stopped:
        show(f"Stopped {' and '.join(stopped)} of {home}.")
    else:
        show(f"No embedded server runs in {home}; nothing was stopped.")
    urls = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    configured = [name for name, url in urls.items() if url is not None]
    if configured:
        show(
            f"The servers of {' and '.join(configured)} do not belong to photoqueue and still run."
        )


def _live_workers(settings: Settings) -> int:
    """Count the workers of the embedded PostgreSQL; 0 if unknown."""
    from photoqueue import services
    from photoqueue.client.system import Survey
    from photoqueue.errors import PhotoqueueError

    embedded = settings.model_copy(update={"database_url": None, "redis_url": None})
    try:
        postgres, _ = services.status(embedded)
        if not postgres.running:
            return 0
        with Survey(embedded) as survey:
            return max(queue.workers for queue in survey.installation.counts.read().values())
    except PhotoqueueError:
        return 0


_AGE: Final = re.compile(r"(\d{1,5})(h|d|w)")
#: Longest age in days: longer ones exceed the range of dates.
_OLDEST: Final = timedelta(days=36_500)
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


def prune(
    older_than: Annotated[
        str, typer.Option(help="How long ago they ended: 90d, 12w or 36h.", show_default=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how many jobs would be deleted; delete nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete jobs that ended long ago, with their attempts, results and unneeded photos.

    Jobs of batches and projects with unfinished work stay. Counters stay as they are. Pictures
    that no job refers to are deleted, too, once nobody has submitted them for a day.
    """
    age = _age(older_than)
    from photoqueue.client.pruning import prune as delete_old

    deleted = delete_old(age, dry_run=dry_run)
    if printed_json(as_json, {**asdict(deleted), "dry_run": dry_run}):
        return
    if dry_run:
        show(f"{counted(deleted.jobs, 'job')} would be deleted; nothing was.")
    else:
        show(f"Deleted {_told(deleted)}.")


def erase(
    project: Annotated[str, typer.Option(help="The project of the household.", show_default=False)],
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase; without it, only show what would be erased.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete everything of one household: jobs, results, corrections, photos and their files.

    It cannot be undone. Its jobs must have ended.
    """
    from photoqueue.client.pruning import erase_project

    deleted = erase_project(project, dry_run=not yes)
    name = line(project)
    if not printed_json(as_json, {**asdict(deleted), "dry_run": not yes}):
        show(
            f"Erased project {name}: {_told(deleted)}."
            if yes
            else f"Project {name} has {_told(deleted)}. Nothing was erased; add --yes to do it."
        )
    if not yes:
        raise typer.Exit(1)


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip().lower())
    age = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < age < _OLDEST:
        raise typer.BadParameter(
            "give a number of days, weeks or hours above zero: 90d, 12w or 36h",
            param_hint="--older-than",
        )
    return age


def _told(deleted: Deleted) -> str:
    return (
        f"{counted(deleted.jobs, 'job')}, {counted(deleted.photos, 'photo')} and "
        f"{counted(deleted.files, 'stored picture')}"
    )
