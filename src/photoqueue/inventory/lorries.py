"""Which lorry a volume needs.

Sizes are those in common use in Europe. Vans of 12 and 20 m³ are what a driver with a car
licence (category B, 3.5 t) rents for a move; French hire firms offer 20 to 22 m³ as the
largest usual one (metamorphouse.fr/?p=2820, domicozy.fr/?p=1332, read in 2026). Those of
lorries are the inside of bodies within the limits of Directive 96/53/EC (2.55 m wide, 4 m
high, a rigid lorry of 12 m, a semi-trailer of 13.6 m inside), rounded down: 7.5 t 6.2 × 2.4 ×
2.4 m, 12 t 7.3 × 2.45 × 2.5 m, 19 t 9 × 2.45 × 2.7 m, articulated 13.6 × 2.45 × 2.7 m.

It is a hint: weight, stairs, a street too narrow and goods that are not to be stacked are
the mover's to judge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lorry:
    """A size of lorry.

    Attributes
    ----------
    name_en, name_fr : str
        What people call it.
    gross_tonnes : float
        Largest permitted weight with its load, in t.
    cubic_metres : float
        What it holds, in m³.
    """

    name_en: str
    name_fr: str
    gross_tonnes: float
    cubic_metres: float

    def name(self, language: str) -> str:
        """Display name in ``en`` or ``fr``."""
        return self.name_fr if language == "fr" else self.name_en


#: From the smallest to the largest.
LORRIES: Final = (
    Lorry("van", "fourgon", 3.5, 12.0),
    Lorry("large van", "camion 20 m³", 3.5, 20.0),
    Lorry("7.5 t lorry", "camion de 7,5 t", 7.5, 35.0),
    Lorry("12 t lorry", "porteur de 12 t", 12.0, 45.0),
    Lorry("19 t lorry", "porteur de 19 t", 19.0, 60.0),
    Lorry("articulated lorry", "semi-remorque", 40.0, 90.0),
)


@dataclass(frozen=True, slots=True)
class Load:
    """How a volume is carried: in ``trips`` loads of one size of lorry."""

    lorry: Lorry
    trips: int

    def words(self, language: str = "en") -> str:
        """Say it: ``large van (3.5 t, 20 m³)``, ``2 × articulated lorry (40 t, 90 m³)``."""
        times = f"{self.trips} × " if self.trips > 1 else ""
        size = self.lorry
        return f"{times}{size.name(language)} ({size.gross_tonnes:g} t, {size.cubic_metres:g} m³)"


def lorry_for(volume: float) -> Load:
    """Return the smallest lorry that holds a volume in one load, else loads of the largest.

    Parameters
    ----------
    volume
        Moving volume in m³, 0 or more.

    Examples
    --------
    >>> lorry_for(18.5).words()
    'large van (3.5 t, 20 m³)'
    """
    for lorry in LORRIES:
        if volume <= lorry.cubic_metres:
            return Load(lorry, 1)
    largest = LORRIES[-1]
    return Load(largest, math.ceil(volume / largest.cubic_metres))
