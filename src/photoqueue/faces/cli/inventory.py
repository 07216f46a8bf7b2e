"""``photoqueue inventory``, ``correct`` and ``corrections``."""

from __future__ import annotations

from typing import Annotated

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson, StrategyName
from photoqueue.faces.cli.output import print_json, show

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="The move.", show_default=False)]
User = Annotated[str | None, typer.Option(help="Who says so; you when left out.")]


def inventory(
    project: Project,
    anew: Annotated[
        bool, typer.Option("--anew", help="Add the photos up anew, and wait for it.")
    ] = False,
    strategy: Annotated[
        StrategyName | None, typer.Option(help="How photos of a room are put together (--anew).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the inventory of a project, with what people corrected."""
    import photoqueue
    from photoqueue.faces.cli.views import inventory_table
    from photoqueue.words import DEFAULT_STRATEGY

    if strategy is not None and not anew:
        raise typer.BadParameter("--strategy is for adding up: give --anew as well.")
    if anew:
        photoqueue.submit_inventory(project, strategy=str(strategy or DEFAULT_STRATEGY)).result()
    found = photoqueue.read_inventory(project)
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    show(inventory_table(found))


def correct(
    project: Project,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A room.", show_default=False)],
    item: Annotated[
        str,
        typer.Argument(
            metavar="ITEM", help="A thing: its name in English or French.", show_default=False
        ),
    ],
    count: Annotated[
        int,
        typer.Argument(
            metavar="COUNT", help="How many there are; 0 takes it off.", show_default=False
        ),
    ],
    volume: Annotated[float | None, typer.Option(help="Moving volume of one, in m³.")] = None,
    dismountable: Annotated[
        bool | None,
        typer.Option("--dismountable/--whole", help="Whether it is taken apart."),
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Of a thing that the catalogue lacks.")
    ] = None,
    new_room: Annotated[
        bool, typer.Option("--new-room", help="The room is one that no photo shows.")
    ] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Say how many of a thing are in a room, whatever the photos show."""
    import photoqueue

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
    if as_json:
        print_json(made.model_dump(mode="json", by_alias=True))
        return
    show(
        f"Correction {made.correction_id}: {made.count} × {words.line(made.name)} "
        f"in {words.line(made.room)}"
    )
    show(f"Take it back with: photoqueue corrections --undo {made.correction_id}")


def corrections(
    project: Annotated[
        str | None, typer.Argument(metavar="[PROJECT]", help="The move.", show_default=False)
    ] = None,
    undo: Annotated[
        int | None, typer.Option(metavar="ID", help="Take this correction back.")
    ] = None,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Also those that were taken back.")
    ] = False,
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """List what people corrected in a project, or take a correction back."""
    import photoqueue
    from photoqueue.client.corrections import list_corrections
    from photoqueue.faces.cli.views import correction_table

    if (project is None) == (undo is None):
        raise typer.BadParameter("Name a project, or a correction with --undo ID; one of them.")
    if undo is not None:
        made = photoqueue.undo_correction(undo, user_id=user)
        if as_json:
            print_json(made.model_dump(mode="json", by_alias=True))
            return
        show(f"Correction {undo} of project {words.line(made.project_id)} taken back.")
        return
    listed = list_corrections(str(project), undone=all_of_them)
    if as_json:
        print_json([made.model_dump(mode="json", by_alias=True) for made in listed])
        return
    show(correction_table(made.model_dump() for made in listed) if listed else "No corrections.")
