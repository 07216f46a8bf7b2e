"""Precision, recall and F1 of the network in training, on rooms that were held back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from photoqueue.engines.builtin import FLOOR, agree, groups_of_looks
from training.losses import pair_iou
from training.network import INPUT_SIZE, Network, cell_centres, flat_outputs
from training.pictures import SMALLEST, Example, as_batch
from training.vocabulary import CLASSES

#: Boxes in pixels, scores and classes of what was found in a picture, and its room.
Found = tuple[Tensor, Tensor, Tensor, int]
_LOOKS = groups_of_looks(CLASSES)


@torch.no_grad()
def predictions(network: Network, examples: list[Example], device: torch.device) -> list[Found]:
    """Return boxes, scores and classes after suppression, and the room, one an example."""
    points, strides = (t.to(device) for t in cell_centres(*INPUT_SIZE))
    network.eval()
    found = []
    for start in range(0, len(examples), 16):
        batch = as_batch(examples[start : start + 16]).to(device)
        logits, boxes, rooms = flat_outputs(network(batch), points, strides)
        for i in range(len(batch)):
            found.append((*agreed(boxes[i], logits[i].sigmoid()), int(rooms[i].argmax())))
    return found


def agreed(boxes: Tensor, scores: Tensor, floor: float = FLOOR) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes, scores and classes of what the cells agree on, as the engine does it."""
    inside = np.clip(boxes.cpu().numpy(), 0, np.array(INPUT_SIZE * 2, np.float32))
    found, _ = agree(inside, scores.cpu().numpy(), floor=floor, looks=_LOOKS)
    return (
        torch.from_numpy(found.boxes),
        torch.from_numpy(found.scores),
        torch.from_numpy(found.classes),
    )


def matched(found: Found, example: Example) -> tuple[list[tuple[float, int, bool]], np.ndarray]:
    """Say of each answer whether it is right, and count the things per class.

    Answers that fall on a thing that is neither right nor wrong are left out.
    """
    boxes, scores, kinds, _ = found
    truth, classes = torch.from_numpy(example.boxes), torch.from_numpy(example.classes)
    sides = (truth[:, 2:] - truth[:, :2]).min(1).values if len(truth) else torch.zeros(0)
    counts = torch.from_numpy(example.counts) & (sides >= SMALLEST)
    totals = np.bincount(classes[counts].numpy(), minlength=len(CLASSES))
    overlap = pair_iou(boxes, truth)
    free = torch.ones(len(truth), dtype=torch.bool)
    answers = []
    for i in range(len(boxes)):
        fits = (overlap[i] >= 0.5) & (classes == kinds[i]) & free
        strict = fits & counts
        if strict.any():
            free[int((overlap[i] * strict).argmax())] = False
            answers.append((float(scores[i]), int(kinds[i]), True))
        elif not fits.any():
            answers.append((float(scores[i]), int(kinds[i]), False))
    return answers, totals


def measure(network: Network, examples: list[Example], device: torch.device) -> dict[str, float]:
    """Return the best F1 over all thresholds, with its precision, recall, and the rooms."""
    found = predictions(network, examples, device)
    answers, totals = [], np.zeros(len(CLASSES), int)
    for one, example in zip(found, examples, strict=True):
        more, count = matched(one, example)
        answers += more
        totals += count
    answers.sort(reverse=True)
    right = np.cumsum([hit for _, _, hit in answers]) if answers else np.zeros(1)
    precision = right / np.arange(1, len(right) + 1)
    recall = right / max(totals.sum(), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(f1.argmax())
    rooms = np.mean([one[3] == example.room for one, example in zip(found, examples, strict=True)])
    return {
        "f1": float(f1[best]),
        "precision": float(precision[best]),
        "recall": float(recall[best]),
        "threshold": float(answers[best][0]) if answers else 0.0,
        "rooms": float(rooms),
    }
