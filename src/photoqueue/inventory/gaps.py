"""What an inventory may lack: places that no photo or only one shows, or that seem to be empty.

A person who knows that a gap is none (there is no cellar) acknowledges it, as an edit. The edit
holds as long as it is about the same photos: of a new photo of the room nobody has said anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from photoqueue.inventory.wording import canonical_room_type
from photoqueue.records.edits import OFTEN_FORGOTTEN, Edit
from photoqueue.records.results import InventoryResult


@dataclass(frozen=True, kw_only=True)
class Gap:
    """One thing that an inventory may lack."""

    #: One of :data:`~photoqueue.records.edits.GAPS`.
    kind: str
    #: A room of the project, or a kind of room that it has none of.
    place: str
    #: The photos of the room.
    photos: tuple[str, ...] = ()
    #: The edit of the person who acknowledged it.
    acknowledged: Edit | None = None

    @property
    def name(self) -> str:
        """What it is called where it is acknowledged: ``no-photo:cellar``."""
        return f"{self.kind}:{self.place}"


def gaps(
    result: InventoryResult,
    rooms: Mapping[str, Sequence[str]],
    kinds: Iterable[str],
    edits: Iterable[Edit],
) -> tuple[Gap, ...]:
    """Return the gaps of an inventory, those of kinds of room first, then by room.

    Parameters
    ----------
    result : InventoryResult
    rooms : mapping of str to sequence of str
        The analysed photos of each room.
    kinds : iterable of str
        What callers and engines call the kinds of the photographed rooms; names of rooms are looked
        at besides.
    edits : iterable of Edit
        Of the project.
    """
    there = {canonical_room_type(word) for word in (*kinds, *rooms, *result.rooms)}
    said = [edit for edit in edits if edit.kind == "acknowledge" and edit.standing]
    found = [
        *(Gap(kind="no-photo", place=kind) for kind in OFTEN_FORGOTTEN if kind not in there),
        *(gap for room in sorted({*rooms, *result.rooms}) for gap in _of_room(result, room, rooms)),
    ]
    return tuple(_acknowledged(gap, said) for gap in found)


def _of_room(
    result: InventoryResult, room: str, rooms: Mapping[str, Sequence[str]]
) -> Iterator[Gap]:
    photos = tuple(rooms.get(room, ()))
    if not photos:
        yield Gap(kind="no-photo", place=room)
        return
    if len([photo for photo in photos if photo not in result.duplicate_photos]) == 1:
        yield Gap(kind="one-photo", place=room, photos=photos)
    lines = [line for line in result.lines if line.room == room]
    if not any(line.count or line.held_back or line.stays for line in lines):
        yield Gap(kind="nothing-found", place=room, photos=photos)


def _acknowledged(gap: Gap, said: Sequence[Edit]) -> Gap:
    for edit in reversed(said):
        kind, _, place = (edit.gap or "").partition(":")
        # A room may have another name since; its photos are the same.
        same = set(gap.photos) <= set(edit.photos) if gap.photos else place == gap.place
        if kind == gap.kind and same:
            return Gap(kind=gap.kind, place=gap.place, photos=gap.photos, acknowledged=edit)
    return gap
