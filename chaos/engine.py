"""The engine of the runs: the photo id says what happens, and every run is put on file.

``ok-…`` returns at once, ``sleep-…`` takes up to 0.2 s, ``flaky-…`` raises in about half of its
runs, ``raise-…`` always, ``crash-…`` ends its process, ``slay-…`` its whole worker, ``exit-…``
calls ``sys.exit``, ``hang-…`` never returns, ``odd-…`` returns no analysis.

A run is an effect outside of the tracking table, as a paid call of a model would be. It is
written down before it begins, with a token of its own that also goes into the result: so it can
be told how often a photo was given to an engine, and whose result was kept.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import uuid
from pathlib import Path

from PIL import Image

from photoqueue import Analysis, Hint, Item

#: Folder in which each process keeps a file of its runs.
RUNS_VARIABLE = "CHAOS_RUNS"


class ChaosEngine:
    """Does what the photo id says."""

    name = "chaos"
    model = "none"

    def __init__(self) -> None:
        self._file = os.open(
            Path(os.environ[RUNS_VARIABLE]) / f"{os.getpid()}-{uuid.uuid4().hex[:8]}",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND,
            0o644,
        )

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Note the run, then behave as asked."""
        token = uuid.uuid4().hex
        os.write(self._file, f"{hint.photo_id} {token}\n".encode())
        behave(hint.photo_id.partition("-")[0])
        if hint.photo_id.startswith("odd-"):
            return None  # type: ignore[return-value]  # what a broken engine does
        item = Item(name="chair", category="furniture", key="chair", label=token, score=0.9)
        return Analysis(
            items=(item,), room_type="kitchen", confidence=0.9, room_type_confidence=0.8
        )


def behave(kind: str) -> None:
    """Do what a photo of this kind makes an engine do."""
    if kind == "sleep":
        time.sleep(random.uniform(0.0, 0.2))
    elif kind == "flaky" and random.random() < 0.5:
        raise ConnectionError("try again")
    elif kind == "raise":
        raise RuntimeError("the engine does not like this photo")
    elif kind == "crash":
        os._exit(42)
    elif kind == "slay":
        os.kill(os.getsid(0), signal.SIGKILL)  # the supervisor: it began the session
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "exit":
        sys.exit(3)
    elif kind == "hang":
        time.sleep(3600)


def make() -> ChaosEngine:
    """Return the engine."""
    return ChaosEngine()


def runs_in(folder: Path) -> dict[str, list[str]]:
    """Read the tokens of all runs, by photo."""
    found: dict[str, list[str]] = {}
    for path in folder.iterdir():
        for line in path.read_text().splitlines():
            photo, _, token = line.partition(" ")
            found.setdefault(photo, []).append(token)
    return found
