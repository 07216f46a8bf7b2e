"""``photoqueue demo``: the whole chain once, in an installation that is thrown away."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import fail, records, show

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.records.results import InventoryResult

_PROJECT: Final = "demo"


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Photos to use instead of the sample homes.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model to use (default: PHOTOQUEUE_MODEL).")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Engine to use (default: builtin on the sample homes, else PHOTOQUEUE_ENGINE).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the pictures with boxes go (default: out/demo).",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the servers running and the data folder.")
    ] = False,
) -> None:
    """Show photoqueue at work: real servers, a worker, homes, their inventories.

    Without a folder it analyses the sample homes of the checkout and shows the truth beside
    what was found. Everything runs in a temporary installation of its own and is removed at
    the end, but for the pictures.
    """
    from photoqueue.client.sample_homes import output_folder, require_sample_homes
    from photoqueue.engines.registry import load_engine
    from photoqueue.engines.samples import home_folders, read_homes
    from photoqueue.errors import PhotoqueueError
    from photoqueue.faces.cli.demo_homes import run_homes
    from photoqueue.faces.cli.sample_data import with_model
    from photoqueue.faces.cli.temporary import temporary_installation
    from photoqueue.settings import load_settings

    chosen = {"model": model, "engine": engine}
    if folder is None and model is None and engine is None:
        chosen["engine"] = "builtin"
    settings = load_settings(**{name: value for name, value in chosen.items() if value is not None})
    photos = require_sample_homes() if folder is None else folder
    homes = read_homes(photos) if home_folders(photos) else None
    lacking = None
    try:
        settings = with_model(settings)
        if homes is not None:
            load_engine(settings)  # what is missing is said here, not by each photo
    except PhotoqueueError as exc:
        lacking = str(exc)
    with temporary_installation(settings, keep=keep):
        if lacking is not None:
            _show_servers()
            fail(f"{lacking}\nTry your own: photoqueue demo FOLDER --model PATH")
            raise typer.Exit(1)
        if homes is None:
            _run(photos)
        else:
            run_homes(homes, out or (Path("out") if folder else output_folder()) / "demo")


def _show_servers() -> None:
    """Show that the servers at least do work."""
    from photoqueue.client.system import Survey
    from photoqueue.faces.cli.doctor import examine, show_findings
    from photoqueue.installation import current

    with Survey(current().settings) as survey:
        show_findings(examine(survey))
    show()


def _run(photos: Path) -> None:
    import photoqueue
    from photoqueue.faces.cli.speed import show_speed
    from photoqueue.faces.cli.views import inventory_table
    from photoqueue.records.results import InventoryResult

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
    show_speed(batch.poll(), seconds)


def _with_rooms(photos: Path) -> Any:
    """Name the rooms after the annotated kinds of room, where there are annotations."""
    if not (photos / "annotations.json").is_file():
        return photos
    from photoqueue.engines.annotations import read_annotations

    return [
        {"photo": photos / entry["file"], "room": _words(entry.get("room_type"))}
        for entry in read_annotations(photos)
    ]


def _words(room_type: str | None) -> str | None:
    return room_type and room_type.replace("_", " ")


def _show_rooms(inventory: InventoryResult, results: pd.DataFrame) -> None:
    """Show in one line a room what stands in it."""
    from photoqueue.faces.cli.output import name, number_column, table, word_column

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
