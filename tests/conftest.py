"""Real servers for the tests: one PostgreSQL and one Redis, a fresh database for each test."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

import photoqueue
from photoqueue import Settings, testing
from photoqueue.installation import Installation, current, use
from photoqueue.queue.database import Database
from photoqueue.services import Endpoints
from tests import home, warm
from tests.databases import Databases
from tests.warm import WarmProcess

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_configure() -> None:
    # Each process of pytest-xdist has a home of its own: what a test leaves there names the test.
    home.move_in()
    home.watch()


def pytest_unconfigure() -> None:
    left = home.move_out()
    assert left == [], f"written into the home of whoever runs the tests: {left}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Let a test fail that starts embedded servers in the default home."""
    yield
    problem = home.trespass()
    assert problem is None, problem


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Let one process run the tests that share something costly."""
    from tests.scheduling import SharedScheduling

    return SharedScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest in one process, so that no process has it left at the end."""
    from tests.scheduling import LONG

    def turn(item: pytest.Item) -> int:
        return next((n for n, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG))

    items.sort(key=turn)


# The modules of all tests are a million objects that stay: Python looks for garbage among new ones
# only, and less often than for small programs.
gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Let one process compile the tests and the package, and the others find them compiled."""
    with (REPOSITORY / "pyproject.toml").open() as held:
        if hasattr(session.config, "workerinput"):
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def pytest_collection_finish() -> None:
    gc.freeze()


# Compiled modules are kept, also those of the tests themselves: each process of pytest, and each
# of the hundreds that tests start, would compile them anew, which takes longer than most tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True, scope="session")
def _no_process_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the run fail where a test leaves a process that works in one of its folders."""
    yield
    from tests.processes import processes_of

    found: list[str] = []

    def gone() -> bool:
        found[:] = [*processes_of(tmp_path_factory.getbasetemp()), *warm.commands()]
        return not found

    with contextlib.suppress(AssertionError):
        eventually(gone, timeout=20)
    warm.close()
    assert found == []


@pytest.fixture(autouse=True, scope="session")
def _no_environment() -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(("PHOTOQUEUE_", "QUEUE_")) or name in {"DATABASE_URL", "REDIS_URL"}:
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let HTTP clients trust one authority: each reads all of a file, 140 of them otherwise.

    The tests' servers speak no TLS, or name an authority of their own.
    """
    import ssl

    import certifi

    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    authority = tmp_path_factory.mktemp("authority") / "one.pem"
    authority.write_text(f"{first}{end}\n")
    os.environ["SSL_CERT_FILE"] = str(authority)
    # Clients that are told to ignore the environment ask for what the system has.
    none = str(authority.with_name("none"))
    paths = ssl.DefaultVerifyPaths(str(authority), None, "SSL_CERT_FILE", str(authority), "", none)
    ssl.get_default_verify_paths = lambda: paths


@pytest.fixture(autouse=True)
def _own_job_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test know nothing of the job types that others in its process made."""
    import photoqueue.jobs  # noqa: F401  # whose types all tests know
    from photoqueue import words

    monkeypatch.setattr(words, "_KNOWN", dict(words._KNOWN))


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Let processes of the tests be interrupted, also where a shell ignores it for them.

    A shell starts what runs in its background with SIGINT ignored, and that is inherited.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


servers = testing.photoqueue_servers


@pytest.fixture(scope="session")
def databases(servers: Endpoints) -> Iterator[Databases]:
    with contextlib.closing(Databases(servers)) as databases:
        yield databases


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """Give a database with the tables of photoqueue, of an installation of its own."""
    url = databases.take()
    yield url
    databases.give_back(url)


@pytest.fixture
def settings(servers: Endpoints, database_url: str, tmp_path: Path) -> Settings:
    """Settings of an installation of the test's own, with short waits and the test engine."""
    return settings_of(servers, database_url, tmp_path / "home")


def settings_of(servers: Endpoints, database_url: str, home: Path) -> Settings:
    own = {"home": home, "database_url": SecretStr(database_url), "redis_url": servers.redis_url}
    return _settings().model_copy(update=own)


@cache
def _settings() -> Settings:
    """Read the environment once: it takes longer than to connect to PostgreSQL."""
    return Settings(
        engine="tests.engines:scripted",
        # Tests of several processes ask for them.
        concurrency=1,
        backoff_delay=20,
        # Longer than a busy machine lets a worker stand still: one whose lease has run out is none.
        lease_seconds=10.0,
        grace_seconds=5.0,
    )


