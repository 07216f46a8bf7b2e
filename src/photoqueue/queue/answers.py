"""Answers to requests of the HTTP API that carry an ``Idempotency-Key``.

A request claims its key before it is carried out, and keeps its answer under it. A claim is a
lease: it ends by itself when the server that made it has died.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from photoqueue.queue.database import Database, again, load_statements

#: Time for which a server may be silent about a request that it carries out.
LEASE: Final = timedelta(seconds=30)
_ANSWERS: Final = load_statements("answers.sql")


class KeyState(NamedTuple):
    """A key: claimed for this request, or held by another one.

    ``ref`` is the same in all attempts at a request: what was stored under it is not stored again.
    Of the one that holds it there are the digest, None while its body is received, and the answer.
    """

    claim: UUID | None = None
    ref: UUID | None = None
    digest: bytes | None = None
    status: int | None = None
    answer: str | None = None


@again()
def claim(database: Database, caller: str, key: str, digest: bytes | None) -> KeyState:
    """Claim the key of a caller for a request, or return what holds it."""
    whose = {"caller": caller, "key": key}
    with database.begin() as connection:
        _ANSWERS(connection, "forget", **whose)
        mine = _ANSWERS(connection, "claim", **whose, digest=digest, lease=LEASE).first()
        if mine is not None:
            return KeyState(*mine)
        held = _ANSWERS(connection, "held", **whose).first()
    # None: it was freed between the two.
    return KeyState() if held is None else KeyState(None, None, *held)


def record(
    database: Database,
    claim: UUID | None,
    what: Literal["renew", "keep", "release", "give_up"],
    **answer: bytes | int | str | None,
) -> None:
    """Record what becomes of a claim, unless another request took it over.

    ``renew`` holds it for another lease, ``keep`` keeps an answer (``digest``, ``status``, and
    JSON or None as ``answer``) for a day, ``release`` lets the same request be sent again, and
    ``give_up`` any other one.
    """
    with database.begin() as connection:
        _ANSWERS(connection, what, claim=claim, lease=LEASE, **answer)
