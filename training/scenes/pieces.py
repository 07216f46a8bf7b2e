"""What a piece of furniture is here: parts with materials, and its outer size.

A piece stands on the floor around the origin, its front towards -y, its back at +y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from training.scenes.geometry import Mesh, bar, box, cushion
from training.scenes.materials import Material, lacquer, metal, wood

Range = tuple[float, float]


@dataclass(eq=False)
class Piece:
    """One thing in a room.

    Attributes
    ----------
    key : str or None
        Catalogue key; ``None`` for what is not counted (fixtures, decoration).
    size : tuple of float
        Width, depth, height in metres: what it takes of the floor, and how high its body
        is. What stands on it, a tilted back or a cornice may reach a little further; boxes in
        pictures are taken from the parts.
    parts : list of (Mesh, Material)
    """

    key: str | None
    size: tuple[float, float, float]
    parts: list[tuple[Mesh, Material]] = field(default_factory=list)

    def add(self, material: Material, *meshes: Mesh) -> Piece:
        """Add meshes of one material."""
        self.parts.extend((mesh, material) for mesh in meshes)
        return self


@dataclass(frozen=True)
class Taste:
    """Which shapes a maker of furniture chooses from.

    The training scenes and the sample homes have styles of their own, so that the samples
    show furniture whose shapes were never trained on.

    Attributes
    ----------
    rng : Generator
    sample : bool
        Whether this is for the sample homes.
    wide : bool
        Whether the training may use its later, further styles as well.
    """

    rng: Generator
    sample: bool = False
    wide: bool = False

    def style(
        self, training: Sequence[str], sample: Sequence[str], further: Sequence[str] = ()
    ) -> str:
        """Choose a style by name."""
        known = [*training, *further] if self.wide else list(training)
        return str(self.rng.choice(list(sample) if self.sample else known))

    def between(self, low: float, high: float) -> float:
        """Choose a measure, in metres."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Whether something is there."""
        return bool(self.rng.random() < probability)


def legs(
    taste: Taste, w: float, d: float, z: float, kind: str, thickness: float = 0.025
) -> list[Mesh]:
    """Four legs up to height ``z`` under a piece of width ``w`` and depth ``d``."""
    inset = thickness + 0.02
    splay = 0.05 if kind == "splayed" else 0.0
    meshes = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (w / 2 - inset - splay), sy * (d / 2 - inset - splay)
            if kind in {"round", "splayed"}:
                foot = (x + sx * splay, y + sy * splay, 0.0)
                meshes.append(bar(foot, (x, y, z), thickness))
            else:
                t = thickness
                meshes.append(box((x - t, x + t), (y - t, y + t), (0, z)))
    if kind == "sled":
        t = thickness
        for sx in (-1, 1):
            x = sx * (w / 2 - inset)
            meshes.append(box((x - t, x + t), (-d / 2 + inset, d / 2 - inset), (0, 2 * t)))
    return meshes


def fronts(
    piece: Piece,
    face: Material,
    handle: Material,
    *,
    x: Range,
    z: Range,
    y: float,
    columns: int,
    rows: int,
    grip: str,
    gap: float = 0.006,
) -> None:
    """Doors (one row) or drawers (several) on the front of a piece, with their handles.

    ``y`` is the plane of the carcass; the fronts stand before it. ``grip`` is ``knob``,
    ``bar``, ``upright``, ``cut`` or ``none``.
    """
    width, height = (x[1] - x[0]) / columns, (z[1] - z[0]) / rows
    for column in range(columns):
        for row in range(rows):
            x0, x1 = x[0] + column * width + gap, x[0] + (column + 1) * width - gap
            z0, z1 = z[0] + row * height + gap, z[0] + (row + 1) * height - gap
            piece.add(face, box((x0, x1), (y - 0.018, y), (z0, z1)))
            xm, zm, front = (x0 + x1) / 2, (z0 + z1) / 2, y - 0.018
            side = x1 - 0.05 if column % 2 == 0 and columns > 1 else x0 + 0.05
            door = rows == 1 or height > 0.5
            if grip == "knob":
                spot = side if door else xm
                piece.add(
                    handle,
                    cushion(
                        (spot - 0.015, spot + 0.015),
                        (front - 0.03, front),
                        (zm - 0.015, zm + 0.015),
                        0.014,
                        steps=2,
                    ),
                )
            elif grip == "bar" and not door:
                half = min(0.08, width / 4)
                piece.add(
                    handle,
                    bar((xm - half, front - 0.025, zm), (xm + half, front - 0.025, zm), 0.007, 6),
                )
            elif grip in {"bar", "upright"}:
                half = min(0.12, height / 4)
                piece.add(
                    handle,
                    bar(
                        (side, front - 0.025, zm - half), (side, front - 0.025, zm + half), 0.008, 6
                    ),
                )
            elif grip == "cut" and not door:
                piece.add(
                    handle, box((xm - 0.07, xm + 0.07), (front - 0.002, front), (z1 - 0.03, z1))
                )


def carcass(taste: Taste) -> tuple[Material, Material, Material]:
    """Body, fronts and handles of one cupboard."""
    body = wood(taste.rng) if taste.chance(0.7) else lacquer(taste.rng)
    face = (
        body
        if taste.chance(0.65)
        else (lacquer(taste.rng) if taste.chance(0.7) else wood(taste.rng))
    )
    return body, face, metal(taste.rng)


def standing(taste: Taste, piece: Piece, body: Material, feet: float, kind: str) -> None:
    """Build the body of a cupboard on a plinth or on legs of height ``feet``."""
    w, d, h = piece.size
    piece.add(body, box((-w / 2, w / 2), (-d / 2, d / 2), (feet, h)))
    if kind == "plinth":
        piece.add(body, box((-w / 2 + 0.03, w / 2 - 0.03), (-d / 2 + 0.04, d / 2), (0, feet)))
    elif feet > 0.02:
        leg = metal(taste.rng) if taste.chance(0.4) else wood(taste.rng)
        piece.add(leg, *legs(taste, w, d, feet, kind, 0.018))
