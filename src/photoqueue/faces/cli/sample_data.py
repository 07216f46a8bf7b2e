"""Photos and a model to try photoqueue with, until it is given others.

A checkout may have a ``shared/data`` folder beside it::

    shared/data/photos/annotations.json   and the pictures that it names
    shared/data/models/deimv2_hgnetv2_femto_coco.onnx
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from photoqueue.errors import EngineUnavailableError

if TYPE_CHECKING:
    from photoqueue.settings import Settings

_MODEL: Final = "deimv2_hgnetv2_femto_coco.onnx"


def data_folder() -> Path:
    """Return where the data of a checkout would be; it may not exist."""
    import photoqueue

    checkout = Path(photoqueue.__file__).resolve().parents[2]
    return checkout.parent / "shared" / "data"


def sample_photos() -> Path | None:
    """Return the annotated photos beside the checkout, or None where there are none."""
    folder = data_folder() / "photos"
    return folder if (folder / "annotations.json").is_file() else None


def with_model(settings: Settings) -> Settings:
    """Return settings whose engine can work: as configured, else the detector of the samples.

    Raises
    ------
    EngineUnavailableError
        The detector is asked for and has no model; the message says where models go.
    """
    from photoqueue.engines.model_files import find_model
    from photoqueue.engines.registry import choose_engine

    chosen = choose_engine(settings).settings
    if chosen.engine not in ("detector", "builtin"):
        return chosen
    sample = data_folder() / "models" / _MODEL
    try:
        if chosen.engine == "detector":
            find_model(chosen)
            return chosen
    except EngineUnavailableError:
        if settings.model is not None or not sample.is_file():
            raise
    if settings.engine == "builtin" or not sample.is_file():
        return chosen
    return settings.model_copy(update={"engine": "detector", "model": str(sample)})
