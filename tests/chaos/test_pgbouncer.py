"""PgBouncer in transaction mode: jobs run through it, and leave nothing in its sessions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

import photoqueue
from chaos.pooler import Pooler, no_pooler
from photoqueue.client.pruning import prune
from photoqueue.client.system import Survey
from photoqueue.errors import ConfigurationError
from photoqueue.faces.cli.doctor import examine
from photoqueue.installation import Installation, current, use
from photoqueue.queue.database import migrate
from photoqueue.services import Endpoints
from tests.chaos.conftest import assert_one_effect
from tests.conftest import eventually, picture, settings_of

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(bool(no_pooler()), reason=no_pooler()),
]
#: Sessions of the server that all clients share.
POOL = 3


@pytest.fixture(scope="module", params=[POOL])
def bouncer(servers: Endpoints, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Run PgBouncer before the tests' PostgreSQL; gives the folder of its socket."""
    folder = parse_qs(urlsplit(servers.database_url.get_secret_value()).query)["host"][0]
    home = Path(folder).parents[1]
    if os.getuid() == 0:  # it does not run as root, and must reach the server's socket
        home.chmod(0o711)
    with closing(Pooler(request.param)) as pooler:
        pooler.start(folder)
        yield pooler.folder
    home.chmod(0o700)


@pytest.fixture
def through(bouncer: Path, database_url: str) -> str:
    """Return the address of the test's database through PgBouncer."""
    name = urlsplit(database_url).path.lstrip("/")
    return f"postgresql://photoqueue@/{name}?host={bouncer}&port=5432"


@pytest.fixture
def installation(servers: Endpoints, through: str, tmp_path: Path) -> Iterator[Installation]:
    use(settings_of(servers, through, tmp_path / "home"))
    yield current()
    use(None)


#: What is set in a session, but for what PgBouncer itself sets for each client.
SESSION = """
    SELECT name, setting FROM pg_settings
    WHERE source = 'session' AND name NOT IN (
        'application_name', 'client_encoding', 'DateStyle', 'TimeZone',
        'standard_conforming_strings'
    )
"""


def left_behind(address: str) -> list[object]:
    """Return settings and locks that sessions of the pool keep."""
    with ExitStack() as held:
        found: list[object] = []
        for _ in range(POOL):
            connection = held.enter_context(psycopg.connect(address, prepare_threshold=None))
            found += connection.execute(SESSION).fetchall()
        locks = "SELECT objid FROM pg_locks WHERE locktype = 'advisory'"
        return found + connection.execute(locks).fetchall()


def test_jobs_run_through_it_and_leave_nothing_in_its_sessions(installation, start_worker, through):
    worker = start_worker("--concurrency", "3")
    batch = photoqueue.submit_photos(
        [{"photo": picture(number), "photo_id": f"salon-{number}"} for number in range(60)],
        project_id="move-1",
    )
    inventory = photoqueue.submit_inventory("move-1", user_id="u1", after=batch)
    eventually(batch.done, timeout=90, worker=worker)
    assert inventory.result(60).total_items
    assert installation.database.shared
    assert_one_effect([*batch])
    # "released" are jobs that were claimed together and given back behind a longer one.
    assert {*photoqueue.attempts()["outcome"]} <= {"completed", "released"}, worker.log
    assert len(photoqueue.history()) == 61
    assert photoqueue.stats()["photo-analyze"].completed == 60
    prune(timedelta(microseconds=1))
    assert photoqueue.history().empty
    assert "WARNING" not in worker.log and "ERROR" not in worker.log
    assert left_behind(through) == []


def test_doctor_says_so_and_messages_need_a_redis(installation, through):
    with Survey(installation.settings, opened=installation) as survey:
        found = [finding.detail for finding in examine(survey)]
    assert "behind a pooler: no session is relied on" in found
    listening = installation.settings.model_copy(update={"redis_url": None, "broker": "postgres"})
    with pytest.raises(ConfigurationError, match=r"behind a pooler.*Set REDIS_URL"):
        use(listening)
    use(installation.settings)
    with Survey(listening) as survey:
        found = [finding.detail for finding in examine(survey) if finding.verdict == "problem"]
    assert any("cannot carry the messages" in one for one in found)


@pytest.mark.parametrize("bouncer", [1], indirect=True)
def test_one_session_is_enough_for_all(installation, start_worker, database_url):
    with psycopg.connect(database_url, autocommit=True) as direct:
        direct.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert migrate(installation.database)
    use(installation.settings)
    worker = start_worker("--concurrency", "2")
    batch = photoqueue.submit_photos(
        [{"photo": picture(number), "photo_id": f"salon-{number}"} for number in range(20)],
        project_id="move-1",
    )
    inventory = photoqueue.submit_inventory("move-1", user_id="u1", after=batch)
    assert inventory.result(60).total_items
    with Survey(installation.settings, opened=current()) as survey:
        assert {finding.verdict for finding in examine(survey)} <= {"ok", "warning"}
    photoqueue.stats()
    assert len(photoqueue.history()) == 21
    prune(timedelta(microseconds=1))
    assert "WARNING" not in worker.log and "ERROR" not in worker.log
