"""Beds and what stands beside them."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import box, cushion, lathe
from training.scenes.materials import Material, fabric, hsv, metal, upholstery, wood
from training.scenes.pieces import Piece, Taste, carcass, fronts, legs, standing
from training.scenes.tabletop import books, table_lamp


def nightstand(taste: Taste) -> Piece:
    """A small cupboard beside a bed."""
    style = taste.style(["drawers", "open", "legs"], ["door", "round"])
    w, d, h = taste.between(0.38, 0.52), taste.between(0.34, 0.42), taste.between(0.46, 0.6)
    piece = Piece("nightstand", (w, d, h))
    body, face, grip = carcass(taste)
    if style == "round":
        piece.add(
            body,
            lathe([(w / 2, h - 0.03), (w / 2, h)], sides=24),
            lathe([(w / 2, h * 0.45), (w / 2, h * 0.45 + 0.02)], sides=24),
        )
        piece.add(body, *legs(taste, w * 0.8, w * 0.8, h, "round", 0.015))
    else:
        feet = 0.16 if style == "legs" else 0.03
        if style == "open":
            t = 0.02
            for side in (-1, 1):
                x = side * (w / 2 - t / 2)
                piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0, h)))
            piece.add(
                body, *(box((-w / 2, w / 2), (-d / 2, d / 2), (z, z + t)) for z in (0.06, h - 0.02))
            )
            piece.add(
                body,
                box((-w / 2, w / 2), (-d / 2, d / 2), (h - 0.18, h)),
                box((-w / 2, w / 2), (d / 2 - 0.01, d / 2), (0, h)),
            )
            fronts(
                piece,
                face,
                grip,
                x=(-w / 2, w / 2),
                z=(h - 0.17, h - 0.02),
                y=-d / 2,
                columns=1,
                rows=1,
                grip="knob",
            )
        else:
            standing(taste, piece, body, feet, "splayed" if style == "legs" else "plinth")
            fronts(
                piece,
                face,
                grip,
                x=(-w / 2, w / 2),
                z=(feet, h - 0.02),
                y=-d / 2,
                columns=1,
                rows=1 if style == "door" else 2,
                grip="knob",
            )
    if taste.chance(0.65):
        table_lamp(piece, taste, 0, 0.05, h)
    elif taste.chance(0.5):
        books(piece, taste, -0.1, 0.1, 0, h, upright=False)
    return piece


def bed(taste: Taste, double: bool) -> Piece:
    """A bed with its mattress and linen; the head is at the back."""
    rng = taste.rng
    style = taste.style(
        ["panel", "upholstered", "slatted", "plain"], ["winged", "framed"], ["footboard", "divan"]
    )
    w = taste.between(1.45, 1.75) if double else taste.between(0.92, 1.05)
    d, h = 2.06, taste.between(0.9, 1.2)
    if style == "plain":
        h = 0.6
    piece = Piece("double_bed" if double else "single_bed", (w, d, h))
    frame = (
        upholstery(rng)
        if style in {"upholstered", "winged"}
        else (metal(rng) if style == "slatted" and taste.chance(0.3) else wood(rng))
    )
    z = taste.between(0.26, 0.34)
    piece.add(frame, *legs(taste, w, d, z - 0.1, "square", 0.03))
    for side in (-1, 1):
        x0, x1 = sorted((side * w / 2, side * (w / 2 - 0.04)))
        piece.add(frame, box((x0, x1), (-d / 2, d / 2), (z - 0.16, z + 0.06)))
    piece.add(
        frame,
        box(
            (-w / 2, w / 2),
            (-d / 2, -d / 2 + 0.04),
            (z - 0.16, z + (0.3 if style == "framed" else 0.06)),
        ),
    )
    if style == "footboard":
        piece.add(frame, box((-w / 2, w / 2), (-d / 2 - 0.02, -d / 2 + 0.03), (0.05, z + 0.42)))
    elif style == "divan":
        piece.add(frame, cushion((-w / 2, w / 2), (-d / 2, d / 2), (0.02, z), 0.03))
    back = (d / 2 - 0.07, d / 2)
    if style == "slatted":
        piece.add(
            frame,
            box((-w / 2, w / 2), back, (h - 0.08, h)),
            *(
                box((x - 0.02, x + 0.02), (back[0] + 0.02, back[1] - 0.02), (z, h))
                for x in np.linspace(-w / 2 + 0.03, w / 2 - 0.03, 9 if double else 6)
            ),
        )
    elif style in {"upholstered", "winged"}:
        piece.add(frame, cushion((-w / 2, w / 2), (d / 2 - 0.1, d / 2), (z - 0.16, h), 0.04))
        if style == "winged":
            for side in (-1, 1):
                x0, x1 = sorted((side * (w / 2 + 0.07), side * (w / 2 - 0.02)))
                piece.add(frame, cushion((x0, x1), (d / 2 - 0.24, d / 2), (0.05, h), 0.04))
    else:
        piece.add(frame, box((-w / 2, w / 2), back, (z - 0.1, h)))
    sheet = Material(colour=hsv(rng.random(), rng.uniform(0, 0.1), rng.uniform(0.8, 0.97)))
    top = z + taste.between(0.2, 0.27)
    piece.add(
        sheet,
        cushion(
            (-w / 2 + 0.04, w / 2 - 0.04), (-d / 2 + 0.05, d / 2 - 0.08), (z - 0.02, top), 0.06
        ),
    )
    cover = fabric(rng) if taste.chance(0.75) else sheet
    turned = d / 2 - taste.between(0.5, 0.85)
    piece.add(
        cover,
        cushion(
            (-w / 2 - 0.01, w / 2 + 0.01),
            (-d / 2 + 0.03, turned),
            (z + taste.between(-0.08, 0.08), top + 0.05),
            0.05,
            0.01,
        ),
    )
    pillow = sheet if taste.chance(0.6) else fabric(rng)
    for x in (-w / 4, w / 4) if double else (0.0,):
        wide = min(0.34, w / 4 if double else 0.36)
        piece.add(
            pillow,
            cushion(
                (x - wide, x + wide),
                (d / 2 - 0.52, d / 2 - 0.12),
                (top - 0.02, top + 0.14),
                0.07,
                0.03,
            ),
        )
    if taste.chance(0.3):
        piece.add(
            fabric(rng),
            cushion(
                (-w / 2 - 0.02, w / 2 + 0.02),
                (-d / 2 + 0.2, -d / 2 + 0.75),
                (top - 0.12, top + 0.07),
                0.05,
            ),
        )
    return piece
