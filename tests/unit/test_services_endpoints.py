"""Addresses of servers are shown without their secrets."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from photoqueue.addresses import masked
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
        ("host=db password=hunter2", "***"),
        ("unix:///home/me/redis.sock?db=0", "unix:///home/me/redis.sock?db=0"),
    ],
)
def test_masked_hides_secrets_and_keeps_the_place(url: str, shown: str) -> None:
    assert masked(url) == shown


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
