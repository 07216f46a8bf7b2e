"""Which model file the detector runs: a path, or a name of the model registry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from photoqueue.engines.model_registry import (
    ModelEntry,
    did_you_mean,
    megabytes,
    pull_command,
    registered_models,
)
from photoqueue.errors import EngineUnavailableError, ModelError
from photoqueue.settings import Settings


def digest_of(file: Path) -> str:
    """Return the sha256 of a file in hexadecimal.

    Raises
    ------
    ModelError
        The file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(
            f"The model file {file} cannot be read ({exc.strerror or exc}). "
            "Make it readable for this user, or download it again."
        ) from exc


def difference(entry: ModelEntry, file: Path) -> str | None:
    """Say in what way a file is not the model's, or return ``None`` when it is.

    A model without a digest is compared by its size; one without either is taken as it is.
    """
    if entry.sha256:
        digest = digest_of(file)
        if digest not in entry.sha256:
            return f"sha256 {digest} instead of {' or '.join(entry.sha256)}"
    elif entry.size is not None and (size := file.stat().st_size) != entry.size:
        return f"{size:,} bytes instead of {entry.size:,}"
    return None


def checked(entry: ModelEntry, file: Path) -> Path:
    """Return the file once its content is that of the model.

    Raises
    ------
    ModelError
        It is another file, or cannot be read.
    """
    problem = difference(entry, file)
    if problem is None:
        return file
    which = "registered" if entry.own else "published"
    again = "; remove it and run `photoqueue models pull " + entry.name + "`"
    raise ModelError(
        f"The file {file} is not the {which} model {entry.name!r} ({problem}). "
        f"Put the {which} file there{again if entry.addresses else ''}, or keep yours under "
        "another name and set PHOTOQUEUE_MODEL to its path."
    )


@dataclass(frozen=True)
class ModelFile:
    """A model file that exists, the name to show for it, and what is known of it.

    Attributes
    ----------
    name : str
    path : pathlib.Path
    classes : str or pathlib.Path or None
        ``coco``, ``objects365``, or a file of class names; ``None`` leaves it to the model.
    threshold : float or None
        Score, 0…1, below which things are not reported; ``None`` leaves it to the layout.
    """

    name: str
    path: Path
    classes: str | Path | None = None
    threshold: float | None = None


def find_model(settings: Settings) -> ModelFile:
    """Return the model file that the settings mean, its content checked.

    Raises
    ------
    EngineUnavailableError
        There is no such file; the message says which names exist and where files go.
    ModelError
        A file with a known name is not the published one.
    ConfigurationError
        A file that registers models is malformed.
    """
    found = locate_model(settings)
    return ModelFile(found.stem, found) if isinstance(found, Path) else _of(found, settings.home)


def locate_model(settings: Settings) -> ModelEntry | Path:
    """Return the registered model, or else the path, that the settings mean; content not read.

    Raises
    ------
    EngineUnavailableError, ConfigurationError
        As for :func:`find_model`.
    """
    models = registered_models(settings.home)
    if settings.model is None:
        entry = next(present_models(settings.home), None)
        if entry is None:
            raise EngineUnavailableError(
                f"The detector has no model. {_advice(settings.home, models)}"
            )
        return entry
    entry = models.get(settings.model)
    if entry is not None:
        if not entry.file(settings.home).is_file():
            raise EngineUnavailableError(
                f"The model {entry.name!r} is not there yet: {how_to_get(entry, settings.home)} "
                f"{_advice(settings.home, models)}"
            )
        return entry
    path = Path(settings.model).expanduser()
    if not path.is_file():
        raise EngineUnavailableError(
            f"PHOTOQUEUE_MODEL is {settings.model!r}, which is neither a file nor a known "
            f"name.{did_you_mean(settings.model, models)} {_advice(settings.home, models)}"
        )
    return path


def present_models(home: Path) -> Iterator[ModelEntry]:
    """Return the registered models whose files are there, the preferred first; not checked."""
    for entry in registered_models(home).values():
        if entry.file(home).is_file():
            yield entry


def how_to_get(entry: ModelEntry, home: Path) -> str:
    """Return the sentence that says how to get a model's file."""
    if entry.addresses:
        return f"photoqueue models pull {entry.name} ({megabytes(entry.size)})."
    return f"put its file at {entry.file(home)}."


def _of(entry: ModelEntry, home: Path) -> ModelFile:
    path = checked(entry, entry.file(home))
    return ModelFile(entry.name, path, classes=entry.classes, threshold=entry.threshold)


def _advice(home: Path, models: dict[str, ModelEntry]) -> str:
    """Return what to do when there is no model file."""
    return (
        f"Known names: {', '.join(models)}; download one ({pull_command()}), "
        f"or put its file at {home / 'models'}/<name>.onnx. Or set PHOTOQUEUE_MODEL to the "
        "path of any DEIMv2, D-FINE or YOLOX model in ONNX."
    )
