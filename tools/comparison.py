"""Measuring several engines on the same homes and photos, and writing the tables as CSV.

Shares are 0…1, NaN where there is nothing to divide by; volumes are m³.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from photoqueue.engines.model_registry import present_models
from photoqueue.engines.registry import load_engine
from photoqueue.errors import PhotoqueueError, StorageError, UnreadablePhotoError
from photoqueue.evaluation import Evaluation, measure
from photoqueue.evaluation.truth import read_truth
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.settings import Settings
from tools.inventories import InventoryScore, score_inventories
from tools.ranges import RangeScore, read_tables, score_ranges


@dataclass(frozen=True, kw_only=True)
class EngineScore:
    """How right an engine is on one set of photos, and how quick.

    Attributes
    ----------
    engine, model : str
    photos : str
        The set: ``samples`` or ``photos``.
    photo_count, truths, found, right : int
        Photos; boxes that are there, that were found and count, and that are right.
    precision, recall, f1 : float
        At IoU 0.5, over all boxes.
    room_type_accuracy : float
    true_volume, volume : float
        m³ of all photos, each by itself.
    photo_error, room_error : float
        Mean amount of the error of a photo, and of a room, in m³.
    photo_error_share : float
        The errors of photos added up, as a share of the true volume.
    f1_low, f1_high, photo_error_share_low, photo_error_share_high : float
        95 % intervals, by resampling rooms.
    ms_per_photo : float
        Median milliseconds of decoding and analysing, with one thread.
    """

    engine: str
    model: str
    photos: str
    photo_count: int
    truths: int
    found: int
    right: int
    precision: float
    recall: float
    f1: float
    room_type_accuracy: float
    true_volume: float
    volume: float
    photo_error: float
    room_error: float
    photo_error_share: float
    f1_low: float
    f1_high: float
    photo_error_share_low: float
    photo_error_share_high: float
    ms_per_photo: float


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How right an engine is on one kind of thing; fields as in :class:`EngineScore`."""

    engine: str
    model: str
    photos: str
    key: str
    truths: int
    found: int
    right: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What was not measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that was measured, in a fixed order: engine by engine, set by set."""

    engines: tuple[EngineScore, ...] = ()
    classes: tuple[ClassScore, ...] = ()
    inventories: tuple[InventoryScore, ...] = ()
    ranges: tuple[RangeScore, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


_BUILTIN: Final = "builtin"
_DETECTOR: Final = "detector"
_LLM: Final = "llm"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An engine to measure.

    Attributes
    ----------
    label : str
        What tables call it until it is built.
    settings : Settings
        Make :func:`photoqueue.engines.registry.load_engine` build it, with one thread.
    """

    label: str
    settings: Settings


def chosen_subject(settings: Settings) -> Subject:
    """Return the engine that the settings name."""
    return _subject(settings, engine=settings.engine, model=settings.model)


def available_subjects(
    settings: Settings, *, model_folders: Iterable[Path], llm: bool = False
) -> tuple[list[Subject], list[LeftOut]]:
    """Find every engine that can run here.

    Parameters
    ----------
    settings : Settings
        Common to all. An engine of one's own that they name (``package.module:factory``)
        is compared too.
    model_folders : iterable of Path
        Folders of ONNX models for the detector, besides the registered models that are
        here; a model that lies in two places counts once.
    llm : bool
        Whether to ask the configured LLM; it may cost money, so it is not asked otherwise.

    Returns
    -------
    list of Subject, list of LeftOut
        The built-in engine, detectors by name, the LLM, the engine of one's own; and what
        was left out.
    """
    found = [_subject(settings, engine=_BUILTIN, model=None)]
    left: list[LeftOut] = []
    found.extend(
        _subject(settings, engine=_DETECTOR, model=model)
        for model in _models(settings.home, model_folders)
    )
    if llm:
        if settings.llm_model and (settings.llm_base_url or settings.llm_api_key):
            found.append(_subject(settings, engine=_LLM, model=None))
        else:
            left.append(
                LeftOut(
                    what=_LLM,
                    reason="it is not configured: set PHOTOQUEUE_LLM_MODEL with "
                    "PHOTOQUEUE_LLM_BASE_URL or PHOTOQUEUE_LLM_API_KEY",
                )
            )
    if ":" in settings.engine:
        found.append(chosen_subject(settings))
    return found, left


def _subject(settings: Settings, *, engine: str, model: str | None) -> Subject:
    own = settings.model_copy(update={"engine": engine, "model": model, "threads": 1})
    return Subject(label=engine if model is None else f"{engine} {Path(model).name}", settings=own)


