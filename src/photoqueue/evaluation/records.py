"""What a comparison measures: one record a line of its tables.

Shares are 0…1, NaN where there is nothing to divide by; volumes are m³.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EngineScore:
    """How right an engine is on one set of photos, and how quick.

    Attributes
    ----------
    engine, model : str
    photos : str
        The set: ``samples`` or ``photos``.
    photo_count, truths, found, right : int
        Photos; boxes that are there, that were found and count, and that are right.
    precision, recall, f1 : float
        At IoU 0.5, over all boxes.
    room_type_accuracy : float
    ms_per_photo : float
        Median milliseconds of decoding and analysing, with one thread.
    """

    engine: str
    model: str
    photos: str
    photo_count: int
    truths: int
    found: int
    right: int
    precision: float
    recall: float
    f1: float
    room_type_accuracy: float
    ms_per_photo: float


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How right an engine is on one kind of thing; fields as in :class:`EngineScore`."""

    engine: str
    model: str
    photos: str
    key: str
    truths: int
    found: int
    right: int
    precision: float
    recall: float
    f1: float


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


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What was not measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that was measured, in a fixed order: engine by engine, set by set."""

    engines: tuple[EngineScore, ...] = ()
    classes: tuple[ClassScore, ...] = ()
    inventories: tuple[InventoryScore, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def _error(found: float, true: float) -> float:
    return (found - true) / true if true else float("nan")
