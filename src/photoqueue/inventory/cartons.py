"""Cartons that a home needs, from its rooms and the furniture that holds things.

Photos show cupboards, not what is in them. For each room::

    cartons = loose things of its kind of room × size of the room
            + Σ volume of storage furniture × share that its contents fill ÷ volume of a carton

* *Loose things* are those on tables, walls and window sills, and in fitted cupboards, which stay:
  :data:`LOOSE`, cartons of a room of medium size. A room with less than 3 m³ of furniture needs 0.7
  of it, one with more than 8 m³ 1.4 times as many.
* *Contents*: closed furniture holds half of its moving volume (the rule of the French mover's
  software Moverz, public code), with wardrobes half of that on hangers; shelves, desks and low
  units a quarter (estimated). Furniture that stays is emptied all the same.
* *Range*: from half to one and a half of it, as published counts differ: a French guide
  (immopedia.fr) has 5 to 10 cartons for a kitchen, 5 to 10 for a living room, 5 to 8 for a
  bedroom; American ones (getmovingmuscle.com, thedonutwhole.com) 10 to 22, 8 to 15 and 10 to 23.
  :data:`LOOSE` is set so that rooms with usual furniture come out between the two.
* Cartons that photos show are packed already: they are subtracted, in their own room first.
* A person's own figure, for the move or for a room, replaces all of it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.estimate_words import Words
from photoqueue.inventory.weights import known_item
from photoqueue.inventory.wording import OTHER, canonical_room_type
from photoqueue.records.estimates import CartonLine
from photoqueue.records.results import InventoryLine, InventoryResult

STANDARD: Final = "box_standard"
BOOKS: Final = "box_books"
HANGING: Final = "box_wardrobe"
KINDS: Final = (STANDARD, BOOKS, HANGING)

#: Cartons of loose things by kind of room.
LOOSE: Final[Mapping[str, float]] = {
    "kitchen": 10,
    "living room": 4,
    "bedroom": 3,
    "dining room": 2,
    "office": 4,
    "bathroom": 2,
    "hallway": 2,
    "corridor": 2,
    "laundry": 3,
    "cellar": 8,
    "attic": 8,
    "garage": 10,
    "balcony": 1,
    OTHER: 3,
}
#: m³ of furniture up to which a room is small, and from which it is large; and their factors.
_SMALL, _LARGE = 3.0, 8.0
_SIZES: Final = {"small": 0.7, "medium": 1.0, "large": 1.4}
#: Share of the moving volume of furniture that its contents fill, by the cartons that they go in.
CONTENTS: Final[Mapping[str, Mapping[str, float]]] = {
    "wardrobe_1_door": {STANDARD: 0.25, HANGING: 0.25},
    "wardrobe_2_door": {STANDARD: 0.25, HANGING: 0.25},
    "wardrobe_3_door": {STANDARD: 0.25, HANGING: 0.25},
    "chest_of_drawers": {STANDARD: 0.5},
    "sideboard": {STANDARD: 0.5},
    "display_cabinet": {STANDARD: 0.5},
    "bathroom_cabinet": {STANDARD: 0.5},
    "shoe_cabinet": {STANDARD: 0.5},
    "nightstand": {STANDARD: 0.25},
    "dressing_table": {STANDARD: 0.25},
    "tv_unit": {STANDARD: 0.25},
    "desk": {STANDARD: 0.25},
    "workbench": {STANDARD: 0.25},
    "shelf_unit": {STANDARD: 0.25},
    "bookcase": {BOOKS: 0.25},
    "filing_cabinet": {BOOKS: 0.5},
}
#: Where dishes and glass are: half of the loose things there, and the contents of this furniture.
_DISHES_ROOMS: Final = ("kitchen", "dining room")
_DISHES: Final = ("display_cabinet", "sideboard")
#: The range: shares of the usual number.
_SPREAD: Final = (0.5, 1.0, 1.5)


@dataclass
class _Need:
    """Cartons of one kind that a room needs, before those that are seen."""

    room: str
    kind: str
    key: str
    fragile: bool
    cartons: float = 0.0
    parts: list[str] = field(default_factory=list)

    def add(self, cartons: float, part: str) -> None:
        self.cartons += cartons
        self.parts.append(part)

    def number(self, end: int) -> int:
        """Whole cartons at the low, usual or high end: rounded down, to the nearest, or up."""
        exact = round(_SPREAD[end] * self.cartons, 9)
        return (math.floor(exact), math.floor(exact + 0.5), math.ceil(exact))[end]


def cartons_of(
    inventory: InventoryResult,
    catalogue: Catalogue,
    *,
    given: int | Mapping[str, int] | None = None,
    lang: str = "en",
) -> tuple[CartonLine, ...]:
    """Return the cartons that are still to be packed, by room and kind.

    Parameters
    ----------
    inventory : InventoryResult
    catalogue : Catalogue
        Has the volumes of cartons.
    given : int or mapping of str to int
        A person's own figure, with the cartons that photos show: of the move, or by room. Rooms
        that are not named keep the estimate.
    lang : str
        ``en`` or ``fr``: language of the formulas.
    """
    words = Words(lang, "metric")
    seen: Counter[tuple[str, str]] = Counter()
    for line in inventory.lines:
        if line.key in KINDS:
            seen[line.room, line.key] += line.count
    left, lines = _needs(inventory, catalogue, words), list[CartonLine]()
    own = {None: given} if isinstance(given, int) else given or {}
    for place, number in own.items():
        mine = [need for need in left if place in (None, need.room)]
        left = [need for need in left if need not in mine]
        lines += _given(mine, number, seen, words)
    for key in KINDS:
        needs, rooms = [need for need in left if need.key == key], {need.room for need in left}
        shown = {room: n for (room, kind), n in seen.items() if kind == key and room in rooms}
        lines += _less_seen(needs, shown, words)
    return tuple(sorted(lines, key=lambda one: (one.room, KINDS.index(one.key), one.fragile)))


def _needs(inventory: InventoryResult, catalogue: Catalogue, words: Words) -> list[_Need]:
    """Return what each room needs, in an order that does not depend on that of the lines."""
    lines: defaultdict[str, list[InventoryLine]] = defaultdict(list)
    for line in inventory.lines:
        lines[line.room].append(line)
    needs: list[_Need] = []
    for room in sorted({*inventory.rooms, *lines}):
        found = sorted(lines[room], key=lambda line: (line.key or "", line.name))
        kind = canonical_room_type(found[0].room_type if found else room) or OTHER
        needs += _needs_of_room(room, kind, found, catalogue, words)
    return needs


def _needs_of_room(
    room: str, kind: str, lines: Sequence[InventoryLine], catalogue: Catalogue, words: Words
) -> list[_Need]:
    needs: dict[tuple[str, bool], _Need] = {}

    def need(key: str, fragile: bool) -> _Need:
        return needs.setdefault((key, fragile), _Need(room, kind, key, fragile))

    furniture = sum(_volume(line, catalogue) for line in lines if line.key not in KINDS)
    size = "small" if furniture < _SMALL else "large" if furniture > _LARGE else "medium"
    loose = LOOSE.get(kind, LOOSE[OTHER]) * _SIZES[size]
    dishes = loose / 2 if kind in _DISHES_ROOMS else 0.0
    for cartons, fragile in ((loose - dishes, False), (dishes, True)):
        if cartons:
            need(STANDARD, fragile).add(
                cartons, words.text(f"{size} room", n=words.number(cartons, 1))
            )
    for line in lines:
        for key, share in CONTENTS.get(line.key or "", {}).items():
            carton, volume = catalogue.by_key(key), _volume(line, catalogue)
            if carton is None or not carton.volume_usual or not volume:
                continue
            item = known_item(line, catalogue)
            cartons = volume * share / carton.volume_usual
            fragile = line.key in _DISHES and (kind in _DISHES_ROOMS or line.key == _DISHES[0])
            need(key, fragile).add(
                cartons,
                f"{item.name(words.lang) if item else line.name} {words.number(cartons, 1)}",
            )
    return [needs[key] for key in sorted(needs)]


def _volume(line: InventoryLine, catalogue: Catalogue) -> float:
    """Return the moving volume in m³ of all things of a line, also of those that stay."""
    item = known_item(line, catalogue)
    one = line.volume_of_one if line.count else item.volume_usual if item else 0.0
    return (line.count + line.stays) * one


def _less_seen(needs: Sequence[_Need], seen: Mapping[str, int], words: Words) -> list[CartonLine]:
    """Subtract the cartons of one kind that photos show: in their room first, then elsewhere."""
    ends, taken = [], [0] * len(needs)
    for end in (2, 0, 1):  # what is taken at the usual end is told
        numbers = [need.number(end) for need in needs]
        for room, shown in seen.items():
            mine = [i for i, need in enumerate(needs) if need.room == room]
            own = [numbers[i] for i in mine]
            for i, less in zip(mine, spread(min(shown, sum(own)), own), strict=True):
                taken[i] = less
        rest = [number - less for number, less in zip(numbers, taken, strict=True)]
        ends.append(spread(max(sum(numbers) - sum(seen.values()), 0), rest))
    return [
        _line(need, (min(low, usual), usual, max(high, usual)), less, words)
        for need, high, low, usual, less in zip(needs, *ends, taken, strict=True)
    ]


def _given(
    needs: Sequence[_Need], number: int, seen: Mapping[tuple[str, str], int], words: Words
) -> Iterator[CartonLine]:
    """Divide a person's own figure among kinds and rooms like the estimate."""
    rooms = {need.room for need in needs}
    shown = sum(count for (room, _), count in seen.items() if room in rooms)
    numbers = spread(max(number - shown, 0), [need.cartons for need in needs])
    told = words.text("own cartons", n=number)
    for need, n in zip(needs, numbers, strict=True):
        yield _line(need, (n, n, n), seen.get((need.room, need.key), 0), words, told)


def _line(
    need: _Need, numbers: tuple[int, int, int], seen: int, words: Words, given: str = ""
) -> CartonLine:
    less = words.text("less seen", n=seen) if seen else ""
    return CartonLine(
        room=need.room,
        room_type=need.kind,
        key=need.key,
        low=numbers[0],
        usual=numbers[1],
        high=numbers[2],
        fragile=need.fragile,
        seen=seen,
        given=bool(given),
        formula=(given or " + ".join(need.parts)) + less,
    )


def spread(total: int, shares: Sequence[float]) -> list[int]:
    """Divide a whole number in proportion to shares; the largest remainders get what is left.

    >>> spread(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = sum(shares)
    if not whole:
        return [0] * len(shares)
    exact = [total * share / whole for share in shares]
    parts = [math.floor(one + 1e-9) for one in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts
