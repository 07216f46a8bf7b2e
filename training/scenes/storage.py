"""Cupboards, shelves, chests, beds and what stands beside them."""

from __future__ import annotations

import numpy as np

from training.scenes.geometry import bar, box, cushion, lathe
from training.scenes.materials import Material, art, fabric, hsv, lacquer, metal, upholstery, wood
from training.scenes.pieces import Piece, Taste, fronts, legs
from training.scenes.tables import books, table_lamp


def _carcass(taste: Taste) -> tuple[Material, Material, Material]:
    """Body, fronts and handles of one cupboard."""
    body = wood(taste.rng) if taste.chance(0.7) else lacquer(taste.rng)
    face = body if taste.chance(0.65) else (lacquer(taste.rng) if taste.chance(0.7) else wood(taste.rng))
    return body, face, metal(taste.rng)


def _standing(taste: Taste, piece: Piece, body: Material, feet: float, kind: str) -> None:
    w, d, h = piece.size
    piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (feet, h)))
    if kind == "plinth":
        piece.add(body, box((-w / 2 + 0.03, w / 2 - 0.03), (-d / 2 + 0.04, d / 2), (0, feet)))
    elif feet > 0.02:
        leg = metal(taste.rng) if taste.chance(0.4) else wood(taste.rng)
        piece.add(leg, *legs(taste, w, d, feet, kind, 0.018))


def wardrobe(taste: Taste) -> Piece:
    """A tall cupboard for clothes, two doors wide."""
    style = taste.style(["plain", "sliding", "panelled", "drawers"], ["cornice", "bottom"])
    w, d, h = taste.between(1.0, 1.4), taste.between(0.55, 0.64), taste.between(1.9, 2.2)
    piece = Piece("wardrobe_2_door", (w, d, h))
    body, face, grip = _carcass(taste)
    feet = taste.between(0.04, 0.1)
    _standing(taste, piece, body, feet, "plinth" if style != "plain" or taste.chance(0.6) else "square")
    y = -d / 2
    bottom = feet + 0.02
    if style in {"drawers", "bottom"}:
        rows = 1 if style == "drawers" else 2
        fronts(piece, face, grip, x=(-w / 2 + 0.01, w / 2 - 0.01), z=(bottom, bottom + 0.22 * rows), y=y, columns=2 if style == "drawers" else 1, rows=rows, grip="bar")
        bottom += 0.22 * rows
    if style == "sliding":
        mirror = Material(colour=(0.35, 0.38, 0.4), gloss=0.8) if taste.chance(0.4) else face
        piece.add(face, box((-w / 2 + 0.02, 0.03), (y - 0.03, y), (bottom, h - 0.03)))
        piece.add(mirror, box((-0.03, w / 2 - 0.02), (y - 0.015, y), (bottom, h - 0.03)))
        piece.add(grip, box((-0.01, 0.0), (y - 0.034, y - 0.03), (0.9, 1.3)))
    else:
        fronts(piece, face, grip, x=(-w / 2 + 0.01, w / 2 - 0.01), z=(bottom, h - 0.02), y=y, columns=2, rows=1, grip=str(taste.rng.choice(["upright", "knob", "bar"])))
    if style in {"panelled", "cornice"}:
        for side in (-1, 1):
            x = side * w / 4
            for z0, z1 in ((bottom + 0.12, h * 0.46), (h * 0.5, h - 0.14)):
                piece.add(body, box((x - w / 4 + 0.1, x + w / 4 - 0.1), (y - 0.026, y - 0.018), (z0, z1)))
    if style == "cornice":
        piece.add(body, box((-w / 2 - 0.04, w / 2 + 0.04), (-d / 2 - 0.04, d / 2), (h - 0.05, h + 0.04)))
    if taste.chance(0.2):
        x = taste.between(-w / 2 + 0.25, w / 2 - 0.25)
        piece.add(_cardboard(taste), box((x - 0.2, x + 0.2), (-0.15, 0.15), (h + 0.04, h + 0.25)))
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
    body, face, grip = _carcass(taste)
    feet = 0.12 if style == "legs" else 0.05
    _standing(taste, piece, body, feet, "splayed" if style == "legs" else "plinth")
    kind = str(taste.rng.choice(["knob", "bar", "cut"]))
    fronts(piece, face, grip, x=(-w / 2 + 0.01, w / 2 - 0.01), z=(feet + 0.01, h - 0.02), y=-d / 2, columns=2 if style == "two" and w > 0.85 else 1, rows=rows, grip=kind)
    if style == "bow":
        piece.add(body, box((-w / 2 - 0.02, w / 2 + 0.02), (-d / 2 - 0.03, d / 2), (h, h + 0.03)))
    _top_things(piece, taste, w, d, h + (0.03 if style == "bow" else 0))
    return piece


