"""The stage: servers, workers and what stands between them, for faults to play on."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx
import psycopg
from pydantic import SecretStr

import photoqueue
from chaos import audit
from chaos.engine import RUNS_VARIABLE
from chaos.load import Load, photo
from chaos.proxy import Proxy
from chaos.servers import Servers, mount, unmount
from chaos.workers import Worker, Workers
from photoqueue import Settings
from photoqueue.installation import current
from photoqueue.services import process

#: Marks every process of a run.
MARK = "CHAOS_STAGE"
PHOTOS = ("--queue", "photo-analyze", "--concurrency", "2")
INVENTORIES = ("--queue", "inventory-sync", "--concurrency", "1")


@dataclass(frozen=True)
class Place:
    """A worker that is kept alive.

    Attributes
    ----------
    through : str
        How it reaches the servers: on their sockets, through the proxy that can be cut, or
        over the network.
    before : tuple of str
        Words before its command.
    """

    arguments: tuple[str, ...]
    through: Literal["socket", "proxy", "network"]
    before: tuple[str, ...] = ()


CREW: tuple[Place, ...] = (
    Place(PHOTOS, "proxy"),
    Place(PHOTOS, "socket"),
    Place(INVENTORIES, "proxy"),
)
_STORE_BYTES = 256 * 1024 * 1024
_WORKER_SECONDS = 30.0  #: Within which a worker should be there.
#: Seconds within which the probe must say that a server is away: more than the limit of a short
#: statement, what a server that hangs gets beyond it, and a connection.
_PROBE_SECONDS = 50.0


class Stage:
    """Everything that a run consists of.

    Parameters
    ----------
    crew
        The workers that are to live.
    listen
        Address on which the servers listen for workers of other hosts.
    servers
        What else is special about them (see :class:`chaos.servers.Servers`).
    """

    def __init__(
        self, seed: int, *, crew: Sequence[Place] = CREW, listen: str = "", **servers: Any
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pq-chaos-"))
        self.mark = uuid.uuid4().hex
        self.runs = self.folder / "runs"
        self.runs.mkdir()
        self.store = self.folder / "photos"
        self.store.mkdir()
        mount(self.store, _STORE_BYTES)
        self.servers = Servers(listen, **servers)
        #: Before PostgreSQL, and before Redis.
        self.proxies = [
            Proxy(self.servers.address / server.socket_name)
            for server in (self.servers.postgres, self.servers.redis)
        ]
        self.settings = Settings(
            home=self.folder / "home",
            database_url=self.servers.database_url,
            redis_url=self.servers.redis_url,
            photo_store=str(self.store),
            engine="chaos.engine:make",
            backoff_delay=50,
            lease_seconds=2.0,
            grace_seconds=2.0,
            job_timeout_seconds=3.0,
        )
        self._reached = {
            "socket": self.settings,
            "proxy": self._settings_for(
                self.servers.url_through(self.proxies[0].folder),
                self.servers.redis_url_through(self.proxies[1].folder),
            ),
        }
        if listen:
            self._reached["network"] = self._settings_for(
                self.servers.remote_database_url, self.servers.remote_redis_url
            )
        environment = {MARK: self.mark, RUNS_VARIABLE: str(self.runs)}
        self.workers = Workers(self.folder, environment)
        self.services = Workers(self.folder / "services", environment)
        self.crew = list(crew)
        #: Name of the fault that is played.
        self.fault = ""
        #: Seconds that each fault took to be made good, by its name.
        self.recovered: dict[str, list[float]] = defaultdict(list)
        #: Connections to the API that do it no good.
        self.strangers: list[socket.socket] = []
        self.kills: list[audit.Kill] = []
        #: Runs of the engine that no attempt is on record for, by photo.
        self.forgotten: Counter[str] = Counter()
        #: The same of photos.
        self.slain: list[audit.Kill] = []
        #: When each worker took up work, and when it was ended, in seconds since the epoch.
        self.working: dict[Worker, list[float]] = {}
        #: When a server was away.
        self.outages: list[audit.Span] = []
        self._ids: dict[int, UUID] = {}
        self._asking = threading.Lock()
        self._asker: psycopg.Connection[tuple[object, ...]] | None = None
        self._places: list[Worker | None] = [None] * len(self.crew)
        #: Environment with which the next worker starts.
        self.next_environment: dict[str, str] = {}
        with self.servers.connect() as connection:
            audit.install(connection)
        photoqueue.use(self._reached["proxy"])
        self.load = Load(seed, self.unfinished)
        self._watched = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def fill_crew(self) -> None:
        """Start a worker in each place whose worker is gone, as a service manager does."""
        for number, worker in enumerate(self._places):
            if worker is None or not worker.alive:
                place = self.crew[number]
                self._places[number] = self.workers.start(
                    self._reached[place.through],
                    ("worker", "--health-port", "0", *place.arguments),
                    extra=self.next_environment,
                    before=place.before,
                )
                self.next_environment = {}

    def worker_at(self, number: int) -> Worker | None:
        """Return the worker of a place, if it lives."""
        worker = self._places[number]
        return worker if worker and worker.alive else None

    def wait_for_worker(self) -> None:
        """Wait until a worker takes photos: a fault should have something to hit."""
        process.until(
            lambda: any(worker in self.working for worker in self.photo_workers()),
            time.monotonic() + _WORKER_SECONDS,
        )

    def api(self) -> str:
        """Return the address of the HTTP API, which is started where it is not there."""
        if not self.services.living:
            self.services.start(self.settings, ("serve", "--port", "0"))
        (server,) = self.services.living
        server.wait_for("serving on ")
        return server.after("serving on ")

    def photo_workers(self) -> list[Worker]:
        """Living workers that analyse photos and have begun to."""
        return [
            worker
            for worker in self._places
            if worker and worker.alive and "inventory-sync" not in worker.arguments
        ]

    def _settings_for(self, database_url: str, redis_url: str) -> Settings:
        addresses = {"database_url": SecretStr(database_url), "redis_url": SecretStr(redis_url)}
        return self.settings.model_copy(update=addresses)

    def note_kill(self, workers: Sequence[Worker], at: float) -> None:
        """Remember whom the fault that is played has hit."""
        hit = {self._ids[worker.pid] for worker in workers if worker.pid in self._ids}
        self.kills.append(audit.Kill(self.fault, at, frozenset(hit)))

    def ended(self, worker: Worker, at: float) -> None:
        """Remember that a worker takes no more jobs."""
        self.working.setdefault(worker, [at, at])[1] = at

    def _watch(self) -> None:
        """Note when workers take up work, and under which id."""
        while not self._watched.wait(0.05):
            for worker in self.workers.living:
                if worker not in self.working and worker.ready:
                    self.working[worker] = [time.time(), float("inf")]
                    # From its log, which is there whatever becomes of the servers.
                    told = worker.text.partition("worker ready")[2].partition("worker=")[2]
                    self._ids[worker.pid] = UUID(told[:36])
            for worker, span in self.working.items():
                if not worker.alive and span[1] == float("inf"):
                    span[1] = time.time()  # what ended it was no fault, but a photo
                    ids = frozenset({self._ids[worker.pid]})
                    self.slain.append(audit.Kill("poison a whole worker", span[1], ids))

    def unfinished(self) -> int:
        """Count the jobs that have not ended."""
        query = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'active', 'delayed')"
        # One that was in charge before may answer, too; one that was stopped does not any more.
        place = str(self.servers.postgres_socket.parent)
        with self._asking:
            if self._asker is not None and self._asker.info.host == place:
                with contextlib.suppress(psycopg.OperationalError):
                    return _only(self._asker.execute(query))
            self._asker = self.servers.connect()
            return _only(self._asker.execute(query))

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL, past everything that can be cut."""
        with self.servers.connect() as connection:
            return connection.execute(query, parameters).fetchall()

    def unhealthy(self, since: float) -> list[str]:
        """Ask the workers that took jobs before a moment for their health; list what is wrong."""
        found = []
        for worker in self._since(since):
            address = worker.after("answering /healthz on ")
            try:
                answer = httpx.get(f"{address}/healthz", timeout=10, verify=False)
                said = "" if answer.is_success else answer.text
            except httpx.HTTPError as exc:
                said = repr(exc)
            if said:
                found.append(f"{self.fault}: {worker.log.name} says of its health: {said}")
        return found

    def overlooked(self, server: str) -> list[str]:
        """Ask the probe about a server that is away; tell where it does not say so in time."""
        told = []
        current()._probe_at = 0.0  # it looks again after ten seconds
        asking = threading.Thread(target=lambda: told.append(current().probe()), daemon=True)
        asking.start()
        asking.join(_PROBE_SECONDS)
        if not told:
            return [f"{self.fault}: the probe has not answered for {_PROBE_SECONDS:.0f} s"]
        if server and told[0][server] is None:
            return [f"{self.fault}: jobs cannot move, and the probe says nothing of it"]
        return []

    def resumed(self, since: float, seconds: float) -> tuple[list[float], list[Worker]]:
        """Wait until each worker that took photos before a moment takes one again.

        Returns
        -------
        tuple
            The seconds that each took, and those that did not within the limit.
        """
        begin = time.monotonic()
        ((after,),) = self.rows("SELECT coalesce(max(move_id), 0) FROM chaos_moves")
        found: dict[Worker, float] = {}
        query = "SELECT DISTINCT worker_id FROM chaos_moves WHERE move_id > %s AND state = 'active'"
        while time.monotonic() - begin < seconds:
            active = {worker for (worker,) in self.rows(query, after)}
            for worker in self._since(since):
                if self._ids[worker.pid] in active:
                    found.setdefault(worker, time.monotonic() - begin)
            missing = [worker for worker in self._since(since) if worker not in found]
            if not missing:
                break
            if self.unfinished() < 8:  # so that there is a photo for each
                self.load.submit([photo("sleep") for _ in range(16)])
            time.sleep(0.05)
        return list(found.values()), missing

    def _since(self, moment: float) -> list[Worker]:
        return [one for one in self.photo_workers() if self.working.get(one, [moment])[0] < moment]

    def settle(self, seconds: float) -> bool:
        """Wait until all jobs have ended; False when they do not within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.fill_crew()
            try:
                if self.unfinished() == 0:
                    return True
            except psycopg.Error:
                self.servers.start()
            time.sleep(0.1)
        return False

    def close(self) -> None:
        """End everything."""
        self._watched.set()
        self._watcher.join(10)
        photoqueue.use(None)
        if self._asker is not None:
            self._asker.close()
        self.services.kill()
        self.workers.kill()
        for proxy in self.proxies:
            proxy.close()
        self.servers.close()
        unmount(self.store)
        shutil.rmtree(self.folder, ignore_errors=True)


def _only(found: psycopg.Cursor[Any]) -> int:
    return int(found.fetchall()[0][0])
