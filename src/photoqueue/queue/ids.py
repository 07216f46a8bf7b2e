"""Identifiers: UUIDv7 for jobs and workers, readable names for batches, photo ids from content."""

from __future__ import annotations

import hashlib
import secrets
import struct
import threading
import time
import uuid
from typing import Final

#: Looked up once, as looking up an enum member takes a third of a microsecond.
_UNKNOWN: Final = uuid.SafeUUID.unknown

_lock = threading.Lock()
_last_ticks = 0


def new_uuid() -> uuid.UUID:
    """Make a UUIDv7 that sorts after all earlier ones of this process."""
    return new_uuids(1)[0]


def new_uuids(number: int) -> list[uuid.UUID]:
    """Make UUIDv7s in ascending order, after all earlier ones of this process.

    RFC 9562 section 6.2, method 3: the twelve bits after the milliseconds hold their fraction.
    When ids are made faster than the clock ticks, each takes the next free tick, so that ids are
    in the order of submission.
    """
    global _last_ticks
    now = time.time_ns() * 4096 // 1_000_000
    with _lock:
        first = max(now, _last_ticks + 1)
        _last_ticks = first + number - 1
    # One call for all of them: each call is a system call.
    random = struct.unpack(f">{number}Q", secrets.token_bytes(8 * number))
    return [
        _uuid((ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | bits >> 2)
        for ticks, bits in zip(range(first, first + number), random, strict=True)
    ]


def _uuid(number: int) -> uuid.UUID:
    """Make a UUID of a valid number, without the slow checks of ``UUID()``."""
    made = object.__new__(uuid.UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def new_batch_id() -> str:
    """Make a batch id that a person can read, sort and type: ``b-20261123-3f9a2c81``."""
    return f"b-{time.strftime('%Y%m%d', time.gmtime())}-{secrets.token_hex(4)}"


def photo_id_for(sha256: str, project_id: str | None, room: str | None = None) -> str:
    """Make a photo id from content, project and room.

    The same picture is one photo within a room, whatever its file name; in another room or project
    it is another photo.
    """
    seed = "\x00".join([project_id or "", *([room] if room else []), sha256])
    return f"p-{hashlib.sha256(seed.encode()).hexdigest()[:16]}"