def sideboard(taste: Taste) -> Piece:
    """A long, waist-high cupboard with doors."""
    style = taste.style(["doors", "legs", "mixed", "mixed"], ["rail", "country"])
    w, d, h = taste.between(1.35, 1.9), taste.between(0.4, 0.48), taste.between(0.74, 0.9)
    piece = Piece("sideboard", (w, d, h))
    body, face, grip = _carcass(taste)
    feet = taste.between(0.12, 0.2) if style in {"legs", "rail"} else 0.06
    kind = {"legs": "splayed", "rail": "sled"}.get(style, "plinth")
    _standing(taste, piece, body, feet, kind)
    handle = str(taste.rng.choice(["knob", "upright", "none"]))
    x0, x1, z = -w / 2 + 0.01, w / 2 - 0.01, (feet + 0.01, h - 0.02)
    if style == "mixed":
        third = (x1 - x0) / 3
        middle = int(taste.rng.integers(0, 3))
        for i in range(3):
            span = (x0 + i * third, x0 + (i + 1) * third)
            fronts(piece, face, grip, x=span, z=z, y=-d / 2, columns=1, rows=3 if i == middle else 1, grip="knob" if handle == "none" else handle)
    elif style == "country":
        fronts(piece, face, grip, x=(x0, x1), z=(h - 0.2, h - 0.02), y=-d / 2, columns=3, rows=1, grip="knob")
        fronts(piece, face, grip, x=(x0, x1), z=(feet + 0.01, h - 0.2), y=-d / 2, columns=3, rows=1, grip="knob")
        piece.add(body, box((-w / 2 - 0.03, w / 2 + 0.03), (-d / 2 - 0.03, d / 2), (h, h + 0.03)))
    else:
        fronts(piece, face, grip, x=(x0, x1), z=z, y=-d / 2, columns=3 if w < 1.6 else 4, rows=1, grip=handle)
    _top_things(piece, taste, w, d, h + 0.03)
    return piece


def tv_unit(taste: Taste, with_tv: bool = True) -> tuple[Piece, Piece | None]:
    """A low, long cupboard, and the television on it."""
    style = taste.style(["doors", "open", "legs"], ["slot"])
    w, d, h = taste.between(1.3, 1.9), taste.between(0.36, 0.45), taste.between(0.4, 0.54)
    piece = Piece("tv_unit", (w, d, h))
    body, face, grip = _carcass(taste)
    feet = 0.14 if style == "legs" else 0.04
    if style in {"open", "slot"}:
        low = h * 0.5 if style == "open" else h * 0.35
        t = 0.025
        piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (h - t, h)), box((-w / 2, w / 2), (-d / 2, d / 2), (feet, feet + t)))
        for x in np.linspace(-w / 2 + t / 2, w / 2 - t / 2, 3 if style == "open" else 4):
            piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0, h - t)))
        piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (low, low + t)), box((-w / 2, w / 2), (d / 2 - 0.01, d / 2), (feet, h)))
        fronts(piece, face, grip, x=(-w / 2 + 0.01, w / 2 - 0.01) if style == "slot" else (-w / 2 + 0.01, 0.0), z=(feet + 0.01, low), y=-d / 2, columns=2, rows=1, grip="none")
        if taste.chance(0.7):
            x = taste.between(0.1, w / 2 - 0.5)
            piece.add(Material(colour=(0.02, 0.02, 0.02), gloss=0.6), box((x, x + 0.36), (-0.1, 0.12), (low + t, low + t + 0.07)))
    else:
        _standing(taste, piece, body, feet, "splayed" if style == "legs" else "plinth")
        fronts(piece, face, grip, x=(-w / 2 + 0.01, w / 2 - 0.01), z=(feet + 0.01, h - 0.02), y=-d / 2, columns=int(taste.rng.integers(2, 5)), rows=int(taste.rng.integers(1, 3)), grip=str(taste.rng.choice(["none", "cut", "bar"])))
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
    piece.add(screen, box((-width / 2 + 0.015, width / 2 - 0.015), (-0.022, -0.02), (stand + 0.02, stand + height - 0.015)))
    if taste.chance(0.5):
        piece.add(black, box((-width * 0.2, width * 0.2), (-0.1, 0.1), (0, 0.012)), box((-0.04, 0.04), (0.0, 0.03), (0, stand + 0.05)))
    else:
        for side in (-1, 1):
            x = side * width * 0.36
            piece.add(black, bar((x, 0, stand + 0.01), (x, -0.1, 0.006), 0.008), bar((x, 0, stand + 0.01), (x, 0.1, 0.006), 0.008))
    return piece


