"""Lamps, plants and rugs."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import ball, bar, box, cushion, cylinder, lathe, quad
from training.scenes.materials import Material, hsv, lacquer, metal, rug, wood
from training.scenes.pieces import Piece, Taste


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
