"""Lines of an inventory: from a count to names, volumes and photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import CATEGORIES
from photoqueue.inventory.counting import Count, Thing
from photoqueue.inventory.ranges import move_range
from photoqueue.inventory.views import RoomView
from photoqueue.inventory.volumes import litres, to_cubic_metres, volume_range
from photoqueue.phrases import phrase
from photoqueue.records.results import InventoryLine, InventoryResult

#: Litres of one thing above which it does not count on one doubtful finding: it costs more than
#: all else that detectors get wrong in a room.
_LARGE: Final = 1000
#: Probability of another kind from which the kind is doubtful.
_DOUBTFUL_KIND: Final = 0.35


def doubts(
    count: Count, catalogue: Catalogue, language: str = "en"
) -> Iterator[tuple[str, list[Thing]]]:
    """Give each reason why a user should check a count, with the things that it is about.

    What does not count, and what a person spoke of, is not among them.

    Parameters
    ----------
    count : Count
    catalogue : Catalogue
    language : str
        Language of the names in the reason.
    """
    rest = [thing for thing in count.things if thing.moves and not thing.settled]
    if not (count.kind.key and catalogue.by_key(count.kind.key)):
        yield phrase(language, "not in the catalogue"), rest
    joined = [thing for thing in rest if any(item.merged for item in thing.items)]
    most = max((len(item.merged or ()) for thing in joined for item in thing.items), default=0)
    yield phrase(language, "{boxes} boxes taken for one thing", boxes=most + 1), joined
    alone = [replace(count, things=(thing,)) for thing in rest]
    for rivals in (True, False):
        text = "taken for {names} in another photo" if rivals else "may be {names}"
        named = [(one, other_kinds(one)) for one in alone if bool(one.rivals) is rivals]
        unlike = [one.things[0] for one, keys in named if keys]
        known = {key: catalogue.by_key(key) for _, keys in named for key in keys}
        names = [item.name(language) if item else key for key, item in known.items()]
        yield phrase(language, text, names=phrase(language, " or ").join(names)), unlike
    for views in sorted({thing.alone_of for thing in rest}):
        low = [thing for thing in rest if thing.doubtful and thing.alone_of == views]
        text = (
            "seen in one of {views} photos only and with little certainty ({score})"
            if views
            else "seen with little certainty ({score})"
        )
        score = min((thing.score for thing in low), default=0.0)
        yield phrase(language, text, views=views, score=score), low
    if disagreement := _views_disagree(count, language):
        yield disagreement, rest


def reason_to_look(
    count: Count, catalogue: Catalogue, language: str = "en", held: Sequence[Thing] = ()
) -> str | None:
    """Return why a user should check a count; ``None`` if nothing is doubtful.

    Parameters are as of :func:`doubts`; ``held`` are the things of :func:`held_back`. A reason that
    does not hold for all things says for how many.
    """
    reasons = [phrase(language, text) for text in sorted({t.left_out for t in count.things} - {""})]
    for reason, things in doubts(count, catalogue, language):
        of = {"count": len(things), "of": count.number}
        if 1 < count.number > len(things) and things != list(held):
            reason = phrase(language, "{count} of {of}: {reason}", **of, reason=reason)
        reasons += [reason] if things else []
    return "; ".join(reasons) or None


def _unsettled(count: Count) -> Count:
    """Return the things of a count that no person has spoken of."""
    return replace(count, things=tuple(thing for thing in count.things if not thing.settled))


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


def _views_disagree(count: Count, language: str) -> str:
    """Return a reason if only one view, or none, supports the number."""
    per_view = Counter(found.view for found in count.sightings)
    most, *others = sorted(per_view.values(), reverse=True) or [0]
    if not per_view:
        text = "seen only in all photos together" if count.listed else ""
    elif count.listed and count.number != most:
        text = "{number} in all photos together, {most} in the one that shows most"
    elif count.number > most:
        text = "{most} in the photo that shows most, {number} over all"
    elif others and count.number >= 2 and 2 * others[0] <= count.number:
        text = "{most} in one photo, {others} at most in the others"
    else:
        text = ""
    least = others[0] if others else 0
    return phrase(language, text, number=count.number, most=most, others=least)


def held_back(count: Count, usual: int) -> Sequence[Thing]:
    """Return the things that count only at the upper end: large, and seen once without certainty.

    Parameters
    ----------
    count : Count
    usual : int
        Usual volume of one, in litres.
    """
    return [thing for thing in count.things if thing.unsure and thing.moves and usual > _LARGE]


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
    for other in filter(None, map(catalogue.by_key, other_kinds(_unsettled(count)))):
        # The range shows the doubt: a sofa of two or three seats.
        low, high = min(low, litres(other.volume_low)), max(high, litres(other.volume_high))
    moving = [thing for thing in count.things if not thing.stays]
    not_counted = held_back(count, usual)
    number = count.number - len(not_counted)
    held = len(moving) - number
    reason = reason_to_look(count, catalogue, language, not_counted)
    if held:
        reason = phrase(language, "{held} not counted: {reason}", held=held, reason=reason)
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
        settled=sum(thing.settled for thing in moving),
    )


def checked_off(line: InventoryLine) -> InventoryLine:
    """Return a line of a room that a person has reviewed: nothing of it is to check."""
    told = line.reason if line.held_back or line.corrected else None
    return line.model_copy(update={"review": False, "reason": told})


def in_order(lines: Iterable[InventoryLine]) -> tuple[InventoryLine, ...]:
    """Sort by room, then category (furniture first, as in the catalogue), then name."""

    def order(line: InventoryLine) -> tuple[str, int, str, str, str]:
        known = line.category in CATEGORIES
        position = CATEGORIES.index(line.category) if known else len(CATEGORIES)
        return line.room, position, line.category, line.name, line.key or ""

    return tuple(sorted(lines, key=order))


def with_lines(result: InventoryResult, lines: Iterable[InventoryLine]) -> InventoryResult:
    """Return the inventory with these lines and their totals; its range is that of before."""
    ordered = in_order(lines)
    return result.model_copy(
        update={
            "lines": ordered,
            "total_items": sum(line.count for line in ordered),
            "total_volume": to_cubic_metres(sum(litres(line.volume) for line in ordered)),
        }
    )


def with_range(result: InventoryResult) -> InventoryResult:
    """Return the inventory with the range of its volume, the last thing to be known of it."""
    between = move_range(result)
    return result.model_copy(
        update={
            "total_volume_min": to_cubic_metres(litres(between.low)),
            "total_volume_max": to_cubic_metres(litres(between.high)),
        }
    )
