"""Lines of an inventory: from a count to names, volumes and photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import CATEGORIES
from photoqueue.inventory.counting import LOW_SCORE, SEVERAL_VIEWS, Count
from photoqueue.inventory.views import RoomView
from photoqueue.inventory.volumes import litres, to_cubic_metres, volume_range
from photoqueue.records.results import InventoryLine, InventoryResult

#: Score below which the best finding of a thing that only one of several views shows is doubtful.
_LOW_SCORE_ALONE: Final = 0.7
#: Litres of one thing above which it does not count on one doubtful finding: it costs more than
#: all else that detectors get wrong in a room.
_LARGE: Final = 1000
#: Probability of another kind from which the kind is doubtful.
_DOUBTFUL_KIND: Final = 0.35


def reason_to_look(
    count: Count, views: int, catalogue: Catalogue, language: str = "en"
) -> str | None:
    """Return why a user should check a count; ``None`` if nothing is doubtful.

    Parameters
    ----------
    count : Count
    views : int
        Pictures of the room.
    catalogue : Catalogue
    language : str
        Language of the names in the reason.
    """
    reasons = [
        reason
        for reason in (
            *sorted({thing.left_out for thing in count.things}),
            _unknown(count, catalogue),
            _boxes_joined(count),
            _doubtful_kind(count, catalogue, language),
            _low_score(count, views),
            _views_disagree(count),
        )
        if reason
    ]
    return "; ".join(reasons) or None


def _unknown(count: Count, catalogue: Catalogue) -> str | None:
    if count.kind.key and catalogue.by_key(count.kind.key):
        return None
    return "not in the catalogue"


def other_kinds(count: Count) -> list[str]:
    """Return the catalogue keys that it may be instead: those it replaced, else the likeliest."""
    keys = [kind.key for kind in count.rivals if kind.key]
    if keys:
        return keys
    shares: Counter[str] = Counter()
    for item in count.items:
        for key, share in (item.alternatives or {}).items():
            shares[key] += round(1000 * share)
    key = min(shares, key=lambda key: (-shares[key], key), default="")
    return [key] if key and shares[key] >= 1000 * _DOUBTFUL_KIND * len(count.items) else []


def _doubtful_kind(count: Count, catalogue: Catalogue, language: str) -> str | None:
    names = _listed(other_kinds(count), catalogue, language)
    if not names:
        return None
    return f"taken for {names} in another photo" if count.rivals else f"may be {names}"


def _low_score(count: Count, views: int) -> str | None:
    scores = [item.score for item in count.items if item.score is not None]
    if not scores:
        return None
    alone = views >= SEVERAL_VIEWS and len({found.view for found in count.sightings}) == 1
    if max(scores) >= (_LOW_SCORE_ALONE if alone else LOW_SCORE):
        return None
    only = f"in one of {views} photos only and " if alone else ""
    return f"seen {only}with little certainty ({max(scores):.2f})"


def _boxes_joined(count: Count) -> str | None:
    joined = max((len(item.merged or ()) for item in count.items), default=0)
    return f"{joined + 1} boxes taken for one thing" if joined else None


def _views_disagree(count: Count) -> str | None:
    """Return a reason if only one view, or none, supports the number."""
    per_view = Counter(found.view for found in count.sightings)
    if not per_view:
        return "seen only in all photos together" if count.listed else None
    most, *others = sorted(per_view.values(), reverse=True)
    if count.listed and count.number != most:
        return f"{count.number} in all photos together, {most} in the one that shows most"
    if count.number > most:
        return f"{most} in the photo that shows most, {count.number} over all"
    if others and count.number >= 2 and 2 * others[0] <= count.number:
        return f"{most} in one photo, {others[0]} at most in the others"
    return None


def _listed(keys: list[str], catalogue: Catalogue, language: str) -> str:
    names = []
    for key in keys:
        known = catalogue.by_key(key)
        names.append(known.name(language) if known else key)
    return " or ".join(names)


def line_of(
    count: Count,
    *,
    room: str,
    room_type: str,
    views: Sequence[RoomView],
    catalogue: Catalogue,
    language: str,
) -> InventoryLine:
    """Return the line for a count; the catalogue takes precedence over the engine."""
    found = count.items
    known = catalogue.by_key(count.kind.key) if count.kind.key else None
    low, usual, high = volume_range(known, found)
    for other in filter(None, map(catalogue.by_key, other_kinds(count))):
        # The range shows the doubt: a sofa of two or three seats.
        low, high = min(low, litres(other.volume_low)), max(high, litres(other.volume_high))
    moving = [thing for thing in count.things if not thing.stays]
    unsure = sum(thing.unsure and not thing.left_out for thing in moving)
    number = count.number - (unsure if usual > _LARGE else 0)
    held = len(moving) - number
    reason = reason_to_look(count, len(views), catalogue, language)
    if held:
        reason = f"{held} not counted: {reason}"
    dismountable = any(item.dismountable for item in found)
    return InventoryLine(
        room=room,
        room_type=room_type,
        key=count.kind.key,
        name=known.name(language) if known else min(item.name for item in found),
        category=known.category if known else min(item.category for item in found),
        dismountable=known.dismountable if known else dismountable,
        dismount_probability=known.dismount_probability if known else float(dismountable),
        count=number,
        volume=to_cubic_metres(usual * number),
        volume_min=to_cubic_metres(low * number),
        volume_max=to_cubic_metres(high * len(moving)),
        photos=tuple(sorted({views[found.view].photo_id for found in count.sightings})),
        review=reason is not None,
        reason=reason,
        held_back=held,
        stays=len(count.things) - len(moving),
    )


def in_order(lines: Iterable[InventoryLine]) -> tuple[InventoryLine, ...]:
    """Sort by room, then category (furniture first, as in the catalogue), then name."""

    def order(line: InventoryLine) -> tuple[str, int, str, str, str]:
        known = line.category in CATEGORIES
        position = CATEGORIES.index(line.category) if known else len(CATEGORIES)
        return line.room, position, line.category, line.name, line.key or ""

    return tuple(sorted(lines, key=order))


def with_lines(result: InventoryResult, lines: Iterable[InventoryLine]) -> InventoryResult:
    """Return the inventory with these lines and their totals."""
    ordered = in_order(lines)
    return result.model_copy(
        update={
            "lines": ordered,
            "total_items": sum(line.count for line in ordered),
            "total_volume": to_cubic_metres(sum(litres(line.volume) for line in ordered)),
            "total_volume_min": to_cubic_metres(sum(litres(line.volume_min) for line in ordered)),
            "total_volume_max": to_cubic_metres(sum(litres(line.volume_max) for line in ordered)),
        }
    )
