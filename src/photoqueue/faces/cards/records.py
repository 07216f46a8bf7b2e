"""Cards and texts of snapshots, counts, corrections, workers and the catalogue."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Final

from photoqueue.faces.cards.drawing import (
    NOTHING,
    card,
    counted,
    cubic_metres,
    one_line,
    span,
    table,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.queue.queue_counts import QueueStats
    from photoqueue.queue.reads import JobSnapshot
    from photoqueue.words import Correction

#: Columns of a text; a terminal has at least 80.
_WIDTH: Final = 79
_STATES: Final = ("waiting", "active", "delayed", "completed", "failed", "cancelled")


def snapshot_text(job: JobSnapshot) -> str:
    """Tell in a line where a job stood."""
    key = one_line(job.job_key, 28)
    return f"<JobSnapshot {key}: {job.state}, attempt {job.attempt} of {job.max_attempts}>"


def snapshot_card(job: JobSnapshot) -> str:
    """Draw where a job stood, how long it waited and ran, and its error."""
    rows: list[tuple[str, object]] = [
        ("state", job.state),
        ("attempts", f"{job.attempt} of {job.max_attempts}"),
    ]
    for name, told in (("project", job.project_id), ("batch", job.batch_id)):
        if told:
            rows.append((name, told))
    for name, time in (("waited", job.wait_ms), ("ran", job.duration_ms)):
        if time is not None:
            rows.append((name, span(time)))
    if job.error:
        rows.append(("error", job.error))
    rows.append(("id", job.job_id))
    return card(f"Job {job.job_key}", rows)


def correction_text(made: Correction) -> str:
    """Tell a correction in a line."""
    undone = ", taken back" if made.undone_at is not None else ""
    return (
        f"<Correction {made.correction_id}: {made.count} × {one_line(made.name, 16)} in "
        f"{one_line(made.room, 12)}, by {one_line(made.user_id, 8)}{undone}>"
    )


def correction_card(made: Correction) -> str:
    """Draw a correction: what, where, who and when."""
    rows: list[tuple[str, object]] = [
        ("project", made.project_id),
        ("room", made.room),
        ("thing", made.name),
        ("number", made.count or "0, off the list"),
    ]
    if made.volume is not None:
        rows.append(("volume of one", cubic_metres(made.volume)))
    if made.dismountable is not None:
        rows.append(("taken apart", "yes" if made.dismountable else "no"))
    rows.append(("by", f"{one_line(made.user_id, 40)}, {_moment(made.created_at)}"))
    if made.undone_at is not None:
        rows.append(("taken back by", f"{one_line(made.undone_by, 40)}, {_moment(made.undone_at)}"))
    note = "" if made.undone_at else f"undo_correction({made.correction_id}) takes it back."
    return card(f"Correction {made.correction_id}", rows, note)


def stats_text(queues: Iterable[QueueStats]) -> str:
    """Count the jobs of each queue, a line or two each."""
    return "\n".join(
        textwrap.fill(f"{queue.name}: {_counted(queue)}", _WIDTH, subsequent_indent="  ")
        for queue in queues
    )


def stats_card(queues: Iterable[QueueStats]) -> str:
    """Draw the counts of each queue, one row a queue."""
    rows = [
        (
            queue.name,
            *(f"{getattr(queue, state):,}" for state in _STATES),
            f"{queue.total:,}",
            f"{queue.workers:,}",
            "paused" if queue.paused else "",
        )
        for queue in queues
    ]
    columns = ("queue", *_STATES, "total", "workers", "")
    return card("Queues", body=table(columns, rows, numbers="w" + "n" * (len(_STATES) + 2)))


def worker_text(pid: int) -> str:
    """Name a worker in a line."""
    return f"<WorkerProcess {pid}>"


def worker_card(pid: int, log: Path) -> str:
    """Draw a worker that this process started."""
    return card(
        f"Worker {pid}",
        [("process", pid), ("log", log)],
        "It ends with this process at the latest; stop() ends it sooner.",
    )


def catalogue_text(catalogue: Catalogue) -> str:
    """Tell in a line how much a catalogue knows."""
    return f"Catalogue({len(catalogue)} items)"


def catalogue_card(catalogue: Catalogue) -> str:
    """Draw how many things a catalogue knows in each category, with examples."""
    numbers = Counter(item.category for item in catalogue.items)
    rows = [
        (category, number, _examples(catalogue, category))
        for category, number in sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    return card(
        "Catalogue",
        [("things", f"{len(catalogue):,}")],
        ".to_frame() lists all, .find('canapé') finds one by its name.",
        body=table(("category", "things", "such as"), rows, numbers="wn") if rows else "",
    )


def _examples(catalogue: Catalogue, category: str) -> str:
    names = [item.name_en for item in catalogue.items if item.category == category]
    return one_line(", ".join(names[:3]), 60) or NOTHING


def _counted(queue: QueueStats) -> str:
    counts: Mapping[str, int] = {state: getattr(queue, state) for state in _STATES}
    shown = [f"{number:,} {state}" for state, number in counts.items() if number] or ["no jobs"]
    shown.append(counted(queue.workers, "worker") if queue.workers else "no worker")
    return ", ".join(shown) + (" (paused)" if queue.paused else "")


def _moment(when: datetime) -> str:
    # In UTC, so that the card is the same on every machine.
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
