"""The engine ``detector``: a local ONNX model finds the things, the catalogue names them.

Scores are the model's own. On 22 photos of rooms they equal the share of right boxes from
about 0.45 upwards (0.52 → 0.65, 0.78 → 0.82 for DEIMv2 femto) and promise too much below
(0.40 → 0.29, 0.29 → 0.16). The bands hold 20 boxes each, and COCO's annotators did not mark
everything; that is too little to fit a correction, so there is none.

All classes share one threshold: thresholds for each class, chosen on 21 photos and judged on the
one left out, gave an F1 of 0.64 instead of 0.70 over 26 boxes (DEIMv2 femto).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from photoqueue.engines.boxes import Detection, joined, suppress
from photoqueue.engines.contract import DIGITS, Analysis, Hint, Item
from photoqueue.engines.layouts import choose_layout
from photoqueue.engines.model_registry import ModelEntry, find_model
from photoqueue.engines.refine import Refinement, meanings_of, refine
from photoqueue.engines.session import ModelSession, share_of_cores
from photoqueue.engines.vocabulary import OWN, classes_of, seen_item
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import VOCABULARIES, CatalogueItem
from photoqueue.inventory.wording import OTHER
from photoqueue.settings import Device, Settings

if TYPE_CHECKING:
    from PIL import Image


#: Class name, in lower case as both vocabularies then agree → kind of room → weight.
#: Set by hand, not fitted: there are too few photos to fit them.
_WEIGHTS: Final[dict[str, dict[str, float]]] = {
    # bathroom
    "toilet": {"bathroom": 4.0},
    "bathtub": {"bathroom": 4.0},
    "toilet paper": {"bathroom": 1.5},
    "showerhead": {"bathroom": 3.0},
    "toothbrush": {"bathroom": 1.2},
    "hair drier": {"bathroom": 1.0},
    "hair dryer": {"bathroom": 1.0},
    "toiletry": {"bathroom": 0.8},
    "towel": {"bathroom": 0.6},
    "sink": {"bathroom": 0.8, "kitchen": 0.3},
    # bedroom
    "bed": {"bedroom": 3.0},
    "nightstand": {"bedroom": 2.0},
    # kitchen
    "refrigerator": {"kitchen": 2.5},
    "oven": {"kitchen": 2.5},
    "gas stove": {"kitchen": 2.5},
    "induction cooker": {"kitchen": 2.5},
    "extractor": {"kitchen": 2.0},
    "microwave": {"kitchen": 2.0},
    "dishwasher": {"kitchen": 2.0},
    "toaster": {"kitchen": 1.2},
    "knife": {"kitchen": 0.4, "dining room": 0.2},
    # living room
    "couch": {"living room": 2.5},
    "coffee table": {"living room": 2.0},
    "tv": {"living room": 0.7},
    "monitor/tv": {"living room": 0.5, "office": 0.3},
    "remote": {"living room": 0.5},
    # dining room
    "dining table": {"dining room": 0.8},
    "wine glass": {"dining room": 0.4},
    "fork": {"dining room": 0.3},
    "chair": {"dining room": 0.2, "office": 0.1},
    # office
    "keyboard": {"office": 1.5},
    "mouse": {"office": 1.5},
    "laptop": {"office": 1.2},
    "desk": {"office": 1.2},
    "computer box": {"office": 1.2},
    "printer": {"office": 0.8},
}

#: Detections of one class that vote: a tenth chair adds no information.
_VOTES_PER_CLASS: Final = 3

#: The standing vote for "none of these": one doubtful sink does not make a bathroom.
_OTHER_VOTE: Final = 0.25

#: Detections below this score, 0…1, do not vote. Lower than what is reported as an item:
#: several weak hints together indicate a room. Measured on 22 photos: with 0.2 instead of the
#: item threshold, YOLOX-nano gets 20 rooms right instead of 17; DEIMv2 stays as it was
#: (femto 20, atto 19).
VOTE_FLOOR: Final = 0.2


def vote_room_type(seen: Iterable[tuple[str, float]]) -> tuple[str, float]:
    """Return the kind of room that detections suggest, and how certain it is.

    Parameters
    ----------
    seen : iterable of (str, float)
        Class name and score, 0…1, of every detection, fixtures included.

    Returns
    -------
    room_type : str
        One of :data:`ROOM_TYPES`; ``other`` when nothing suggests one.
    certainty : float
        The winner's share of all votes, 0…1; 0 for ``other``, which is not a finding.

    Notes
    -----
    The share can be read as a probability, on the cautious side: over three models and 22
    photos (62 verdicts) it is 0.81 on average where 0.95 of the verdicts are right.

    Examples
    --------
    >>> vote_room_type([("bed", 0.9), ("chair", 0.6)])
    ('bedroom', 0.8626)
    """
    votes = _count(seen)
    winner = max(votes, key=lambda kind: (votes[kind], kind))
    if winner == OTHER:
        return OTHER, 0.0
    return winner, round(votes[winner] / sum(votes.values()), 4)


def _count(seen: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Sum the votes by kind of room."""
    votes: defaultdict[str, float] = defaultdict(float, {OTHER: _OTHER_VOTE})
    counted: Counter[str] = Counter()
    # Best first and by name, so that the order of the detections does not matter.
    for label, score in sorted(seen, key=lambda pair: (-pair[1], pair[0])):
        name = label.casefold()
        counted[name] += 1
        if counted[name] <= _VOTES_PER_CLASS:
            for kind, weight in _WEIGHTS.get(name, {}).items():
                votes[kind] += weight * score
    return votes


