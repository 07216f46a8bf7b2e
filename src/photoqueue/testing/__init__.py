"""Test what you build on photoqueue: an installation of its own, and jobs that run at once.

The servers are real ones, started for the tests; the environment's are never used. With pytest, see
:mod:`photoqueue.testing.fixtures`.

>>> from photoqueue.testing import ScriptedEngine, inline
>>> with inline(ScriptedEngine()):  # doctest: +SKIP
...     submit_photo("salon.jpg").result()
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import make_url

from photoqueue import services
from photoqueue.engines.contract import Analysis, Engine, Hint, Item
from photoqueue.installation import Installation, current, use
from photoqueue.jobs.handling import Workplace, load_handler
from photoqueue.posting import Receiver
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.ledger import Ended, Ledger
from photoqueue.queue.webhooks import send_due
from photoqueue.settings import Settings, load_settings
from photoqueue.words import JobState, Message
from photoqueue.worker.runner import Runner

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.services import Endpoints

__all__ = ["API_TOKEN", "ScriptedEngine", "inline", "own_installation", "own_servers", "served"]

#: What a scripted engine answers: an analysis, or an error to raise.
Answer = Analysis | Exception

_CHAIR: Final = Item(
    name="chair", category="furniture", key="chair", score=0.9, box=(0.1, 0.2, 0.5, 0.6)
)
_A_CHAIR: Final = Analysis(items=(_CHAIR,), room_type="kitchen", confidence=0.9)


@dataclass(eq=False)
class ScriptedEngine:
    """An engine that looks at nothing and answers what a test says.

    Attributes
    ----------
    answers
        By photo id or name of a room: an :class:`~photoqueue.Analysis`, an exception to raise, or
        a list of them, one for each time it is asked; the last one is repeated.
    otherwise
        Answer for everything else; at first it is one chair.
    hints : list of Hint
        What it was asked, in that order.
    """

    answers: dict[str, Answer | Iterable[Answer]] = field(default_factory=dict)
    otherwise: Answer = field(default=_A_CHAIR, repr=False)
    hints: list[Hint] = field(default_factory=list, init=False, repr=False)

    name = "scripted"
    model = "test"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Return the answer for a photo, or raise it."""
        self.hints.append(hint)
        key = hint.photo_id if hint.photo_id in self.answers else str(hint.room)
        answer = self.answers.get(key, self.otherwise)
        if isinstance(answer, Iterable):
            # A queue of our own: the list may be that of other tests, too.
            left = self.answers[key] = answer if isinstance(answer, deque) else deque(answer)
            answer = left.popleft() if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class InlineWorker:
    """Runs jobs in this process, with the runner and the handlers of a worker."""

    def __init__(self, installation: Installation, **settings: Any) -> None:
        self._installation = installation
        self._settings = load_settings(**{**dict(installation.settings), **settings})
        workplace = Workplace(self._settings, installation.database)
        self.handler = cache(lambda queue: load_handler(queue, workplace))
        self._pending = deque[Message]()
        self._lock = threading.RLock()
        self._running = False

    def run(self, message: Message) -> Ended | None:
        """Run a job once; None if there is nothing to do."""
        with closing(Ledger(self._installation.database)) as ledger:
            return Runner(
                ledger=ledger,
                broker=self._installation.broker,
                settings=self._settings,
                queue=message.queue,
                handler=self.handler(message.queue),
                worker_id=_NOBODY,
                slot=1,
            ).run(message.job_id)

    def enqueue(self, messages: Iterable[Message]) -> int:
        """Run the jobs of messages to their end, in the place of a broker."""
        given = list(messages)
        self._pending.extend(given)
        with self._lock:
            if self._running:  # a job has submitted these: they run after it
                return len(given)
            self._running = True
            try:
                while message := self._next():
                    ended = self.run(message)
                    if ended is not None and ended.state is JobState.DELAYED:
                        self._pending.appendleft(message)
            finally:
                self._running = False
        if receiver := Receiver.of(self._settings, "webhook_url"):
            send_due(self._installation.database, receiver)  # it may submit jobs: without the lock
        return len(given)

    def _next(self) -> Message | None:
        if not self._pending:
            with closing(Ledger(self._installation.database)) as ledger:
                self._pending.extend(ledger.release_blocked())
        return self._pending.popleft() if self._pending else None


