"""Addresses of servers are shown without their secrets."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from photoqueue.addresses import masked, without_secrets
from photoqueue.errors import ConfigurationError
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.database import Database
from photoqueue.services import Endpoints


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgresql://me:hunter2@db/jobs", "postgresql://me:***@db/jobs"),
        ("postgresql://me:hun@ter/2#x@db/jobs", "postgresql://me:***@db/jobs"),
        (
            "postgresql://me@db/jobs?password=hunter2&a=1",
            "postgresql://me@db/jobs?password=***&a=1",
        ),
        (
            "postgresql://me@db/j?a=1&sslpassword=hunter2",
            "postgresql://me@db/j?a=1&sslpassword=***",
        ),
        ("postgresql://db:5432/j?password=hun@ter2&a=1", "postgresql://db:5432/j?password=***&a=1"),
        ("https://me@host/models?api_key=hunter2", "https://me@host/models?api_key=***"),
        ("https://host/v1?a=1&key=hunter2", "https://host/v1?a=1&key=***"),
        ("postgresql://db/j?sslkey=/etc/key.pem", "postgresql://db/j?sslkey=/etc/key.pem"),
        ("host=db password=hunter2", "***"),
        ("unix:///home/me/redis.sock?db=0", "unix:///home/me/redis.sock?db=0"),
    ],
)
def test_masked_hides_secrets_and_keeps_the_place(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3@hunter2@127.0.0.1:1/jobs",
        "postgresql://me:s3@hunter2/x@127.0.0.1:1/jobs",
        "postgresql://me:s3@hunter2?x=1@127.0.0.1:1/jobs",
        "postgresql://me:s3@hunter2#x@127.0.0.1:1/jobs",
        "postgresql://m/e:hunter2@127.0.0.1:1/jobs",
    ],
)
def test_address_that_cuts_its_password_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL .*%40") as error:
        Database(url)
    assert "hunter2" not in str(error.value)
    Database(url.replace("@hunter2", "%40hunter2").replace("m/e", "me"))


@pytest.mark.parametrize(
    "url",
    ["redis://:12/hunter2@cache", "redis://me:12?hunter2@cache/0", "redis://:1#hunter2@cache"],
)
def test_redis_address_that_cuts_its_password_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"REDIS_URL .*percent-encoded") as error:
        Broker(url, database_url="", namespace="x")
    assert "12" not in str(error.value)


def test_message_of_a_driver_keeps_the_user_and_loses_the_password() -> None:
    for password, address in (("worker", "redis://worker:***@c"), ("hunter2", "redis://c")):
        text = f"no user worker\n  with '{password}', in hunter2000."
        shown = without_secrets(text, address, [password, None, ""])
        hidden = "***" if password == "hunter2" else "worker"
        assert shown == f"no user worker with '{hidden}', in hunter2000"


def test_endpoints_repr_shows_no_password() -> None:
    endpoints = Endpoints(
        database_url=SecretStr("postgresql://me:hunter2@db/jobs"),
        redis_url=SecretStr("rediss://:hunter3@cache/0"),
        embedded_database=False,
        embedded_redis=False,
    )

    for text in (repr(endpoints), str(endpoints), f"{endpoints}"):
        assert "hunter" not in text
        assert "@db/jobs" in text
        assert "@cache/0" in text


def test_endpoints_repr_without_redis() -> None:
    endpoints = Endpoints(
        database_url=SecretStr("postgresql://photoqueue@/photoqueue"),
        redis_url=None,
        embedded_database=True,
        embedded_redis=False,
    )

    assert "redis_url=None" in repr(endpoints)


def test_import_of_the_package_loads_no_server_module() -> None:
    code = (
        "import sys, photoqueue\n"
        "loaded = [name for name in sys.modules if name.startswith('photoqueue.services')]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_configured_urls_need_no_module_of_the_embedded_servers() -> None:
    code = (
        "import sys\n"
        "from photoqueue.services import ensure\n"
        "from photoqueue.settings import Settings\n"
        "ensure(Settings(database_url='postgresql://db/x', redis_url='redis://cache'))\n"
        "assert 'photoqueue.services.folder' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
