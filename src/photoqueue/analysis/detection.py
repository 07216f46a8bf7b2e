"""What a detection model says about one box, before the catalogue has its say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photoqueue.models import Box


@dataclass(frozen=True, kw_only=True)
class Detection:
    """One thing that the model saw, whether or not movers care for it.

    Attributes
    ----------
    label : str
        The model's class name.
    score : float
        0…1.
    box : tuple of float
        x0, y0, x1, y1 in 0…1 of the picture.
    """

    label: str
    score: float
    box: Box

    @cached_property
    def kind(self) -> str:
        """The class name in lower case, in which COCO and Objects365 agree."""
        return self.label.casefold()
