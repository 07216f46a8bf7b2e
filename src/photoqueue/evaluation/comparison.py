"""Measuring several engines on the same homes and photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from photoqueue.engines.annotations import judged_keys, known_photos
from photoqueue.engines.registry import load_engine
from photoqueue.engines.samples import LEAST_SIDE, SampleHome
from photoqueue.errors import PhotoqueueError, UnreadablePhotoError
from photoqueue.evaluation.boxes import Evaluation, judge
from photoqueue.evaluation.inventories import Results, score_inventories
from photoqueue.evaluation.records import (
    ClassScore,
    Comparison,
    EngineScore,
    InventoryScore,
    LeftOut,
)
from photoqueue.evaluation.subjects import Subject
from photoqueue.inventory.catalogue import Catalogue

#: The two sets of photos.
SAMPLES: Final = "samples"
PHOTOS: Final = "photos"


def compare(
    subjects: Iterable[Subject],
    *,
    homes: Sequence[SampleHome] = (),
    annotated: Path | None = None,
    catalogue: Catalogue | None = None,
    together: bool = False,
    report: Callable[[str], None] = lambda label: None,
) -> Comparison:
    """Measure engines on sample homes and on annotated photos.

    Parameters
    ----------
    subjects : iterable of Subject
        An engine that cannot be built, or fails on a photo, is left out with its reason.
    homes : sequence of SampleHome
        May be empty.
    annotated : Path or None
        Folder of photos with ``annotations.json``.
    catalogue : Catalogue or None
        ``None`` is the one that comes with the package.
    together : bool
        Whether engines that can are also asked for each room with all its photos, which
        may cost money.
    report : callable
        Is told the label of each engine before its turn.

    Raises
    ------
    ConfigurationError
        The folder has no usable ``annotations.json``.
    UnreadablePhotoError
        A picture cannot be read; that is no fault of an engine.
    """
    catalogue = catalogue or Catalogue.load()
    photos = [] if annotated is None else known_photos(annotated, catalogue)
    views = [photo for home in homes for photo in home.photos()]
    engines: list[EngineScore] = []
    classes: list[ClassScore] = []
    inventories: list[InventoryScore] = []
    left: list[LeftOut] = []
    for subject in subjects:
        report(subject.label)
        seen: list[tuple[str, Evaluation]] = []
        added: list[InventoryScore] = []
        try:
            engine = load_engine(subject.settings)
            if views:
                results = Results(engine)
                found = judge(engine, views, smallest=LEAST_SIDE, listener=results)
                seen.append((SAMPLES, found))
                added = score_inventories(
                    engine, homes, results.by_photo, catalogue, together=together
                )
            if photos:
                seen.append((PHOTOS, judge(engine, photos, judged=judged_keys(catalogue))))
        except UnreadablePhotoError:
            raise
        except PhotoqueueError as exc:
            left.append(LeftOut(what=subject.label, reason=str(exc)))
            continue
        except Exception as exc:  # an engine may raise anything, and the others go on
            left.append(LeftOut(what=subject.label, reason=f"{type(exc).__name__}: {exc}"))
            continue
        engines.extend(_engine_score(one, name) for name, one in seen)
        classes.extend(score for name, one in seen for score in _class_scores(one, name))
        inventories.extend(added)
    return Comparison(
        engines=tuple(engines),
        classes=tuple(classes),
        inventories=tuple(inventories),
        left_out=tuple(left),
    )


def _engine_score(seen: Evaluation, photos: str) -> EngineScore:
    totals = seen.photos[["truths", "found", "right"]].sum()
    return EngineScore(
        engine=seen.engine,
        model=seen.model,
        photos=photos,
        photo_count=len(seen.photos),
        truths=int(totals["truths"]),
        found=int(totals["found"]),
        right=int(totals["right"]),
        precision=seen.precision,
        recall=seen.recall,
        f1=seen.f1,
        room_type_accuracy=seen.room_type_accuracy,
        ms_per_photo=seen.ms_per_photo,
    )


def _class_scores(seen: Evaluation, photos: str) -> list[ClassScore]:
    return [
        ClassScore(
            engine=seen.engine,
            model=seen.model,
            photos=photos,
            key=str(key),
            truths=int(row["truths"]),
            found=int(row["found"]),
            right=int(row["right"]),
            precision=float(row["precision"]),
            recall=float(row["recall"]),
            f1=float(row["f1"]),
        )
        for key, row in seen.classes.iterrows()
    ]
