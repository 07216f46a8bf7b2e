"""How far inventories are from the truth, by the way in which the photos of a room are combined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from photoqueue.engines.contract import Engine, Hint, RoomEngine
from photoqueue.evaluation import Evaluation, compare_rooms, read_picture
from photoqueue.evaluation.truth import TrueRoom, Truth
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.jobs.inventory_sync import room_items
from photoqueue.records.base import STRATEGIES, Strategy
from photoqueue.records.results import FoundItem

#: Name of all homes together.
ALL: Final = "all"
#: The strategy that shows an engine all photos of a room at once.
TOGETHER: Final[Strategy] = "llm"


def strategies() -> tuple[Strategy, ...]:
    """Return the ways to put the photos of a room together, from their analyses alone."""
    return tuple(strategy for strategy in STRATEGIES if strategy != TOGETHER)


@dataclass(frozen=True, kw_only=True)
class InventoryScore:
    """How far an inventory is from the truth.

    Attributes
    ----------
    engine, model : str
    strategy : str
        How the photos of a room were put together.
    home : str
        The home, or ``all`` for all together.
    true_items, items : int
        Things that are there, and that the inventory lists.
    right_items : int
        Things listed that are there: per room and kind, the smaller of both counts. Totals
        can agree by accident, a wardrobe too many and a bookcase too few; this cannot.
    true_volume, volume : float
        m³.
    room_error : float
        Mean amount of the error of a room, in m³: errors of two rooms do not cancel.
    held_back : int
        Things that are shown and not counted until a person says so.
    """

    engine: str
    model: str
    strategy: str
    home: str
    true_items: int
    items: int
    right_items: int
    true_volume: float
    volume: float
    room_error: float
    held_back: int

    @property
    def item_error(self) -> float:
        """Items too many (above 0) or too few, as a share of those that are there."""
        return _error(self.items, self.true_items)

    @property
    def volume_error(self) -> float:
        """Volume too large (above 0) or too small, as a share of the true one."""
        return _error(self.volume, self.true_volume)


def _error(found: float, true: float) -> float:
    return (found - true) / true if true else float("nan")


def score_inventories(
    engine: Engine, truth: Truth, seen: Evaluation, catalogue: Catalogue, *, together: bool = False
) -> Iterator[InventoryScore]:
    """Compare the inventories of homes with the truth, by every strategy.

    Parameters
    ----------
    engine : Engine
    truth : Truth
    seen : Evaluation
        What the engine made of all their photos.
    catalogue : Catalogue
        Gives the volumes.
    together : bool
        Whether to ask an engine that can for each room with all its photos, too.

    Yields
    ------
    InventoryScore
        Strategy by strategy, home by home, then all together.
    """
    tried = strategies()
    listed: dict[str, Sequence[FoundItem]] = {}
    if together and isinstance(engine, RoomEngine):
        tried = (*tried, TOGETHER)
        listed = {room.label: _listed(engine, room) for room in truth.rooms}
    for strategy in tried:
        rooms, _ = compare_rooms(truth, seen.results, catalogue, strategy, listed)
        homes = list(dict.fromkeys(rooms["home"]))
        for home in (*homes, ALL):
            yield _score(engine, strategy, home, rooms[(rooms["home"] == home) | (home == ALL)])


def _score(engine: Engine, strategy: str, home: str, rooms: pd.DataFrame) -> InventoryScore:
    names = ("true_items", "items", "right_items", "held_back")
    return InventoryScore(
        engine=engine.name,
        model=engine.model,
        strategy=strategy,
        home=home,
        true_volume=round(float(rooms["true_volume"].sum()), 3),
        volume=round(float(rooms["volume"].sum()), 3),
        room_error=round(float((rooms["volume"] - rooms["true_volume"]).abs().mean()), 3),
        **{name: int(rooms[name].sum()) for name in names},
    )


def _listed(engine: RoomEngine, room: TrueRoom) -> Sequence[FoundItem]:
    """Let an engine look at a room with all its photos, as the worker does."""
    images = [read_picture(photo.file) for photo in room.photos]
    return room_items(engine.analyse_room(images, Hint(room=room.name)), engine)
