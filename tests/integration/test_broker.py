"""The broker, over Redis and over PostgreSQL: order, doubles, forgeries, and servers away."""

from __future__ import annotations

import os
import pickle
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
import redis

from photoqueue.errors import (
    BrokerUnavailableError,
    ConfigurationError,
    MessageRefusedError,
)
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue.broker.queues import Broker, encode, task_name
from photoqueue.queue.broker.retention import Finished
from photoqueue.queue.connections import PostgresConnection
from photoqueue.queue.ids import new_uuid
from photoqueue.services import Endpoints
from photoqueue.words import JobState, JobType, Message
from tests.conftest import eventually
from tests.redis_servers import RedisServer, redis_server
from tests.tls import TlsProxy, make_certificate

PHOTOS, INVENTORY = PHOTO_ANALYZE, INVENTORY_SYNC
#: Nothing listens here.
NOWHERE = "127.0.0.1:1"

MakeBroker = Callable[..., Broker]


@pytest.fixture
def redis_url(servers: Endpoints) -> str:
    assert servers.redis_url is not None
    return servers.redis_url.get_secret_value()


@pytest.fixture
def make_broker(redis_url: str, database_url: str) -> Iterator[MakeBroker]:
    """Make brokers of one installation, and close them."""
    namespace = str(new_uuid())
    made: list[Broker] = []

    def make(kind: str = "redis", *, url: str | None = None, name: str = namespace) -> Broker:
        address = None if kind == "postgresql" else url or redis_url
        made.append(Broker(address, database_url=database_url, namespace=name))
        return made[-1]

    yield make
    for broker in made:
        with suppress(BrokerUnavailableError):
            broker.close()


@pytest.fixture(params=["redis", "postgresql"])
def broker(request: pytest.FixtureRequest, make_broker: MakeBroker) -> Broker:
    return make_broker(request.param)


@pytest.fixture
def put_raw(broker: Broker, redis_url: str, database_url: str) -> Iterator[Callable[[bytes], None]]:
    """Put bytes into the photo queue that photoqueue did not write, ahead of all others."""
    with (
        closing(redis.Redis.from_url(redis_url)) as client,
        closing(psycopg.connect(database_url, autocommit=True)) as connection,
    ):

        def put(data: bytes) -> None:
            storage = broker._huey(PHOTOS).storage
            if broker.records is None:
                connection.execute(
                    f"INSERT INTO {storage.table_task} (queue, data, priority) VALUES (%s, %s, 99)",
                    (storage.name, data),
                )
            else:
                client.zadd(storage.queue_key, {b"12345678" + data: -99})

        yield put


def make_messages(count: int, *, priority: int = 0, queue: JobType = PHOTOS) -> list[Message]:
    return [Message(queue, new_uuid(), priority) for _ in range(count)]


def take_all(broker: Broker, queue: JobType = PHOTOS) -> list[UUID]:
    taken = []
    while broker.size(queue):
        job_id = broker.take(queue)
        assert job_id is not None
        taken.append(job_id)
    return taken


def test_jobs_come_out_in_the_order_of_submission(broker: Broker) -> None:
    messages = make_messages(50)
    assert broker.enqueue(messages) == 50
    assert take_all(broker) == [message.job_id for message in messages]


def test_more_urgent_jobs_come_first_and_in_their_order(broker: Broker) -> None:
    normal, urgent, low = (make_messages(3, priority=p) for p in (0, 10, -5))
    broker.enqueue(normal)
    broker.enqueue(low)
    broker.enqueue(urgent)
    wanted = [message.job_id for message in (*urgent, *normal, *low)]
    assert take_all(broker) == wanted


def test_queues_are_apart(broker: Broker) -> None:
    (photo,) = make_messages(1)
    (inventory,) = make_messages(1, queue=INVENTORY)
    broker.enqueue([photo, inventory])
    assert (broker.size(PHOTOS), broker.size(INVENTORY)) == (1, 1)
    assert broker.take(INVENTORY) == inventory.job_id
    assert broker.take(PHOTOS) == photo.job_id


