"""The engine ``builtin``: a small model of our own that comes with the package.

It works on a fresh machine without a network, and is what ``auto`` falls back on. It was
trained on rendered rooms alone (``training/`` in the repository, with its model card): on
photos of real rooms it is a stopgap, and a pulled detector or an LLM sees far more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from photoqueue.engines.boxes import Candidates, FloatArray, IntArray, pair_iou
from photoqueue.engines.contract import DIGITS, Analysis, Hint, Item
from photoqueue.engines.session import ModelSession, share_of_cores
from photoqueue.engines.vocabulary import seen_item
from photoqueue.errors import ModelError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.copies import look_alike
from photoqueue.inventory.wording import OTHER
from photoqueue.settings import Device, Settings

if TYPE_CHECKING:
    from PIL import Image

#: Most cells that are considered; a room has some dozens of things.
_MOST: Final = 200
#: Overlap from which two cells count as the same thing.
_VOTES_TOGETHER: Final = 0.5
#: Overlap from which the boxes of two cells of one kind are averaged.
_BOXES_TOGETHER: Final = 0.6
#: Overlap above which two boxes are one thing: of one kind, of kinds that look alike, of any.
_ONE_KIND: Final = 0.4
_ONE_LOOK: Final = 0.5
_ANY_KIND: Final = 0.7


def agree(
    boxes: FloatArray, scores: FloatArray, *, floor: float, looks: IntArray | None = None
) -> tuple[Candidates, FloatArray]:
    """Return the things that the cells of a model agree on.

    Parameters
    ----------
    boxes : ndarray of float32, shape (n, 4)
        x0, y0, x1, y1 of every cell's box.
    scores : ndarray of float32, shape (n, classes)
        0…1.
    floor
        Cells whose best score is lower do not vote.
    looks : ndarray of int64, shape (classes,), optional
        Group of kinds that look alike, one number a class; each its own when left out.

    Returns
    -------
    Candidates
        Best score first; the score is that of the best cell.
    ndarray of float32, shape (k, classes)
        The mean scores of all cells that voted for each.
    """
    best = scores.max(1)
    order = np.argsort(-best, kind="stable")[:_MOST]
    order = order[best[order] > floor]
    boxes, scores, best = boxes[order], scores[order], best[order]
    overlap = pair_iou(boxes, boxes)
    weight = (overlap >= _VOTES_TOGETHER) * overlap * best
    votes = weight @ scores / np.maximum(weight.sum(1, keepdims=True), 1e-9)
    kinds = votes.argmax(1) if len(votes) else np.zeros(0, np.int64)
    kept = _apart(overlap, kinds, kinds if looks is None else looks[kinds])
    same = (overlap[kept] >= _BOXES_TOGETHER) & (kinds[kept, None] == kinds)
    share = same * best**2
    # A box of no area overlaps nothing, itself included.
    total = share.sum(1, keepdims=True)
    mean = np.where(total > 0, share @ boxes / np.maximum(total, 1e-9), boxes[kept])
    found = Candidates(mean.astype(np.float32), best[kept], kinds[kept])
    return found, votes[kept].astype(np.float32)


def _apart(overlap: FloatArray, kinds: IntArray, looks: IntArray) -> IntArray:
    """Return which boxes remain when each removes lower ones that it overlaps too much."""
    limit = np.full(overlap.shape, _ANY_KIND, np.float32)
    limit[looks[:, None] == looks] = _ONE_LOOK
    limit[kinds[:, None] == kinds] = _ONE_KIND
    double: npt.NDArray[np.bool_] = overlap > limit
    kept: list[int] = []
    dropped = np.zeros(len(kinds), np.bool_)
    for index in range(len(kinds)):
        if not dropped[index]:
            kept.append(index)
            dropped |= double[index]
    return np.array(kept, np.int64)


WEIGHTS: Final = Path(__file__).with_name("weights") / "photoqueue-rooms-1.onnx"

#: Cells that score lower do not vote on what a thing is.
FLOOR: Final = 0.1
#: Below this share of the most votes, another class of a box is not an alternative.
_DOUBT: Final = 0.25
#: Below this probability the kind of room is "other".
_ROOM_FLOOR: Final = 0.35
#: Of 256; a picture with fewer grey levels is blank.
_SHADES: Final = 8
_PADDING: Final = (114, 114, 114)
_REMEDY: Final = "Install photoqueue again."


class BuiltinEngine:
    """Finds about two dozen kinds of things with the model in the package.

    Parameters
    ----------
    catalogue : Catalogue
        Names and volumes.
    threads : int
        onnxruntime threads.
    score_threshold : float or None
        Items below this score, 0…1, are not reported; ``None`` is the model's own, which
        differs from class to class.

    Raises
    ------
    EngineUnavailableError
        onnxruntime is not installed.
    ModelError
        The file in the package is damaged.
    """

    name: Final = "builtin"

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        threads: int = 1,
        score_threshold: float | None = None,
        file: Path = WEIGHTS,
        device: Device = "auto",
    ) -> None:
        self._catalogue = catalogue
        self._session = ModelSession(file, threads=threads, device=device, remedy=_REMEDY)
        about = self._session.metadata
        try:
            self.model = about["name"]
            self.classes: list[str] = json.loads(about["classes"])
            self.rooms: list[str] = json.loads(about["rooms"])
            own: list[float] = json.loads(about["thresholds"])
        except (KeyError, ValueError) as exc:
            raise ModelError(
                f"The built-in model {file} lacks its description ({exc!r}). {_REMEDY}"
            ) from exc
        limits = own if score_threshold is None else [score_threshold] * len(own)
        self._limits = np.array(limits, np.float32)
        self._looks = groups_of_looks(self.classes)
        _, _, self._height, self._width = self._session.signature.inputs[0].shape
        # The first run allocates memory, so that the first photo is as quick as the others.
        self._session.run({"image": np.zeros((1, 3, *self.input_size[::-1]), np.float32)})

    def __repr__(self) -> str:
        return f"BuiltinEngine({self.model!r})"

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the picture that the model sees, in pixels."""
        return int(self._width or 0), int(self._height or 0)

    @property
    def sufficient_side(self) -> int:
        """Twice the shorter side of the input: what is shrunk to it stays a mean of pixels."""
        return 2 * min(self.input_size)

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Find what a mover moves in an upright picture, and the kind of room."""
        small = self._fitted(image)
        if _is_blank(small):
            items, room_type, certainty = [], OTHER, 0.0
        else:
            outputs, scale = self._look(small)
            items = self._items(outputs["scores"][0], outputs["boxes"][0] * scale, hint.language)
            room_type, certainty = self._room(outputs["rooms"][0])
        return Analysis.of(items, hint, room_type=room_type, certainty=certainty)

    def _fitted(self, image: Image.Image) -> Image.Image:
        """Return the picture as large as the model's input allows."""
        from PIL import Image as Pictures

        width, height = self.input_size
        shrink = min(width / image.width, height / image.height)
        size = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
        rgb = image if image.mode == "RGB" else image.convert("RGB")
        return rgb.resize(size, Pictures.Resampling.BILINEAR, reducing_gap=2.0)

    def _look(self, small: Image.Image) -> tuple[dict[str, Any], FloatArray]:
        """Run the model; return its outputs and what its boxes are to be multiplied by."""
        from PIL import Image as Pictures

        width, height = self.input_size
        canvas = Pictures.new("RGB", (width, height), _PADDING)
        canvas.paste(small)
        pixels = np.asarray(canvas, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        across, down = width / small.width, height / small.height
        return (
            self._session.run({"image": np.ascontiguousarray(pixels)}),
            np.array([across, down, across, down], np.float32),
        )

    def _items(self, scores: FloatArray, boxes: FloatArray, language: str) -> list[Item]:
        # A sofa that might be of two or of three seats is still one sofa: looks alike.
        floor = min(FLOOR, float(self._limits.min()))
        found, votes = agree(np.clip(boxes, 0, 1), scores, floor=floor, looks=self._looks)
        sure = found.scores >= self._limits[found.classes]
        found, votes = found.take(sure), votes[sure]
        items = (
            self._item(int(index), float(score), row, box, language)
            for index, score, row, box in zip(
                found.classes, found.scores, votes, found.boxes, strict=True
            )
        )
        return [item for item in items if item is not None]

    def _item(
        self, index: int, score: float, votes: FloatArray, box: FloatArray, language: str
    ) -> Item | None:
        known = self._catalogue.by_key(self.classes[index])
        x0, y0, x1, y1 = (round(float(edge), DIGITS) for edge in box)
        if known is None or x1 <= x0 or y1 <= y0:
            return None
        return seen_item(
            known,
            language=language,
            label=self.classes[index],
            score=round(score, DIGITS),
            box=(x0, y0, x1, y1),
            alternatives=self._doubts(index, votes),
        )

    def _doubts(self, index: int, votes: FloatArray) -> dict[str, float]:
        """Other classes that have votes in the same place, with their share of them."""
        others = [
            other
            for other in np.argsort(-votes)
            if other != index
            and votes[other] >= _DOUBT * votes[index]
            and self._catalogue.by_key(self.classes[other]) is not None
        ]
        total = float(votes[index] + votes[others].sum())
        return {self.classes[other]: round(float(votes[other]) / total, 3) for other in others}

    def _room(self, probabilities: FloatArray) -> tuple[str, float]:
        index = int(probabilities.argmax())
        certainty = round(float(probabilities[index]), DIGITS)
        return (self.rooms[index], certainty) if certainty >= _ROOM_FLOOR else (OTHER, 0.0)


def groups_of_looks(classes: Sequence[str]) -> IntArray:
    """Return for each class the first class that looks like it; itself, where none does."""
    return np.array(
        [
            next(i for i, other in enumerate(classes) if key == other or look_alike(key, other))
            for key in classes
        ],
        np.int64,
    )


def _is_blank(image: Image.Image) -> bool:
    """Whether a picture is of one shade, such as of a covered lens; models find things in those."""
    return int(np.ptp(np.asarray(image.convert("L").resize((32, 24))))) < _SHADES


def build_builtin(settings: Settings, *, processes: int = 1) -> BuiltinEngine:
    """Return the built-in engine as the settings ask for it.

    Parameters
    ----------
    settings : Settings
    processes : int
        Worker processes that share this machine's cores.
    """
    return BuiltinEngine(
        catalogue=Catalogue.for_settings(settings),
        threads=settings.threads or share_of_cores(processes),
        score_threshold=settings.score_threshold,
        device=settings.device,
    )
