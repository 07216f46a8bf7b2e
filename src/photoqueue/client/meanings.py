"""Which room and which thing of a project a person means by a word."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from photoqueue.errors import NotFoundError
from photoqueue.installation import Installation
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.corrections import as_photographed
from photoqueue.inventory.room_types import canonical_room_type
from photoqueue.inventory.views import room_name
from photoqueue.models import InventoryResult, PhotoResult
from photoqueue.tracking import corrections as records
from photoqueue.tracking import projects


class Meant(NamedTuple):
    """The thing that a person means.

    ``volume`` is that of one in m³: the person's, else for a thing that the catalogue lacks
    what is known of it, as no later inventory may find it anywhere else.
    """

    key: str | None
    name: str
    category: str
    volume: float | None


def catalogue_of(installation: Installation) -> Catalogue:
    """Return the catalogue that an installation uses."""
    return Catalogue.for_settings(installation.settings)


def newest_inventory(installation: Installation, project: str) -> InventoryResult | None:
    """Return the newest inventory of a project as it was stored; None before the first."""
    found = projects.newest_inventory(installation.database, project)
    return None if found is None else InventoryResult.model_validate(found)


def room_meant(installation: Installation, project: str, wanted: str, *, new_room: bool) -> str:
    """Find the room that is meant, by its name or, where that is plain, by its kind.

    Raises
    ------
    NotFoundError
        There is none, and it is not said to be a new one.
    """
    rooms = _rooms(installation, project)
    if wanted in rooms:
        return wanted
    alike = [room for room in rooms if room.casefold() == wanted.casefold()]
    kind = canonical_room_type(wanted)
    if not alike and kind is not None and not new_room:
        alike = [room for room in rooms if canonical_room_type(room) == kind]
        # "bedroom 3" is no other name of "bedroom 2".
        if any(mark.isdigit() for mark in wanted):
            alike = []
    if len(alike) == 1:
        return alike[0]
    if new_room:
        return wanted
    near = difflib.get_close_matches(wanted, rooms, n=3, cutoff=0.5) or alike
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    known = ", ".join(map(repr, sorted(rooms)[:20])) or "none yet"
    raise NotFoundError(
        f"Project {project!r} has no room {wanted!r}.{meant} Its rooms: {known}. A room that "
        "no photo shows is added with new_room=True (--new-room)."
    )


def _rooms(installation: Installation, project: str) -> set[str]:
    """Return the rooms that photos, the newest inventory and corrections name."""
    language = installation.settings.language
    rooms = {
        room_name(photo.room, PhotoResult.model_validate(photo.result), language)
        if photo.result is not None
        else (photo.room or "").strip()
        for photo in projects.project_photos(installation.database, project)
    }
    newest = newest_inventory(installation, project)
    rooms.update(newest.rooms if newest else ())
    rooms.update(made.room for made in records.of_project(installation.database, project))
    return rooms - {""}


def thing_meant(
    installation: Installation,
    project: str,
    room: str,
    text: str,
    *,
    category: str | None,
    volume: float | None,
) -> Meant:
    """Find the thing that a person means.

    A line of the inventory by its name, then the catalogue, then a thing of one's own, whose
    volume stays as it was said first where none is given now.

    Raises
    ------
    NotFoundError
        It is none of these, or not all is known of a thing of one's own.
    """
    newest = newest_inventory(installation, project)
    lines = as_photographed(newest).lines if newest else ()
    here = sorted(
        (line for line in lines if text.casefold() in {line.name.casefold(), line.key}),
        key=lambda line: line.room != room,  # what stands in this room is meant first
    )
    catalogue = catalogue_of(installation)
    if here and category in {None, here[0].category}:
        line = here[0]
        listed = catalogue.by_key(line.key or "") is not None
        own = None if listed else line.volume / line.count
        return Meant(line.key, line.name, line.category, own if volume is None else volume)
    known = catalogue.by_name(text)
    if known is not None:
        name = known.name(installation.settings.language)
        return Meant(known.key, name, known.category, volume)
    for made in reversed(records.of_project(installation.database, project)):
        if made.name.casefold() == text.casefold() and category in {None, made.category}:
            size = made.volume if volume is None else volume
            return Meant(made.key, made.name, made.category, size)
    if category is not None and volume is not None:
        return Meant(None, text, category, volume)
    language = installation.settings.language
    near = [entry.name(language) for entry in catalogue.nearest(text)]
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise NotFoundError(
        f"The catalogue has no thing called {text!r:.60}.{meant} For a thing of your own, give "
        "its category and the volume of one in m³ (category=…, volume=…)."
    )