def test_job_announced_twice_is_one_message(broker: Broker) -> None:
    messages = make_messages(5, priority=3)
    assert broker.enqueue(messages) == 5
    assert broker.enqueue(messages) == 0
    assert broker.enqueue([*messages, *make_messages(1)]) == 1
    assert broker.size(PHOTOS) == 6


def test_job_can_be_announced_again_once_it_was_taken(broker: Broker) -> None:
    messages = make_messages(1)
    broker.enqueue(messages)
    broker.take(PHOTOS)
    assert broker.enqueue(messages) == 1
    assert broker.take(PHOTOS) == messages[0].job_id


def test_announcing_nothing_is_nothing(broker: Broker) -> None:
    assert broker.enqueue([]) == 0
    assert broker.size(PHOTOS) == 0


def test_take_waits_a_moment_for_a_job(broker: Broker) -> None:
    start = time.monotonic()
    assert broker.take(PHOTOS) is None
    # It waited, and not for ever: how much more it takes depends on the machine.
    assert 0.5 < time.monotonic() - start < 60


def test_empty_table_of_messages_is_read_again_after_a_message_only(
    make_broker: MakeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, sender = make_broker("postgresql"), make_broker("postgresql")
    storage = broker._storage(PHOTOS)
    storage.read_timeout = 0.01
    reads = 0
    read_table = storage._dequeue

    def read() -> bytes | None:
        nonlocal reads
        reads += 1
        return cast("bytes | None", read_table())

    monkeypatch.setattr(storage, "_dequeue", read)
    for _ in range(20):
        assert broker.take(PHOTOS) is None
    assert reads == 1
    # Several messages are one notification.
    messages = make_messages(3)
    sender.enqueue(messages)
    taken = [broker.take(PHOTOS) for _ in range(5)]
    assert taken == [*(message.job_id for message in messages), None, None]
    # What is not notified on a new connection is found, too.
    storage._listen_local.conn.close()
    with sender._storage(PHOTOS).db(commit=True) as cursor:
        cursor.execute(
            f"INSERT INTO {storage.table_task} (queue, data) VALUES (%s, %s)",
            (storage.name, encode(messages[0].job_id, task_name(PHOTOS))),
        )
    assert broker.take(PHOTOS) == messages[0].job_id


def test_waiting_take_is_woken_by_a_job(broker: Broker, make_broker: MakeBroker) -> None:
    # Given a worker that found its queue empty, and would now wait for long
    in_redis = broker.records is not None
    other = make_broker("redis" if in_redis else "postgresql")
    (message,) = make_messages(1)
    taken: list[UUID | None] = []
    waiting = threading.Event()

    def wait() -> None:
        with closing(other):  # a thread has connections of its own
            assert other.take(PHOTOS) is None
            # Redis answers that there is none when the time runs out; PostgreSQL is asked again.
            other._queues[PHOTOS].storage.read_timeout = 4 if in_redis else 60
            waiting.set()
            taken.append(other.take(PHOTOS))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(60)
    # When a job is announced
    broker.enqueue([message])
    thread.join(50)
    # Then the worker has it, and did not wait for its time to run out
    assert taken == [message.job_id]


def test_each_of_many_workers_gets_other_jobs(broker: Broker, make_broker: MakeBroker) -> None:
    kind = "postgresql" if broker.records is None else "redis"
    messages = make_messages(200)
    broker.enqueue(messages)
    taken: list[UUID] = []

    def work(own: Broker) -> None:
        with closing(own):
            while (job_id := own.take(PHOTOS)) is not None:
                taken.append(job_id)

    threads = [threading.Thread(target=work, args=(make_broker(kind),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(message.job_id for message in messages)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        pickle.dumps(("photoqueue", [1, 2, 3])),
        encode(UUID(int=1), task_name(PHOTOS))[:40],
        encode(UUID(int=1), "os.system"),
        encode(UUID(int=1), task_name(INVENTORY)),
        b"x" * 1_000_000,
        b"[" * 100_000,
    ],
    ids=["empty", "text", "pickle", "half", "unknown task", "other queue", "huge", "nested"],
)
def test_forged_message_is_refused_and_the_next_one_delivered(
    broker: Broker, put_raw: Callable[[bytes], None], data: bytes
) -> None:
    (message,) = make_messages(1)
    broker.enqueue([message])
    if len(data) > 5000 and broker.records is None:
        # Longer than an entry of the index can be: PostgreSQL itself refuses it.
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            put_raw(os.urandom(len(data)))
        return
    put_raw(data)
    with pytest.raises(MessageRefusedError):
        broker.take(PHOTOS)
    assert broker.take(PHOTOS) == message.job_id
    assert broker.size(PHOTOS) == 0


def test_two_installations_on_one_server_do_not_meet(make_broker: MakeBroker) -> None:
    for kind in ("redis", "postgresql"):
        mine, theirs = make_broker(kind, name="mine"), make_broker(kind, name="theirs")
        mine.enqueue(make_messages(3))
        assert (mine.size(PHOTOS), theirs.size(PHOTOS)) == (3, 0)
        assert theirs.take(PHOTOS) is None
        assert len(take_all(mine)) == 3


def test_2500_jobs_are_three_round_trips(make_broker: MakeBroker, redis_url: str) -> None:
    broker = make_broker()
    messages = make_messages(2500)
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.config_resetstat()
        assert broker.enqueue(messages) == 2500
        counts = {name: stat["calls"] for name, stat in client.info("commandstats").items()}
    assert counts["cmdstat_zadd"] == 3
    assert broker.size(PHOTOS) == 2500


def test_version_tells_what_carries_the_messages(make_broker: MakeBroker) -> None:
    assert re.match(r"\d+\.\d+", make_broker("redis").version() or "")
    assert make_broker("postgresql").version() is None


# --- servers that are away -------------------------------------------------


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        (PHOTOS, b'{"id":"%s","name":"photoqueue.broker.tasks.photo_analyze"}'),
        (INVENTORY, b'{"id":"%s","name":"photoqueue.broker.tasks.inventory_sync"}'),
    ],
)
def test_message_that_the_version_before_queued_is_taken(
    make_broker: MakeBroker, redis_url: str, queue: JobType, message: bytes
) -> None:
    job_id = new_uuid()
    # Byte for byte what version 0.1.0 wrote, in a sorted set of the name that it used
    member = job_id.bytes[:8] + message % str(job_id).encode()
    broker = make_broker(name="0a1b2c3d")
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.zadd(f"huey.redis.0a1b2c3d.{queue}", {member: -10})
    assert broker.size(queue) == 1
    assert broker.take(queue) == job_id
    # and what is written today is the same, but for its place
    broker.enqueue([Message(queue, job_id, 10, 3)])
    with closing(redis.Redis.from_url(redis_url)) as client:
        ((written, score),) = client.zrange(f"huey.redis.0a1b2c3d.{queue}", 0, -1, withscores=True)
        client.delete(f"huey.redis.0a1b2c3d.{queue}")
    assert (written, score) == (member, -10 * 2**37 + 3)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://{NOWHERE}/0",
        f"redis://:hunter2@{NOWHERE}/0",
        f"rediss://ana:hunter2@{NOWHERE}/0",
        f"redis://ana:hunt%40er2@{NOWHERE}/0",
        f"redis://{NOWHERE}/0?password=hunter2",
        "unix:///nowhere/redis.sock?password=hunter2",
    ],
)
@pytest.mark.parametrize("verb", ["enqueue", "take", "size", "trim_records", "probe", "version"])
def test_broker_that_is_away_says_where_and_hides_the_password(
    make_broker: MakeBroker, url: str, verb: str
) -> None:
    broker = make_broker(url=url)
    arguments = {"enqueue": (make_messages(1),), "take": (PHOTOS,), "size": (PHOTOS,)}
    arguments["trim_records"] = ([PHOTOS],)
    with pytest.raises(BrokerUnavailableError, match=r"(127\.0\.0\.1:1|nowhere).*REDIS_URL") as e:
        getattr(broker, verb)(*arguments.get(verb, ()))
    for shown in (str(e.value), repr(broker), broker.address):
        assert "hunter2" not in shown
        assert "hunt%40er2" not in shown
        assert "hunt@er2" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "http://:hunter2@cache/0",
        "redis://[bad",
        "redis://:hunt/er2@cache:6379/0",
        "redis://:hunter2@cache:port/0",
    ],
)
def test_wrong_address_says_what_one_looks_like(make_broker: MakeBroker, url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"REDIS_URL is not a Redis address.*rediss://"
    ) as e:
        make_broker(url=url)
    assert "hunt" not in str(e.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sentinel://:hunter2@a:26379/mymaster/0", "sentinel:// is not supported.*primary"),
        ("redis+sentinel://a:26379/mymaster", r"redis\+sentinel:// is not supported"),
        ("redis://:hunter2@a:6379,b:6379/0", "several hosts are not supported.*primary"),
        ("redis://a,b/0", "several hosts"),
        ("redis://cache/production", "not the number of a database"),
        ("redis://cache?nosuch=1", "option 'nosuch' is not supported with redis://"),
        ("redis://cache?decode_responses=true", "option 'decode_responses'"),
        ("redis://cache?ssl_cert_reqs=none", "option 'ssl_cert_reqs' is not .* with redis://"),
        ("unix:///run/redis.sock?virtual_host=1", "option 'virtual_host'"),
        ("rediss://cache?ssl_nosuch=1", "REDIS_URL is not a Redis address"),
        ("rediss://cache?ssl_cert_reqs=hunter2", "REDIS_URL is not a Redis address"),
        ("redis://cache?socket_timeout=hunter2", "REDIS_URL is not a Redis address"),
        ("redis://cache?protocol=9", "REDIS_URL is not a Redis address"),
    ],
)
def test_part_of_an_address_that_is_not_supported_is_named(
    make_broker: MakeBroker, url: str, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told) as error:
        make_broker(url=url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache",
        "redis://cache/",
        "redis://[::1]:6379/3",
        "redis://:pa%2Css@cache/0?client_name=a&socket_timeout=5&health_check_interval=30",
        "rediss://ana:x@cache:6380/1?ssl_cert_reqs=none&ssl_check_hostname=false",
        "unix:///run/redis.sock?db=2&password=x",
    ],
)
def test_address_with_what_is_supported_is_taken(make_broker: MakeBroker, url: str) -> None:
    assert make_broker(url=url).address


