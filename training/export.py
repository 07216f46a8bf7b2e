"""Write the model as ONNX: ``python -m training.export out/model out/scenes MODEL.onnx``.

The thresholds are chosen on rooms that were held back from training, per class where that
class has enough examples, and go into the file with the names of classes and rooms.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from training.measure import matched, predictions
from training.network import INPUT_SIZE, Network, cell_centres
from training.pictures import Example, load
from training.room_head import RoomHead, features_of
from training.train import flat_outputs
from training.vocabulary import CLASSES, ROOMS

#: A class with fewer held-back examples takes the threshold of all classes together.
_ENOUGH = 40
NAME = "photoqueue-rooms-1"


class Exported(nn.Module):
    """The network with its outputs ready to use: boxes in 0…1, scores, kinds of room."""

    def __init__(self, network: Network, head: RoomHead) -> None:
        super().__init__()
        self.network, self.head = network, head
        points, strides = cell_centres(*INPUT_SIZE)
        self.register_buffer("points", points)
        self.register_buffer("strides", strides)
        width, height = INPUT_SIZE
        self.register_buffer("size", torch.tensor([width, height, width, height]).float())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        outputs = self.network(image)
        logits, boxes, _ = flat_outputs(outputs, self.points, self.strides)
        rooms = self.head(features_of(self.network, outputs[0]))
        return boxes / self.size, logits.sigmoid(), rooms.softmax(1)


def thresholds(network: Network, examples: list[Example]) -> list[float]:
    """Return for each class the score from which its F1 is best on held-back rooms."""
    answers: list[tuple[float, int, bool]] = []
    totals = np.zeros(len(CLASSES), int)
    device = torch.device("cpu")
    for found, example in zip(predictions(network, examples, device), examples, strict=True):
        more, count = matched(found, example)
        answers += more
        totals += count
    common = _best(answers, int(totals.sum()))
    result = []
    for index in range(len(CLASSES)):
        own = [answer for answer in answers if answer[1] == index]
        # Half-way to the common one: few examples make a noisy maximum.
        mine = _best(own, int(totals[index])) if totals[index] >= _ENOUGH else common
        result.append(round((mine + common) / 2, 3))
    return result


def _best(answers: list[tuple[float, int, bool]], total: int) -> float:
    ordered = sorted(answers, reverse=True)
    right = np.cumsum([hit for _, _, hit in ordered])
    f1 = 2 * right / (np.arange(1, len(ordered) + 1) + max(total, 1))
    smooth = np.convolve(f1, np.ones(5) / 5, mode="same") if len(f1) > 20 else f1
    return float(ordered[int(smooth.argmax())][0]) if ordered else 0.5


def export(network: Network, head: RoomHead, limits: list[float], file: Path) -> None:
    """Write the ONNX file, with batch normalisation folded into the convolutions."""
    width, height = INPUT_SIZE
    torch.onnx.export(
        Exported(network.eval(), head.eval()),
        (torch.zeros(1, 3, height, width),),
        str(file),
        input_names=["image"],
        output_names=["boxes", "scores", "rooms"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(str(file))
    onnx.helper.set_model_props(
        model,
        {
            "name": NAME,
            "classes": json.dumps(CLASSES),
            "rooms": json.dumps(ROOMS),
            "thresholds": json.dumps(limits),
        },
    )
    model.producer_name, model.producer_version = "photoqueue training", NAME
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


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
    limits = thresholds(network.eval(), held_back)
    export(network, head, limits, options.file)
    print(f"{options.file}: {options.file.stat().st_size / 1e6:.1f} MB, epoch {state['epoch']}")
    print(dict(zip(CLASSES, limits, strict=True)))


if __name__ == "__main__":
    main()
