"""``photoqueue status``: how the queues are, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson, StateName
from photoqueue.faces.cli.output import STYLES, number_column, print_json, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.client.observe import Stats
    from photoqueue.queue.queue_counts import QueueStats


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
        show(f"! {words.line(hint)}", style="yellow")


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
    return words.duration(None if seconds is None else max(seconds, 0.0) * 1000)


def _hints(stats: Stats) -> Iterator[str]:
    """Say what an operator should know, each with the command to type."""
    from photoqueue.client.system import unattended

    for name, queue in stats.items():
        jobs = unattended(queue)
        if jobs:
            yield (
                f"{words.counted(jobs, 'job')} of {name} "
                f"{'waits' if jobs == 1 else 'wait'} and no worker is running. Start one: "
                "photoqueue worker"
            )
        if queue.paused:
            yield f"{name} is paused. Go on with: photoqueue resume {name}"
        if queue.failed:
            yield (
                f"{words.counted(queue.failed, 'job')} of {name} failed. Look at them: "
                f"photoqueue jobs --state failed --queue {name}"
            )
        if queue.refused_messages:
            yield (
                f"{words.counted(queue.refused_messages, 'message')} on {name} did not come from "
                "photoqueue and were refused. Find out who else writes to this Redis."
            )
