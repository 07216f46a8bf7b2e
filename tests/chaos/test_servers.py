"""Servers emptied, stopped and restarted in mid-batch: every job ends, with one effect."""

from __future__ import annotations

import signal
import time

import pytest
import redis

import photoqueue
from photoqueue import JobState
from tests.chaos.conftest import assert_one_effect
from tests.conftest import eventually, picture, submit

pytestmark = pytest.mark.chaos


def batch_of(count: int, prefix: str = "sleep"):
    return photoqueue.submit_photos(
        [{"photo": picture(number), "photo_id": f"{prefix}-{number}"} for number in range(count)]
    )


def some_done(batch) -> bool:
    return batch.counts().get(JobState.COMPLETED, 0) >= 3


def test_emptied_redis_in_mid_batch_loses_nothing(own_servers, installation, start_worker):
    batch = batch_of(40)
    start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0.05")
    eventually(lambda: some_done(batch))
    redis.Redis.from_url(own_servers.endpoints.redis_url.get_secret_value()).flushall()
    photoqueue.collect(batch, timeout=60)
    assert_one_effect(list(batch))


def test_redis_stopped_for_ten_seconds_in_mid_batch_loses_nothing(
    own_servers, installation, start_worker
):
    batch = batch_of(40)
    worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0.05")
    eventually(lambda: some_done(batch))
    own_servers.stop("Redis")
    # The promise is about an outage of this length, so the test waits for it.
    time.sleep(10)
    own_servers.start()
    photoqueue.collect(batch, timeout=60)
    assert_one_effect(list(batch))
    assert "waiting for the broker" in worker.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_restarted_postgres_in_mid_batch_loses_nothing(
    own_servers, installation, start_worker, number
):
    batch = batch_of(40)
    worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0.05")
    eventually(lambda: some_done(batch))
    own_servers.stop("PostgreSQL", number)
    own_servers.start()
    # Not collect(): on a busy machine the worker is back later than its short lease allows,
    # and collect() rightly says that nobody works.
    eventually(batch.done, timeout=90, worker=worker)
    assert_one_effect(list(batch))
    assert worker.process.poll() is None


def test_worker_lives_through_a_postgres_that_is_read_only_for_a_while(
    own_servers, installation, start_worker, database
):
    batch = batch_of(30)
    worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0.05")
    eventually(lambda: some_done(batch))
    set_read_only(database, "on")
    # The lease cannot be renewed: the worker has met the server that takes no writes.
    eventually(lambda: lease_age(database) > 1.5, worker=worker)
    assert worker.process.poll() is None, worker.log
    set_read_only(database, "off")
    photoqueue.collect(batch, timeout=60)
    assert_one_effect(list(batch))
    assert worker.process.poll() is None


def lease_age(database) -> float:
    with database.connect() as connection:
        query = "SELECT extract(epoch FROM clock_timestamp() - max(last_seen_at)) FROM workers"
        return float(connection.execute(query).fetchone()[0])


def set_read_only(database, value: str) -> None:
    """Fail over to a server that takes no writes; or the address leads to a primary again."""
    with database.connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER DATABASE photoqueue SET default_transaction_read_only = {value}")
        if value == "off":  # only new connections lead there
            return
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_job_submitted_while_redis_is_down_runs_once_it_is_back(
    own_servers, installation, start_worker, caplog
):
    start_worker("--queue", "photo-analyze")
    own_servers.stop("Redis")
    job = submit("salon-1")
    assert "accepted and run once the broker is back" in caplog.text
    assert job.poll().state is JobState.WAITING
    own_servers.start()
    assert job.result(120).items
    assert_one_effect([job])


def test_nothing_is_half_accepted_while_postgres_is_down(own_servers, installation):
    own_servers.stop("PostgreSQL", signal.SIGINT)
    with pytest.raises(photoqueue.PhotoqueueError, match=r"PostgreSQL at .* cannot be used"):
        submit("salon-1")
    own_servers.start()
    assert photoqueue.history().empty
    assert installation.broker.size(photoqueue.jobs.PHOTO_ANALYZE) == 0


def test_queue_survives_a_clean_restart_of_redis(own_servers, installation):
    batch_of(20, "salon")
    own_servers.stop("Redis")
    own_servers.start()
    assert installation.broker.size(photoqueue.jobs.PHOTO_ANALYZE) == 20


def test_forged_messages_are_refused_and_the_worker_goes_on(
    own_servers, installation, start_worker
):
    client = redis.Redis.from_url(own_servers.endpoints.redis_url.get_secret_value())
    submit("salon-1")
    (key,) = client.keys("huey.redis.*photo-analyze")
    forged = [
        b"12345678cos\nsystem\n(S'touch /nonexistent/owned'\ntR.",
        b'12345678{"id": "not-a-uuid", "name": "photoqueue.broker.tasks.photo_analyze"}',
        b'12345678{"id": "01a209dc-6623-7298-9a04-97380543956b", "name": "os.system"}',
        b"1234",
        b"12345678" + b"[" * 100_000,
    ]
    client.zadd(key, {message: -100 for message in forged})
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
    assert submit("salon-2").result(120).items
    eventually(lambda: photoqueue.stats()["photo-analyze"].refused_messages == len(forged))
    assert worker.log.count("Refused a broker message") == len(forged)


def test_messages_travel_through_postgres_where_there_is_no_redis(
    servers, settings, installation, start_worker
):
    without_redis = settings.model_copy(update={"broker": "postgres", "redis_url": None})
    photoqueue.use(without_redis)
    photoqueue.pause()
    jobs = [submit(f"salon-{number}") for number in range(5)]
    broker = photoqueue.installation.current().broker
    assert broker.size(photoqueue.jobs.PHOTO_ANALYZE) == 5
    photoqueue.resume()
    worker = start_worker("--queue", "photo-analyze", settings=without_redis)
    for job in jobs:
        job.result(120)
    eventually(lambda: broker.size(photoqueue.jobs.PHOTO_ANALYZE) == 0)
    assert not (without_redis.home / "services").exists()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
