"""What a report says and how it writes numbers, in one language and one system of units."""

from __future__ import annotations

import tomllib
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from photoqueue import format as formats
from photoqueue.inventory.estimate_words import M3_PER_FT3, Words
from photoqueue.inventory.weights import KG_PER_LB
from photoqueue.phrases import phrase
from photoqueue.records.estimates import Units


@cache
def languages() -> dict[str, dict[str, Any]]:
    """Return all words, by language."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class ReportWords:
    """The words of a report, and its numbers with their units.

    Parameters
    ----------
    language
        ``en`` or ``fr``.
    units
        ``metric`` (m³, kg) or ``imperial`` (ft³, lb).
    """

    def __init__(self, language: str, units: Units = "metric") -> None:
        self.language = language
        self._words, words = languages()[language], Words(language, units)
        #: Writes a number with the digits that it has, as formulas of estimates do.
        self.figure = words.number
        #: Returns the name of a vehicle; usual ones are translated.
        self.vehicle = words.vehicle
        metric = units == "metric"
        self.volume_unit, self.weight_unit = ("m³", "kg") if metric else ("ft³", "lb")
        self._volume, self._weight = (1.0, 1.0) if metric else (1 / M3_PER_FT3, 1 / KG_PER_LB)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text, with values put in."""
        return str(self._words[key]).format(**values)

    def several(self, count: int, key: str) -> str:
        """Return the text for a number of things; it names the number as ``{count}``."""
        # French takes the singular for none, too.
        one = abs(count) < 2 if self.language == "fr" else count == 1
        return str(self._words[key][not one]).format(count=self.number(count))

    def counted(self, count: int, noun: str) -> str:
        """Return ``3 photos``."""
        return f"{self.number(count)} {self.several(count, noun)}"

    def category(self, name: str) -> str:
        """Return the name of a category; unknown ones stay as they are."""
        return phrase(self.language, name)

    def number(self, value: float | Decimal | None, decimals: int = 0) -> str:
        """Write a number: ``1,234.5``, ``1 234,5``."""
        text = formats.number(None if value is None else float(value), decimals)
        return formats.french(text) if self.language == "fr" else text

    def volume(self, cubic_metres: float | None, decimals: int = 2, *, unit: bool = True) -> str:
        """Write a volume that is given in m³, in the units of the report."""
        value = None if cubic_metres is None else self.volume_of(cubic_metres)
        decimals -= self._volume > 1  # a ft³ is a small part of a m³
        return self._with(self.number(value, decimals), self.volume_unit if unit else "")

    def volume_of(self, cubic_metres: float) -> float:
        """Return m³ in the units of the report."""
        return cubic_metres * self._volume

    def weight(self, kilograms: float | None, *, unit: bool = True) -> str:
        """Write a weight that is given in kg, in the units of the report."""
        value = None if kilograms is None else self.weight_of(kilograms)
        return self._with(self.number(value), self.weight_unit if unit else "")

    def weight_of(self, kilograms: float) -> float:
        """Return kg in the units of the report."""
        return kilograms * self._weight

    def money(self, amount: Decimal, currency: str) -> str:
        """Write an amount: ``EUR 1,234.50``, ``1 234,50 EUR``."""
        decimals = max(0, -int(amount.as_tuple().exponent))
        text = f"{amount:,.{decimals}f}"
        if self.language == "fr":
            return f"{formats.french(text)}\u00a0{currency}"
        return f"{currency}\u00a0{text}"

    def between(self, low: str, high: str) -> str:
        """Return the range of two figures: ``4.1 to 6.3``."""
        return self("range", low=low, high=high)

    def date(self, when: datetime) -> str:
        """Write a day in local time: ``30 November 2026``."""
        day = when.astimezone()
        first = "1er" if day.day == 1 and self.language == "fr" else str(day.day)
        return f"{first} {self._words['months'][day.month - 1]} {day.year}"

    @staticmethod
    def _with(number: str, unit: str) -> str:
        return f"{number}\u00a0{unit}" if unit and number != formats.NOTHING else number
