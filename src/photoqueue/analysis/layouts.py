"""Layouts: how a detector takes its picture and gives its boxes.

A layout is chosen from the model's own inputs and outputs, never from its file name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from photoqueue.analysis.detr import AuthorsExport, TransformersExport
from photoqueue.analysis.yolox import RawYolox
from photoqueue.errors import ModelError

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.analysis.boxes import Candidates
    from photoqueue.analysis.signature import Signature


class Layout(Protocol):
    """What the detector needs to know of a family of models."""

    @property
    def name(self) -> str:
        """Display name, with the outputs that show it."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the model's input, in pixels."""
        ...

    @property
    def nms_iou(self) -> float:
        """Overlap, 0…1, above which two boxes of one class are one thing."""
        ...

    @property
    def default_threshold(self) -> float:
        """Score, 0…1, below which detections are not reported."""
        ...

    @property
    def counts_classes(self) -> bool:
        """Whether :meth:`class_count` is read off the outputs, and not guessed."""
        ...

    def feeds(self, image: Image.Image) -> dict[str, Any]:
        """Return the model's inputs, by name, for an RGB picture."""
        ...

    def class_count(self, outputs: Mapping[str, Any]) -> int:
        """Tell from a run how many classes the model has."""
        ...

    def decode(self, outputs: Mapping[str, Any], image: Image.Image) -> Candidates:
        """Return what the model proposes for the picture, before any choice."""
        ...


#: The most particular first; no model fits two of them.
_LAYOUTS: Final = (AuthorsExport, TransformersExport, RawYolox)


def choose_layout(signature: Signature, file: Path) -> Layout:
    """Return the layout of a model.

    Raises
    ------
    ModelError
        The model's inputs and outputs are those of no known layout.
    """
    for kind in _LAYOUTS:
        layout = kind.recognise(signature)
        if layout is not None:
            return layout
    known = "; ".join(kind.name for kind in _LAYOUTS)
    raise ModelError(
        f"The model {file} has a layout that the detector does not know: {signature}. "
        f"Known layouts: {known}. Export the model in one of them, or write an engine of "
        "your own and set PHOTOQUEUE_ENGINE to package.module:factory."
    )
