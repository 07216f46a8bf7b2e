"""The kind of room, from all that the finished detector says: ``python -m training.room_head``.

The detector's own guess at the room is only there to shape its features. Once it is trained,
a small head learns the room from those features and from the best score of each class; the
detector itself is left as it is, so this takes minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.files import in_one_piece
from training.network import Network
from training.pictures import Example, as_batch, load, varied
from training.vocabulary import CLASSES, ROOMS

_ROUNDS = 3
_HIDDEN = 96


def features_of(network: Network, classes: list[Tensor]) -> Tensor:
    """Return what the head looks at, [n, features]: pooled features and best scores.

    ``classes`` are the class logits of the pictures that went through the network last; it
    keeps the pooled features of those alone.
    """
    best = torch.stack([grid.flatten(2).amax(2) for grid in classes], 2).amax(2)
    return torch.cat([network.pooled, best.sigmoid()], 1)


class RoomHead(nn.Sequential):
    """Features in, one logit a kind of room out."""

    def __init__(self, features: int) -> None:
        super().__init__(
            nn.BatchNorm1d(features),
            nn.Dropout(0.3),
            nn.Linear(features, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(_HIDDEN, len(ROOMS)),
        )


@torch.no_grad()
def _features(network: Network, examples: list[Example]) -> tuple[Tensor, Tensor]:
    rows = []
    for start in range(0, len(examples), 32):
        classes, _, _ = network(as_batch(examples[start : start + 32]))
        rows.append(features_of(network, classes))
    return torch.cat(rows), torch.tensor([example.room for example in examples])


def fit(network: Network, training: list[Example], held_back: list[Example]) -> RoomHead:
    """Train the head; print how often it is right on rooms that were held back."""
    torch.manual_seed(3)
    network.eval()
    rng = np.random.default_rng(5)
    parts = [_features(network, training)]
    for _ in range(_ROUNDS):
        parts.append(_features(network, [varied(example, rng) for example in training]))
    inputs, kinds = torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])
    head = RoomHead(inputs.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.05)
    epochs = 30
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        head.train()
        for chosen in torch.randperm(len(inputs)).split(128):
            loss = F.cross_entropy(head(inputs[chosen]), kinds[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    head.eval()
    for name, examples in (("training", training), ("held back", held_back)):
        x, y = _features(network, examples)
        print(f"{name}: {float((head(x).argmax(1) == y).float().mean()):.3f} of rooms right")
    return head


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder with checkpoint.pt")
    parser.add_argument("scenes", type=Path)
    options = parser.parse_args()
    network = Network(len(CLASSES), len(ROOMS))
    state = torch.load(options.model / "checkpoint.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(state["average"])
    head = fit(network, *load(options.scenes))
    with in_one_piece(options.model / "rooms.pt") as part:
        torch.save(head.state_dict(), part)


if __name__ == "__main__":
    main()
