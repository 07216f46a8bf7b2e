"""What Redis keeps: bounded by count and by clock, on idle queues too, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE, job_types
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.broker.retention import RETENTION, Finished, Records
from photoqueue.queue.ids import new_uuid
from photoqueue.services import Endpoints
from photoqueue.words import JobState, JobType, Message
from tests.ledgers import kept_records

PHOTOS, INVENTORY = PHOTO_ANALYZE, INVENTORY_SYNC
COMPLETED, FAILED = JobState.COMPLETED, JobState.FAILED
DAY = 24 * 3600


@pytest.fixture
def client(servers: Endpoints) -> Iterator[redis.Redis]:
    assert servers.redis_url is not None
    with closing(redis.Redis.from_url(servers.redis_url.get_secret_value())) as client:
        yield client


@pytest.fixture
def namespace() -> str:
    return str(new_uuid())


@pytest.fixture
def broker(servers: Endpoints, database_url: str, namespace: str) -> Iterator[Broker]:
    assert servers.redis_url is not None
    broker = Broker(
        servers.redis_url.get_secret_value(), database_url=database_url, namespace=namespace
    )
    with closing(broker):
        yield broker


@pytest.fixture
def records(broker: Broker) -> Records:
    assert broker.records is not None
    return broker.records


def make_finished(number: int = 0, **changes: Any) -> Finished:
    values: dict[str, Any] = {
        "queue": PHOTOS,
        "job_id": f"job-{number}",
        "state": COMPLETED,
        "attempts": 1,
        "duration_ms": 12.34,
        "photo_id": f"p{number}",
    }
    return Finished(**{**values, **changes})


def put_old(client: redis.Redis, key: str, number: int, age: float) -> None:
    """Put in a record as it would be after some seconds."""
    client.zadd(key, {json.dumps({"jobId": f"old-{number}"}): time.time() - age})


def test_retention_is_that_of_the_contract() -> None:
    assert (RETENTION[COMPLETED].count, RETENTION[COMPLETED].seconds) == (100, DAY)
    assert (RETENTION[FAILED].count, RETENTION[FAILED].seconds) == (50, 7 * DAY)


def test_record_tells_job_photo_attempts_and_duration(broker: Broker, records: Records) -> None:
    broker.keep_record(make_finished(photo_id="salon-1", attempts=3))
    assert kept_records(records, PHOTOS, COMPLETED) == [
        {"jobId": "job-0", "photoId": "salon-1", "attempts": 3, "durationMs": 12.3}
    ]


@pytest.mark.parametrize(("state", "kept"), [(COMPLETED, 100), (FAILED, 50)])
def test_only_the_newest_records_are_kept(
    broker: Broker, records: Records, state: JobState, kept: int
) -> None:
    for number in range(kept + 30):
        broker.keep_record(make_finished(number, state=state))
    newest_first = [f"job-{number}" for number in range(kept + 29, 29, -1)]
    assert [record["jobId"] for record in kept_records(records, PHOTOS, state)] == newest_first


def test_as_many_records_at_once_as_there_may_be_are_taken(
    broker: Broker, records: Records
) -> None:
    # A host that is lost with all its workers can fail more jobs than Lua takes arguments.
    broker.keep_record(*(make_finished(number, state=FAILED) for number in range(5000)))
    kept = {record["jobId"] for record in kept_records(records, PHOTOS, FAILED)}
    assert kept == {f"job-{number}" for number in range(4950, 5000)}


def test_records_are_counted_per_queue_and_state(broker: Broker, records: Records) -> None:
    for number in range(60):
        for queue in job_types():
            for state in (COMPLETED, FAILED):
                broker.keep_record(make_finished(number, queue=queue, state=state))
    assert [len(kept_records(records, q, s)) for q in job_types() for s in (COMPLETED, FAILED)] == [
        60,
        50,
        60,
        50,
    ]


@pytest.mark.parametrize(("state", "limit"), [(COMPLETED, DAY), (FAILED, 7 * DAY)])
@pytest.mark.parametrize("queue", list(job_types()))
def test_old_records_go_on_an_idle_queue_too(
    broker: Broker,
    records: Records,
    client: redis.Redis,
    queue: JobType,
    state: JobState,
    limit: int,
) -> None:
    key = records.key(queue, state)
    put_old(client, key, 1, limit + 60)
    put_old(client, key, 2, limit - 60)
    broker.trim_records(job_types())
    assert [record["jobId"] for record in kept_records(records, queue, state)] == ["old-2"]


def test_trimming_cuts_to_the_count_without_a_new_record(
    broker: Broker, records: Records, client: redis.Redis
) -> None:
    for number in range(130):
        put_old(client, records.key(PHOTOS, COMPLETED), number, 1000 - number)
    broker.trim_records(job_types())
    kept = [record["jobId"] for record in kept_records(records, PHOTOS, COMPLETED)]
    assert kept == [f"old-{number}" for number in range(129, 29, -1)]


def test_keeping_a_record_is_one_round_trip(broker: Broker, client: redis.Redis) -> None:
    broker.keep_record(make_finished())
    client.config_resetstat()
    broker.keep_record(make_finished(1))
    info = client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in info.items()}
    assert calls.get("zadd") == 1
    assert "multi" not in calls


def test_user_of_redis_may_be_limited_to_the_keys_of_photoqueue(
    servers: Endpoints, client: redis.Redis, database_url: str, namespace: str
) -> None:
    assert servers.redis_url is not None
    address = servers.redis_url.get_secret_value()
    limited = ["~photoqueue:*", "~huey.redis.*", "+@all"]
    client.execute_command("ACL", "SETUSER", "mover", "on", ">secret", *limited)
    try:
        broker = Broker(
            f"{address}&username=mover&password=secret",
            database_url=database_url,
            namespace=namespace,
        )
        with closing(broker):
            message = Message(PHOTOS, new_uuid(), 0)
            broker.enqueue([message])
            broker.keep_record(make_finished(1))
            taken = broker.take_next(PHOTOS, [make_finished(2)], 1, refused=pytest.fail)
            assert taken == [message]
            assert broker.take_next(PHOTOS, [make_finished(3)], 0, refused=pytest.fail) == []
            assert broker.records is not None
            assert len(kept_records(broker.records, PHOTOS, COMPLETED)) == 3
    finally:
        client.execute_command("ACL", "DELUSER", "mover")


def test_redis_holds_nothing_without_an_end(
    broker: Broker, client: redis.Redis, namespace: str
) -> None:
    # Given an installation that ran many jobs
    for number in range(300):
        message = Message(PHOTOS, new_uuid())
        broker.enqueue([message])
        assert broker.take(PHOTOS) == message.job_id
        broker.keep_record(make_finished(number, state=FAILED if number % 3 else COMPLETED))
        broker.keep_record(make_finished(number, queue=INVENTORY))
    broker.trim_records(job_types())
    # Then what is left are its bounded records, each with a time to live
    keys = {key.decode() for key in client.scan_iter(f"*{namespace}*")}
    assert len(keys) == 3
    for key in keys:
        assert 0 < client.ttl(key) <= 7 * DAY, key
        assert client.zcard(key) <= 100
    # and a queue is there only while it has messages.
    broker.enqueue([Message(PHOTOS, new_uuid())])
    added = {key.decode() for key in client.scan_iter(f"*{namespace}*")} - keys
    assert added == {f"huey.redis.{namespace}.photo-analyze"}


def test_records_of_two_installations_do_not_meet(
    records: Records, client: redis.Redis, broker: Broker
) -> None:
    other = Records(client, "another")
    broker.keep_record(make_finished())
    assert kept_records(other, PHOTOS, COMPLETED) == []


def test_installation_without_redis_keeps_no_records(database_url: str) -> None:
    with closing(Broker(None, database_url=database_url, namespace="x")) as broker:
        broker.keep_record(make_finished())
        broker.trim_records(job_types())
        assert broker.records is None
