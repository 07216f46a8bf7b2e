"""Lines of an inventory: from a count to names, volumes and photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from photoqueue.inventory.catalogue import CATEGORIES, Catalogue
from photoqueue.inventory.counting import Count
from photoqueue.inventory.review import reason_to_look
from photoqueue.inventory.views import View
from photoqueue.inventory.volumes import litres, to_cubic_metres, volume_range
from photoqueue.models import InventoryLine, InventoryResult


def line_of(
    count: Count,
    *,
    room: str,
    room_type: str,
    views: Sequence[View],
    catalogue: Catalogue,
    language: str,
) -> InventoryLine:
    """Return the line for a count; the catalogue decides over what an engine said."""
    found = count.items
    known = catalogue.by_key(count.thing.key) if count.thing.key else None
    low, usual, high = volume_range(known, found)
    reason = reason_to_look(count, len(views), catalogue, language)
    dismountable = any(item.dismountable for item in found)
    return InventoryLine(
        room=room,
        room_type=room_type,
        key=count.thing.key,
        name=known.name(language) if known else min(item.name for item in found),
        category=known.category if known else min(item.category for item in found),
        dismountable=known.dismountable if known else dismountable,
        dismount_probability=known.dismount_probability if known else float(dismountable),
        count=count.number,
        volume=to_cubic_metres(usual * count.number),
        volume_min=to_cubic_metres(low * count.number),
        volume_max=to_cubic_metres(high * count.number),
        photos=tuple(sorted({views[found.view].photo_id for found in count.sightings})),
        review=reason is not None,
        reason=reason,
    )


def in_order(lines: Iterable[InventoryLine]) -> tuple[InventoryLine, ...]:
    """Sort by room; in each, furniture first, as in the catalogue; then by name."""

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