def test_embedded_broker_that_is_away_points_to_the_doctor(database_url: str) -> None:
    broker = Broker(f"redis://{NOWHERE}", database_url=database_url, namespace="x", embedded=True)
    with closing(broker), pytest.raises(BrokerUnavailableError, match="photoqueue doctor"):
        broker.probe()


def test_postgresql_that_ends_the_connection_is_used_again(
    make_broker: MakeBroker, database_url: str
) -> None:
    broker = make_broker("postgresql")
    messages = make_messages(2)
    broker.enqueue(messages)
    with closing(psycopg.connect(database_url, autocommit=True)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(BrokerUnavailableError, match="PostgreSQL"):
        broker.size(PHOTOS)
    assert take_all(broker) == [message.job_id for message in messages]


def test_postgresql_connection_that_takes_no_writes_is_closed(make_broker: MakeBroker) -> None:
    broker = make_broker("postgresql")
    broker.enqueue(make_messages(1))
    # As if it led to a standby: it would answer so for ever, while new ones reach the primary.
    broker._huey(PHOTOS).storage.conn.execute("SET default_transaction_read_only = on")
    with pytest.raises(BrokerUnavailableError, match="read-only"):
        broker.enqueue(make_messages(1))
    assert broker.enqueue(make_messages(1)) == 1


def test_postgresql_that_does_not_answer_is_not_waited_for_without_limit(
    make_broker: MakeBroker, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make_broker("postgresql")
    broker.enqueue(make_messages(1))
    monkeypatch.setattr(PostgresConnection, "limit", 0.5)
    with closing(psycopg.connect(database_url)) as other:
        other.execute("LOCK TABLE photoqueue_task")
        for verb in (lambda: broker.enqueue(make_messages(1)), lambda: broker.take(PHOTOS)):
            with pytest.raises(BrokerUnavailableError, match=r"no answer within 0\.5 s"):
                verb()
    assert broker.enqueue(make_messages(1)) == 1


# --- a Redis that answers, but not as a primary with room does ---------------


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


def test_adding_and_removing_messages_at_once_do_not_deadlock(
    make_broker: MakeBroker, database_url: str
) -> None:
    # Large numbers of messages are looked for in the order of the rows, here few as well.
    with closing(psycopg.connect(database_url, autocommit=True)) as owner:
        for scan in ("indexscan", "bitmapscan"):
            owner.execute(f"ALTER DATABASE {owner.info.dbname} SET enable_{scan} = off")
    adding, removing = make_broker("postgresql"), make_broker("postgresql")
    messages = [Message(PHOTOS, UUID(int=number)) for number in range(9)]
    for message in reversed(messages):
        adding.enqueue([message])
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with (
        closing(psycopg.connect(database_url)) as holder,
        closing(psycopg.connect(database_url, autocommit=True)) as reader,
        ThreadPoolExecutor() as threads,
    ):

        def locked(number: int) -> bool:
            return reader.execute(waiting).fetchone() == (number,)

        middle = encode(messages[4].job_id, task_name(PHOTOS))
        holder.execute("SELECT FROM photoqueue_task WHERE data = %s FOR UPDATE", [middle])
        removed = threads.submit(removing.discard, messages)
        eventually(lambda: locked(1))
        added = threads.submit(adding.enqueue, messages)
        eventually(lambda: locked(2))
        holder.rollback()
        removed.result()
        assert added.result() == 9


@pytest.mark.parametrize(
    "command",
    [
        ("REPLICAOF", "127.0.0.1", 1),
        ("CONFIG", "SET", "min-replicas-to-write", 1),
        ("CONFIG", "SET", "maxmemory", 1),
        ("ACL", "SETUSER", "default", "-bzpopmin", "-evalsha"),
    ],
    ids=["replica", "too few replicas", "no memory", "no rights"],
)
def test_connection_that_is_answered_wrongly_is_closed(
    make_broker: MakeBroker, own_redis: RedisServer, command: tuple[str | int, ...]
) -> None:
    broker = make_broker(url=f"{own_redis.url()}?client_name=broker")
    job = Finished(queue=PHOTOS, job_id="1", state=JobState.COMPLETED, attempts=1, duration_ms=1.0)

    def connections() -> int:
        return str(own_redis.ask("CLIENT", "LIST")).count(" name=broker ")

    broker.keep_record(job)
    assert connections() == 1
    own_redis.ask(*command)
    with pytest.raises(BrokerUnavailableError):
        broker.keep_record(job)
    assert connections() == 0


# --- a Redis with a password, and one behind TLS ---------------------------


@pytest.fixture
def guarded_redis(tmp_path: Path) -> Iterator[int]:
    """Start a Redis of its own that asks for a password; yield its port."""
    with redis_server(tmp_path, "--requirepass", "s3cr@t/x") as server:
        yield server.port


@pytest.mark.parametrize("login", [":s3cr%40t%2Fx@", "default:s3cr%40t%2Fx@"])
def test_credentials_in_the_address_are_used(
    make_broker: MakeBroker, guarded_redis: int, login: str
) -> None:
    broker = make_broker(url=f"redis://{login}127.0.0.1:{guarded_redis}/0")
    (message,) = make_messages(1)
    broker.enqueue([message])
    assert broker.take(PHOTOS) == message.job_id
    assert "s3cr" not in broker.address


@pytest.mark.parametrize("login", ["", ":wrong-hunter2@", "ana:wrong-hunter2@"])
def test_wrong_credentials_are_an_unusable_broker(
    make_broker: MakeBroker, guarded_redis: int, login: str
) -> None:
    broker = make_broker(url=f"redis://{login}127.0.0.1:{guarded_redis}/0")
    with pytest.raises(BrokerUnavailableError, match=f"127.0.0.1:{guarded_redis}") as error:
        broker.enqueue(make_messages(1))
    assert "hunter2" not in str(error.value)
    assert ("lacks the password" in str(error.value)) is (login == "")


@pytest.fixture
def tls(redis_url: str, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Put TLS in front of Redis; yield the port and the certificate."""
    certificate, key = make_certificate(tmp_path)
    socket_path = redis.ConnectionPool.from_url(redis_url).connection_kwargs["path"]
    with closing(TlsProxy(certificate, key, socket_path)) as proxy:
        yield proxy.port, certificate


def test_redis_behind_tls_carries_messages(make_broker: MakeBroker, tls: tuple[int, Path]) -> None:
    port, certificate = tls
    broker = make_broker(url=f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
    messages = make_messages(3)
    broker.enqueue(messages)
    assert take_all(broker) == [message.job_id for message in messages]
    broker.close()


def test_unknown_certificate_is_not_trusted(make_broker: MakeBroker, tls: tuple[int, Path]) -> None:
    port, _ = tls
    broker = make_broker(url=f"rediss://127.0.0.1:{port}/0")
    with pytest.raises(BrokerUnavailableError, match=r"certificate|CERTIFICATE"):
        broker.probe()


def test_plain_connection_to_a_tls_port_is_an_error_and_no_hang(
    make_broker: MakeBroker, tls: tuple[int, Path]
) -> None:
    port, _ = tls
    broker = make_broker(url=f"redis://127.0.0.1:{port}/0")
    with pytest.raises(BrokerUnavailableError):
        broker.probe()


# --- the probe -----------------------------------------------------------------


def test_probe_leaves_nothing_and_takes_nobodys_message(
    make_broker: MakeBroker, own_redis: RedisServer, database_url: str
) -> None:
    for kind in ("redis", "postgresql"):
        broker = make_broker(kind, url=own_redis.url())
        messages = make_messages(2)
        broker.enqueue(messages)
        for _ in range(3):
            broker.probe()
        assert broker.size(PHOTOS) == 2
        assert take_all(broker) == [message.job_id for message in messages]
    assert own_redis.ask("KEYS", "*") == []
    with closing(psycopg.connect(database_url)) as connection:
        assert connection.execute("SELECT count(*) FROM photoqueue_task").fetchone() == (0,)


def test_postgresql_probe_needs_what_taking_needs(
    make_broker: MakeBroker, database_url: str, plain_user: str
) -> None:
    make_broker("postgresql").probe()
    with closing(psycopg.connect(database_url, autocommit=True)) as owner:
        owner.execute(f"REVOKE UPDATE ON photoqueue_task FROM {urlsplit(plain_user).username}")
    broker = Broker(None, database_url=plain_user, namespace="plain")
    with closing(broker), pytest.raises(BrokerUnavailableError, match="UPDATE"):
        broker.probe()


def test_message_of_a_probe_that_was_killed_expires(
    make_broker: MakeBroker, own_redis: RedisServer
) -> None:
    broker = make_broker(url=own_redis.url())
    own_redis.ask("ACL", "SETUSER", "default", "-bzpopmin")  # it sends, and takes nothing
    with pytest.raises(BrokerUnavailableError):
        broker.probe()
    (key,) = own_redis.ask("KEYS", "*")
    assert b".probe-" in key
    assert 0 < own_redis.ask("TTL", key) <= 60


#: What docs/how-to/managed-servers.md gives the user of photoqueue, and less than that.
OURS = ("~huey.redis.*", "~photoqueue:*", "+@all", "-@dangerous")


@pytest.mark.parametrize("rules", [OURS, ("~*", "+@all", "-@dangerous"), ("~*", "+@all", "-info")])
def test_user_who_may_do_what_jobs_need_passes_the_probe(
    make_broker: MakeBroker, own_redis: RedisServer, rules: tuple[str, ...]
) -> None:
    own_redis.ask("ACL", "SETUSER", "ana", "on", ">s3cret", *rules)
    broker = make_broker(url=own_redis.url("ana:s3cret"))
    broker.probe()
    assert broker.version() is None
    (message,) = make_messages(1)
    broker.enqueue([message])
    broker.trim_records([PHOTOS])
    assert broker.take(PHOTOS) == message.job_id
    assert broker.take_next(PHOTOS, [], 1, refused=print) == []


@pytest.mark.parametrize(
    "rules",
    [
        ("~other:*", "+@all"),
        ("~*", "+@read", "+@connection"),
        ("~*", "+@all", "-zadd"),
        ("~*", "+@all", "-bzpopmin"),
    ],
)
def test_user_who_may_not_is_told_what_is_missing(
    make_broker: MakeBroker, own_redis: RedisServer, rules: tuple[str, ...]
) -> None:
    own_redis.ask("ACL", "SETUSER", "ana", "on", ">s3cret", *rules)
    broker = make_broker(url=own_redis.url("ana:s3cret"))
    with pytest.raises(BrokerUnavailableError, match=r"permissions.*huey\.redis\.\*") as error:
        broker.probe()
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("REPLICAOF", "127.0.0.1", 1), "replica.*must lead to the primary"),
        (("CONFIG", "SET", "min-replicas-to-write", 1), "Not enough good replicas"),
        (("CONFIG", "SET", "maxmemory", 1), "maxmemory.*memory"),
    ],
    ids=["replica", "too few replicas", "no memory"],
)
def test_probe_tells_that_a_server_that_answers_carries_nothing(
    make_broker: MakeBroker,
    own_redis: RedisServer,
    command: tuple[str | int, ...],
    told: str,
) -> None:
    broker = make_broker(url=own_redis.url())
    broker.probe()
    own_redis.ask(*command)
    with pytest.raises(BrokerUnavailableError, match=told) as error:
        broker.probe()
    assert "pipeline" not in str(error.value)
    assert broker.size(PHOTOS) == 0  # reads are answered


def test_shard_of_a_cluster_is_named(make_broker: MakeBroker, tmp_path: Path) -> None:
    with (
        redis_server(tmp_path, "--cluster-enabled", "yes", "--cluster-config-file", "a") as first,
        redis_server(tmp_path, "--cluster-enabled", "yes", "--cluster-config-file", "b") as second,
    ):
        second.ask("CLUSTER", "ADDSLOTS", *range(16384))
        first.ask("CLUSTER", "MEET", "127.0.0.1", second.port)
        broker = make_broker(url=first.url())

        def answer() -> str:
            with pytest.raises(BrokerUnavailableError) as error:
                broker.probe()
            return str(error.value)

        eventually(lambda: "It is one shard of a cluster" in answer())


# --- PostgreSQL as the broker of a user without rights to make tables -----------


@pytest.fixture
def plain_user(database_url: str) -> Iterator[str]:
    """Make a user who may work with the tables that there are; yield the address."""
    name = f"plain_{new_uuid().hex[-12:]}"
    with closing(psycopg.connect(database_url, autocommit=True)) as owner:
        owner.execute("REVOKE CREATE ON SCHEMA public FROM public")
        owner.execute(
            f"CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA public TO {name};"
            f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name};"
            f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {name}"
        )
        yield database_url.replace("//photoqueue@", f"//{name}@")
        owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_postgresql_broker_needs_no_right_to_make_tables(
    make_broker: MakeBroker, plain_user: str
) -> None:
    broker = Broker(None, database_url=plain_user, namespace="plain")
    with closing(broker):
        with pytest.raises(BrokerUnavailableError, match=r"permission.*`photoqueue migrate`") as e:
            broker.probe()
        assert "REDIS_URL" not in str(e.value)
        make_broker("postgresql").probe()  # the owner, as `photoqueue migrate` does
        broker.probe()
        (message,) = make_messages(1)
        broker.enqueue([message])
        assert broker.take(PHOTOS) == message.job_id
