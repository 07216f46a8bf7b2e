"""Webhooks: each end is told at least once, under one id, or given up with a record."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

import photoqueue
from photoqueue import Settings, posting, submit_inventory, submit_photos
from photoqueue.client.observe import ask
from photoqueue.client.pruning import erase_project, prune
from photoqueue.errors import NotFoundError, StateError
from photoqueue.installation import Installation
from photoqueue.posting import Receiver, sign
from photoqueue.queue.database import Database, migrate
from photoqueue.queue.tokens import list_operations, make_token
from photoqueue.queue.webhooks import (
    DELAYS,
    announce,
    list_webhooks,
    resend,
    send_due,
)
from photoqueue.words import TokenScope, WebhookEvent, WebhookState
from tests.api_server import TOKEN, serving
from tests.bench import Bench
from tests.conftest import Worker, eventually, picture, submit
from tests.integration.conftest import Run
from tests.integration.test_edits_migration import downgrade
from tests.receivers import SECRET, HttpReceiver, running

HOUR = 3600.0


@pytest.fixture
def http() -> Iterator[HttpReceiver]:
    with running() as receiver:
        yield receiver


@pytest.fixture
def sql(installation: Installation) -> Iterator[psycopg.Connection]:
    with closing(psycopg.connect(installation.database.libpq_url, autocommit=True)) as connection:
        yield connection


def report(database: Database, project: str = "m1") -> None:
    """Let something happen that needs no job."""
    announce(database, WebhookEvent.REPORT_WRITTEN, subject=project, project_id=project)


def pass_time(sql: psycopg.Connection, seconds: float) -> None:
    """Let all that is known of webhooks be that much longer ago."""
    columns = ("created_at", "happened_at", "due_at", "delivered_at")
    past = ", ".join(f"{one} = {one} - make_interval(secs => {seconds})" for one in columns)
    sql.execute(f"UPDATE webhooks SET {past}")


def seconds_to_next(sql: psycopg.Connection) -> float | None:
    """Return how long the next attempt is away; None if there is none."""
    query = "SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 FROM webhooks"
    (found,) = sql.execute(query).fetchone() or (None,)
    return found


def jobs_of(batch: photoqueue.Batch) -> list[photoqueue.Job]:
    return [photoqueue.job(job_id) for job_id in batch.poll()["job_id"]]


def told(http: HttpReceiver) -> list[tuple[str, dict[str, str]]]:
    return [(message["type"], message["data"]) for message in http.messages]


def states(database: Database) -> Counter[str]:
    return Counter(one.state for one in list_webhooks(database, limit=1000))


def test_end_of_a_batch_is_told_once_by_ids_alone(
    installation: Installation, http: HttpReceiver
) -> None:
    batch = submit_photos([picture(1), picture(2)], project_id="m1", user_id="u1", room="salon")
    bench, receiver = Bench(installation), http.receiver()
    first, second = jobs_of(batch)
    bench(first)
    send_due(installation.database, receiver)
    assert http.requests == 0
    bench(second)
    for _ in range(2):
        send_due(installation.database, receiver)
    assert told(http) == [("batch.ended", {"batchId": batch.id, "projectId": "m1"})]
    assert set(http.messages[0]) == {"type", "timestamp", "data"}
    (listed,) = list_webhooks(installation.database, limit=10)
    headers = http.headers[0]
    assert headers["webhook-id"] == str(listed.webhook_id)
    assert headers["webhook-signature"] == sign(
        SECRET,
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        headers["body"].encode(),
    )
    assert (listed.state, listed.attempts, listed.error) == (WebhookState.DELIVERED, 1, None)


def test_end_of_an_inventory_is_told_and_of_photos_alone_not(
    installation: Installation, http: HttpReceiver
) -> None:
    bench = Bench(installation)
    bench(submit("p1", project_id="m1", room="salon"))
    inventory = submit_inventory("m1", user_id="u1")
    send_due(installation.database, http.receiver())
    assert told(http) == []
    bench(inventory)
    send_due(installation.database, http.receiver())
    assert told(http) == [("inventory.ended", {"jobId": inventory.id, "projectId": "m1"})]


def test_batch_of_no_project_or_of_known_photos_ends_too(
    installation: Installation, http: HttpReceiver
) -> None:
    bench = Bench(installation)
    first = submit_photos([picture(1)], user_id="u1")
    bench(jobs_of(first)[0])
    second = submit_photos([picture(1)], user_id="u1")  # done already
    send_due(installation.database, http.receiver())
    assert {data["batchId"] for _, data in told(http)} == {first.id, second.id}


def test_open_batch_is_told_once_it_is_closed(
    installation: Installation, http: HttpReceiver
) -> None:
    batch, bench = photoqueue.open_batch(user_id="u1"), Bench(installation)
    send_due(installation.database, http.receiver())
    (job,) = batch.add(picture(1))
    bench(job)
    send_due(installation.database, http.receiver())
    assert http.requests == 0
    batch.close()
    send_due(installation.database, http.receiver())
    assert told(http) == [("batch.ended", {"batchId": batch.id})]


def test_photos_that_are_being_added_hold_back_the_end(
    installation: Installation, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    # The time to close comes while a transaction that puts it off is not committed.
    batch = photoqueue.open_batch(user_id="u1")
    sql.execute("UPDATE batches SET closed_at = clock_timestamp() - interval '1 ms'")
    with closing(psycopg.connect(installation.database.libpq_url)) as adding:
        adding.execute("UPDATE batches SET closed_at = clock_timestamp() + interval '1 hour'")
        send_due(installation.database, http.receiver())
        adding.commit()
    send_due(installation.database, http.receiver())
    assert http.requests == 0
    batch.close()
    send_due(installation.database, http.receiver())
    assert http.requests == 1


def test_end_is_told_again_after_a_retry(installation: Installation, http: HttpReceiver) -> None:
    batch = submit_photos([picture(1), picture(2)], user_id="u1")
    photoqueue.cancel(batch)
    send_due(installation.database, http.receiver())
    assert photoqueue.retry(jobs_of(batch)[0]) == 1
    send_due(installation.database, http.receiver())
    assert http.requests == 1
    Bench(installation)(jobs_of(batch)[0])
    send_due(installation.database, http.receiver())
    assert told(http) == 2 * [("batch.ended", {"batchId": batch.id})]
    first, second = (headers["webhook-id"] for headers in http.headers)
    assert first != second


def test_large_batch_is_not_read_whole_each_time(
    installation: Installation, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    # Given a batch of 3,000 of which the last one is unfinished
    batch = submit_photos([picture(1)], user_id="u1")
    sql.execute("INSERT INTO batch_jobs SELECT batch_id, position + 2999, job_id FROM batch_jobs")
    finished = """
        WITH made AS (
            INSERT INTO jobs (job_id, job_key, queue_name, state, payload, user_id, max_attempts,
                budget)
            SELECT gen_random_uuid(), 'k' || i, 'photo-analyze', 'completed', '{}', 'u1', 1, 1
            FROM generate_series(1, 2999) AS i RETURNING job_id, job_key
        )
        INSERT INTO batch_jobs (batch_id, position, job_id)
        SELECT %s, substr(job_key, 2)::int - 1, job_id FROM made
    """
    sql.execute("DELETE FROM batch_jobs WHERE position = 0")
    sql.execute(finished, (batch.id,))
    place = "SELECT checked, happened_at IS NOT NULL FROM webhooks"
    send_due(installation.database, http.receiver())
    assert sql.execute(place).fetchone() == (2999, False)
    # When one of the first is started again before the last one ends
    sql.execute("UPDATE jobs SET state = 'waiting', ready_at = now() WHERE job_key = 'k5'")
    Bench(installation)(photoqueue.job(batch.poll()["job_id"].iloc[-1]))
    send_due(installation.database, http.receiver())
    # Then the batch has not ended
    assert sql.execute(place).fetchone() == (4, False)
    sql.execute("UPDATE jobs SET state = 'completed' WHERE job_key = 'k5'")
    send_due(installation.database, http.receiver())
    assert told(http) == [("batch.ended", {"batchId": batch.id})]


@pytest.mark.parametrize("away_hours", [72, 100])
def test_receiver_that_is_away_is_told_of_everything_later_or_it_is_given_up(
    database: Database, sql: psycopg.Connection, away_hours: int
) -> None:
    with running() as first:
        port = first.port  # nobody listens there from now on
    url = f"http://127.0.0.1:{port}/hook"
    happens = [0.0, 10.0, 30.0, 71.0, 90.0]
    now = 0.0

    def until(hours: float, receiver: Receiver) -> None:
        nonlocal now
        while True:
            send_due(database, receiver)
            wait = seconds_to_next(sql)
            if wait is None or now + wait / 3600 > hours:
                break
            if wait > 0:
                pass_time(sql, wait)
                now += wait / 3600
        pass_time(sql, (hours - now) * 3600)
        now = hours

    away = first.receiver(url)
    for number, hours in enumerate(happens):
        if hours < away_hours:
            until(hours, away)
            report(database, f"m{number}")
    until(away_hours, away)
    with running(port=port) as back:
        for number, hours in enumerate(happens):
            if hours >= away_hours:
                until(hours, back.receiver(url))
                report(database, f"m{number}")
        until(away_hours + 100, back.receiver(url))
    delivered = {message["data"]["projectId"] for message in back.messages}
    given_up = list_webhooks(database, state=WebhookState.GIVEN_UP, limit=100)
    assert delivered | {one.subject for one in given_up} == {"m0", "m1", "m2", "m3", "m4"}
    assert delivered & {one.subject for one in given_up} == set()
    assert [one.subject for one in given_up] == ([] if away_hours == 72 else ["m1", "m0"])
    assert all(one.attempts == len(DELAYS) + 1 for one in given_up)
    assert all("refused" in (one.error or "") for one in given_up)
    assert len(back.messages) == len(delivered)


def test_attempts_go_on_for_three_days_further_and_further_apart() -> None:
    assert list(DELAYS) == sorted(DELAYS)
    assert 72 * HOUR < sum(DELAYS) < 84 * HOUR
    assert sum(DELAYS[:4]) < 10 * 60


def test_answer_of_500_for_a_day_is_one_delivery(
    database: Database, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    http.status = 500
    report(database)
    passed = 0.0
    while passed < 24 * HOUR:
        send_due(database, http.receiver())
        wait = seconds_to_next(sql)
        assert wait is not None
        assert 0 < wait <= 6.6 * HOUR
        pass_time(sql, wait)
        passed += wait
    (listed,) = list_webhooks(database, limit=10)
    assert (listed.state, listed.error) == (WebhookState.WAITING, "it answered 500")
    assert listed.attempts == http.requests
    http.status = 200
    send_due(database, http.receiver())
    assert len(http.messages) == 1
    assert states(database) == {"delivered": 1}


def test_redirect_and_private_address_are_failed_attempts(
    database: Database, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    report(database)
    http.status, http.location = 302, http.url
    send_due(database, http.receiver())
    pass_time(sql, 60)
    send_due(database, http.receiver(allowed=()))
    assert http.requests == 1
    (listed,) = list_webhooks(database, limit=10)
    assert "private address 127.0.0.1" in (listed.error or "")
    assert listed.attempts == 2


def test_receiver_that_hangs_delays_nobody_elses_claim(
    database: Database, http: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "LIMIT_SECONDS", 0.3)
    http.answers.clear()
    report(database)
    send_due(database, http.receiver())
    assert states(database) == {"waiting": 1}
    (listed,) = list_webhooks(database, limit=10)
    assert "did not answer within" in (listed.error or "")


def test_two_senders_send_each_once(database: Database, http: HttpReceiver) -> None:
    for number in range(12):
        report(database, f"m{number}")
    http.answers.clear()
    threads = [
        threading.Thread(target=send_due, args=(database, http.receiver())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: http.requests == 4)  # all four have one
    http.answers.set()
    for thread in threads:
        thread.join()
    assert Counter(message["data"]["projectId"] for message in http.messages) == {
        f"m{number}": 1 for number in range(12)
    }


def test_awaited_end_costs_one_transaction(
    installation: Installation, http: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, begun = Database.begin, []
    batch = photoqueue.open_batch(user_id="u1")
    with monkeypatch.context() as patched:
        patched.setattr(
            Database, "begin", lambda *args, **kw: (begun.append(1), begin(*args, **kw))[1]
        )
        send_due(installation.database, http.receiver())
    assert (len(begun), http.requests) == (1, 0)
    batch.close()
    send_due(installation.database, http.receiver())
    assert http.requests == 1, "what has ended is sent in the same round"


def test_what_is_only_awaited_is_not_written(
    installation: Installation, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    photoqueue.open_batch(user_id="u1")
    submit_photos([picture(1)], project_id="m1", user_id="u1", room="salon")
    submit_inventory("m1", user_id="u1")
    send_due(installation.database, http.receiver())
    for table in ("webhooks", "batches", "jobs"):
        written = f"SELECT count(*), count(*) FILTER (WHERE xmax <> '0') FROM {table}"
        number, locked = sql.execute(written).fetchone() or (0, None)
        assert (number > 0, locked) == (True, 0), table


def test_sender_that_dies_after_sending_is_followed_by_another_with_the_same_id(
    database: Database,
    sql: psycopg.Connection,
    http: HttpReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report(database)

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        send = Receiver.post
        patched.setattr(Receiver, "post", lambda *args: (send(*args), die()))
        with pytest.raises(SystemExit):
            send_due(database, http.receiver())
    send_due(database, http.receiver())
    assert http.requests == 1, "it is leased"
    sql.execute("UPDATE webhooks SET due_at = due_at - interval '2 minutes'")
    send_due(database, http.receiver())
    assert len({headers["webhook-id"] for headers in http.headers}) == 1
    assert [headers["body"] for headers in http.headers] == 2 * [http.headers[0]["body"]]
    assert states(database) == {"delivered": 1}


def test_late_failure_of_a_sender_changes_nothing(
    database: Database,
    sql: psycopg.Connection,
    http: HttpReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report(database)
    with monkeypatch.context() as patched:

        def hang(*_: object) -> None:
            patched.undo()
            pass_time(sql, 120)  # its lease ends
            send_due(database, http.receiver())
            raise posting.NotAcceptedError("it answered 500")

        patched.setattr(Receiver, "post", hang)
        send_due(database, http.receiver())
    assert states(database) == {"delivered": 1}
    assert http.requests == 1


def test_clock_that_was_set_back_holds_nothing_up(
    database: Database, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    http.status = 500
    report(database)
    send_due(database, http.receiver())
    http.status = 200
    pass_time(sql, -30 * 24 * HOUR)  # PostgreSQL's clock was a month ahead
    send_due(database, http.receiver())
    assert states(database) == {"delivered": 1}


def test_timestamp_is_that_of_postgresql(
    database: Database,
    sql: psycopg.Connection,
    http: HttpReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", lambda: 1.0)  # of the worker's machine
    report(database)
    send_due(database, http.receiver())
    (now,) = sql.execute("SELECT extract(epoch FROM now())::float8").fetchone() or (0,)
    assert abs(int(http.headers[0]["webhook-timestamp"]) - now) < 60


def test_without_an_address_it_is_on_record_and_can_be_sent_later(
    database: Database, http: HttpReceiver
) -> None:
    for project in ("m1", "m2", "m3"):
        report(database, project)
    send_due(database, None)
    listed = list_webhooks(database, state=WebhookState.GIVEN_UP, limit=10)
    assert [one.subject for one in listed] == ["m3", "m2", "m1"]
    assert {one.error for one in listed} == {"PHOTOQUEUE_WEBHOOK_URL is not set"}
    assert resend(database, [listed[0].webhook_id]) == 1
    send_due(database, http.receiver())
    assert told(http) == [("report.written", {"projectId": "m3"})]
    assert resend(database, None) == 2
    send_due(database, http.receiver())
    assert states(database) == {"delivered": 3}
    assert resend(database, None) == 0


def test_without_a_secret_nothing_is_sent(database: Database, http: HttpReceiver) -> None:
    report(database)
    send_due(database, dataclasses.replace(http.receiver(), secret=None))
    (listed,) = list_webhooks(database, limit=10)
    assert (listed.state, http.requests) == (WebhookState.GIVEN_UP, 0)
    assert listed.error == "PHOTOQUEUE_WEBHOOK_SECRET is not set"


def test_saved_report_is_told(
    installation: Installation, http: HttpReceiver, tmp_path: Path
) -> None:
    bench = Bench(installation)
    bench(submit("p1", project_id="m1", room="salon"))
    bench(submit_inventory("m1", user_id="u1"))
    made = photoqueue.report("m1")
    made.file("html")  # as a download: nobody is told
    made.save(tmp_path / "report.html")
    with pytest.raises(StateError):  # it exists
        made.save(tmp_path / "report.html")
    send_due(installation.database, http.receiver())
    found = dict(told(http))
    assert set(found) == {"inventory.ended", "report.written"}
    assert found["report.written"] == {"projectId": "m1"}


def test_delivered_webhook_is_sent_again_under_its_id(
    database: Database, http: HttpReceiver
) -> None:
    report(database)
    send_due(database, http.receiver())
    (listed,) = list_webhooks(database, limit=10)
    assert resend(database, [listed.webhook_id, listed.webhook_id]) == 1
    send_due(database, http.receiver())
    assert [headers["webhook-id"] for headers in http.headers] == 2 * [str(listed.webhook_id)]


def test_unknown_or_awaited_webhook_is_not_sent_again(
    installation: Installation, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    report(installation.database)
    submit_photos([picture(1)], user_id="u1")
    send_due(installation.database, http.receiver())
    (listed,) = list_webhooks(installation.database, limit=10)
    query = "SELECT webhook_id FROM webhooks WHERE happened_at IS NULL"
    (awaited,) = sql.execute(query).fetchone() or (None,)
    for wrong in (uuid4(), awaited):
        with pytest.raises(NotFoundError, match=f"no webhook {wrong} here; nothing was sent"):
            resend(installation.database, [listed.webhook_id, wrong])
    assert states(installation.database) == {"delivered": 1}


def test_erase_and_prune_remove_webhooks(
    installation: Installation, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    bench = Bench(installation)
    for project in ("m1", "m2"):
        batch = submit_photos([picture(1)], project_id=project, user_id="u1", room="salon")
        bench(jobs_of(batch)[0])
        report(installation.database, project)
    photoqueue.cancel(submit_inventory("m1", user_id="u1"))
    http.status = 500
    send_due(installation.database, http.receiver())
    erase_project("m1")
    left = "SELECT DISTINCT project_id FROM webhooks"
    assert sql.execute(left).fetchall() == [("m2",)]
    pass_time(sql, 100 * 24 * HOUR)
    prune(timedelta(days=90))
    assert sql.execute("SELECT count(*) FROM webhooks").fetchone() == (2,), "not told yet"
    http.status = 200
    for _ in range(3):
        send_due(installation.database, http.receiver())
    pass_time(sql, 100 * 24 * HOUR)
    prune(timedelta(days=90))
    assert sql.execute("SELECT count(*) FROM webhooks").fetchone() == (0,)


def test_submission_that_is_refused_leaves_nothing_to_tell(
    installation: Installation, sql: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.errors.RaiseException), sql.transaction():
        sql.execute("INSERT INTO batches (batch_id, user_id) VALUES ('b-1', 'u1')")
        assert sql.execute("SELECT count(*) FROM webhooks").fetchone() == (1,)
        sql.execute("DO $$ BEGIN RAISE 'no'; END $$")
    assert sql.execute("SELECT count(*) FROM webhooks").fetchone() == (0,)


def test_batches_of_the_version_before_are_told_too(
    installation: Installation, sql: psycopg.Connection, http: HttpReceiver
) -> None:
    downgrade(installation)
    old = "INSERT INTO batches (batch_id, user_id) VALUES (%s, 'u1')"
    sql.execute(old, ("b-before",))
    assert migrate(installation.database) is True
    sql.execute(old, ("b-meanwhile",))
    send_due(installation.database, http.receiver())
    assert told(http) == [("batch.ended", {"batchId": "b-meanwhile"})]


def with_receiver(installation: Installation, http: HttpReceiver) -> Settings:
    update: dict[str, Any] = {
        "webhook_url": http.receiver().url,
        "webhook_secret": http.receiver().secret,
        "webhook_networks": ("127.0.0.0/8",),
    }
    return installation.settings.model_copy(update=update)


def test_workers_tell_of_a_batch_and_its_inventory(
    installation: Installation, start_worker: Callable[..., Worker], http: HttpReceiver
) -> None:
    settings = with_receiver(installation, http)
    for _ in range(2):  # one of them leads
        start_worker("--concurrency", "1", settings=settings)
    batch = submit_photos([picture(1), picture(2)], project_id="m1", user_id="u1", room="salon")
    inventory = submit_inventory("m1", user_id="u1", after=batch)
    eventually(lambda: len(http.messages) == 2)
    assert sorted(told(http), key=str) == [
        ("batch.ended", {"batchId": batch.id, "projectId": "m1"}),
        ("inventory.ended", {"jobId": inventory.id, "projectId": "m1"}),
    ]


def test_worker_renews_its_lease_while_a_receiver_hangs(
    installation: Installation,
    start_worker: Callable[..., Worker],
    sql: psycopg.Connection,
    http: HttpReceiver,
) -> None:
    http.answers.clear()
    report(installation.database)
    worker = start_worker(
        "--queue", "photo-analyze", "--concurrency", "1", settings=with_receiver(installation, http)
    )
    eventually(lambda: http.requests == 1, worker=worker)
    seen = "SELECT max(last_seen_at), clock_timestamp() FROM workers"
    _, now = sql.execute(seen).fetchone() or (None, None)
    eventually(lambda: (sql.execute(seen).fetchone() or (now,))[0] > now, worker=worker)
    submit("p1").result(timeout=60)
    http.answers.set()
    eventually(lambda: states(installation.database) == {"delivered": 1}, worker=worker)


def test_secret_is_in_no_log_and_no_record(
    installation: Installation, start_worker: Callable[..., Worker], http: HttpReceiver
) -> None:
    http.status = 500
    report(installation.database)
    worker = start_worker(
        "--queue", "photo-analyze", "--concurrency", "1", settings=with_receiver(installation, http)
    )
    eventually(lambda: http.requests > 0, worker=worker)
    eventually(lambda: list_webhooks(installation.database, limit=1)[0].error, worker=worker)
    shown = worker.log + repr(list_webhooks(installation.database, limit=1))
    assert "hunter2" not in shown
    assert SECRET not in shown


def test_given_up_is_logged(
    database: Database,
    sql: psycopg.Connection,
    http: HttpReceiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    http.status = 500
    report(database)
    sql.execute("UPDATE webhooks SET attempts = %s", (len(DELAYS),))
    send_due(database, http.receiver())
    assert states(database) == {"given_up": 1}
    assert "was given up after 19 attempts: it answered 500" in caplog.text


# -- in the shell and over HTTP


def test_shell_lists_webhooks_and_sends_them_again(
    installation: Installation, http: HttpReceiver, run: Run
) -> None:
    database = installation.database
    assert run("webhooks", "list").out == "Nothing happened yet to be told of.\n"
    for project in ("m1", "m2\x1b[31m"):
        report(database, project)
    send_due(database, None)
    listed = run("webhooks", "list", "--state", "given_up")
    assert listed.out.count("given up") == 2
    assert "PHOTOQUEUE_WEBHOOK_URL is not set" in listed.out
    assert "\x1b" not in listed.out
    assert run("webhooks", "list", "--limit", "1").err == "Only the newest 1; --limit shows more.\n"
    newest, oldest = run("webhooks", "list", "--json").json
    assert (oldest["subject"], oldest["state"]) == ("m1", "given_up")
    assert run("webhooks", "resend", oldest["webhook_id"]).out == "1 webhook to be sent again.\n"
    send_due(database, http.receiver())
    assert http.headers[0]["webhook-id"] == oldest["webhook_id"]
    assert run("webhooks", "resend", "--given-up", "--json").json == {"resent": 1}
    send_due(database, http.receiver())
    assert http.headers[1]["webhook-id"] == newest["webhook_id"]
    assert run("webhooks", "list", "--state", "given_up").out == "No webhook is in this state.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Name webhooks, or give --given-up"),
        ((str(UUID(int=1)), "--given-up"), 2, "one of them"),
        ((str(UUID(int=1)), "--days", "1"), 2, "one of them"),
        (("nothing",), 2, "invalid character"),
        ((str(UUID(int=1)),), 1, "There is no webhook"),
    ],
)
def test_shell_refuses_what_cannot_be_sent_again(
    installation: Installation, run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    refused = run("webhooks", "resend", *arguments)
    assert refused.code == code
    assert words in " ".join(refused.err.replace("│", " ").split())


def test_api_lists_webhooks_and_sends_them_again(
    installation: Installation, http: HttpReceiver, api: httpx.Client
) -> None:
    database = installation.database
    report(database, "m1")
    report(database, "m2")
    send_due(database, None)
    newest, oldest = api.get("/api/webhooks", params={"state": "given_up"}).json()["webhooks"]
    assert oldest["event"] == "report.written"
    assert (oldest["subject"], oldest["projectId"], oldest["attempts"]) == ("m1", "m1", 1)
    assert len(api.get("/api/webhooks", params={"limit": 1}).json()["webhooks"]) == 1
    for _ in range(2):  # asked for twice, it is sent once
        answer = api.post(f"/api/webhooks/{newest['webhookId']}/resend")
        assert (answer.status_code, answer.json()) == (202, {"webhookId": newest["webhookId"]})
    send_due(database, http.receiver())
    assert [headers["webhook-id"] for headers in http.headers] == [newest["webhookId"]]
    assert api.get("/api/webhooks", params={"state": "waiting"}).json() == {"webhooks": []}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"/api/webhooks/{UUID(int=1)}/resend", 404),
        ("POST", "/api/webhooks/nothing/resend", 422),
        ("GET", "/api/webhooks?state=lost", 422),
        ("GET", "/api/webhooks?limit=0", 422),
        ("DELETE", "/api/webhooks", 405),
    ],
)
def test_api_refuses_with_a_problem(api: httpx.Client, method: str, path: str, status: int) -> None:
    answer = api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 20


def test_api_needs_the_scopes(installation: Installation, database: Database) -> None:
    report(database)
    send_due(database, None)
    (listed,) = list_webhooks(database, limit=1)
    again = f"/api/webhooks/{listed.webhook_id}/resend"
    settings = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        for method, path in (("GET", "/api/webhooks"), ("POST", again)):
            assert client.request(method, path).status_code == 401
            wrong = {"Authorization": "Bearer pq_wrong"}
            assert client.request(method, path, headers=wrong).status_code == 401
        submits = {"Authorization": f"Bearer {ask(make_token, 'form', TokenScope.SUBMIT)}"}
        assert client.get("/api/webhooks", headers=submits).status_code == 200
        assert client.post(again, headers=submits).status_code == 403
        assert states(database) == {"given_up": 1}
        operates = {"Authorization": f"Bearer {ask(make_token, 'boss', TokenScope.OPERATE)}"}
        replayed = {**operates, "Idempotency-Key": "k1"}
        assert client.post(again, headers=replayed).status_code == 202
        send_due(database, None)
        assert states(database) == {"given_up": 1}
        assert client.post(again, headers=replayed).status_code == 202
        assert states(database) == {"given_up": 1}, "a replay sends nothing"
    newest, *_ = list_operations(database, 10)
    assert (newest.token, newest.action) == ("boss", "resend_webhook")
    assert newest.target == str(listed.webhook_id)
