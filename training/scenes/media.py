"""Televisions and the low cupboards under them."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import bar, box
from training.scenes.materials import Material, art
from training.scenes.pieces import Piece, Taste, carcass, fronts, standing


def tv_unit(taste: Taste, with_tv: bool = True) -> tuple[Piece, Piece | None]:
    """A low, long cupboard, and the television on it."""
    style = taste.style(["doors", "open", "legs"], ["slot"])
    w, d, h = taste.between(1.3, 1.9), taste.between(0.36, 0.45), taste.between(0.4, 0.54)
    piece = Piece("tv_unit", (w, d, h))
    body, face, grip = carcass(taste)
    feet = 0.14 if style == "legs" else 0.04
    if style in {"open", "slot"}:
        low = h * 0.5 if style == "open" else h * 0.35
        t = 0.025
        piece.add(
            body,
            box((-w / 2, w / 2), (-d / 2, d / 2), (h - t, h)),
            box((-w / 2, w / 2), (-d / 2, d / 2), (feet, feet + t)),
        )
        for x in np.linspace(-w / 2 + t / 2, w / 2 - t / 2, 3 if style == "open" else 4):
            piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0, h - t)))
        piece.add(
            body,
            box((-w / 2, w / 2), (-d / 2, d / 2), (low, low + t)),
            box((-w / 2, w / 2), (d / 2 - 0.01, d / 2), (feet, h)),
        )
        fronts(
            piece,
            face,
            grip,
            x=(-w / 2 + 0.01, w / 2 - 0.01) if style == "slot" else (-w / 2 + 0.01, 0.0),
            z=(feet + 0.01, low),
            y=-d / 2,
            columns=2,
            rows=1,
            grip="none",
        )
        if taste.chance(0.7):
            x = taste.between(0.1, w / 2 - 0.5)
            piece.add(
                Material(colour=(0.02, 0.02, 0.02), gloss=0.6),
                box((x, x + 0.36), (-0.1, 0.12), (low + t, low + t + 0.07)),
            )
    else:
        standing(taste, piece, body, feet, "splayed" if style == "legs" else "plinth")
        fronts(
            piece,
            face,
            grip,
            x=(-w / 2 + 0.01, w / 2 - 0.01),
            z=(feet + 0.01, h - 0.02),
            y=-d / 2,
            columns=int(taste.rng.integers(2, 5)),
            rows=int(taste.rng.integers(1, 3)),
            grip=str(taste.rng.choice(["none", "cut", "bar"])),
        )
    if not with_tv:
        return piece, None
    screen = television(taste, min(w * 0.85, taste.between(0.95, 1.4)))
    return piece, screen


def television(taste: Taste, width: float) -> Piece:
    """A flat screen on a stand; set it on something."""
    height = width * 0.58
    stand = 0.07
    piece = Piece("television", (width, 0.22, height + stand))
    black = Material(colour=(0.012, 0.012, 0.014), gloss=0.7)
    piece.add(black, box((-width / 2, width / 2), (-0.02, 0.03), (stand, stand + height)))
    if taste.chance(0.35):
        screen = Material(picture=art(taste.rng), size=1.0, glow=0.8)
    else:
        screen = Material(colour=(0.008, 0.009, 0.012), gloss=0.85)
    piece.add(
        screen,
        box(
            (-width / 2 + 0.015, width / 2 - 0.015),
            (-0.022, -0.02),
            (stand + 0.02, stand + height - 0.015),
        ),
    )
    if taste.chance(0.5):
        piece.add(
            black,
            box((-width * 0.2, width * 0.2), (-0.1, 0.1), (0, 0.012)),
            box((-0.04, 0.04), (0.0, 0.03), (0, stand + 0.05)),
        )
    else:
        for side in (-1, 1):
            x = side * width * 0.36
            piece.add(
                black,
                bar((x, 0, stand + 0.01), (x, -0.1, 0.006), 0.008),
                bar((x, 0, stand + 0.01), (x, 0.1, 0.006), 0.008),
            )
    return piece
