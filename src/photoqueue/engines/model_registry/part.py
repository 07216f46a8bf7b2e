"""Where a file is fetched from, and what has arrived of it.

A note beside the part file says where that came from and which version it is of, so that two
versions, or two servers' files, are never joined.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from photoqueue.addresses import masked


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a file comes from, and what is known of it.

    Attributes
    ----------
    address : str
        May hold a login (``https://user:password@…``), which only this server is told.
    size : int or None
        Bytes of the file.
    known_content : bool
        Whether its digest is checked afterwards, so that a server need not prove that a
        continued file is the one that was begun.
    silence : float
        Seconds without a byte after which the server is given up.
    """

    address: str
    size: int | None = None
    known_content: bool = False
    silence: float = 30.0

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return masked(self.address)


@dataclass(frozen=True)
class Part:
    """What has arrived of a file, and the note beside it."""

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self, source: Source) -> tuple[bool, str | None]:
        """Tell whether a file from this source can be gone on with, and its ETag."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            same, etag = note["address"] == source.shown, note["etag"]
        except (OSError, ValueError, KeyError, TypeError):
            return False, None
        return same and (etag is not None or source.known_content), etag

    def begin(self, source: Source, etag: str | None) -> None:
        """Note what is about to arrive."""
        # A weak ETag does not promise the same bytes.
        strong = etag if etag and not etag.startswith("W/") else None
        self.remove()
        self._note.write_text(
            json.dumps({"address": source.shown, "etag": strong}), encoding="utf-8"
        )

    def remove(self) -> None:
        """Take the file and its note away."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Put the complete file in its place, in one step."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)