def bookcase(taste: Taste) -> Piece:
    """Tall open shelves with books."""
    style = taste.style(["closed", "open", "ladder", "wide"], ["doors", "cube"])
    w, d, h = taste.between(0.75, 1.1), taste.between(0.28, 0.36), taste.between(1.75, 2.1)
    if style == "wide":
        w = taste.between(1.15, 1.5)
    if style == "cube":
        w, h = 1.12, 1.48
    piece = Piece("bookcase", (w, d, h))
    body = wood(taste.rng) if taste.chance(0.85) else lacquer(taste.rng)
    post = metal(taste.rng) if style == "ladder" else body
    t = 0.025
    if style == "ladder":
        for sx in (-1, 1):
            for sy in (-1, 1):
                x, y = sx * (w / 2 - 0.015), sy * (d / 2 - 0.015)
                piece.add(post, box((x - 0.014, x + 0.014), (y - 0.014, y + 0.014), (0, h)))
    else:
        for side in (-1, 1):
            x = side * (w / 2 - t / 2)
            piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0, h)))
    if style in {"closed", "wide", "doors"}:
        piece.add(body if taste.chance(0.7) else lacquer(taste.rng), box((-w / 2, w / 2), (d / 2 - 0.01, d / 2), (0, h)))
    shelves = 4 if style == "cube" else int(taste.rng.integers(5, 7))
    levels = np.linspace(0.06, h - t, shelves + 1 if style == "cube" else shelves)
    for z in levels:
        piece.add(body, box((-w / 2 + t, w / 2 - t), (-d / 2, d / 2), (z, z + t)))
    columns = 3 if style == "cube" else (2 if w > 1.2 else 1)
    for i in range(1, columns):
        x = -w / 2 + w * i / columns
        piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0.06, h)))
    for z0, z1 in zip(levels[:-1], levels[1:], strict=True):
        for i in range(columns):
            x0, x1 = -w / 2 + t + w * i / columns, -w / 2 - t + w * (i + 1) / columns
            _fill(piece, taste, x0, x1, d, z0 + t, z1 - z0 - t)
    if style == "doors":
        fronts(piece, body, metal(taste.rng), x=(-w / 2 + 0.005, w / 2 - 0.005), z=(0.05, levels[2]), y=-d / 2, columns=2, rows=1, grip="knob")
    return piece


