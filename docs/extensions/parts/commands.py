"""The commands, from the typer app."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import typer.main

from parts.comments import table
from photoqueue.faces.cli.app import app

#: Type of an option's value → what stands for it.
_KINDS: Final = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH"}


def every_command() -> Iterator[tuple[str, Any]]:
    """Yield each command with its full name, such as ``photoqueue models pull``."""
    yield from _walk("photoqueue", typer.main.get_command(app))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for key in sorted(below):
        yield from _walk(f"{name} {key}", below[key])


def markdown() -> str:
    """Write a section for each command."""
    return "\n\n".join(_section(name, command) for name, command in every_command())


def _section(name: str, command: Any) -> str:
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option" and one.name != "help"]
    words = [name, *(["[OPTIONS]"] if options else []), *map(_placeholder, arguments)]
    parts = [f"## {name}", f"```text\n{' '.join(words)}\n```", _text(command.help or "")]
    rows: list[tuple[object, ...]] = [
        *((f"`{_placeholder(one)}`", _text(getattr(one, "help", "") or "")) for one in arguments),
        *((_option(one), _said(one)) for one in options),
    ]
    if rows:
        parts.append(table("Parameter", "Meaning", rows=rows))
    return "\n\n".join(parts)


def _placeholder(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()).strip("[]")
    name = f"{name}…" if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    kind = option.type_descriptor.annotation
    if typing.get_origin(kind) is typing.Literal:
        return f"{names} {', '.join(f'`{choice}`' for choice in typing.get_args(kind))}"
    (kind,) = typing.get_args(kind) or (kind,)
    if issubclass(kind, Enum):
        return f"{names} {', '.join(f'`{choice.value}`' for choice in kind)}"
    return f"{names} {option.metavar or _KINDS.get(kind, kind.__name__.upper())}"


def _said(option: Any) -> str:
    default = option.default
    text = _text(option.help or "")
    if default is None or default is False or callable(default) or default in ((), []):
        return text
    return f"{text} Default: `{getattr(default, 'value', default)}`."


def _text(text: str) -> str:
    return " ".join(text.replace("\b", "").split()).replace("|", "\\|").replace("<", "&lt;")
