"""Identifiers: UUIDv7 for jobs and workers, readable names for batches."""

from __future__ import annotations

import secrets
import struct
import threading
import time
import uuid
from typing import Final

#: Looked up once: a member of an enumeration takes a third of a microsecond to look up.
_UNKNOWN: Final = uuid.SafeUUID.unknown

_lock = threading.Lock()
_last_ticks = 0


def new_uuid() -> uuid.UUID:
    """Make a UUIDv7 that sorts after every one this process made before."""
    return new_uuids(1)[0]


def new_uuids(number: int) -> list[uuid.UUID]:
    """Make UUIDv7s in ascending order, after every one this process made before.

    RFC 9562 section 6.2, method 3: the twelve bits behind the millisecond hold its
    fraction. A bulk submission makes ids faster than the clock ticks; each then takes
    the next free tick, so that the order of submission is the order of the ids.
    """
    global _last_ticks
    now = time.time_ns() * 4096 // 1_000_000
    with _lock:
        first = max(now, _last_ticks + 1)
        _last_ticks = first + number - 1
    # One call for all: each one asks the system.
    random = struct.unpack(f">{number}Q", secrets.token_bytes(8 * number))
    return [
        _uuid((ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | bits >> 2)
        for ticks, bits in zip(range(first, first + number), random, strict=True)
    ]


def _uuid(number: int) -> uuid.UUID:
    """Return the UUID of a number that is known to be one: its own checks take longer."""
    made = object.__new__(uuid.UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def new_batch_id() -> str:
    """Make a batch id that a person can read, sort and type: ``b-20261123-3f9a2c81``."""
    return f"b-{time.strftime('%Y%m%d', time.gmtime())}-{secrets.token_hex(4)}"
