"""Counts that persons set, and inventories with all edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from photoqueue.client.identifiers import checked, checked_user
from photoqueue.client.project_state import (
    ProjectState,
    editing,
    not_added_up,
    with_lister,
)
from photoqueue.client.review import Review
from photoqueue.errors import PayloadError, StateError
from photoqueue.installation import current
from photoqueue.inventory.changes import InventoryChanges, changes_between
from photoqueue.inventory.correcting import correction_of
from photoqueue.inventory.volumes import Kind
from photoqueue.queue import edit_log
from photoqueue.records.results import Correction, InventoryResult

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.records.edits import Edit

#: Largest count that a person can set; a larger one is taken for a typing error.
MAX_COUNT: Final = 10_000


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
    editor = Review(checked("project_id", project_id), checked_user(user_id))
    made = set_count(
        editor,
        room,
        item,
        count,
        volume=volume,
        dismountable=dismountable,
        category=category,
        new_room=new_room,
    )
    return correction_of(made)


def set_count(
    editor: Review,
    room: str,
    item: str,
    count: int,
    *,
    volume: float | None = None,
    dismountable: bool | None = None,
    category: str | None = None,
    new_room: bool = False,
) -> Edit:
    """Make a correction as an edit of a reviewer; parameters are those of :func:`correct`."""
    what = checked("item", item).strip()
    number = _count(count)
    given: dict[str, Any] = {} if dismountable is None else {"dismountable": dismountable}
    with editing(editor.project_id, ref=editor.ref) as state:
        place = state.room(room, new_room=new_room)
        thing = state.thing(place, what, category=category, volume=volume)
        if state.newest:
            kind = Kind.named(thing.key, thing.name, thing.category)
            given["seen_count"] = state.seen(place, kind)
        return state.log.add(
            "count", editor.user_id, room=place, thing=thing, count=number, **given
        )


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

    It is counted by the strategy that was last asked for. With ``llm``, the lists of rooms are
    those of the newest inventory.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    NotFoundError
        The project was not added up yet.
    """
    state = ProjectState.read(checked("project_id", project_id))
    if state.newest is None:
        raise not_added_up(state.database, state.project_id)
    return with_lister(state.inventory(), state.newest)


def compare(before: InventoryResult | str, after: InventoryResult | str) -> InventoryChanges:
    """Compare two inventories: before and after a review, or by two engines.

    Parameters
    ----------
    before, after
        Inventories, or names of projects for :func:`read_inventory`.

    Returns
    -------
    InventoryChanges
        What came, went and changed, in things and m³; ``to_frame()`` gives one row a change. Things
        are compared by room and kind.

    Raises
    ------
    PayloadError
        One is neither.
    UnknownProjectError
        No photo was submitted for a project.
    NotFoundError
        A project was not added up yet.

    Examples
    --------
    >>> before = submit_inventory("move-42").result()  # doctest: +SKIP
    >>> compare(before, "move-42")  # after edits  # doctest: +SKIP
    """
    return changes_between(_inventory(before), _inventory(after))


def _inventory(given: object) -> InventoryResult:
    if isinstance(given, InventoryResult):
        return given
    if isinstance(given, str):
        return read_inventory(given)
    raise PayloadError(
        f"{given!r:.40} is no inventory. Give the result of an inventory job (job.result()), or "
        "the name of a project."
    )


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    raise PayloadError(
        "count is {value:.40}; give a whole number from 0, which takes the thing off the list, to "
        "{most:,}.",
        value=repr(value),
        most=MAX_COUNT,
    )
