"""The environment variables, from ``Settings``."""

from __future__ import annotations

import typing
from typing import Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from parts.comments import of_fields, table
from photoqueue.settings import Settings, variable_of


def markdown() -> str:
    """Write the table of all variables."""
    rows: list[tuple[object, ...]] = [
        (f"`{variable_of(name)}`", _default(name, field), _kind(field), meaning(name))
        for name, field in Settings.model_fields.items()
    ]
    return table("Variable", "Default", "Value", "Meaning", rows=rows)


def meaning(field: str) -> str:
    """Return what is said of a setting, for a cell of the table."""
    said = of_fields("photoqueue.settings", "Settings").get(field, "")
    return said.replace("`None`", "*unset*")


def _default(name: str, field: FieldInfo) -> str:
    if name == "home":
        return "user data directory"
    default = field.default
    if default is None or default == "":
        return "none"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _kind(field: FieldInfo) -> str:
    alternatives = [
        kind
        for kind in (typing.get_args(field.annotation) or (field.annotation,))
        if kind is not type(None)
    ]
    if typing.get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(field.annotation))
    kind: Any = alternatives[0]
    limits: list[Any] = list(field.metadata)
    if typing.get_origin(kind) is typing.Annotated:
        kind, *more = typing.get_args(kind)
        limits += more
    if typing.get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(kind))
    name = {int: "whole number", float: "number", bool: "`true`, `false`", SecretStr: "secret"}
    return _limited(name.get(kind, "path" if "Path" in str(kind) else "text"), limits)


def _limited(kind: str, limits: list[Any]) -> str:
    flat: list[Any] = []
    for limit in limits:
        flat.extend(limit.metadata if isinstance(limit, FieldInfo) else [limit])
    for limit in flat:
        if isinstance(limit, Ge):
            kind += f", at least {limit.ge:g}"
        elif isinstance(limit, Gt):
            kind += f", above {limit.gt:g}"
        elif isinstance(limit, Le):
            kind += f", at most {limit.le:g}"
        elif getattr(limit, "pattern", None) == "^(en|fr)$":
            kind = "`en`, `fr`"
    return kind
