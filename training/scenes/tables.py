"""Dining tables, coffee tables and desks."""

from __future__ import annotations

from training.scenes.geometry import bar, box, lathe
from training.scenes.materials import Material, hsv, lacquer, metal, wood
from training.scenes.pieces import Piece, Taste, fronts, legs
from training.scenes.tabletop import office_things


def dining_table(taste: Taste, seats: int) -> Piece:
    """A table for four to eight; round ones for four."""
    rng = taste.rng
    styles = ["legs", "trestle", "slab", "round"] if seats <= 4 else ["legs", "trestle", "slab"]
    style = taste.style(styles, ["sled", "pedestal"])
    h = 0.75
    top = wood(rng) if taste.chance(0.85) else Material(colour=hsv(0.5, 0.1, 0.9), gloss=0.8)
    under = top if taste.chance(0.6) else metal(rng)
    if style in {"round", "pedestal"} and seats <= 4:
        w = taste.between(1.0, 1.25)
        piece = Piece("dining_table", (w, w, h))
        piece.add(top, lathe([(w / 2, h - 0.035), (w / 2, h)], sides=40))
        if style == "pedestal" or taste.chance(0.5):
            piece.add(under, lathe([(0.32, 0), (0.3, 0.03), (0.06, 0.07), (0.06, h - 0.03)]))
        else:
            piece.add(under, *legs(taste, w * 0.74, w * 0.74, h - 0.03, "splayed", 0.022))
        return piece
    w, d = {4: 1.3, 6: 1.75, 8: 2.15}[seats] * taste.between(0.93, 1.08), taste.between(0.84, 0.98)
    piece = Piece("dining_table", (w, d, h))
    piece.add(top, box((-w / 2, w / 2), (-d / 2, d / 2), (h - taste.between(0.025, 0.05), h)))
    if style == "trestle":
        for side in (-1, 1):
            x = side * w * 0.33
            piece.add(under, box((x - 0.04, x + 0.04), (-0.05, 0.05), (0.05, h - 0.05)))
            piece.add(under, box((x - 0.045, x + 0.045), (-d * 0.38, d * 0.38), (0, 0.06)))
            piece.add(under, box((x - 0.04, x + 0.04), (-d * 0.38, d * 0.38), (h - 0.09, h - 0.04)))
        piece.add(under, box((-w * 0.33, w * 0.33), (-0.02, 0.02), (0.2, 0.28)))
    elif style == "slab":
        for side in (-1, 1):
            x = side * (w / 2 - 0.12)
            piece.add(
                under, box((x - 0.03, x + 0.03), (-d / 2 + 0.05, d / 2 - 0.05), (0, h - 0.03))
            )
    elif style == "pedestal":
        for side in (-1, 1):
            piece.add(
                under,
                lathe([(0.24, 0), (0.22, 0.03), (0.06, 0.08), (0.06, h - 0.03)], side * w * 0.27),
            )
    else:
        piece.add(
            under,
            *legs(
                taste,
                w - 0.04,
                d - 0.04,
                h - 0.03,
                "sled" if style == "sled" else str(rng.choice(["square", "round"])),
                0.035,
            ),
        )
        piece.add(
            top,
            box((-w / 2 + 0.08, w / 2 - 0.08), (-d / 2 + 0.07, d / 2 - 0.07), (h - 0.12, h - 0.03)),
        )
    return piece


