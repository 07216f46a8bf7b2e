"""The training pictures in memory, and how each is varied before the network sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from training.network import INPUT_SIZE
from training.vocabulary import CLASSES, ROOMS, VIEWS

#: A thing of which less can be seen is neither right nor wrong.
ENOUGH_VISIBLE = 0.25
#: Pixels of the network's picture; smaller boxes are neither right nor wrong.
SMALLEST = 6.0


@dataclass(frozen=True)
class Example:
    """A picture [h, w, 3] in RGB and its truth.

    Attributes
    ----------
    boxes : array [n, 4]
        x0, y0, x1, y1 in pixels.
    classes : array [n]
    counts : array [n] of bool
        False where the box is neither right nor wrong.
    room : int
    """

    picture: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    counts: NDArray[np.bool_]
    room: int


def load(folder: Path) -> tuple[list[Example], list[Example]]:
    """Read all pictures of a folder: those to train on, and every twentieth room apart."""
    training, held_back = [], []
    for file in sorted(folder.glob("*.json")):
        part = held_back if (int(file.stem) // VIEWS) % 20 == 19 else training
        part.append(read_example(file))
    return training, held_back


def read_example(file: Path) -> Example:
    """Read one picture and its truth.

    Raises
    ------
    ValueError
        There is no picture beside the truth, or not one that can be read.
    """
    truth = json.loads(file.read_text(encoding="utf-8"))
    stored = cv2.imread(str(file.with_suffix(".jpg")))
    if stored is None:
        raise ValueError(
            f"{file.with_suffix('.jpg')} cannot be read; remove {file.name} and render it again."
        )
    picture = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    height, width = picture.shape[:2]
    scale = np.array([width, height, width, height], np.float32)
    rows = truth["boxes"]
    return Example(
        picture=picture,
        boxes=np.array([row["box"] for row in rows], np.float32).reshape(-1, 4) * scale,
        classes=np.array([CLASSES.index(row["key"]) for row in rows], np.int64),
        counts=np.array([row["visible"] >= ENOUGH_VISIBLE for row in rows], bool),
        room=ROOMS.index(truth["roomType"]),
    )


def as_batch(examples: list[Example]) -> Tensor:
    """Pictures as [n, 3, h, w] in 0…1."""
    stack = np.stack([example.picture for example in examples])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float().div_(255)


def varied(example: Example, rng: Generator, *, gently: bool = False) -> Example:
    """Return the example mirrored, zoomed, shifted, and in other light and quality.

    ``gently`` leaves the zoom nearly, and the light often, as they are.
    """
    picture, boxes, counts = _moved(example, rng, (0.92, 1.1) if gently else (0.72, 1.35))
    if not gently or rng.random() < 0.5:
        picture = _other_light(picture, rng)
    return Example(picture, boxes, example.classes, counts, example.room)


def _moved(
    example: Example, rng: Generator, zooms: tuple[float, float]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    width, height = INPUT_SIZE
    zoom = float(np.exp(rng.uniform(*np.log(zooms))))
    stretch = float(np.exp(rng.normal() * 0.05 * np.log(zooms[1] / zooms[0])))
    zx, zy = zoom * stretch, zoom / stretch
    dx = rng.uniform(-0.5, 0.5) * abs(1 - zx) * width + (1 - zx) * width / 2
    dy = rng.uniform(-0.5, 0.5) * abs(1 - zy) * height + (1 - zy) * height / 2
    matrix = np.array([[zx, 0, dx], [0, zy, dy]], np.float32)
    if rng.random() < 0.5:
        matrix[0] = [-zx, 0, width - dx]
    grey = rng.integers(0, 256, 3).tolist() if rng.random() < 0.5 else (114, 114, 114)
    # The matrix moves edges; OpenCV counts from the middle of the first pixel.
    centres = matrix.copy()
    centres[:, 2] += (matrix[:, :2].sum(1) - 1) / 2
    picture = cv2.warpAffine(example.picture, centres, INPUT_SIZE, borderValue=grey)
    if not len(example.boxes):
        return picture, example.boxes, example.counts
    xs = example.boxes[:, [0, 2]] * matrix[0, 0] + matrix[0, 2]
    ys = example.boxes[:, [1, 3]] * zy + dy
    whole = np.stack([xs.min(1), ys.min(1), xs.max(1), ys.max(1)], 1)
    boxes = whole.copy()
    boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(0, width)
    boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(0, height)
    sides = boxes[:, 2:] - boxes[:, :2]
    area = sides.prod(1) / np.maximum((whole[:, 2:] - whole[:, :2]).prod(1), 1e-3)
    counts = example.counts & (area > 0.35) & (sides.min(1) >= SMALLEST)
    return picture, boxes.astype(np.float32), counts


def _other_light(picture: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    levels = np.linspace(0, 1, 256)
    gains = np.exp(rng.normal(size=3) * 0.09) * np.exp(rng.normal() * 0.15)
    gamma, contrast = np.exp(rng.normal() * 0.2), np.exp(rng.normal() * 0.12)
    table = np.stack(
        [((levels**gamma * gain - 0.5) * contrast + 0.5).clip(0, 1) * 255 for gain in gains], -1
    )
    picture = cv2.LUT(picture, table.astype(np.uint8).reshape(1, 256, 3))
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        keep = rng.uniform(0, 1)
        picture = cv2.addWeighted(picture, keep, grey, 1 - keep, 0)
    kind = rng.random()
    if kind < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.1))
    elif kind < 0.4:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.0)
        picture = cv2.addWeighted(picture, 1.6, soft, -0.6, 0)
    if rng.random() < 0.4:
        noise = rng.normal(size=picture.shape).astype(np.float32) * rng.uniform(1, 8)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return picture
