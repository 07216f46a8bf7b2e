"""Test what you build on photoqueue: an installation of its own, and jobs that run at once.

The servers are real ones, started for the tests; the environment's are never used. With pytest, see
:mod:`photoqueue.testing.fixtures`.

>>> from photoqueue.testing import ScriptedEngine, inline
>>> with inline(ScriptedEngine()):  # doctest: +SKIP
...     submit_photo("salon.jpg").result()
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import psycopg

from photoqueue import services
from photoqueue.engines.contract import Analysis, Engine, Hint, Item
from photoqueue.installation import Installation, current, use
from photoqueue.jobs.handling import Handler, Workplace, load_handler
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.ledger import Ended, Ledger
from photoqueue.settings import Settings
from photoqueue.words import JobState, JobType, Message
from photoqueue.worker.runner import Runner

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.services import Endpoints

__all__ = ["ScriptedEngine", "inline", "own_installation", "own_servers"]

#: What a scripted engine answers: an analysis, or an error to raise.
Answer = Analysis | Exception

CHAIR: Final = Item(
    name="chair", category="furniture", key="chair", score=0.9, box=(0.1, 0.2, 0.5, 0.6)
)
_A_CHAIR: Final = Analysis(items=(CHAIR,), room_type="kitchen", confidence=0.9)


class ScriptedEngine:
    """An engine that looks at nothing and answers what a test says.

    Parameters
    ----------
    answers
        By photo id or name of a room: an :class:`~photoqueue.Analysis`, an exception to raise, or
        a list of them, one for each time it is asked; the last one is repeated.
    otherwise
        Answer for everything else; default is one chair.

    Attributes
    ----------
    hints : list of Hint
        What it was asked, in that order.
    """

    name = "scripted"
    model = "test"

    def __init__(
        self,
        answers: Mapping[str, Answer | Sequence[Answer]] | None = None,
        *,
        otherwise: Answer = _A_CHAIR,
    ) -> None:
        self.answers = dict(answers or {})
        self.otherwise = otherwise
        self.hints: list[Hint] = []
        self._asked = Counter[str]()

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Return the answer for a photo, or raise it."""
        self.hints.append(hint)
        key = hint.photo_id if hint.photo_id in self.answers else str(hint.room)
        given = self.answers.get(key, self.otherwise)
        answers = [given] if isinstance(given, Analysis | Exception) else given
        answer = answers[min(self._asked[key], len(answers) - 1)]
        self._asked[key] += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


class InlineWorker:
    """Runs jobs in this process, with the runner and the handlers of a worker."""

    def __init__(self, installation: Installation, settings: Settings | None = None) -> None:
        self._installation = installation
        self._settings = settings or installation.settings
        self._workplace = Workplace(self._settings, installation.database)
        self._handlers: dict[JobType, Handler] = {}
        self._pending = deque[Message]()
        self._lock = threading.RLock()
        self._running = False

    def run(
        self, job_id: UUID, queue: JobType, around: Callable[[Handler], Handler] | None = None
    ) -> Ended | None:
        """Run a job once; ``around`` may put something around its handler."""
        if queue not in self._handlers:
            self._handlers[queue] = load_handler(queue, self._workplace)
        handler = self._handlers[queue]
        with closing(Ledger(self._installation.database)) as ledger:
            return Runner(
                ledger=ledger,
                broker=self._installation.broker,
                settings=self._settings,
                queue=queue,
                handler=around(handler) if around else handler,
                worker_id=_NOBODY,
                slot=1,
            ).run(job_id)

    def enqueue(self, messages: Iterable[Message]) -> int:
        """Run the jobs of messages to their end, in the place of a broker."""
        given = list(messages)
        self._pending.extend(given)
        with self._lock:
            if not self._running:  # else a job has submitted these: they run after it
                self._running = True
                try:
                    self._run_pending()
                finally:
                    self._running = False
        return len(given)

    def _run_pending(self) -> None:
        while True:
            while self._pending:
                message = self._pending.popleft()
                ended = self.run(message.job_id, message.queue)
                if ended is not None and ended.state is JobState.DELAYED:
                    self._pending.appendleft(message)
            with closing(Ledger(self._installation.database)) as ledger:
                self._pending.extend(ledger.release_blocked())
            if not self._pending:
                return


#: The worker that jobs run inline are recorded under.
_NOBODY: Final = UUID(int=7)
_ENGINE: Final = "photoqueue.testing:engine"
_given: Engine | None = None


def engine() -> Engine:
    """Build the engine of test installations: that of :func:`inline`, else a scripted one."""
    return _given or ScriptedEngine()


@contextmanager
def inline(engine: Engine | None = None) -> Iterator[None]:
    """Run each job at once where it is submitted, in this process and by a worker's own runner.

    A submission returns when its jobs have ended, retries included, which are not waited for. So
    do ``retry()`` and ``batch.close()``. Jobs after a batch run once the batch has ended.

    Parameters
    ----------
    engine
        Analyses the photos; default is the engine of the settings.
    """
    global _given
    installation = current()
    own = {"backoff_delay": 0} | ({} if engine is None else {"engine": _ENGINE})
    worker = InlineWorker(installation, installation.settings.model_copy(update=own))
    before, _given = _given, engine
    vars(installation.broker)["enqueue"] = worker.enqueue
    try:
        yield
    finally:
        _given = before
        del vars(installation.broker)["enqueue"]


#: Database with the tables of photoqueue, from which others are copied.
TEMPLATE: Final = "template_photoqueue"


@contextmanager
def own_servers() -> Iterator[Endpoints]:
    """Start a PostgreSQL and a Redis, whatever the environment names, and stop them at the end."""
    # Short: the path of a Unix socket has a limit.
    home = Path(tempfile.mkdtemp(prefix="pq-"))
    settings = _plain_settings(home=home)
    try:
        servers = services.ensure(settings)
        admin = servers.database_url.get_secret_value()
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        with closing(Database(with_database(admin, TEMPLATE))) as template:
            migrate(template)
        yield servers
    finally:
        services.down(settings)
        shutil.rmtree(home, ignore_errors=True)


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
            given = {"home": home, "database_url": url, "engine": _ENGINE, **settings}
            use(_plain_settings(redis_url=servers.redis_url, **given))
            yield current()
        finally:
            use(None)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


#: Two installations with one identity would meet in Redis.
OTHER_INSTALLATION: Final = "UPDATE installation SET installation_id = gen_random_uuid()"


def with_database(url: str, name: str) -> str:
    """Name another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def _plain_settings(**own: Any) -> Settings:
    """Return the defaults with settings of its own; nothing of the environment."""
    fields = Settings.model_fields.items()
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
    return Settings(**{**defaults, **own})
