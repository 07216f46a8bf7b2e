"""The load: batches of photos of all kinds, submitted while everything around them fails."""

from __future__ import annotations

import io
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

import photoqueue

#: Kinds of photo (see :mod:`chaos.engine`) and how many of a hundred are of each.
MIX: Final = {"ok": 66, "sleep": 30, "flaky": 3, "bad": 1}
#: Kinds that can only fail, submitted by a fault.
POISON: Final = ("raise", "crash", "exit", "odd", "hang")
#: The kind that ends its whole worker.
SLAYER: Final = "slay"
#: Photos of a batch, and unfinished jobs below which another batch is submitted.
_BATCH: Final = 50
_BACKLOG: Final = 200

_numbers = itertools.count()


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32), (180, 150, 120)).save(buffer, "JPEG")
    return buffer.getvalue()


_PICTURE: Final = _picture()


def photo(kind: str) -> dict[str, object]:
    """Make a photo of a kind, with an id and a content that no other has."""
    number = next(_numbers)
    content = b"no picture at all" if kind == "bad" else _PICTURE
    return {"photo": content + b"#%d" % number, "photo_id": f"{kind}-{number}"}


@dataclass
class Accepted:
    """What was submitted."""

    photos: set[str] = field(default_factory=set)
    #: Photos of batches whose submission raised: of each, all were accepted or none.
    refused: list[set[str]] = field(default_factory=list)
    inventories: int = 0
    #: How often which error was raised.
    errors: Counter[str] = field(default_factory=Counter)


class Load:
    """Submits batches from a thread of its own.

    Parameters
    ----------
    backlog
        Tells how many jobs have not ended; raises while that cannot be asked.
    """

    def __init__(self, seed: int, backlog: Callable[[], int]) -> None:
        self._chance = random.Random(seed)
        self._backlog = backlog
        #: Held while it submits.
        self.lock = threading.Lock()
        #: Set while nothing but faults submits.
        self.paused = threading.Event()
        self.accepted = Accepted()

    def submit(self, photos: list[dict[str, object]], project: str | None = None) -> bool:
        """Submit a batch; tell whether it was accepted."""
        names = {str(photo["photo_id"]) for photo in photos}
        with self.lock:
            try:
                batch = photoqueue.submit_photos(photos, project_id=project, user_id="chaos")
            except photoqueue.PhotoqueueError as exc:
                self.accepted.errors[type(exc).__name__] += 1
                self.accepted.refused.append(names)
                return False
            self.accepted.photos |= names
            if project is not None:
                self._sum_up(project, batch)
            if self._chance.random() < 0.3:
                self._move(batch)
            return True

    def run(self, jobs: int, stop: threading.Event, enough: threading.Event) -> None:
        """Submit photos, not all at once: so many, and more until it is enough."""
        left = jobs
        while (left > 0 or not enough.is_set()) and not stop.is_set():
            try:
                if self.paused.is_set() or self._backlog() > _BACKLOG:
                    stop.wait(0.05)
                    continue
            except Exception:  # whatever a server that is away makes of the question
                stop.wait(0.2)
                continue
            kinds = self._chance.choices(list(MIX), list(MIX.values()), k=_BATCH)
            project = f"move-{next(_numbers)}" if self._chance.random() < 0.2 else None
            if self.submit([photo(kind) for kind in kinds], project):
                left -= len(kinds)
            else:
                stop.wait(0.2)

    def _sum_up(self, project: str, batch: photoqueue.Batch) -> None:
        try:
            photoqueue.submit_inventory(project, user_id="chaos", after=batch)
            self.accepted.inventories += 1
        except photoqueue.PhotoqueueError as exc:
            self.accepted.errors[type(exc).__name__] += 1

    def _move(self, batch: photoqueue.Batch) -> None:
        """Put a batch before the others, and back among them."""
        try:
            for priority in (5, 0):
                photoqueue.prioritise(batch, priority)
        except photoqueue.PhotoqueueError as exc:
            self.accepted.errors[type(exc).__name__] += 1
