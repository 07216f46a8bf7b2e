"""Named tokens of the HTTP API: made, listed, withdrawn; and the operations asked for with them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import insert

from photoqueue.errors import NotFoundError, StateError
from photoqueue.queue.database import Database, storable
from photoqueue.queue.tables import api_operations, api_tokens
from photoqueue.words import TokenScope

#: Name of the token of the environment, on record.
OF_THE_ENVIRONMENT: Final = "PHOTOQUEUE_API_TOKEN"
#: Marks a token as one of photoqueue, for programs that search files for secrets.
PREFIX: Final = "pq_"
#: Longest target on record, in characters; names are shorter.
_MOST_TARGET: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A named token, without its secret."""

    name: str
    scope: TokenScope
    created_at: datetime | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation asked for over HTTP: by whom, what, of what, when, and the HTTP status."""

    token: str | None
    action: str
    target: str
    asked_at: datetime
    status: int | None


_TOKEN: Final = TypeAdapter(Token)


def digest_of(token: str) -> bytes:
    """Return what is stored and compared of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def make_token(database: Database, name: str, scope: TokenScope) -> str:
    """Make a token and return it; only its digest is stored.

    Raises
    ------
    StateError
        The name is in use, or was: operations on record name their token.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    values = {"name": name, "digest": digest_of(token), "scope": scope}
    new = insert(api_tokens).values(values).on_conflict_do_nothing(index_elements=["name"])
    with database.begin() as connection:
        made = name != OF_THE_ENVIRONMENT and connection.scalar(new.returning(api_tokens.c.name))
    if not made:
        raise StateError(
            f"A token has the name {name!r} already, or had it. Choose another name: what was done "
            "with a token is on record under its name."
        )
    return token


def list_tokens(database: Database) -> list[Token]:
    """List all tokens, withdrawn ones too, in the order in which they were made."""
    return list(_tokens(database).values())


def live_tokens(database: Database) -> Mapping[bytes, Token]:
    """Return the tokens that open the API, by their digests."""
    found = _tokens(database).items()
    return {digest: token for digest, token in found if token.withdrawn_at is None}


def _tokens(database: Database) -> dict[bytes, Token]:
    query = sa.select(api_tokens).order_by(api_tokens.c.created_at)
    with database.begin() as connection:
        rows = connection.execute(query).mappings()
        return {row["digest"]: _TOKEN.validate_python(dict(row)) for row in rows}


def withdraw_token(database: Database, name: str) -> None:
    """Withdraw a token; its name stays on record.

    Raises
    ------
    NotFoundError
        No token that is still valid has this name.
    """
    live = (api_tokens.c.name == name) & api_tokens.c.withdrawn_at.is_(None)
    update = sa.update(api_tokens).where(live).values(withdrawn_at=sa.func.now())
    with database.begin() as connection:
        if connection.execute(update).rowcount:
            return
    hint = " Change it in the environment of the server." if name == OF_THE_ENVIRONMENT else ""
    raise NotFoundError(
        f"No valid token has the name {name!r}.{hint} `photoqueue tokens list` lists them."
    )


def begin_operation(database: Database, token: str | None, action: str, target: str) -> int:
    """Record an operation before it is carried out; return its number."""
    # Whatever a caller takes for a name: it is told that there is no such thing.
    values = {"token": token, "action": action, "target": storable(target)[:_MOST_TARGET]}
    insert = sa.insert(api_operations).values(values).returning(api_operations.c.operation_id)
    with database.begin() as connection:
        return int(connection.execute(insert).scalar_one())


def end_operation(database: Database, operation_id: int, status: int) -> None:
    """Record how an operation was answered."""
    here = api_operations.c.operation_id == operation_id
    with database.begin() as connection:
        connection.execute(sa.update(api_operations).where(here).values(status=status))


def list_operations(database: Database, most: int) -> list[Operation]:
    """List the newest operations, at most so many, the newest first."""
    columns = [api_operations.c[name] for name in Operation.__dataclass_fields__]
    query = sa.select(*columns).order_by(api_operations.c.operation_id.desc()).limit(most)
    with database.begin() as connection:
        return [Operation(**row._mapping) for row in connection.execute(query)]
