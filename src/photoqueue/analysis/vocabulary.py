"""The class names that detectors are trained on, as text files in ``labels/``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from photoqueue.inventory.catalogue import Vocabulary

#: Number of classes a model tells apart → (vocabulary, whether index 0 means "nothing").
#: Objects365 models number their classes from 1, and most keep an output for index 0.
_BY_CLASS_COUNT: Final[dict[int, tuple[Vocabulary, bool]]] = {
    80: ("coco", False),
    365: ("objects365", False),
    366: ("objects365", True),
}

KNOWN_CLASS_COUNTS: Final = tuple(_BY_CLASS_COUNT)


@dataclass(frozen=True)
class ClassNames:
    """What a model's class indices mean.

    Attributes
    ----------
    vocabulary : str
        ``coco`` or ``objects365``, as the catalogue calls it.
    names : tuple of (str or None)
        Class name by index; ``None`` for an index that means "nothing".
    """

    vocabulary: Vocabulary
    names: tuple[str | None, ...]


def class_names(count: int) -> ClassNames | None:
    """Return the class names of a model with ``count`` classes; ``None`` if not known."""
    if count not in _BY_CLASS_COUNT:
        return None
    vocabulary, has_none = _BY_CLASS_COUNT[count]
    names = label_list(vocabulary)
    return ClassNames(vocabulary, (None, *names) if has_none else names)


@cache
def label_list(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the class names of a vocabulary, in its own order."""
    file = Path(__file__).with_name("labels") / f"{vocabulary}.txt"
    return tuple(file.read_text(encoding="utf-8").splitlines())
