"""Jobs and queues: status, check, jobs, job, retry, cancel, prioritise, pause and resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

import photoqueue
from photoqueue.faces.cli.output import (
    LABEL,
    NUMBER,
    STYLES,
    WHOLE,
    WORDS,
    AsJson,
    TableColumn,
    known_queue,
    note,
    printed_json,
    records,
    show,
    table,
    warn,
)
from photoqueue.format import counted, duration, foreign, line, score
from photoqueue.words import JobState

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.client.control import Target
    from photoqueue.client.observe import Stats
    from photoqueue.queue.incidents import Alert
    from photoqueue.records.snapshots import QueueStats


def jobs(
    state: Annotated[
        list[JobState] | None, typer.Option(help="Only jobs in this state; may be repeated.")
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option(parser=known_queue, metavar="QUEUE", help="Only jobs of this queue."),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only jobs of this project.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only jobs of this batch.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many jobs.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    # Read one more than is shown, to know whether there are more.
    found = photoqueue.history(
        queue=queue, state=state, project_id=project, batch=batch, limit=limit + 1
    )
    rows = records(found.head(limit))
    if printed_json(as_json, rows):
        return
    if not rows:
        chosen = any((state, queue, project, batch))
        show("No such jobs." if chosen else "No jobs yet. Submit photos: photoqueue submit FOLDER")
        return

    from photoqueue.faces.cli.views import job_table

    show(job_table(rows))
    if len(found) > limit:
        note(f"Only the newest {limit:,}; --limit shows more.")


def job(
    job_id: Annotated[
        str, typer.Argument(metavar="JOB", help="Job id, or key such as photo-salon-1.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show everything about one job: its attempts, its result, its error."""
    from photoqueue.client.observe import story

    handle = photoqueue.job(job_id)
    found = story(handle)
    attempts = records(handle.attempts())
    row = asdict(found)
    printed = {"queue_name": found.queue, **row, "attempt_history": attempts}
    for key in ("queue", "attempt_list", "now_ms"):
        del printed[key]
    if printed_json(as_json, printed):
        return

    from photoqueue.faces.cli.views import attempt_table

    show(f"Job {line(found.job_key)}", style="bold")
    show(_facts(row))
    if attempts:
        show()
        show(attempt_table(attempts))
    if found.result:
        show()
        _show_result(found.queue, found.result)
    if found.error_type:
        show()
        show(f"{line(found.error_type)}: {foreign(found.error_message)}", style="red")
    if found.error_traceback:
        show()
        show("In the worker:", style="bold")
        show(foreign(found.error_traceback.rstrip()))
    if found.can_retry:
        show()
        show(f"Retry it with: photoqueue retry {found.job_id}")


def _facts(row: dict[str, Any]) -> Any:
    from photoqueue.faces.cli.views import job_value
    from photoqueue.records.snapshots import job_columns

    # Folded, not cut: ids must be complete.
    columns = (TableColumn("", 0, LABEL, str), TableColumn("", 1, WORDS, lambda value: value))
    rows = [
        (column.title.lower(), job_value(field, row))
        for field, column in job_columns().items()
        if row[field] is not None and (field, row[field]) != ("priority", 0)
    ]
    return table(columns, rows, header=False)


def _show_result(queue: str, result: Mapping[str, Any]) -> None:
    from photoqueue.faces.cli.views import item_table, show_inventory
    from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE

    if queue not in (PHOTO_ANALYZE, INVENTORY_SYNC):
        show("Result:", style="bold")
        show(foreign(json.dumps(result, indent=2, ensure_ascii=False)))
        return
    if queue == INVENTORY_SYNC:
        from photoqueue.records.results import InventoryResult

        show_inventory(InventoryResult.model_validate(result))
        return
    sure = score(result.get("roomTypeConfidence"))
    show(f"Room: {line(result['roomType'])} (confidence {sure})")
    if result.get("warnings"):
        told = "; ".join(map(line, result["warnings"]))
        show(f"! A poor photo ({told}): there may be more than was found.", style="yellow")
    if result["items"]:
        from photoqueue.inventory.wording import Wording

        show(item_table(result["items"], Wording.of(None)))
    else:
        show("Nothing was found in this photo.")


