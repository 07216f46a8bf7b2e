"""Placing things in a room: along walls, in corners, beside and before each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.scenes import fixtures, household, storage
from training.scenes.pieces import Piece, Taste
from training.scenes.rooms import TURNS, Placed, Room


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

    def along_wall(
        self, piece: Piece, walls: list[int] | None = None, *, centred: bool = False
    ) -> Placed | None:
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
            if h > 0.95 and any(
                k == "window" and along + w / 2 > a and along - w / 2 < b
                for k, a, b in self.room.openings[wall]
            ):
                continue
            x, y = self.room.at_wall(wall, along, d / 2 + 0.02)
            placed = Placed(piece, x, y, TURNS[wall])
            if self.room.put(placed):
                return placed
        return None

    def beside(
        self, piece: Piece, host: Placed, side: int, gap: float = 0.06, forward: float = 0.0
    ) -> Placed | None:
        """Stand a piece next to another, backs in one line."""
        off = side * (host.piece.size[0] / 2 + piece.size[0] / 2 + gap)
        back = (host.piece.size[1] - piece.size[1]) / 2 - forward
        return self.relative(piece, host, off, back, host.turn)

    def before(
        self, piece: Piece, host: Placed, distance: float, off: float = 0.0, facing: bool = False
    ) -> Placed | None:
        """Stand a piece in front of another, ``distance`` metres from its front."""
        forward = -(host.piece.size[1] / 2 + distance + piece.size[1] / 2)
        return self.relative(piece, host, off, forward, host.turn + (np.pi if facing else 0.0))

    def relative(
        self, piece: Piece, host: Placed, dx: float, dy: float, turn: float
    ) -> Placed | None:
        """Stand a piece ``dx`` metres to the right of another's middle and ``dy`` behind it.

        A carpet takes no room, and lies there in any case.
        """
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
        corners = [
            (r, r),
            (self.room.width - r, r),
            (r, self.room.depth - r),
            (self.room.width - r, self.room.depth - r),
        ]
        for i in self.rng.permutation(4):
            placed = Placed(piece, *corners[int(i)], float(self.rng.uniform(0, 6.3)))
            if self.room.put(placed):
                return placed
        return self.loose(piece)

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
            placed = (
                self.along_wall(storage.carton(self.taste))
                if self.taste.chance(0.6)
                else self.loose(storage.carton(self.taste))
            )
            if placed and self.taste.chance(0.3):
                self.on_top(storage.carton(self.taste), placed).turn += float(
                    self.rng.normal() * 0.15
                )

    def trifles(self) -> None:
        """What lies about, and pictures on the walls."""
        for _ in range(int(self.rng.integers(0, 3))):
            self.loose(
                fixtures.trifle(self.taste)
                if self.taste.chance(0.8)
                else fixtures.shoes(self.taste)
            )
        for _ in range(int(self.rng.integers(0, 5))):
            wall = int(self.rng.integers(4))
            piece = fixtures.wall_picture(self.taste)
            length, w = self.room.wall_length(wall), piece.size[0]
            if length < w + 0.4:
                continue
            along = self.rng.uniform(w / 2 + 0.1, length - w / 2 - 0.1)
            if any(
                along + w / 2 > a - 0.1 and along - w / 2 < b + 0.1
                for _, a, b in self.room.openings[wall]
            ):
                continue
            x, y = self.room.at_wall(wall, along, 0.03)
            x0, y0, x1, y1 = Placed(piece, x, y, TURNS[wall]).floor
            tall = [t for t in self.room.things if t.piece.size[2] + t.z > 1.1]
            if not any(
                x0 < b[2] and x1 > b[0] and y0 < b[3] and y1 > b[1] for b in (t.floor for t in tall)
            ):
                self.room.things.append(Placed(piece, x, y, TURNS[wall], 0.0001))