def _fill(piece: Piece, taste: Taste, x0: float, x1: float, d: float, z: float, room: float) -> None:
    kind = taste.rng.random()
    y = d / 2 - 0.02
    if kind < 0.62:
        end = x1 if taste.chance(0.5) else x0 + (x1 - x0) * taste.between(0.3, 0.9)
        books(piece, taste, x0 + 0.005, end, y - 0.05, z, room=room)
    elif kind < 0.72:
        books(piece, taste, x0 + 0.05, x1, 0, z, upright=False)
    elif kind < 0.82:
        x = (x0 + x1) / 2
        piece.add(_cardboard(taste) if taste.chance(0.5) else fabric(taste.rng), box((x - 0.13, x + 0.13), (-d / 2 + 0.03, d / 2 - 0.04), (z, z + min(0.2, room * 0.8))))
    elif kind < 0.92:
        x = taste.between(x0 + 0.1, max(x1 - 0.1, x0 + 0.11))
        piece.add(lacquer(taste.rng), lathe([(0.04, z), (0.07, z + 0.08), (0.03, z + min(0.2, room * 0.8))], x, 0, 12))


def _top_things(piece: Piece, taste: Taste, w: float, d: float, h: float) -> None:
    """Lamp, vase, books, a framed picture on a low cupboard."""
    rng = taste.rng
    if taste.chance(0.35):
        table_lamp(piece, taste, float(rng.choice([-1, 1])) * (w / 2 - 0.16), 0, h)
    if taste.chance(0.4):
        books(piece, taste, -0.1, 0.1, 0.0, h, upright=False)
    if taste.chance(0.3):
        x, size = taste.between(-w / 4, w / 4), taste.between(0.2, 0.4)
        piece.add(wood(rng), box((x - size / 2, x + size / 2), (d / 2 - 0.08, d / 2 - 0.06), (h, h + size * 1.2)))
        piece.add(Material(picture=art(rng), size=0.4), box((x - size / 2 + 0.02, x + size / 2 - 0.02), (d / 2 - 0.082, d / 2 - 0.08), (h + 0.02, h + size * 1.2 - 0.02)))
    if taste.chance(0.4):
        x = taste.between(-w / 3, w / 3)
        piece.add(lacquer(rng), lathe([(0.04, h), (0.08, h + 0.1), (0.04, h + 0.22)], x, -0.03, 14))


def nightstand(taste: Taste) -> Piece:
    """A small cupboard beside a bed."""
    style = taste.style(["drawers", "open", "legs"], ["door", "round"])
    w, d, h = taste.between(0.38, 0.52), taste.between(0.34, 0.42), taste.between(0.46, 0.6)
    piece = Piece("nightstand", (w, d, h))
    body, face, grip = _carcass(taste)
    if style == "round":
        piece.add(body, lathe([(w / 2, h - 0.03), (w / 2, h)], sides=24), lathe([(w / 2, h * 0.45), (w / 2, h * 0.45 + 0.02)], sides=24))
        piece.add(body, *legs(taste, w * 0.8, w * 0.8, h, "round", 0.015))
    else:
        feet = 0.16 if style == "legs" else 0.03
        if style == "open":
            t = 0.02
            for side in (-1, 1):
                x = side * (w / 2 - t / 2)
                piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0, h)))
            piece.add(body, *(box((-w / 2, w / 2), (-d / 2, d / 2), (z, z + t)) for z in (0.06, h - 0.02)))
            piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (h - 0.18, h)), box((-w / 2, w / 2), (d / 2 - 0.01, d / 2), (0, h)))
            fronts(piece, face, grip, x=(-w / 2, w / 2), z=(h - 0.17, h - 0.02), y=-d / 2, columns=1, rows=1, grip="knob")
        else:
            _standing(taste, piece, body, feet, "splayed" if style == "legs" else "plinth")
            fronts(piece, face, grip, x=(-w / 2, w / 2), z=(feet, h - 0.02), y=-d / 2, columns=1, rows=1 if style == "door" else 2, grip="knob")
    if taste.chance(0.65):
        table_lamp(piece, taste, 0, 0.05, h)
    elif taste.chance(0.5):
        books(piece, taste, -0.1, 0.1, 0, h, upright=False)
    return piece


