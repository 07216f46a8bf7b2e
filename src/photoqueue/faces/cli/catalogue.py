"""``photoqueue catalogue``: the things that movers know, and one's own changes to them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson
from photoqueue.faces.cli.output import note, number_column, print_json, show, table, word_column

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.inventory.catalogue_file import CatalogueItem


class Language(StrEnum):
    """Languages of the names."""

    ENGLISH = "en"
    FRENCH = "fr"


def catalogue(
    search: Annotated[
        str | None,
        typer.Argument(help="Only things with this word, in either language.", show_default=False),
    ] = None,
    lang: Annotated[
        Language | None,
        typer.Option(help="Language of the names.", show_default="PHOTOQUEUE_LANGUAGE"),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Check a file of changes, and say what it changes.", show_default=False),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Write the catalogue of the package to a new file, to be edited; with "
            "--lang fr as a French spreadsheet opens it.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the things that movers know, with their volumes.

    PHOTOQUEUE_CATALOGUE names a CSV file whose rows change things by their key, or add some.
    """
    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.settings import load_settings

    settings = load_settings()
    if export is not None:
        from photoqueue.inventory.catalogue import export_shipped

        export_shipped(export, french=lang is Language.FRENCH)
        show(f"Wrote {words.line(export)}. Keep the rows that you change, and name the file:")
        show(f"export PHOTOQUEUE_CATALOGUE={words.line(export.absolute())}")
        return
    if check is not None:
        _check(check, as_json=as_json)
        return
    known = Catalogue.for_settings(settings)
    language = str(lang or settings.language)
    found = known.search(search) if search else known.items
    if as_json:
        print_json([_record(item, language) for item in found])
    elif found:
        show(_table(found, language))
    if not found:
        near = ", ".join(item.name(language) for item in known.nearest(search or ""))
        note(f"Nothing is called {words.line(search)}." + (f" Near it: {near}." if near else ""))
        raise typer.Exit(1)


def _check(file: Path, *, as_json: bool) -> None:
    """Read a file of changes, and say what it changes; what is wrong with it is raised."""
    from photoqueue.inventory.catalogue import Catalogue

    shipped = Catalogue.load()
    changed = shipped.with_changes(file)
    added = [item.key for item in changed.items if shipped.by_key(item.key) is None]
    altered = [
        item.key
        for item in changed.items
        if (before := shipped.by_key(item.key)) is not None and before != item
    ]
    if as_json:
        print_json({"file": str(file), "added": added, "changed": altered})
        return
    show(f"{words.line(file)} is a good catalogue file.")
    show(f"It adds {words.counted(len(added), 'thing')} and changes {len(altered):,}.")
    for verb, keys in (("adds", added), ("changes", altered)):
        if keys:
            show(f"{verb}: {words.line(', '.join(keys))}")


def _table(items: tuple[CatalogueItem, ...], language: str) -> Table:
    drawn = table()
    word_column(drawn, "KEY")
    word_column(drawn, "NAME")
    word_column(drawn, "CATEGORY")
    number_column(drawn, "VOLUME")
    number_column(drawn, "RANGE")
    number_column(drawn, "TAKEN APART")
    for item in items:
        drawn.add_row(
            words.line(item.key),
            words.line(item.name(language)),
            item.category,
            words.volume(item.volume_usual),
            f"{item.volume_low:.2f}–{item.volume_high:.2f} m³",
            words.share(item.dismount_probability),
        )
    return drawn


def _record(item: CatalogueItem, language: str) -> dict[str, Any]:
    return {
        "key": item.key,
        "name": item.name(language),
        "name_en": item.name_en,
        "name_fr": item.name_fr,
        "category": item.category,
        "volume_low": item.volume_low,
        "volume_usual": item.volume_usual,
        "volume_high": item.volume_high,
        "dismount_probability": item.dismount_probability,
        "labels": {vocabulary: list(labels) for vocabulary, labels in item.labels.items()},
        "synonyms": list(item.synonyms),
    }
