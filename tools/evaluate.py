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
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from photoqueue.engines.session import usable_cores
from photoqueue.errors import EngineUnavailableError, PhotoqueueError
from photoqueue.faces.cli.output import (
    fail,
    note,
    number_column,
    print_json,
    show,
    table,
    word_column,
)
from photoqueue.format import duration, line, percent, score
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
from tools.homes import read_homes
from tools.inventories import InventoryScore

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
        homes=read_homes(folder or CHECKOUT / "data" / "samples"),
        annotated=annotated,
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
    for left in comparison.left_out:
        show(f"! Left out: {line(left.what)}: {line(left.reason)}", style="yellow")


def _engine_table(scores: Sequence[EngineScore]) -> Table:
    """Show how right engines are, one line an engine and set of photos."""
    drawn = table(title="What is found in single photos (IoU 0.5)")
    word_column(drawn, "ENGINE")
    word_column(drawn, "MODEL")
    word_column(drawn, "ON")
    for column in ("PHOTOS", "BOXES", "PRECISION", "RECALL", "F1", "ROOM TYPE", "TIME"):
        number_column(drawn, column)
    for one in scores:
        drawn.add_row(
            line(one.engine),
            line(one.model),
            one.photos,
            str(one.photo_count),
            str(one.truths),
            *map(score, (one.precision, one.recall, one.f1)),
            score(one.room_type_accuracy),
            duration(one.ms_per_photo),
        )
    return drawn


def _class_table(scores: Sequence[ClassScore]) -> Table:
    """Show how right engines are, kind of thing by kind of thing."""
    drawn = table(title="By kind of thing")
    for column in ("ENGINE", "MODEL", "ON", "ITEM"):
        word_column(drawn, column)
    for column in ("THERE", "FOUND", "RIGHT", "PRECISION", "RECALL", "F1"):
        number_column(drawn, column)
    for one in scores:
        drawn.add_row(
            line(one.engine),
            line(one.model),
            one.photos,
            line(one.key),
            *map(str, (one.truths, one.found, one.right)),
            *map(score, (one.precision, one.recall, one.f1)),
        )
    return drawn


def _inventory_table(scores: Sequence[InventoryScore]) -> Table:
    """Show how far inventories are from the truth."""
    drawn = table(title="Inventories of the sample homes, found of what is there")
    for column in ("ENGINE", "MODEL", "STRATEGY", "HOME"):
        word_column(drawn, column)
    for column in ("ITEMS", "ERROR", "RIGHT", "VOLUME", "ERROR"):
        number_column(drawn, column)
    for one in scores:
        drawn.add_row(
            line(one.engine),
            line(one.model),
            line(one.strategy),
            line(one.home),
            f"{one.items} of {one.true_items}",
            percent(one.item_error, signed=True),
            str(one.right_items),
            f"{one.volume:.2f} of {one.true_volume:.2f} m³",
            percent(one.volume_error, signed=True),
        )
    return drawn


if __name__ == "__main__":
    typer.run(main)
