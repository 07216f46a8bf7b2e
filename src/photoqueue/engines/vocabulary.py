"""The class names that detectors are trained on, as text files in ``labels/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from photoqueue.engines.contract import Item
from photoqueue.errors import ModelError
from photoqueue.inventory.catalogue_file import Vocabulary

if TYPE_CHECKING:
    from photoqueue.inventory.catalogue_file import CatalogueItem
    from photoqueue.records.base import Box

#: Vocabulary of a model whose user gave the class names.
OWN: Final = "own"

#: Number of classes of a model → (vocabulary, whether index 0 means "nothing").
#: Objects365 models number their classes from 1, and most keep an output for index 0.
_BY_CLASS_COUNT: Final[dict[int, tuple[Vocabulary, bool]]] = {
    80: ("coco", False),
    365: ("objects365", False),
    366: ("objects365", True),
    91: ("coco", True),
}
#: Numbers of COCO's own list of 91 categories of which no picture is annotated: models with 91
#: classes, such as RF-DETR, keep an output for each, and one for 0.
_COCO_GAPS: Final = frozenset((0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83))

KNOWN_CLASS_COUNTS: Final = tuple(_BY_CLASS_COUNT)


@dataclass(frozen=True)
class ClassNames:
    """What a model's class indices mean."""

    #: ``coco`` or ``objects365``, as the catalogue calls it, or :data:`OWN`.
    vocabulary: str
    #: Class name by index; ``None`` for an index that means "nothing".
    names: tuple[str | None, ...]

    def name(self, index: int) -> str | None:
        """Return the name of an index; ``None`` for one that means nothing."""
        return self.names[index] if 0 <= index < len(self.names) else None


def class_names(count: int) -> ClassNames | None:
    """Return the class names of a model with ``count`` classes; ``None`` if not known."""
    if count not in _BY_CLASS_COUNT:
        return None
    vocabulary, has_none = _BY_CLASS_COUNT[count]
    names = label_list(vocabulary)
    if count == 91:
        given = iter(names)
        sparse = (None if n in _COCO_GAPS else next(given) for n in range(count))
        return ClassNames(vocabulary, tuple(sparse))
    return ClassNames(vocabulary, (None, *names) if has_none else names)


def classes_of(model: Path, count: int | None, *, declared: str | Path | None) -> ClassNames:
    """Return the class names of a model.

    Parameters
    ----------
    model : pathlib.Path
        Its file, for messages.
    count : int or None
        How many classes it has; ``None`` where that is not known.
    declared : str or pathlib.Path or None
        ``coco``, ``objects365`` or a file of names; ``None`` goes by the count.

    Raises
    ------
    ModelError
        The count is not that of the declared classes, or of any that is known.
    """
    if declared is None:
        classes = None if count is None else class_names(count)
        if classes is None:
            raise ModelError(
                f"The model {model} tells {count} classes apart; the detector knows models of "
                f"{', '.join(map(str, KNOWN_CLASS_COUNTS))} classes (COCO, Objects365). Register "
                "it with a list of its classes (PHOTOQUEUE_HOME/models.toml), or use another."
            )
        return classes
    if isinstance(declared, Path):
        own = _own_names(declared)
        fitting = {len(own): ClassNames(OWN, own)}
    else:
        fitting = {
            known: classes
            for known in KNOWN_CLASS_COUNTS
            if (classes := class_names(known)) is not None and classes.vocabulary == declared
        }
    if count is None:
        # Where the numbers stand in the outputs alone, index 0 of Objects365 means nothing, and
        # those of COCO have no gaps.
        return fitting[366 if 366 in fitting else min(fitting)]
    if count not in fitting:
        raise ModelError(
            f"The model {model} tells {count} classes apart, but {declared} has "
            f"{' or '.join(map(str, fitting))}. Correct `classes` where the model is registered."
        )
    return fitting[count]


@cache
def label_list(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the class names of a vocabulary, in its own order."""
    file = Path(__file__).with_name("labels") / f"{vocabulary}.txt"
    return tuple(file.read_text(encoding="utf-8").splitlines())


def _own_names(file: Path) -> tuple[str | None, ...]:
    """Read a list of class names; an empty line is an index that means nothing."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ModelError(
            f"The class names in {file} cannot be read ({exc}). Write one name a line, in UTF-8."
        ) from exc
    return tuple(line.strip() or None for line in lines)


def seen_item(
    known: CatalogueItem,
    *,
    language: str,
    label: str,
    score: float | None,
    box: Box | None = None,
    alternatives: Mapping[str, float] | None = None,
) -> Item:
    """Return a thing of the catalogue as it was seen in a picture; parameters as of Item."""
    return Item(
        name=known.name(language),
        category=known.category,
        dismountable=known.dismountable,
        key=known.key,
        label=label,
        score=score,
        box=box,
        volume=known.volume_usual,
        alternatives=alternatives or {},
    )
