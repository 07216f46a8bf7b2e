"""Inventories made by hand, of things of the package's catalogue."""

from __future__ import annotations

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.lines import with_lines, with_range
from photoqueue.records.results import InventoryLine, InventoryResult

_CATALOGUE = Catalogue.load()


def line(
    key: str | None,
    count: int,
    *,
    room: str = "salon",
    room_type: str = "living room",
    volume: float | None = None,
    name: str = "",
    category: str = "misc",
    stays: int = 0,
) -> InventoryLine:
    """Return a line of ``count`` things; ``volume`` is that of one in m³, else the catalogue's."""
    item = _CATALOGUE.by_key(key) if key else None
    low, usual, high = (
        (item.volume_low, item.volume_usual, item.volume_high)
        if item and volume is None
        else (volume or 0, volume or 0, volume or 0)
    )
    return InventoryLine(
        room=room,
        room_type=room_type,
        name=item.name_en if item else name,
        category=item.category if item else category,
        key=key,
        count=count,
        dismountable=bool(item and item.dismountable),
        dismount_probability=item.dismount_probability if item else 0.0,
        volume=round(usual * count, 3),
        volume_min=round(low * count, 3),
        volume_max=round(high * count, 3),
        photos=("p1",),
        stays=stays,
    )


def inventory(*lines: InventoryLine, project_id: str = "move-42") -> InventoryResult:
    """Return the inventory of these lines."""
    rooms = tuple(sorted({one.room for one in lines}))
    empty = InventoryResult(
        project_id=project_id,
        total_items=0,
        total_volume=0,
        total_volume_min=0,
        total_volume_max=0,
        rooms=rooms,
        strategy="max",
        lines=(),
        photo_count=1,
    )
    return with_range(with_lines(empty, lines))
