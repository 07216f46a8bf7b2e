"""Refrigerators, washing machines, cookers."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import Mesh, bar, box, cushion, cylinder, lathe
from training.scenes.materials import STEEL, Material, art, hsv, lacquer, metal
from training.scenes.pieces import Piece, Taste

_BLACK = Material(colour=(0.015, 0.015, 0.015), gloss=0.7)


def _white_goods(taste: Taste) -> Material:
    kind = taste.rng.random()
    if kind < 0.65:
        return Material(colour=hsv(0.1, 0.02, taste.between(0.86, 0.97)), gloss=0.5)
    return STEEL if kind < 0.88 else Material(colour=hsv(taste.rng.random(), 0.6, 0.6), gloss=0.5)


def _disc(x: float, y: float, z: float, radius: float, depth: float) -> Mesh:
    """A round plate that faces the front."""
    plate = lathe([(radius, 0), (radius, depth)], sides=28)
    turned = plate.vertices[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)
    normals = plate.normals[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)
    return Mesh(turned + np.array([x, y, z], np.float32), normals, plate.faces)


def refrigerator(taste: Taste) -> Piece:
    """A fridge with a freezer above or below."""
    style = taste.style(
        ["freezer below", "freezer above", "single"], ["retro"], ["rounded", "tall"]
    )
    w, d, h = taste.between(0.56, 0.68), taste.between(0.6, 0.68), taste.between(1.55, 1.95)
    piece = Piece("refrigerator", (w, d, h))
    if style == "tall":
        h = 2.05
        piece.size = (w, d, h)
    body = _white_goods(taste)
    if style in {"rounded", "tall"} and taste.chance(0.5):
        body = lacquer(taste.rng)
    y = -d / 2
    if style in {"retro", "rounded"}:
        piece.add(body, cushion((-w / 2, w / 2), (-d / 2, d / 2), (0.05, h), 0.07))
    else:
        piece.add(body, box((-w / 2, w / 2), (-d / 2 + 0.05, d / 2), (0.02, h)))
    usual = {"freezer below": h * 0.36, "freezer above": h * 0.72, "single": h, "retro": h * 0.7}
    split = usual[style] if style in usual else h * taste.between(0.3, 0.75)
    grip = metal(taste.rng)
    side = float(taste.rng.choice([-1, 1])) * (w / 2 - 0.06)
    for z0, z1 in ((0.06, split), (split, h)):
        if z1 - z0 < 0.1:
            continue
        edge = 0.05 if style == "retro" else 0.012
        piece.add(
            body,
            cushion((-w / 2, w / 2), (y - 0.02, y + 0.05), (z0 + 0.006, z1 - 0.006), edge, steps=3),
        )
        zm = z1 - 0.3 if z1 == split else z0 + 0.25
        if taste.chance(0.85):
            piece.add(grip, bar((side, y - 0.05, zm - 0.16), (side, y - 0.05, zm + 0.16), 0.012))
    if taste.chance(0.3):  # notes
        for _ in range(int(taste.rng.integers(1, 4))):
            x, z = taste.between(-w / 3, w / 4), taste.between(split * 0.5, h - 0.2)
            piece.add(
                Material(picture=art(taste.rng), size=0.2),
                box((x, x + 0.1), (y - 0.023, y - 0.02), (z, z + 0.13)),
            )
    return piece


def washing_machine(taste: Taste) -> Piece:
    """A front loader."""
    w, d, h = 0.6, taste.between(0.55, 0.62), 0.85
    piece = Piece("washing_machine", (w, d, h))
    body = _white_goods(taste) if taste.chance(0.4) else Material(colour=(0.8, 0.8, 0.8), gloss=0.5)
    y = -d / 2
    piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (0.02, h)))
    z, r = taste.between(0.38, 0.44), taste.between(0.17, 0.22)
    ring = STEEL if taste.chance(0.5) else (_BLACK if taste.sample else lacquer(taste.rng))
    piece.add(ring, _disc(0, y, z, r, 0.03))
    piece.add(_BLACK, _disc(0, y - 0.03, z, r * 0.72, 0.012))
    panel = _BLACK if taste.chance(0.3) else Material(colour=(0.6, 0.6, 0.62), gloss=0.4)
    piece.add(panel, box((-w / 2 + 0.2, w / 2 - 0.02), (y - 0.004, y), (h - 0.12, h - 0.02)))
    piece.add(body, box((-w / 2 + 0.02, -w / 2 + 0.19), (y - 0.006, y), (h - 0.12, h - 0.02)))
    piece.add(STEEL, _disc(taste.between(-0.05, 0.1), y, h - 0.07, 0.035, 0.02))
    return piece


def cooker(taste: Taste) -> Piece:
    """A free-standing cooker: oven below, rings on top."""
    w, d, h = taste.between(0.55, 0.62), 0.62, 0.88
    piece = Piece("cooker", (w, d, h))
    body, y = _white_goods(taste), -0.62 / 2
    piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (0.04, h - 0.02)))
    top = _BLACK if taste.chance(0.6) else STEEL
    piece.add(top, box((-w / 2, w / 2), (-d / 2, d / 2), (h - 0.02, h)))
    for sx in (-1, 1):
        for sy in (-1, 1):
            ring = (
                Material(colour=(0.1, 0.1, 0.1))
                if top is STEEL
                else Material(colour=(0.2, 0.2, 0.2))
            )
            piece.add(
                ring,
                cylinder(
                    sx * w / 4, sy * d / 4, (h, h + (0.025 if taste.chance(0.5) else 0.004)), 0.08
                ),
            )
    piece.add(_BLACK, box((-w / 2 + 0.05, w / 2 - 0.05), (y - 0.012, y), (0.28, 0.64)))
    piece.add(STEEL, bar((-w / 2 + 0.06, y - 0.045, 0.69), (w / 2 - 0.06, y - 0.045, 0.69), 0.011))
    for x in np.linspace(-w / 2 + 0.08, w / 2 - 0.08, 5):
        piece.add(STEEL if taste.chance(0.8) else _BLACK, _disc(float(x), y, h - 0.08, 0.022, 0.03))
    if taste.sample or taste.chance(0.3):
        piece.add(body, box((-w / 2, w / 2), (d / 2 - 0.04, d / 2), (h, h + 0.12)))
    if taste.chance(0.35):
        piece.add(
            lacquer(taste.rng) if taste.chance(0.5) else STEEL,
            lathe([(0.11, h + 0.02), (0.11, h + 0.15)], w / 4, d / 4),
        )
    return piece
