"""Surfaces: colours, woods, fabrics, floors and pictures, all made from random numbers.

A material is a plain value; :mod:`training.rendering` turns it into one of the renderer.
Colours are linear RGB in 0…1.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Picture = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Material:
    """What a surface is made of.

    Attributes
    ----------
    colour : tuple of float
        Used where there is no picture.
    picture : array [h, w, 3] or None
        Repeats every ``size`` metres.
    size : float
        Metres that one picture covers.
    gloss : float
        0 matt, 1 polished.
    metal : bool
    glow : float
        Radiance of a surface that shines; 0 for all others.
    """

    colour: Colour = (0.5, 0.5, 0.5)
    picture: Picture | None = None
    size: float = 1.0
    gloss: float = 0.0
    metal: bool = False
    glow: float = 0.0


#: Brushed steel.
STEEL = Material(colour=(0.55, 0.55, 0.57), gloss=0.6, metal=True)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Linear RGB of a colour as people name them."""
    r, g, b = colorsys.hsv_to_rgb(hue % 1, float(np.clip(saturation, 0, 1)), min(value, 1))
    return r**2.2, g**2.2, b**2.2


def _noise(rng: Generator, height: int, width: int, rows: int, columns: int) -> Picture:
    """Smooth random field, about -1…1, that repeats at its edges."""
    grid = rng.normal(size=(rows, columns))
    y = np.arange(height) * rows / height
    x = np.arange(width) * columns / width
    y0, x0 = y.astype(int), x.astype(int)
    fy = (y - y0)[:, None]
    fx = (x - x0)[None]
    fy, fx = fy * fy * (3 - 2 * fy), fx * fx * (3 - 2 * fx)
    g = grid[np.ix_(y0 % rows, x0 % columns)] * (1 - fy) * (1 - fx)
    g = g + grid[np.ix_((y0 + 1) % rows, x0 % columns)] * fy * (1 - fx)
    g = g + grid[np.ix_(y0 % rows, (x0 + 1) % columns)] * (1 - fy) * fx
    return (g + grid[np.ix_((y0 + 1) % rows, (x0 + 1) % columns)] * fy * fx).astype(np.float32)


def _tinted(field: Picture, colour: Colour, depth: float) -> Picture:
    shade = np.clip(1 + depth * field, 0.25, 1.8)[..., None]
    return np.clip(shade * np.array(colour, np.float32), 0.005, 0.95).astype(np.float32)


def wood_colour(rng: Generator) -> Colour:
    """Light oak to wenge, and painted white or grey now and then."""
    if rng.random() < 0.25:
        return hsv(rng.uniform(0, 1), rng.uniform(0, 0.08), rng.uniform(0.75, 0.97))
    return hsv(
        rng.uniform(0.05, 0.1), rng.uniform(0.3, 0.65), rng.choice([0.28, 0.42, 0.58, 0.75, 0.85])
    )


def wood(rng: Generator, colour: Colour | None = None, pixels: int = 128) -> Material:
    """Grained along one direction."""
    colour = colour or wood_colour(rng)
    rows = int(rng.integers(10, 30))
    grain = _noise(rng, pixels, pixels, rows, 2) + 0.5 * _noise(rng, pixels, pixels, rows * 2, 3)
    if rng.random() < 0.5:
        grain = grain.T
    return Material(
        picture=_tinted(grain, colour, rng.uniform(0.04, 0.16)),
        size=rng.uniform(0.5, 1.2),
        gloss=rng.choice([0.0, 0.3, 0.6]),
    )


