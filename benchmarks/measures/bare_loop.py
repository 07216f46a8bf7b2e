"""One process of the bare loop: ``python -m benchmarks.measures.bare_loop PHOTOS``.

What anyone would write first: read a file, decode it with Pillow, shrink it to the model's
input, make numbers of it, run onnxruntime, and keep the boxes above a score. The model file, the
number of its threads and the photos are those of the worker; nothing of photoqueue runs here.
There are no names of things, no kind of room, no thumbnail, no measure of the photo's quality,
no record and no log.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from benchmarks.measures.photos import PROCESSES, sample_photos
from photoqueue.engines.builtin import WEIGHTS
from photoqueue.engines.session import share_of_cores

_SCORE = 0.35


def session() -> onnxruntime.InferenceSession:
    """Load the model, with as many threads as a process of the worker has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = share_of_cores(PROCESSES)
    return onnxruntime.InferenceSession(str(WEIGHTS), options, providers=["CPUExecutionProvider"])


def analyse(model: onnxruntime.InferenceSession, path: Path) -> list[tuple[int, float, Any]]:
    """Return class, score and box of what the model sees in a photo."""
    (picture,) = model.get_inputs()
    _, _, height, width = picture.shape
    image = Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    pixels = (np.asarray(image, np.float32) / 255).transpose(2, 0, 1)[None]
    found = model.run(["scores", "boxes"], {picture.name: np.ascontiguousarray(pixels)})
    scores, boxes = found[0][0], found[1][0]
    best = scores.max(axis=1)
    return [
        (int(scores[cell].argmax()), float(best[cell]), boxes[cell])
        for cell in np.flatnonzero(best > _SCORE)
    ]


def main() -> None:
    """Analyse photos once a line comes in; print the seconds that it took."""
    model = session()
    paths = sample_photos(int(sys.argv[1]))
    for path in paths[:5]:
        analyse(model, path)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for path in paths:
        analyse(model, path)
    print(json.dumps(time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
