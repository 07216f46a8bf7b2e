"""Applies a user's corrections to an inventory, as its last step.

A correction sets the count of one kind of thing in one room and, optionally, the volume of one and
whether it is dismantled. It stays in force when photos are analysed or added up again: the
inventory shows the user's count, and beside it the count of the photos. Of several corrections of
one thing in one room, the newest applies; values that it leaves out come from older ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import CatalogueItem
from photoqueue.inventory.lines import with_lines, with_range
from photoqueue.inventory.volumes import Kind, litres, to_cubic_metres
from photoqueue.inventory.wording import OTHER, canonical_room_type
from photoqueue.phrases import phrase
from photoqueue.records.edits import Edit
from photoqueue.records.results import Correction, InventoryLine, InventoryResult


def corrected(
    result: InventoryResult,
    corrections: Iterable[Correction],
    catalogue: Catalogue,
    *,
    language: str = "en",
) -> InventoryResult:
    """Return an inventory with exactly these corrections applied.

    Corrections that the inventory already holds are replaced. So applying the same ones twice
    changes nothing, and leaving one out shows what the photos said.

    Parameters
    ----------
    result : InventoryResult
    corrections : iterable of Correction
        In any order; undone ones are left out.
    catalogue : Catalogue
        Describes things that the photos do not show.
    language : str
        Language of the names.
    """
    base = _photographed(result)
    newest = _holding(corrections)
    if not newest:
        return with_range(base)
    lines = {(line.room, thing_of(line)): line for line in base.lines}
    replaced = [line for place, line in lines.items() if place in newest]
    for place, correction in newest.items():
        seen = lines.pop(place, None)
        known = catalogue.by_key(correction.key or "")
        line = seen or _unseen(correction, base, known, language)
        if not line.count:  # held back: the upper end of its range alone has a volume
            most = line.volume_of_one
            low, usual = (known.volume_low, known.volume_usual) if known else (most, most)
            one = {"count": 1, "held_back": 0, "volume_min": low, "volume": usual}
            line = line.model_copy(update={**one, "volume_max": most})
        if seen is not None or correction.count:
            lines[place] = _set(line, correction, 0 if seen is None else seen.count, language)
    added = sorted({room for room, _ in lines} - set(base.rooms))
    changed = base.model_copy(
        update={
            "rooms": tuple(sorted((*base.rooms, *added))),
            "seen_lines": tuple(replaced),
            "added_rooms": tuple(added),
        }
    )
    return with_range(with_lines(changed, lines.values()))


def correction_of(edit: Edit) -> Correction:
    """Return an edit of kind ``count`` as the correction that it is."""
    assert edit.thing is not None and edit.room is not None and edit.count is not None
    return Correction(
        correction_id=edit.edit_id,
        project_id=edit.project_id,
        room=edit.room,
        **edit.thing.model_dump(),
        count=edit.count,
        seen_count=edit.seen_count,
        dismountable=edit.dismountable,
        user_id=edit.user_id,
        created_at=edit.created_at,
        undone_at=edit.undone_at,
        undone_by=edit.undone_by,
    )


def as_photographed(result: InventoryResult) -> InventoryResult:
    """Return an inventory without its corrections."""
    return result if result.seen_lines is None else with_range(_photographed(result))


def _photographed(result: InventoryResult) -> InventoryResult:
    """Return an inventory without its corrections, with the range of before."""
    if result.seen_lines is None:
        return result
    added = set(result.added_rooms or ())
    base = result.model_copy(
        update={
            "rooms": tuple(room for room in result.rooms if room not in added),
            "seen_lines": None,
            "added_rooms": None,
        }
    )
    untouched = [line for line in result.lines if not line.corrected]
    return with_lines(base, [*untouched, *result.seen_lines])


def _holding(corrections: Iterable[Correction]) -> dict[tuple[str, Kind], Correction]:
    """Return the correction of each thing in each room: the newest, completed by older ones."""
    newest: dict[tuple[str, Kind], Correction] = {}
    for correction in sorted(corrections, key=lambda entry: entry.correction_id):
        if correction.undone_at is not None:
            continue
        place = correction.room, _thing(correction)
        before = newest.get(place)
        if before is not None:
            kept = {
                name: getattr(before, name)
                for name in ("volume", "dismountable")
                if getattr(correction, name) is None
            }
            correction = correction.model_copy(update=kept)
        newest[place] = correction
    return newest


def thing_of(line: InventoryLine) -> Kind:
    """Return the kind of thing that a line lists."""
    return Kind.named(line.key, line.name, line.category)


def _thing(correction: Correction) -> Kind:
    return Kind.named(correction.key, correction.name, correction.category)


def _unseen(
    correction: Correction, base: InventoryResult, known: CatalogueItem | None, language: str
) -> InventoryLine:
    """Return a line of count 1 for a thing that the photos of the room do not show."""
    kinds = [line.room_type for line in base.lines if line.room == correction.room]
    return InventoryLine(
        room=correction.room,
        room_type=kinds[0] if kinds else canonical_room_type(correction.room) or OTHER,
        key=correction.key,
        name=known.name(language) if known else correction.name,
        category=known.category if known else correction.category,
        dismountable=known.dismountable if known else False,
        dismount_probability=known.dismount_probability if known else 0.0,
        count=1,
        volume=known.volume_usual if known else 0.0,
        volume_min=known.volume_low if known else 0.0,
        volume_max=known.volume_high if known else 0.0,
        photos=(),
    )


def _set(
    line: InventoryLine, correction: Correction, seen_count: int, language: str
) -> InventoryLine:
    """Return a line with the user's values."""
    given = correction.volume
    changes: dict[str, object] = {
        name: to_cubic_metres(
            (litres(getattr(line, name)) // of if given is None else litres(given))
            * correction.count
        )
        for name, of in (
            *(("volume", line.count), ("volume_min", line.count)),
            ("volume_max", line.count + line.held_back),
        )
    }
    if correction.dismountable is not None:
        changes["dismountable"] = correction.dismountable
        changes["dismount_probability"] = float(correction.dismountable)
    then = correction.seen_count
    differs = then is not None and then != seen_count
    text = "corrected by {user}; the photos show {seen}"
    if differs:
        text += ", and showed {then} then"
    reason = phrase(language, text, user=correction.user_id, seen=seen_count, then=then)
    return line.model_copy(
        update={
            **changes,
            "count": correction.count,
            "corrected": True,
            "seen_count": seen_count,
            "held_back": 0,
            # A user has checked it, and sees what contradicts it since.
            "review": differs,
            "reason": reason,
        }
    )
