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
