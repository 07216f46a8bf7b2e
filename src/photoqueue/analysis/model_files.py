"""Which model file the detector runs: a path, or a name that photoqueue knows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.errors import EngineUnavailableError, ModelError
from photoqueue.settings import Settings

#: Bytes read at a time when a file is checked.
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A published model that can be named instead of giving a path.

    Attributes
    ----------
    name : str
        As in ``PHOTOQUEUE_MODEL``; the file is ``<home>/models/<name>.onnx``.
    sha256 : str
        Digest of the published file.
    """

    name: str
    sha256: str


#: In order of preference: with none named, the first that is present is used. All know the
#: 80 classes of COCO and are published under Apache-2.0.
KNOWN_MODELS: Final[dict[str, KnownModel]] = {
    model.name: model
    for model in (
        KnownModel(
            name="deimv2-femto-coco",
            sha256="c6ad358f750132b891165e034c2ba507abefc5ebe1c1d2732a0acbcacc47e52c",
        ),
        KnownModel(
            name="deimv2-atto-coco",
            sha256="b114aa6610ac7c2bd9b3186ffb001afa872430db957407ef2473f7148d00646e",
        ),
        KnownModel(
            name="yolox-nano-coco",
            sha256="695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
        ),
    )
}


@dataclass(frozen=True)
class ModelFile:
    """A model file that exists, and the name to show for it."""

    name: str
    path: Path


def find_model(settings: Settings) -> ModelFile:
    """Return the model file that the settings mean.

    Raises
    ------
    EngineUnavailableError
        There is no such file; the message says which names exist and where files go.
    ModelError
        A file with a known name is not the published one.
    """
    folder = settings.home / "models"
    if settings.model is None:
        for name in KNOWN_MODELS:
            if _known_path(folder, name).is_file():
                return _checked(folder, name)
        raise EngineUnavailableError(f"The detector has no model. {_advice(folder)}")
    if settings.model in KNOWN_MODELS:
        if not _known_path(folder, settings.model).is_file():
            raise EngineUnavailableError(
                f"The model {settings.model!r} is not there yet. {_advice(folder)}"
            )
        return _checked(folder, settings.model)
    path = Path(settings.model).expanduser()
    if not path.is_file():
        raise EngineUnavailableError(
            f"PHOTOQUEUE_MODEL is {settings.model!r}, which is neither a file nor a known "
            f"name. {_advice(folder)}"
        )
    return ModelFile(path.stem, path)


def _known_path(folder: Path, name: str) -> Path:
    """Where the file of a known model lies."""
    return folder / f"{name}.onnx"


def _checked(folder: Path, name: str) -> ModelFile:
    """Return a known model's file once its content is that of the published one."""
    path = _known_path(folder, name)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != KNOWN_MODELS[name].sha256:
        raise ModelError(
            f"The file {path} is not the published model {name!r} (sha256 "
            f"{digest.hexdigest()}). Put the published file there, or keep yours under another "
            "name and set PHOTOQUEUE_MODEL to its path."
        )
    return ModelFile(name, path)


def _advice(folder: Path) -> str:
    """Return what to do when there is no model file."""
    return (
        f"Known names: {', '.join(KNOWN_MODELS)}; put the file at {folder}/<name>.onnx. "
        "Or set PHOTOQUEUE_MODEL to the path of any DEIMv2, D-FINE or YOLOX model in ONNX."
    )
