"""Photos a second from a folder: submitted by photoqueue, and read, hashed and written by hand.

By hand each file is read, its SHA-256 is computed, and its bytes are written to a file of that name
and flushed, as they must survive a power cut before a job may name them. photoqueue also tells
pictures from other files, reads their headers, gives a file its name only when it is complete, and
writes the rows and messages of the jobs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import photoqueue
from benchmarks.measures.photos import sample_photos
from benchmarks.servers import Servers
from photoqueue.installation import use

_PHOTOS = 600


def submit(servers: Servers, scale: float) -> dict[str, float]:
    """Submit a folder of photos that nobody has seen."""
    use(servers.settings)
    try:
        warm = next(iter(sample_photos(1)))
        photoqueue.submit_photos([{"photo": warm, "photo_id": f"{time.time_ns():x}"}], user_id="b")
        return _measure(
            servers, scale, lambda folder: photoqueue.submit_photos(str(folder), user_id="b")
        )
    finally:
        use(None)


def by_hand(servers: Servers, scale: float) -> dict[str, float]:
    """Read, hash and write the files of a folder, one after the other."""
    written = Path(tempfile.mkdtemp(dir=servers.settings.home))
    try:
        return _measure(servers, scale, lambda folder: _copy(folder, written))
    finally:
        shutil.rmtree(written)


def _copy(folder: Path, written: Path) -> None:
    for path in sorted(folder.rglob("*.jpg")):
        data = path.read_bytes()
        with (written / hashlib.sha256(data).hexdigest()).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _measure(servers: Servers, scale: float, take: Callable[[Path], object]) -> dict[str, float]:
    """Time what takes in a folder of photos, each of which is new."""
    folder = Path(tempfile.mkdtemp(dir=servers.settings.home))
    number = max(10, round(_PHOTOS * scale))
    try:
        for place, path in enumerate(sample_photos(number)):
            mark = f"{folder.name}-{place}".encode()
            (folder / f"{place:05}.jpg").write_bytes(path.read_bytes() + mark)
        os.sync()
        began = time.perf_counter()
        take(folder)
        return {"photos/s": number / (time.perf_counter() - began)}
    finally:
        shutil.rmtree(folder)
