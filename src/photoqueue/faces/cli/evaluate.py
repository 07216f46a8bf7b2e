"""``photoqueue evaluate``: how much of the contents of photos an engine finds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photoqueue.faces.cli.output import (
    AsJson,
    number_column,
    print_json,
    records,
    show,
    table,
    word_column,
)
from photoqueue.format import counted, duration, line, score

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.evaluation import Evaluation


def evaluate(
    folder: Annotated[Path, typer.Argument(help="Photos with annotations.json.")],
    model: Annotated[
        str | None, typer.Option(help="Model to measure (default: PHOTOQUEUE_MODEL).")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine to measure (default: PHOTOQUEUE_ENGINE).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure an engine on photos whose contents are known.

    `python -m pydoc photoqueue.evaluation` shows the format of annotations.json.
    """
    from photoqueue.engines.registry import load_engine
    from photoqueue.evaluation import evaluate as measure
    from photoqueue.settings import load_settings

    chosen = {"model": model, "engine": engine}
    settings = load_settings(**{name: value for name, value in chosen.items() if value is not None})
    found = measure(load_engine(settings), folder)
    if as_json:
        print_json(
            {
                "engine": found.engine,
                "model": found.model,
                "folder": str(folder),
                "photo_count": len(found.photos),
                "precision": found.precision,
                "recall": found.recall,
                "f1": found.f1,
                "room_type_accuracy": found.room_type_accuracy,
                "ms_per_photo": found.ms_per_photo,
                "classes": records(found.classes.reset_index()),
                "photos": records(found.photos.reset_index()),
            }
        )
        return
    show(f"{line(found.engine)} with {line(found.model)}", style="bold")
    show(f"on {counted(len(found.photos), 'photo')} of {line(folder)}")
    show()
    show(_summary(found))
    show()
    show(_classes(found))


def _summary(found: Evaluation) -> Table:
    drawn = table(header=False)
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(justify="right", no_wrap=True)
    drawn.add_column(style="dim")
    drawn.add_row("precision", score(found.precision), "of the things found are there")
    drawn.add_row("recall", score(found.recall), "of the things there are found")
    drawn.add_row("F1", score(found.f1), "both in one number")
    drawn.add_row("room type", score(found.room_type_accuracy), "of the rooms are right")
    drawn.add_row("time", duration(found.ms_per_photo), "a photo, median")
    return drawn


def _classes(found: Evaluation) -> Table:
    drawn = table()
    word_column(drawn, "ITEM")
    for column in ("THERE", "FOUND", "RIGHT", "PRECISION", "RECALL", "F1"):
        number_column(drawn, column)
    for key, row in found.classes.sort_values("truths", ascending=False, kind="stable").iterrows():
        drawn.add_row(
            line(key),
            *(f"{row[column]:.0f}" for column in ("truths", "found", "right")),
            *(score(row[column]) for column in ("precision", "recall", "f1")),
        )
    return drawn
