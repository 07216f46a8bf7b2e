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
``family``      ``dfine`` or ``rfdetr``, for a model with outputs ``logits`` and ``pred_boxes`` and
                classes of its own: they want different pixels
``note``        a few words, shown by ``photoqueue models list``
==============  ===============================================================================

An entry needs a ``path`` or an ``address``, or its file in ``PHOTOQUEUE_HOME/models/``. One
that has the name of a model that photoqueue knows takes its place.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from photoqueue.addresses import expanded
from photoqueue.errors import ConfigurationError, EngineUnavailableError, ModelError
from photoqueue.settings import Settings

#: Names are file names, command line arguments and parts of addresses.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
#: Class lists that need no file.
VOCABULARIES: Final = ("coco", "objects365")
#: The detector to download in general.
RECOMMENDED: Final = "dfine-l-objects365"


def _beside(path: object, info: ValidationInfo) -> object:
    """Return a path that is relative to the folder of the TOML file."""
    if not isinstance(path, str):
        return path
    if not path:
        raise ValueError("give the name of a file")
    return (info.data["source"].parent / expanded(path)).absolute()


def _class_list(value: object, info: ValidationInfo) -> object:
    found = value if value in VOCABULARIES else _beside(value, info)
    if isinstance(found, Path) and not found.is_file():
        raise ValueError(
            f"there is no file {found}; give {' or '.join(VOCABULARIES)}, or a text file with one "
            "class name a line"
        )
    return found


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _matching(pattern: str, otherwise: str) -> BeforeValidator:
    """Return what refuses texts that do not match, without repeating them."""

    def check(text: object) -> object:
        if isinstance(text, str) and not re.fullmatch(pattern, text):
            raise ValueError(otherwise)
        return text

    return BeforeValidator(check)


_Address = Annotated[
    str,
    _matching(
        r"https?://[^\s/@]+/\S+",
        "give an address that begins with https:// or http://, without a login in it",
    ),
]
_Digest = Annotated[
    str,
    StringConstraints(to_lower=True),
    _matching("[0-9a-fA-F]{64}", "a sha256 has 64 hexadecimal digits"),
]


class ModelEntry(BaseModel):
    """A model that can be named in ``PHOTOQUEUE_MODEL``, or the file that it names.

    The fields are the keys of the table above, with their defaults resolved.
    """

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)

    name: str
    #: The TOML file that describes it.
    source: Path | None = None
    #: Whether it is a user's, not a published one.
    own: bool = True
    path: Annotated[Path, BeforeValidator(_beside)]
    addresses: Annotated[tuple[_Address, ...], BeforeValidator(_several)] = Field(
        default=(), alias="address"
    )
    size: Annotated[int, Field(gt=0, strict=True)] | None = None
    sha256: Annotated[tuple[_Digest, ...], BeforeValidator(_several)] = ()
    licence: str | None = None
    classes: Annotated[str | Path | None, BeforeValidator(_class_list)] = None
    threshold: Annotated[float, Field(ge=0, le=1, strict=True)] | None = None
    family: Literal["dfine", "rfdetr"] | None = None
    note: str = ""

    def exists(self) -> bool:
        """Whether its file exists; its content is not checked."""
        return self.path.is_file()


#: The keys of an entry in TOML.
KEYS: Final = tuple(
    field.alias or name
    for name, field in ModelEntry.model_fields.items()
    if name not in ("name", "source", "own")
)


def _entries(file: Path, home: Path, *, own: bool) -> Iterator[ModelEntry]:
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
        yield _entry(file, home, name, table, own=own)


def _entry(file: Path, home: Path, name: str, table: object, *, own: bool) -> ModelEntry:
    place = f"models.{name}"
    if not _NAME.fullmatch(name):
        raise _error(
            file, place, "a name has lower-case letters, digits, '.', '_' and '-', 64 at most"
        )
    if not isinstance(table, dict):
        raise _error(file, place, f"a model's table is [models.{name}]")
    for key in table:
        if key not in KEYS:
            raise _error(file, f"{place}.{key}", _unknown(name, key, table[key]))
    given: dict[str, Any] = {"path": home / "models" / f"{name}.onnx", **table}
    try:
        return ModelEntry(name=name, source=file, own=own, **given)
    except ValidationError as exc:
        problem = exc.errors()[0]
        key = str(problem["loc"][0])
        told = f"{problem['msg']} (it is {table[key]!r})"
        told = str(problem.get("ctx", {}).get("error", told))  # a ValueError of this module
        raise _error(file, f"{place}.{key}", told) from None


