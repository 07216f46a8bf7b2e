"""``photoqueue status``, for a person, and ``photoqueue check``, for whoever reads exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from photoqueue.faces.cli.output import (
    STYLES,
    AsJson,
    StateName,
    number_column,
    print_json,
    show,
    table,
    warn,
)
from photoqueue.format import counted, duration, line

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.client.alerts import Alert
    from photoqueue.client.observe import Stats
    from photoqueue.records.snapshots import QueueStats


def status(as_json: AsJson = False) -> None:
    """Show the queues: jobs by state, the oldest waiting job, live workers."""
    import photoqueue

    stats = photoqueue.stats()
    broker_trouble = _broker_trouble()
    if as_json:
        print_json(
            {
                "queues": [{**asdict(queue), "total": queue.total} for queue in stats.values()],
                "broker": {"reachable": broker_trouble is None, "error": broker_trouble},
                "hints": list(_hints(stats)),
            }
        )
        return
    show(_table(stats))
    hints = list(_hints(stats))
    if broker_trouble:
        hints.insert(0, f"{broker_trouble} Until then jobs wait; none is lost.")
    if hints:
        show()
    for hint in hints:
        show(f"! {line(hint)}", style="yellow")


def _broker_trouble() -> str | None:
    """Return why the broker cannot be used; the tracking table alone would not tell."""
    from photoqueue.errors import BrokerUnavailableError
    from photoqueue.installation import current

    try:
        current().broker.ping()
    except BrokerUnavailableError as exc:
        return str(exc)
    return None


def _table(stats: Stats) -> Table:
    """Draw one column a queue, which fits the narrowest terminal."""
    drawn = table()
    drawn.add_column("", no_wrap=True)
    for queue in stats:
        number_column(drawn, queue)
    for name in StateName:
        counts = [getattr(queue, name) for queue in stats.values()]
        style = STYLES.get(name) if any(counts) else "dim"
        drawn.add_row(name, *(f"{count:,}" for count in counts), style=style)
    drawn.add_section()
    for label, tell in (
        ("oldest waiting", _oldest),
        ("taking jobs", lambda queue: "paused" if queue.paused else "yes"),
        ("live workers", lambda queue: str(queue.workers)),
    ):
        drawn.add_row(label, *(tell(queue) for queue in stats.values()))
    return drawn


def _oldest(queue: QueueStats) -> str:
    seconds = queue.oldest_waiting_s
    return duration(None if seconds is None else max(seconds, 0.0) * 1000)


def _hints(stats: Stats) -> Iterator[str]:
    """Say what an operator should know, each with the command to type."""
    from photoqueue.client.system import unattended

    for name, queue in stats.items():
        jobs = unattended(queue)
        if jobs:
            yield (
                f"{counted(jobs, 'job')} of {name} "
                f"{'waits' if jobs == 1 else 'wait'} and no worker is running. Start one: "
                "photoqueue worker"
            )
        if queue.paused:
            yield f"{name} is paused. Go on with: photoqueue resume {name}"
        if queue.failed:
            yield (
                f"{counted(queue.failed, 'job')} of {name} failed. Look at them: "
                f"photoqueue jobs --state failed --queue {name}"
            )
        if queue.refused_messages:
            yield (
                f"{counted(queue.refused_messages, 'message')} on {name} did not come from "
                "photoqueue and were refused. Find out who else writes to this Redis."
            )


#: Exit statuses, as monitoring plug-ins have them.
_WORDS: Final = ("OK", "WARNING", "CRITICAL")


def check(
    window_minutes: Annotated[
        int | None, typer.Option(min=1, max=700, help="How many minutes to look back.")
    ] = None,
    failure_rate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of jobs that may fail.")
    ] = None,
    ai_error_rate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of engine calls that may fail.")
    ] = None,
    oldest_waiting_seconds: Annotated[
        float | None, typer.Option(min=0, help="How long a job may wait.")
    ] = None,
    recovered: Annotated[
        int | None, typer.Option(min=1, help="Attempts lost with their worker that are too many.")
    ] = None,
    retries: Annotated[
        int | None, typer.Option(min=1, help="Fewer retries are never called rising.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say in one line whether something is wrong: exit status 0 no, 1 warning, 2 critical.

    Thresholds that are not given are PHOTOQUEUE_ALERT_…; PHOTOQUEUE_ALERT_URL is told what
    began and what ended.
    """
    from photoqueue.client.alerts import Severity, Thresholds, tell
    from photoqueue.client.alerts import check as examine
    from photoqueue.errors import PhotoqueueError
    from photoqueue.settings import load_settings

    given = {
        "window_minutes": window_minutes,
        "failure_rate": failure_rate,
        "ai_error_rate": ai_error_rate,
        "oldest_waiting_seconds": oldest_waiting_seconds,
        "recovered": recovered,
        "retries": retries,
    }
    try:
        settings = load_settings()
        thresholds = asdict(Thresholds.of(settings))
        chosen = {name: value for name, value in given.items() if value is not None}
        alerts = examine(Thresholds(**{**thresholds, **chosen}))
    except PhotoqueueError as exc:
        _report(2, [], str(exc), as_json)
        raise typer.Exit(2) from exc
    if settings.alert_url is not None:
        try:
            tell(alerts, settings.alert_url)
        except PhotoqueueError as exc:
            warn(str(exc))
    worst = max((2 if alert.severity is Severity.CRITICAL else 1 for alert in alerts), default=0)
    _report(worst, alerts, "; ".join(alert.message for alert in alerts) or "all is well", as_json)
    raise typer.Exit(worst)


def _report(status: int, alerts: list[Alert], message: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "status": _WORDS[status].lower(),
                "message": message,
                "alerts": [asdict(alert) for alert in alerts],
            }
        )
    else:
        show(line(f"{_WORDS[status]}: {message}"))
