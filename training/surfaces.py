"""What a camera sees of the surfaces in a room, without any light: things, colours, normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.scenes.camera import Camera
from training.scenes.geometry import Mesh, joined, quad
from training.scenes.materials import Material
from training.scenes.shell import Light

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Layers:
    """Per pixel: index of the thing (-1: the room), colour, normal, position in metres."""

    owner: NDArray[np.int32]
    albedo: Array
    normal: Array
    position: Array


class Surfaces:
    """All triangles of a scene, with the thing and the material each belongs to."""

    def __init__(self) -> None:
        self._triangles: list[Array] = []
        self._normals: list[Array] = []
        self._coordinates: list[Array] = []
        self._materials: list[Material] = []
        self._owners: list[int] = []
        self._part: list[NDArray[np.int32]] = []

    def add(self, mesh: Mesh, stuff: Material, owner: int) -> None:
        """Add a mesh of one material that belongs to one thing."""
        self._triangles.append(mesh.vertices[mesh.faces])
        self._normals.append(mesh.normals[mesh.faces])
        self._coordinates.append((projected(mesh) / stuff.size)[mesh.faces])
        self._part.append(np.full(len(mesh.faces), len(self._materials), np.int32))
        self._materials.append(stuff)
        self._owners.append(owner)

    def close(self) -> None:
        """Build the tree; nothing can be added after this."""
        self._all = np.ascontiguousarray(np.concatenate(self._triangles), np.float32)
        self._all_normals = np.concatenate(self._normals)
        self._all_coordinates = np.concatenate(self._coordinates)
        self._part_of = np.concatenate(self._part)
        self._owner_of = np.array([*self._owners, -1], np.int32)
        self._tree = EmbreeScene()
        TriangleMesh(self._tree, self._all)

    def seen(self, camera: Camera, size: tuple[int, int]) -> Layers:
        """Look through a camera; colours are the mean of two rays a pixel."""
        width, height = size
        first = self._cast(camera, size, (0.27, 0.31))
        second = self._cast(camera, size, (0.73, 0.69))
        hit = self._cast(camera, size, (0.5, 0.5))
        shape = (height, width, 3)
        return Layers(
            owner=self._owner_of[np.where(hit[0] < 0, -1, self._part_of[hit[0]])].reshape(
                height, width
            ),
            albedo=((self._colours(*first) + self._colours(*second)) / 2).reshape(shape),
            normal=self._blend(self._all_normals, *hit).reshape(shape),
            position=self._blend(self._all, *hit).reshape(shape),
        )

    def _cast(
        self, camera: Camera, size: tuple[int, int], offset: tuple[float, float]
    ) -> tuple[NDArray[np.int32], Array]:
        """Return per pixel the triangle that is hit and the weights of its corners."""
        width, height = size
        x, y = np.meshgrid(
            (np.arange(width) + offset[0]) / width, (np.arange(height) + offset[1]) / height
        )
        reach = np.tan(np.radians(camera.field_of_view) / 2)
        local = np.stack(
            [(1 - 2 * x) * reach, (1 - 2 * y) * reach * height / width, np.ones_like(x)], -1
        )
        rays = (local.reshape(-1, 3) @ camera.axes()).astype(np.float32)
        start = np.broadcast_to(np.array(camera.position, np.float32), rays.shape)
        found = self._tree.run(np.ascontiguousarray(start), rays, query="INTERSECT", output=True)
        u, v = found["u"], found["v"]
        return found["primID"], np.stack([1 - u - v, u, v], -1)

    def _blend(self, values: Array, triangle: NDArray[np.int32], weights: Array) -> Array:
        return np.einsum("nk,nkc->nc", weights, values[triangle]).astype(np.float32)

    def _colours(self, triangle: NDArray[np.int32], weights: Array) -> Array:
        colours = np.full((len(triangle), 3), 0.5, np.float32)
        part = np.where(triangle < 0, -1, self._part_of[triangle])
        at = self._blend(self._all_coordinates, triangle, weights)
        for number in np.unique(part[part >= 0]):
            stuff, here = self._materials[number], part == number
            if stuff.glow:
                colours[here] = 1.0
            elif stuff.picture is None:
                colours[here] = stuff.colour
            else:
                rows, columns = stuff.picture.shape[:2]
                u, v = (at[here] % 1.0).T
                row = np.clip((v * rows).astype(int), 0, rows - 1)
                colours[here] = stuff.picture[
                    row, np.clip((u * columns).astype(int), 0, columns - 1)
                ]
        return colours


def projected(mesh: Mesh) -> Array:
    """Texture coordinates in metres, along the main direction of each face."""
    axis = np.abs(mesh.normals).argmax(1)
    others = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    return np.take_along_axis(mesh.vertices, others, 1).astype(np.float32)


def light_mesh(light: Light) -> Mesh:
    """Return the shining rectangle as a mesh."""
    c, u, v = (np.array(vector) for vector in (light.corner, light.first, light.second))
    corners = [tuple(map(float, p)) for p in (c, c + u, c + u + v, c + v)]
    return quad(*corners)  # type: ignore[arg-type]


def outline_area(
    parts: list[tuple[Mesh, Material]], camera: Camera, size: tuple[int, int]
) -> float:
    """Pixels that a thing would cover if nothing hid it and the picture had no edges.

    Its triangles are drawn on a coarse canvas three times as wide and high as the picture,
    which is of 4 to 3. Those that reach behind the camera are left out: of a carpet that the
    photographer stands on, all that shows is taken for all there is.
    """
    whole = joined([mesh for mesh, _ in parts])
    local = (whole.vertices - np.array(camera.position)) @ camera.axes().T
    near = local[:, 2] < 0.1
    scale = 80.0 / np.tan(np.radians(camera.field_of_view) / 2)  # the picture is 160 wide
    flat = local[:, :2] / np.maximum(local[:, 2:], 0.1) * -scale + [240, 180]
    canvas = Image.new("1", (480, 360))
    draw = ImageDraw.Draw(canvas)
    for a, b, c in whole.faces[~near[whole.faces].any(1)]:
        draw.polygon([tuple(flat[a]), tuple(flat[b]), tuple(flat[c])], fill=1)
    return float(np.asarray(canvas).sum()) * (size[0] / 160) ** 2
