"""What differs between two inventories: before and after a review, or by two engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from photoqueue.format import number, one_line
from photoqueue.inventory.volumes import Kind, litres, to_cubic_metres
from photoqueue.records.base import Record
from photoqueue.records.hooks import HasCard
from photoqueue.records.results import InventoryLine, InventoryResult

if TYPE_CHECKING:
    import pandas as pd


class LineChange(Record):
    """One kind of thing in one room that the two inventories count differently."""

    room: str
    name: str
    #: Catalogue key; ``None`` for a thing that is not in the catalogue.
    key: str | None = None
    #: Whether only the second has it, only the first, or both.
    change: Literal["came", "went", "changed"]
    #: How many each has.
    count_before: int
    count_after: int
    #: Their moving volume in m³.
    volume_before: float
    volume_after: float


class InventoryChanges(Record, HasCard):
    """What came, went and changed from one inventory to another."""

    project_before: str
    project_after: str
    #: By room, then name.
    changes: tuple[LineChange, ...]
    #: How many things and m³ more (above 0) or fewer the second has.
    items: int
    volume: float

    @property
    def projects(self) -> tuple[str, ...]:
        """Their projects; one, if it is the same."""
        return tuple(dict.fromkeys((self.project_before, self.project_after)))

    def to_frame(self) -> pd.DataFrame:
        """Return the changes as a DataFrame, one row each; volumes in m³."""
        import pandas as pd

        columns = [name for name in LineChange.model_fields if name != "key"]
        return pd.DataFrame([one.model_dump() for one in self.changes], columns=columns)

    @property
    def words(self) -> str:
        """Numbers and sums: ``2 came, 1 went, 0 changed; +3 things, +1.20 m³``."""
        if not self.changes:
            return "nothing changed"
        kinds = [one.change for one in self.changes]
        told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("came", "went", "changed"))
        things = "thing" if abs(self.items) == 1 else "things"
        return f"{told}; {signed(self.items)} {things}, {signed(self.volume, 2)} m³"

    def __repr__(self) -> str:
        names = " → ".join(one_line(name, 10) for name in self.projects)
        return f"<InventoryChanges {names}: {self.words}>"


def signed(value: float, decimals: int = 0) -> str:
    """Write a difference: ``+1.20``, ``-3``, ``0``."""
    written = number(value, decimals)
    return f"+{written}" if value > 0 and written.strip("0.") else written


def changes_between(before: InventoryResult, after: InventoryResult) -> InventoryChanges:
    """Return what differs between two inventories.

    Lines are the same if their room and kind of thing are. So a sofa of two seats that was three
    before is one that went and one that came, and so are all things of a room with a new name.
    Things that are held back or stay do not count.
    """
    old, new = _by_place(before), _by_place(after)
    found = []
    for place in old.keys() | new.keys():
        was, now = old.get(place), new.get(place)
        line = now or was
        assert line is not None
        if was and now and (was.count, was.volume) == (now.count, now.volume):
            continue
        found.append(
            LineChange(
                room=line.room,
                name=line.name,
                key=line.key,
                change="changed" if was and now else "came" if now else "went",
                count_before=was.count if was else 0,
                count_after=now.count if now else 0,
                volume_before=was.volume if was else 0.0,
                volume_after=now.volume if now else 0.0,
            )
        )
    return InventoryChanges(
        project_before=before.project_id,
        project_after=after.project_id,
        changes=tuple(sorted(found, key=lambda one: (one.room, one.name, one.key or ""))),
        items=sum(one.count_after - one.count_before for one in found),
        volume=to_cubic_metres(
            sum(litres(one.volume_after) - litres(one.volume_before) for one in found)
        ),
    )


def _by_place(inventory: InventoryResult) -> dict[tuple[str, Kind], InventoryLine]:
    return {
        (line.room, Kind.named(line.key, line.name, line.category)): line
        for line in inventory.lines
        if line.count
    }