def _unknown(name: str, key: str, value: object) -> str:
    """Say what is wrong with a key that is none."""
    if isinstance(value, dict):
        # [models.v1.2] is the table "2" within "v1": TOML reads the dot.
        return f'unknown key; a name with a dot in it needs quotes: [models."{name}.{key}"]'
    near = difflib.get_close_matches(key, KEYS, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {meant}keys are {', '.join(KEYS)}"


def _error(file: Path, key: str, problem: str) -> ConfigurationError:
    """Return an error that says where the problem is."""
    return ConfigurationError(
        f"Model file {file}, key {key}: {problem}. Correct it there; "
        f"`python -m pydoc {__name__}` shows the format."
    )


@cache
def published_models(home: Path) -> tuple[ModelEntry, ...]:
    """Return the models that photoqueue knows, the preferred first."""
    return tuple(_entries(Path(__file__).with_name("known_models.toml"), home, own=False))


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
        for entry in _entries(file, home, own=True):
            if entry.name in models:
                raise ConfigurationError(
                    f"The model {entry.name!r} is registered twice: in "
                    f"{models[entry.name].source} and in {file}. Remove one of them."
                )
            models[entry.name] = entry
    for entry in published_models(home):
        models.setdefault(entry.name, entry)
    return models


def present_models(home: Path) -> Iterator[ModelEntry]:
    """Return the registered models whose files are there, the preferred first; not checked."""
    return (entry for entry in registered_models(home).values() if entry.exists())


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


def locate_model(settings: Settings) -> ModelEntry:
    """Return the model that the settings mean; its file exists, and its content is not read.

    Raises
    ------
    EngineUnavailableError
        There is no such file; the message says which names exist and where files go.
    ConfigurationError
        A file that registers models is malformed.
    """
    models = registered_models(settings.home)
    advice = (
        f"Known names: {', '.join(models)}; download one ({pull_command(settings.home)}), or put "
        f"its file at {settings.home / 'models'}/<name>.onnx. Or set PHOTOQUEUE_MODEL to the path "
        "of any DEIMv2, D-FINE, RF-DETR or YOLOX model in ONNX."
    )
    if settings.model is None:
        present = next(present_models(settings.home), None)
        if present is None:
            raise EngineUnavailableError(f"The detector has no model. {advice}")
        return present
    path = expanded(settings.model)
    entry = models.get(settings.model) or ModelEntry(name=path.stem, path=path)
    if entry.exists():
        return entry
    if entry.source is None:
        raise EngineUnavailableError(
            f"PHOTOQUEUE_MODEL is {settings.model!r}, which is neither a file nor a known "
            f"name.{did_you_mean(settings.model, models)} {advice}"
        )
    raise EngineUnavailableError(
        f"The model {entry.name!r} is not there yet: {how_to_get(entry)} {advice}"
    )


def find_model(settings: Settings) -> ModelEntry:
    """Return the model that the settings mean, the content of its file checked.

    Raises
    ------
    EngineUnavailableError, ConfigurationError
        As for :func:`locate_model`.
    ModelError
        A file with a known name is not the published one.
    """
    return checked(locate_model(settings))


def checked(entry: ModelEntry) -> ModelEntry:
    """Return the model once the content of its file is right.

    Raises
    ------
    ModelError
        It is another file, or cannot be read.
    """
    problem = difference(entry, entry.path)
    if problem is None:
        return entry
    which = "registered" if entry.own else "published"
    again = f"; remove it and run `photoqueue models pull {entry.name}`" if entry.addresses else ""
    raise ModelError(
        f"The file {entry.path} is not the {which} model {entry.name!r} ({problem}). "
        f"Put the {which} file there{again}, or keep yours under another name and set "
        "PHOTOQUEUE_MODEL to its path."
    )


def difference(entry: ModelEntry, file: Path) -> str | None:
    """Say in what way a file is not the model's, or return ``None`` when it is.

    A model without a digest is compared by its size; one without either is taken as it is.

    Raises
    ------
    ModelError
        The file cannot be read.
    """
    if not entry.sha256:
        if entry.size is None or (size := file.stat().st_size) == entry.size:
            return None
        return f"{size:,} bytes instead of {entry.size:,}"
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(
            f"The model file {file} cannot be read ({exc.strerror or exc}). "
            "Make it readable for this user, or download it again."
        ) from exc
    if digest in entry.sha256:
        return None
    return f"sha256 {digest} instead of {' or '.join(entry.sha256)}"


def how_to_get(entry: ModelEntry) -> str:
    """Return the sentence that says how to get a model's file."""
    if entry.addresses:
        return f"photoqueue models pull {entry.name} ({megabytes(entry.size)})."
    return f"put its file at {entry.path}."


def pull_command(home: Path) -> str:
    """Return the command that downloads the recommended detector."""
    size = next(entry.size for entry in published_models(home) if entry.name == RECOMMENDED)
    return f"photoqueue models pull {RECOMMENDED} ({megabytes(size)})"


def megabytes(size: int | None) -> str:
    """Write a file size: ``79.2 MB``."""
    return "size not known" if size is None else f"{size / 1e6:,.1f} MB"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a sentence with the names that are most like this one, or nothing."""
    near = difflib.get_close_matches(name, list(names), n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
