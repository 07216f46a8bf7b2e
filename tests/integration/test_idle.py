"""What a worker without work asks of the servers.

A round takes a second, and each of four processes waits two seconds for a message. With what is
done every ten seconds (history is counted, the servers are tried) that is at most 4 commands and 3
transactions a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.broker.redis_messages import WAIT_SECONDS
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.workers import Register
from photoqueue.services import Endpoints
from photoqueue.worker.identity import this_host
from photoqueue.worker.recovery import Recovery

#: Commands by which drivers connect and the test counts.
_OTHER = {"info", "config", "hello", "client", "select"}


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what ledgers send to PostgreSQL."""
    sent: list[str] = []
    run = Ledger.run

    def record(ledger: Ledger, statement: str, **parameters: Any) -> list[Any]:
        sent.append(statement)
        return run(ledger, statement, **parameters)

    monkeypatch.setattr(Ledger, "run", record)
    return sent


@pytest.fixture
def do_round(installation: Installation) -> Iterator[Callable[[], None]]:
    """Do what a supervisor does once a second for a worker without jobs."""
    worker_id = new_uuid()
    with closing(Ledger(installation.database)) as ledger:
        register = Register(ledger)
        host = this_host()
        register.add(worker_id, host, queues=[PHOTO_ANALYZE], concurrency=2, engine="e")
        recovery = Recovery(
            installation, ledger, worker_id=worker_id, host=host, lease_seconds=10.0
        )

        def once() -> None:
            recovery.run(register.renew(worker_id, state="running", led=recovery.led))

        yield once


@pytest.fixture
def commands(servers: Endpoints) -> Iterator[Callable[[], dict[str, int]]]:
    """Count the commands that Redis was sent since the last count."""
    assert servers.redis_url is not None
    with closing(redis.Redis.from_url(servers.redis_url.get_secret_value())) as client:

        def count() -> dict[str, int]:
            found = {
                name.removeprefix("cmdstat_"): stat["calls"]
                for name, stat in client.info("commandstats").items()
            }
            client.config_resetstat()
            return {
                name: calls for name, calls in found.items() if name.partition("|")[0] not in _OTHER
            }

        count()
        yield count


def test_idle_round_is_two_transactions_and_no_command(
    do_round: Callable[[], None], statements: list[str], commands: Callable[[], dict[str, int]]
) -> None:
    do_round()  # the first one tidies up
    assert set(commands()) == {"zremrangebyrank", "zremrangebyscore"}
    statements.clear()
    for _ in range(10):
        do_round()
    assert len(statements) == 20
    assert commands() == {}


def test_take_from_an_empty_queue_is_one_command_of_two_seconds(
    installation: Installation, commands: Callable[[], dict[str, int]]
) -> None:
    storage = installation.broker._storage(PHOTO_ANALYZE)
    assert storage.read_timeout == WAIT_SECONDS == 2
    storage.read_timeout = 0.01
    for _ in range(5):
        assert installation.broker.take(PHOTO_ANALYZE) is None
    assert commands() == {"bzpopmin": 5}
