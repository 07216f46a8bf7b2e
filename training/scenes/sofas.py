"""Sofas and armchairs."""

from __future__ import annotations

from training.scenes.geometry import box, cushion, cylinder
from training.scenes.materials import fabric, metal, upholstery, wood
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
