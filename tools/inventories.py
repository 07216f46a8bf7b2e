"""How far the inventory of a sample home is from what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from photoqueue.engines.contract import Analysis, Engine, Hint, RoomEngine
from photoqueue.evaluation import AnnotatedPhoto, read_picture
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.jobs.inventory_sync import room_items
from photoqueue.jobs.photo_analyze import PhotoPayload, photo_result
from photoqueue.records.base import STRATEGIES, Strategy
from photoqueue.records.results import FoundItem, InventoryResult, PhotoResult
from photoqueue.samples import found_things
from tools.homes import BoxedHome, BoxedRoom

if TYPE_CHECKING:
    from PIL import Image

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


class Results:
    """Keeps what an engine made of each photo, in the form in which a worker stores it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.by_photo: dict[str, PhotoResult] = {}

    def __call__(self, photo: AnnotatedPhoto, image: Image.Image, analysis: Analysis) -> None:
        """Take in one photo."""
        payload = PhotoPayload(photo_id=photo.name[:200], user_id="evaluation", sha256="")
        self.by_photo[photo.name] = photo_result(payload, image, analysis, self._engine)


def score_inventories(
    engine: Engine,
    homes: Sequence[BoxedHome],
    results: Mapping[str, PhotoResult],
    catalogue: Catalogue,
    *,
    together: bool = False,
) -> list[InventoryScore]:
    """Compare the inventories of homes with the truth, by every strategy.

    Parameters
    ----------
    engine : Engine
    homes : sequence of BoxedHome
    results : mapping of str to PhotoResult
        The results of all their photos, by name.
    catalogue : Catalogue
        Gives the volumes.
    together : bool
        Whether to ask an engine that can for each room with all its photos, too.

    Returns
    -------
    list of InventoryScore
        Strategy by strategy, home by home, then all together.
    """
    tried = strategies()
    listed: dict[str, Mapping[str, Sequence[FoundItem]]] = {}
    if together and isinstance(engine, RoomEngine):
        tried = (*tried, TOGETHER)
        listed = {home.home: _listed(engine, home) for home in homes}
    scores: list[InventoryScore] = []
    for strategy in tried:
        totals = []
        for home in homes:
            found = add_up(
                home.home,
                _analysed(home, results),
                catalogue,
                strategy=strategy,
                listed=listed.get(home.home),
            )
            totals.append(_compared(home, found))
        scores.extend(_scores(engine, strategy, homes, totals))
    return scores


@dataclass(frozen=True)
class _Totals:
    true_items: int
    items: int
    right_items: int
    true_volume: float
    volume: float


def _compared(home: BoxedHome, found: InventoryResult) -> _Totals:
    true, listed = home.true_things(), found_things(found)
    return _Totals(
        true_items=home.total_items,
        items=found.total_items,
        right_items=(true & listed).total(),
        true_volume=home.total_volume,
        volume=found.total_volume,
    )


def _scores(
    engine: Engine, strategy: str, homes: Sequence[BoxedHome], totals: Sequence[_Totals]
) -> Iterable[InventoryScore]:
    """Return the scores of one strategy: home by home, then all together."""
    together = _Totals(
        true_items=sum(one.true_items for one in totals),
        items=sum(one.items for one in totals),
        right_items=sum(one.right_items for one in totals),
        true_volume=sum(one.true_volume for one in totals),
        volume=sum(one.volume for one in totals),
    )
    named = [(home.home, one) for home, one in zip(homes, totals, strict=True)]
    for home, one in (*named, (ALL, together)):
        yield InventoryScore(
            engine=engine.name,
            model=engine.model,
            strategy=strategy,
            home=home,
            true_items=one.true_items,
            items=one.items,
            right_items=one.right_items,
            true_volume=round(one.true_volume, 3),
            volume=round(one.volume, 3),
        )


def _analysed(home: BoxedHome, results: Mapping[str, PhotoResult]) -> list[AnalysedPhoto]:
    return [
        AnalysedPhoto(
            photo_id=name,
            sha256=hashlib.sha256((home.folder / view.photo).read_bytes()).hexdigest(),
            room=room.room,
            result=results[name],
        )
        for room in home.rooms
        for view in room.views
        if (name := f"{home.home}/{view.photo}")
    ]


def _listed(engine: RoomEngine, home: BoxedHome) -> dict[str, Sequence[FoundItem]]:
    """Let an engine look at each room with all its photos, as the worker does."""
    return {room.room: _room_items(engine, home, room) for room in home.rooms}


def _room_items(engine: RoomEngine, home: BoxedHome, room: BoxedRoom) -> Sequence[FoundItem]:
    images = [read_picture(home.folder / view.photo) for view in room.views]
    return room_items(engine.analyse_room(images, Hint(room=room.room)), engine)
