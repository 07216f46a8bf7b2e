"""What persons said of items beyond their kind and box."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Links:
    """What persons said of items beyond their kind and box; items by their ids."""

    #: Items that are one thing; each item is in at most one group.
    groups: tuple[frozenset[str], ...] = ()
    #: Items that are a thing of their own.
    apart: Set[str] = frozenset()
    #: Items that do not move.
    stays: Set[str] = frozenset()
    #: Items of which a person said what they are or where: they are there, whatever their score.
    settled: Set[str] = frozenset()

    def among(self, item_ids: Iterable[str]) -> Links:
        """Return what was said of some items."""
        names = frozenset(item_ids)
        return Links(
            groups=tuple(group for group in self.groups if group & names),
            apart=names & self.apart,
            stays=names & self.stays,
            settled=names & self.settled,
        )


NO_LINKS: Final = Links()
