"""Fixtures and trifles: what stands in a room and is not counted."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import ball, bar, box, cushion, cylinder, lathe
from training.scenes.materials import STEEL, Material, art, fabric, lacquer, metal, wood
from training.scenes.pieces import Piece, Taste, fronts

_CERAMIC = Material(colour=(0.85, 0.85, 0.84), gloss=0.7)


def kitchen_units(
    taste: Taste, width: float, face: Material, body: Material, top: Material, sink: bool
) -> Piece:
    """A run of built-in base units with worktop; a fixture."""
    d, h = 0.6, 0.9
    piece = Piece(None, (width, d, h))
    piece.add(
        body,
        box((-width / 2, width / 2), (-d / 2 + 0.02, d / 2), (0.1, h - 0.04)),
        box((-width / 2, width / 2), (-d / 2 + 0.06, d / 2), (0, 0.1)),
    )
    piece.add(top, box((-width / 2, width / 2), (-d / 2 - 0.02, d / 2), (h - 0.04, h)))
    units = max(1, round(width / 0.55))
    for i in range(units):
        span = (-width / 2 + width * i / units, -width / 2 + width * (i + 1) / units)
        fronts(
            piece,
            face,
            STEEL,
            x=span,
            z=(0.11, h - 0.05),
            y=-d / 2 + 0.02,
            columns=1,
            rows=3 if taste.chance(0.25) else 1,
            grip=str(taste.rng.choice(["bar", "knob", "none"])),
        )
    if sink and width > 0.9:
        x = taste.between(-width / 2 + 0.4, width / 2 - 0.4)
        piece.add(STEEL, box((x - 0.25, x + 0.25), (-0.2, 0.18), (h, h + 0.006)))
        piece.add(
            Material(colour=(0.12, 0.12, 0.12), gloss=0.5),
            box((x - 0.2, x + 0.2), (-0.17, 0.12), (h + 0.006, h + 0.009)),
        )
        piece.add(
            STEEL,
            bar((x, 0.2, h), (x, 0.2, h + 0.28), 0.014),
            bar((x, 0.2, h + 0.28), (x, 0.04, h + 0.24), 0.012),
        )
    for _ in range(int(taste.rng.integers(0, 4))):
        x, tall = taste.between(-width / 2 + 0.1, width / 2 - 0.1), taste.between(0.1, 0.3)
        piece.add(
            lacquer(taste.rng) if taste.chance(0.6) else wood(taste.rng),
            lathe([(0.05, h), (0.07, h + tall * 0.6), (0.04, h + tall)], x, 0.15, 12),
        )
    return piece


def wall_units(taste: Taste, width: float, face: Material) -> Piece:
    """Kitchen cupboards on the wall; a fixture."""
    piece = Piece(None, (width, 0.34, 2.1))
    piece.add(face, box((-width / 2, width / 2), (-0.15, 0.17), (1.42, 2.1)))
    fronts(
        piece,
        face,
        STEEL,
        x=(-width / 2, width / 2),
        z=(1.42, 2.1),
        y=-0.15,
        columns=max(1, round(width / 0.5)),
        rows=1,
        grip="none",
    )
    return piece


def bathtub(taste: Taste) -> Piece:
    """A fixture."""
    w, d, h = taste.between(1.55, 1.75), taste.between(0.7, 0.8), 0.56
    piece = Piece(None, (w, d, h))
    if taste.chance(0.3) and not taste.sample:
        piece.add(_CERAMIC, cushion((-w / 2, w / 2), (-d / 2, d / 2), (0.08, h), 0.25))
    else:
        piece.add(_CERAMIC, box((-w / 2, w / 2), (-d / 2, d / 2), (0, h)))
    piece.add(
        Material(colour=(0.55, 0.57, 0.58), gloss=0.6),
        cushion(
            (-w / 2 + 0.07, w / 2 - 0.07),
            (-d / 2 + 0.07, d / 2 - 0.07),
            (h - 0.01, h + 0.004),
            0.004,
            steps=2,
        ),
    )
    piece.add(
        STEEL,
        bar((w / 2 - 0.12, 0, h), (w / 2 - 0.12, 0, h + 0.14), 0.016),
        bar((w / 2 - 0.12, 0, h + 0.13), (w / 2 - 0.26, 0, h + 0.1), 0.014),
    )
    if taste.chance(0.5):
        piece.add(fabric(taste.rng), box((-0.2, 0.25), (-d / 2 - 0.012, -d / 2), (0.15, h)))
    return piece


def shower(taste: Taste) -> Piece:
    """A tray and a rail with a head; a fixture."""
    w = taste.between(0.85, 1.1)
    piece = Piece(None, (w, 0.9, 2.05))
    piece.add(_CERAMIC, box((-w / 2, w / 2), (-0.45, 0.45), (0, 0.1)))
    for x in (-w / 2, w / 2):
        piece.add(STEEL, box((x - 0.012, x + 0.012), (-0.46, -0.43), (0.1, 2.0)))
    piece.add(
        STEEL,
        box((-w / 2, w / 2), (-0.46, -0.43), (1.97, 2.0)),
        bar((0, 0.42, 0.9), (0, 0.42, 2.02), 0.012),
        bar((0, 0.42, 2.02), (0, 0.2, 2.0), 0.012),
        cylinder(0, 0.2, (1.96, 1.99), 0.1),
    )
    return piece


def toilet(taste: Taste) -> Piece:
    """A fixture."""
    piece = Piece(None, (0.38, 0.68, 0.82))
    piece.add(
        _CERAMIC,
        cushion((-0.12, 0.12), (-0.18, 0.3), (0, 0.36), 0.06),
        cushion((-0.19, 0.19), (-0.34, 0.16), (0.3, 0.41), 0.09),
    )
    lid = _CERAMIC if taste.chance(0.8) else wood(taste.rng)
    piece.add(lid, cushion((-0.185, 0.185), (-0.335, 0.14), (0.41, 0.45), 0.02))
    piece.add(_CERAMIC, cushion((-0.19, 0.19), (0.14, 0.34), (0.4, 0.82), 0.03))
    return piece


def washbasin(taste: Taste) -> Piece:
    """A basin on a pedestal or a cabinet, with a mirror above; a fixture."""
    w = taste.between(0.5, 0.95)
    piece = Piece(None, (w, 0.48, 1.9))
    if taste.chance(0.6):
        face = lacquer(taste.rng) if taste.chance(0.6) else wood(taste.rng)
        piece.add(face, box((-w / 2 + 0.02, w / 2 - 0.02), (-0.2, 0.24), (0.25, 0.8)))
        fronts(
            piece,
            face,
            STEEL,
            x=(-w / 2 + 0.02, w / 2 - 0.02),
            z=(0.26, 0.79),
            y=-0.2,
            columns=2,
            rows=1,
            grip="knob",
        )
    else:
        piece.add(_CERAMIC, lathe([(0.13, 0), (0.08, 0.3), (0.1, 0.8)], 0, 0.08))
    piece.add(_CERAMIC, cushion((-w / 2, w / 2), (-0.24, 0.24), (0.74, 0.87), 0.05))
    piece.add(
        Material(colour=(0.5, 0.51, 0.52), gloss=0.6),
        cushion((-w / 2 + 0.07, w / 2 - 0.07), (-0.18, 0.12), (0.865, 0.875), 0.004, steps=2),
    )
    piece.add(
        STEEL,
        bar((0, 0.18, 0.87), (0, 0.18, 1.0), 0.014),
        bar((0, 0.18, 0.99), (0, 0.04, 0.97), 0.012),
    )
    piece.add(
        Material(colour=(0.45, 0.48, 0.5), gloss=0.9),
        box((-w / 2, w / 2), (0.225, 0.24), (1.15, 1.85)),
    )
    return piece


def coat_rack(taste: Taste) -> Piece:
    """Hooks with coats on the wall; a fixture."""
    w = taste.between(0.7, 1.2)
    piece = Piece(None, (w, 0.22, 1.8))
    piece.add(wood(taste.rng), box((-w / 2, w / 2), (0.08, 0.11), (1.66, 1.76)))
    for x in np.linspace(-w / 2 + 0.1, w / 2 - 0.1, 5):
        piece.add(metal(taste.rng), bar((float(x), 0.08, 1.7), (float(x), 0.02, 1.73), 0.01, 6))
        if taste.chance(0.55):
            piece.add(
                fabric(taste.rng),
                cushion(
                    (float(x) - 0.14, float(x) + 0.14),
                    (-0.08, 0.08),
                    (taste.between(0.6, 0.9), 1.68),
                    0.07,
                    0.02,
                ),
            )
    return piece


def shoes(taste: Taste) -> Piece:
    """A pair left on the floor; a trifle."""
    piece = Piece(None, (0.3, 0.3, 0.12))
    stuff = lacquer(taste.rng) if taste.chance(0.3) else fabric(taste.rng)
    for x in (-0.07, 0.07):
        piece.add(stuff, cushion((x - 0.045, x + 0.045), (-0.14, 0.13), (0, 0.08), 0.035))
    return piece


def trifle(taste: Taste) -> Piece:
    """Something on the floor that a detector must not mistake: bag, basket, ball, bin."""
    rng, kind = taste.rng, taste.rng.random()
    if kind < 0.3:
        piece = Piece(None, (0.36, 0.36, 0.4))
        return piece.add(fabric(rng), lathe([(0.14, 0), (0.18, 0.2), (0.16, 0.4)], sides=18))
    if kind < 0.5:
        piece = Piece(None, (0.24, 0.24, 0.24))
        return piece.add(lacquer(rng), ball((0, 0, 0.12), (0.12, 0.12, 0.12)))
    if kind < 0.75:
        piece = Piece(None, (0.26, 0.26, 0.34))
        return piece.add(
            STEEL if taste.chance(0.5) else lacquer(rng), lathe([(0.1, 0), (0.13, 0.34)], sides=18)
        )
    piece = Piece(None, (0.4, 0.2, 0.3))
    return piece.add(
        fabric(rng),
        cushion((-0.2, 0.2), (-0.1, 0.1), (0, 0.26), 0.08),
        bar((-0.08, 0, 0.24), (0.08, 0, 0.3), 0.012),
    )


def wall_picture(taste: Taste) -> Piece:
    """A framed picture, centred on the wall at its own height; a trifle."""
    w, h = taste.between(0.3, 1.0), taste.between(0.3, 0.8)
    z = taste.between(1.45, 1.7)
    piece = Piece(None, (w, 0.03, z + h / 2))
    frame = wood(taste.rng) if taste.chance(0.6) else metal(taste.rng)
    piece.add(frame, box((-w / 2, w / 2), (-0.012, 0.015), (z - h / 2, z + h / 2)))
    m = taste.between(0.02, 0.07)
    piece.add(
        Material(picture=art(taste.rng), size=max(w, h)),
        box((-w / 2 + m, w / 2 - m), (-0.016, -0.012), (z - h / 2 + m, z + h / 2 - m)),
    )
    return piece
