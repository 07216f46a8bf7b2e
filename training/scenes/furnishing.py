"""What belongs into which kind of room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.scenes import (
    appliances,
    beds,
    chairs,
    fixtures,
    household,
    media,
    shelves,
    sofas,
    storage,
)
from training.scenes.furnisher import Furnisher
from training.scenes.groups import desk_group, dining_group, seating_group
from training.scenes.materials import Material, lacquer, wood
from training.scenes.pieces import Piece, Taste
from training.scenes.rooms import TURNS, Placed, Room, empty_room


def furnish(kind: str, taste: Taste) -> Room:
    """Return a room of a kind with what belongs there."""
    room = empty_room(kind, taste)
    f = Furnisher(room, taste)
    _FILLERS[kind](f)
    f.trifles()
    return room


def _living_room(f: Furnisher) -> None:
    t = f.taste
    seating_group(f)
    f.some(int(t.rng.integers(0, 3)), lambda: shelves.bookcase(t))
    f.some(int(t.chance(0.45)), lambda: storage.sideboard(t))
    f.some(int(t.chance(0.2)), lambda: storage.chest_of_drawers(t))
    f.some(int(t.chance(0.2)), lambda: sofas.armchair(t))
    if f.room.width * f.room.depth > 24 and t.chance(0.35):
        dining_group(f, int(t.rng.choice([4, 6])))
    f.greenery(1.0, 0.8)
    f.cartons(0.35)


def _bedroom(f: Furnisher) -> None:
    t = f.taste
    double = t.chance(0.6)
    for i in range(1 if double or t.chance(0.75) else 2):
        head = f.along_wall(beds.bed(t, double and i == 0), centred=double)
        if head is None:
            continue
        for side in (-1, 1):
            if t.chance(0.7):
                stand = f.beside(beds.nightstand(t), head, side)
                if stand is None and side == 1:
                    break
        if t.chance(0.4):
            f.relative(
                household.carpet(t, t.between(1.4, 2.4), t.between(1.0, 1.7)),
                head,
                0,
                -0.8,
                head.turn,
            )
    f.some(1 + int(t.chance(0.25)), lambda: storage.wardrobe(t))
    f.some(int(t.chance(0.65)), lambda: storage.chest_of_drawers(t))
    if t.chance(0.3):
        desk_group(f)
    f.some(int(t.chance(0.15)), lambda: shelves.bookcase(t))
    f.some(int(t.chance(0.25)), lambda: sofas.armchair(t))
    if t.chance(0.12):
        unit, screen = media.tv_unit(t)
        stand = f.along_wall(unit)
        if stand and screen:
            f.on_top(screen, stand)
    f.greenery(0.5, 0.4)
    f.cartons(0.45)


def _kitchen(f: Furnisher) -> None:
    t, room = f.taste, f.room
    face = lacquer(t.rng) if t.chance(0.6) else wood(t.rng)
    body = face if t.chance(0.6) else lacquer(t.rng)
    top = wood(t.rng) if t.chance(0.5) else lacquer(t.rng)
    wall = int(t.rng.integers(4))
    for number, side in enumerate([wall, (wall + 1) % 4] if t.chance(0.6) else [wall]):
        _kitchen_row(f, side, face, body, top, first=number == 0)
    if not any(p.piece.key == "refrigerator" for p in room.things) and t.chance(0.8):
        f.along_wall(appliances.refrigerator(t))
    if t.chance(0.65):
        dining_group(f, 4)
    f.greenery(0.3, 0.05)
    f.cartons(0.4)


def _kitchen_row(
    f: Furnisher, wall: int, face: Material, body: Material, top: Material, first: bool
) -> None:
    t, room = f.taste, f.room
    length = room.wall_length(wall)
    end = length - (0.02 if first else 0.66)
    x = 0.02
    wanted: list[Callable[[], Piece]] = []
    if first:
        wanted = [lambda: appliances.cooker(t)]
        if t.chance(0.7):
            wanted.append(lambda: appliances.refrigerator(t))
        if t.chance(0.5):
            wanted.append(lambda: appliances.washing_machine(t))
    elif t.chance(0.25):
        wanted = [lambda: appliances.washing_machine(t)]
    order = list(t.rng.permutation(len(wanted)))
    sink = first
    while x < end - 0.4:
        if order and t.chance(0.45):
            piece = wanted[int(order.pop())]()
        else:
            piece = fixtures.kitchen_units(
                t, min(t.between(0.6, 1.7), end - x), face, body, top, sink
            )
            sink = False
        w, d, _ = piece.size
        if x + w > end:
            break
        px, py = room.at_wall(wall, x + w / 2, d / 2 + 0.01)
        placed = Placed(piece, px, py, TURNS[wall])
        blocked = piece.size[2] > 1 and any(
            k == "window" and x + w > a and x < b for k, a, b in room.openings[wall]
        )
        if not blocked and room.put(placed, -0.01):
            free = all(x + w < a or x > b for _, a, b in room.openings[wall])
            if piece.key != "refrigerator" and free and t.chance(0.7):
                upper = fixtures.wall_units(t, w, face)
                room.things.append(
                    Placed(upper, *room.at_wall(wall, x + w / 2, 0.19), TURNS[wall], 0.0001)
                )
            x += w + 0.002
        else:
            x += 0.2


def _bathroom(f: Furnisher) -> None:
    t = f.taste
    f.along_wall(fixtures.bathtub(t)) if t.chance(0.6) else f.along_wall(fixtures.shower(t))
    f.along_wall(fixtures.washbasin(t))
    if t.chance(0.75):
        f.along_wall(fixtures.toilet(t))
    f.some(int(t.chance(0.6)), lambda: appliances.washing_machine(t))
    f.some(int(t.chance(0.15)), lambda: storage.chest_of_drawers(t))
    if t.chance(0.5):
        mat = household.carpet(t, t.between(0.8, 1.2), t.between(0.5, 0.75))
        f.room.things.append(
            Placed(
                mat,
                t.between(0.7, f.room.width - 0.7),
                t.between(0.7, f.room.depth - 0.7),
                float(t.rng.choice([0, np.pi / 2])),
            )
        )
    f.greenery(0.4, 0.0)
    f.cartons(0.15)


def _dining_room(f: Furnisher) -> None:
    t = f.taste
    dining_group(f, int(t.rng.choice([4, 6, 6, 8])))
    f.some(1 + int(t.chance(0.2)), lambda: storage.sideboard(t))
    f.some(int(t.chance(0.3)), lambda: shelves.bookcase(t))
    f.some(int(t.chance(0.15)), lambda: sofas.armchair(t))
    f.greenery(0.9, 0.5)
    f.cartons(0.3)


def _office(f: Furnisher) -> None:
    t = f.taste
    desk_group(f)
    if t.chance(0.15):
        desk_group(f)
    f.some(int(t.rng.integers(0, 3)), lambda: shelves.bookcase(t))
    f.some(int(t.chance(0.4)), lambda: storage.chest_of_drawers(t))
    f.some(int(t.chance(0.3)), lambda: sofas.armchair(t))
    f.some(int(t.chance(0.15)), lambda: sofas.sofa(t, 2))
    f.some(int(t.chance(0.15)), lambda: storage.sideboard(t))
    if t.chance(0.25):
        f.room.things.append(
            Placed(
                household.carpet(t, t.between(1.4, 2.2), t.between(1.0, 1.6)),
                f.room.width / 2,
                f.room.depth / 2,
                0.0,
            )
        )
    f.greenery(0.7, 0.5)
    f.cartons(0.8)


def _hallway(f: Furnisher) -> None:
    t = f.taste
    f.along_wall(fixtures.coat_rack(t))
    f.some(int(t.chance(0.6)), lambda: storage.chest_of_drawers(t))
    f.some(int(t.chance(0.35)), lambda: storage.wardrobe(t))
    f.some(int(t.chance(0.25)), lambda: chairs.chair(t))
    if t.chance(0.5):
        mat = household.carpet(t, t.between(0.6, 0.9), t.between(1.4, 2.4))
        f.room.things.append(Placed(mat, f.room.width / 2, f.room.depth / 2, 0.0))
    for _ in range(int(t.rng.integers(0, 4))):
        f.along_wall(fixtures.shoes(t))
    f.greenery(0.5, 0.25)
    f.cartons(1.0)


_FILLERS: dict[str, Callable[[Furnisher], None]] = {
    "living room": _living_room,
    "bedroom": _bedroom,
    "kitchen": _kitchen,
    "bathroom": _bathroom,
    "dining room": _dining_room,
    "office": _office,
    "hallway": _hallway,
}
