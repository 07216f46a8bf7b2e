"""Following a batch over HTTP: nothing is lost, also when the connection or a commit is late."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import psycopg
import pytest

import photoqueue
from photoqueue import submit_photos
from photoqueue.client.observe import ask
from photoqueue.errors import PayloadError, UnknownBatchError
from photoqueue.faces.http import backend
from photoqueue.faces.http.routes import batches as stream
from photoqueue.installation import Installation
from photoqueue.queue.batch_changes import batch_changes, is_mark
from photoqueue.queue.database import Database
from photoqueue.words import JobState
from tests.api_server import serving
from tests.bench import Bench
from tests.conftest import eventually, picture

SIZE = 10_000
# A batch that is as large as batches get, without the time that submitting it takes.
FILL = f"""
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, user_id, max_attempts,
        budget, batch_id)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n, 'photo-analyze', 'waiting', '{{}}',
        'p' || n, 'u1', 4, 4, 'big'
    FROM generate_series(1, {SIZE}) AS n;
    INSERT INTO batches (batch_id, user_id) VALUES ('big', 'u1');
    INSERT INTO batch_jobs (batch_id, position, job_id)
    SELECT 'big', n, lpad(to_hex(n), 32, '0')::uuid FROM generate_series(1, {SIZE}) AS n;
"""
END = """
    UPDATE jobs SET state = 'completed', success = true, finished_at = clock_timestamp()
    WHERE job_id BETWEEN lpad(to_hex(%s::int), 32, '0')::uuid
        AND lpad(to_hex(%s::int), 32, '0')::uuid