#: The worker that jobs run inline are recorded under.
_NOBODY: Final = UUID(int=7)
_ENGINE: Final = "photoqueue.testing:engine"
#: What the HTTP API of test installations asks for.
API_TOKEN: Final = "the-token-of-tests"
_engines: Final[list[Engine]] = [ScriptedEngine()]


def engine() -> Engine:
    """Build the engine of test installations: that of :func:`inline`, else a scripted one."""
    return _engines[-1]


@contextmanager
def inline(engine: Engine | None = None, **settings: Any) -> Iterator[None]:
    """Run each job at once where it is submitted, in this process and by a worker's own runner.

    A submission returns when its jobs have ended, retries included, which are not waited for, and
    webhooks were sent. So do ``retry()`` and ``batch.close()``. Jobs after a batch run once the
    batch has ended.

    Parameters
    ----------
    engine
        Analyses the photos; default is the engine of the settings.
    settings
        Settings of the worker other than those of the installation, such as ``webhook_url``.
        Webhooks may be sent to this machine.
    """
    own = {"backoff_delay": 0, "webhook_networks": "127.0.0.0/8"}
    if engine is not None:
        own["engine"] = _ENGINE
    installation = current()
    worker = InlineWorker(installation, **{**own, **settings})
    _engines.append(engine or _engines[-1])
    vars(installation.broker)["enqueue"] = worker.enqueue
    try:
        yield
    finally:
        del vars(installation.broker)["enqueue"]
        _engines.pop()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI application from a thread; its address is on a free port of this machine."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)  # seconds
        )
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


#: Database with the tables of photoqueue, from which others are copied.
TEMPLATE: Final = "template_photoqueue"
#: Stops the servers of a home once whoever started them has ended, however it ended.
_STOP: Final = """
import shutil, sys
from photoqueue import services, settings
sys.stdin.read()
services.down(its := settings.load_settings())
shutil.rmtree(its.home)
"""


@contextmanager
def own_servers() -> Iterator[Endpoints]:
    """Start a PostgreSQL and a Redis, whatever the environment names, and stop them at the end."""
    # Short: the path of a Unix socket has a limit.
    settings = _settings(home=tempfile.mkdtemp(prefix="pq-"))
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _STOP],
        stdin=subprocess.PIPE,  # which ends with this process, or at the end of the block
        env={**os.environ, **settings.to_environment()},
        start_new_session=True,  # Ctrl-C is not for it
    ):
        servers = services.ensure(settings)
        admin = servers.database_url.get_secret_value()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        with closing(Database(with_database(admin, TEMPLATE))) as template:
            migrate(template)
        yield servers


@contextmanager
def own_installation(servers: Endpoints, home: Path, **settings: Any) -> Iterator[Installation]:
    """Make photoqueue's verbs use an empty installation, with a database of its own.

    Parameters
    ----------
    servers
        Those of :func:`own_servers`.
    home
        Folder for its photos.
    settings
        Settings other than the defaults; the environment's are not read.
    """
    admin, name = servers.database_url.get_secret_value(), f"test_{uuid4().hex}"
    url = with_database(admin, name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}".encode())
        try:
            with psycopg.connect(url) as own:
                own.execute(OTHER_INSTALLATION)
            given = {"home": home, "database_url": url, "redis_url": servers.redis_url}
            use(_settings(**{**given, "engine": _ENGINE, "api_token": API_TOKEN, **settings}))
            yield current()
        finally:
            use(None)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


#: Two installations with one identity would meet in Redis.
OTHER_INSTALLATION: Final = "UPDATE installation SET installation_id = gen_random_uuid()"


def with_database(url: str, name: str) -> str:
    """Name another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _settings(**own: Any) -> Settings:
    """Return the defaults with settings of its own; nothing of the environment."""
    fields = Settings.model_fields.items()
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
    return load_settings(**{**defaults, **own})
