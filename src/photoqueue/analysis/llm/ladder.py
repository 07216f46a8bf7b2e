"""How a server is made to answer in JSON: the best way that it knows, found out once.

Servers differ: some take a JSON schema and keep to it, some only promise any JSON, some
refuse both with status 400. The rung that a server took is remembered for the process, by
server and model, so that the way down is walked once and not for every photo.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from photoqueue.analysis.llm.access import Access


class Rung(StrEnum):
    """Ways to ask for JSON, from the best to the one that every server knows."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    #: Only the words of the prompt ask for it.
    PROMPT = "prompt"

    @property
    def next(self) -> Rung | None:
        """The rung below; ``None`` at the bottom."""
        rungs = list(Rung)
        below = rungs[rungs.index(self) + 1 :]
        return below[0] if below else None

    def response_format(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the request says about the form of its answer."""
        if self is Rung.PROMPT:
            return None
        if self is Rung.JSON_OBJECT:
            return {"type": "json_object"}
        return {
            "type": "json_schema",
            "json_schema": {"name": "inventory", "strict": True, "schema": schema},
        }


#: Server and model → the rung that it took, in this process.
_TAKEN: Final[dict[str, Rung]] = {}


class Ladder:
    """The rung on which one server and model are asked."""

    def __init__(self, access: Access) -> None:
        self._name = access.name
        chosen = access.response_format
        self._fixed = None if chosen == "auto" else Rung(chosen)
        self._rung = self._fixed or _TAKEN.get(self._name, Rung.JSON_SCHEMA)

    @property
    def rung(self) -> Rung:
        """Where the ladder stands."""
        return self._rung

    def step_down(self) -> bool:
        """Go one rung down; False at the bottom, or where the settings fix the rung."""
        below = None if self._fixed else self._rung.next
        if below is None:
            return False
        self._rung = below
        return True

    def remember(self) -> None:
        """Note that the server took this rung."""
        if self._fixed is None:
            _TAKEN[self._name] = self._rung