def coffee_table(taste: Taste) -> Piece:
    """A low table before a sofa."""
    rng = taste.rng
    style = taste.style(
        ["legs", "shelf", "round", "block", "glass"], ["oval", "drawer"], ["drum", "crossed"]
    )
    w, d, h = taste.between(0.85, 1.25), taste.between(0.5, 0.68), taste.between(0.36, 0.46)
    top = wood(rng)
    leg = metal(rng) if taste.chance(0.4) else top
    if style in {"round", "oval", "drum"}:
        w = taste.between(0.7, 0.95)
        d = w
        piece = Piece("coffee_table", (w, d, h))
        piece.add(top, lathe([(w / 2, h - 0.03), (w / 2, h)], sides=36))
        if style == "drum":
            piece.add(top, lathe([(w * 0.44, 0.0), (w * 0.44, h - 0.02)], sides=28))
        elif style == "oval":
            piece.add(
                top, lathe([(w * 0.36, 0.0), (w * 0.2, h * 0.5), (w * 0.36, h - 0.02)], sides=28)
            )
        else:
            piece.add(leg, *legs(taste, w * 0.78, d * 0.78, h - 0.02, "splayed", 0.018))
        return piece
    piece = Piece("coffee_table", (w, d, h))
    if style == "crossed":
        for y in (-d / 2 + 0.06, d / 2 - 0.06):
            for side in (-1, 1):
                start, end = (-side * w * 0.42, y, 0.0), (side * w * 0.42, y, h - 0.02)
                piece.add(leg, bar(start, end, 0.018))
        piece.add(top, box((-w / 2, w / 2), (-d / 2, d / 2), (h - 0.03, h)))
        return piece
    if style == "block":
        piece.add(
            top,
            box((-w / 2, w / 2), (-d / 2, d / 2), (0.04, h)),
            box((-w / 2 + 0.06, w / 2 - 0.06), (-d / 2 + 0.06, d / 2 - 0.06), (0, 0.05)),
        )
        return piece
    sheet = Material(colour=(0.55, 0.65, 0.65), gloss=0.9) if style == "glass" else top
    piece.add(sheet, box((-w / 2, w / 2), (-d / 2, d / 2), (h - 0.03, h)))
    piece.add(
        leg, *legs(taste, w, d, h - 0.02, str(rng.choice(["square", "round", "splayed"])), 0.022)
    )
    if style == "shelf" or (style == "glass" and taste.chance(0.5)):
        piece.add(
            top, box((-w / 2 + 0.04, w / 2 - 0.04), (-d / 2 + 0.04, d / 2 - 0.04), (0.12, 0.14))
        )
    if style == "drawer":
        piece.add(
            top,
            box((-w / 2 + 0.03, w / 2 - 0.03), (-d / 2 + 0.03, d / 2 - 0.03), (h - 0.17, h - 0.02)),
        )
        fronts(
            piece,
            top,
            metal(rng),
            x=(-w / 2 + 0.05, w / 2 - 0.05),
            z=(h - 0.16, h - 0.03),
            y=-d / 2 + 0.03,
            columns=2,
            rows=1,
            grip="knob",
        )
    return piece


def desk(taste: Taste) -> Piece:
    """A writing desk, with a computer or papers on it."""
    rng = taste.rng
    style = taste.style(["legs", "pedestal", "panel", "trestle"], ["frame", "secretary"])
    w, d, h = taste.between(1.15, 1.6), taste.between(0.6, 0.75), 0.74
    piece = Piece("desk", (w, d, h))
    top = wood(rng)
    leg = metal(rng) if taste.chance(0.5) else top
    piece.add(top, box((-w / 2, w / 2), (-d / 2, d / 2), (h - 0.03, h)))
    face = lacquer(rng) if taste.chance(0.4) else top
    if style in {"pedestal", "panel"}:
        sides = (
            (-1, 1) if style == "pedestal" and taste.chance(0.4) else (int(rng.choice([-1, 1])),)
        )
        for side in (-1, 1):
            x = side * (w / 2 - 0.02)
            piece.add(
                top, box((x - 0.018, x + 0.018), (-d / 2 + 0.02, d / 2 - 0.02), (0, h - 0.03))
            )
        piece.add(
            top, box((-w / 2 + 0.02, w / 2 - 0.02), (d / 2 - 0.05, d / 2 - 0.03), (0.3, h - 0.03))
        )
        if style == "pedestal":
            for side in sides:
                x0, x1 = sorted((side * (w / 2 - 0.03), side * (w / 2 - 0.43)))
                piece.add(top, box((x0, x1), (-d / 2 + 0.06, d / 2 - 0.05), (0.05, h - 0.03)))
                fronts(
                    piece,
                    face,
                    metal(rng),
                    x=(x0, x1),
                    z=(0.06, h - 0.04),
                    y=-d / 2 + 0.06,
                    columns=1,
                    rows=3,
                    grip="bar",
                )
    elif style == "trestle":
        for side in (-1, 1):
            x = side * w * 0.36
            for sy in (-1, 1):
                piece.add(leg, bar((x - 0.15, sy * d * 0.4, 0), (x, sy * d * 0.3, h - 0.03), 0.02))
                piece.add(leg, bar((x + 0.15, sy * d * 0.4, 0), (x, sy * d * 0.3, h - 0.03), 0.02))
    else:
        piece.add(
            leg,
            *legs(
                taste,
                w,
                d,
                h - 0.02,
                "sled" if style == "frame" else str(rng.choice(["square", "splayed"])),
                0.025,
            ),
        )
        if taste.chance(0.5) or style == "secretary":
            piece.add(
                top,
                box(
                    (-w / 2 + 0.06, w / 2 - 0.06),
                    (-d / 2 + 0.04, d / 2 - 0.04),
                    (h - 0.14, h - 0.02),
                ),
            )
            fronts(
                piece,
                face,
                metal(rng),
                x=(-w / 2 + 0.06, w / 2 - 0.06),
                z=(h - 0.14, h - 0.03),
                y=-d / 2 + 0.04,
                columns=2,
                rows=1,
                grip="knob",
            )
        if style == "secretary":
            piece.add(top, box((-w / 2, w / 2), (d / 2 - 0.22, d / 2), (h, h + 0.18)))
    office_things(piece, taste, w, d, h)
    return piece
