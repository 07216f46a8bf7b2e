"""Which models there are: those that photoqueue knows and those of the user."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from photoqueue.engines.model_registry.entry import ModelEntry, read_entries
from photoqueue.errors import ConfigurationError, EngineUnavailableError

#: The detector to fetch when nothing speaks for another one.
RECOMMENDED: Final = "dfine-m-objects365"


@cache
def published_models() -> tuple[ModelEntry, ...]:
    """Return the models that photoqueue knows, the preferred first."""
    return tuple(read_entries(Path(__file__).with_name("known.toml"), own=False))


def registered_models(home: Path) -> dict[str, ModelEntry]:
    """Return all models by name, in order of preference: the user's own come first.

    Parameters
    ----------
    home : pathlib.Path
        The data directory (``PHOTOQUEUE_HOME``).

    Raises
    ------
    ConfigurationError
        A TOML file of the user is malformed, or two of them name the same model.
    """
    models: dict[str, ModelEntry] = {}
    for file in (home / "models.toml", *sorted((home / "models").glob("*.toml"))):
        if not file.is_file():
            continue
        for entry in read_entries(file, own=True):
            if entry.name in models:
                raise ConfigurationError(
                    f"The model {entry.name!r} is registered twice: in "
                    f"{models[entry.name].source} and in {file}. Take one of them away."
                )
            models[entry.name] = entry
    for entry in published_models():
        models.setdefault(entry.name, entry)
    return models


def model_entry(home: Path, name: str) -> ModelEntry:
    """Return the model of this name.

    Raises
    ------
    EngineUnavailableError
        There is none; the message has the nearest names, and all of them.
    """
    models = registered_models(home)
    if name not in models:
        raise EngineUnavailableError(
            f"There is no model {name!r}.{did_you_mean(name, models)} "
            f"Registered models: {', '.join(models)}. Register one of your own in "
            f"{home / 'models.toml'}."
        )
    return models[name]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a sentence with the names that are most like this one, or nothing."""
    near = difflib.get_close_matches(name, list(names), n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def megabytes(size: int | None) -> str:
    """Write a file size: ``79.2 MB``."""
    return "size not known" if size is None else f"{size / 1e6:,.1f} MB"
