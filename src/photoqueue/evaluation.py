"""Measures an engine's accuracy on annotated photos.

A folder of annotated photos holds the pictures and ``annotations.json``, a list with one object per
photo::

    {"file": "1.jpg", "width": 640, "height": 480, "room_type": "bedroom",
     "boxes": [{"label": "bed", "bbox_xywh": [258.9, 194.9, 355.9, 219.4]}]}

``bbox_xywh`` is left, top, width and height in pixels; ``label`` is a COCO class name.
``room_type`` is optional; other keys are ignored.

Only boxes whose label the catalogue maps count, that is, things that movers list: sinks, cups and
people are neither expected nor judged. The catalogue distinguishes more kinds than COCO, so a
finding is judged by the COCO class that it would have (:data:`KIN`); findings without one, such as
a wardrobe, are not judged.

A finding is right if its box overlaps a true box of its key with an IoU of at least 0.5. Findings
are matched in the order of their scores, and each true box is used once. Some true boxes **do not
count**, because too little of the thing shows: neither missing nor finding one changes the figures.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from photoqueue.engines.contract import Analysis, Engine, Hint, sufficient_side
from photoqueue.errors import ConfigurationError, PhotoError, UnreadablePhotoError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.photos.pixels import decode_enough

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from photoqueue.records.base import Box

#: Overlap (IoU, 0…1) from which a box counts as found; the usual choice.
MATCH_IOU: Final = 0.5
#: Most pixels of a picture.
_MAX_PIXELS: Final = 1_000_000_000

#: COCO class → catalogue keys that its annotators name so. Checked on the photos: they mark an
#: upholstered recliner and a desk chair as chair, and free-standing cookers as oven. Desks and
#: coffee tables are not marked, so they do not count as dining tables.
KIN: Final[Mapping[str, tuple[str, ...]]] = {
    "couch": ("sofa_2_seat", "sofa_3_seat", "corner_sofa", "sofa_bed"),
    "bed": ("single_bed", "double_bed", "king_size_bed", "bunk_bed", "baby_cot"),
    "chair": ("chair", "office_chair", "armchair", "garden_chair"),
    "dining table": ("dining_table", "kitchen_table"),
    "oven": ("oven", "cooker"),
    "refrigerator": ("refrigerator", "american_refrigerator"),
}


@dataclass(frozen=True)
class TrueBox:
    """One thing in a photo.

    Attributes
    ----------
    key : str
        Its catalogue key.
    box : tuple of float
        x0, y0, x1, y1 as fractions (0…1) of the upright picture.
    counts : bool
        Whether enough of it shows that an engine must find it.
    """

    key: str
    box: Box
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class AnnotatedPhoto:
    """A photo with known contents.

    Attributes
    ----------
    name : str
        Its name in tables.
    file : pathlib.Path
    boxes : tuple of TrueBox
    room_type : str or None
        Canonical kind of room, or a caller's own word; ``None`` if unknown.
    """

    name: str
    file: Path
    boxes: tuple[TrueBox, ...]
    room_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy and speed of an engine.

    Attributes
    ----------
    engine, model : str
    precision, recall, f1 : float
        0…1, over all boxes; NaN if nothing was found, or nothing was there.
    room_type_accuracy : float
        0…1: share of the photos with a known kind of room; NaN if there are none.
    ms_per_photo : float
        Median time to read, decode and analyse a photo, in milliseconds.
    classes : pandas.DataFrame
        Index ``key``; columns ``truths``, ``found``, ``right``, ``precision``, ``recall``,
        ``f1``.
    photos : pandas.DataFrame
        Index ``file``; columns ``truths``, ``found``, ``right``, ``room_type`` (true),
        ``room_type_found``, ``room_type_confidence``, ``ms``.
    """

    engine: str
    model: str
    precision: float
    recall: float
    f1: float
    room_type_accuracy: float
    ms_per_photo: float
    classes: pd.DataFrame
    photos: pd.DataFrame

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.model!r}: precision {self.precision:.2f}, "
            f"recall {self.recall:.2f}, F1 {self.f1:.2f})"
        )


#: Called with each photo, its upright picture and its analysis.
Listener = Callable[[AnnotatedPhoto, "Image.Image", Analysis], None]


