"""Answers to requests of the HTTP API that carry an ``Idempotency-Key``.

A request claims its key before it is carried out, and keeps its answer under it. A claim is a
lease: it ends by itself when the server that made it has died.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from photoqueue.queue.database import Database, again, load_statements

#: Time for which a server may be silent about a request that it carries out.
LEASE: Final = timedelta(seconds=30)
_ANSWERS: Final = load_statements("answers.sql")


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """The right to carry out the request of a key.

    ``ref`` is the same in all attempts at it: what was stored under it is not stored again.
    """

    claim: UUID
    ref: UUID


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key that is not free: the digest of its request, and the answer if there is one.

    The digest is None while the body of an upload is received.
    """

    digest: bytes | None
    status: int | None
    answer: str | None


@again()
def claim(database: Database, caller: str, key: str, digest: bytes | None) -> KeyClaim | HeldKey:
    """KeyClaim the key of a caller for a request, or return what holds it."""
    whose = {"caller": caller, "key": key}
    with database.begin() as connection:
        _ANSWERS(connection, "forget", **whose)
        mine = _ANSWERS(connection, "claim", **whose, digest=digest, lease=LEASE).first()
        if mine is not None:
            return KeyClaim(mine.claim, mine.ref)
        held = _ANSWERS(connection, "held", **whose).first()
    # None: it was freed between the two.
    if held is None:
        return HeldKey(None, None, None)
    return HeldKey(held.digest, held.status, held.answer)


def renew(database: Database, claim: KeyClaim) -> None:
    """Hold a claim for another lease."""
    with database.begin() as connection:
        _ANSWERS(connection, "renew", claim=claim.claim, lease=LEASE)


def keep(
    database: Database, claim: KeyClaim, digest: bytes, status: int, answer: str | None
) -> None:
    """Keep the answer (JSON, or None) to a request for a day; not if another one took over."""
    given = {"digest": digest, "status": status, "answer": answer}
    with database.begin() as connection:
        _ANSWERS(connection, "keep", claim=claim.claim, **given)


def free(database: Database, claim: KeyClaim, *, refused: bool) -> None:
    """Let a key be used again: for any request if this was refused, else for the same one."""
    with database.begin() as connection:
        _ANSWERS(connection, "give_up" if refused else "release", claim=claim.claim)
