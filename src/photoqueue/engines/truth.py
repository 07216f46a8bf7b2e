"""What is known to be in a picture, and which findings agree with it.

A finding is right when its box overlaps a true one of its key by an IoU of at least 0.5; the
first findings choose first, and each truth is used once. Some true boxes **do not count**,
because what shows is too little to be sure of: missing one is no fault, and finding one
neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from photoqueue.engines.boxes import iou

if TYPE_CHECKING:
    from photoqueue.records.base import Box

#: Overlap, 0…1, from which a box counts as found; the usual choice.
MATCH_IOU: Final = 0.5


@dataclass(frozen=True)
class TrueBox:
    """One thing that is in a photo.

    Attributes
    ----------
    key : str
        Its catalogue key.
    box : tuple of float
        x0, y0, x1, y1 in 0…1 of the upright picture.
    counts : bool
        Whether enough of it shows that it must be found.
    """

    key: str
    box: Box
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class AnnotatedPhoto:
    """A photo whose contents are known.

    Attributes
    ----------
    name : str
        What tables call it.
    file : pathlib.Path
        The picture.
    boxes : tuple of TrueBox
    room_type : str or None
        Canonical kind of room, or a caller's own word; ``None`` where it is not known.
    """

    name: str
    file: Path
    boxes: tuple[TrueBox, ...]
    room_type: str | None = None


@dataclass(frozen=True)
class Matched:
    """Which findings of one photo count, and which of them are right, by key."""

    counted: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)


def match(
    truths: Sequence[TrueBox], found: Iterable[tuple[str, Box]], *, smallest: float = 0.0
) -> Matched:
    """Compare what was found in one photo with what is there.

    Parameters
    ----------
    truths : sequence of TrueBox
    found : iterable of (str, Box)
        Catalogue key and box of each finding, best score first.
    smallest : float
        0…1 of the picture: a finding that is narrower or lower than this and not right does
        not count, as true boxes of that size do not.
    """
    free = [truth for truth in truths if truth.counts]
    doubtful = [truth for truth in truths if not truth.counts]
    matched = Matched()
    for key, box in found:
        if (truth := _overlapped(key, box, free)) is not None:
            free.remove(truth)
            matched.right.append(key)
        elif _overlapped(key, box, doubtful) is not None or _is_smaller(box, smallest):
            continue
        matched.counted.append(key)
    return matched


def _overlapped(key: str, box: Box, truths: Sequence[TrueBox]) -> TrueBox | None:
    """Return the truth of this key that a box meets best; ``None`` if it meets none."""
    rivals = [truth for truth in truths if truth.key == key]
    if not rivals:
        return None
    boxes = np.array([truth.box for truth in rivals], dtype=np.float32)
    overlaps = iou(np.array(box, dtype=np.float32), boxes)
    best = int(overlaps.argmax())
    return rivals[best] if overlaps[best] >= MATCH_IOU else None


def _is_smaller(box: Box, limit: float) -> bool:
    x0, y0, x1, y1 = box
    return min(x1 - x0, y1 - y0) < limit
