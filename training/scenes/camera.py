"""Where somebody with a phone stands in a room, and where they look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.scenes.rooms import Room


@dataclass(frozen=True)
class Camera:
    """Position and target in metres, horizontal field of view in degrees."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    field_of_view: float
    roll: float = 0.0

    def axes(self) -> NDArray[np.float64]:
        """Rows: left, up and forward of the camera in the room, as Mitsuba turns them."""
        forward = np.subtract(self.target, self.position)
        forward = forward / np.linalg.norm(forward)
        left = np.cross([0.0, 0.0, 1.0], forward)
        left /= np.linalg.norm(left)
        up = np.cross(forward, left)
        c, s = np.cos(np.radians(self.roll)), np.sin(np.radians(self.roll))
        return np.stack([c * left + s * up, -s * left + c * up, forward])


def _clearance(room: Room, x: float, y: float) -> float:
    """Metres from a point to the nearest thing that a person could not stand in."""
    nearest = min(x, y, room.width - x, room.depth - y) + 0.3
    for thing in room.things:
        if thing.piece.size[2] < 0.05:
            continue
        x0, y0, x1, y1 = thing.floor
        dx, dy = max(x0 - x, 0, x - x1), max(y0 - y, 0, y - y1)
        nearest = min(nearest, float(np.hypot(dx, dy)))
    return nearest


def corner_cameras(room: Room, rng: Generator, count: int) -> list[Camera]:
    """Views from the edges of a room across it, each from another side.

    Places where something stands in the way are avoided; of many tries, those with most
    space around them and nearest to the edge win. A room with few such places is looked at
    from one of them more than once, each time to another point.
    """
    tries = []
    for _ in range(60):
        angle = rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(0.75, 1.0)
        x = np.clip(room.width / 2 * (1 + 1.3 * reach * np.cos(angle)), 0.22, room.width - 0.22)
        y = np.clip(room.depth / 2 * (1 + 1.3 * reach * np.sin(angle)), 0.22, room.depth - 0.22)
        space = _clearance(room, float(x), float(y))
        if space > 0.22:
            tries.append((min(space, 0.6) + 0.2 * reach, float(x), float(y)))
    if not tries:
        tries = [(0.0, room.width / 2, room.depth / 2)]
    tries.sort(reverse=True)
    chosen: list[tuple[float, float]] = []
    for _, x, y in tries:
        if all(np.hypot(x - a, y - b) > 1.1 for a, b in chosen):
            chosen.append((x, y))
        if len(chosen) == count:
            break
    while len(chosen) < count:
        chosen.append(chosen[int(rng.integers(len(chosen)))])
    return [_looking(room, rng, x, y) for x, y in chosen]


def _looking(room: Room, rng: Generator, x: float, y: float) -> Camera:
    z = rng.uniform(1.35, 1.75)
    # Towards the far side, a little off the middle; nobody holds a phone quite level.
    tx = room.width / 2 + (room.width / 2 - x) * 0.5 + rng.normal() * room.width * 0.12
    ty = room.depth / 2 + (room.depth / 2 - y) * 0.5 + rng.normal() * room.depth * 0.12
    if np.hypot(tx - x, ty - y) < 0.8:
        tx, ty = room.width / 2, room.depth / 2 + 0.01
    tz = rng.uniform(0.45, 1.0)
    fov = rng.uniform(66, 84)
    return Camera(
        (x, y, z), (float(tx), float(ty), float(tz)), float(fov), float(rng.normal() * 1.2)
    )
