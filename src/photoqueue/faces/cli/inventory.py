"""``photoqueue inventory``, ``correct``, ``corrections`` and ``catalogue``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import photoqueue
from photoqueue.faces.cli.output import (
    NUMBER,
    WHOLE,
    AsJson,
    StrategyName,
    TableColumn,
    note,
    print_json,
    printed_json,
    show,
    table,
)
from photoqueue.format import (
    clock,
    counted,
    french,
    line,
    number,
    percent,
    score,
    volume,
    volume_range,
)
from photoqueue.phrases import phrase

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.inventory.catalogue_file import CatalogueItem

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="The move.", show_default=False)]
User = Annotated[str | None, typer.Option(help="Who makes the correction (default: you).")]


def inventory(
    project: Project,
    anew: Annotated[
        bool, typer.Option("--anew", help="Add the photos up again, and wait for the result.")
    ] = False,
    strategy: Annotated[
        StrategyName | None,
        typer.Option(help="How to count things seen in several photos (--anew)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the inventory of a project, with users' corrections."""
    from photoqueue.faces.cli.views import show_inventory

    if strategy is not None and not anew:
        raise typer.BadParameter("--strategy needs --anew.")
    if anew:
        photoqueue.submit_inventory(project, strategy=strategy).result()
    found = photoqueue.read_inventory(project)
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    show_inventory(found)


