"""How often the range of a volume holds the true volume, and how wide it is.

What the volume of a thing is depends on whom one asks: rooms and moves are compared with the
catalogue's usual figures and, where a file of movers' tables is beside the checkout, with those of
each table (usual figures stand in for those that it lacks). Such cases are not independent of each
other, nor of the catalogue's ranges, which come from the same tables.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.engines.contract import Engine
from photoqueue.errors import ConfigurationError
from photoqueue.evaluation import Evaluation
from photoqueue.evaluation.truth import TrueRoom, Truth
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.inventory.ranges import Range, move_range
from photoqueue.records.results import (
    FOR_TRYING_OUT,
    FoundItem,
    InventoryResult,
    PhotoResult,
)

#: Columns of the movers' tables; the others of the file are sizes of boxes around a thing.
_MOVERS: Final = "ABCDEFGH"
#: Stands for the engine where all rooms are reviewed.
REVIEWED: Final = "reviewed"

#: Volumes of one thing in m³, by key.
Table = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RangeScore:
    """How often ranges hold the truth.

    Attributes
    ----------
    engine, model : str
        What made the inventory; ``reviewed`` for one that lists exactly what is there.
    home : str
        The home, or ``photos`` for photos of many homes, each a room.
    room_cases, room_held : int
        Rooms, times the tables that they are compared with; and how many are in their range.
    room_width : float
        Mean width of a room's range, in m³.
    move_cases, move_held : int
        The same for all rooms together.
    low, usual, high : float
        The range of all rooms together, in m³.
    true_volume : float
        By the catalogue, in m³.
    """

    engine: str
    model: str
    home: str
    room_cases: int
    room_held: int
    room_width: float
    move_cases: int
    move_held: int
    low: float
    usual: float
    high: float
    true_volume: float


def read_tables(file: Path, catalogue: Catalogue) -> list[Table]:
    """Read the figures of each mover, with a row for each thing and a column for each mover.

    Raises
    ------
    ConfigurationError
        The file cannot be read.
    """
    tables: dict[str, dict[str, float]] = {mover: {} for mover in _MOVERS}
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                words = (row["item_fr"], row["item_en"].split(" (")[0])
                names = (part for word in words for part in (word, *word.split(" / ")))
                known = next(filter(None, map(catalogue.by_name, names)), None)
                for mover in _MOVERS if known else "":
                    if row[mover] and known:
                        tables[mover][known.key] = float(row[mover])
    except (OSError, ValueError, KeyError) as exc:
        raise ConfigurationError(
            f"The movers' tables in {file} cannot be read ({exc}). Put the file right or away."
        ) from exc
    return list(tables.values())


def score_ranges(
    truth: Truth,
    catalogue: Catalogue,
    tables: Sequence[Table],
    photos: str,
    found: tuple[Engine, Evaluation] | None = None,
) -> Iterator[RangeScore]:
    """Compare ranges with what is there, home by home.

    Parameters
    ----------
    truth : Truth
    catalogue : Catalogue
    tables : sequence of Table
        Besides the catalogue.
    photos : str
        Name of rooms that are of no home.
    found : Engine and Evaluation, optional
        What an engine made of their photos; without it, all rooms are taken as reviewed.
    """
    for home in dict.fromkeys(room.home for room in truth.rooms):
        rooms = [r for r in truth.rooms if r.home == home and r.things is not None]
        if not rooms:
            continue
        if found is not None:
            inventory = _found(rooms, found[1], catalogue)
            # Nobody knows that these are photos of real rooms.
            if found[0].name == "builtin" and not home:
                inventory = inventory.model_copy(update={"warnings": (FOR_TRYING_OUT,)})
        else:
            inventory = _reviewed(rooms, catalogue)
        yield _score(rooms, inventory, tables, home or photos, found[0] if found else None)


def _score(
    rooms: Sequence[TrueRoom],
    inventory: InventoryResult,
    tables: Sequence[Table],
    home: str,
    engine: Engine | None,
) -> RangeScore:
    move = move_range(inventory)
    ranges = [move_range(inventory, room=room.label) for room in rooms]
    held, moves_held = 0, 0
    for table in ({}, *tables):
        volumes = [_volume(room, table) for room in rooms]
        held += sum(map(_holds, ranges, volumes))
        moves_held += _holds(move, sum(volumes))
    return RangeScore(
        engine=engine.name if engine else REVIEWED,
        model=engine.model if engine else "",
        home=home,
        room_cases=len(rooms) * (1 + len(tables)),
        room_held=held,
        room_width=round(sum(one.high - one.low for one in ranges) / max(len(rooms), 1), 3),
        move_cases=1 + len(tables),
        move_held=moves_held,
        low=round(move.low, 3),
        usual=round(move.usual, 3),
        high=round(move.high, 3),
        true_volume=round(sum(_volume(room, {}) for room in rooms), 3),
    )


def _holds(range_: Range, volume: float) -> bool:
    return range_.low - 1e-6 <= volume <= range_.high + 1e-6


def _volume(room: TrueRoom, table: Table) -> float:
    return sum(table.get(thing.key, thing.volume) for thing in room.things or ())


def _found(rooms: Sequence[TrueRoom], seen: Evaluation, catalogue: Catalogue) -> InventoryResult:
    photos = [
        AnalysedPhoto(
            photo_id=photo.name,
            sha256=photo.name,
            room=room.label,
            result=seen.results[photo.name],
        )
        for room in rooms
        for photo in room.photos
    ]
    return add_up("evaluation", photos, catalogue)


def _reviewed(rooms: Sequence[TrueRoom], catalogue: Catalogue) -> InventoryResult:
    photos = []
    for room in rooms:
        items = tuple(
            FoundItem(name=thing.key, category="misc", dismountable=False, key=thing.key)
            for thing in room.things or ()
        )
        result = PhotoResult(photo_id=room.label, items=items, room_type="other", confidence=1.0)
        photos.append(
            AnalysedPhoto(photo_id=room.label, sha256=room.label, room=room.label, result=result)
        )
    inventory = add_up("evaluation", photos, catalogue)
    return inventory.model_copy(
        update={"reviewed_rooms": dict.fromkeys(inventory.rooms, "evaluation")}
    )