def bed(taste: Taste, double: bool) -> Piece:
    """A bed with its mattress and linen; the head is at the back."""
    rng = taste.rng
    style = taste.style(["panel", "upholstered", "slatted", "plain"], ["winged", "framed"])
    w = taste.between(1.45, 1.75) if double else taste.between(0.92, 1.05)
    d, h = 2.06, taste.between(0.9, 1.2)
    if style == "plain":
        h = 0.6
    piece = Piece("double_bed" if double else "single_bed", (w, d, h))
    frame = upholstery(rng) if style in {"upholstered", "winged"} else (metal(rng) if style == "slatted" and taste.chance(0.3) else wood(rng))
    z = taste.between(0.26, 0.34)
    piece.add(frame, *legs(taste, w, d, z - 0.1, "square", 0.03))
    for side in (-1, 1):
        x0, x1 = sorted((side * w / 2, side * (w / 2 - 0.04)))
        piece.add(frame, box((x0, x1), (-d / 2, d / 2), (z - 0.16, z + 0.06)))
    piece.add(frame, box((-w / 2, w / 2), (-d / 2, -d / 2 + 0.04), (z - 0.16, z + (0.3 if style == "framed" else 0.06))))
    back = (d / 2 - 0.07, d / 2)
    if style == "slatted":
        piece.add(frame, box((-w / 2, w / 2), back, (h - 0.08, h)), *(box((x - 0.02, x + 0.02), (back[0] + 0.02, back[1] - 0.02), (z, h)) for x in np.linspace(-w / 2 + 0.03, w / 2 - 0.03, 9 if double else 6)))
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
    piece.add(sheet, cushion((-w / 2 + 0.04, w / 2 - 0.04), (-d / 2 + 0.05, d / 2 - 0.08), (z - 0.02, top), 0.06))
    cover = fabric(rng) if taste.chance(0.75) else sheet
    turned = d / 2 - taste.between(0.5, 0.85)
    piece.add(cover, cushion((-w / 2 - 0.01, w / 2 + 0.01), (-d / 2 + 0.03, turned), (z + taste.between(-0.08, 0.08), top + 0.05), 0.05, 0.01))
    pillow = sheet if taste.chance(0.6) else fabric(rng)
    for x in (-w / 4, w / 4) if double else (0.0,):
        wide = min(0.34, w / 4 if double else 0.36)
        piece.add(pillow, cushion((x - wide, x + wide), (d / 2 - 0.52, d / 2 - 0.12), (top - 0.02, top + 0.14), 0.07, 0.03))
    if taste.chance(0.3):
        piece.add(fabric(rng), cushion((-w / 2 - 0.02, w / 2 + 0.02), (-d / 2 + 0.2, -d / 2 + 0.75), (top - 0.12, top + 0.07), 0.05))
    return piece


def carton(taste: Taste) -> Piece:
    """A moving box."""
    w, d, h = taste.between(0.42, 0.6), taste.between(0.32, 0.42), taste.between(0.3, 0.42)
    piece = Piece("box_standard", (w, d, h))
    board = _cardboard(taste)
    piece.add(board, box((-w / 2, w / 2), (-d / 2, d / 2), (0, h)))
    tape = Material(colour=hsv(0.09, 0.35, 0.75), gloss=0.5) if taste.chance(0.7) else board
    piece.add(tape, box((-w / 2 - 0.001, w / 2 + 0.001), (-0.03, 0.03), (h - 0.08, h + 0.001)))
    if taste.sample or taste.chance(0.3):
        for side in (-1, 1):  # open flaps
            if taste.chance(0.5):
                y = side * d / 2
                piece.add(board, bar((-w / 2 + 0.01, y, h), (w / 2 - 0.01, y, h), 0.006), box((-w / 2, w / 2), tuple(sorted((y, y + side * 0.11))), (h - 0.03, h - 0.022)))
    if taste.chance(0.4):
        piece.add(Material(colour=(0.02, 0.02, 0.02)), box((-0.1, 0.08), (-d / 2 - 0.001, -d / 2), (h * 0.4, h * 0.55)))
    return piece


def _cardboard(taste: Taste) -> Material:
    rng = taste.rng
    return Material(colour=hsv(rng.uniform(0.07, 0.1), rng.uniform(0.35, 0.55), rng.uniform(0.55, 0.8)))
