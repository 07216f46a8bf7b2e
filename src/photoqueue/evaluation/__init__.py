"""Measures an engine's accuracy on photos whose contents are known.

What is known comes from ``truth.json`` or COCO annotations (:mod:`photoqueue.evaluation.truth`).

**Boxes.** A finding is right if its box overlaps a true box of its key with an IoU of at least
0.5. Findings are matched in the order of their scores, and each true box is used once. Some true
boxes **do not count**, because too little of the thing shows: neither missing nor finding one
changes the figures.

**Volume.** The inventory of each room is compared with what is in it, and that of each photo alone
with what it shows. Amounts of errors are added up, so that those of two rooms do not cancel.

**Intervals** are 95 % percentile intervals of a bootstrap over rooms (Efron 1979): photos of one
room show the same things, so resampling photos would promise too much. They say how much the
figures depend on which rooms were chosen, not how rooms unlike these would come out.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from photoqueue.engines.contract import Engine, Hint, sufficient_side
from photoqueue.errors import ConfigurationError, PhotoError, UnreadablePhotoError
from photoqueue.evaluation.truth import (
    AnnotatedPhoto,
    TrueBox,
    TrueThing,
    Truth,
    read_truth,
)
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.copies import overlap
from photoqueue.inventory.merge import AnalysedPhoto, add_up
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.jobs.photo_analyze import PhotoPayload, photo_result
from photoqueue.photos.pixels import decode_enough
from photoqueue.records.base import DEFAULT_STRATEGY, Strategy
from photoqueue.records.results import FoundItem, InventoryLine, PhotoResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from PIL import Image

    from photoqueue.records.base import Box

#: Overlap (IoU, 0…1) from which a box counts as found; the usual choice.
MATCH_IOU: Final = 0.5
#: Most pixels of a picture.
_MAX_PIXELS: Final = 1_000_000_000
#: Resamples of the rooms, and the seed: the same rooms give the same intervals.
_RESAMPLES: Final = 2000
_SEED: Final = 20
#: Largest difference of the logarithms of two aspects of one picture.
_SAME_ASPECT: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy and speed of an engine; NaN where there is nothing to measure.

    ``intervals`` has the 95 % interval of each figure.
    """

    engine: str
    model: str
    #: 0…1, over all boxes.
    precision: float
    recall: float
    f1: float
    #: 0…1: share of the photos with a known kind of room.
    room_type_accuracy: float
    #: Volume of all rooms too large (above 0) or too small, as a share of the true one.
    volume_error: float
    #: Mean amount of the error of a room and of a photo in m³; and their sums as shares of the
    #: true volume.
    room_error: float
    photo_error: float
    room_error_share: float
    photo_error_share: float
    intervals: Mapping[str, tuple[float, float]]
    #: Median time to read, decode and analyse a photo; NaN for stored results.
    ms_per_photo: float
    #: By ``key``: boxes (``truths``, ``found``, ``right``, ``precision``, ``recall``, ``f1``), and
    #: ``true_volume`` and ``volume`` in m³ of the rooms whose contents are known.
    classes: pd.DataFrame
    #: By ``room``: ``home``, ``photos``, ``true_items``, ``items``, ``right_items``,
    #: ``true_volume``, ``volume``, ``held_back`` (things that wait for a person).
    rooms: pd.DataFrame
    #: By ``file``: ``room``, ``truths``, ``found``, ``right``, ``room_type`` (true),
    #: ``room_type_found``, ``room_type_confidence``, ``true_volume``, ``volume``, ``ms``.
    photos: pd.DataFrame
    #: Pictures in the folder of which the truth says nothing.
    left_out: tuple[str, ...] = ()
    #: How the photos of a room were combined.
    strategy: Strategy = DEFAULT_STRATEGY
    #: By name of the photo.
    results: Mapping[str, PhotoResult] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.model!r}: precision {self.precision:.2f}, "
            f"recall {self.recall:.2f}, F1 {self.f1:.2f})"
        )