def evaluate(
    engine: Engine, folder: Path | str, *, catalogue: Catalogue | None = None
) -> Evaluation:
    """Run an engine on annotated photos and compare its findings with the annotations.

    Parameters
    ----------
    engine : Engine
    folder : Path or str
        The pictures and ``annotations.json``, as described above.
    catalogue : Catalogue or None
        Decides which boxes count; ``None`` is the catalogue of the package.

    Raises
    ------
    ConfigurationError
        The folder has no usable ``annotations.json``.
    UnreadablePhotoError
        A picture cannot be read.
    """
    catalogue = catalogue or Catalogue.load()
    photos = annotated_photos(Path(folder), catalogue)
    return judge(engine, photos, judged=judged_keys(catalogue))


def judge(
    engine: Engine,
    photos: Iterable[AnnotatedPhoto],
    *,
    judged: Mapping[str, str] | None = None,
    smallest: float = 0.0,
    listener: Listener | None = None,
) -> Evaluation:
    """Run an engine on photos with known contents and compare its findings with them.

    Parameters
    ----------
    engine : Engine
    photos : iterable of AnnotatedPhoto
        At least one.
    judged : mapping of str to str or None
        Catalogue key → the key that the truth uses for it; findings with other keys are not judged.
        ``None`` if the truth knows every key.
    smallest : float
        As for :func:`match`.
    listener : callable or None

    Raises
    ------
    UnreadablePhotoError
        A picture cannot be read.
    """
    import pandas as pd

    truths, found, right = Counter[str](), Counter[str](), Counter[str]()
    rows: list[dict[str, Any]] = []
    for photo in photos:
        started = time.perf_counter()
        image = read_picture(photo.file, sufficient_side(engine))
        analysis = engine.analyse(image, Hint(photo_id=photo.name))
        milliseconds = (time.perf_counter() - started) * 1000
        there = [truth.key for truth in photo.boxes if truth.counts]
        matched = match(photo.boxes, _findings(analysis, judged), smallest=smallest)
        truths.update(there)
        found.update(matched.counted)
        right.update(matched.right)
        rows.append(
            {
                "file": photo.name,
                "truths": len(there),
                "found": len(matched.counted),
                "right": len(matched.right),
                "room_type": photo.room_type,
                "room_type_found": canonical_room_type(analysis.room_type) or analysis.room_type,
                "room_type_confidence": analysis.room_type_confidence,
                "ms": round(milliseconds, 2),
            }
        )
        if listener is not None:
            listener(photo, image, analysis)
    table = pd.DataFrame(rows).set_index("file")
    classes = [
        {"key": key, **_quality(truths[key], found[key], right[key])}
        for key in sorted(truths.keys() | found.keys())
    ]
    known = table[table["room_type"].notna()]
    total = _quality(truths.total(), found.total(), right.total())
    return Evaluation(
        engine=engine.name,
        model=engine.model,
        precision=total["precision"],
        recall=total["recall"],
        f1=total["f1"],
        room_type_accuracy=float((known["room_type"] == known["room_type_found"]).mean()),
        ms_per_photo=float(table["ms"].median()),
        classes=pd.DataFrame(classes, columns=["key", *_quality(0, 0, 0)]).set_index("key"),
        photos=table,
    )


def annotated_photos(folder: Path, catalogue: Catalogue) -> list[AnnotatedPhoto]:
    """Return the annotated photos of a folder with the boxes that a mover lists.

    Raises
    ------
    ConfigurationError
        The folder has no usable ``annotations.json``.
    """
    file = folder / "annotations.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        photos = [
            AnnotatedPhoto(
                name=entry["file"],
                file=folder / entry["file"],
                boxes=tuple(_true_boxes(entry, catalogue)),
                room_type=_room_type(entry.get("room_type")),
            )
            for entry in entries
        ]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ConfigurationError(
            f"The annotations {file} cannot be used ({type(exc).__name__}: {exc}). Give a folder "
            'of photos and an annotations.json that lists, for each, {"file", "width", "height", '
            '"room_type", "boxes": [{"label", "bbox_xywh"}]} (labels of COCO, pixels).'
        ) from exc
    if not photos:
        raise ConfigurationError(f"The annotations {file} name no photo. Add at least one.")
    return photos