JobIds = Annotated[
    list[str] | None, typer.Argument(metavar="JOB", help="Job ids or keys.", show_default=False)
]
BatchId = Annotated[str | None, typer.Option("--batch", help="All jobs of this batch.")]
Queue = Annotated[
    str | None,
    typer.Argument(parser=known_queue, metavar="QUEUE", help="The queue (default: all)."),
]


def retry(
    job_ids: JobIds = None,
    batch: BatchId = None,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="All failed jobs of this installation.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start failed and cancelled jobs again, with a new budget of attempts."""
    target = _target(job_ids, batch, all_failed=all_failed)
    number = photoqueue.retry(target)
    if printed_json(as_json, {"retried": number}):
        return
    show(f"{counted(number, 'job')} retried{_of(target, number)}.")
    if number:
        show("Follow with: photoqueue status")


def cancel(job_ids: JobIds = None, batch: BatchId = None, as_json: AsJson = False) -> None:
    """Cancel unfinished jobs; running ones are stopped within seconds."""
    target = _target(job_ids, batch)
    number = photoqueue.cancel(target)
    if printed_json(as_json, {"cancelled": number}):
        return
    show(f"{counted(number, 'job')} cancelled{_of(target, number)}.")
    if number:
        show("Retry them with: photoqueue retry")


def prioritise(
    priority: Annotated[
        int, typer.Option(help="From -1000 to 1000; batches have 0, single photos 10.")
    ],
    job_ids: JobIds = None,
    batch: BatchId = None,
    as_json: AsJson = False,
) -> None:
    """Change the priority of jobs that wait; those of higher priority are taken first."""
    target = _target(job_ids, batch)
    number = photoqueue.prioritise(target, priority)
    if printed_json(as_json, {"prioritised": number}):
        return
    show(f"{counted(number, 'job')} given priority {priority}.")
    if not number or _of(target, number):
        show("Jobs that run, have ended or had it already are not changed.")


def pause(queue: Queue = None) -> None:
    """Stop taking jobs of a queue; running jobs finish, waiting jobs stay."""
    photoqueue.pause(queue)
    show(f"{_named(queue)} paused: running jobs finish, waiting ones stay.")
    show(f"Go on with: photoqueue resume{f' {queue}' if queue else ''}")


def resume(queue: Queue = None) -> None:
    """Take jobs of a queue again."""
    photoqueue.resume(queue)
    show(f"{_named(queue)} not paused: workers take jobs.")


def _target(
    job_ids: list[str] | None, batch: str | None, *, all_failed: bool | None = None
) -> Target:
    """Return the chosen jobs: named ones, a batch, or all failed ones."""
    if sum([bool(job_ids), batch is not None, bool(all_failed)]) != 1:
        third = "" if all_failed is None else ", or --all-failed"
        raise typer.BadParameter(f"Name jobs, or give --batch ID{third}; one of them.")
    if batch is not None:
        return photoqueue.batch(batch)
    if all_failed:
        return list(photoqueue.history(state="failed")["job_id"])
    names = job_ids or []
    return names[0] if len(names) == 1 else names


def _of(target: object, number: int) -> str:
    """Return the number chosen, if fewer were changed."""
    meant = len(target) if hasattr(target, "__len__") and not isinstance(target, str) else number
    return "" if meant == number else f" of {meant:,}; the state of the others does not allow it"


def _named(queue: str | None) -> str:
    return f"{queue} is" if queue else "All queues are"


def status(as_json: AsJson = False) -> None:
    """Show the queues: jobs by state, the oldest waiting job, live workers and their engine."""
    from photoqueue.client.system import engines_at_work
    from photoqueue.installation import current

    stats, engines = photoqueue.stats(), engines_at_work()
    error = current().probe()["broker"]
    broker_trouble = str(error) if error else None
    hints = list(_hints(stats))
    printed = {
        "engines": engines,
        "queues": [{**asdict(queue), "total": queue.total} for queue in stats.values()],
        "broker": {"reachable": broker_trouble is None, "error": broker_trouble},
        "hints": hints,
    }
    if printed_json(as_json, printed):
        return
    show(_table(stats))
    if engines:
        show()
        show(f"Engine of the live workers: {line(engines)}")
    if broker_trouble:
        hints.insert(0, f"{broker_trouble} Until then jobs wait; none is lost.")
    if hints:
        show()
    for hint in hints:
        show(f"! {line(hint)}", style="yellow")


def _table(stats: Stats) -> Table:
    """Draw one column per queue, which fits the narrowest terminal."""
    columns = (
        TableColumn("", 0, WHOLE),
        *(TableColumn(queue, place, NUMBER) for place, queue in enumerate(stats, 1)),
    )
    queues = stats.values()
    rows = [
        *((name, *(f"{getattr(queue, name):,}" for queue in queues)) for name in JobState),
        ("oldest waiting", *map(_oldest, queues)),
        ("taking jobs", *("paused" if queue.paused else "yes" for queue in queues)),
        ("live workers", *(queue.workers for queue in queues)),
    ]

    def style(row: tuple[Any, ...]) -> str | None:
        none = isinstance(row[0], JobState) and set(row[1:]) == {"0"}
        return "dim" if none else STYLES.get(row[0])

    return table(columns, rows, style=style)


def _oldest(queue: QueueStats) -> str:
    seconds = queue.oldest_waiting_s
    return duration(None if seconds is None else max(seconds, 0.0) * 1000)


def _hints(stats: Stats) -> Iterator[str]:
    """Yield hints for the operator, each with a command."""
    for name, queue in stats.items():
        if jobs := queue.unattended:
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


#: Exit statuses, as for monitoring plug-ins.
_WORDS: Final = ("OK", "WARNING", "CRITICAL")


def check(
    window_minutes: Annotated[
        int | None, typer.Option(min=1, max=700, help="Minutes to look back.")
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
        int | None, typer.Option(min=1, help="Lost attempts from which to warn.")
    ] = None,
    retries: Annotated[
        int | None, typer.Option(min=1, help="Fewer retries than this never count as rising.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report in one line whether something is wrong: exit status 0 no, 1 warning, 2 critical.

    Thresholds that are not given come from PHOTOQUEUE_ALERT_…; PHOTOQUEUE_ALERT_URL is notified
    when a problem begins or ends.
    """
    from photoqueue.client.alerts import check as examine
    from photoqueue.client.alerts import tell
    from photoqueue.errors import PhotoqueueError
    from photoqueue.posting import Receiver
    from photoqueue.queue.incidents import Severity
    from photoqueue.settings import load_settings

    given = {
        "alert_window_minutes": window_minutes,
        "alert_failure_rate": failure_rate,
        "alert_ai_error_rate": ai_error_rate,
        "alert_oldest_waiting_seconds": oldest_waiting_seconds,
        "alert_recovered": recovered,
        "alert_retries": retries,
    }
    try:
        settings = load_settings(**{name: it for name, it in given.items() if it is not None})
        alerts = examine(settings)
    except PhotoqueueError as exc:
        _report(2, [], str(exc), as_json)
        raise typer.Exit(2) from exc
    try:
        if (receiver := Receiver.of(settings, "alert_url")) is not None:
            tell(alerts, receiver)
    except PhotoqueueError as exc:
        warn(str(exc))
    worst = max((2 if alert.severity is Severity.CRITICAL else 1 for alert in alerts), default=0)
    _report(worst, alerts, "; ".join(alert.message for alert in alerts) or "no problems", as_json)
    raise typer.Exit(worst)


def _report(status: int, alerts: list[Alert], message: str, as_json: bool) -> None:
    word = _WORDS[status]
    if not printed_json(as_json, {"status": word.lower(), "message": message, "alerts": alerts}):
        show(line(f"{word}: {message}"))
