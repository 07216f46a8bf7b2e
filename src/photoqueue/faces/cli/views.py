"""Tables of jobs, attempts, results and inventories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from photoqueue.faces.cli.output import (
    coloured,
    in_full,
    last_column,
    name,
    narrow,
    number_column,
    table,
    wide,
    word_column,
)
from photoqueue.format import (
    NOTHING,
    clock,
    counted,
    duration,
    line,
    missing,
    score,
    volume,
    volume_range,
)
from photoqueue.records.snapshots import job_columns

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from photoqueue.inventory.wording import Wording
    from photoqueue.records.results import InventoryResult

Record = Mapping[str, Any]


#: Columns of a table of jobs; other listed fields follow, before the error.
_COLUMNS: Final = ("job_key", "state", "created_at", "wait_ms", "job_duration_ms", "attempts")


def job_table(jobs: Sequence[Record]) -> Table:
    """Show jobs, one a line.

    A terminal of usual width shows the key, which every command takes as well as the id;
    a wide one, and a pipe, show both, and the listed fields that a job has a value of. A narrow
    one leaves out the waits too.
    """
    declared = job_columns()
    shown = [name for name in _COLUMNS if name != "wait_ms" or not narrow()]
    if wide():
        more = [name for name, column in declared.items() if column.listed]
        valued = [name for name in more if not all(missing(job[name]) for job in jobs)]
        shown = ["job_id", *shown, *valued]
    drawn = table()
    for name_ in shown:
        is_number = name_.endswith(("_ms", "_at")) or name_ == "attempts"
        title = declared[name_].title.upper()
        drawn.add_column(title, no_wrap=True, justify="right" if is_number else "left")
    last_column(drawn, "ERROR")
    for job in jobs:
        drawn.add_row(*(job_value(job, name_) for name_ in shown), error_of(job))
    return drawn


def job_value(job: Record, field: str) -> RenderableType:
    """Show a field of a job."""
    value = job[field]
    if field == "attempts":
        return f"{value} of {job['max_attempts']}"
    if field == "state":
        return coloured(value)
    if field.endswith("_ms"):
        return duration(value)
    if field.endswith("_at"):
        return clock(value)
    return name(value) if field == "job_key" else line(value)


def attempt_table(attempts: Iterable[Record]) -> Table:
    """Show the ended attempts of a job."""
    drawn = table(title="Attempts")
    number_column(drawn, "#")
    drawn.add_column("OUTCOME", no_wrap=True)
    for column in ("STARTED", "WAITED", "RAN", "BACK-OFF"):
        number_column(drawn, column)
    word_column(drawn, "HOST")
    last_column(drawn, "ERROR")
    for attempt in attempts:
        drawn.add_row(
            str(attempt["attempt"]),
            coloured(attempt["outcome"]),
            clock(attempt["started_at"]),
            duration(attempt["wait_ms"]),
            duration(attempt["duration_ms"]),
            duration(attempt["retry_delay_ms"]),
            line(attempt["host"]),
            error_of(attempt),
        )
    return drawn


def result_table(results: Iterable[Record]) -> Table:
    """Show what was found in photos, one photo a line, failures included."""
    drawn = table()
    word_column(drawn, "PHOTO")
    word_column(drawn, "ROOM")
    word_column(drawn, "KIND OF ROOM")
    number_column(drawn, "VOLUME")
    last_column(drawn, "FOUND")
    for result in results:
        failed = result["state"] != "completed"
        drawn.add_row(
            name(result["photo_id"] if missing(result["file_name"]) else result["file_name"]),
            name(result["room"]),
            line(result["room_type"]),
            volume(result["volume"]),
            f"{result['state']}: {error_of(result)}" if failed else _found_in(result),
            style="red" if failed else None,
        )
    return drawn


def item_table(items: Sequence[Record], wording: Wording) -> Table:
    """Show the things found in one photo; a record is an item of the job's JSON result."""
    doubted = any(item.get("alternatives") for item in items)
    drawn = table(title="Found")
    word_column(drawn, "ITEM")
    word_column(drawn, "CATEGORY")
    number_column(drawn, "SCORE")
    number_column(drawn, "VOLUME")
    drawn.add_column("TAKEN APART", no_wrap=True)
    if doubted:
        last_column(drawn, "OR ELSE")
    for item in items:
        other = line(wording.alternatives(item.get("alternatives")))
        drawn.add_row(
            line(wording.item(item.get("key"), item["name"])),
            line(item["category"]),
            score(item.get("score")),
            volume(item.get("volume")),
            "yes" if item.get("dismountable") else "no",
            *([other] if doubted else []),
        )
    return drawn


def inventory_table(inventory: InventoryResult) -> Table:
    """Show an inventory by room, its volume with the range between movers."""
    drawn = table(title=f"Inventory of {line(inventory.project_id)}")
    word_column(drawn, "ROOM")
    number_column(drawn, "COUNT")
    word_column(drawn, "ITEM")
    number_column(drawn, "VOLUME")
    number_column(drawn, "RANGE")
    last_column(drawn, "REVIEW")
    previous = None
    for entry in inventory.lines:
        drawn.add_row(
            "" if entry.room == previous and not in_full() else name(entry.room),
            str(entry.count),
            line(entry.name),
            volume(entry.volume),
            volume_range(entry.volume_min, entry.volume_max),
            line(entry.reason) if entry.reason else "",
        )
        previous = entry.room
    marked = sum(entry.review for entry in inventory.lines)
    drawn.add_section()
    drawn.add_row(
        "Total",
        str(inventory.total_items),
        f"from {counted(inventory.photo_count, 'photo')}"
        + (
            f", {len(inventory.missing_photos)} could not be analysed"
            if inventory.missing_photos
            else ""
        ),
        volume(inventory.total_volume),
        volume_range(inventory.total_volume_min, inventory.total_volume_max),
        f"{counted(marked, 'line')} to review" if marked else "",
        style="bold",
    )
    return drawn


def correction_table(corrections: Iterable[Record]) -> Table:
    """Show what people corrected, oldest first."""
    drawn = table(title="Corrections")
    number_column(drawn, "ID")
    word_column(drawn, "ROOM")
    number_column(drawn, "COUNT")
    word_column(drawn, "ITEM")
    number_column(drawn, "VOLUME")
    word_column(drawn, "BY")
    number_column(drawn, "WHEN")
    last_column(drawn, "TAKEN BACK")
    for made in corrections:
        undone = not missing(made["undone_at"])
        drawn.add_row(
            str(made["correction_id"]),
            name(made["room"]),
            str(made["count"]),
            line(made["name"]),
            volume(made["volume"]),
            line(made["user_id"]),
            clock(made["created_at"]),
            f"{clock(made['undone_at'])} by {line(made['undone_by'])}" if undone else "",
        )
    return drawn


def error_of(record: Record) -> str:
    """Return the error of a job or attempt in one line."""
    kind, message = record["error_type"], record["error_message"]
    if missing(kind):
        return NOTHING
    return line(f"{kind}: {message}")


def _found_in(result: Record) -> str:
    """Return the things of a photo in one line, after what is wrong with the photo."""
    warnings = result.get("warnings")
    flagged = f"! {line(warnings)}: " if warnings and not missing(warnings) else ""
    return flagged + found(result["items"])


def found(items: Any) -> str:
    """Return the things of a photo in one line."""
    return line(items) if items and not missing(items) else "nothing"
