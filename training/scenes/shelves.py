"""Bookcases and what fills them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from training.scenes.geometry import box, lathe
from training.scenes.materials import cardboard, fabric, lacquer, metal, wood
from training.scenes.pieces import Piece, Taste, fronts
from training.scenes.tabletop import books


def bookcase(taste: Taste) -> Piece:
    """Tall open shelves with books."""
    style = taste.style(["closed", "open", "ladder", "wide"], ["doors", "cube"], ["low", "narrow"])
    w, d, h = taste.between(0.75, 1.1), taste.between(0.28, 0.36), taste.between(1.75, 2.1)
    if style == "wide":
        w = taste.between(1.15, 1.5)
    if style == "low":
        w, h = taste.between(0.8, 1.3), taste.between(1.0, 1.45)
    if style == "narrow":
        w = taste.between(0.4, 0.6)
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
    if style in {"closed", "wide", "doors", "low", "narrow"}:
        piece.add(
            body if taste.chance(0.7) else lacquer(taste.rng),
            box((-w / 2, w / 2), (d / 2 - 0.01, d / 2), (0, h)),
        )
    shelves = 4 if style == "cube" else int(taste.rng.integers(5, 7))
    levels = np.linspace(0.06, h - t, shelves + 1 if style == "cube" else shelves)
    for z in levels:
        piece.add(body, box((-w / 2 + t, w / 2 - t), (-d / 2, d / 2), (z, z + t)))
    columns = 3 if style == "cube" else (2 if w > 1.2 else 1)
    for i in range(1, columns):
        x = -w / 2 + w * i / columns
        piece.add(body, box((x - t / 2, x + t / 2), (-d / 2, d / 2), (0.06, h)))
    for z0, z1 in pairwise(levels):
        for i in range(columns):
            x0, x1 = -w / 2 + t + w * i / columns, -w / 2 - t + w * (i + 1) / columns
            _fill(piece, taste, x0, x1, d, z0 + t, z1 - z0 - t)
    if style == "doors":
        fronts(
            piece,
            body,
            metal(taste.rng),
            x=(-w / 2 + 0.005, w / 2 - 0.005),
            z=(0.05, levels[2]),
            y=-d / 2,
            columns=2,
            rows=1,
            grip="knob",
        )
    return piece


def _fill(
    piece: Piece, taste: Taste, x0: float, x1: float, d: float, z: float, room: float
) -> None:
    """Fill one compartment: books, a pile of them, a basket, a vase, or nothing."""
    kind = taste.rng.random()
    y = d / 2 - 0.02
    if kind < 0.62:
        end = x1 if taste.chance(0.5) else x0 + (x1 - x0) * taste.between(0.3, 0.9)
        books(piece, taste, x0 + 0.005, end, y - 0.05, z, room=room)
    elif kind < 0.72:
        books(piece, taste, x0 + 0.05, x1, 0, z, upright=False)
    elif kind < 0.82:
        x = (x0 + x1) / 2
        piece.add(
            cardboard(taste.rng) if taste.chance(0.5) else fabric(taste.rng),
            box((x - 0.13, x + 0.13), (-d / 2 + 0.03, d / 2 - 0.04), (z, z + min(0.2, room * 0.8))),
        )
    elif kind < 0.92:
        x = taste.between(x0 + 0.1, max(x1 - 0.1, x0 + 0.11))
        piece.add(
            lacquer(taste.rng),
            lathe([(0.04, z), (0.07, z + 0.08), (0.03, z + min(0.2, room * 0.8))], x, 0, 12),
        )
