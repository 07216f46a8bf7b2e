"""``photoqueue check``: for cron, Nagios and whoever else reads exit codes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson
from photoqueue.faces.cli.output import print_json, show, warn

if TYPE_CHECKING:
    from photoqueue.client.alerts import Alert

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
    """Tell in one line whether something is wrong: exit status 0 no, 1 badly, 2 at a standstill.

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
        show(words.line(f"{_WORDS[status]}: {message}"))
