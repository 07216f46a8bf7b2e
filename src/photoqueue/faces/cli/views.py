"""Tables of jobs, attempts, results and inventories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from photoqueue.faces.cli.output import (
    NUMBER,
    REST,
    WHOLE,
    TableColumn,
    coloured,
    in_full,
    name,
    narrow,
    show,
    table,
    wide,
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
from photoqueue.records.results import range_note, share_words
from photoqueue.records.snapshots import job_columns

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from photoqueue.inventory.wording import Wording
    from photoqueue.records.results import InventoryResult

Record = Mapping[str, Any]


#: Columns of a table of jobs; other listed fields follow, before the error.
_COLUMNS: Final = ("job_key", "state", "created_at", "job_duration_ms", "wait_ms", "attempts")
#: How many of them a terminal of normal width shows, and a narrow one.
_SHOWN: Final = (4, 2)


def job_table(jobs: Sequence[Record]) -> Table:
    """Return a table of jobs, one per line.

    A terminal shows the key, which every command accepts in place of the id, and room and file of
    the photo in one column; a wide one the id, too. A pipe has all of it, in columns of their own,
    and every other listed field that has values.
    """
    declared = job_columns()
    shown = [*_COLUMNS] if in_full() else [*_COLUMNS[: _SHOWN[narrow()]]]
    if wide():
        shown.insert(0, "job_id")
    if in_full():
        more = [name for name, column in declared.items() if column.listed or name == "file_name"]
        shown += [name for name in more if not all(missing(job[name]) for job in jobs)]
    columns = []
    for name_ in shown:
        is_number = name_.endswith(("_ms", "_at")) or name_ == "attempts"
        kind = NUMBER if is_number else WHOLE
        columns.append(TableColumn(declared[name_].title.upper(), partial(job_value, name_), kind))
    if not in_full():
        columns.insert(shown.index("state") + 1, TableColumn("PHOTO", _photo, WHOLE))
    if in_full() or not all(missing(job["error_type"]) for job in jobs):
        columns.append(TableColumn("ERROR", error_of, REST))
    return table(columns, jobs)


def _photo(job: Record) -> str:
    """Name room and file of a photo: ``salon/IMG_2…71502.jpg``."""
    parts = [job[field] for field in ("room", "file_name") if not missing(job[field])]
    return name("/".join(parts)) if parts else NOTHING


def job_value(field: str, job: Record) -> RenderableType:
    """Format a field of a job."""
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
    """Return a table of the ended attempts of a job."""
    columns = (
        TableColumn("#", "attempt", NUMBER, str),
        TableColumn("OUTCOME", "outcome", WHOLE, coloured),
        TableColumn("STARTED", "started_at", NUMBER, clock),
        TableColumn("WAITED", "wait_ms", NUMBER, duration),
        TableColumn("RAN", "duration_ms", NUMBER, duration),
        TableColumn("BACK-OFF", "retry_delay_ms", NUMBER, duration),
        TableColumn("HOST", "host"),
        TableColumn("ERROR", error_of, REST),
    )
    return table(columns, attempts, title="Attempts")


def result_table(results: Iterable[Record]) -> Table:
    """Return a table of results, one photo per line, including failures."""

    def photo(result: Record) -> str:
        return name(result["photo_id"] if missing(result["file_name"]) else result["file_name"])

    def failed(result: Record) -> bool:
        return bool(result["state"] != "completed")

    columns = (
        TableColumn("PHOTO", photo),
        TableColumn("ROOM", "room", shown=name),
        TableColumn("KIND OF ROOM", "room_type"),
        TableColumn("VOLUME", "volume", NUMBER, volume),
        TableColumn(
            "FOUND",
            lambda result: (
                f"{result['state']}: {error_of(result)}" if failed(result) else _found_in(result)
            ),
            REST,
        ),
    )
    return table(columns, results, style=lambda result: "red" if failed(result) else None)


def item_table(items: Sequence[Record], wording: Wording) -> Table:
    """Return a table of the things in one photo; a record is an item of the job's JSON result."""
    columns = [
        TableColumn("ITEM", lambda item: line(wording.item(item.get("key"), item["name"]))),
        TableColumn("CATEGORY", "category"),
        TableColumn("SCORE", lambda item: score(item.get("score")), NUMBER),
        TableColumn("VOLUME", lambda item: volume(item.get("volume")), NUMBER),
        TableColumn("TAKEN APART", lambda item: "yes" if item.get("dismountable") else "no", WHOLE),
    ]
    if any(item.get("alternatives") for item in items):

        def others(item: Record) -> str:
            return line(wording.alternatives(item.get("alternatives")))

        columns.append(TableColumn("OR ELSE", others, REST))
    return table(columns, items, title="Found")


def inventory_table(inventory: InventoryResult) -> Table:
    """Return a table of an inventory by room, with volumes and their ranges."""
    columns = (
        TableColumn("ROOM", "room", shown=name),
        TableColumn("COUNT", "count", NUMBER, str),
        TableColumn("ITEM", "name"),
        TableColumn("VOLUME", "volume", NUMBER, volume),
        TableColumn("RANGE", lambda one: volume_range(one.volume_min, one.volume_max), NUMBER),
        TableColumn("REVIEW", lambda entry: line(entry.reason) if entry.reason else "", REST),
    )
    drawn = table(
        columns,
        inventory.lines,
        title=f"Inventory of {line(inventory.project_id)}",
        group=lambda entry: entry.room,
    )
    missing = inventory.missing_photos
    marked = sum(entry.review for entry in inventory.lines)
    drawn.add_row(
        "Total",
        str(inventory.total_items),
        f"from {counted(inventory.photo_count, 'photo')}"
        + (f", {len(missing)} not analysed" if missing else ""),
        volume(inventory.total_volume),
        volume_range(inventory.total_volume_min, inventory.total_volume_max),
        f"{counted(marked, 'line')} to review" if marked else "",
        style="bold",
    )
    return drawn


def show_inventory(inventory: InventoryResult) -> None:
    """Print an inventory, and which engine it comes from."""
    show(inventory_table(inventory))
    show(f"Range of the total: {share_words()}. Of a line: among movers.")
    if said := range_note(inventory):
        show(said)
    show(f"Engine: {line(inventory.source)}")


def correction_table(corrections: Iterable[Record]) -> Table:
    """Return a table of corrections, oldest first."""
    columns = (
        TableColumn("ID", "correction_id", NUMBER, str),
        TableColumn("ROOM", "room", shown=name),
        TableColumn("COUNT", "count", NUMBER, str),
        TableColumn("ITEM", "name"),
        TableColumn("VOLUME", "volume", NUMBER, volume),
        TableColumn("BY", "user_id"),
        TableColumn("WHEN", "created_at", NUMBER, clock),
        TableColumn("TAKEN BACK", _undone, REST),
    )
    return table(columns, corrections, title="Corrections")


def _undone(made: Record) -> str:
    if missing(made["undone_at"]):
        return ""
    return f"{clock(made['undone_at'])} by {line(made['undone_by'])}"


def error_of(record: Record) -> str:
    """Return the error of a job or attempt as one line."""
    kind, message = record["error_type"], record["error_message"]
    if missing(kind):
        return NOTHING
    return line(f"{kind}: {message}")


def _found_in(result: Record) -> str:
    """Return photo problems and the things of a photo as one line."""
    warnings = result.get("warnings")
    flagged = f"! {line(warnings)}: " if warnings and not missing(warnings) else ""
    return flagged + found(result["items"])


def found(items: Any) -> str:
    """Return the things of a photo as one line."""
    return line(items) if items and not missing(items) else "nothing"