"""


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def big(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute(FILL)
    connection.execute("ANALYZE jobs, batch_jobs")
    return connection


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_LOOK_SECONDS", 0.02)


class Event:
    def __init__(self, lines: list[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines)
        self.name, self.id = fields["event"], fields.get("id")
        self.data: dict[str, Any] = json.loads(fields["data"])


def events(answer: httpx.Response) -> Iterator[Event]:
    lines: list[str] = []
    for line in answer.iter_lines():
        if line:
            lines.append(line)
        else:
            if any(one.startswith("event") for one in lines):
                yield Event(lines)
            lines = []


def follow(api: httpx.Client, batch: str, last: str | None = None) -> Any:
    headers = {"Last-Event-ID": last} if last else {}
    return api.stream("GET", f"/api/batches/{batch}/events", headers=headers, timeout=60)


def test_batch_is_followed_to_its_end(api: httpx.Client, installation: Installation) -> None:
    batch = submit_photos([picture(1), picture(2)], user_id="u1")
    bench = Bench(installation)
    first, second = batch
    bench(first)
    with follow(api, batch.id) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        coming = events(answer)
        job, progress = next(coming), next(coming)
        assert (job.name, job.data["jobId"], job.data["state"]) == ("job", first.id, "completed")
        assert progress.data["counts"]["waiting"] == 1
        assert (progress.data["finished"], progress.data["total"]) == (1, 2)
        photoqueue.cancel(second)
        rest = list(coming)
    assert [event.name for event in rest] == ["job", "progress", "end"]
    assert rest[0].data["jobId"] == second.id
    assert rest[2].data["done"] is True
    with follow(api, batch.id, rest[2].id) as answer:
        assert answer.status_code == 204, "an EventSource stops coming back"


def test_ten_thousand_ends_are_told_once_each_through_broken_connections(
    api: httpx.Client, big: psycopg.Connection[Any]
) -> None:
    def end_all() -> None:
        for begin in range(1, SIZE, 250):
            big.execute(END, (begin, begin + 249))

    writer = threading.Thread(target=end_all)
    told: dict[str, int] = {}
    last: str | None = None
    connections = 0
    ended = False
    writer.start()
    while not ended:
        connections += 1
        taken = 0
        with follow(api, "big", last) as answer:
            for event in events(answer):
                taken += 1
                last = event.id or last
                if event.name == "job":
                    told[event.data["jobId"]] = told.get(event.data["jobId"], 0) + 1
                ended = event.name == "end"
                if taken > 1500 and event.id:
                    break  # the connection breaks
    writer.join()
    assert len(told) == SIZE
    assert set(told.values()) == {1}
    assert connections > 1


def test_connection_cut_between_events_repeats_rather_than_loses(
    api: httpx.Client, big: psycopg.Connection[Any]
) -> None:
    big.execute(END, (1, SIZE))
    with follow(api, "big") as answer:
        coming = events(answer)
        assert [next(coming).id for _ in range(700)] == [None] * 700
    with follow(api, "big") as answer:
        assert sum(event.name == "job" for event in events(answer)) == SIZE


def test_job_committed_late_is_told_although_its_end_is_older(
    big: psycopg.Connection[Any], database: Database
) -> None:
    with closing(psycopg.connect(database.libpq_url)) as late:
        late.execute(END, (1, 1))  # ended by the clock, not yet committed
        big.execute(END, (2, 2))
        first = ask(batch_changes, "big")
        assert [job.job_key for job in first.ended] == ["photo-p2"]
        late.commit()
    second = ask(batch_changes, "big", first.mark)
    assert [job.job_key for job in second.ended] == ["photo-p1"]
    assert second.counts[JobState.COMPLETED] == 2
    assert not ask(batch_changes, "big", second.mark).ended


def test_job_started_anew_is_told_again(installation: Installation) -> None:
    batch = submit_photos([picture(3)], user_id="u1")
    photoqueue.cancel(batch)
    first = ask(batch_changes, batch.id)
    photoqueue.retry(batch)
    waiting = ask(batch_changes, batch.id, first.mark)
    assert not waiting.ended
    assert not waiting.done
    photoqueue.cancel(batch)
    assert len(ask(batch_changes, batch.id, waiting.mark).ended) == 1


@pytest.mark.usefixtures("installation")
def test_unknown_batch_and_marks_that_are_none_are_refused() -> None:
    for name in ("none", "a" * 10_000, "\x00"):
        with pytest.raises(UnknownBatchError):
            ask(batch_changes, name)
    for mark in ("", "x", "1:2", "2:1:", "0:0:", "1:5:3,2", "1:5:9", "1:9:2,2", "9" * 30 + ":1:"):
        assert not is_mark(mark)
        with pytest.raises(PayloadError):
            ask(batch_changes, "none", mark)
    assert is_mark("731:735:731,733")


def test_wrong_last_event_id_begins_at_the_beginning(
    api: httpx.Client, big: psycopg.Connection[Any]
) -> None:
    big.execute(END, (1, SIZE))
    for wrong in ("nonsense", "2:1:", "x" * 5000):
        with follow(api, "big", wrong) as answer:
            assert next(events(answer)).data["position"] == 1
    unknown = api.get("/api/batches/none/events")
    assert unknown.status_code == 404
    assert unknown.json()["type"] == "urn:photoqueue:problem:unknown-batch"


def test_silent_batch_gets_heartbeats_and_ends_with_the_server(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.1)
    batch = submit_photos([picture(4)], user_id="u1")
    with ExitStack() as after, ExitStack() as served:
        address = served.enter_context(serving(installation.settings))
        client = after.enter_context(httpx.Client())
        answer = client.stream("GET", f"{address}/api/batches/{batch.id}/events")
        lines = after.enter_context(answer).iter_lines()
        while next(lines) != ": still here":
            pass
        served.close()  # must not wait for the stream
        assert not [line for line in lines if line.startswith("event")]


def test_stream_without_its_database_ends_and_is_no_internal_error(
    api: httpx.Client, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    batch = submit_photos([picture(5)], user_id="u1")
    good = installation.database.engine
    with follow(api, batch.id) as answer:
        lines = answer.iter_lines()
        assert any(line == "event: progress" for line in lines)
        installation.database.engine = Database("postgresql://nobody@/none?host=/nowhere").engine
        assert "event: end" not in list(lines)
    installation.database.engine = good
    assert f"the events of batch '{batch.id}' end early" in caplog.text
    assert "Traceback" not in caplog.text


def test_streams_of_one_client_leave_room_for_others(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_STREAMS", 2)
    batch = submit_photos([picture(6)], user_id="u1")
    path = f"/api/batches/{batch.id}/events"
    with serving(installation.settings) as address, ExitStack() as stack:
        clients = [
            stack.enter_context(
                httpx.Client(
                    base_url=address, transport=httpx.HTTPTransport(local_address=f"127.0.0.{host}")
                )
            )
            for host in (1, 2)
        ]
        with clients[0].stream("GET", path) as first:
            next(first.iter_lines())
            assert clients[0].get(path).status_code == 503
            with clients[1].stream("GET", path) as other:
                assert other.status_code == 200
                assert clients[1].get(path).status_code == 503

        def served_again() -> bool:
            with clients[0].stream("GET", path) as again:
                return again.is_success

        eventually(served_again)
