"""An engine for the notebooks: it looks at nothing and does what the photo id says.

``quick-…`` and ``slow-…`` succeed, ``busy2-…`` is told twice that the service is busy and then
succeeds, ``busy5-…`` so often that no attempt is left, ``blank-…`` can never be analysed. So a
notebook about retries and failures has some, the same ones each time.
"""

from __future__ import annotations

import io
import re
import time
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from photoqueue import Analysis, Hint, Item, PermanentError, Settings, Usage

#: How many photos of each kind make an evening of work.
EVENING = {"quick": 24, "slow": 6, "busy1": 5, "busy2": 3, "busy5": 2, "blank": 2}

CHAIR = Item(name="chair", category="furniture", key="chair", score=0.9, volume=0.25)


class ServiceBusyError(Exception):
    """The service has no time; it may have later."""


class ScriptedEngine:
    """Does what the photo id says, and notes in a folder how often it was asked."""

    name = "scripted"
    model = "notebook"

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        notes.mkdir(parents=True, exist_ok=True)

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Take a while, then succeed or fail."""
        kind = hint.photo_id.partition("-")[0]
        # Between 10 and 60 ms, ten times that for a slow one: by the id, not by chance.
        part = zlib.crc32(hint.photo_id.encode()) % 50
        time.sleep((10 + part) / 1000 * (10 if kind == "slow" else 1))
        if kind == "blank":
            raise PermanentError("The picture shows nothing; take it again.")
        busy = re.fullmatch(r"busy(\d)", kind)
        if busy and self._asked(hint.photo_id) <= int(busy[1]):
            raise ServiceBusyError("the service answered 503")
        usage = Usage(tokens_in=900 + part, tokens_out=40, cost_usd=0.0004)
        return Analysis(items=(CHAIR,), room_type="kitchen", confidence=0.9, usage=usage)

    def _asked(self, photo_id: str) -> int:
        with (self._notes / photo_id).open("a+") as file:
            file.write(".")
            return file.tell()


def make(settings: Settings) -> ScriptedEngine:
    """Build the engine; a worker calls this once in each of its processes."""
    return ScriptedEngine(settings.home / "asked")


def evening() -> list[dict[str, Any]]:
    """Make the photos of an evening, as rows for ``submit_photos``."""
    names = [f"{kind}-{number:02}" for kind, many in EVENING.items() for number in range(many)]
    return [{"photo": _picture(name), "photo_id": name, "room": "kitchen"} for name in names]


def _picture(name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), zlib.crc32(name.encode()) % 0x1000000).save(buffer, "PNG")
    return buffer.getvalue()
