"""How far the inventory of a sample home is from what stands in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from photoqueue.engines.contract import Analysis, Engine, Hint, RoomEngine
from photoqueue.engines.samples import SampleHome, SampleRoom
from photoqueue.engines.truth import AnnotatedPhoto
from photoqueue.evaluation.pictures import read_picture
from photoqueue.evaluation.records import InventoryScore
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.jobs.inventory_sync import room_items
from photoqueue.jobs.photo_analyze import PhotoPayload, photo_result
from photoqueue.records.base import STRATEGIES, Strategy
from photoqueue.records.results import FoundItem, InventoryResult, PhotoResult

if TYPE_CHECKING:
    from PIL import Image

#: Name of all homes together.
ALL: Final = "all"
#: The strategy that shows an engine all photos of a room at once.
TOGETHER: Final[Strategy] = "llm"


def strategies() -> tuple[Strategy, ...]:
    """Return the ways to put the photos of a room together, from their analyses alone."""
    return tuple(strategy for strategy in STRATEGIES if strategy != TOGETHER)


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
    homes: Sequence[SampleHome],
    results: Mapping[str, PhotoResult],
    catalogue: Catalogue,
    *,
    together: bool = False,
) -> list[InventoryScore]:
    """Compare the inventories of homes with the truth, by every strategy.

    Parameters
    ----------
    engine : Engine
    homes : sequence of SampleHome
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


def true_things(home: SampleHome) -> Counter[tuple[str, str]]:
    """Count what stands in a home, by room and catalogue key."""
    return Counter((room.room, item.key) for room in home.rooms for item in room.items)


def found_things(inventory: InventoryResult) -> Counter[tuple[str, str]]:
    """Count what an inventory lists, by room and catalogue key (the name, without a key)."""
    counts: Counter[tuple[str, str]] = Counter()
    for line in inventory.lines:
        counts[line.room, line.key or line.name] += line.count
    return counts


@dataclass(frozen=True)
class _Totals:
    true_items: int
    items: int
    right_items: int
    true_volume: float
    volume: float


def _compared(home: SampleHome, found: InventoryResult) -> _Totals:
    true, listed = true_things(home), found_things(found)
    return _Totals(
        true_items=home.total_items,
        items=found.total_items,
        right_items=(true & listed).total(),
        true_volume=home.total_volume,
        volume=found.total_volume,
    )


def _scores(
    engine: Engine, strategy: str, homes: Sequence[SampleHome], totals: Sequence[_Totals]
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


def _analysed(home: SampleHome, results: Mapping[str, PhotoResult]) -> list[AnalysedPhoto]:
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


def _listed(engine: RoomEngine, home: SampleHome) -> dict[str, Sequence[FoundItem]]:
    """Let an engine look at each room with all its photos, as the worker does."""
    return {room.room: _room_items(engine, home, room) for room in home.rooms}


def _room_items(engine: RoomEngine, home: SampleHome, room: SampleRoom) -> Sequence[FoundItem]:
    images = [read_picture(home.folder / view.photo) for view in room.views]
    return room_items(engine.analyse_room(images, Hint(room=room.room)), engine)
