"""How good an engine is, measured against photos whose contents are known.

**What counts as truth**: the boxes whose label the catalogue maps, that is, the things that
a mover lists. Sinks, cups and people are neither truth nor expected. **What counts as
found**: the items of the engine that have a box and a catalogue key that some COCO class
means; other keys cannot be judged by these annotations. An item is right when its box
overlaps a truth of its key by an IoU of at least 0.5; best scores choose first, and each
truth is used once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from photoqueue.analysis.annotations import read_annotations, read_picture
from photoqueue.analysis.boxes import iou
from photoqueue.analysis.engine import Analysis, Engine, Hint
from photoqueue.analysis.rooms import canonical_room_type
from photoqueue.inventory.catalogue import Catalogue

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.models import Box

#: Overlap, 0…1, from which a box counts as found; the usual choice.
MATCH_IOU: Final = 0.5
_VOCABULARY: Final = "coco"


@dataclass(frozen=True)
class TrueBox:
    """One thing that is in a photo: its catalogue key, and its box in 0…1."""

    key: str
    box: Box


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an engine got right.

    Attributes
    ----------
    engine, model : str
    precision, recall, f1 : float
        0…1, over all boxes; NaN where nothing was found, or nothing was there.
    room_type_accuracy : float
        0…1: share of the photos with a known kind of room; NaN without any.
    ms_per_photo : float
        Median milliseconds of ``analyse``; reading the picture is not included.
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


def evaluate(
    engine: Engine, folder: Path | str, *, catalogue: Catalogue | None = None
) -> Evaluation:
    """Run an engine over annotated photos and count what it gets right.

    Parameters
    ----------
    engine : Engine
    folder : Path or str
        The pictures and ``annotations.json``, as :mod:`photoqueue.analysis.annotations` describes.
    catalogue : Catalogue or None
        Says which boxes count; ``None`` is the one that comes with the package.

    Raises
    ------
    ConfigurationError
        The folder has no usable ``annotations.json``.
    UnreadablePhotoError
        A picture that it names cannot be read.
    """
    import pandas as pd

    folder = Path(folder)
    catalogue = catalogue or Catalogue.load()
    judged = {item.key for item in catalogue.items if item.labels.get(_VOCABULARY)}
    truths, found, right = Counter[str](), Counter[str](), Counter[str]()
    rows: list[dict[str, Any]] = []
    for entry in read_annotations(folder):
        image = read_picture(folder / entry["file"])
        started = time.perf_counter()
        analysis = engine.analyse(image, Hint(photo_id=entry["file"]))
        milliseconds = (time.perf_counter() - started) * 1000
        there = _truths(entry, catalogue)
        seen = _seen(analysis, judged)
        matched = match(there, seen)
        truths.update(truth.key for truth in there)
        found.update(key for key, _ in seen)
        right.update(matched)
        true_type = entry.get("room_type")
        rows.append(
            {
                "file": entry["file"],
                "truths": len(there),
                "found": len(seen),
                "right": len(matched),
                "room_type": canonical_room_type(true_type) or true_type if true_type else None,
                "room_type_found": canonical_room_type(analysis.room_type) or analysis.room_type,
                "room_type_confidence": analysis.room_type_confidence,
                "ms": round(milliseconds, 2),
            }
        )
    photos = pd.DataFrame(rows).set_index("file")
    known = photos[photos["room_type"].notna()]
    total = _quality(truths.total(), found.total(), right.total())
    return Evaluation(
        engine=engine.name,
        model=engine.model,
        precision=total["precision"],
        recall=total["recall"],
        f1=total["f1"],
        room_type_accuracy=float((known["room_type"] == known["room_type_found"]).mean()),
        ms_per_photo=float(photos["ms"].median()),
        classes=_class_table(truths, found, right),
        photos=photos,
    )


def match(truths: Sequence[TrueBox], found: Iterable[tuple[str, Box]]) -> list[str]:
    """Return the key of each finding that is right.

    Parameters
    ----------
    truths : sequence of TrueBox
    found : iterable of (str, Box)
        Catalogue key and box of each finding, best score first.
    """
    free = list(truths)
    right: list[str] = []
    for key, box in found:
        rivals = [truth for truth in free if truth.key == key]
        if not rivals:
            continue
        boxes = np.array([truth.box for truth in rivals], dtype=np.float32)
        overlaps = iou(np.array(box, dtype=np.float32), boxes)
        best = int(overlaps.argmax())
        if overlaps[best] >= MATCH_IOU:
            free.remove(rivals[best])
            right.append(key)
    return right


def _seen(analysis: Analysis, judged: set[str]) -> list[tuple[str, Box]]:
    """Return the findings that the annotations can judge, best score first."""
    items = sorted(analysis.items, key=lambda item: -(item.score or 0.0))
    return [
        (item.key, item.box)
        for item in items
        if item.key is not None and item.key in judged and item.box is not None
    ]


def _truths(entry: dict[str, Any], catalogue: Catalogue) -> list[TrueBox]:
    """Return the boxes of one photo that a mover lists."""
    width, height = entry["width"], entry["height"]
    truths = []
    for annotation in entry["boxes"]:
        item = catalogue.for_label(_VOCABULARY, annotation["label"])
        if item is not None:
            left, top, wide, high = annotation["bbox_xywh"]
            box = (left / width, top / height, (left + wide) / width, (top + high) / height)
            truths.append(TrueBox(item.key, box))
    return truths


def _class_table(truths: Counter[str], found: Counter[str], right: Counter[str]) -> pd.DataFrame:
    """Return counts and quality by catalogue key."""
    import pandas as pd

    rows = [
        {"key": key, **_quality(truths[key], found[key], right[key])}
        for key in sorted(truths.keys() | found.keys())
    ]
    columns = ["key", "truths", "found", "right", "precision", "recall", "f1"]
    return pd.DataFrame(rows, columns=columns).set_index("key")


def _quality(truths: int, found: int, right: int) -> dict[str, Any]:
    """Return precision, recall and F1, NaN where there is nothing to divide by."""
    return {
        "truths": truths,
        "found": found,
        "right": right,
        "precision": right / found if found else float("nan"),
        "recall": right / truths if truths else float("nan"),
        "f1": 2 * right / (found + truths) if found + truths else float("nan"),
    }
