"""The room itself: floor, walls with windows and doors, ceiling, and its lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.scenes import materials as m
from training.scenes.geometry import Mesh, bar, box, quad
from training.scenes.materials import Material
from training.scenes.pieces import Taste
from training.scenes.rooms import Room

_SILL, _LINTEL, _DOOR = 0.9, 2.1, 2.04


@dataclass(frozen=True)
class Light:
    """A shining rectangle: corner and two edges, and its radiance in RGB."""

    corner: tuple[float, float, float]
    first: tuple[float, float, float]
    second: tuple[float, float, float]
    radiance: tuple[float, float, float]


def build_shell(room: Room, taste: Taste) -> tuple[list[tuple[Mesh, Material]], list[Light]]:
    """Return the meshes of the empty room and its lights."""
    rng = taste.rng
    wet = room.kind in {"kitchen", "bathroom"}
    w, d, h = room.width, room.depth, room.height
    parts: list[tuple[Mesh, Material]] = []
    lights: list[Light] = []
    parts.append(
        (
            quad((0, 0, 0), (w, 0, 0), (w, d, 0), (0, d, 0)),
            m.floor(rng, wet=room.kind == "bathroom" or (wet and taste.chance(0.6))),
        )
    )
    white = Material(colour=m.hsv(0.1, 0.02, taste.between(0.88, 0.97)))
    parts.append((quad((0, 0, h), (0, d, h), (w, d, h), (w, 0, h)), white))
    wallpaper = (
        m.floor(rng, wet=True)
        if room.kind == "bathroom" and taste.chance(0.5)
        else m.wallpaper(rng)
    )
    accent = int(rng.integers(4)) if taste.chance(0.25) else -1
    trim = white if taste.chance(0.7) else m.wood(rng)
    day = taste.chance(0.8)
    cool = np.array([0.86, 0.95, 1.08]) if day else np.array([0.02, 0.03, 0.05])
    curtain = m.fabric(rng)
    for wall in range(4):
        stuff = m.paint(rng, 1.0) if wall == accent else wallpaper
        parts += [(mesh, stuff) for mesh in _wall(room, wall)]
        for kind, a, b in room.openings[wall]:
            if kind == "window":
                parts += _window(room, wall, a, b, trim)
                lights.append(_daylight(room, wall, a, b, tuple(cool * taste.between(4, 14))))
                if taste.chance(0.5):
                    parts += [(mesh, curtain) for mesh in _curtains(room, wall, a, b, taste)]
            else:
                parts += _door(room, wall, a, b, trim if taste.chance(0.6) else m.wood(rng))
        if taste.chance(0.7):
            parts += [(mesh, trim) for mesh in _skirting(room, wall)]
    lights.append(_lamp(room, taste, day))
    return parts, lights


def _span(
    room: Room, wall: int, a: float, b: float, z0: float, z1: float, off: float = 0.0
) -> Mesh:
    """Return a sheet on a wall that faces into the room."""
    x0, y0 = room.at_wall(wall, a, off)
    x1, y1 = room.at_wall(wall, b, off)
    return quad((x0, y0, z0), (x1, y1, z0), (x1, y1, z1), (x0, y0, z1))


def _block(
    room: Room, wall: int, a: float, b: float, off: tuple[float, float], z: tuple[float, float]
) -> Mesh:
    """Return a box along a wall, from ``off[0]`` to ``off[1]`` metres before it."""
    p, q = room.at_wall(wall, a, off[0]), room.at_wall(wall, b, off[1])
    return box(tuple(sorted((p[0], q[0]))), tuple(sorted((p[1], q[1]))), z)


def _wall(room: Room, wall: int) -> list[Mesh]:
    meshes, at = [], 0.0
    for kind, a, b in sorted(room.openings[wall], key=lambda opening: opening[1]):
        meshes.append(_span(room, wall, at, a, 0, room.height))
        if kind == "window":
            meshes.append(_span(room, wall, a, b, 0, _SILL))
            meshes.append(_span(room, wall, a, b, _LINTEL, room.height))
        else:
            meshes.append(_span(room, wall, a, b, _DOOR, room.height))
        at = b
    meshes.append(_span(room, wall, at, room.wall_length(wall), 0, room.height))
    return meshes


def _window(
    room: Room, wall: int, a: float, b: float, trim: Material
) -> list[tuple[Mesh, Material]]:
    middle, t = (a + b) / 2, 0.035
    frames = [(a, a + t), (b - t, b), (middle - t, middle + t)]
    meshes = [_block(room, wall, x0, x1, (-0.06, 0.01), (_SILL, _LINTEL)) for x0, x1 in frames]
    meshes += [
        _block(room, wall, a, b, (-0.06, 0.01), z)
        for z in ((_SILL, _SILL + t), (_LINTEL - t, _LINTEL))
    ]
    meshes.append(_block(room, wall, a - 0.04, b + 0.04, (0, 0.1), (_SILL - 0.03, _SILL)))
    return [(mesh, trim) for mesh in meshes]


def _daylight(
    room: Room, wall: int, a: float, b: float, radiance: tuple[float, float, float]
) -> Light:
    x0, y0 = room.at_wall(wall, a, -0.05)
    x1, y1 = room.at_wall(wall, b, -0.05)
    return Light((x0, y0, _SILL), (x1 - x0, y1 - y0, 0), (0, 0, _LINTEL - _SILL), radiance)


def _curtains(room: Room, wall: int, a: float, b: float, taste: Taste) -> list[Mesh]:
    meshes = []
    low = 0.03 if taste.chance(0.7) else _SILL - 0.15
    width = taste.between(0.18, 0.4)
    for start in (a - width * 0.7, b - width * 0.3):
        for i in range(7):  # folds
            x0 = start + width * i / 7
            meshes.append(
                _block(
                    room,
                    wall,
                    x0,
                    x0 + width / 7,
                    (0.03, 0.06 + 0.03 * (i % 2)),
                    (low, _LINTEL + 0.1),
                )
            )
    p, q = room.at_wall(wall, a - 0.35, 0.07), room.at_wall(wall, b + 0.35, 0.07)
    meshes.append(bar((*p, _LINTEL + 0.11), (*q, _LINTEL + 0.11), 0.012))
    return meshes


def _door(
    room: Room, wall: int, a: float, b: float, stuff: Material
) -> list[tuple[Mesh, Material]]:
    grip = Material(colour=(0.6, 0.6, 0.6), gloss=0.7, metal=True)
    meshes = [
        _span(room, wall, a, b, 0, _DOOR, -0.03),
        _block(room, wall, a - 0.06, a, (0, 0.02), (0, _DOOR + 0.06)),
        _block(room, wall, b, b + 0.06, (0, 0.02), (0, _DOOR + 0.06)),
        _block(room, wall, a - 0.06, b + 0.06, (0, 0.02), (_DOOR, _DOOR + 0.06)),
        *(
            _block(room, wall, a + 0.12, b - 0.12, (-0.03, -0.022), z)
            for z in ((0.15, 0.9), (1.05, 1.9))
        ),
    ]
    handle = _block(room, wall, a + 0.05, a + 0.17, (-0.03, 0.03), (1.02, 1.04))
    return [*((mesh, stuff) for mesh in meshes), (handle, grip)]


def _skirting(room: Room, wall: int) -> list[Mesh]:
    doors = sorted((a, b) for kind, a, b in room.openings[wall] if kind == "door")
    meshes, at = [], 0.0
    for a, b in [*doors, (room.wall_length(wall), 0.0)]:
        if a - at > 0.1:
            meshes.append(_block(room, wall, at, a, (0, 0.012), (0, 0.08)))
        at = b
    return meshes


def _lamp(room: Room, taste: Taste, day: bool) -> Light:
    """The ceiling lamp: always there, so that no corner is black; stronger at night."""
    size = taste.between(0.5, 1.6)
    x, y = room.width / 2 - size / 2, room.depth / 2 - size / 2
    warm = np.array([1.0, taste.between(0.82, 0.98), taste.between(0.62, 0.95)])
    power = taste.between(8, 14) if not day else taste.between(2.5, 7)
    z = room.height - 0.01
    return Light((x, y, z), (0, size, 0), (size, 0, 0), tuple(warm * power / size**2))
