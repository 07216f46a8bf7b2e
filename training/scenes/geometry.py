"""Meshes of simple solids. Metres; x to the right, y to the back, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]


@dataclass(eq=False)
class Mesh:
    """Triangles: vertices [n, 3], normals [n, 3], faces [m, 3]."""

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    faces: NDArray[np.int32]

    def moved(self, turn: float, x: float, y: float, z: float = 0.0) -> Mesh:
        """Turn about the vertical axis by ``turn`` radians, then move."""
        c, s = np.cos(turn), np.sin(turn)
        matrix = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)
        return Mesh(
            self.vertices @ matrix + np.array([x, y, z], np.float32),
            self.normals @ matrix,
            self.faces,
        )


def joined(meshes: list[Mesh]) -> Mesh:
    """Return one mesh of several."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([m.faces + start for m, start in zip(meshes, starts, strict=False)]),
    )


def _from_triangles(triangles: NDArray[np.float32]) -> Mesh:
    """Flat-shaded mesh from [m, 3, 3] corners."""
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    count = len(triangles) * 3
    return Mesh(
        triangles.reshape(-1, 3).astype(np.float32),
        np.repeat(normals, 3, axis=0).astype(np.float32),
        np.arange(count, dtype=np.int32).reshape(-1, 3),
    )


def quad(a: Vector, b: Vector, c: Vector, d: Vector) -> Mesh:
    """Return a flat four-sided sheet; counter-clockwise seen from its front."""
    corners = np.array([a, b, c, d], np.float32)
    return _from_triangles(corners[[[0, 1, 2], [0, 2, 3]]])


_CUBE = np.array(
    [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
)


def box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Mesh:
    """Return a box with sharp edges between two corners."""
    corners = np.array([[i, j, k] for k in z for j in y for i in x], np.float32)
    quads = corners[_CUBE]
    return _from_triangles(np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))


def cushion(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    radius: float = 0.05,
    bulge: float = 0.0,
    steps: int = 5,
) -> Mesh:
    """Return a box with rounded edges whose sides may bulge, like upholstery."""
    lower = np.array([x[0], y[0], z[0]])
    upper = np.array([x[1], y[1], z[1]])
    centre, half = (lower + upper) / 2, np.abs(upper - lower) / 2
    radius = float(min(radius, half.min() * 0.98))
    line = np.linspace(-1, 1, steps + 1)
    # More points near the edges, where the surface bends.
    line = np.sign(line) * (1 - (1 - np.abs(line)) ** 1.6)
    u, v = (grid.ravel() for grid in np.meshgrid(line, line, indexing="ij"))
    vertices, normals, faces = [], [], []
    index = np.arange((steps + 1) ** 2).reshape(steps + 1, steps + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    patch = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    for axis in range(3):
        for side in (-1.0, 1.0):
            points = np.empty((len(u), 3))
            points[:, axis] = side
            points[:, (axis + 1) % 3] = u
            points[:, (axis + 2) % 3] = v
            sheet = points * half
            inner = np.clip(sheet, -(half - radius), half - radius)
            outwards = sheet - inner
            outwards /= np.linalg.norm(outwards, axis=1, keepdims=True) + 1e-9
            surface = inner + outwards * radius
            surface[:, axis] += side * bulge * (1 - u**2) * (1 - v**2)
            vertices.append(surface + centre)
            normals.append(outwards)
            start = len(patch) and sum(len(block) for block in vertices[:-1])
            faces.append((patch if side > 0 else patch[:, ::-1]) + start)
    return Mesh(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(faces).astype(np.int32),
    )


def lathe(profile: list[tuple[float, float]], x: float = 0, y: float = 0, sides: int = 20) -> Mesh:
    """Return a solid of revolution about a vertical axis; profile of (radius, z), upwards."""
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    rings = np.array(
        [
            [(x + r * np.cos(t), y + r * np.sin(t), z) for t in angles]
            for r, z in [(0.0, profile[0][1]), *profile, (0.0, profile[-1][1])]
        ],
        np.float32,
    )
    a, b = rings[:-1, :-1], rings[:-1, 1:]
    c, d = rings[1:, 1:], rings[1:, :-1]
    triangles = np.concatenate(
        [np.stack([a, b, c], 2).reshape(-1, 3, 3), np.stack([a, c, d], 2).reshape(-1, 3, 3)]
    )
    area = np.linalg.norm(
        np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1
    )
    return _from_triangles(triangles[area > 1e-9])


def cylinder(
    x: float, y: float, z: tuple[float, float], r: float, top: float | None = None
) -> Mesh:
    """Return a vertical cylinder, or with another radius at its top a frustum."""
    return lathe([(r, z[0]), (r if top is None else top, z[1])], x, y)


def bar(start: Vector, end: Vector, radius: float, sides: int = 8) -> Mesh:
    """Return a round bar between two points, as legs and handles are."""
    p, q = np.array(start), np.array(end)
    length = float(np.linalg.norm(q - p))
    along = (q - p) / length
    helper = np.array([1.0, 0, 0]) if abs(along[2]) > 0.9 else np.array([0, 0, 1.0])
    side = np.cross(helper, along)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(along, side), along])
    mesh = lathe([(radius, 0.0), (radius, length)], sides=sides)
    return Mesh(
        (mesh.vertices @ basis + p).astype(np.float32),
        (mesh.normals @ basis).astype(np.float32),
        mesh.faces,
    )


def ball(centre: Vector, radii: Vector, steps: int = 10) -> Mesh:
    """Return an ellipsoid."""
    t = np.linspace(-np.pi / 2, np.pi / 2, steps)
    mesh = lathe([(max(np.cos(a), 1e-3), np.sin(a)) for a in t], sides=16)
    scale = np.array(radii, np.float32)
    normals = mesh.vertices / scale
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    return Mesh(mesh.vertices * scale + np.array(centre, np.float32), normals, mesh.faces)
