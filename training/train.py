"""Train the built-in model: ``python -m training.train out/scenes out/model``.

Resumable: a checkpoint is written after each epoch, and the next call goes on from it; only
dropout, whose random state is not kept, then differs from a training that was never stopped.
A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from training.files import in_one_piece
from training.losses import detection_loss
from training.measure import measure
from training.network import INPUT_SIZE, Network, cell_centres, flat_outputs
from training.pictures import Example, as_batch, load, varied
from training.team import Team
from training.vocabulary import CLASSES, ROOMS

_BATCH = 8
_RATE = 1.5e-3
_WARM_UP = 400
#: The last of the steps see pictures nearly as they are, as the finished model will.
_GENTLE_FROM = 0.88


class Training:
    """The state of one training, kept on disk between epochs."""

    def __init__(self, options: argparse.Namespace, device: torch.device, team: Team) -> None:
        self.steps, self.rate = options.steps, options.rate
        self.device, self.team = device, team
        torch.manual_seed(7)
        self.network = Network(len(CLASSES), len(ROOMS)).to(device)
        if options.begin_with is not None:
            earlier = torch.load(options.begin_with, map_location=device, weights_only=True)
            self.network.load_state_dict(earlier["average"])
        self.average = copy.deepcopy(self.network).eval()
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.03}, {"params": others, "weight_decay": 0.0}],
            lr=self.rate,
        )
        self.epoch, self.step = 0, 0
        self.points, self.strides = (t.to(device) for t in cell_centres(*INPUT_SIZE))
        self.file = options.folder / "checkpoint.pt"
        if self.file.exists():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step = state["epoch"], state["step"]

    def save(self) -> None:
        """Write the checkpoint in one piece."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
        }
        with in_one_piece(self.file) as part:
            torch.save(state, part)

    def one_epoch(self, examples: list[Example]) -> dict[str, float]:
        """Show every picture once; return the mean losses."""
        rng = np.random.default_rng([11, self.epoch])
        order = rng.permutation(len(examples))
        order = order[self.team.rank :: self.team.size]
        count = self.team.agree(len(order) // _BATCH)
        if not count:
            raise ValueError(
                f"{len(examples)} pictures are too few to train on: each of {self.team.size} "
                f"processes needs {_BATCH}. Render more (python -m training.make_scenes)."
            )
        batches = [order[i * _BATCH : (i + 1) * _BATCH] for i in range(count)]
        sums = np.zeros(3)
        self.network.train()
        gently = self.step >= _GENTLE_FROM * self.steps
        with ThreadPoolExecutor(1) as pool:
            seeds = [[12, self.epoch, i, self.team.rank] for i in range(count)]
            make = [
                pool.submit(_vary, [examples[i] for i in batch], seed, gently)
                for batch, seed in zip(batches[:3], seeds, strict=False)
            ]
            for number in range(count):
                batch = make.pop(0).result()
                ahead = number + 3
                if ahead < count:
                    chosen = [examples[i] for i in batches[ahead]]
                    make.append(pool.submit(_vary, chosen, seeds[ahead], gently))
                sums += self._one_step(batch)
        self.epoch += 1
        return dict(zip(("class", "box", "room"), sums / count, strict=True))

    def _one_step(self, batch: list[Example]) -> np.ndarray:
        progress = min(1.0, self.step / self.steps)
        warm = min(1.0, (self.step + 1) / _WARM_UP)
        rate = self.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs = self.network(as_batch(batch).to(self.device))
        logits, boxes, rooms = flat_outputs(outputs, self.points, self.strides)
        targets = [
            tuple(torch.from_numpy(a).to(self.device) for a in (e.boxes, e.classes, e.counts))
            for e in batch
        ]
        kinds = torch.tensor([e.room for e in batch], device=self.device)
        class_loss, box_loss = detection_loss(logits, boxes, self.points, targets)
        room_loss = torch.nn.functional.cross_entropy(rooms, kinds, label_smoothing=0.05)
        loss = class_loss + 2.0 * box_loss + room_loss
        self.optimizer.zero_grad()
        loss.backward()
        self.team.share_gradients(self.network.parameters())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        keep = min(0.998, 1 - 1 / (1 + self.step / 4))
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)
        return np.array([part.item() for part in (class_loss, box_loss, room_loss)])


def _vary(examples: list[Example], seed: list[int], gently: bool) -> list[Example]:
    rng = np.random.default_rng(seed)
    return [varied(example, rng, gently=gently) for example in examples]


def run(rank: int, options: argparse.Namespace) -> None:
    """Train as one process of the team until all steps are done or the time is up."""
    team = Team(rank, options.processes)
    team.join()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = Training(options, device, team)
    started = time.monotonic()
    # Pictures may be added while this runs, so each epoch looks anew; all of the team take
    # equally many. Two that looked while one came may differ in a few, for that epoch.
    while training.step < options.steps:
        examples, held_back = load(options.scenes)
        examples = examples[: team.agree(len(examples))]
        begin = time.monotonic()
        losses = training.one_epoch(examples)
        if team.leads:
            training.save()
            quality = measure(training.average, held_back, device) if held_back else {}
            report = {
                "epoch": training.epoch,
                "step": training.step,
                "pictures": len(examples),
                "seconds": round(time.monotonic() - begin, 1),
                **{name: round(value, 4) for name, value in {**losses, **quality}.items()},
            }
            print(json.dumps(report), flush=True)
        late = options.minutes and time.monotonic() - started > options.minutes * 60
        if not team.agree(0 if late else 1):
            break


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=9000, help="of eight pictures a process")
    parser.add_argument("--processes", type=int, default=1, help="on a CPU, one a core")
    parser.add_argument("--rate", type=float, default=_RATE, help="highest learning rate")
    parser.add_argument(
        "--begin-with", type=Path, help="checkpoint of an earlier training, for a second round"
    )
    parser.add_argument("--minutes", type=float, help="stop after so long; go on another time")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.processes > 1:
        torch.multiprocessing.spawn(run, (options,), options.processes)
    else:
        run(0, options)


if __name__ == "__main__":
    main()
