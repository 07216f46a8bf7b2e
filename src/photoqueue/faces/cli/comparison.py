"""Showing a comparison of engines in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import number_column, show, table, word_column

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.evaluation.records import (
        ClassScore,
        Comparison,
        EngineScore,
        InventoryScore,
    )


def show_comparison(comparison: Comparison, *, by_class: bool) -> None:
    """Print the tables that have rows, and what was left out."""
    if comparison.engines:
        show(engine_table(comparison.engines))
        show()
    if by_class and comparison.classes:
        show(class_table(comparison.classes))
        show()
    if comparison.inventories:
        show(inventory_table(comparison.inventories))
        show()
    for left in comparison.left_out:
        show(f"! Left out: {words.line(left.what)}: {words.line(left.reason)}", style="yellow")


def engine_table(scores: Sequence[EngineScore]) -> Table:
    """Show how right engines are, one line an engine and set of photos."""
    drawn = table(title="What is found in single photos (IoU 0.5)")
    word_column(drawn, "ENGINE")
    word_column(drawn, "MODEL")
    word_column(drawn, "ON")
    for column in ("PHOTOS", "BOXES", "PRECISION", "RECALL", "F1", "ROOM TYPE", "TIME"):
        number_column(drawn, column)
    for score in scores:
        drawn.add_row(
            words.line(score.engine),
            words.line(score.model),
            score.photos,
            str(score.photo_count),
            str(score.truths),
            *map(words.share, (score.precision, score.recall, score.f1)),
            words.share(score.room_type_accuracy),
            words.duration(score.ms_per_photo),
        )
    return drawn


def class_table(scores: Sequence[ClassScore]) -> Table:
    """Show how right engines are, kind of thing by kind of thing."""
    drawn = table(title="By kind of thing")
    for column in ("ENGINE", "MODEL", "ON", "ITEM"):
        word_column(drawn, column)
    for column in ("THERE", "FOUND", "RIGHT", "PRECISION", "RECALL", "F1"):
        number_column(drawn, column)
    for score in scores:
        drawn.add_row(
            words.line(score.engine),
            words.line(score.model),
            score.photos,
            words.line(score.key),
            *map(str, (score.truths, score.found, score.right)),
            *map(words.share, (score.precision, score.recall, score.f1)),
        )
    return drawn


def inventory_table(scores: Sequence[InventoryScore]) -> Table:
    """Show how far inventories are from the truth."""
    drawn = table(title="Inventories of the sample homes, found of what is there")
    for column in ("ENGINE", "MODEL", "STRATEGY", "HOME"):
        word_column(drawn, column)
    for column in ("ITEMS", "ERROR", "RIGHT", "VOLUME", "ERROR"):
        number_column(drawn, column)
    for score in scores:
        drawn.add_row(
            words.line(score.engine),
            words.line(score.model),
            words.line(score.strategy),
            words.line(score.home),
            f"{score.items} of {score.true_items}",
            words.percent(score.item_error),
            str(score.right_items),
            f"{score.volume:.2f} of {score.true_volume:.2f} m³",
            words.percent(score.volume_error),
        )
    return drawn
