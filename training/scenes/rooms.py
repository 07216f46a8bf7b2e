"""Furnished rooms: which things stand in a kind of room, and where.

A room is a box with its corner at the origin, ``width`` along x and ``depth`` along y.
Things stand along the walls or in groups in the middle, and never in one another: each
takes a rectangle of floor. Only chairs may stand partly under their table, and carpets, which
take no room, under anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.scenes.geometry import Mesh
from training.scenes.materials import Material
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
TURNS = (0.0, -np.pi / 2, np.pi, np.pi / 2)


@dataclass(eq=False)
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
        return [
            (m.moved(self.turn, self.x, self.y, self.z), stuff) for m, stuff in self.piece.parts
        ]


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


def empty_room(kind: str, taste: Taste) -> Room:
    """Return a room of a usual size with its windows and doors, and nothing in it."""
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