def correct(
    project: Project,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A room.", show_default=False)],
    item: Annotated[
        str,
        typer.Argument(
            metavar="ITEM", help="The thing: its name in English or French.", show_default=False
        ),
    ],
    count: Annotated[
        int,
        typer.Argument(
            metavar="COUNT", help="How many there are; 0 removes it.", show_default=False
        ),
    ],
    volume: Annotated[float | None, typer.Option(help="Moving volume of one, in m³.")] = None,
    dismountable: Annotated[
        bool | None,
        typer.Option("--dismountable/--whole", help="Whether it is dismantled for the move."),
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Category of a thing that the catalogue lacks.")
    ] = None,
    new_room: Annotated[
        bool, typer.Option("--new-room", help="Allow a room that no photo shows.")
    ] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Set how many of a thing are in a room, whatever the photos show."""
    made = photoqueue.correct(
        project,
        room=room,
        item=item,
        count=count,
        volume=volume,
        dismountable=dismountable,
        category=category,
        new_room=new_room,
        user_id=user,
    )
    if printed_json(as_json, made):
        return
    show(f"Correction {made.correction_id}: {made.count} × {line(made.name)} in {line(made.room)}")
    show(f"Undo it with: photoqueue corrections --undo {made.correction_id}")


def corrections(
    project: Annotated[
        str | None, typer.Argument(metavar="[PROJECT]", help="The move.", show_default=False)
    ] = None,
    undo: Annotated[int | None, typer.Option(metavar="ID", help="Undo this correction.")] = None,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Also list undone corrections.")
    ] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """List the corrections of a project, or undo one."""
    from photoqueue.client.corrections import list_corrections
    from photoqueue.faces.cli.views import correction_table

    if (project is None) == (undo is None):
        raise typer.BadParameter("Give either a project, or a correction with --undo ID.")
    if undo is not None:
        made = photoqueue.undo_correction(undo, user_id=user)
        if not printed_json(as_json, made):
            show(f"Correction {undo} of project {line(made.project_id)} undone.")
        return
    listed = list_corrections(str(project), undone=all_of_them)
    if printed_json(as_json, listed):
        return
    show(correction_table(made.model_dump() for made in listed) if listed else "No corrections.")


def edit(
    project: Project,
    verb: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERB]",
            help="rename, remove, add, redraw, same, apart, stays, accept, count, exclude, move, "
            "rename-room, reviewed, acknowledge, undo, redo, place or keep; without one, list the "
            "edits.",
            show_default=False,
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VALUE]...",
            help="An item and a name, a photo and a room …: as the verb takes them.",
            show_default=False,
        ),
    ] = None,
    box: Annotated[
        str | None, typer.Option(help="x0,y0,x1,y1 in 0…1 of the upright picture.")
    ] = None,
    volume: Annotated[float | None, typer.Option(help="Moving volume of one, in m³.")] = None,
    category: Annotated[
        str | None, typer.Option(help="Category of a thing that the catalogue lacks.")
    ] = None,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Put right what photos show, or list the edits of a project.

    `photoqueue items PROJECT` lists the ids: photoqueue edit move-42 rename ID "two-seat sofa".
    """
    from photoqueue.client import verbs

    if verb is None:
        listed = verbs.edits(project)
        if not printed_json(as_json, listed):
            show(_edit_table(listed) if listed else "No edits.")
        return
    options = {"volume": volume, "category": category, "box": box and box.split(",")}
    given: list[Any] = list(values or ())
    if verb == "move":  # in Python the room is named
        options["room"] = given.pop() if len(given) > 1 else None
    if verb in ("undo", "place", "keep") and given and given[0].isdecimal():
        given[0] = int(given[0])
    if verb == "count" and given and given[-1].isdecimal():
        given[-1] = int(given[-1])
    named: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    made = verbs.edit(project, verb, *given, user_id=user, **named)
    if not printed_json(as_json, made):
        show(f"Edit {made.number}: {line(made.words())}")
        if verb not in ("undo", "redo"):
            show(f"Undo it with: photoqueue edit {line(project)} undo {made.number}")


def items(project: Project, as_json: AsJson = False) -> None:
    """List what the photos of a project show, with all edits."""
    found = photoqueue.review(project).items()
    found = found.astype(object).where(found.notna(), None)
    rows = found.to_dict("records")
    if printed_json(as_json, rows):
        return
    columns = (
        TableColumn("ROOM", "room"),
        TableColumn("NAME", "name"),
        TableColumn("SCORE", "score", NUMBER, score),
        TableColumn("THING", "thing"),
        TableColumn("EDITED", "edited"),
        TableColumn("PHOTO", "photo_id"),
        TableColumn("ITEM", "item_id", WHOLE),
    )
    drawn = table(columns, rows, title=f"Items of {line(project)}", group=lambda row: row["room"])
    show(drawn if rows else "No photo shows a thing.")


def _edit_table(edits: list[photoqueue.Edit]) -> Table:
    columns = (
        TableColumn("NUMBER", "number", NUMBER, str),
        TableColumn("WHAT", lambda edit: line(edit.words())),
        TableColumn("WHEN", "created_at", NUMBER, clock),
        TableColumn("BY", "user_id"),
        TableColumn("UNDONE BY", "undone_by"),
    )
    return table(columns, edits, title="Edits")


def catalogue(
    search: Annotated[
        str | None,
        typer.Argument(help="Only things with this word, in either language.", show_default=False),
    ] = None,
    lang: Annotated[
        Literal["en", "fr"] | None,
        typer.Option(help="Language of the names.", show_default="PHOTOQUEUE_LANGUAGE"),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Check a file of changes and show what it changes.", show_default=False),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Write the catalogue of the package to a new file for editing; with "
            "--lang fr in the format of French spreadsheets.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the things in the catalogue, with their volumes and weights.

    PHOTOQUEUE_CATALOGUE names a CSV file whose rows change things by their key, or add some.
    """
    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.settings import load_settings

    settings = load_settings()
    if export is not None:
        from photoqueue.inventory.catalogue import export_shipped

        export_shipped(export, french=lang == "fr")
        show(f"Wrote {line(export)}. Keep the rows that you change, and name the file:")
        show(f"export PHOTOQUEUE_CATALOGUE={line(export.absolute())}")
        return
    if check is not None:
        _check(check, as_json=as_json)
        return
    known = Catalogue.for_settings(settings)
    language = lang or settings.language
    found = known.search(search) if search else known.items
    if as_json:
        print_json([_record(item, language) for item in found])
    elif found:
        show(_table(found, language))
    if not found:
        near = ", ".join(item.name(language) for item in known.nearest(search or ""))
        note(f"Nothing is called {line(search)}." + (f" Similar: {near}." if near else ""))
        raise typer.Exit(1)


def _check(file: Path, *, as_json: bool) -> None:
    """Read a file of changes and show what it changes; raise if it is invalid."""
    from photoqueue.inventory.catalogue import Catalogue

    shipped = Catalogue.load()
    changed = shipped.with_changes(file)
    added = [item.key for item in changed.items if shipped.by_key(item.key) is None]
    altered = [
        item.key
        for item in changed.items
        if (before := shipped.by_key(item.key)) is not None and before != item
    ]
    if printed_json(as_json, {"file": str(file), "added": added, "changed": altered}):
        return
    show(f"{line(file)} is a good catalogue file.")
    show(f"It adds {counted(len(added), 'thing')} and changes {len(altered):,}.")
    for verb, keys in (("adds", added), ("changes", altered)):
        if keys:
            show(f"{verb}: {line(', '.join(keys))}")


def _table(items: tuple[CatalogueItem, ...], language: str) -> Table:
    from photoqueue.inventory.catalogue_file import PERSONS_WORDS

    own = french if language == "fr" else str
    fragile = phrase(language, "yes")
    columns = (
        TableColumn(phrase(language, "key").upper(), "key"),
        TableColumn(phrase(language, "name").upper(), lambda item: line(item.name(language))),
        TableColumn(
            phrase(language, "category").upper(), lambda item: phrase(language, item.category)
        ),
        TableColumn("VOLUME", lambda item: own(volume(item.volume_usual)), NUMBER),
        TableColumn(
            phrase(language, "range").upper(),
            lambda item: own(volume_range(item.volume_low, item.volume_high)),
            NUMBER,
        ),
        TableColumn(
            phrase(language, "taken apart").upper(), "dismount_probability", NUMBER, percent
        ),
        TableColumn(
            phrase(language, "weight").upper(),
            lambda item: own(f"{number(item.weight_usual)} kg"),
            NUMBER,
        ),
        TableColumn(
            phrase(language, "persons").upper(), lambda item: PERSONS_WORDS[item.persons], NUMBER
        ),
        TableColumn("FRAGILE", lambda item: fragile if item.fragile else ""),
    )
    return table(columns, items)


def _record(item: CatalogueItem, language: str) -> dict[str, Any]:
    return {"key": item.key, "name": item.name(language), **asdict(item)}
