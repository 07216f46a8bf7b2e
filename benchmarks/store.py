"""The measurements on disk: JSON that later runs are merged into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Values by measure, contender and name of the value; a value for each repetition.
Values = dict[str, dict[str, dict[str, list[float]]]]


class Store:
    """What was measured, kept after each single measurement.

    A measure of a contender that is measured again replaces what was kept of it; everything
    else stays, so that a run can be continued or done in parts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.about: dict[str, Any] = kept.get("about", {})
        self.skipped: dict[str, str] = kept.get("skipped", {})
        self.values: Values = kept.get("values", {})
        self._begun: set[tuple[str, str]] = set()

    def add(self, measure: str, contender: str, values: dict[str, float]) -> None:
        """Keep one repetition."""
        if (measure, contender) not in self._begun:
            self._begun.add((measure, contender))
            self.skipped.pop(f"{contender}, {measure}", None)
            self.values.setdefault(measure, {})[contender] = {}
        kept = self.values[measure][contender]
        for name, value in values.items():
            kept.setdefault(name, []).append(value)
        self.save()

    def has(self, measure: str, contender: str, repeats: int) -> bool:
        """Whether a measure of a contender has been repeated so often."""
        kept = self.values.get(measure, {}).get(contender, {})
        return bool(kept) and all(len(values) >= repeats for values in kept.values())

    def rows(self) -> Iterator[tuple[str, str, str, list[float]]]:
        """Go through it: measure, contender, name of the value, values."""
        for measure, contenders in self.values.items():
            for contender, named in contenders.items():
                for name, values in named.items():
                    yield measure, contender, name, values

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        kept = {"about": self.about, "skipped": self.skipped, "values": self.values}
        fresh.write_text(json.dumps(kept, indent=1, ensure_ascii=False))
        fresh.replace(self._path)
