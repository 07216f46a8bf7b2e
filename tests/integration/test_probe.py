"""One probe of the servers, by check, doctor, status, /readyz and workers: can jobs move?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from photoqueue import Settings
from photoqueue.client.system import readiness
from photoqueue.installation import Installation, current, use
from tests.conftest import Worker, eventually
from tests.integration.conftest import Run
from tests.redis_servers import RedisServer, redis_server


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def installation(
    settings: Settings, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    monkeypatch.setattr("photoqueue.installation._PROBE_SECONDS", 0.0)
    monkeypatch.setattr("photoqueue.installation._RETRY_SECONDS", 0.0)
    chosen = settings.model_copy(update={"redis_url": SecretStr(own_redis.url())})
    for name, value in chosen.to_environment().items():
        if value:  # the doctor reads its own
            monkeypatch.setenv(name, value)
    use(chosen)
    yield current()
    use(None)


def problems() -> dict[str, str]:
    return {check.name: check.problem for check in readiness() if check.problem is not None}


def doctors(run: Run) -> dict[str, str]:
    found = run("doctor", "--json").json["checks"]
    return {one["check"]: one["detail"] for one in found if one["verdict"] == "problem"}


def test_full_redis_is_told_everywhere(
    installation: Installation,
    own_redis: RedisServer,
    api: httpx.Client,
    run: Run,
    start_worker: Callable[..., Worker],
) -> None:
    assert problems() == {}
    assert run("check").code == 0
    worker = start_worker("--queue", "photo-analyze", "--health-port", "0")
    (port,) = re.findall(r"/healthz on http://127.0.0.1:(\d+)", worker.log)

    def health() -> tuple[int, str]:
        answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60)
        return answer.status_code, answer.json()["status"]

    eventually(lambda: health() == (200, "alive"))
    own_redis.ask("CONFIG", "SET", "maxmemory", 1)
    try:
        checked = run("check", "--json")
        assert checked.code == 2
        (alert,) = checked.json["alerts"]
        assert (alert["name"], alert["queue"], alert["severity"]) == ("broker", "", "critical")
        ready = api.get("/readyz")
        assert ready.status_code == 503
        told = {
            "check": alert["message"],
            "readyz": next(one["problem"] for one in ready.json()["checks"] if not one["ok"]),
            "doctor": doctors(run)["Redis"],
            "status": run("status", "--json").json["broker"]["error"],
        }
        for place, text in told.items():
            assert "raise its maxmemory" in text, place
        eventually(lambda: "raise its maxmemory" in worker.log, worker=worker)
        assert health() == (200, "waiting")
    finally:
        own_redis.ask("CONFIG", "SET", "maxmemory", 0)
    assert problems() == {}
    assert run("check").code == 0
    assert doctors(run) == {}
    eventually(lambda: health() == (200, "alive"))


def test_redis_user_without_info_is_enough(
    installation: Installation, own_redis: RedisServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ("~huey.redis.*", "~photoqueue:*", "+@all", "-@dangerous")
    own_redis.ask("ACL", "SETUSER", "ana", "on", ">s3cret", *rules)
    url = own_redis.url("ana:s3cret")
    monkeypatch.setenv("REDIS_URL", url)
    use(installation.settings.model_copy(update={"redis_url": SecretStr(url)}))
    assert problems() == {}
    assert doctors(run) == {}
    own_redis.ask("ACL", "SETUSER", "ana", "resetkeys", "~other:*")
    assert "permissions" in problems()["broker"]
    assert "permissions" in doctors(run)["Redis"]
    assert run("check").code == 2


def test_postgresql_that_takes_no_writes_is_told(
    installation: Installation, database_url: str, run: Run
) -> None:
    assert problems() == {}
    with closing(psycopg.connect(database_url, autocommit=True)) as owner:
        name = owner.info.dbname
        owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        others = (
            "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        owner.execute(f"SELECT pg_terminate_backend(pid) {others}")
        eventually(lambda: owner.execute(f"SELECT count(*) {others}").fetchone() == (0,))
        try:
            assert "read-only" in problems()["database"]
            checked = run("check")
            assert (checked.code, "read-only" in checked.out) == (2, True)
            assert "read-only" in doctors(run)["PostgreSQL"]
        finally:
            owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def test_servers_that_work_are_probed_every_ten_seconds(
    installation: Installation, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photoqueue.installation._PROBE_SECONDS", 10.0)
    own_redis.ask("CONFIG", "RESETSTAT")
    for _ in range(20):
        installation.probe()
    stats = own_redis.ask("INFO", "commandstats")
    assert stats["cmdstat_bzpopmin"]["calls"] == 1
    with installation.database.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 0


def test_doctor_examines_redis_where_postgresql_is_away(
    installation: Installation, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql:///x?host={tmp_path}")
    found = run("doctor", "--json").json["checks"]
    told = {one["check"]: one["verdict"] for one in found}
    assert (told["PostgreSQL"], told["Redis"]) == ("problem", "ok")
