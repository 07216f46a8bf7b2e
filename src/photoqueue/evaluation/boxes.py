"""How good an engine is, measured against photos whose contents are known.

**What counts as found**: the items of the engine that have a box and a catalogue key which
the truth can judge; see :mod:`photoqueue.engines.annotations` for annotated photos and
:mod:`photoqueue.engines.samples` for sample homes, whose truth judges every key. When an
item is right says :mod:`photoqueue.engines.truth`; best scores choose first.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photoqueue.engines.annotations import judged_keys, known_photos
from photoqueue.engines.contract import Analysis, Engine, Hint, sufficient_side
from photoqueue.engines.truth import AnnotatedPhoto, match
from photoqueue.evaluation.pictures import read_picture
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.wording import canonical_room_type

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from photoqueue.records.base import Box

    #: Is told of each photo, its upright picture and what the engine made of it.
    Listener = Callable[[AnnotatedPhoto, Image.Image, Analysis], None]


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
        Median milliseconds of reading and decoding the picture and ``analyse``.
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
        The pictures and ``annotations.json``, as :mod:`photoqueue.engines.annotations` describes.
    catalogue : Catalogue or None
        Says which boxes count; ``None`` is the one that comes with the package.

    Raises
    ------
    ConfigurationError
        The folder has no usable ``annotations.json``.
    UnreadablePhotoError
        A picture that it names cannot be read.
    """
    catalogue = catalogue or Catalogue.load()
    photos = known_photos(Path(folder), catalogue)
    return judge(engine, photos, judged=judged_keys(catalogue))


def judge(
    engine: Engine,
    photos: Iterable[AnnotatedPhoto],
    *,
    judged: Mapping[str, str] | None = None,
    smallest: float = 0.0,
    listener: Listener | None = None,
) -> Evaluation:
    """Run an engine over photos whose contents are known and count what it gets right.

    Parameters
    ----------
    engine : Engine
    photos : iterable of KnownPhoto
        At least one.
    judged : mapping of str to str or None
        Catalogue keys that the truth can judge → the key that it uses for them; ``None``
        where it knows every key.
    smallest : float
        As for :func:`photoqueue.engines.truth.match`.
    listener : callable or None
        Is told of each photo, its picture and what the engine made of it.

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
        matched = match(photo.boxes, _seen(analysis, judged), smallest=smallest)
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
        classes=_class_table(truths, found, right),
        photos=table,
    )


def _seen(analysis: Analysis, judged: Mapping[str, str] | None) -> list[tuple[str, Box]]:
    """Return the findings that the truth can judge, best score first."""
    items = sorted(analysis.items, key=lambda item: -(item.score or 0.0))
    return [
        (key, item.box)
        for item in items
        if item.key is not None
        and item.box is not None
        and (key := item.key if judged is None else judged.get(item.key)) is not None
    ]


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
