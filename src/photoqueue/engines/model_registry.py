"""Detection models by name: those that photoqueue knows, and those that a user registers.

Both are described in the same format. What photoqueue knows is ``known_models.toml`` beside this
module; a user's own models are in ``PHOTOQUEUE_HOME/models.toml`` or any
``PHOTOQUEUE_HOME/models/*.toml``::

    [models.our-rooms]
    path = "our-rooms.onnx"         # a file; relative to the folder of this TOML file

    [models.our-rooms-2]
    address = "https://files.example/our-rooms-2.onnx"      # for `photoqueue models pull`
    classes = "labels.txt"
    threshold = 0.4

==============  ===============================================================================
key             meaning
==============  ===============================================================================
``path``        the model file; without it, it is ``PHOTOQUEUE_HOME/models/NAME.onnx``
``address``     where to download it: one http(s) address, or a list to be tried in turn
``size``        bytes of the file at the address
``sha256``      digest of the file, or a list of those that are all right
``licence``     shown by ``photoqueue models list``
``classes``     ``coco``, ``objects365``, or a text file with one class name a line, in the order
                of the model's class numbers; an empty line is a number that means nothing. A
                name is a catalogue key, or a class name of COCO or Objects365. Without it,
                the number of classes must be that of COCO or Objects365
``threshold``   score, 0…1, below which things are not reported; ``PHOTOQUEUE_SCORE_THRESHOLD``
                wins over it
``note``        a few words, shown by ``photoqueue models list``
==============  ===============================================================================

An entry needs a ``path`` or an ``address``, or its file in ``PHOTOQUEUE_HOME/models/``. One
that has the name of a model that photoqueue knows takes its place.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from photoqueue.errors import ConfigurationError, EngineUnavailableError

#: Names are file names, command line arguments and parts of addresses.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"https?://[^\s/@]+/\S+")
_SCHEMA: Final = "photoqueue.engines.model_registry"
#: Class lists that need no file.
VOCABULARIES: Final = ("coco", "objects365")


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A model that can be named in ``PHOTOQUEUE_MODEL``.

    Attributes
    ----------
    name : str
    source : pathlib.Path
        The TOML file that describes it.
    own : bool
        Whether a user registered it.
    path : pathlib.Path or None
        Its file, where that is not ``<home>/models/<name>.onnx``.
    addresses : tuple of str
        Where it is published, in the order in which they are tried; may be empty.
    size : int or None
        Bytes of the published file.
    sha256 : tuple of str
        Digests of the file, any of which is right; empty where none is known.
    licence : str or None
    classes : str or pathlib.Path or None
        ``coco``, ``objects365``, or a file of class names.
    threshold : float or None
        Score, 0…1, below which things are not reported.
    note : str
    """

    name: str
    source: Path
    own: bool
    path: Path | None = None
    addresses: tuple[str, ...] = ()
    size: int | None = None
    sha256: tuple[str, ...] = ()
    licence: str | None = None
    classes: str | Path | None = None
    threshold: float | None = None
    note: str = ""

    def file(self, home: Path) -> Path:
        """Where its file lies, or belongs."""
        return self.path or home / "models" / f"{self.name}.onnx"


class _Table(BaseModel):
    """The keys of an entry, as TOML gives them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: Annotated[str, Field(min_length=1)] | None = None
    address: str | list[str] = []
    size: Annotated[int, Field(gt=0)] | None = None
    sha256: str | list[str] = []
    licence: str | None = None
    classes: Annotated[str, Field(min_length=1)] | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    note: str = ""


def read_entries(file: Path, *, own: bool) -> Iterator[ModelEntry]:
    """Read the models that a TOML file describes.

    Raises
    ------
    ConfigurationError
        The file cannot be read or is malformed; the message names file and key.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigurationError(
            f"The model file {file} cannot be read as TOML ({exc}). Correct it, or remove it."
        ) from exc
    for key in content:
        if key != "models":
            raise _error(file, key, "unknown table; a model's table is [models.NAME]")
    models = content.get("models", {})
    if not isinstance(models, dict):
        raise _error(file, "models", "a model's table is [models.NAME]")
    for name, table in models.items():
        yield _entry(file, name, table, own=own)


def _entry(file: Path, name: str, table: Any, *, own: bool) -> ModelEntry:
    place = f"models.{name}"
    if not _NAME.fullmatch(name):
        raise _error(
            file, place, "a name has lower-case letters, digits, '.', '_' and '-', 64 at most"
        )
    if not isinstance(table, dict):
        raise _error(file, place, f"a model's table is [models.{name}]")
    try:
        read = _Table.model_validate(table)
    except ValidationError as exc:
        problem = exc.errors()[0]
        key = str(problem["loc"][0])
        raise _error(file, f"{place}.{key}", _problem(name, key, table, problem["msg"])) from None
    addresses = _list(read.address)
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise _error(
                file,
                f"{place}.address",
                "give an address that begins with https:// or http://, without a login in it",
            )
    digests = [digest.lower() for digest in _list(read.sha256)]
    for digest in digests:
        if not _DIGEST.fullmatch(digest):
            raise _error(file, f"{place}.sha256", "a sha256 has 64 hexadecimal digits")
    return ModelEntry(
        name=name,
        source=file,
        own=own,
        path=None if read.path is None else _beside(file, read.path),
        addresses=tuple(addresses),
        size=read.size,
        sha256=tuple(digests),
        licence=read.licence,
        classes=_classes(file, place, read.classes),
        threshold=read.threshold,
        note=read.note,
    )


def _problem(name: str, key: str, table: dict[str, Any], problem: str) -> str:
    """Say what is wrong with a key."""
    if key in _Table.model_fields:
        return f"{problem} (it is {table[key]!r})"
    if isinstance(table[key], dict):
        # [models.v1.2] is the table "2" within "v1": TOML reads the dot.
        return f'unknown key; a name with a dot in it needs quotes: [models."{name}.{key}"]'
    near = difflib.get_close_matches(key, _Table.model_fields, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {meant}keys are {', '.join(_Table.model_fields)}"


def _classes(file: Path, place: str, classes: str | None) -> str | Path | None:
    if classes is None or classes in VOCABULARIES:
        return classes
    path = _beside(file, classes)
    if not path.is_file():
        raise _error(
            file,
            f"{place}.classes",
            f"there is no file {path}; give {' or '.join(VOCABULARIES)}, or a text file with one "
            "class name a line",
        )
    return path


def _beside(file: Path, path: str) -> Path:
    """Return a path that is relative to the folder of the TOML file."""
    return (file.parent / Path(path).expanduser()).absolute()


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _error(file: Path, key: str, problem: str) -> ConfigurationError:
    """Return an error that says where the problem is."""
    return ConfigurationError(
        f"Model file {file}, key {key}: {problem}. Correct it there; "
        f"`python -m pydoc {_SCHEMA}` shows the format."
    )


#: The detector to download in general.
RECOMMENDED: Final = "dfine-m-objects365"


@cache
def published_models() -> tuple[ModelEntry, ...]:
    """Return the models that photoqueue knows, the preferred first."""
    return tuple(read_entries(Path(__file__).with_name("known_models.toml"), own=False))


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
                    f"{models[entry.name].source} and in {file}. Remove one of them."
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


def pull_command() -> str:
    """Return the command that downloads the recommended detector."""
    size = next(entry.size for entry in published_models() if entry.name == RECOMMENDED)
    return f"photoqueue models pull {RECOMMENDED} ({megabytes(size)})"
