"""Chairs: for a dining table, and for a desk."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import ball, bar, box, cushion, cylinder
from training.scenes.materials import Material, fabric, metal, upholstery, wood
from training.scenes.pieces import Piece, Taste, legs


def chair(taste: Taste, material: Material | None = None, style: str | None = None) -> Piece:
    """A dining chair; those of one table share ``material`` and ``style``."""
    rng = taste.rng
    style = style or chair_style(taste)
    w, d, h = taste.between(0.42, 0.48), taste.between(0.42, 0.5), taste.between(0.8, 0.98)
    if style == "shell":
        h = 0.82
    piece = Piece("chair", (w, d, h))
    frame = material or wood(rng)
    seat = fabric(rng) if style in {"padded", "parsons"} and material is None else frame
    z = 0.46
    if style == "shell":
        base = wood(rng) if material is None else metal(rng)
        piece.add(base, *legs(taste, w, d, z - 0.02, "splayed", 0.014))
        piece.add(frame, cushion((-w / 2, w / 2), (-d / 2, d / 2), (z - 0.04, z), 0.02, -0.01))
        piece.add(
            frame, cushion((-w / 2, w / 2), (d / 2 - 0.05, d / 2 + 0.01), (z - 0.02, h), 0.03, 0.01)
        )
        for side in (-1, 1):
            x0, x1 = sorted((side * w / 2, side * (w / 2 - 0.03)))
            piece.add(frame, cushion((x0, x1), (0.0, d / 2), (z - 0.02, z + 0.17), 0.015))
        return piece
    kind = {"metal": "round", "cross": "splayed"}.get(style, "square")
    leg = metal(rng) if style == "metal" else frame
    piece.add(leg, *legs(taste, w, d, z - 0.02, kind, 0.016))
    piece.add(
        seat,
        cushion(
            (-w / 2, w / 2),
            (-d / 2, d / 2),
            (z - 0.05, z + (0.03 if style in {"padded", "parsons"} else 0)),
            0.02,
            0.01,
        ),
    )
    y = d / 2 - 0.03
    if style == "parsons":
        piece.add(seat, cushion((-w / 2, w / 2), (y - 0.05, y + 0.03), (z - 0.02, h), 0.03, 0.01))
        return piece
    for side in (-1, 1):
        x = side * (w / 2 - 0.025)
        piece.add(leg, bar((x, y, z), (x, y + 0.05, h), 0.016))
    if style in {"slats", "ladder"}:
        count = 3 if style == "ladder" else 2
        for i in range(count):
            top = h - i * (h - z) / (count + 0.6)
            piece.add(
                frame, box((-w / 2 + 0.02, w / 2 - 0.02), (y + 0.02, y + 0.045), (top - 0.07, top))
            )
    elif style in {"spindles", "cross"}:
        piece.add(frame, box((-w / 2, w / 2), (y + 0.03, y + 0.06), (h - 0.07, h)))
        if style == "cross":
            piece.add(frame, bar((-w / 2 + 0.03, y, z), (w / 2 - 0.03, y + 0.05, h - 0.05), 0.012))
            piece.add(frame, bar((w / 2 - 0.03, y, z), (-w / 2 + 0.03, y + 0.05, h - 0.05), 0.012))
        else:
            for x in np.linspace(-w / 2 + 0.07, w / 2 - 0.07, 5):
                piece.add(frame, bar((x, y, z), (x, y + 0.045, h - 0.05), 0.008, 6))
    else:
        piece.add(
            seat, cushion((-w / 2 + 0.02, w / 2 - 0.02), (y + 0.0, y + 0.05), (z + 0.16, h), 0.022)
        )
    return piece


def chair_style(taste: Taste) -> str:
    """Choose the style of a set of chairs."""
    return taste.style(
        ["slats", "spindles", "padded", "shell", "parsons", "metal"], ["ladder", "cross", "padded"]
    )


def office_chair(taste: Taste) -> Piece:
    """A swivel chair on castors."""
    rng = taste.rng
    style = taste.style(["task", "mesh", "boss"], ["slim"])
    w, d, h = 0.64, 0.64, {"boss": 1.18, "slim": 0.95}.get(style, taste.between(0.95, 1.1))
    piece = Piece("office_chair", (w, d, h))
    dark = Material(colour=(0.03, 0.03, 0.035), gloss=0.3)
    base = metal(rng) if taste.chance(0.4) else dark
    cloth = upholstery(rng) if taste.chance(0.5) else Material(colour=(0.04, 0.04, 0.05))
    for i in range(5):
        t = 2 * np.pi * i / 5 + 0.3
        tip = (0.3 * np.cos(t), 0.3 * np.sin(t), 0.07)
        piece.add(base, bar((0, 0, 0.11), tip, 0.02))
        piece.add(dark, ball((tip[0], tip[1], 0.03), (0.03, 0.03, 0.03), 6))
    piece.add(base, cylinder(0, 0, (0.1, 0.44), 0.03))
    seat = 0.25 if style != "slim" else 0.22
    piece.add(cloth, cushion((-seat, seat), (-0.25, 0.24), (0.44, 0.53), 0.04, 0.01))
    back = seat - 0.02
    low = 0.5 if style == "boss" else 0.6
    piece.add(
        cloth,
        cushion((-back, back), (0.2, 0.29 if style == "boss" else 0.26), (low, h), 0.04, 0.015),
    )
    piece.add(base, box((-0.03, 0.03), (0.2, 0.25), (0.46, low + 0.1)))
    if style != "slim" and taste.chance(0.75):
        for side in (-1, 1):
            x = side * 0.29
            piece.add(dark, box((x - 0.02, x + 0.02), (-0.02, 0.03), (0.46, 0.68)))
            piece.add(dark, cushion((x - 0.035, x + 0.035), (-0.14, 0.13), (0.67, 0.7), 0.014))
    return piece
