"""Cupboards: wardrobes, chests of drawers, sideboards; and moving boxes."""

from __future__ import annotations

from training.scenes.geometry import bar, box
from training.scenes.materials import Material, cardboard, hsv
from training.scenes.pieces import Piece, Taste, carcass, fronts, standing
from training.scenes.tabletop import cupboard_things


def wardrobe(taste: Taste) -> Piece:
    """A tall cupboard for clothes, two doors wide."""
    style = taste.style(["plain", "sliding", "panelled", "drawers"], ["cornice", "bottom"])
    w, d, h = taste.between(1.0, 1.4), taste.between(0.55, 0.64), taste.between(1.9, 2.2)
    piece = Piece("wardrobe_2_door", (w, d, h))
    body, face, grip = carcass(taste)
    feet = taste.between(0.04, 0.1)
    standing(
        taste, piece, body, feet, "plinth" if style != "plain" or taste.chance(0.6) else "square"
    )
    y = -d / 2
    bottom = feet + 0.02
    if style in {"drawers", "bottom"}:
        rows = 1 if style == "drawers" else 2
        fronts(
            piece,
            face,
            grip,
            x=(-w / 2 + 0.01, w / 2 - 0.01),
            z=(bottom, bottom + 0.22 * rows),
            y=y,
            columns=2 if style == "drawers" else 1,
            rows=rows,
            grip="bar",
        )
        bottom += 0.22 * rows
    if style == "sliding":
        mirror = Material(colour=(0.35, 0.38, 0.4), gloss=0.8) if taste.chance(0.4) else face
        piece.add(face, box((-w / 2 + 0.02, 0.03), (y - 0.03, y), (bottom, h - 0.03)))
        piece.add(mirror, box((-0.03, w / 2 - 0.02), (y - 0.015, y), (bottom, h - 0.03)))
        piece.add(grip, box((-0.01, 0.0), (y - 0.034, y - 0.03), (0.9, 1.3)))
    else:
        fronts(
            piece,
            face,
            grip,
            x=(-w / 2 + 0.01, w / 2 - 0.01),
            z=(bottom, h - 0.02),
            y=y,
            columns=2,
            rows=1,
            grip=str(taste.rng.choice(["upright", "knob", "bar"])),
        )
    if style in {"panelled", "cornice"}:
        for side in (-1, 1):
            x = side * w / 4
            for z0, z1 in ((bottom + 0.12, h * 0.46), (h * 0.5, h - 0.14)):
                piece.add(
                    body, box((x - w / 4 + 0.1, x + w / 4 - 0.1), (y - 0.026, y - 0.018), (z0, z1))
                )
    if style == "cornice":
        piece.add(
            body, box((-w / 2 - 0.04, w / 2 + 0.04), (-d / 2 - 0.04, d / 2), (h - 0.05, h + 0.04))
        )
    if taste.chance(0.2):
        x = taste.between(-w / 2 + 0.25, w / 2 - 0.25)
        piece.add(
            cardboard(taste.rng), box((x - 0.2, x + 0.2), (-0.15, 0.15), (h + 0.04, h + 0.25))
        )
    return piece


def chest_of_drawers(taste: Taste) -> Piece:
    """Three to five rows of drawers."""
    style = taste.style(["plain", "legs", "two"], ["bow", "tall"])
    w, d = taste.between(0.75, 1.0), taste.between(0.4, 0.5)
    rows = int(taste.rng.integers(3, 6))
    h = 0.12 + rows * taste.between(0.18, 0.22)
    if style == "tall":
        w, rows, h = taste.between(0.6, 0.7), 5, 1.15
    piece = Piece("chest_of_drawers", (w, d, h))
    body, face, grip = carcass(taste)
    feet = 0.12 if style == "legs" else 0.05
    standing(taste, piece, body, feet, "splayed" if style == "legs" else "plinth")
    kind = str(taste.rng.choice(["knob", "bar", "cut"]))
    fronts(
        piece,
        face,
        grip,
        x=(-w / 2 + 0.01, w / 2 - 0.01),
        z=(feet + 0.01, h - 0.02),
        y=-d / 2,
        columns=2 if style == "two" and w > 0.85 else 1,
        rows=rows,
        grip=kind,
    )
    if style == "bow":
        piece.add(body, box((-w / 2 - 0.02, w / 2 + 0.02), (-d / 2 - 0.03, d / 2), (h, h + 0.03)))
    cupboard_things(piece, taste, w, d, h + (0.03 if style == "bow" else 0))
    return piece


