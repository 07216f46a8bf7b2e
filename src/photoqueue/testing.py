"""Fixtures for pytest: an installation of a test's own, and jobs that run at once.

``pytest_plugins = ["photoqueue.testing"]`` in ``conftest.py`` names them; the package registers no
plugin. PostgreSQL and Redis are real ones, started for the tests; nothing of the environment is
used.

>>> def test_photo(photoqueue_inline):
...     photoqueue_inline.answers["salon"] = Analysis(items=(SOFA,))
...     assert submit_photo("salon.jpg", room="salon").result().items

PYTEST_DONT_REWRITE: it has no assertions, and may have been imported before.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from photoqueue.engines.contract import Analysis, Engine, Hint, Item
from photoqueue.errors import PermanentError
from photoqueue.installation import Installation, current, use
from photoqueue.jobs.handling import Workplace, load_handler
from photoqueue.posting import Receiver
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.ledger import Ended, Ledger
from photoqueue.queue.webhooks import send_due
from photoqueue.services import Endpoints, ensure
from photoqueue.settings import Settings, load_settings
from photoqueue.words import JobState, Message
from photoqueue.worker.runner import Runner

__all__ = [
    *("photoqueue_inline", "photoqueue_installation", "photoqueue_settings"),
    *("photoqueue_servers", "photoqueue_api"),
    *("API_TOKEN", "ScriptedEngine", "inline", "served"),
]

#: What a scripted engine answers: an analysis, or an error to raise.
Answer = Analysis | Exception

_CHAIR: Final = Item(
    name="chair", category="furniture", key="chair", score=0.9, box=(0.1, 0.2, 0.5, 0.6)
)


def _a_chair() -> Analysis:
    return Analysis(items=(_CHAIR,), room_type="kitchen", confidence=0.9)


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

    answers: dict[str, Answer | Sequence[Answer]] = field(default_factory=dict)
    otherwise: Answer = field(default_factory=_a_chair, repr=False)
    hints: list[Hint] = field(default_factory=list, init=False, repr=False)

    name = "scripted"
    model = "test"

    def analyse(self, image: object, hint: Hint) -> Analysis:
        """Return the answer for a photo, or raise it."""
        self.hints.append(hint)
        key = hint.photo_id if hint.photo_id in self.answers else str(hint.room)
        answer: object = self.answers.get(key, self.otherwise)
        if answer and isinstance(answer, list | tuple | deque):
            # A queue of our own: the list may be that of other tests, too.
            left = self.answers[key] = deque(answer)
            answer = left.popleft() if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, Analysis):
            raise PermanentError(
                f"The scripted engine cannot answer {answer!r}. Give a photoqueue.Analysis, an "
                "exception made already, or a list of these."
            )
        return answer


class InlineWorker:
    """Runs jobs in this process, with the runner and the handlers of a worker."""

    def __init__(self, installation: Installation, **settings: Any) -> None:
        self._installation = installation
        given = installation.settings
        self._settings = load_settings(**{**dict(given), **settings}) if settings else given
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
_engines: Final[list[Engine]] = []


def engine() -> Engine:
    """Build the engine of test installations: that of :func:`inline`, else a scripted one."""
    return _engines[-1] if _engines else ScriptedEngine()


def _with_fields(record: logging.LogRecord) -> bool:
    """Put into a message what the log of a worker has beside it: pytest shows messages alone."""
    fields = getattr(record, "fields", {}).items()
    record.msg = " ".join([record.msg, *(f"{name}={value}" for name, value in fields)])
    return True


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
    logger = logging.getLogger(Runner.__module__)
    logger.addFilter(_with_fields)
    _engines.append(engine or ScriptedEngine())
    vars(installation.broker)["enqueue"] = worker.enqueue
    try:
        yield
    finally:
        logger.removeFilter(_with_fields)
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
#: Two installations with one identity would meet in Redis.
OTHER_INSTALLATION: Final = "UPDATE installation SET installation_id = gen_random_uuid()"
#: Stops the servers of a home once whoever started them has ended, however it ended.
_STOP: Final = """
import shutil, sys
from photoqueue import services, settings
sys.stdin.read()
services.down(its := settings.load_settings())
shutil.rmtree(its.home)
"""


def with_database(url: str, name: str) -> str:
    """Name another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _settings(**own: Any) -> Settings:
    """Return the defaults with settings of its own; nothing of the environment."""
    fields = Settings.model_fields.items()
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
    return load_settings(**{**defaults, **own})


@pytest.fixture(scope="session")
def photoqueue_servers() -> Iterator[Endpoints]:
    """Real PostgreSQL and Redis servers for the session, on sockets of their own."""
    # Short: the path of a Unix socket has a limit.
    settings = _settings(home=tempfile.mkdtemp(prefix="pq-"))
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _STOP],
        stdin=subprocess.PIPE,  # which ends with this process, or at the end of the block
        env={**os.environ, **settings.to_environment()},
        start_new_session=True,  # Ctrl-C is not for it
    ):
        servers = ensure(settings)
        admin = servers.database_url.get_secret_value()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        with closing(Database(with_database(admin, TEMPLATE))) as template:
            migrate(template)
        yield servers


@pytest.fixture
def photoqueue_settings() -> dict[str, Any]:
    """Return settings other than the defaults: define it yourself to set some."""
    return {}


@pytest.fixture
def photoqueue_installation(
    photoqueue_servers: Endpoints, photoqueue_settings: dict[str, Any], tmp_path: Path
) -> Iterator[Installation]:
    """Make photoqueue's verbs use an empty installation of the test's own."""
    admin, name = photoqueue_servers.database_url.get_secret_value(), f"test_{uuid4().hex}"
    url = with_database(admin, name)
    own = {"home": tmp_path / "photoqueue", "engine": _ENGINE, "api_token": API_TOKEN}
    own |= {"database_url": url, "redis_url": photoqueue_servers.redis_url}
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}".encode())
        try:
            with psycopg.connect(url) as database:
                database.execute(OTHER_INSTALLATION)
            use(_settings(**{**own, **photoqueue_settings}))
            yield current()
        finally:
            use(None)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def photoqueue_inline(photoqueue_installation: Installation) -> Iterator[ScriptedEngine]:
    """Run submitted jobs at once; the engine whose answers the test sets."""
    engine = ScriptedEngine()
    with inline(engine):
        yield engine


@pytest.fixture
def photoqueue_api(photoqueue_installation: Installation) -> Iterator[str]:
    """Serve the HTTP API, which asks for ``API_TOKEN``; its address."""
    from photoqueue.faces.http.server import create_app

    with served(create_app(photoqueue_installation.settings)) as address:
        yield address
