"""Appearance of states in widgets and charts: colour, icon, hatch, and always a word.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which are distinguishable
with any kind of colour vision; icon and word carry the meaning without colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from photoqueue.words import JobState

#: The eight colours of Okabe and Ito, by name.
BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY_BLUE: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
#: Neutral; readable on white and on black.
GREY: Final = "#808080"


@dataclass(frozen=True, slots=True)
class Look:
    """How one state is drawn."""

    #: As ``#rrggbb``.
    colour: str
    #: One character that is in text fonts.
    icon: str
    #: Matplotlib's hatch pattern for areas.
    hatch: str


LOOKS: Final[dict[JobState, Look]] = {
    JobState.WAITING: Look(GREY, "○", ".."),
    JobState.ACTIVE: Look(BLUE, "▶", ""),
    JobState.DELAYED: Look(ORANGE, "↻", "\\\\"),
    JobState.COMPLETED: Look(GREEN, "✓", ""),
    JobState.FAILED: Look(VERMILION, "✕", "//"),
    JobState.CANCELLED: Look(PURPLE, "⊘", "xx"),
}


@dataclass(frozen=True, slots=True)
class CategoryLook:
    """How the boxes of one category of things are drawn."""

    #: Line and label background, as ``#rrggbb``.
    colour: str
    #: Label text and outline of the line; contrast at least 4.5:1 to ``colour``.
    ink: str
    #: Lengths of dashes and gaps in pixels, as in SVG; empty is a solid line.
    dash: str


#: The colours are those of :mod:`photoqueue.engines.drawing`.
CATEGORY_LOOKS: Final[dict[str, CategoryLook]] = {
    "furniture": CategoryLook(BLUE, "#FFFFFF", ""),
    "appliance": CategoryLook(VERMILION, BLACK, "10 4"),
    "electronics": CategoryLook(PURPLE, BLACK, "3 3"),
    "box": CategoryLook(ORANGE, BLACK, "12 3 3 3"),
    "art": CategoryLook(YELLOW, BLACK, "8 3 2 3 2 3"),
    "misc": CategoryLook(GREEN, BLACK, "6 3"),
    "": CategoryLook(SKY_BLUE, BLACK, "16 4"),
}
