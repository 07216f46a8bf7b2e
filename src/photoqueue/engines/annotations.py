"""Photos whose contents are known.

A folder of such photos holds the pictures and ``annotations.json``, a list with one object
per photo::

    {"file": "1.jpg", "width": 640, "height": 480, "room_type": "bedroom",
     "boxes": [{"label": "bed", "bbox_xywh": [258.9, 194.9, 355.9, 219.4]}]}

``bbox_xywh`` is left, top, width and height in pixels, ``label`` a class name of COCO.
``room_type`` may be missing; other keys are ignored.

What counts are the boxes whose label the catalogue maps, that is, the things that a mover
lists: sinks, cups and people are neither there nor expected. Movers tell more kinds apart
than COCO does, so a finding is judged by the class that it would have there
(:data:`KIN`); what has none, such as a wardrobe, these annotations cannot judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from photoqueue.engines.truth import AnnotatedPhoto, TrueBox
from photoqueue.errors import ConfigurationError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import Vocabulary
from photoqueue.inventory.wording import canonical_room_type

_VOCABULARY: Final[Vocabulary] = "coco"

#: Class of COCO → catalogue keys that its annotators call by this name. Looked up on the
#: photos themselves: an upholstered recliner is marked as a chair there, the chair at a desk
#: too, and each free-standing cooker as an oven. Desks and coffee tables stand in them
#: unmarked, so they are no dining tables.
KIN: Final[Mapping[str, tuple[str, ...]]] = {
    "couch": ("sofa_2_seat", "sofa_3_seat", "corner_sofa", "sofa_bed"),
    "bed": ("single_bed", "double_bed", "king_size_bed", "bunk_bed", "baby_cot"),
    "chair": ("chair", "office_chair", "armchair", "garden_chair"),
    "dining table": ("dining_table", "kitchen_table"),
    "oven": ("oven", "cooker"),
    "refrigerator": ("refrigerator", "american_refrigerator"),
}


def known_photos(folder: Path, catalogue: Catalogue) -> list[AnnotatedPhoto]:
    """Return the annotated photos of a folder with the boxes that a mover lists.

    Raises
    ------
    ConfigurationError
        The folder has no usable ``annotations.json``.
    """
    return [
        AnnotatedPhoto(
            name=entry["file"],
            file=folder / entry["file"],
            boxes=tuple(_boxes(entry, catalogue)),
            room_type=_room_type(entry.get("room_type")),
        )
        for entry in read_annotations(folder)
    ]


def judged_keys(catalogue: Catalogue) -> dict[str, str]:
    """Return the catalogue keys that annotations can judge → the key that their class has."""
    judged = {}
    for item in catalogue.items:
        for label in item.labels.get(_VOCABULARY, ()):
            judged[item.key] = item.key
            judged.update(dict.fromkeys(KIN.get(label, ()), item.key))
    return judged


def _boxes(entry: dict[str, Any], catalogue: Catalogue) -> Iterator[TrueBox]:
    """Yield the boxes of one photo that a mover lists, as fractions of the picture."""
    width, height = entry["width"], entry["height"]
    for annotation in entry["boxes"]:
        item = catalogue.for_label(_VOCABULARY, annotation["label"])
        if item is not None:
            left, top, wide, high = annotation["bbox_xywh"]
            box = (left / width, top / height, (left + wide) / width, (top + high) / height)
            yield TrueBox(item.key, box)


def _room_type(given: str | None) -> str | None:
    return (canonical_room_type(given) or given) if given else None


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