class Detector:
    """Finds things in a picture with an ONNX detection model.

    Parameters
    ----------
    file : ModelEntry
        The model to run.
    catalogue : Catalogue
        Says which classes movers list, and how.
    threads : int
        onnxruntime threads.
    score_threshold : float or None
        Items below this score, 0…1, are not reported; ``None`` is the model's own, else the
        layout's default.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    EngineUnavailableError
        onnxruntime is not installed, or cannot use the device.
    ModelError
        The file is not an ONNX model, or has an unknown layout or vocabulary.
    """

    name: Final = "detector"

    def __init__(
        self,
        file: ModelEntry,
        *,
        catalogue: Catalogue,
        threads: int = 1,
        score_threshold: float | None = None,
        device: Device = "auto",
    ) -> None:
        from PIL import Image

        self.model = file.name
        self._catalogue = catalogue
        self._keys = frozenset(item.key for item in catalogue.items)
        self._session = ModelSession(file.path, threads=threads, device=device)
        self._layout = choose_layout(self._session.signature, file.path)
        # The first run allocates memory, so that the first photo is not slower than the
        # others; it also shows how many classes there are, which not every file says.
        blank = Image.new("RGB", self._layout.size, (114, 114, 114))
        outputs = self._session.run(self._layout.feeds(blank))
        count = self._layout.class_count(outputs)
        self._classes = classes_of(
            file.path,
            count if self._layout.counts_classes or file.classes is None else None,
            declared=file.classes,
        )
        self._layout.settle(count, file.family, file.path)
        given = (score_threshold, file.threshold, self._layout.default_threshold)
        #: Score, 0…1, below which items are not reported.
        self.score_threshold = next(value for value in given if value is not None)

    def __repr__(self) -> str:
        return f"Detector({self.model!r}, {self._classes.vocabulary})"

    @property
    def sufficient_side(self) -> int:
        """Twice the longer side of the input: no picture is shrunk to it by less."""
        return 2 * max(self._layout.size)

    def detect(self, image: Image.Image, *, threshold: float | None = None) -> list[Detection]:
        """Return all that the model sees in an upright picture, best first.

        Parameters
        ----------
        image : PIL.Image.Image
        threshold : float or None
            Lowest score, 0…1; ``None`` is :attr:`score_threshold`.
        """
        if image.mode != "RGB":
            image = image.convert("RGB")
        outputs = self._session.run(self._layout.feeds(image))
        candidates = self._layout.decode(outputs, image)
        limit = self.score_threshold if threshold is None else threshold
        candidates = candidates.take(candidates.scores >= limit)
        candidates = candidates.take(suppress(candidates, self._layout.nms_iou))
        boxes = np.clip(candidates.boxes, 0, 1)
        detections = []
        for box, score, index in zip(boxes, candidates.scores, candidates.classes, strict=True):
            x0, y0, x1, y1 = (round(float(value), DIGITS) for value in box)
            label = self._classes.name(index)
            if label is None or x1 <= x0 or y1 <= y0:
                continue
            detections.append(
                Detection(label=label, score=round(float(score), DIGITS), box=(x0, y0, x1, y1))
            )
        return detections

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Find what a mover moves in an upright RGB picture, and the kind of room."""
        # The kind of room has its own, lower threshold: it does not change with the
        # threshold of the items.
        detections = self.detect(image, threshold=min(self.score_threshold, VOTE_FLOOR))
        refined = self._refined(detections, image.width / image.height)
        items = [
            item
            for position, detection in enumerate(detections)
            if detection.score >= self.score_threshold
            and (item := self._item(detection, refined.get(position), hint.language)) is not None
        ]
        room_type, certainty = vote_room_type(
            (detection.label, detection.score)
            for detection in detections
            if detection.score >= VOTE_FLOOR
        )
        return Analysis.of(joined(items), hint, room_type=room_type, certainty=certainty)

    def _refined(self, detections: list[Detection], aspect: float) -> dict[int, Refinement]:
        """Distinguish beds, sofas and cabinets, where the catalogue leaves that open."""
        return {
            position: found
            for position, found in refine(detections, aspect, self._keys).items()
            # Where the catalogue maps the class to another thing, that decides.
            if (known := self._known(detections[position].label))
            and known.key in meanings_of(detections[position].label)
        }

    def _item(self, detection: Detection, refined: Refinement | None, language: str) -> Item | None:
        """Return the catalogue's view of a detection; ``None`` if movers do not list it."""
        known = self._known(detection.label)
        if refined is not None:
            known = self._catalogue.by_key(refined.key) if refined.key else None
        if known is None:
            return None
        return seen_item(
            known,
            language=language,
            label=detection.label,
            score=detection.score,
            box=detection.box,
            alternatives=refined.alternatives if refined else {},
        )

    def _known(self, label: str) -> CatalogueItem | None:
        """Return the catalogue's item of a class; ``None`` if movers do not list it."""
        if self._classes.vocabulary != OWN:
            return self._catalogue.for_label(self._classes.vocabulary, label)
        found = (self._catalogue.for_label(vocabulary, label) for vocabulary in VOCABULARIES)
        return self._catalogue.by_key(label) or next(filter(None, found), None)


def build_detector(settings: Settings, *, processes: int = 1) -> Detector:
    """Return the detector that the settings ask for.

    Parameters
    ----------
    settings : Settings
    processes : int
        Worker processes that share this machine's cores.
    """
    return Detector(
        find_model(settings),
        catalogue=Catalogue.for_settings(settings),
        threads=settings.threads or share_of_cores(processes),
        score_threshold=settings.score_threshold,
        device=settings.device,
    )