def evaluate(
    engine: Engine, folder: Path | str, *, catalogue: Catalogue | None = None
) -> Evaluation:
    """Run an engine on annotated photos and compare its findings with the annotations.

    Parameters
    ----------
    engine : Engine
    folder : Path or str
        The pictures with ``truth.json`` or annotations.
    catalogue : Catalogue or None
        Gives the volumes; ``None`` is the catalogue of the package.

    Raises
    ------
    ConfigurationError
        The folder has no usable truth.
    UnreadablePhotoError
        A picture cannot be read.
    """
    catalogue = catalogue or Catalogue.load()
    return measure(engine, read_truth(Path(folder), catalogue), catalogue)


def measure(engine: Engine, truth: Truth, catalogue: Catalogue) -> Evaluation:
    """Run an engine on photos with known contents and compare its findings with them.

    Raises
    ------
    ConfigurationError
        A picture has another shape than its annotations say.
    UnreadablePhotoError
        A picture cannot be read.
    """
    results: dict[str, PhotoResult] = {}
    times: dict[str, float] = {}
    for room in truth.rooms:
        for photo in room.photos:
            started = time.perf_counter()
            image = read_picture(photo.file, sufficient_side(engine))
            analysis = engine.analyse(image, Hint(photo_id=photo.name))
            times[photo.name] = round((time.perf_counter() - started) * 1000, 2)
            _check_shape(photo, image)
            payload = PhotoPayload(photo_id=photo.name[:200], user_id="evaluation", sha256="")
            results[photo.name] = photo_result(payload, image, analysis, engine)
    return compare(truth, results, catalogue, times, engine=engine.name, model=engine.model)


def compare(
    truth: Truth,
    results: Mapping[str, PhotoResult],
    catalogue: Catalogue,
    times: Mapping[str, float] | None = None,
    *,
    engine: str,
    model: str,
    strategy: Strategy = DEFAULT_STRATEGY,
) -> Evaluation:
    """Compare what was found in photos with what is known about them.

    Parameters
    ----------
    results, times : mapping
        Of each photo, by its name; times in ms.
    engine, model : str
        What found it.
    strategy : {"max", "sum", "match"}
        How the photos of a room are combined.
    """
    import pandas as pd

    counts: dict[str, Counter[str]] = {name: Counter() for name in ("truths", "found", "right")}
    rows: list[dict[str, Any]] = []
    for room in truth.rooms:
        for photo in room.photos:
            result = results[photo.name]
            alone = room_inventory([photo], results, catalogue)
            matched = Matched()
            if photo.boxes is not None:
                findings = _findings(result, truth)
                matched = match(photo.boxes, findings, smallest=truth.smallest)
            there = [box.key for box in photo.boxes or () if box.counts]
            for name, keys in zip(counts, (there, matched.counted, matched.right), strict=True):
                counts[name].update(keys)
            rows.append(
                {
                    "file": photo.name,
                    "room": room.label,
                    "truths": len(there),
                    "found": len(matched.counted),
                    "right": len(matched.right),
                    "room_type": photo.room_type,
                    "room_type_found": canonical_room_type(result.room_type) or result.room_type,
                    "room_type_confidence": result.room_type_confidence,
                    "true_volume": _volume(photo.things),
                    "volume": sum(line.volume for line in alone),
                    "ms": (times or {}).get(photo.name, math.nan),
                }
            )
    photos = pd.DataFrame(rows).set_index("file")
    rooms, volumes = compare_rooms(truth, results, catalogue, strategy)
    sums = _sums(photos, rooms)
    classes = pd.DataFrame({**counts, **volumes}).rename_axis("key").fillna(0).round(3)
    classes = classes.sort_index().astype(dict.fromkeys(counts, int))
    if rooms["true_volume"].isna().all():
        classes[list(volumes)] = math.nan
    quality = {name: _figures(classes)[name] for name in ("precision", "recall", "f1")}
    return Evaluation(
        engine=engine,
        model=model,
        strategy=strategy,
        **{name: float(value) for name, value in _figures(sums.sum()).items()},
        intervals=_intervals(sums),
        ms_per_photo=float(photos["ms"].median()),
        classes=classes.assign(**quality),
        rooms=rooms,
        photos=photos,
        left_out=truth.left_out,
        results={name: results[name] for name in photos.index},
    )


