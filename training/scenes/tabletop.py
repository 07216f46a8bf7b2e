"""What stands on tables, desks and low cupboards; part of them, as nobody counts it."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import ball, box, cushion, cylinder, lathe
from training.scenes.materials import Material, art, hsv, lacquer, metal, wood
from training.scenes.pieces import Piece, Taste


def table_lamp(piece: Piece, taste: Taste, x: float, y: float, z: float) -> None:
    """Set a lamp on something; part of it, as nobody counts them here."""
    rng = taste.rng
    foot = metal(rng) if taste.chance(0.5) else lacquer(rng)
    piece.add(
        foot, lathe([(0.08, z), (0.075, z + 0.02), (0.02, z + 0.04), (0.02, z + 0.26)], x, y, 14)
    )
    shade = Material(
        colour=hsv(rng.uniform(0, 0.2), 0.15, 0.9), glow=2.0 if taste.chance(0.4) else 0.0
    )
    piece.add(shade, lathe([(0.13, z + 0.24), (0.09, z + 0.42)], x, y, 16))


def books(
    piece: Piece,
    taste: Taste,
    x0: float,
    x1: float,
    y: float,
    z: float,
    upright: bool = True,
    room: float = 0.3,
    depth: float = 0.16,
) -> None:
    """Fill a stretch of a shelf with books, or lay a pile of them."""
    rng = taste.rng
    if not upright:
        top = z
        for _ in range(int(rng.integers(1, 5))):
            t = rng.uniform(0.015, 0.04)
            piece.add(
                _spine(taste),
                box((x0, x0 + rng.uniform(0.16, 0.24)), (y - 0.1, y + 0.06), (top, top + t)),
            )
            top += t
        return
    x = x0
    while x < x1 - 0.015:
        t = min(rng.uniform(0.015, 0.06), x1 - x)
        height = room * rng.uniform(0.6, 0.95)
        piece.add(
            _spine(taste),
            box((x, x + t * 0.96), (y - depth * rng.uniform(0.7, 1), y), (z, z + height)),
        )
        x += t
        if taste.chance(0.06):
            x += rng.uniform(0.03, 0.15)


def _spine(taste: Taste) -> Material:
    rng = taste.rng
    return Material(colour=hsv(rng.random(), rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.95)))


def table_things(piece: Piece, taste: Taste, w: float, d: float, h: float, many: int) -> None:
    """Scatter bowls, vases, plates and papers on a table top."""
    rng = taste.rng
    for _ in range(int(rng.integers(0, many + 1))):
        x, y = rng.uniform(-w * 0.36, w * 0.36), rng.uniform(-d * 0.32, d * 0.32)
        stuff = (
            lacquer(rng)
            if taste.chance(0.5)
            else Material(colour=hsv(rng.random(), 0.5, 0.7), gloss=0.4)
        )
        kind = rng.random()
        if kind < 0.3:
            piece.add(stuff, lathe([(0.05, h), (0.12, h + 0.05), (0.14, h + 0.08)], x, y, 18))
        elif kind < 0.5:
            tall = rng.uniform(0.15, 0.32)
            piece.add(
                stuff, lathe([(0.04, h), (0.065, h + tall * 0.5), (0.03, h + tall)], x, y, 14)
            )
            if taste.chance(0.6):
                green = Material(colour=hsv(rng.uniform(0.2, 0.95), 0.6, 0.5))
                for _ in range(5):
                    tip = (
                        x + rng.normal() * 0.08,
                        y + rng.normal() * 0.08,
                        h + tall + rng.uniform(0.08, 0.22),
                    )
                    piece.add(green, ball(tip, (0.035, 0.035, 0.04), 6))
        elif kind < 0.75:
            piece.add(stuff, lathe([(0.12, h), (0.13, h + 0.012)], x, y, 20))
        elif kind < 0.9:
            piece.add(
                Material(picture=art(rng), size=0.3),
                box((x - 0.12, x + 0.1), (y - 0.08, y + 0.08), (h, h + 0.015)),
            )
        else:
            piece.add(stuff, cylinder(x, y, (h, h + 0.1), 0.035))
    if taste.chance(0.15):
        x = float(np.clip(rng.normal() * 0.2, -w / 3, w / 3))
        piece.add(lacquer(rng), cushion((x - 0.06, x + 0.06), (-0.06, 0.06), (h, h + 0.2), 0.05))


def office_things(piece: Piece, taste: Taste, w: float, d: float, h: float) -> None:
    """Set a screen or a laptop on a desk, and perhaps a lamp and books."""
    rng = taste.rng
    dark = Material(colour=(0.02, 0.02, 0.02), gloss=0.6)
    x = rng.uniform(-0.15, 0.15)
    kind = rng.random()
    glow = Material(picture=art(rng), size=0.5, glow=0.6 if taste.chance(0.5) else 0.0)
    if kind < 0.45:
        y = d / 2 - 0.16
        piece.add(
            dark,
            box((x - 0.27, x + 0.27), (y, y + 0.03), (h + 0.12, h + 0.46)),
            cylinder(x, y + 0.03, (h, h + 0.15), 0.03),
            cylinder(x, y + 0.03, (h, h + 0.015), 0.11),
        )
        piece.add(glow, box((x - 0.25, x + 0.25), (y - 0.002, y), (h + 0.14, h + 0.44)))
        piece.add(dark, box((x - 0.2, x + 0.2), (-d / 2 + 0.1, -d / 2 + 0.23), (h, h + 0.02)))
    elif kind < 0.75:
        piece.add(
            dark,
            box((x - 0.16, x + 0.16), (-0.12, 0.1), (h, h + 0.015)),
            box((x - 0.16, x + 0.16), (0.1, 0.12), (h, h + 0.22)),
        )
        piece.add(glow, box((x - 0.15, x + 0.15), (0.097, 0.1), (h + 0.02, h + 0.21)))
    if taste.chance(0.5):
        side = float(rng.choice([-1, 1])) * (w / 2 - 0.18)
        table_lamp(piece, taste, side, d / 2 - 0.2, h)
    if taste.chance(0.6):
        books(piece, taste, -w / 2 + 0.1, -w / 2 + 0.35, d / 2 - 0.2, h, upright=False)


def cupboard_things(piece: Piece, taste: Taste, w: float, d: float, h: float) -> None:
    """Set a lamp, a vase, books, a framed picture on a low cupboard."""
    rng = taste.rng
    if taste.chance(0.35):
        table_lamp(piece, taste, float(rng.choice([-1, 1])) * (w / 2 - 0.16), 0, h)
    if taste.chance(0.4):
        books(piece, taste, -0.1, 0.1, 0.0, h, upright=False)
    if taste.chance(0.3):
        x, size = taste.between(-w / 4, w / 4), taste.between(0.2, 0.4)
        piece.add(
            wood(rng),
            box((x - size / 2, x + size / 2), (d / 2 - 0.08, d / 2 - 0.06), (h, h + size * 1.2)),
        )
        piece.add(
            Material(picture=art(rng), size=0.4),
            box(
                (x - size / 2 + 0.02, x + size / 2 - 0.02),
                (d / 2 - 0.082, d / 2 - 0.08),
                (h + 0.02, h + size * 1.2 - 0.02),
            ),
        )
    if taste.chance(0.4):
        x = taste.between(-w / 3, w / 3)
        piece.add(lacquer(rng), lathe([(0.04, h), (0.08, h + 0.1), (0.04, h + 0.22)], x, -0.03, 14))
