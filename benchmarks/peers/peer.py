"""What the measures ask of a job queue: submit, work, wait for one job, tell what is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil

from benchmarks.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
#: Where each peer's own packages are, made by ``make bench``.
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
#: Seconds after which a command of a peer is given up.
_PATIENCE = 240.0


class Left(Protocol):
    """Counts the jobs that have not ended."""

    def __call__(self, servers: Servers) -> int:
        """Count them."""
        ...


@dataclass(frozen=True)
class Peer:
    """One job queue.

    Attributes
    ----------
    program : tuple of str
        Takes the verbs ``submit N`` and ``latency N``, and prints what it measured as JSON.
    workers : tuple of commands
        Start two processes that work, together.
    left : callable
        Counts the jobs that have not ended.
    tracks : str
        What is kept of a job beside its message.
    jobs : int
        How many it is given to work off: a few seconds' worth.
    missing : str or None
        Why it cannot run here.
    latency_workers : tuple of commands
        The workers for waiting for one job, where they differ: with results kept.
    """

    name: str
    program: tuple[str, ...]
    workers: tuple[tuple[str, ...], ...]
    left: Left
    tracks: str
    jobs: int
    missing: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, servers: Servers, *words: str) -> Any:
        """Let its program do one thing, and read what it says."""
        done = subprocess.run(
            [*self.program, *words],
            cwd=ROOT,
            env=self._environment(servers),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name} {' '.join(words)} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    @contextlib.contextmanager
    def working(self, servers: Servers) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Have its two worker processes run, for a while."""
        log = servers.settings.home / f"{self.name}.log"
        with log.open("ab") as output:
            started = [
                subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=self._environment(servers),
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                )
                for command in self.workers
            ]
        try:
            yield started
        finally:
            _end(started)

    def _environment(self, servers: Servers) -> dict[str, str]:
        return {**os.environ, **servers.environment(), **self.variables}


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes and those that they started, with patience and then without."""
    family = [
        child
        for process in started
        if psutil.pid_exists(process.pid)
        for child in psutil.Process(process.pid).children(recursive=True)
    ]
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for child in family:
        with contextlib.suppress(psutil.Error):
            child.kill()


def until(condition: Any, *, what: str, patience: float = _PATIENCE, pause: float = 0.01) -> float:
    """Wait for a condition; return the moment at which it held, on the monotonic clock."""
    deadline = time.perf_counter() + patience
    while not condition():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"gave up waiting for {what} after {patience:g} s")
        time.sleep(pause)
    return time.perf_counter()
