"""Pictures of rooms with Mitsuba, and the box of every thing in them.

The light is sampled sparsely and the noise then taken out of the light alone: the picture
is divided by the colour of the surfaces, smoothed where normals and distances agree, and
multiplied again. Textures and edges stay sharp, and few samples are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from training.scenes.camera import Camera
from training.scenes.geometry import Mesh, joined
from training.scenes.materials import Material
from training.scenes.rooms import Room
from training.scenes.shell import Light
from training.surfaces import Array, Layers, Surfaces, light_mesh, outline_area, projected

mi.set_variant("scalar_rgb")


@dataclass(frozen=True)
class Sighting:
    """A thing in a picture.

    Attributes
    ----------
    index : int
        Position in ``Room.things``.
    box : tuple of float
        x0, y0, x1, y1 of what can be seen of it, 0…1.
    visible : float
        Share of its own outline that is not hidden or outside the picture, 0…1; see
        :func:`training.surfaces.outline_area`.
    """

    index: int
    box: tuple[float, float, float, float]
    visible: float


class SceneRenderer:
    """One furnished room, ready for several cameras.

    Parameters
    ----------
    room : Room
    shell : list of (Mesh, Material)
    lights : list of Light
    """

    def __init__(self, room: Room, shell: list[tuple[Mesh, Material]], lights: list[Light]) -> None:
        self._room = room
        self._surfaces = Surfaces()
        description: dict[str, object] = {"type": "scene"}
        for owner, parts in [(-1, shell), *((i, t.meshes()) for i, t in enumerate(room.things))]:
            for stuff, mesh in _by_material(parts):
                description[f"shape{len(description)}"] = _shape(mesh, stuff)
                self._surfaces.add(mesh, stuff, owner)
        for light in lights:
            description[f"shape{len(description)}"] = _lamp(light)
            self._surfaces.add(light_mesh(light), Material(colour=(1, 1, 1)), -1)
        self._scene = mi.load_dict(description)
        self._surfaces.close()

    def render(
        self, camera: Camera, size: tuple[int, int], samples: int, seed: int, bounces: int = 3
    ) -> tuple[NDArray[np.uint8], list[Sighting]]:
        """Return the picture [h, w, 3] and what it shows.

        Parameters
        ----------
        camera : Camera
        size : tuple of int
            Width and height in pixels.
        samples : int
            Light paths a pixel.
        seed : int
        bounces : int
            Longest light path; 2 is direct light alone.
        """
        path = mi.load_dict({"type": "path", "max_depth": bounces, "rr_depth": 4})
        sensor = _sensor(camera, size)
        image = mi.render(self._scene, sensor=sensor, integrator=path, spp=samples, seed=seed)
        light = np.array(image, np.float32)[..., :3]
        layers = self._surfaces.seen(camera, size)
        picture = encode(_smoothed(light, layers))
        return picture, self._sightings(layers.owner, camera, size)

    def look(self, camera: Camera, size: tuple[int, int]) -> list[Sighting]:
        """Return what a view would show, without rendering it."""
        return self._sightings(self._surfaces.seen(camera, size).owner, camera, size)

    def _sightings(
        self, owners: NDArray[np.int32], camera: Camera, size: tuple[int, int]
    ) -> list[Sighting]:
        found = []
        height, width = owners.shape
        for index, thing in enumerate(self._room.things):
            mask = owners == index
            count = int(mask.sum())
            if thing.piece.key is None or count < 12:
                continue
            ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            edges = (xs[0] / width, ys[0] / height, (xs[-1] + 1) / width, (ys[-1] + 1) / height)
            x0, y0, x1, y1 = map(float, edges)
            whole = outline_area(thing.meshes(), camera, size)
            found.append(Sighting(index, (x0, y0, x1, y1), min(1.0, count / max(whole, 1.0))))
        return found


def _by_material(parts: list[tuple[Mesh, Material]]) -> list[tuple[Material, Mesh]]:
    groups: dict[int, tuple[Material, list[Mesh]]] = {}
    for mesh, stuff in parts:
        groups.setdefault(id(stuff), (stuff, []))[1].append(mesh)
    return [(stuff, joined(meshes)) for stuff, meshes in groups.values()]


def _shape(mesh: Mesh, stuff: Material) -> object:
    """Return a Mitsuba mesh; textures are projected along the main direction of each face."""
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(_surface(stuff))
    if stuff.glow:
        colour = [
            float(c) * stuff.glow
            for c in (stuff.colour if stuff.picture is None else (0.6, 0.6, 0.6))
        ]
        properties["emitter"] = mi.load_dict(
            {"type": "area", "radiance": {"type": "rgb", "value": colour}}
        )
    shape = mi.Mesh(
        "mesh",
        len(mesh.vertices),
        len(mesh.faces),
        props=properties,
        has_vertex_normals=True,
        has_vertex_texcoords=True,
    )
    values = mi.traverse(shape)
    values["vertex_positions"] = mesh.vertices.ravel()
    values["vertex_normals"] = mesh.normals.ravel()
    values["vertex_texcoords"] = (projected(mesh) / stuff.size).ravel()
    values["faces"] = mesh.faces.ravel().astype(np.uint32)
    values.update()
    return shape


def _surface(stuff: Material) -> dict[str, object]:
    if stuff.picture is not None:
        colour: dict[str, object] = {
            "type": "bitmap",
            "bitmap": mi.Bitmap(np.ascontiguousarray(stuff.picture, np.float32)),
            "raw": True,
        }
    else:
        colour = {"type": "rgb", "value": [float(c) for c in stuff.colour]}
    if stuff.gloss == 0 and not stuff.metal:
        inner: dict[str, object] = {"type": "diffuse", "reflectance": colour}
    else:
        inner = {
            "type": "principled",
            "base_color": colour,
            "roughness": float(0.75 - 0.55 * stuff.gloss),
            "metallic": 0.85 if stuff.metal else 0.0,
            "specular": 0.5,
        }
    return {"type": "twosided", "bsdf": inner}


def _lamp(light: Light) -> dict[str, object]:
    c, u, v = (np.array(vector) for vector in (light.corner, light.first, light.second))
    normal = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = u / 2, v / 2, normal
    matrix[:3, 3] = c + (u + v) / 2
    return {
        "type": "rectangle",
        "to_world": mi.ScalarTransform4f(matrix),
        "emitter": {
            "type": "area",
            "radiance": {"type": "rgb", "value": list(map(float, light.radiance))},
        },
    }


def _sensor(camera: Camera, size: tuple[int, int]) -> object:
    t = mi.ScalarTransform4f
    return mi.load_dict(
        {
            "type": "perspective",
            "fov": camera.field_of_view,
            "near_clip": 0.05,
            "to_world": t().look_at(
                origin=list(camera.position), target=list(camera.target), up=[0, 0, 1]
            )
            @ t().rotate([0, 0, 1], camera.roll),
            "film": {
                "type": "hdrfilm",
                "width": size[0],
                "height": size[1],
                "rfilter": {"type": "box"},
                "pixel_format": "rgb",
            },
            "sampler": {"type": "independent"},
        }
    )


def _smoothed(light: Array, layers: Layers) -> Array:
    """Take the noise out of the light and put the surfaces' own colours back."""
    base = np.clip(layers.albedo, 0.03, 1)
    irradiance = light / base
    irradiance = np.minimum(irradiance, np.percentile(irradiance, 99.5) * 1.5).astype(np.float32)
    # One guide for two conditions: neighbours count where they are near in space and face
    # the same way.
    guide = (layers.position / 0.35 + layers.normal / 0.2).astype(np.float32)
    reach = 11 if light.shape[1] < 700 else 17
    for _ in range(2):
        # The square root lets a bright and a dark sample of one place meet half-way.
        root = cv2.ximgproc.jointBilateralFilter(guide, np.sqrt(irradiance), reach, 1.0, reach / 3)
        irradiance = root**2
    return irradiance * base


def encode(linear: Array) -> NDArray[np.uint8]:
    """Expose like a phone, compress the highlights, and turn linear light into sRGB."""
    key = 0.32 / (float(np.exp(np.log(linear.mean(-1) + 1e-3).mean())) + 1e-4)
    x = np.clip(linear * key, 0, None)
    x = x * (1 + x / 4.0) / (1 + x)  # Reinhard with a white point of 2
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.clip(x, 1e-6, None) ** (1 / 2.4) - 0.055)
    return (np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8)
