"""Sofas, armchairs and chairs."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import ball, bar, box, cushion, cylinder
from training.scenes.materials import Material, fabric, metal, upholstery, wood
from training.scenes.pieces import Piece, Taste, legs


def sofa(taste: Taste, seats: int) -> Piece:
    """A sofa of two or three seats."""
    rng = taste.rng
    style = taste.style(["block", "round", "slim", "english"], ["flared", "low"], ["club"])
    seat = taste.between(0.56, 0.68)
    arm = {"slim": 0.09, "low": 0.24}.get(style, taste.between(0.14, 0.24))
    w, d = seats * seat + 2 * arm, taste.between(0.8, 0.98)
    h = {"low": 0.68, "english": 0.95, "club": 0.74}.get(style, taste.between(0.75, 0.9))
    key = "sofa_2_seat" if seats == 2 else "sofa_3_seat"
    piece = Piece(key, (w, d, h))
    cloth, leg = upholstery(rng), wood(rng) if taste.chance(0.6) else metal(rng)
    feet = 0.06 if style in {"block", "low"} else taste.between(0.1, 0.17)
    piece.add(leg, *legs(taste, w, d, feet, "splayed" if style == "slim" else "round", 0.022))
    seat_z = taste.between(0.4, 0.46)
    piece.add(
        cloth,
        cushion((-w / 2 + 0.02, w / 2 - 0.02), (-d / 2 + 0.03, d / 2), (feet, seat_z - 0.12), 0.03),
    )
    back = 0.2
    piece.add(
        cloth, cushion((-w / 2 + 0.01, w / 2 - 0.01), (d / 2 - back, d / 2), (feet, h - 0.04), 0.06)
    )
    arm_z = {
        "slim": seat_z + 0.16,
        "low": seat_z + 0.1,
        "english": seat_z + 0.14,
        "club": 0.72,
    }.get(style, taste.between(0.56, 0.66))
    for side in (-1, 1):
        x0, x1 = sorted((side * w / 2, side * (w / 2 - arm)))
        if style in {"round", "club"}:
            piece.add(
                cloth, cushion((x0, x1), (-d / 2 + 0.02, d / 2), (feet, arm_z), arm * 0.48, 0.02)
            )
        elif style == "english":
            piece.add(
                cloth,
                cushion((x0 + 0.03, x1 - 0.03), (-d / 2 + 0.04, d / 2), (feet, arm_z - 0.06), 0.03),
            )
            piece.add(cloth, cushion((x0, x1), (-d / 2, d / 2), (arm_z - 0.15, arm_z), 0.074))
        elif style == "flared":
            piece.add(
                cloth,
                cushion(
                    (x0 - 0.01, x1 + 0.01),
                    (-d / 2, d / 2 - 0.05),
                    (feet + 0.1, arm_z + 0.03),
                    0.07,
                    0.03,
                ),
            )
        else:
            piece.add(cloth, cushion((x0, x1), (-d / 2, d / 2), (feet, arm_z), 0.03))
    loose = 0.012
    cover = cloth if taste.chance(0.85) else upholstery(rng)
    for i in range(seats):
        x0 = -w / 2 + arm + i * seat
        piece.add(
            cover,
            cushion(
                (x0 + loose, x0 + seat - loose),
                (-d / 2, d / 2 - back),
                (seat_z - 0.14, seat_z),
                0.05,
                0.015,
            ),
        )
        lean = 0.03 if style != "low" else 0.0
        piece.add(
            cover,
            cushion(
                (x0 + loose, x0 + seat - loose),
                (d / 2 - back - 0.14 + lean, d / 2 - back + 0.06),
                (seat_z - 0.01, h),
                0.07,
                0.03,
            ),
        )
    for _ in range(int(rng.integers(0, 4))):
        x = rng.uniform(-w / 2 + arm + 0.2, w / 2 - arm - 0.2)
        size = taste.between(0.36, 0.46)
        piece.add(
            fabric(rng),
            cushion(
                (x - size / 2, x + size / 2),
                (d / 2 - back - 0.28, d / 2 - back - 0.14),
                (seat_z, seat_z + size),
                0.06,
                0.03,
            ),
        )
    return piece


def armchair(taste: Taste) -> Piece:
    """An easy chair for one."""
    rng = taste.rng
    style = taste.style(["block", "tub", "wing", "lounge"], ["egg", "cocktail"])
    w, d = taste.between(0.7, 0.92), taste.between(0.74, 0.92)
    h = {"wing": 1.05, "lounge": 0.8, "tub": 0.74, "egg": 1.08}.get(style, taste.between(0.8, 0.92))
    piece = Piece("armchair", (w, d, h))
    cloth, leg = upholstery(rng), wood(rng) if taste.chance(0.7) else metal(rng)
    feet = taste.between(0.1, 0.2)
    if style == "egg":
        piece.add(leg, cylinder(0, 0, (0, 0.03), 0.28), cylinder(0, 0, (0.03, 0.25), 0.03))
        feet = 0.22
    else:
        piece.add(leg, *legs(taste, w - 0.1, d - 0.08, feet, "splayed", 0.02))
    seat_z = taste.between(0.4, 0.46)
    if style == "lounge":  # an open wooden frame
        for side in (-1, 1):
            x = side * (w / 2 - 0.03)
            piece.add(leg, box((x - 0.025, x + 0.025), (-d / 2, d / 2 - 0.1), (0.55, 0.59)))
            piece.add(leg, box((x - 0.02, x + 0.02), (-d / 2 + 0.02, -d / 2 + 0.07), (0, 0.56)))
            piece.add(leg, box((x - 0.02, x + 0.02), (d / 2 - 0.16, d / 2 - 0.11), (0, 0.56)))
        piece.add(
            cloth,
            cushion(
                (-w / 2 + 0.07, w / 2 - 0.07),
                (-d / 2 + 0.02, d / 2 - 0.12),
                (seat_z - 0.16, seat_z),
                0.05,
                0.015,
            ),
        )
        piece.add(
            cloth,
            cushion(
                (-w / 2 + 0.07, w / 2 - 0.07),
                (d / 2 - 0.24, d / 2 - 0.04),
                (seat_z - 0.1, h),
                0.06,
                0.03,
            ),
        )
        return piece
    arm = taste.between(0.11, 0.18)
    piece.add(
        cloth,
        cushion(
            (-w / 2 + 0.03, w / 2 - 0.03),
            (-d / 2 + 0.05, d / 2 - 0.02),
            (feet, seat_z - 0.08),
            0.05,
        ),
    )
    piece.add(
        cloth,
        cushion(
            (-w / 2 + arm, w / 2 - arm),
            (-d / 2, d / 2 - 0.15),
            (seat_z - 0.13, seat_z + 0.02),
            0.05,
            0.02,
        ),
    )
    arm_z = {"tub": h, "cocktail": seat_z + 0.08, "egg": seat_z + 0.2}.get(style, seat_z + 0.2)
    curve = 0.09 if style in {"tub", "egg", "cocktail"} else 0.035
    for side in (-1, 1):
        x0, x1 = sorted((side * w / 2, side * (w / 2 - arm)))
        piece.add(
            cloth,
            cushion(
                (x0, x1),
                (-d / 2 + (0.1 if style == "tub" else 0.03), d / 2),
                (feet, arm_z),
                curve,
                0.015,
            ),
        )
        if style in {"wing", "egg"}:
            piece.add(
                cloth, cushion((x0, x1), (d / 2 - 0.38, d / 2), (arm_z - 0.05, h - 0.06), 0.055)
            )
    piece.add(
        cloth,
        cushion((-w / 2 + 0.02, w / 2 - 0.02), (d / 2 - 0.2, d / 2), (feet, h), curve + 0.03, 0.02),
    )
    if taste.chance(0.3):
        piece.add(
            fabric(rng),
            cushion((-0.2, 0.2), (d / 2 - 0.34, d / 2 - 0.2), (seat_z, seat_z + 0.38), 0.06, 0.03),
        )
    return piece


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