@pytest.fixture
def installation(settings: Settings) -> Iterator[Installation]:
    """Make photoqueue's verbs use an installation of the test's own."""
    use(settings)
    yield current()
    use(None)


@pytest.fixture
def database(installation: Installation) -> Database:
    return installation.database


class Worker:
    """A worker in processes of its own."""

    def __init__(self, process: WarmProcess, log: Path) -> None:
        self.process = process
        self.log_path = log

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill_group(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, timeout: float = 90) -> int:
        return self.process.wait(timeout)


def launch_worker(settings: Settings, log: Path, *arguments: str, **environment: str) -> Worker:
    """Start ``photoqueue worker`` in a process group of its own."""
    with log.open("wb") as output:
        process = warm.interpreter().start(
            ["worker", *arguments],
            environment={**os.environ, **settings.to_environment(), **environment},
            output=output,
            new_session=True,
        )
    return Worker(process, log)


def wait_until_ready(worker: Worker) -> None:
    # Long: several may start at once, beside other tests.
    eventually(
        lambda: "worker ready" in worker.log or worker.process.poll() is not None,
        timeout=90,
        worker=worker,
    )
    assert worker.process.poll() is None, worker.log


@pytest.fixture
def start_worker(installation: Installation, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers of the test's installation; whatever is left of them is ended."""
    workers: list[Worker] = []

    def start(
        *arguments: str, wait: bool = True, settings: Settings | None = None, **environment: str
    ) -> Worker:
        log = tmp_path / f"worker-{len(workers)}.log"
        chosen = settings or installation.settings
        workers.append(launch_worker(chosen, log, *arguments, **environment))
        if wait:
            wait_until_ready(workers[-1])
        return workers[-1]

    yield start
    for worker in workers:
        if worker.process.poll() is None:
            worker.kill_group()


def eventually(
    condition: Callable[[], object], timeout: float = 90, worker: Worker | None = None
) -> None:
    """Wait for a condition that must come true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            detail = f"\n{worker.log}" if worker else ""
            raise AssertionError(f"not within {timeout:g} s{detail}")
        # Many conditions are questions to PostgreSQL: asked more often, they are load themselves.
        time.sleep(0.05)


def picture(
    seed: int = 0, *, size: tuple[int, int] = (48, 32), image_format: str = "JPEG"
) -> bytes:
    """Make a small picture; another seed gives another content."""
    image = Image.new("RGB", size, (seed % 256, seed // 256 % 256, seed // 65536 % 256))
    buffer = io.BytesIO()
    image.save(buffer, image_format, **({"quality": 95} if image_format == "JPEG" else {}))
    # A comment behind the picture tells contents apart that compress alike.
    return buffer.getvalue() + f"#{seed}".encode()


def shell(*arguments: str) -> int:
    """Run a command of the shell in this process; return its exit status."""
    from photoqueue.faces.cli import main

    argv, sys.argv = sys.argv, ["photoqueue", *arguments]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        sys.argv = argv
    return 0


def submit(photo_id: str, **options: Any) -> photoqueue.Job:
    """Submit a small picture under an id that says what the engine does with it."""
    seed = sum(map(ord, photo_id))
    return photoqueue.submit_photo(picture(seed), photo_id=photo_id, user_id="u1", **options)


class Serve:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes] | WarmProcess, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def address(self) -> str:
        found = re.search(r"serving on (http://\S+)", self.log)
        return found[1] if found else ""


@pytest.fixture
def serve(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Start servers of the test's installation; whatever is left of them is ended."""
    started: list[Serve] = []

    def start(*arguments: str, cold: bool = False) -> Serve:
        log = tmp_path / f"serve-{len(started)}.log"
        own = {**os.environ, **settings.to_environment()}
        process: subprocess.Popen[bytes] | WarmProcess
        with log.open("wb") as output:
            if cold:
                process = subprocess.Popen(
                    [sys.executable, "-m", "photoqueue", "serve", *arguments],
                    cwd=REPOSITORY,
                    env=own,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            else:
                command = ["serve", *arguments]
                process = warm.interpreter().start(command, environment=own, output=output)
        started.append(Serve(process, log))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
