"""What the kills ask of a queue, and how each contender does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import photoqueue
from chaos.load import photo
from chaos.peers.effects import EFFECTS_VARIABLE
from chaos.servers import Servers
from chaos.workers import REPOSITORY, Worker, Workers
from photoqueue import Settings

_HERE = Path(__file__).parent
#: Redis database of the peers; photoqueue has 0.
_PEERS_DB = 1


class Contender(ABC):
    """A queue with one worker of two processes, or of two jobs at a time."""

    name: ClassVar[str]

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.effects = folder / f"{self.name.split()[0]}.effects"
        self.effects.touch()
        socket = servers.redis.socket()
        self.environment = {
            EFFECTS_VARIABLE: str(self.effects),
            "CHAOS_REDIS_SOCKET": str(socket),
            "CHAOS_REDIS_DB": str(_PEERS_DB),
            "CHAOS_REDIS_URL": f"unix://{socket}?db={_PEERS_DB}",
        }

    @staticmethod
    def missing() -> str:
        """Why it cannot run here; empty where it can."""
        return ""

    @abstractmethod
    def submit(self, jobs: int) -> None:
        """Submit jobs."""

    @abstractmethod
    def start(self) -> subprocess.Popen[bytes]:
        """Start a worker in a process group of its own."""

    @abstractmethod
    def unfinished(self) -> int:
        """Count the jobs that the queue still knows of."""

    def completed_twice(self) -> int | None:
        """Count jobs that it recorded as completed twice; None where it keeps no record."""
        return None

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Let go of what it holds."""

    def _command(self, *command: str) -> str:
        return subprocess.run(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{self.name.split()[0]}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


class Photoqueue(Contender):
    """photoqueue, with the lease that it has by default."""

    name = "photoqueue"

    def __init__(self, servers: Servers, folder: Path) -> None:
        super().__init__(servers, folder)
        self._settings = Settings(
            home=folder / "home",
            database_url=servers.database_url,
            redis_url=servers.redis_url,
            engine="chaos.peers.engine:make",
        )
        self._workers = Workers(folder, self.environment)
        photoqueue.use(self._settings)

    def submit(self, jobs: int) -> None:
        """Submit small pictures."""
        photoqueue.submit_photos([photo("job") for _ in range(jobs)], user_id="chaos")

    def start(self) -> subprocess.Popen[bytes]:
        """Start a worker of two processes."""
        return self.start_worker().process

    def start_worker(self) -> Worker:
        """Start a worker of two processes."""
        return self._workers.start(self._settings, ["worker", "--queue", "photo-analyze"])

    def unfinished(self) -> int:
        """Count rows that have not ended."""
        with self.servers.connect() as connection:
            return int(
                connection.execute(
                    "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'active', 'delayed')"
                ).fetchone()[0]  # type: ignore[index,call-overload]  # one row
            )

    def completed_twice(self) -> int:
        """Count jobs with two completed attempts."""
        with self.servers.connect() as connection:
            return len(
                connection.execute(
                    "SELECT job_id FROM job_attempts WHERE outcome = 'completed' "
                    "GROUP BY job_id HAVING count(*) > 1"
                ).fetchall()
            )

    def close(self) -> None:
        """Use no installation any more."""
        photoqueue.use(None)


class RawHuey(Contender):
    """Huey without anything around it."""

    name = "Huey"

    def submit(self, jobs: int) -> None:
        """Submit from a process that knows the task by its wire name."""
        self._command(sys.executable, "-c", _HUEY_MAIN, "submit", str(jobs))

    def start(self) -> subprocess.Popen[bytes]:
        """Start a consumer of two processes."""
        consumer = [sys.executable, "-m", "huey.bin.huey_consumer"]
        return self._start(*consumer, "chaos.peers.huey_tasks.huey", "-k", "process", "-w", "2")

    def unfinished(self) -> int:
        """Count messages."""
        return int(self._command(sys.executable, "-c", _HUEY_MAIN, "count"))


_HUEY_MAIN = "from chaos.peers.huey_tasks import main; main()"


class BullMQ(Contender):
    """BullMQ on Node, two jobs at a time."""

    name = "BullMQ"

    @staticmethod
    def missing() -> str:
        """Install it beside this file, if Node is there."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            return "there is no Node with npm on this machine"
        if not (_HERE / "node_modules" / "ioredis").exists():
            done = subprocess.run(
                ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"],
                cwd=_HERE,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            if done.returncode:
                return f"npm could not install bullmq: {done.stderr.strip()[-200:]}"
        return ""

    def submit(self, jobs: int) -> None:
        """Submit in bulk."""
        self._command("node", str(_HERE / "bullmq.cjs"), "submit", str(jobs))

    def start(self) -> subprocess.Popen[bytes]:
        """Start a worker with concurrency 2."""
        return self._start("node", str(_HERE / "bullmq.cjs"), "work")

    def unfinished(self) -> int:
        """Count jobs that wait, run or are delayed."""
        return int(self._command("node", str(_HERE / "bullmq.cjs"), "count"))


CONTENDERS: tuple[type[Contender], ...] = (Photoqueue, RawHuey, BullMQ)
