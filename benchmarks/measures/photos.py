"""Photos per second with the built-in model: photoqueue beside a bare loop over onnxruntime."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import photoqueue
from benchmarks.peers.peer import ROOT, until
from benchmarks.servers import Servers
from photoqueue.installation import use
from photoqueue.jobs import PHOTO_ANALYZE

SAMPLES = ROOT / "data" / "samples"
#: Photos that are analysed, and how many of them are done before the clock starts.
_PHOTOS, _WARM = 240, 20
PROCESSES = 2


def sample_photos(number: int) -> list[Path]:
    """Return so many paths of the sample homes' photos, over and over."""
    return list(itertools.islice(itertools.cycle(sorted(SAMPLES.rglob("*.jpg"))), number))


def bare_loop(servers: Servers, scale: float) -> dict[str, float]:
    """Analyse photos in two processes that do nothing else: read, decode, run the model."""
    photos = max(10, round(_PHOTOS * scale))
    command = [sys.executable, "-m", "benchmarks.measures.bare_loop", str(photos // PROCESSES)]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()  # it has its model and is warm
        answers = []
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            assert process.stdout is not None
            answers.append(json.loads(process.stdout.readline()))
    finally:
        for process in started:
            process.kill()
            process.wait()
    return {"photos/s": photos // PROCESSES * PROCESSES / max(answers)}


def worker(servers: Servers, scale: float) -> dict[str, float]:
    """Let a worker of two processes analyse the same photos, tracked, with their thumbnails."""
    photos = max(10, round(_PHOTOS * scale)) + _WARM
    use(servers.settings.model_copy(update={"engine": "builtin"}))
    prefix = f"{time.time_ns():x}"
    batch = photoqueue.submit_photos(
        [
            {"photo": path, "photo_id": f"{prefix}-{number}"}
            for number, path in enumerate(sample_photos(photos))
        ],
        user_id="bench",
    )
    log = (servers.settings.home / "photos.log").open("ab")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "photoqueue", "worker"),
            *("--queue", str(PHOTO_ANALYZE), "--concurrency", str(PROCESSES)),
        ],
        env={**os.environ, **servers.settings.to_environment(), "PHOTOQUEUE_ENGINE": "builtin"},
        stdout=log,
        stderr=log,
    )

    def left() -> int:
        return sum(n for state, n in batch.counts().items() if not state.finished)

    try:
        # Asked seldom: the answers take the same cores. When each photo ended, its row says.
        until(lambda: left() == 0, what="the photos", pause=0.5)
        done = photoqueue.history(batch=batch, state="completed")
        if len(done) < photos:
            raise RuntimeError(f"{photos - len(done)} of {photos} photos were not analysed")
        ends = sorted(done["finished_at"])
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        use(None)
    seconds = (ends[-1] - ends[_WARM - 1]).total_seconds()
    return {"photos/s": (photos - _WARM) / seconds}