def compare_rooms(
    truth: Truth,
    results: Mapping[str, PhotoResult],
    catalogue: Catalogue,
    strategy: Strategy = DEFAULT_STRATEGY,
    listed: Mapping[str, Sequence[FoundItem]] | None = None,
) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Compare the inventory of each room with what is in it.

    Parameters
    ----------
    results : mapping of str to PhotoResult
        By name of the photo.
    listed : mapping of str to sequence of FoundItem or None
        For the strategy ``llm``: label of the room → what was listed.

    Returns
    -------
    pandas.DataFrame
        As :attr:`Evaluation.rooms`.
    dict
        ``true_volume`` and ``volume`` in m³ by key, over the rooms whose contents are known.
    """
    import pandas as pd

    rows = []
    volumes: dict[str, dict[str, float]] = {
        name: defaultdict(float) for name in ("true_volume", "volume")
    }
    for room in truth.rooms:
        seen = (listed or {}).get(room.label)
        lines = room_inventory(room.photos, results, catalogue, strategy, seen, room.name)
        found = Counter({(line.key or line.name): line.count for line in lines})
        there = Counter(thing.key for thing in room.things or ())
        rows.append(
            {
                "room": room.label,
                "home": room.home,
                "photos": len(room.photos),
                "true_items": there.total(),
                "items": found.total(),
                "right_items": (found & there).total(),
                "true_volume": _volume(room.things),
                "volume": round(sum(line.volume for line in lines), 3),
                "held_back": sum(line.held_back for line in lines),
            }
        )
        for thing in room.things or ():
            volumes["true_volume"][thing.key] += thing.volume
        for line in lines if room.things is not None else ():
            volumes["volume"][line.key or line.name] += line.volume
    return pd.DataFrame(rows).set_index("room"), volumes


def room_inventory(
    photos: Iterable[AnnotatedPhoto],
    results: Mapping[str, PhotoResult],
    catalogue: Catalogue,
    strategy: Strategy = DEFAULT_STRATEGY,
    listed: Sequence[FoundItem] | None = None,
    room: str = "room",
) -> tuple[InventoryLine, ...]:
    """Return the lines of the inventory that these photos of one room give."""
    analysed = [
        AnalysedPhoto(
            photo_id=photo.name,
            sha256=hashlib.sha256(photo.name.encode()).hexdigest(),
            room=room,
            result=results[photo.name],
        )
        for photo in photos
    ]
    given = None if listed is None else {room: listed}
    return add_up("evaluation", analysed, catalogue, strategy=strategy, listed=given).lines


def read_picture(file: Path, side: int | None = None) -> Image.Image:
    """Read an upright RGB picture as a worker does; ``side`` as of ``decode_enough``.

    Raises
    ------
    UnreadablePhotoError
        The picture is missing or cannot be decoded.
    """
    try:
        return decode_enough(file.read_bytes(), side, max_pixels=_MAX_PIXELS).image
    except (OSError, PhotoError) as exc:
        raise UnreadablePhotoError(
            f"The picture {file}, which the truth names, cannot be read "
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
    """Compare the findings in one photo, best score first, with the truth.

    A wrong finding that is narrower or lower than ``smallest`` (a fraction of the picture, 0…1) is
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
    rivals = [truth for truth in truths if truth.key == key]
    best = max(rivals, key=lambda truth: overlap(box, truth.box), default=None)
    return best if best is not None and overlap(box, best.box) >= MATCH_IOU else None


