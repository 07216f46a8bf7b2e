"""Measure the engines on the sample homes: ``python -m tools.evaluate`` (``make eval``).

Without a folder: on the homes in ``data/samples``, and on the annotated photos in a
``shared/data/photos`` folder beside the checkout, where there is one. With an engine or a
model it measures that one, otherwise all that can run here: the built-in one, and each
detector model in ``PHOTOQUEUE_HOME/models`` or ``shared/data/models``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from photoqueue.engines.session import usable_cores
from photoqueue.errors import EngineUnavailableError, PhotoqueueError
from photoqueue.faces.cli.output import (
    NUMBER,
    TableColumn,
    fail,
    note,
    print_json,
    show,
    table,
)
from photoqueue.format import duration, line, percent, score, volume, volume_range
from photoqueue.records.results import share_words
from photoqueue.settings import Settings, load_settings
from tools.comparison import (
    ClassScore,
    Comparison,
    EngineScore,
    LeftOut,
    available_subjects,
    chosen_subject,
    compare,
    rows,
    write_csv,
)
from tools.inventories import InventoryScore
from tools.ranges import RangeScore

if TYPE_CHECKING:
    from rich.table import Table

CHECKOUT: Final = Path(__file__).parents[1]
#: Photos and models that may be beside the checkout.
DATA: Final = CHECKOUT.parent / "shared" / "data"


def main(
    folder: Annotated[
        Path | None, typer.Argument(help="Homes with truth.json.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="Measure this model alone.")] = None,
    engine: Annotated[str | None, typer.Option(help="Measure this engine alone.")] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Show each kind of thing by itself, too.")
    ] = False,
    llm: Annotated[
        bool, typer.Option("--llm", help="Ask the configured LLM as well; it may cost money.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write the tables as CSV files.", file_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure engines on homes and photos whose contents are known."""
    given = {"model": model, "engine": engine}
    named = {name: value for name, value in given.items() if value is not None}
    try:
        found = _compare(load_settings(**named), folder, one=bool(named), llm=llm)
        if csv is not None:
            for file in write_csv(found, csv):
                note(f"Wrote {line(file)}")
    except PhotoqueueError as exc:
        fail(str(exc))
        raise typer.Exit(1) from None
    if as_json:
        print_json(
            {
                "engines": rows(found.engines),
                "classes": rows(found.classes),
                "inventories": rows(found.inventories),
                "ranges": rows(found.ranges),
                "left_out": [asdict(left) for left in found.left_out],
            }
        )
    else:
        _show(found, by_class=by_class)


def _compare(settings: Settings, folder: Path | None, *, one: bool, llm: bool) -> Comparison:
    photos = DATA / "photos"
    annotated = photos if folder is None and (photos / "annotations.json").is_file() else None
    left = []
    if folder is None and annotated is None:
        left.append(LeftOut(what="photos", reason=f"there is no {photos}"))
    movers = DATA / "volumes" / "volumes_sources.csv"
    tables = movers if folder is None and movers.is_file() else None
    if folder is None and tables is None:
        left.append(LeftOut(what="figures of several movers", reason=f"there is no {movers}"))
    if one:
        subjects = [chosen_subject(settings)]
    else:
        folders = (settings.home / "models", DATA / "models")
        subjects, without = available_subjects(settings, model_folders=folders, llm=llm)
        left.extend(without)
    load, cores = os.getloadavg()[0], usable_cores()
    if load > cores:
        note(f"This machine is busy ({load:.1f} programs on {cores} cores): times are too long.")
    found = compare(
        subjects,
        samples=folder or CHECKOUT / "data" / "samples",
        annotated=annotated,
        tables=tables,
        together=llm,
        report=lambda label: note(f"Measuring {line(label)} …"),
    )
    if one and found.left_out:
        # It was asked for by name: that it cannot run is the answer.
        raise EngineUnavailableError(found.left_out[0].reason)
    return replace(found, left_out=(*left, *found.left_out))


def _show(comparison: Comparison, *, by_class: bool) -> None:
    """Print the tables that have rows, and what was left out."""
    if comparison.engines:
        show(_engine_table(comparison.engines))
        show()
    if by_class and comparison.classes:
        show(_class_table(comparison.classes))
        show()
    if comparison.inventories:
        show(_inventory_table(comparison.inventories))
        show()
    if comparison.ranges:
        show(_range_table(comparison.ranges))
        show()
    for left in comparison.left_out:
        show(f"! Left out: {line(left.what)}: {line(left.reason)}", style="yellow")


