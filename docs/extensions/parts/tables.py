"""The tracking tables, from ``photoqueue.queue.tables``, with a sentence for each column."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from parts.comments import table
from photoqueue.queue.tables import SCHEMA_REVISION, metadata

_SENTENCES = Path(__file__).parents[2] / "reference" / "columns.toml"


@cache
def sentences() -> dict[str, dict[str, str]]:
    """Return table → column → its sentence; the key ``table`` is about the table."""
    return tomllib.loads(_SENTENCES.read_text(encoding="utf-8"))


def markdown() -> str:
    """Write a section for each table."""
    parts = [f"The tables of this release are at revision `{SCHEMA_REVISION}`."]
    parts += [_section(one) for one in metadata.sorted_tables]
    return "\n\n".join(parts)


def _section(one: sa.Table) -> str:
    said = sentences().get(one.name, {})
    rows: list[tuple[object, ...]] = [
        (
            f"`{column.name}`",
            _type(column),
            "yes" if column.nullable else "",
            said.get(column.name, ""),
        )
        for column in one.columns
    ]
    key = ", ".join(f"`{column.name}`" for column in one.primary_key.columns)
    parts = [
        f"## {one.name}",
        said.get("table", ""),
        table("Column", "Type", "Null", "Meaning", rows=rows),
        f"Primary key: {key}.",
    ]
    indexes = sorted(one.indexes, key=lambda index: str(index.name))
    if indexes:
        parts.append("Indexes: " + "; ".join(map(_index, indexes)) + ".")
    return "\n\n".join(parts)


def _type(column: sa.Column[Any]) -> str:
    return f"`{column.type.compile(dialect=postgresql.dialect()).lower()}`"


def _index(index: sa.Index) -> str:
    columns = ", ".join(str(getattr(part, "name", None) or part) for part in index.expressions)
    where = index.dialect_options["postgresql"]["where"]
    unique = "unique, " if index.unique else ""
    return f"`{index.name}` ({unique}on `{columns}`" + (
        f" where `{where}`)" if where is not None else ")"
    )