def judged_keys(catalogue: Catalogue) -> dict[str, str]:
    """Return the catalogue keys that annotations can judge → the key that their class has."""
    judged = {}
    for item in catalogue.items:
        for label in item.labels.get("coco", ()):
            judged[item.key] = item.key
            judged.update(dict.fromkeys(KIN.get(label, ()), item.key))
    return judged


def read_picture(file: Path, side: int | None = None) -> Image.Image:
    """Read an upright RGB picture, decoded as a worker decodes photos.

    Parameters
    ----------
    file : pathlib.Path
    side : int or None
        Sufficient size of the shorter side, in pixels; ``None`` is the full size.

    Raises
    ------
    UnreadablePhotoError
        The picture is missing or cannot be decoded.
    """
    try:
        return decode_enough(file.read_bytes(), side, max_pixels=_MAX_PIXELS).image
    except (OSError, PhotoError) as exc:
        raise UnreadablePhotoError(
            f"The picture {file}, which annotations.json or truth.json names, cannot be read "
            f"({exc}). Put it there, or remove it from that file."
        ) from exc


@dataclass(frozen=True)
class Matched:
    """Which findings of one photo count, and which of them are right, by key."""

    counted: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)


def match(
    truths: Sequence[TrueBox], found: Iterable[tuple[str, Box]], *, smallest: float = 0.0
) -> Matched:
    """Compare the findings in one photo with the truth.

    Parameters
    ----------
    truths : sequence of TrueBox
    found : iterable of (str, Box)
        Catalogue key and box of each finding, best score first.
    smallest : float
        Fraction of the picture, 0…1: a wrong finding that is narrower or lower than this is
        ignored, like true boxes of that size.
    """
    free = [truth for truth in truths if truth.counts]
    doubtful = [truth for truth in truths if not truth.counts]
    matched = Matched()
    for key, box in found:
        x0, y0, x1, y1 = box
        if (truth := _overlapped(key, box, free)) is not None:
            free.remove(truth)
            matched.right.append(key)
        elif _overlapped(key, box, doubtful) is not None or min(x1 - x0, y1 - y0) < smallest:
            continue
        matched.counted.append(key)
    return matched


def _overlapped(key: str, box: Box, truths: Sequence[TrueBox]) -> TrueBox | None:
    """Return the true box of this key with the largest overlap; ``None`` if none is enough."""
    import numpy as np

    from photoqueue.engines.boxes import iou

    rivals = [truth for truth in truths if truth.key == key]
    if not rivals:
        return None
    boxes = np.array([truth.box for truth in rivals], dtype=np.float32)
    overlaps = iou(np.array(box, dtype=np.float32), boxes)
    best = int(overlaps.argmax())
    return rivals[best] if overlaps[best] >= MATCH_IOU else None


def _true_boxes(entry: dict[str, Any], catalogue: Catalogue) -> Iterator[TrueBox]:
    """Yield the boxes of one photo that a mover lists, as fractions of the picture."""
    width, height = entry["width"], entry["height"]
    for annotation in entry["boxes"]:
        left, top, wide, high = map(float, annotation["bbox_xywh"])
        item = catalogue.for_label("coco", annotation["label"])
        if item is not None:
            box = (left / width, top / height, (left + wide) / width, (top + high) / height)
            yield TrueBox(item.key, box)


def _room_type(given: str | None) -> str | None:
    return (canonical_room_type(given) or given) if given else None


def _findings(analysis: Analysis, judged: Mapping[str, str] | None) -> list[tuple[str, Box]]:
    """Return the findings that the truth can judge, best score first."""
    items = sorted(analysis.items, key=lambda item: -(item.score or 0.0))
    return [
        (key, item.box)
        for item in items
        if item.key is not None
        and item.box is not None
        and (key := item.key if judged is None else judged.get(item.key)) is not None
    ]


def _quality(truths: int, found: int, right: int) -> dict[str, Any]:
    """Return precision, recall and F1; NaN for a division by zero."""
    return {
        "truths": truths,
        "found": found,
        "right": right,
        "precision": right / found if found else float("nan"),
        "recall": right / truths if truths else float("nan"),
        "f1": 2 * right / (found + truths) if found + truths else float("nan"),
    }
