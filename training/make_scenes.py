"""Render the training pictures: ``python -m training.make_scenes out/scenes --count 3000``.

Resumable: a room of which both pictures are there is not made again. Picture ``n`` shows
room ``n // 2`` from one of two sides; everything in it follows from that number.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from training.files import in_one_piece
from training.rendering import SceneRenderer
from training.scenes.camera import corner_cameras
from training.scenes.furnishing import furnish
from training.scenes.pieces import Taste
from training.scenes.rooms import ROOM_TYPES, Room
from training.scenes.shell import build_shell
from training.vocabulary import VIEWS

SIZE = (320, 240)
#: Rooms from here on may also have the styles that were added after these were rendered.
WIDER_FROM = 786
#: Light paths a pixel, and their longest; few, as the light is smoothed afterwards.
SAMPLES, BOUNCES = 4, 3


def make_room(seed: int) -> tuple[Room, SceneRenderer, np.random.Generator]:
    """Furnish training room number ``seed``; kinds of room take turns."""
    rng = np.random.default_rng([20, seed])
    taste = Taste(rng, wide=seed >= WIDER_FROM)
    room = furnish(ROOM_TYPES[seed % len(ROOM_TYPES)], taste)
    return room, SceneRenderer(room, *build_shell(room, taste)), rng


def render_room(folder: Path, seed: int) -> int:
    """Write the views of one room as JPEG, and beside each what it shows as JSON."""
    files = [folder / f"{seed * VIEWS + view:06d}.json" for view in range(VIEWS)]
    if all(file.exists() for file in files):
        return 0
    room, renderer, rng = make_room(seed)
    for file, camera in zip(files, corner_cameras(room, rng, VIEWS), strict=True):
        picture, seen = renderer.render(camera, SIZE, SAMPLES, seed, BOUNCES)
        with in_one_piece(file.with_suffix(".jpg")) as part:
            Image.fromarray(picture).save(part, format="JPEG", quality=93)
        truth = {
            "roomType": room.kind,
            "boxes": [
                {
                    "key": room.things[s.index].piece.key,
                    "box": [round(edge, 4) for edge in s.box],
                    "visible": round(s.visible, 3),
                }
                for s in seen
            ],
        }
        with in_one_piece(file) as part:
            part.write_text(json.dumps(truth), encoding="utf-8")
    return VIEWS


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=3000, help="pictures")
    parser.add_argument("--first", type=int, default=0, help="number of the first room")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rooms = range(options.first, options.first + options.count // VIEWS)
    made = 0
    with ProcessPoolExecutor(options.processes) as pool:
        for number in pool.map(render_room, [options.folder] * len(rooms), rooms):
            made += number
            if made and made % 100 == 0:
                print(f"{made} pictures", flush=True)


if __name__ == "__main__":
    main()