def sideboard(taste: Taste) -> Piece:
    """A long, waist-high cupboard with doors."""
    style = taste.style(["doors", "legs", "mixed", "mixed"], ["rail", "country"])
    w, d, h = taste.between(1.35, 1.9), taste.between(0.4, 0.48), taste.between(0.74, 0.9)
    piece = Piece("sideboard", (w, d, h))
    body, face, grip = carcass(taste)
    feet = taste.between(0.12, 0.2) if style in {"legs", "rail"} else 0.06
    kind = {"legs": "splayed", "rail": "sled"}.get(style, "plinth")
    standing(taste, piece, body, feet, kind)
    handle = str(taste.rng.choice(["knob", "upright", "none"]))
    x0, x1, z = -w / 2 + 0.01, w / 2 - 0.01, (feet + 0.01, h - 0.02)
    if style == "mixed":
        third = (x1 - x0) / 3
        middle = int(taste.rng.integers(0, 3))
        for i in range(3):
            span = (x0 + i * third, x0 + (i + 1) * third)
            fronts(
                piece,
                face,
                grip,
                x=span,
                z=z,
                y=-d / 2,
                columns=1,
                rows=3 if i == middle else 1,
                grip="knob" if handle == "none" else handle,
            )
    elif style == "country":
        fronts(
            piece,
            face,
            grip,
            x=(x0, x1),
            z=(h - 0.2, h - 0.02),
            y=-d / 2,
            columns=3,
            rows=1,
            grip="knob",
        )
        fronts(
            piece,
            face,
            grip,
            x=(x0, x1),
            z=(feet + 0.01, h - 0.2),
            y=-d / 2,
            columns=3,
            rows=1,
            grip="knob",
        )
        piece.add(body, box((-w / 2 - 0.03, w / 2 + 0.03), (-d / 2 - 0.03, d / 2), (h, h + 0.03)))
    else:
        fronts(
            piece,
            face,
            grip,
            x=(x0, x1),
            z=z,
            y=-d / 2,
            columns=3 if w < 1.6 else 4,
            rows=1,
            grip=handle,
        )
    cupboard_things(piece, taste, w, d, h + 0.03)
    return piece


def carton(taste: Taste) -> Piece:
    """A moving box."""
    w, d, h = taste.between(0.42, 0.6), taste.between(0.32, 0.42), taste.between(0.3, 0.42)
    piece = Piece("box_standard", (w, d, h))
    board = cardboard(taste.rng)
    piece.add(board, box((-w / 2, w / 2), (-d / 2, d / 2), (0, h)))
    tape = Material(colour=hsv(0.09, 0.35, 0.75), gloss=0.5) if taste.chance(0.7) else board
    piece.add(tape, box((-w / 2 - 0.001, w / 2 + 0.001), (-0.03, 0.03), (h - 0.08, h + 0.001)))
    if taste.sample or taste.chance(0.3):
        for side in (-1, 1):  # open flaps
            if taste.chance(0.5):
                y = side * d / 2
                piece.add(
                    board,
                    bar((-w / 2 + 0.01, y, h), (w / 2 - 0.01, y, h), 0.006),
                    box(
                        (-w / 2, w / 2), tuple(sorted((y, y + side * 0.11))), (h - 0.03, h - 0.022)
                    ),
                )
    if taste.chance(0.4):
        piece.add(
            Material(colour=(0.02, 0.02, 0.02)),
            box((-0.1, 0.08), (-d / 2 - 0.001, -d / 2), (h * 0.4, h * 0.55)),
        )
    return piece
