"""One process of the bare loop: ``python -m benchmarks.measures.bare_loop PHOTOS``."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

from PIL import Image

from benchmarks.measures.photos import PROCESSES, sample_photos
from photoqueue.analysis.engine import Hint
from photoqueue.analysis.registry import load_engine
from photoqueue.settings import Settings


def main() -> None:
    """Analyse photos once a line comes in; print the seconds that it took."""
    engine = load_engine(Settings(engine="builtin"), processes=PROCESSES)
    paths = sample_photos(int(sys.argv[1]))

    def analyse(path: Path) -> None:
        image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
        engine.analyse(image, Hint(photo_id="p", language="en"))

    for path in paths[:5]:
        analyse(path)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for path in paths:
        analyse(path)
    print(json.dumps(time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
