"""One model of the registry, and how it is read from TOML."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from photoqueue.errors import ConfigurationError

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
            f"The model file {file} cannot be read as TOML ({exc}). Correct it, or take it away."
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
        raise _error(file, f"{place}.{key}", _told(name, key, table, problem["msg"])) from None
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


def _told(name: str, key: str, table: dict[str, Any], problem: str) -> str:
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
