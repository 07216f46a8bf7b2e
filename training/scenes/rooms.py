"""Furnished rooms: which things stand in a kind of room, and where.

A room is a box with its corner at the origin, ``width`` along x and ``depth`` along y.
Things stand along the walls or in groups in the middle, and never in one another: each
takes a rectangle of floor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from training.scenes import household, seats, storage, tables
from training.scenes.geometry import Mesh
from training.scenes.materials import Material, lacquer, wood
from training.scenes.pieces import Piece, Taste

ROOM_TYPES = (
    "living room",
    "bedroom",
    "kitchen",
    "bathroom",
    "dining room",
    "office",
    "hallway",
)
#: Turn that lets a piece stand with its back to a wall: back, right, front, left.
_TURNS = (0.0, -np.pi / 2, np.pi, np.pi / 2)


@dataclass
class Placed:
    """A piece at its place; ``floor`` is the rectangle x0, y0, x1, y1 that it takes."""

    piece: Piece
    x: float
    y: float
    turn: float
    z: float = 0.0

    @property
    def floor(self) -> tuple[float, float, float, float]:
        w, d, _ = self.piece.size
        c, s = abs(np.cos(self.turn)), abs(np.sin(self.turn))
        half_x, half_y = (w * c + d * s) / 2, (w * s + d * c) / 2
        return self.x - half_x, self.y - half_y, self.x + half_x, self.y + half_y

    def meshes(self) -> list[tuple[Mesh, Material]]:
        """Return the parts where they stand."""
        return [(m.moved(self.turn, self.x, self.y, self.z), stuff) for m, stuff in self.piece.parts]


@dataclass
class Room:
    """One room with what stands in it."""

    kind: str
    width: float
    depth: float
    height: float
    things: list[Placed] = field(default_factory=list)
    #: Openings per wall (back, right, front, left): kind, start and end along the wall.
    openings: list[list[tuple[str, float, float]]] = field(default_factory=lambda: [[], [], [], []])

    def wall_length(self, wall: int) -> float:
        """Metres along a wall."""
        return self.width if wall % 2 == 0 else self.depth

    def at_wall(self, wall: int, along: float, off: float) -> tuple[float, float]:
        """Floor point ``off`` metres before a wall, ``along`` metres from its left end."""
        if wall == 0:
            return along, self.depth - off
        if wall == 1:
            return self.width - off, self.depth - along
        if wall == 2:
            return self.width - along, off
        return off, along

    def is_free(self, spot: tuple[float, float, float, float], gap: float = 0.03) -> bool:
        """Whether a rectangle lies inside and touches nothing that stands there."""
        x0, y0, x1, y1 = spot
        if x0 < 0 or y0 < 0 or x1 > self.width or y1 > self.depth:
            return False
        for other in self.things:
            if other.piece.size[2] < 0.05 or other.z > 0.05:
                continue  # carpets, and what stands on something
            a0, b0, a1, b1 = other.floor
            if x0 < a1 + gap and x1 > a0 - gap and y0 < b1 + gap and y1 > b0 - gap:
                return False
        return not any(self._in_doorway(spot, wall) for wall in range(4))

    def _in_doorway(self, spot: tuple[float, float, float, float], wall: int) -> bool:
        for kind, start, end in self.openings[wall]:
            if kind != "door":
                continue
            a, b = self.at_wall(wall, start, 0), self.at_wall(wall, end, 0.75)
            x0, x1 = sorted((a[0], b[0]))
            y0, y1 = sorted((a[1], b[1]))
            if spot[0] < x1 and spot[2] > x0 and spot[1] < y1 and spot[3] > y0:
                return True
        return False

    def put(self, placed: Placed, gap: float = 0.03) -> bool:
        """Put a thing there if there is room."""
        if not self.is_free(placed.floor, gap):
            return False
        self.things.append(placed)
        return True


class Furnisher:
    """Fills one room.

    Parameters
    ----------
    room : Room
    taste : Taste
    """

    def __init__(self, room: Room, taste: Taste) -> None:
        self.room = room
        self.taste = taste
        self.rng = taste.rng

    def along_wall(self, piece: Piece, walls: list[int] | None = None, *, centred: bool = False) -> Placed | None:
        """Stand a piece with its back to a wall; tall ones not before a window."""
        order = list(self.rng.permutation(walls if walls is not None else [0, 1, 2, 3]))
        w, d, h = piece.size
        for attempt in range(24):
            wall = int(order[attempt % len(order)])
            length = self.room.wall_length(wall)
            if length < w + 0.1:
                continue
            along = self.rng.uniform(w / 2 + 0.03, length - w / 2 - 0.03)
            if centred and attempt < len(order):
                along = length / 2 + self.rng.normal() * 0.15
            if h > 0.95 and any(k == "window" and along + w / 2 > a and along - w / 2 < b for k, a, b in self.room.openings[wall]):
                continue
            x, y = self.room.at_wall(wall, along, d / 2 + 0.02)
            placed = Placed(piece, x, y, _TURNS[wall])
            if self.room.put(placed):
                return placed
        return None

    def beside(self, piece: Piece, host: Placed, side: int, gap: float = 0.06, forward: float = 0.0) -> Placed | None:
        """Stand a piece next to another, backs in one line."""
        off = side * (host.piece.size[0] / 2 + piece.size[0] / 2 + gap)
        back = (host.piece.size[1] - piece.size[1]) / 2 - forward
        return self._relative(piece, host, off, back, host.turn)

    def before(self, piece: Piece, host: Placed, distance: float, off: float = 0.0, facing: bool = False) -> Placed | None:
        """Stand a piece in front of another, ``distance`` metres from its front."""
        forward = -(host.piece.size[1] / 2 + distance + piece.size[1] / 2)
        return self._relative(piece, host, off, forward, host.turn + (np.pi if facing else 0.0))

    def _relative(self, piece: Piece, host: Placed, dx: float, dy: float, turn: float) -> Placed | None:
        c, s = np.cos(host.turn), np.sin(host.turn)
        placed = Placed(piece, host.x + c * dx - s * dy, host.y + s * dx + c * dy, turn)
        if piece.size[2] < 0.05:
            self.room.things.append(placed)
            return placed
        return placed if self.room.put(placed) else None

    def on_top(self, piece: Piece, host: Placed) -> Placed:
        """Stand a piece on another."""
        placed = Placed(piece, host.x, host.y, host.turn, host.piece.size[2])
        self.room.things.append(placed)
        return placed

    def loose(self, piece: Piece, tries: int = 12) -> Placed | None:
        """Stand a piece anywhere, turned anyhow."""
        w, d, _ = piece.size
        r = max(w, d) / 2
        for _ in range(tries):
            x = self.rng.uniform(r, max(self.room.width - r, r + 0.01))
            y = self.rng.uniform(r, max(self.room.depth - r, r + 0.01))
            placed = Placed(piece, x, y, float(self.rng.uniform(0, 6.3)))
            if self.room.put(placed, 0.08):
                return placed
        return None

    def corner(self, piece: Piece) -> Placed | None:
        """Stand a piece in one of the corners."""
        r = max(piece.size[:2]) / 2 + 0.05
        corners = [(r, r), (self.room.width - r, r), (r, self.room.depth - r), (self.room.width - r, self.room.depth - r)]
        for i in self.rng.permutation(4):
            placed = Placed(piece, *corners[int(i)], float(self.rng.uniform(0, 6.3)))
            if self.room.put(placed):
                return placed
        return self.loose(piece)

    # -- groups ---------------------------------------------------------------------------

    def dining_group(self, seats_wanted: int) -> None:
        """A table with its chairs."""
        taste, rng = self.taste, self.rng
        table = tables.dining_table(taste, seats_wanted)
        tables.table_things(table, taste, *table.size, many=4)
        w, d, _ = table.size
        turn = float(rng.choice([0, np.pi / 2]))
        host = None
        for _ in range(30):
            x = rng.uniform(0.9, max(self.room.width - 0.9, 0.95))
            y = rng.uniform(0.9, max(self.room.depth - 0.9, 0.95))
            trial = Placed(table, x, y, turn)
            x0, y0, x1, y1 = trial.floor
            if self.room.is_free((x0 - 0.35, y0 - 0.35, x1 + 0.35, y1 + 0.35)) and self.room.put(trial):
                host = trial
                break
        if host is None:
            return
        style, stuff = seats.chair_style(taste), None
        if taste.chance(0.8):
            stuff = wood(rng) if style not in {"padded", "parsons", "shell"} else (lacquer(rng) if style == "shell" else seats.upholstery(rng))
        model = seats.chair(taste, stuff, style)
        spots = []
        per_side = {4: 2 if w > 1.26 else 1, 6: 2 if taste.chance(0.4) else 3, 8: 3}[seats_wanted]
        for i in range(per_side):
            along = w * ((i + 0.5) / per_side - 0.5)
            spots += [(along, -d / 2, 0.0), (along, d / 2, np.pi)]
        if per_side * 2 < seats_wanted:
            spots += [(-w / 2, 0.0, -np.pi / 2), (w / 2, 0.0, np.pi / 2)]
        for dx, dy, face in spots:
            if taste.chance(0.06):
                continue
            push = taste.between(0.02, 0.2) if taste.chance(0.9) else taste.between(0.25, 0.45)
            out = np.array([dx, dy]) + np.array([np.sin(face), -np.cos(face)]) * push
            jitter = float(rng.normal() * 0.08)
            # A chair looks at the table: its front (-y) towards the middle.
            self._seat(model, host, float(out[0]), float(out[1]), face + np.pi + jitter)
        if taste.chance(0.4):
            self._relative(household.carpet(taste, w + 1.2, d + 1.2), host, 0, 0, host.turn)

    def _seat(self, chair: Piece, host: Placed, dx: float, dy: float, face: float) -> None:
        """Stand a chair at a table, partly under it if it likes."""
        c, s = np.cos(host.turn), np.sin(host.turn)
        placed = Placed(chair, host.x + c * dx - s * dy, host.y + s * dx + c * dy, host.turn + face)
        self.room.things.remove(host)
        if self.room.is_free(placed.floor, 0.0):
            self.room.things.append(placed)
        self.room.things.append(host)

    def seating_group(self) -> None:
        """Sofa, low table, armchairs, and a television opposite."""
        taste, rng = self.taste, self.rng
        wall = int(rng.integers(4))
        sofa = self.along_wall(seats.sofa(taste, int(rng.choice([2, 3]))), [wall, (wall + 2) % 4], centred=True)
        if sofa is None:
            return
        if taste.chance(0.75):
            unit, screen = storage.tv_unit(taste, taste.chance(0.85))
            facing = {0.0: 2, np.pi: 0, -np.pi / 2: 3, np.pi / 2: 1}[sofa.turn]
            stand = self.along_wall(unit, [facing], centred=True) or self.along_wall(unit)
            if stand and screen:
                self.on_top(screen, stand)
        table = tables.coffee_table(taste)
        tables.table_things(table, taste, *table.size, many=3)
        if taste.chance(0.85):
            place = self.before(table, sofa, taste.between(0.32, 0.5))
            if taste.chance(0.65):
                w, d = taste.between(1.7, 2.6), taste.between(1.2, 1.8)
                self._relative(household.carpet(taste, w, d), place or sofa, 0, 0 if place else -1.1, sofa.turn)
        model = seats.armchair(taste)
        twin = taste.chance(0.5)
        for side in (-1, 1):
            if taste.chance(0.55):
                chair = model if twin else seats.armchair(taste)
                reach = sofa.piece.size[0] / 2 + chair.size[1] / 2 + taste.between(0.0, 0.3)
                self._relative(chair, sofa, side * reach, -taste.between(0.95, 1.35), sofa.turn + side * np.pi / 2 * -1)
        if taste.chance(0.3):
            second = seats.sofa(taste, 2)
            self.along_wall(second)

    def some(self, count: int, make: Callable[[], Piece], walls: list[int] | None = None) -> None:
        """Up to ``count`` pieces along the walls."""
        for _ in range(count):
            self.along_wall(make(), walls)

    def greenery(self, plants: float, lamps: float) -> None:
        """Plants and floor lamps in the corners."""
        for _ in range(int(self.rng.poisson(plants))):
            self.corner(household.potted_plant(self.taste))
        for _ in range(int(self.rng.poisson(lamps))):
            self.corner(household.floor_lamp(self.taste))

    def cartons(self, mean: float) -> None:
        """Moving boxes, one on another now and then."""
        for _ in range(int(self.rng.poisson(mean))):
            placed = self.along_wall(storage.carton(self.taste)) if self.taste.chance(0.6) else self.loose(storage.carton(self.taste))
            if placed and self.taste.chance(0.3):
                self.on_top(storage.carton(self.taste), placed).turn += float(self.rng.normal() * 0.15)

    def trifles(self) -> None:
        """What lies about, and pictures on the walls."""
        for _ in range(int(self.rng.integers(0, 3))):
            self.loose(household.trifle(self.taste) if self.taste.chance(0.8) else household.shoes(self.taste))
        for _ in range(int(self.rng.integers(0, 5))):
            wall = int(self.rng.integers(4))
            piece = household.wall_picture(self.taste)
            length, w = self.room.wall_length(wall), piece.size[0]
            if length < w + 0.4:
                continue
            along = self.rng.uniform(w / 2 + 0.1, length - w / 2 - 0.1)
            if any(along + w / 2 > a - 0.1 and along - w / 2 < b + 0.1 for _, a, b in self.room.openings[wall]):
                continue
            x, y = self.room.at_wall(wall, along, 0.03)
            x0, y0, x1, y1 = Placed(piece, x, y, _TURNS[wall]).floor
            tall = [t for t in self.room.things if t.piece.size[2] + t.z > 1.1]
            if not any(x0 < b[2] and x1 > b[0] and y0 < b[3] and y1 > b[1] for b in (t.floor for t in tall)):
                self.room.things.append(Placed(piece, x, y, _TURNS[wall], 0.0001))


def furnish(kind: str, taste: Taste) -> Room:
    """Return a room of a kind with what belongs there."""
    room = _empty(kind, taste)
    f = Furnisher(room, taste)
    _FILLERS[kind](f)
    f.trifles()
    return room


def _empty(kind: str, taste: Taste) -> Room:
    sizes = {
        "living room": ((4.2, 6.4), (3.8, 5.6)),
        "bedroom": ((3.2, 4.8), (3.2, 4.6)),
        "kitchen": ((2.8, 4.6), (2.8, 4.4)),
        "bathroom": ((2.3, 3.6), (2.2, 3.4)),
        "dining room": ((3.4, 5.0), (3.4, 4.8)),
        "office": ((2.8, 4.4), (2.8, 4.2)),
        "hallway": ((1.7, 2.6), (3.4, 5.2)),
    }
    (w0, w1), (d0, d1) = sizes[kind]
    room = Room(kind, taste.between(w0, w1), taste.between(d0, d1), taste.between(2.4, 2.8))
    for wall in taste.rng.permutation(4)[: int(taste.rng.integers(1, 3))]:
        _opening(room, taste, int(wall), "window", taste.between(1.0, 1.9))
    for wall in taste.rng.permutation(4)[: 2 if kind == "hallway" else 1]:
        _opening(room, taste, int(wall), "door", 0.85)
    return room


def _opening(room: Room, taste: Taste, wall: int, kind: str, width: float) -> None:
    length = room.wall_length(wall)
    if length < width + 0.4:
        return
    start = taste.between(0.2, length - width - 0.2)
    if all(start > b + 0.15 or start + width < a - 0.15 for _, a, b in room.openings[wall]):
        room.openings[wall].append((kind, start, start + width))


def _living_room(f: Furnisher) -> None:
    t = f.taste
    f.seating_group()
    f.some(int(t.rng.integers(0, 3)), lambda: storage.bookcase(t))
    f.some(int(t.chance(0.45)), lambda: storage.sideboard(t))
    f.some(int(t.chance(0.2)), lambda: storage.chest_of_drawers(t))
    f.some(int(t.chance(0.2)), lambda: seats.armchair(t))
    if f.room.width * f.room.depth > 24 and t.chance(0.35):
        f.dining_group(int(t.rng.choice([4, 6])))
    f.greenery(1.0, 0.8)
    f.cartons(0.35)


def _bedroom(f: Furnisher) -> None:
    t = f.taste
    double = t.chance(0.6)
    for i in range(1 if double or t.chance(0.75) else 2):
        head = f.along_wall(storage.bed(t, double and i == 0), centred=double)
        if head is None:
            continue
        for side in (-1, 1):
            if t.chance(0.7):
                stand = f.beside(storage.nightstand(t), head, side)
                if stand is None and side == 1:
                    break
        if t.chance(0.4):
            f._relative(household.carpet(t, t.between(1.4, 2.4), t.between(1.0, 1.7)), head, 0, -0.8, head.turn)
    f.some(1 + int(t.chance(0.25)), lambda: storage.wardrobe(t))
    f.some(int(t.chance(0.65)), lambda: storage.chest_of_drawers(t))
    if t.chance(0.3):
        _desk_group(f)
    f.some(int(t.chance(0.15)), lambda: storage.bookcase(t))
    f.some(int(t.chance(0.25)), lambda: seats.armchair(t))
    if t.chance(0.12):
        unit, screen = storage.tv_unit(t)
        stand = f.along_wall(unit)
        if stand and screen:
            f.on_top(screen, stand)
    f.greenery(0.5, 0.4)
    f.cartons(0.45)


def _desk_group(f: Furnisher) -> None:
    t = f.taste
    place = f.along_wall(tables.desk(t))
    if place:
        chair = seats.office_chair(t) if t.chance(0.75) else seats.chair(t)
        seat = f.before(chair, place, t.between(-0.05, 0.25), t.between(-0.2, 0.2), facing=True)
        if seat:
            seat.turn += float(t.rng.normal() * 0.4)


def _kitchen(f: Furnisher) -> None:
    t, room = f.taste, f.room
    face = lacquer(t.rng) if t.chance(0.6) else wood(t.rng)
    body = face if t.chance(0.6) else lacquer(t.rng)
    top = wood(t.rng) if t.chance(0.5) else lacquer(t.rng)
    wall = int(t.rng.integers(4))
    for number, side in enumerate([wall, (wall + 1) % 4] if t.chance(0.6) else [wall]):
        _kitchen_row(f, side, face, body, top, first=number == 0)
    if not any(p.piece.key == "refrigerator" for p in room.things) and t.chance(0.8):
        f.along_wall(household.refrigerator(t))
    if t.chance(0.65):
        f.dining_group(4)
    f.greenery(0.3, 0.05)
    f.cartons(0.4)


def _kitchen_row(f: Furnisher, wall: int, face: Material, body: Material, top: Material, first: bool) -> None:
    t, room = f.taste, f.room
    length = room.wall_length(wall)
    end = length - (0.02 if first else 0.66)
    x = 0.02
    wanted: list[Callable[[], Piece]] = []
    if first:
        wanted = [lambda: household.cooker(t)]
        if t.chance(0.7):
            wanted.append(lambda: household.refrigerator(t))
        if t.chance(0.5):
            wanted.append(lambda: household.washing_machine(t))
    elif t.chance(0.25):
        wanted = [lambda: household.washing_machine(t)]
    order = list(t.rng.permutation(len(wanted)))
    sink = first
    while x < end - 0.4:
        if order and t.chance(0.45):
            piece = wanted[int(order.pop())]()
        else:
            piece = household.kitchen_units(t, min(t.between(0.6, 1.7), end - x), face, body, top, sink)
            sink = False
        w, d, _ = piece.size
        if x + w > end:
            break
        px, py = room.at_wall(wall, x + w / 2, d / 2 + 0.01)
        placed = Placed(piece, px, py, _TURNS[wall])
        blocked = piece.size[2] > 1 and any(k == "window" and x + w > a and x < b for k, a, b in room.openings[wall])
        if not blocked and room.put(placed, -0.01):
            free = all(x + w < a or x > b for _, a, b in room.openings[wall])
            if piece.key != "refrigerator" and free and t.chance(0.7):
                upper = household.wall_units(t, w, face)
                room.things.append(Placed(upper, *room.at_wall(wall, x + w / 2, 0.19), _TURNS[wall], 0.0001))
            x += w + 0.002
        else:
            x += 0.2


def _bathroom(f: Furnisher) -> None:
    t = f.taste
    f.along_wall(household.bathtub(t)) if t.chance(0.6) else f.along_wall(household.shower(t))
    f.along_wall(household.washbasin(t))
    if t.chance(0.75):
        f.along_wall(household.toilet(t))
    f.some(int(t.chance(0.6)), lambda: household.washing_machine(t))
    f.some(int(t.chance(0.15)), lambda: storage.chest_of_drawers(t))
    if t.chance(0.5):
        mat = household.carpet(t, t.between(0.8, 1.2), t.between(0.5, 0.75))
        f.room.things.append(Placed(mat, t.between(0.7, f.room.width - 0.7), t.between(0.7, f.room.depth - 0.7), float(t.rng.choice([0, np.pi / 2]))))
    f.greenery(0.4, 0.0)
    f.cartons(0.15)


def _dining_room(f: Furnisher) -> None:
    t = f.taste
    f.dining_group(int(t.rng.choice([4, 6, 6, 8])))
    f.some(1 + int(t.chance(0.2)), lambda: storage.sideboard(t))
    f.some(int(t.chance(0.3)), lambda: storage.bookcase(t))
    f.some(int(t.chance(0.15)), lambda: seats.armchair(t))
    f.greenery(0.9, 0.5)
    f.cartons(0.3)


def _office(f: Furnisher) -> None:
    t = f.taste
    _desk_group(f)
    if t.chance(0.15):
        _desk_group(f)
    f.some(int(t.rng.integers(0, 3)), lambda: storage.bookcase(t))
    f.some(int(t.chance(0.4)), lambda: storage.chest_of_drawers(t))
    f.some(int(t.chance(0.3)), lambda: seats.armchair(t))
    f.some(int(t.chance(0.15)), lambda: seats.sofa(t, 2))
    f.some(int(t.chance(0.15)), lambda: storage.sideboard(t))
    if t.chance(0.25):
        f.room.things.append(Placed(household.carpet(t, t.between(1.4, 2.2), t.between(1.0, 1.6)), f.room.width / 2, f.room.depth / 2, 0.0))
    f.greenery(0.7, 0.5)
    f.cartons(0.8)


def _hallway(f: Furnisher) -> None:
    t = f.taste
    f.along_wall(household.coat_rack(t))
    f.some(int(t.chance(0.6)), lambda: storage.chest_of_drawers(t))
    f.some(int(t.chance(0.35)), lambda: storage.wardrobe(t))
    f.some(int(t.chance(0.25)), lambda: seats.chair(t))
    if t.chance(0.5):
        mat = household.carpet(t, t.between(0.6, 0.9), t.between(1.4, 2.4))
        f.room.things.append(Placed(mat, f.room.width / 2, f.room.depth / 2, 0.0))
    for _ in range(int(t.rng.integers(0, 4))):
        f.along_wall(household.shoes(t))
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
