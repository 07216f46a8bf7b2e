"""Render the sample homes: ``python -m training.make_samples data/samples``.

Homes that were never trained on: other seeds and other shapes of furniture
(``Taste.sample``). Each room is photographed from three or four places, chosen so that
everything in it is seen well at least once, as somebody would who wants all of it moved.
Resumable: a home that was begun goes on with its next room; a finished one is made anew.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from photoqueue.inventory.catalogue import Catalogue
from training.files import in_one_piece
from training.rendering import SceneRenderer, Sighting
from training.scenes.camera import Camera, corner_cameras
from training.scenes.furnishing import furnish
from training.scenes.pieces import Taste
from training.scenes.rooms import Room
from training.scenes.shell import build_shell

SIZE = (1280, 960)
SAMPLES, BOUNCES = 5, 5
#: A thing counts as seen well where this share of its outline shows.
WELL = 0.4

#: Home → rooms: name, kind, and between how many and how many things.
HOMES: dict[str, tuple[tuple[str, str, int, int], ...]] = {
    "maple-street": (
        ("living room", "living room", 8, 12),
        ("kitchen", "kitchen", 6, 9),
        ("bedroom", "bedroom", 6, 9),
        ("office", "office", 6, 9),
        ("bathroom", "bathroom", 2, 4),
    ),
    "harbour-view": (
        ("living room", "living room", 8, 12),
        ("dining room", "dining room", 8, 11),
        ("kitchen", "kitchen", 3, 8),
        ("bedroom 1", "bedroom", 5, 8),
        ("bedroom 2", "bedroom", 5, 8),
        ("hallway", "hallway", 3, 6),
    ),
}


@dataclass(frozen=True)
class Plan:
    """A furnished room and the places it is photographed from."""

    room: Room
    renderer: SceneRenderer
    cameras: list[Camera]


def counted(room: Room) -> list[int]:
    """Positions of the things that belong into an inventory."""
    return [i for i, thing in enumerate(room.things) if thing.piece.key is not None]


def plans(kind: str, fewest: int, most: int, first_seed: int) -> Iterator[tuple[int, Plan]]:
    """Rooms of a kind in which three or four views show everything well."""
    for seed in range(first_seed, first_seed + 4000):
        rng = np.random.default_rng([77, seed])
        taste = Taste(rng, sample=True)
        room = furnish(kind, taste)
        things = counted(room)
        keys = {room.things[i].piece.key for i in things}
        if not fewest <= len(things) <= most or len(keys) < min(3, fewest):
            continue
        shell, lights = build_shell(room, taste)
        renderer = SceneRenderer(room, shell, lights)
        cameras = _covering(renderer, room, rng, set(things))
        if cameras:
            yield seed, Plan(room, renderer, cameras)


def _covering(
    renderer: SceneRenderer, room: Room, rng: np.random.Generator, wanted: set[int]
) -> list[Camera] | None:
    """Choose views, the one that adds most first; ``None`` if something stays hidden."""
    seen: list[tuple[Camera, set[int], float]] = []
    for _ in range(4):
        for camera in corner_cameras(room, rng, 4):
            sightings = renderer.look(camera, (160, 120))
            well = {s.index for s in sightings if s.visible >= WELL}
            seen.append((camera, well, sum(s.visible for s in sightings)))
    chosen: list[Camera] = []
    missing = set(wanted)
    while len(chosen) < 4 and seen:
        best = max(seen, key=lambda view: (len(view[1] & missing), view[2]))
        if len(chosen) >= 3 and not best[1] & missing:
            break
        seen.remove(best)
        near = any(
            np.hypot(*np.subtract(best[0].position[:2], c.position[:2])) < 0.6 for c in chosen
        )
        if near and not best[1] & missing:
            continue
        chosen.append(best[0])
        missing -= best[1]
    return chosen if not missing and len(chosen) >= 3 else None


def render_home(folder: Path, home: str, number: int, size: tuple[int, int], samples: int) -> None:
    """Write one home: a folder a room, and the truth of all."""
    catalogue = Catalogue.load()
    rooms = []
    for position, (name, kind, fewest, most) in enumerate(HOMES[home]):
        part = folder / home / name / "truth.json"
        if not part.exists():
            start = 100_000 * (number + 1) + 5000 * position
            seed, plan = _first_plan(kind, fewest, most, start)
            part.parent.mkdir(parents=True, exist_ok=True)
            truth = _render_room(
                part.parent, name, f"r{position + 1}", plan, seed, catalogue, size, samples
            )
            _write(part, json.dumps(truth))
            print(home, name, "seed", seed, [item["key"] for item in truth["items"]], flush=True)
        rooms.append(json.loads(part.read_text(encoding="utf-8")))
    items = [item for room in rooms for item in room["items"]]
    whole = {
        "home": home,
        "rooms": rooms,
        "totalItems": len(items),
        "totalVolume": round(sum(item["volume"] for item in items), 3),
    }
    _write(folder / home / "truth.json", json.dumps(whole, indent=1) + "\n")
    for name, *_ in HOMES[home]:
        (folder / home / name / "truth.json").unlink()


def _first_plan(kind: str, fewest: int, most: int, first_seed: int) -> tuple[int, Plan]:
    for found in plans(kind, fewest, most, first_seed):
        return found
    raise LookupError(
        f"No {kind} with {fewest} to {most} things can be seen whole in four views; "
        "let HOMES allow other numbers."
    )


def _write(file: Path, text: str) -> None:
    with in_one_piece(file) as part:
        part.write_text(text, encoding="utf-8")


def _render_room(
    folder: Path,
    name: str,
    prefix: str,
    plan: Plan,
    seed: int,
    catalogue: Catalogue,
    size: tuple[int, int],
    samples: int,
) -> dict[str, object]:
    keys = {i: str(plan.room.things[i].piece.key) for i in counted(plan.room)}
    ids = {i: f"{prefix}-{n + 1:02d}" for n, i in enumerate(keys)}
    views = []
    for number, camera in enumerate(plan.cameras):
        picture, seen = plan.renderer.render(camera, size, samples, seed + number, BOUNCES)
        file = folder / f"view-{number + 1}.jpg"
        with in_one_piece(file) as part:
            Image.fromarray(picture).save(part, format="JPEG", quality=88, optimize=True)
        views.append(
            {
                "photo": f"{name}/{file.name}",
                "width": size[0],
                "height": size[1],
                "boxes": [_box(sighting, ids, keys) for sighting in seen],
            }
        )
    return {
        "room": name,
        "roomType": plan.room.kind,
        "items": [
            {"id": ids[i], "key": key, "volume": _volume(catalogue, key)} for i, key in keys.items()
        ],
        "views": views,
    }


def _box(sighting: Sighting, ids: dict[int, str], keys: dict[int, str]) -> dict[str, object]:
    return {
        "id": ids[sighting.index],
        "key": keys[sighting.index],
        "box": [round(edge, 4) for edge in sighting.box],
        "visible": round(sighting.visible, 3),
    }


def _volume(catalogue: Catalogue, key: str) -> float:
    known = catalogue.by_key(key)
    if known is None:
        raise LookupError(f"The catalogue has no {key!r}.")
    return known.volume_usual


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", choices=sorted(HOMES))
    parser.add_argument("--width", type=int, default=SIZE[0])
    parser.add_argument("--samples", type=int, default=SAMPLES)
    options = parser.parse_args()
    size = (options.width, options.width * 3 // 4)
    for number, home in enumerate(HOMES):
        if options.home in {None, home}:
            render_home(options.folder, home, number, size, options.samples)


if __name__ == "__main__":
    main()
