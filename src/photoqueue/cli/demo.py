"""``photoqueue demo``: the whole chain once, in an installation that is thrown away."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from photoqueue.cli import words
from photoqueue.cli.output import fail, records, show

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.client.handles import Batch
    from photoqueue.models import InventoryResult

_PROJECT: Final = "demo"


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Photos to use instead of the samples.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model to use (default: PHOTOQUEUE_MODEL).")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the servers running and the data folder.")
    ] = False,
) -> None:
    """Show photoqueue at work: real servers, a worker, a move, its inventory.

    Everything runs in a temporary installation of its own and is removed at the end.
    """
    from photoqueue.cli.sample_data import sample_photos, with_model
    from photoqueue.cli.temporary import temporary_installation
    from photoqueue.errors import PhotoqueueError
    from photoqueue.settings import load_settings

    settings = load_settings(**({} if model is None else {"model": model}))
    photos = folder or sample_photos()
    lacking = None if photos else "There are no sample photos beside this installation."
    try:
        settings = with_model(settings)
    except PhotoqueueError as exc:
        lacking = f"{lacking} {exc}" if lacking else str(exc)
    with temporary_installation(settings, keep=keep):
        if photos is None or lacking is not None:
            _show_servers()
            fail(f"{lacking}\nTry your own: photoqueue demo FOLDER --model PATH")
            raise typer.Exit(1)
        _run(photos)


def _show_servers() -> None:
    """Show that the servers at least do work."""
    from photoqueue.cli.checks import examine
    from photoqueue.cli.doctor import show_findings
    from photoqueue.cli.survey import Survey
    from photoqueue.installation import current

    with Survey(current().settings) as survey:
        show_findings(examine(survey))
    show()


def _run(photos: Path) -> None:
    import photoqueue
    from photoqueue.cli.views import inventory_table
    from photoqueue.models import InventoryResult

    show("Starting a worker …")
    with photoqueue.start_worker():
        started = time.monotonic()
        batch = photoqueue.submit_photos(_with_rooms(photos), project_id=_PROJECT)
        adding_up = photoqueue.submit_inventory(_PROJECT, after=batch)
        show(f"Submitted {words.counted(len(batch), 'photo')} of {words.line(photos)}.")
        results = photoqueue.collect(batch)
        seconds = time.monotonic() - started
        inventory = adding_up.result()
    assert isinstance(inventory, InventoryResult)
    show()
    _show_rooms(inventory, results)
    show()
    show(inventory_table(inventory))
    show()
    _show_speed(batch, seconds)


def _with_rooms(photos: Path) -> Any:
    """Name the rooms after the annotated kinds of room, where there are annotations."""
    if not (photos / "annotations.json").is_file():
        return photos
    from photoqueue.analysis.annotations import read_annotations

    return [
        {"photo": photos / entry["file"], "room": _words(entry.get("room_type"))}
        for entry in read_annotations(photos)
    ]


def _words(room_type: str | None) -> str | None:
    return room_type and room_type.replace("_", " ")


def _show_rooms(inventory: InventoryResult, results: pd.DataFrame) -> None:
    """Show in one line a room what stands in it."""
    from photoqueue.cli.output import name, number_column, table, word_column

    drawn = table()
    word_column(drawn, "ROOM")
    number_column(drawn, "ITEMS")
    drawn.add_column("WHAT", overflow="fold")
    for room in inventory.rooms:
        lines = [line for line in inventory.lines if line.room == room]
        things = ", ".join(
            line.name if line.count == 1 else f"{line.count} × {line.name}" for line in lines
        )
        drawn.add_row(name(room), str(sum(line.count for line in lines)), words.line(things))
    show(drawn)
    failed = results[results["state"] != "completed"]
    for record in records(failed):
        show(
            f"! {words.line(record['file_name'])}: {words.line(record['error_message'])}",
            style="yellow",
        )


def _show_speed(batch: Batch, seconds: float) -> None:
    """Show how long jobs waited and ran."""
    from photoqueue.cli.output import number_column, table

    frame = batch.poll()
    drawn = table()
    drawn.add_column("EACH PHOTO", no_wrap=True)
    number_column(drawn, "MEDIAN (P50)")
    number_column(drawn, "95 % WITHIN (P95)")
    for label, column in (("waited", "wait_ms"), ("ran", "job_duration_ms")):
        low, high = frame[column].quantile([0.5, 0.95])
        drawn.add_row(label, words.duration(low), words.duration(high))
    show(drawn)
    show(
        f"{words.counted(len(frame), 'photo')} in {words.duration(seconds * 1000)}: "
        f"{len(frame) / seconds:.1f} photos a second, submitting included."
    )
