"""One rate limit for all processes: real ones, on a real PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

import pytest

import photoqueue
from photoqueue import JobState
from photoqueue.errors import DatabaseUnavailableError, RateLimitedError, ThrottledError
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.database import Database
from photoqueue.queue.ledger import Claim, Ledger
from photoqueue.queue.rate_limits import RateLimits
from photoqueue.records.snapshots import AiCall
from photoqueue.worker.runner import Runner
from tests.conftest import submit
from tests.processes import at_once

TAKE = """
import json, sys
from photoqueue.queue.database import Database
from photoqueue.queue.rate_limits import RateLimits
database = Database(sys.argv[1])
limits = RateLimits(database)
waits = [limits.take("shared", interval=10.0, patience=10_000.0) for _ in range(5)]
database.close()
print(json.dumps(waits))
"""


@pytest.fixture
def limits(database_url: str) -> Iterator[RateLimits]:
    database = Database(database_url)
    yield RateLimits(database)
    database.close()


def test_processes_get_each_turn_once_and_an_interval_apart(database_url: str) -> None:
    start = time.monotonic()
    outputs = at_once(TAKE, 4, database_url)
    elapsed = time.monotonic() - start
    waits = sorted(wait for output in outputs for wait in json.loads(output))
    # Turn n is n intervals after the first one, seen from a moment within the elapsed time.
    for turn, wait in enumerate(waits):
        assert 10.0 * turn - elapsed <= wait <= 10.0 * turn
    assert len(waits) == 20


def test_turn_beyond_the_patience_is_not_reserved(limits: RateLimits) -> None:
    assert limits.take("s", interval=30.0, patience=0.0) == 0.0
    for _ in range(3):
        assert 1.0 < limits.take("s", interval=30.0, patience=1.0) <= 30.0
    assert limits.take("s", interval=30.0, patience=60.0) <= 30.0


def test_services_do_not_wait_for_each_other(limits: RateLimits) -> None:
    limits.take("one", interval=3600.0, patience=0.0)
    assert limits.take("two", interval=3600.0, patience=0.0) == 0.0


def test_requests_are_not_saved_up(limits: RateLimits) -> None:
    limits.take("s", interval=0.05, patience=0.0)
    time.sleep(0.3)
    assert limits.take("s", interval=20.0, patience=0.0) == 0.0
    assert limits.take("s", interval=20.0, patience=0.0) > 0.0


def test_without_a_limit_nobody_waits_but_for_a_pause_that_the_service_asked_for(
    limits: RateLimits,
) -> None:
    assert [limits.take("s", interval=0.0, patience=0.0) for _ in range(5)] == [0.0] * 5
    limits.hold("s", 60.0)
    assert 0 < limits.take("s", interval=0.0, patience=0.0) <= 60.0
    limits.hold("s", 1.0)  # a shorter one does not end it
    assert limits.take("s", interval=0.0, patience=0.0) > 30.0


@pytest.mark.parametrize("seconds", [-5.0, 1e300])
def test_pause_is_a_day_at_most_and_never_in_the_past(limits: RateLimits, seconds: float) -> None:
    limits.hold("s", seconds)
    assert limits.take("s", interval=0.0, patience=0.0) <= 24 * 3600.0


def test_name_may_be_anything(limits: RateLimits) -> None:
    assert limits.take("a'b;\x00é %s", interval=1.0, patience=0.0) == 0.0


def test_database_that_is_away_is_said_to_be() -> None:
    database = Database("postgresql://127.0.0.1:1/photos")
    with closing(database), pytest.raises(DatabaseUnavailableError):
        RateLimits(database).take("s", interval=1.0, patience=1.0)


# --- what a worker makes of it ----------------------------------------------------------


CALL = AiCall(photo_id=None, engine="e", model="m", latency_ms=1.0, success=False)


def run(installation: Installation, job: photoqueue.Job, error: Exception, *made: AiCall) -> None:
    """Let a worker's runner do a job whose engine raises, after some calls."""

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        calls.extend(made)
        raise error

    with closing(Ledger(installation.database)) as ledger:
        runner = Runner(
            ledger=ledger,
            broker=installation.broker,
            settings=installation.settings,
            queue=PHOTO_ANALYZE,
            handler=handler,
            worker_id=UUID(int=7),
            slot=1,
        )
        runner.run(UUID(job.id))


def test_job_without_a_turn_is_put_back_at_no_cost(installation: Installation) -> None:
    job = submit("salon-1")
    before = job.poll()
    run(installation, job, ThrottledError("used up. Later.", seconds=60.0))

    after = job.poll()
    assert after.state is JobState.DELAYED
    assert after.max_attempts - after.attempts == before.max_attempts - before.attempts
    assert after.error == "ThrottledError: used up. Later."
    assert (after.ready_at - after.started_at).total_seconds() >= 60
    (attempt,) = job.attempts().to_dict("records")
    assert (attempt["outcome"], attempt["retry_delay_ms"]) == ("released", 60_000)
    assert photoqueue.ai_calls(job).empty


def test_job_that_asked_before_it_lost_its_turn_pays_for_the_attempt(
    installation: Installation,
) -> None:
    # Else one whose answers are never right, or whose rooms never all get a turn, would ask
    # and pay without end.
    job = submit("salon-1")
    before = job.poll()
    run(installation, job, ThrottledError("used up. Later.", seconds=60.0), CALL)

    after = job.poll()
    assert after.state is JobState.DELAYED
    assert after.max_attempts == before.max_attempts
    (attempt,) = job.attempts().to_dict("records")
    assert (attempt["outcome"], attempt["retry_delay_ms"]) == ("error", 60_000)
    assert len(photoqueue.ai_calls(job)) == 1


def test_pause_that_the_server_asks_for_delays_the_retry_and_costs_an_attempt(
    installation: Installation,
) -> None:
    job = submit("salon-1")
    before = job.poll()
    run(installation, job, RateLimitedError("busy", seconds=60.0))

    after = job.poll()
    assert after.state is JobState.DELAYED
    assert after.max_attempts == before.max_attempts
    (attempt,) = job.attempts().to_dict("records")
    assert (attempt["outcome"], attempt["retry_delay_ms"]) == ("error", 60_000)


def test_short_pause_does_not_shorten_the_back_off(installation: Installation) -> None:
    job = submit("salon-1")
    run(installation, job, RateLimitedError("busy", seconds=0.001))
    assert list(job.attempts()["retry_delay_ms"]) == [installation.settings.retry_delay_ms(1)]