def _findings(result: PhotoResult, truth: Truth) -> list[tuple[str, Box]]:
    """Return the findings that the truth can judge, best score first."""
    items = sorted(result.items, key=lambda item: -(item.score or 0.0))
    return [
        (key, item.box)
        for item in items
        if item.key is not None
        and item.box is not None
        and (key := item.key if truth.judged is None else truth.judged.get(item.key)) is not None
    ]


def _check_shape(photo: AnnotatedPhoto, image: Image.Image) -> None:
    """Annotations of a picture that was turned afterwards would all be wrong."""
    shape = image.width / image.height
    if photo.aspect and abs(math.log(shape / photo.aspect)) > _SAME_ASPECT:
        raise ConfigurationError(
            f"The picture {photo.file} is {shape:.2f} times as wide as high when upright, but was "
            f"annotated as {photo.aspect:.2f}. Annotate it as it is shown upright."
        )


def _volume(things: Iterable[TrueThing] | None) -> float:
    """Volume of things in m³; NaN if they are not known."""
    return math.nan if things is None else round(math.fsum(thing.volume for thing in things), 3)


def _sums(photos: pd.DataFrame, rooms: pd.DataFrame) -> pd.DataFrame:
    """Return what the figures are made of, one row a room."""
    known = photos["room_type"].notna()
    of_photos = photos[["truths", "found", "right"]].assign(
        kinds=known,
        right_kinds=known & (photos["room_type"] == photos["room_type_found"]),
        photo_volume=photos["true_volume"].fillna(0.0),
        photo_error=(photos["volume"] - photos["true_volume"]).abs().fillna(0.0),
        photos=photos["true_volume"].notna(),
    )
    sums = of_photos.astype(float).groupby(photos["room"]).sum().reindex(rooms.index)
    measured = rooms["true_volume"].notna()
    error = (rooms["volume"] - rooms["true_volume"]).fillna(0.0)
    return sums.assign(
        room_volume=rooms["true_volume"].fillna(0.0),
        error=error,
        room_error=error.abs(),
        rooms=measured.astype(float),
    )


#: Figure → the sum that it is a share of, and that sum; F1 is that of their mean.
_SHARES: Final = {
    "precision": ("right", "found"),
    "recall": ("right", "truths"),
    "f1": ("right", "boxes"),
    "room_type_accuracy": ("right_kinds", "kinds"),
    "volume_error": ("error", "room_volume"),
    "room_error": ("room_error", "rooms"),
    "photo_error": ("photo_error", "photos"),
    "room_error_share": ("room_error", "room_volume"),
    "photo_error_share": ("photo_error", "photo_volume"),
}


def _figures(sums: Any) -> dict[str, Any]:
    """Return the figures for sums over rooms, or one each for arrays of sums; NaN for 0 / 0."""
    import numpy as np

    whole = dict(sums.items())
    whole["boxes"] = (sums["found"] + sums["truths"]) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: np.where(whole[of] > 0, np.divide(whole[part], whole[of]), np.nan)
            for name, (part, of) in _SHARES.items()
            if part in whole and of in whole
        }


def _intervals(sums: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each figure, by resampling the rooms; NaN for a single room."""
    import numpy as np

    drawn = np.random.default_rng(_SEED).integers(len(sums), size=(_RESAMPLES, len(sums)))
    totals = {name: sums[name].to_numpy()[drawn].sum(axis=1) for name in sums.columns}
    intervals = {}
    for name, values in _figures(totals).items():
        known: npt.NDArray[np.float64] = values[~np.isnan(values)]
        several = known.size and len(sums) > 1
        low, high = np.percentile(known, (2.5, 97.5)) if several else (math.nan, math.nan)
        intervals[name] = (round(float(low), 4), round(float(high), 4))
    return intervals
