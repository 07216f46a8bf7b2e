"""Appliances, lamps, plants, rugs, and the fixtures and trifles that nobody counts."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import Mesh, ball, bar, box, cushion, cylinder, lathe, quad
from training.scenes.materials import STEEL, Material, art, hsv, lacquer, metal, rug, wood
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


def floor_lamp(taste: Taste) -> Piece:
    """A lamp that stands on the floor."""
    style = taste.style(["straight", "tripod", "arc"], ["double"], ["uplighter", "column"])
    h = taste.between(1.45, 1.75)
    stem = metal(taste.rng)
    glow = 3.0 if taste.chance(0.5) else 0.0
    shade = Material(
        colour=hsv(taste.between(0.05, 0.15), taste.between(0, 0.3), taste.between(0.6, 0.97)),
        glow=glow,
    )
    r, tall = taste.between(0.16, 0.24), taste.between(0.22, 0.34)
    if style == "arc":
        piece = Piece("floor_lamp", (0.9, 0.4, h))
        piece.add(
            stem,
            cylinder(-0.35, 0, (0, 0.04), 0.16),
            bar((-0.35, 0, 0), (-0.35, 0, h - 0.25), 0.014),
            bar((-0.35, 0, h - 0.25), (-0.1, 0, h), 0.014),
            bar((-0.1, 0, h), (0.3, 0, h - 0.12), 0.012),
        )
        piece.add(shade, lathe([(r * 0.8, h - 0.34), (r * 0.4, h - 0.14)], 0.3, 0, 18))
        return piece
    piece = Piece("floor_lamp", (2 * r, 2 * r, h))
    if style == "tripod":
        wooden = wood(taste.rng)
        for i in range(3):
            t = 2 * np.pi * i / 3 + 0.5
            piece.add(wooden, bar((0.26 * np.cos(t), 0.26 * np.sin(t), 0), (0, 0, h - tall), 0.016))
    else:
        piece.add(stem, cylinder(0, 0, (0, 0.025), 0.14), cylinder(0, 0, (0, h - tall), 0.013))
    piece.add(shade, lathe([(r, h - tall), (r * taste.between(0.6, 1.0), h)], sides=20))
    if style == "uplighter":
        piece.add(shade, lathe([(0.06, h - 0.12), (r * 1.2, h + 0.02)], sides=20))
    if style == "column":
        piece.add(shade, lathe([(0.12, 0.05), (0.12, h * 0.8)], sides=18))
    if style == "double":
        piece.add(stem, bar((0, 0, h * 0.55), (0.16, -0.05, h * 0.7), 0.01))
        piece.add(shade, lathe([(0.09, h * 0.62), (0.05, h * 0.74)], 0.18, -0.06, 14))
    return piece


def potted_plant(taste: Taste) -> Piece:
    """A plant in a pot on the floor."""
    style = taste.style(
        ["bush", "leaves", "tree", "palm"], ["fern", "cactus"], ["bamboo", "succulent", "tongue"]
    )
    h = taste.between(0.6, 1.5) if style != "cactus" else taste.between(0.6, 0.9)
    r = taste.between(0.12, 0.2)
    pot = r * taste.between(1.4, 2.0)
    rng = taste.rng
    spread = max(r * 1.6, h * 0.28)
    piece = Piece("potted_plant", (2 * spread, 2 * spread, h))
    clay = Material(colour=hsv(0.05, 0.6, 0.6)) if taste.chance(0.35) else lacquer(rng)
    piece.add(clay, lathe([(r * 0.75, 0), (r, pot)], sides=20))
    piece.add(
        Material(colour=(0.05, 0.03, 0.02)), cylinder(0, 0, (pot - 0.02, pot - 0.01), r * 0.95)
    )
    leaf = Material(
        colour=hsv(rng.uniform(0.22, 0.38), rng.uniform(0.4, 0.75), rng.uniform(0.25, 0.6))
    )
    brown = Material(colour=hsv(0.07, 0.5, 0.3))
    if style == "cactus":
        piece.add(
            leaf,
            cushion((-0.07, 0.07), (-0.07, 0.07), (pot - 0.02, h), 0.068),
            bar((0, 0, h * 0.6), (0.16, 0, h * 0.66), 0.04),
            bar((0.16, 0, h * 0.65), (0.16, 0, h * 0.85), 0.04),
        )
        return piece
    if style in {"bamboo", "tongue", "succulent"}:
        _stems(piece, taste, style, leaf, r, pot, h)
        return piece
    if style in {"bush", "tree"}:
        low = pot + (h - pot) * (0.55 if style == "tree" else 0.1)
        piece.add(brown, bar((0, 0, pot - 0.03), (0, 0, low + 0.1), 0.018))
        middle, tall = (low + h) / 2, (h - low) / 2
        for _ in range(60):
            way = rng.normal(size=3)
            way *= rng.random() ** 0.4 / np.linalg.norm(way)
            size = rng.uniform(0.16, 0.28) * spread
            x, y, z = way * [spread * 0.75, spread * 0.75, tall - size * 0.6] + [0, 0, middle]
            piece.add(leaf, ball((float(x), float(y), float(z)), (size, size, size * 0.6), 4))
        return piece
    count = {"leaves": 14, "palm": 12, "fern": 26}[style]
    for _ in range(count):
        t, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 1.0)
        reach = spread * lean
        tip = np.array(
            [reach * np.cos(t), reach * np.sin(t), pot + (h - pot) * (1.05 - 0.55 * lean)]
        )
        foot = np.array([0.0, 0.0, pot])
        middle = (foot + tip) / 2 + np.array([0, 0, 0.12 * (h - pot)])
        wide = 0.02 if style == "fern" else rng.uniform(0.035, 0.08)
        across = np.array([-np.sin(t), np.cos(t), 0]) * wide
        for a, b, wa, wb in ((foot, middle, 0.15, 1.0), (middle, tip, 1.0, 0.05)):
            corners = [a - across * wa, a + across * wa, b + across * wb, b - across * wb]
            p = [tuple(map(float, corner)) for corner in corners]
            piece.add(leaf, quad(*p), quad(p[3], p[2], p[1], p[0]))  # type: ignore[arg-type]
    return piece


def _stems(
    piece: Piece, taste: Taste, style: str, leaf: Material, r: float, pot: float, h: float
) -> None:
    """Plants that grow straight up: canes, upright tongues, thick stalks with lobes."""
    rng = taste.rng
    for _ in range({"bamboo": 6, "tongue": 9, "succulent": 4}[style]):
        x, y = map(float, rng.normal(size=2) * r * 0.4)
        top = float(pot + (h - pot) * rng.uniform(0.6, 1.0))
        tip = (x + float(rng.normal()) * 0.05, y + float(rng.normal()) * 0.05, top)
        if style == "succulent":
            for z in np.arange(pot, top, 0.13):
                size = rng.uniform(0.05, 0.09)
                piece.add(leaf, ball((x, y, float(z)), (size, size * 0.5, 0.1), 6))
            continue
        piece.add(leaf, bar((x, y, pot - 0.03), tip, 0.012 if style == "bamboo" else 0.03))
        if style == "bamboo":
            for z in np.arange(pot + 0.1, top, 0.16):
                dx, dy = map(float, rng.normal(size=2) * 0.1)
                piece.add(leaf, ball((x + dx, y + dy, float(z)), (0.09, 0.05, 0.03), 5))


def carpet(taste: Taste, w: float, d: float) -> Piece:
    """A rug on the floor."""
    piece = Piece("rug", (w, d, 0.012))
    stuff = rug(taste.rng)
    stuff = Material(picture=stuff.picture, size=max(w, d))
    if taste.chance(0.22):
        sheet = lathe([(min(w, d) / 2, 0.002), (min(w, d) / 2, 0.012)], sides=40)
        piece.size = (min(w, d), min(w, d), 0.012)
    else:
        sheet = box((-w / 2, w / 2), (-d / 2, d / 2), (0.002, 0.012))
    return piece.add(stuff, sheet)