def fabric(rng: Generator, pixels: int = 128) -> Material:
    """Plain, mottled, striped or checked cloth."""
    colour = hsv(rng.random(), rng.uniform(0.02, 0.65), rng.uniform(0.2, 0.92))
    field = 0.4 * rng.normal(size=(pixels, pixels)) + _noise(rng, pixels, pixels, 12, 12) * 0.5
    picture = _tinted(field.astype(np.float32), colour, 0.1)
    kind = rng.random()
    if kind < 0.12:  # stripes
        other = np.array(hsv(rng.random(), rng.uniform(0, 0.6), rng.uniform(0.4, 0.95)))
        picture[:, (np.arange(pixels) // rng.integers(6, 24)) % 2 == 0] *= 0.25
        picture[:, (np.arange(pixels) // 16) % 2 == 0] += 0.75 * other.astype(np.float32)
    elif kind < 0.2:  # checks
        band = (np.arange(pixels) // 16) % 2
        picture *= (0.65 + 0.35 * (band[:, None] ^ band[None]))[..., None].astype(np.float32)
    return Material(picture=np.clip(picture, 0.01, 0.9), size=rng.uniform(0.4, 0.9))


def leather(rng: Generator) -> Material:
    """Smooth and a little shiny."""
    dark = rng.random() < 0.6
    hue, value = rng.uniform(0.02, 0.1), rng.uniform(0.1, 0.35) if dark else rng.uniform(0.5, 0.9)
    return Material(colour=hsv(hue, rng.uniform(0, 0.6), value), gloss=rng.uniform(0.3, 0.6))


def upholstery(rng: Generator) -> Material:
    """Cloth or leather."""
    return leather(rng) if rng.random() < 0.2 else fabric(rng)


def paint(rng: Generator, strong: float = 0.25) -> Material:
    """Wall paint: mostly pale, with probability ``strong`` a colour."""
    if rng.random() < strong:
        return Material(colour=hsv(rng.random(), rng.uniform(0.15, 0.5), rng.uniform(0.45, 0.9)))
    return Material(
        colour=hsv(rng.uniform(0.05, 0.2), rng.uniform(0, 0.12), rng.uniform(0.8, 0.97))
    )


def lacquer(rng: Generator) -> Material:
    """Cupboard fronts and appliances: white, grey, black or a colour, with some gloss."""
    kind = rng.random()
    value = rng.uniform(0.85, 0.97) if kind < 0.6 else rng.uniform(0.1, 0.7)
    return Material(
        colour=hsv(rng.random(), rng.uniform(0, 0.08 if kind < 0.8 else 0.6), value), gloss=0.5
    )


def metal(rng: Generator) -> Material:
    """Steel, brass or black iron."""
    kind = rng.random()
    if kind < 0.55:
        return Material(colour=(0.6, 0.6, 0.62), gloss=0.7, metal=True)
    if kind < 0.7:
        return Material(colour=(0.75, 0.55, 0.25), gloss=0.7, metal=True)
    return Material(colour=(0.03, 0.03, 0.03), gloss=0.4)


def cardboard(rng: Generator) -> Material:
    """Of moving boxes."""
    return Material(
        colour=hsv(rng.uniform(0.07, 0.1), rng.uniform(0.35, 0.55), rng.uniform(0.55, 0.8))
    )


def floor(rng: Generator, wet: bool = False, pixels: int = 256) -> Material:
    """Parquet, planks, tiles or carpet; tiles where it gets wet."""
    kind = rng.random()
    if wet or kind < 0.2:
        count = int(rng.choice([2, 3, 4, 6]))
        step = pixels // count
        colour = hsv(rng.uniform(0, 0.7), rng.uniform(0, 0.2), rng.uniform(0.35, 0.92))
        picture = _tinted(_noise(rng, pixels, pixels, 8, 8), colour, 0.05)
        if rng.random() < 0.3:
            ys, xs = np.mgrid[:pixels, :pixels] // step
            picture[(ys + xs) % 2 == 0] *= rng.uniform(0.15, 0.7)
        lines = (np.arange(pixels) % step) < 3
        picture[lines] *= 0.7
        picture[:, lines] *= 0.7
        return Material(picture=picture, size=rng.uniform(0.8, 1.6), gloss=rng.choice([0.0, 0.4]))
    if kind < 0.4:
        colour = hsv(rng.random(), rng.uniform(0, 0.35), rng.uniform(0.3, 0.85))
        field = rng.normal(size=(pixels, pixels)).astype(np.float32)
        return Material(picture=_tinted(field, colour, 0.12), size=1.0)
    colour = wood_colour(rng)
    planks = int(rng.integers(5, 10))
    width = pixels // planks
    picture = np.empty((width * planks, pixels, 3), np.float32)
    for row in range(planks):
        shades = np.repeat(rng.normal(size=2), pixels // 2)
        shades = np.roll(shades, int(rng.integers(pixels)))
        field = _noise(rng, width, pixels, 6, 3) * 0.6 + shades[None, :pixels]
        picture[row * width : (row + 1) * width] = _tinted(field, colour, 0.09)
        picture[row * width] *= 0.6
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
    return Material(picture=picture, size=rng.uniform(0.8, 1.4), gloss=rng.choice([0.0, 0.25, 0.5]))


def wallpaper(rng: Generator, pixels: int = 128) -> Material:
    """Paint, or a faint pattern."""
    base = paint(rng)
    if rng.random() < 0.8:
        return base
    field = np.sign(np.sin(np.arange(pixels) * 2 * np.pi * rng.integers(2, 8) / pixels))
    field = np.broadcast_to(field, (pixels, pixels)).astype(np.float32)
    if rng.random() < 0.5:
        field = field * field.T
    return Material(
        picture=_tinted(field, base.colour, rng.uniform(0.03, 0.12)), size=rng.uniform(0.3, 1.0)
    )


def art(rng: Generator, pixels: int = 96) -> Picture:
    """A picture for the wall, a screen or a box: blots, bands or a landscape."""
    picture = np.ones((pixels, pixels, 3), np.float32) * np.array(
        hsv(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.3, 1)), np.float32
    )
    for _ in range(int(rng.integers(2, 7))):
        colour = np.array(hsv(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.1, 1)), np.float32)
        ys, xs = np.mgrid[:pixels, :pixels] / pixels
        cy, cx, r = rng.random(), rng.random(), rng.uniform(0.08, 0.45)
        inside = (
            (ys - cy) ** 2 + (xs - cx) ** 2 < r * r
            if rng.random() < 0.5
            else (np.abs(ys - cy + (xs - 0.5) * rng.normal() * 0.5) < r * 0.4)
        )
        picture[inside] = colour
    return picture


def rug(rng: Generator, pixels: int = 160) -> Material:
    """Carpet on the floor: plain with a border, striped, or patterned."""
    colour = np.array(hsv(rng.random(), rng.uniform(0.05, 0.7), rng.uniform(0.2, 0.9)), np.float32)
    other = np.array(hsv(rng.random(), rng.uniform(0.05, 0.7), rng.uniform(0.2, 0.95)), np.float32)
    picture = np.ones((pixels, pixels, 3), np.float32) * colour
    ys, xs = np.mgrid[:pixels, :pixels] / pixels
    kind = rng.random()
    if kind < 0.3:
        picture[(ys * rng.integers(4, 14)).astype(int) % 2 == 0] = other
    elif kind < 0.6:
        n = rng.integers(3, 9)
        picture[(np.sin(ys * n * 6.28) * np.sin(xs * n * 6.28)) > rng.uniform(-0.2, 0.6)] = other
    if rng.random() < 0.7:
        edge = np.maximum(np.abs(ys - 0.5), np.abs(xs - 0.5))
        border = rng.uniform(0.36, 0.46)
        picture[(edge > border) & (edge < border + 0.05)] = other
    picture *= 1 + 0.12 * rng.normal(size=(pixels, pixels, 1))
    return Material(picture=np.clip(picture, 0.01, 0.9).astype(np.float32), size=1.0)
