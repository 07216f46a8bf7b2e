"""What the network is told: which cells answer for which thing, and how wrong they are.

Cells are chosen as in TOOD (Feng and others, 2021): those inside a box whose class score and
box together fit it best, ten at most; their target score is how well their box fits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_CANDIDATES = 10
_ALPHA, _BETA = 0.5, 5.0


def pair_iou(a: Tensor, b: Tensor) -> Tensor:
    """Overlap of every box of ``a`` [n, 4] with every one of ``b`` [m, 4]: [n, m]."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inner = (high - low).clamp(min=0).prod(2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    return inner / (area_a[:, None] + area_b[None] - inner + 1e-7)


def giou_loss(a: Tensor, b: Tensor) -> Tensor:
    """One minus the generalised overlap of boxes in pairs, [n]."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inner = (high - low).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inner + 1e-7
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1) + 1e-7
    return 1 - inner / union + (hull - union) / hull


@torch.no_grad()
def choose_cells(
    scores: Tensor, boxes: Tensor, points: Tensor, truth: Tensor, classes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cells that answer, which thing each answers for, and its target score.

    Parameters
    ----------
    scores : Tensor [cells, classes]
        0…1.
    boxes : Tensor [cells, 4]
        Pixels.
    points : Tensor [cells, 2]
        Centres of the cells.
    truth, classes : Tensor [n, 4], [n]
    """
    overlap = pair_iou(truth, boxes)
    fit = scores[:, classes].T.clamp(min=1e-4) ** _ALPHA * overlap**_BETA
    inside = (points[None] > truth[:, None, :2]).all(2) & (points[None] < truth[:, None, 2:]).all(2)
    # A thing smaller than the cells is answered for by the nearest one.
    centre = (truth[:, :2] + truth[:, 2:]) / 2
    nearest = ((points[None] - centre[:, None]) ** 2).sum(2).argmin(1)
    inside[torch.arange(len(truth), device=truth.device), nearest] = True
    fit = torch.where(inside, fit + 1e-9, torch.zeros_like(fit))
    best, cells = fit.topk(_CANDIDATES, dim=1)
    chosen = torch.zeros_like(fit).scatter_(1, cells, (best > 0).float())
    # Where two things want one cell, the one that overlaps more has it.
    owner = (chosen * (overlap + 1e-6)).argmax(0)
    taken = chosen.any(0).nonzero()[:, 0]
    owner = owner[taken]
    pair = fit[owner, taken]
    none = truth.new_zeros(len(truth))
    top = none.scatter_reduce(0, owner, pair, "amax")
    reach = none.scatter_reduce(0, owner, overlap[owner, taken], "amax")
    return taken, owner, (pair / (top[owner] + 1e-12) * reach[owner]).clamp(min=0.05)


def detection_loss(
    logits: Tensor, boxes: Tensor, points: Tensor, targets: list[tuple[Tensor, Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Return the loss of the classes and of the boxes of one batch.

    Parameters
    ----------
    logits, boxes : Tensor [batch, cells, classes], [batch, cells, 4]
    points : Tensor [cells, 2]
    targets : list of (boxes, classes, counts)
        One an image.
    """
    scores = logits.detach().sigmoid()
    goal = torch.zeros_like(scores)
    weight = torch.ones_like(scores)
    box_losses, box_weights = [], []
    for i, (truth, classes, counts) in enumerate(targets):
        for box, kind in zip(truth[~counts], classes[~counts], strict=True):
            within = (points > box[:2]).all(1) & (points < box[2:]).all(1)
            weight[i, within, kind] = 0
        truth, classes = truth[counts], classes[counts]
        if not len(truth):
            continue
        cells, owner, quality = choose_cells(scores[i], boxes[i].detach(), points, truth, classes)
        goal[i, cells, classes[owner]] = quality
        weight[i, cells, classes[owner]] = 1
        box_losses.append(giou_loss(boxes[i, cells], truth[owner]))
        box_weights.append(quality)
    # Empty cells count less the surer they already are (focal); the others in full.
    focus = torch.where(goal > 0, torch.ones_like(goal), 0.75 * scores**2)
    raw = F.binary_cross_entropy_with_logits(logits, goal, reduction="none")
    total = goal.sum().clamp(min=1)
    class_loss = (raw * weight * focus).sum() / total
    if not box_losses:
        return class_loss, boxes.sum() * 0
    return class_loss, (torch.cat(box_losses) * torch.cat(box_weights)).sum() / total
