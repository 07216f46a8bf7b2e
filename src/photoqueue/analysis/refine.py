"""Telling apart what shares one class name: beds, sofas, cabinets, lamps, by size and place.

Every box of the picture is compared with what each of its meanings would look like
(:mod:`photoqueue.analysis.camera`); things of known size, such as chairs and appliances, and
the things in doubt themselves make the picture's scale more certain. The result is one
probability for each meaning. The most probable one is taken, the others are kept as its
alternatives: one picture of a sofa rarely proves how many it seats.

How often that is right, on pictures simulated with cameras, sizes and turns at random
(``tests/unit/test_analysis_refine_simulated.py``), against the most usual meaning: beds 0.64
against 0.50, sofas 0.63 against 0.45, cabinets 0.67 against 0.20, lamps 0.94 against 0.40, with
two chairs in the picture. Without anything of known size: 0.58, 0.54, 0.57 and 0.86. The
simulation knows no other furniture in the way, so real pictures are harder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from photoqueue.analysis.camera import Array, cameras, likelihoods
from photoqueue.analysis.context import shares
from photoqueue.analysis.detection import Detection
from photoqueue.analysis.solids import KNOWN_SIZES, MEANINGS, Solid

#: Alternatives below this probability are left out.
_LEAST: Final = 0.05
_DIGITS: Final = 4
#: How often a box of score 1 is taken to show all of a thing; else it is partly hidden, or
#: something else, and its size says nothing.
_TRUST: Final = 0.8
#: Density of boxes that say nothing, over the logarithms of their width and height.
_ANYTHING: Final = 0.1
#: Things of one class that give a scale: ten chairs around a table hide each other.
_SCALES_PER_CLASS: Final = 4
#: Boxes smaller than this, in heights or widths of the picture, are not measured.
_SMALLEST: Final = 0.01


@dataclass(frozen=True)
class Refinement:
    """What a detection most probably is.

    Attributes
    ----------
    key : str or None
        Catalogue key; ``None`` for what stays in the house, such as a lamp on the ceiling.
    alternatives : mapping of str to float
        Other keys → probability, 0…1, most probable first.
    """

    key: str | None
    alternatives: Mapping[str, float] = field(default_factory=dict)


def meanings_of(label: str) -> frozenset[str]:
    """Return the catalogue keys that a class name may stand for, where there are several."""
    return frozenset(solid.key for solid in MEANINGS.get(label.casefold(), ()) if solid.key)


def refine(
    detections: Sequence[Detection], aspect: float, known: Collection[str]
) -> dict[int, Refinement]:
    """Tell apart what shares one class name.

    Parameters
    ----------
    detections : sequence of Detection
        Everything seen in one picture; the order does not matter.
    aspect : float
        Width of the picture per height.
    known : collection of str
        Catalogue keys to choose from.

    Returns
    -------
    dict of int to Refinement
        By position; only detections whose class name stands for several things.
    """
    doubtful = {
        position: meanings
        for position, seen in enumerate(detections)
        if (meanings := _meanings(position, detections, known))
    }
    if not doubtful:
        return {}
    fits = {
        position: np.array(list(meanings.values()))[:, None]
        * _fits(detections[position], tuple(meanings), aspect)
        for position, meanings in doubtful.items()
    }
    evidence = {position: np.log(fit.sum(axis=0)) for position, fit in fits.items()}
    scale = np.log(cameras(aspect).share) + _scales(detections, aspect)
    # Sorted: the last digits of a sum of floats depend on the order.
    for told in sorted(evidence.values(), key=tuple):
        scale = scale + told
    return {
        position: _verdict(tuple(doubtful[position]), fit, scale - evidence[position])
        for position, fit in fits.items()
    }


def _meanings(
    position: int, detections: Sequence[Detection], known: Collection[str]
) -> dict[Solid, float]:
    """Return what a detection may be among the things of the catalogue, each with its share."""
    seen = detections[position]
    solids = [
        solid for solid in MEANINGS.get(seen.kind, ()) if solid.key is None or solid.key in known
    ]
    if not any(solid.key for solid in solids):
        return {}
    others = [*detections[:position], *detections[position + 1 :]]
    found = zip(solids, shares(seen, solids, others), strict=True)
    return {solid: share for solid, share in found if share > 0}


def _fits(seen: Detection, solids: Sequence[Solid], aspect: float) -> Array:
    """Return how well each solid explains a detection, for each camera; never 0."""
    trust = _TRUST * seen.score if _measurable(seen) else 0.0
    nothing = np.full((len(solids), len(cameras(aspect).share)), (1 - trust) * _ANYTHING)
    return nothing + trust * likelihoods(seen.box, aspect, solids) if trust else nothing


def _measurable(seen: Detection) -> bool:
    return min(seen.box[2] - seen.box[0], seen.box[3] - seen.box[1]) > _SMALLEST


def _scales(detections: Sequence[Detection], aspect: float) -> Array:
    """Return what things of known size say about the camera: a logarithm for each."""
    told: Array = np.zeros_like(cameras(aspect).share)
    heard: Counter[str] = Counter()
    # Best first and by box, so that the order of the detections does not matter.
    for seen in sorted(detections, key=lambda seen: (-seen.score, seen.kind, seen.box)):
        solid = KNOWN_SIZES.get(seen.kind)
        if solid is None:
            continue
        heard[seen.kind] += 1
        if heard[seen.kind] <= _SCALES_PER_CLASS:
            told = told + np.log(_fits(seen, (solid,), aspect)[0])
    return told


def _verdict(meanings: Sequence[Solid], fit: Array, scale: Array) -> Refinement:
    """Choose the most probable meaning."""
    weights = np.exp(scale - scale.max())
    found: dict[str | None, float] = {}
    for solid, likelihood in zip(meanings, fit @ weights, strict=True):
        found[solid.key] = found.get(solid.key, 0.0) + float(likelihood)
    total = sum(found.values())
    # Equal ones by name, so that a tie has one answer.
    ordered = sorted(found, key=lambda key: (-found[key], key or ""))
    best, *rest = ordered
    probabilities = {key: round(found[key] / total, _DIGITS) for key in rest if key is not None}
    return Refinement(best, {key: p for key, p in probabilities.items() if p >= _LEAST})
