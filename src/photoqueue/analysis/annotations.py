"""Photos whose contents are known.

A folder of such photos holds the pictures and ``annotations.json``, a list with one object
per photo::

    {"file": "1.jpg", "width": 640, "height": 480, "room_type": "bedroom",
     "boxes": [{"label": "bed", "bbox_xywh": [258.9, 194.9, 355.9, 219.4]}]}

``bbox_xywh`` is left, top, width and height in pixels, ``label`` a class name of COCO.
``room_type`` may be missing; other keys are ignored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photoqueue.errors import ConfigurationError, UnreadablePhotoError

if TYPE_CHECKING:
    from PIL import Image


def read_annotations(folder: Path) -> list[dict[str, Any]]:
    """Read ``annotations.json`` and check that it has the form described above."""
    file = folder / "annotations.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        for entry in entries:
            entry["file"], entry["width"], entry["height"]
            for box in entry["boxes"]:
                box["label"], tuple(map(float, box["bbox_xywh"]))
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise ConfigurationError(
            f"The annotations {file} cannot be used ({type(exc).__name__}: {exc}). Give a folder "
            "whose annotations.json lists file, width, height and boxes of each photo."
        ) from exc
    if not entries:
        raise ConfigurationError(f"The annotations {file} name no photo. Add at least one.")
    return list(entries)


def read_picture(file: Path) -> Image.Image:
    """Read an upright RGB picture."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except OSError as exc:
        raise UnreadablePhotoError(
            f"The picture {file}, which annotations.json names, cannot be read ({exc}). "
            "Put it there, or take it out of annotations.json."
        ) from exc
