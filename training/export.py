"""Write the model as ONNX: ``python -m training.export out/model out/scenes MODEL.onnx``.

The thresholds are chosen on rooms that were held back from training, per class where that
class has enough examples there, and go into the file with the names of classes and rooms.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from training.files import in_one_piece
from training.measure import Found, agreed, matched
from training.network import INPUT_SIZE, Network, cell_centres, flat_outputs
from training.pictures import Example, as_batch, load
from training.room_head import RoomHead, features_of
from training.vocabulary import CLASSES, ROOMS

#: A class with fewer held-back examples takes the threshold of all classes together.
_ENOUGH = 40
NAME = "photoqueue-rooms-1"


class Exported(nn.Module):
    """The network with its outputs ready to use: boxes in 0…1, scores, kinds of room.

    It looks at the picture and at its mirror image and takes the mean (``twice``).
    """

    def __init__(self, network: Network, head: RoomHead, twice: bool = True) -> None:
        super().__init__()
        self.twice = twice
        self.network, self.head = network, head
        points, strides = cell_centres(*INPUT_SIZE)
        self.register_buffer("points", points)
        self.register_buffer("strides", strides)
        width, height = INPUT_SIZE
        self.register_buffer("size", torch.tensor([width, height, width, height]).float())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        classes, boxes, rooms = self._look(image)
        if self.twice:
            # What stands left in the mirrored picture stands right; left and right sides swap.
            mirrored, sides, again = self._look(image.flip(3))
            classes = [(a + b.flip(3)) / 2 for a, b in zip(classes, mirrored, strict=True)]
            swapped = [side[:, [2, 1, 0, 3]].flip(3) for side in sides]
            boxes = [(a + b) / 2 for a, b in zip(boxes, swapped, strict=True)]
            rooms = (rooms + again) / 2
        logits, corners, _ = flat_outputs((classes, boxes, rooms), self.points, self.strides)
        return corners / self.size, logits.sigmoid(), rooms

    def _look(self, image: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        classes, boxes, _ = self.network(image)
        return classes, boxes, self.head(features_of(self.network, classes)).softmax(1)


@torch.no_grad()
def _answers(model: Exported, examples: list[Example]) -> list[Found]:
    """Return what the exported model finds in pictures, as it is used."""
    found = []
    for example in examples:
        boxes, scores, rooms = model(as_batch([example]))
        kept = agreed(boxes[0] * model.size, scores[0])
        found.append((*kept, int(rooms[0].argmax())))
    return found


def thresholds(model: Exported, examples: list[Example]) -> list[float]:
    """Return for each class the score from which a thing of it counts as found."""
    answers: list[tuple[float, int, bool]] = []
    totals = np.zeros(len(CLASSES), int)
    found = _answers(model, examples)
    for one, example in zip(found, examples, strict=True):
        more, count = matched(one, example)
        answers += more
        totals += count
    rooms = np.mean([one[3] == e.room for one, e in zip(found, examples, strict=True)])
    print(f"held back: {len(examples)} pictures, {rooms:.3f} of rooms right")
    common = _balanced(answers, int(totals.sum()))
    result = []
    for index in range(len(CLASSES)):
        own = [answer for answer in answers if answer[1] == index]
        # Half-way to the common one: few examples make a noisy one.
        mine = _balanced(own, int(totals[index])) if totals[index] >= _ENOUGH else common
        result.append(round((mine + common) / 2, 3))
    return result


def _balanced(answers: list[tuple[float, int, bool]], total: int) -> float:
    """Return the score from which as many things are found as there are.

    An inventory is then neither too long nor too short; F1 is within a hundredth of its
    best there, and this point is steadier than the top of a flat curve.
    """
    ordered = sorted(answers, reverse=True)
    return float(ordered[min(total, len(ordered)) - 1][0]) if ordered and total else 0.5


def export(model: Exported, limits: list[float], file: Path) -> None:
    """Write the ONNX file, with batch normalisation folded into the convolutions."""
    width, height = INPUT_SIZE
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, height, width),),
        str(file),
        input_names=["image"],
        output_names=["boxes", "scores", "rooms"],
        opset_version=17,
        dynamo=False,
    )
    written = onnx.load(str(file))
    onnx.helper.set_model_props(
        written,
        {
            "name": NAME,
            "classes": json.dumps(CLASSES),
            "rooms": json.dumps(ROOMS),
            "thresholds": json.dumps(limits),
        },
    )
    written.producer_name, written.producer_version = "photoqueue training", NAME
    onnx.checker.check_model(written)
    onnx.save(written, str(file))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder with checkpoint.pt")
    parser.add_argument("scenes", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    network = Network(len(CLASSES), len(ROOMS))
    state = torch.load(options.model / "checkpoint.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(state["average"])
    known = torch.load(options.model / "rooms.pt", map_location="cpu", weights_only=True)
    head = RoomHead(known["0.weight"].shape[0])
    head.load_state_dict(known)
    _, held_back = load(options.scenes)
    model = Exported(network, head).eval()
    limits = thresholds(model, held_back)
    with in_one_piece(options.file) as part:
        export(model, limits, part)
    print(f"{options.file}: {options.file.stat().st_size / 1e6:.1f} MB, epoch {state['epoch']}")
    print(dict(zip(CLASSES, limits, strict=True)))


if __name__ == "__main__":
    main()