def _models(home: Path, folders: Iterable[Path]) -> Iterator[str]:
    """Yield the models, each content once: registered ones by name, other files by path."""
    seen: set[str] = set()
    named = [(entry.name, entry.path) for entry in present_models(home)]
    others = [(str(file), file) for folder in folders for file in sorted(folder.glob("*.onnx"))]
    for model, file in (*named, *others):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest not in seen:
            seen.add(digest)
            yield model


#: The two sets of photos.
SAMPLES: Final = "samples"
PHOTOS: Final = "photos"


def compare(
    subjects: Iterable[Subject],
    *,
    samples: Path | None = None,
    annotated: Path | None = None,
    tables: Path | None = None,
    catalogue: Catalogue | None = None,
    together: bool = False,
    report: Callable[[str], None] = lambda label: None,
) -> Comparison:
    """Measure engines on sample homes and on annotated photos.

    Parameters
    ----------
    subjects : iterable of Subject
        An engine that cannot be built, or fails on a photo, is left out with its reason.
    samples, annotated : Path or None
        Folders with homes, and with annotated photos.
    tables : Path or None
        Figures of several movers, for ranges.
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
        A folder has no usable truth, or the movers' tables cannot be read.
    UnreadablePhotoError
        A picture cannot be read; that is no fault of an engine.
    """
    catalogue = catalogue or Catalogue.load()
    folders = {SAMPLES: samples, PHOTOS: annotated}
    truths = {name: read_truth(folder, catalogue) for name, folder in folders.items() if folder}
    engines: list[EngineScore] = []
    classes: list[ClassScore] = []
    inventories: list[InventoryScore] = []
    movers = read_tables(tables, catalogue) if tables else []
    ranges = [
        score
        for name, truth in truths.items()
        for score in score_ranges(truth, catalogue, movers, name)
    ]
    left: list[LeftOut] = []
    for subject in subjects:
        report(subject.label)
        seen: list[tuple[str, Evaluation]] = []
        added: list[InventoryScore] = []
        held: list[RangeScore] = []
        try:
            engine = load_engine(subject.settings)
            for name, truth in truths.items():
                found = measure(engine, truth, catalogue)
                seen.append((name, found))
                held += score_ranges(truth, catalogue, movers, name, (engine, found))
                if name == SAMPLES:
                    added += score_inventories(engine, truth, found, catalogue, together=together)
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
        ranges.extend(held)
    return Comparison(
        engines=tuple(engines),
        classes=tuple(classes),
        inventories=tuple(inventories),
        ranges=tuple(ranges),
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
        true_volume=round(float(seen.photos["true_volume"].sum()), 3),
        volume=round(float(seen.photos["volume"].sum()), 3),
        photo_error=seen.photo_error,
        room_error=seen.room_error,
        photo_error_share=seen.photo_error_share,
        f1_low=seen.intervals["f1"][0],
        f1_high=seen.intervals["f1"][1],
        photo_error_share_low=seen.intervals["photo_error_share"][0],
        photo_error_share_high=seen.intervals["photo_error_share"][1],
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


#: Digits kept of shares and times.
_DIGITS = 4

Row = dict[str, Any]
Score = EngineScore | ClassScore | InventoryScore | RangeScore


def rows(
    scores: Sequence[Score],
) -> list[Row]:
    """Return records as rows, with the errors of inventories; NaN is ``None``."""
    return [{name: _plain(value) for name, value in _fields(score).items()} for score in scores]


def write_csv(comparison: Comparison, folder: Path) -> list[Path]:
    """Write the tables that have rows; return the files.

    Raises
    ------
    StorageError
        The folder cannot be written to.
    """
    tables = {
        "engines.csv": rows(comparison.engines),
        "classes.csv": rows(comparison.classes),
        "inventories.csv": rows(comparison.inventories),
        "ranges.csv": rows(comparison.ranges),
    }
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            if table:
                with (folder / name).open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(table)
                written.append(folder / name)
    except OSError as exc:
        raise StorageError(
            f"The tables cannot be written to {folder} ({exc.strerror}). Give another folder."
        ) from exc
    return written


def _fields(score: Score) -> Row:
    fields: Row = asdict(score)
    if isinstance(score, InventoryScore):
        fields |= {"item_error": score.item_error, "volume_error": score.volume_error}
    return fields


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if value != value else round(value, _DIGITS)
    return value
