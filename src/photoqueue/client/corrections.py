"""Corrections of inventories, and inventories with their corrections applied."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from photoqueue.client.identifiers import checked, checked_user
from photoqueue.errors import NotFoundError, PayloadError, StateError
from photoqueue.installation import Installation, current
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import CATEGORIES
from photoqueue.inventory.correcting import as_photographed, correction_of, thing_of
from photoqueue.inventory.overlay import overlay
from photoqueue.inventory.volumes import Kind
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.jobs.inventory_sync import completed, inventory_of
from photoqueue.queue import edit_log, projects
from photoqueue.records.edits import NamedThing
from photoqueue.records.results import Correction, InventoryResult
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd


class Meant(NamedTuple):
    """The item that a person named.

    ``volume`` is the volume of one item in m³: the one given, else, for an item that is not in
    the catalogue, the one known from before, because it is stored nowhere else.
    """

    key: str | None
    name: str
    category: str
    volume: float | None


def newest_inventory(installation: Installation, project: str) -> InventoryResult | None:
    """Return the newest inventory of a project as it was stored; None before the first."""
    found = projects.newest_inventory(installation.database, project)
    return None if found is None else InventoryResult.model_validate(found)


def room_meant(installation: Installation, project: str, wanted: str, *, new_room: bool) -> str:
    """Find a room by its name or, if that is unambiguous, by its kind.

    Raises
    ------
    NotFoundError
        There is no such room, and ``new_room`` is false.
    """
    rooms = _rooms(installation, project)
    if wanted in rooms:
        return wanted
    alike = [room for room in rooms if room.casefold() == wanted.casefold()]
    kind = canonical_room_type(wanted)
    if not alike and kind is not None and not new_room:
        alike = [room for room in rooms if canonical_room_type(room) == kind]
        # "bedroom 3" is not another name of "bedroom 2".
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
    """Return the rooms in photos, the newest inventory and edits."""
    language = installation.settings.language
    rows = projects.project_photos(installation.database, project)
    made = edit_log.of_project(installation.database, project)
    done = overlay(completed(rows), made, language)
    rooms = {*done.rooms, *(str(edit.room) for edit in done.counts)}
    rooms |= {(row.room or "").strip() for row in rows if row.state is not JobState.COMPLETED}
    renamed = {edit.room for edit in made if edit.kind == "rename_room" and edit.standing}
    newest = newest_inventory(installation, project)
    rooms |= set(newest.rooms if newest else ()) - renamed
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
    """Find an item by its name: in the inventory, then in the catalogue, else as a custom item.

    A custom item keeps its earlier volume if none is given.

    Raises
    ------
    NotFoundError
        It is not found, and category or volume for a custom item is missing.
    """
    newest = newest_inventory(installation, project)
    lines = as_photographed(newest).lines if newest else ()
    here = sorted(
        (line for line in lines if text.casefold() in {line.name.casefold(), line.key}),
        key=lambda line: line.room != room,  # lines of this room first
    )
    catalogue = Catalogue.for_settings(installation.settings)
    volume = _volume(volume)
    if category is not None and category not in CATEGORIES:
        raise PayloadError(f"category is {category!r:.40}; choose one of {', '.join(CATEGORIES)}.")
    if here and category in {None, here[0].category}:
        line = here[0]
        listed = catalogue.by_key(line.key or "") is not None
        own = None if listed else line.volume_of_one
        return Meant(line.key, line.name, line.category, own if volume is None else volume)
    known = catalogue.by_name(text)
    if known is not None:
        name = known.name(installation.settings.language)
        return Meant(known.key, name, known.category, volume)
    for edit in reversed(edit_log.of_project(installation.database, project)):
        said = edit.thing if edit.standing else None
        if said and said.name.casefold() == text.casefold() and category in {None, said.category}:
            size = said.volume if volume is None else volume
            return Meant(said.key, said.name, said.category, size)
    if category is not None and volume is not None:
        return Meant(None, text, category, volume)
    language = installation.settings.language
    near = [entry.name(language) for entry in catalogue.nearest(text)]
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise NotFoundError(
        f"The catalogue has no thing called {text!r:.60}.{meant} For a thing of your own, give "
        "its category and the volume of one in m³ (category=…, volume=…)."
    )


#: Largest count that a person can set; a larger one is taken for a typing error.
MAX_COUNT: Final = 10_000
#: Largest volume of one item, in m³; a lorry holds less.
MAX_VOLUME: Final = 200.0


def correct(
    project_id: str,
    *,
    room: str,
    item: str,
    count: int,
    volume: float | None = None,
    dismountable: bool | None = None,
    category: str | None = None,
    new_room: bool = False,
    user_id: str | None = None,
) -> Correction:
    """Set how many of an item are in a room, whatever the photos show.

    The correction is stored and applies at once in :func:`read_inventory` and in all later
    inventories of the project; results collected before do not change. A later correction of
    the same item in the same room replaces the count. Volume and ``dismountable`` apply until a
    later correction gives them, or this one is undone.

    Parameters
    ----------
    project_id
        The project.
    room
        Its room, as the inventory names it.
    item
        A name in English or French or a key of the catalogue, or the name of a line of the
        inventory. Anything else is a custom item, which needs ``category`` and ``volume``.
    count
        How many there are; 0 removes the item from the list.
    volume
        Moving volume of one in m³, instead of the catalogue's. Default: that of the correction
        before, if any.
    dismountable
        Whether it is taken apart, instead of the catalogue's value. Default: that of the
        correction before, if any.
    category
        Of a custom item: furniture, appliance, electronics, box, art or misc.
    new_room
        Whether to add a room that no photo shows.
    user_id
        Who makes the correction; default is the login name.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    NotFoundError
        There is no such room or item; the message names the nearest ones.
    PayloadError
        The count, the volume or an identifier is not valid.

    Examples
    --------
    >>> correct("move-42", room="salon", item="chaise", count=6)  # doctest: +SKIP
    """
    installation = current()
    project = checked("project_id", project_id)
    place = checked("room", room).strip()
    what = checked("item", item).strip()
    number = _count(count)
    user = checked_user(user_id)
    place = room_meant(installation, project, place, new_room=new_room)
    meant = thing_meant(installation, project, place, what, category=category, volume=volume)
    thing = NamedThing(**meant._asdict())
    given: dict[str, Any] = {} if dismountable is None else {"dismountable": dismountable}
    with edit_log.editing(installation.database, project) as log:
        if newest := newest_inventory(installation, project):
            given["seen_count"] = sum(
                line.count
                for line in as_photographed(_inventory_now(installation, project, newest)).lines
                if line.room == place and thing_of(line) == Kind.named(*meant[:3])
            )
        made = log.add("count", user, room=place, thing=thing, count=number, **given)
    return correction_of(made)


def undo_correction(correction: Correction | int, *, user_id: str | None = None) -> Correction:
    """Undo a correction; an earlier one of the same item, else the photos, applies again.

    Parameters
    ----------
    correction
        The correction, or its id.
    user_id
        Who undoes it; default is the login name.

    Raises
    ------
    NotFoundError
        There is no such correction.
    StateError
        It was undone already.
    """
    number = correction.correction_id if isinstance(correction, Correction) else correction
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**63:
        raise PayloadError(f"{number!r:.40} is no id of a correction; corrections() lists them.")
    user = checked_user(user_id)
    database = current().database
    with edit_log.editing(database, edit_log.project_of(database, number)) as log:
        (edit,) = (edit for edit in log.edits if edit.edit_id == number)
        if not edit.standing:
            raise StateError(
                f"Correction {number} was already undone by {edit.undone_by}; nothing was changed."
            )
        undone = log.undo(edit, user)
    made = edit.model_copy(update={"undone_at": undone.created_at, "undone_by": user})
    return correction_of(made)


def corrections(project_id: str, *, undone: bool = False) -> pd.DataFrame:
    """Return the corrections of a project, one row each, oldest first.

    Parameters
    ----------
    project_id
        The project.
    undone
        Whether to include those that were undone.
    """
    import pandas as pd

    found = list_corrections(project_id, undone=undone)
    columns = [name for name in Correction.model_fields if name != "project_id"]
    rows = [entry.model_dump(include=set(columns)) for entry in found]
    return pd.DataFrame(rows, columns=columns)


def list_corrections(project_id: str, *, undone: bool = False) -> list[Correction]:
    """Return the corrections of a project as a list, like :func:`corrections`."""
    project = checked("project_id", project_id)
    made = edit_log.of_project(current().database, project)
    return [correction_of(e) for e in made if e.kind == "count" and (undone or e.standing)]


def read_inventory(project_id: str) -> InventoryResult:
    """Read the inventory of a project: its photos as they are now, with all edits.

    It is counted by the strategy of the newest inventory that was submitted. With ``llm``, the
    lists of rooms are those of that inventory.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    NotFoundError
        The project was not added up yet.
    """
    installation = current()
    project = checked("project_id", project_id)
    newest = newest_inventory(installation, project)
    if newest is None:
        projects.require_project(installation.database, project)
        raise NotFoundError(
            f"Project {project!r} was not added up yet. Submit its inventory: "
            f"submit_inventory({project!r})."
        )
    result = _inventory_now(installation, project, newest)
    if not newest.listed:
        return result
    return result.model_copy(update={"engines": (newest.engines[0], *result.engines)})


def _inventory_now(
    installation: Installation, project: str, newest: InventoryResult
) -> InventoryResult:
    """Count the photos of a project as they are now, in the way of its newest inventory."""
    settings = installation.settings
    return inventory_of(
        project,
        projects.project_photos(installation.database, project),
        edit_log.of_project(installation.database, project),
        Catalogue.for_settings(settings),
        strategy=newest.strategy,
        language=settings.language,
        listed=newest.listed,
        shown=newest.listed_photos,
    )


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    raise PayloadError(
        f"count is {value!r:.40}; give a whole number from 0, which takes the thing off the "
        f"list, to {MAX_COUNT:,}."
    )


def _volume(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and 0 <= number <= MAX_VOLUME:
            return number
    raise PayloadError(
        f"volume is {value!r:.40}; give the m³ of one piece, from 0 to {MAX_VOLUME:g}."
    )