def _engine_table(scores: Sequence[EngineScore]) -> Table:
    """Show how right engines are, one line an engine and set of photos."""
    columns = (
        TableColumn("ENGINE", "engine"),
        TableColumn("MODEL", "model"),
        TableColumn("ON", "photos"),
        TableColumn("PHOTOS", "photo_count", NUMBER),
        TableColumn("BOXES", "truths", NUMBER),
        TableColumn("PRECISION", "precision", NUMBER, score),
        TableColumn("RECALL", "recall", NUMBER, score),
        TableColumn("F1", "f1", NUMBER, score),
        TableColumn("ROOM TYPE", "room_type_accuracy", NUMBER, score),
        TableColumn("VOLUME", lambda one: f"{one.volume:.1f} of {one.true_volume:.1f} m³", NUMBER),
        TableColumn("ERROR/PHOTO", "photo_error", NUMBER, volume),
        TableColumn("OF ALL", "photo_error_share", NUMBER, percent),
        TableColumn("ERROR/ROOM", "room_error", NUMBER, volume),
        TableColumn("TIME", "ms_per_photo", NUMBER, duration),
    )
    return table(columns, scores, title="What is found in single photos (IoU 0.5)")


def _class_table(scores: Sequence[ClassScore]) -> Table:
    """Show how right engines are, kind of thing by kind of thing."""
    columns = (
        TableColumn("ENGINE", "engine"),
        TableColumn("MODEL", "model"),
        TableColumn("ON", "photos"),
        TableColumn("ITEM", "key"),
        TableColumn("THERE", "truths", NUMBER),
        TableColumn("FOUND", "found", NUMBER),
        TableColumn("RIGHT", "right", NUMBER),
        TableColumn("PRECISION", "precision", NUMBER, score),
        TableColumn("RECALL", "recall", NUMBER, score),
        TableColumn("F1", "f1", NUMBER, score),
    )
    return table(columns, scores, title="By kind of thing")


def _inventory_table(scores: Sequence[InventoryScore]) -> Table:
    """Show how far inventories are from the truth."""
    error = partial(percent, signed=True)
    columns = (
        TableColumn("ENGINE", "engine"),
        TableColumn("MODEL", "model"),
        TableColumn("STRATEGY", "strategy"),
        TableColumn("HOME", "home"),
        TableColumn("ITEMS", lambda one: f"{one.items} of {one.true_items}", NUMBER),
        TableColumn("ERROR", "item_error", NUMBER, error),
        TableColumn("RIGHT", "right_items", NUMBER),
        TableColumn("VOLUME", lambda one: f"{one.volume:.2f} of {one.true_volume:.2f} m³", NUMBER),
        TableColumn("ERROR", "volume_error", NUMBER, error),
        TableColumn("ERROR/ROOM", "room_error", NUMBER, volume),
        TableColumn("HELD BACK", "held_back", NUMBER),
    )
    return table(columns, scores, title="Inventories of the sample homes, found of what is there")


def _range_table(scores: Sequence[RangeScore]) -> Table:
    """Show how often ranges hold what is there, and how wide they are."""
    columns = (
        TableColumn("ENGINE", "engine"),
        TableColumn("MODEL", "model"),
        TableColumn("ON", "home"),
        TableColumn("ROOMS HELD", lambda one: f"{one.room_held} of {one.room_cases}", NUMBER),
        TableColumn("SHARE", lambda one: percent(one.room_held, one.room_cases), NUMBER),
        TableColumn("WIDTH/ROOM", "room_width", NUMBER, volume),
        TableColumn("MOVE HELD", lambda one: f"{one.move_held} of {one.move_cases}", NUMBER),
        TableColumn("RANGE OF MOVE", lambda one: volume_range(one.low, one.high), NUMBER),
        TableColumn("WIDTH", lambda one: percent(one.high - one.low, one.usual), NUMBER),
        TableColumn("THERE", "true_volume", NUMBER, volume),
    )
    title = f"Ranges that are to hold what is there {share_words()}"
    return table(columns, scores, title=title)


if __name__ == "__main__":
    typer.run(main)
