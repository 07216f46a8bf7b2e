"""Lists of jobs in pages, the story of one job, and the mark of change."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import photoqueue
from photoqueue import cancel, retry, submit_photos
from photoqueue.client.observe import ask, story
from photoqueue.errors import PayloadError, PhotoqueueError, UnknownJobError
from photoqueue.installation import Installation
from photoqueue.jobs import INVENTORY_SYNC
from photoqueue.queue import pages
from photoqueue.queue.database import Database
from photoqueue.queue.ledger import Failure, Ledger
from photoqueue.queue.pages import END, JobOrder, JobQuery, Page
from photoqueue.records.snapshots import AiCall, JobSnapshot
from photoqueue.words import JobState, Outcome
from tests.conftest import picture, submit
from tests.ledgers import complete

pytestmark = pytest.mark.usefixtures("installation")
WORKER = UUID(int=1)
RESULT = '{"photoId": "p1", "items": [], "roomType": "salon", "confidence": 0}'

# Many equal values and nulls in every column that can be sorted by.
FILL = """
    INSERT INTO photos (photo_id, sha256, project_id, room, file_name, user_id)
    SELECT 'p' || n, 'aa', 'm' || n % 2, CASE WHEN n % 4 > 0 THEN 'Room ' || n % 4 END,
        CASE WHEN n % 3 > 0 THEN 'IMG ' || n % 10 || '.jpg' END, 'u1'
    FROM generate_series(1, 60) AS n;
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, project_id, user_id,
        attempts, max_attempts, budget, finished_at, wait_ms, job_duration_ms, batch_id)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n, 'photo-analyze',
        (ARRAY['waiting', 'completed', 'failed', 'completed'])[n % 4 + 1], '{}', 'p' || n,
        'm' || n % 2, 'u1', n % 3, 4, 4,
        CASE WHEN n % 4 > 0 THEN now() - n % 5 * interval '1.000001 s' END,
        CASE WHEN n % 4 > 0 THEN 1.1 * (n % 6) END, CASE WHEN n % 4 > 0 THEN n % 7 / 3.0 END,
        'b-0'
    FROM generate_series(1, 60) AS n;
    INSERT INTO batches (batch_id, user_id) VALUES ('b-0', 'u1');
    INSERT INTO batch_jobs (batch_id, position, job_id)
    SELECT 'b-0', n, lpad(to_hex(n), 32, '0')::uuid FROM generate_series(1, 20) AS n;
"""


def page_of(query: JobQuery) -> Page[JobSnapshot]:
    return ask(pages.job_page, query)


def counts_of(query: JobQuery) -> dict[JobState, int]:
    return ask(pages.job_counts, query)


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def filled(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute(FILL)
    return connection


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    with closing(Ledger(database)) as ledger:
        yield ledger


def walk(query: JobQuery) -> list[JobSnapshot]:
    """Read all pages from the first to the last."""
    rows: list[JobSnapshot] = []
    page = page_of(query)
    assert page.previous is None
    while True:
        rows += page.rows
        if page.next is None:
            return rows
        page = page_of(replace(query, after=page.next))
        assert page.previous is not None


def value(row: JobSnapshot, order: JobOrder) -> Any:
    return {
        JobOrder.SUBMITTED: row.job_id,
        JobOrder.FINISHED: row.finished_at,
        JobOrder.STATE: list(JobState).index(row.state),
        JobOrder.NAME: (row.file_name or row.photo_id or row.job_key).lower(),
        JobOrder.ROOM: row.room and row.room.lower(),
        JobOrder.ATTEMPTS: row.attempts,
        JobOrder.WAIT: row.wait_ms,
        JobOrder.RUN: row.job_duration_ms,
    }[order]


# --- pages ----------------------------------------------------------------------


def test_no_jobs_are_an_empty_page() -> None:
    page = page_of(JobQuery())
    assert (page.rows, page.next, page.previous) == ((), None, None)
    assert page_of(JobQuery(before=END)).rows == ()
    assert set(counts_of(JobQuery()).values()) == {0}


def test_newest_jobs_come_first_by_default() -> None:
    batch = submit_photos([picture(number) for number in range(3)])
    ids = [UUID(job.id) for job in batch]
    assert [row.job_id for row in page_of(JobQuery()).rows] == ids[::-1]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", list(JobOrder))
def test_pages_of_every_order_hold_every_job_once(order: JobOrder, descending: bool) -> None:
    query = JobQuery(order=order, descending=descending, size=7)
    rows = walk(query)
    assert len({row.job_id for row in rows}) == len(rows) == 60
    # sorted by the value; then the newest first; without a value at the end
    values = [value(row, order) for row in rows]
    known = [one for one in values if one is not None]
    assert values == sorted(known, reverse=descending) + [None] * (60 - len(known))
    for one, other in itertools.pairwise(rows):
        if order is not JobOrder.SUBMITTED and value(one, order) == value(other, order):
            assert one.job_id > other.job_id


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order", list(JobOrder))
def test_pages_lead_back_as_they_lead_on(order: JobOrder, descending: bool) -> None:
    query = JobQuery(order=order, descending=descending, size=7)
    rows = walk(query)
    page = page_of(replace(query, before=END))
    assert list(page.rows) == rows[-7:]
    assert page.next is None
    place = 60 - 7
    while page.previous is not None:
        assert ask(pages.rows_before, query, page.previous) == place
        page = page_of(replace(query, before=page.previous))
        place = max(place - 7, 0)
        assert list(page.rows) == rows[place : place + 7]
        assert page.next is not None
    assert list(page.rows) == rows[:7]


@pytest.mark.usefixtures("filled")
def test_page_stays_when_jobs_are_submitted_meanwhile() -> None:
    query = JobQuery(size=10)
    first = page_of(query)
    second = page_of(replace(query, after=first.next))
    submit("new")
    assert page_of(replace(query, after=first.next)).rows == second.rows
    assert page_of(query).rows[1:] == first.rows[:-1]


@pytest.mark.usefixtures("filled")
def test_page_behind_the_end_leads_back(filled: psycopg.Connection[Any]) -> None:
    query = JobQuery(states=(JobState.FAILED,), size=10)
    cursor = page_of(query).next
    assert cursor is not None
    filled.execute(
        "UPDATE jobs SET state = 'completed' WHERE state = 'failed' AND job_id < "
        "(SELECT job_id FROM jobs WHERE state = 'failed' ORDER BY job_id DESC "
        "LIMIT 1 OFFSET 9)"
    )
    page = page_of(replace(query, after=cursor))
    assert (page.rows, page.next) == ((), None)
    assert page.previous is not None
    assert len(page_of(replace(query, before=page.previous)).rows) == 10


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("cursor", ["", "nonsense", "e30", "é", "\x00", "W10", "x" * 10_000])
def test_cursor_of_ones_own_making_is_refused(cursor: str) -> None:
    with pytest.raises(PayloadError, match="not a cursor of a page") as error:
        page_of(JobQuery(after=cursor))
    assert len(str(error.value)) < 300


@pytest.mark.usefixtures("filled")
def test_cursor_of_another_order_is_refused() -> None:
    cursor = page_of(JobQuery(size=5)).next
    with pytest.raises(PayloadError, match="ordered by '-submitted', not by '-wait'"):
        page_of(JobQuery(order=JobOrder.WAIT, after=cursor))


@pytest.mark.parametrize("size", [0, -1, 501])
def test_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(PayloadError, match=f"1 to 500 rows, not {size}"):
        JobQuery(size=size)


# --- filters --------------------------------------------------------------------


@pytest.mark.usefixtures("filled")
def test_filters_are_those_of_the_counts() -> None:
    for query in (
        JobQuery(),
        JobQuery(project_id="m1"),
        JobQuery(batch_id="b-0"),
        JobQuery(queue=INVENTORY_SYNC),
        JobQuery(text="room 3"),
        JobQuery(project_id="m1", batch_id="b-0", text="img"),
    ):
        rows = walk(query)
        counts = counts_of(query)
        assert sum(counts.values()) == len(rows)
        for state in JobState:
            wanted = replace(query, states=(state,))
            assert walk(wanted) == [row for row in rows if row.state is state]
            assert counts[state] == len(walk(wanted))
            assert counts_of(wanted) == counts
    assert len(walk(JobQuery(batch_id="b-0"))) == 20
    assert len(walk(JobQuery(states=(JobState.WAITING, JobState.FAILED)))) == 30


@pytest.mark.parametrize(
    "text",
    [
        "100%",
        "_under",
        "back\\slash",
        "SALON",
        "étage",
        "Étage",
        "b-0",
        "photo-p1",
        "p1",
        "boom",
        "sofa [1",
        "ß",
        "a/b",
        "it's",
    ],
)
def test_text_is_found_as_it_is_written(connection: psycopg.Connection[Any], text: str) -> None:
    found = {
        "100%": "100% sure.jpg",
        "_under": "x_under.jpg",
        "back\\slash": "back\\slash.jpg",
        "étage": "Étage 2",
        "Étage": "étage 2",
        "SALON": "salon",
        "sofa [1": "Sofa [1] ét.jpg",
        "ß": "Straße.jpg",
        "a/b": "A/B.jpg",
        "it's": "IT'S.jpg",
    }
    connection.execute(FILL)
    if text in found:
        connection.execute("UPDATE photos SET room = %s WHERE photo_id = 'p1'", (found[text],))
    connection.execute(
        "UPDATE jobs SET error_message = 'it went BOOM here' WHERE job_id = "
        "(SELECT job_id FROM jobs ORDER BY job_id DESC LIMIT 1)"
    )
    rows = walk(JobQuery(text=text))
    expected = {"b-0": 60, "photo-p1": 11, "p1": 11}.get(text, 1)
    assert len(rows) == expected
    assert sum(counts_of(JobQuery(text=text)).values()) == expected


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "a\x00b", "\ud800", "x" * 100_000, "(", "é(", "[é", "🛋\\", "*", "é*"]
)
def test_text_that_is_nowhere_finds_nothing(text: str) -> None:
    assert walk(JobQuery(text=text)) == []
    assert set(counts_of(JobQuery(text=text)).values()) == {0}


@pytest.mark.usefixtures("filled")
def test_blank_text_is_no_filter() -> None:
    assert len(walk(JobQuery(text="  "))) == 60


@pytest.mark.parametrize("name", ["m\x00", "\ud800", "", "x" * 10_000])
def test_scope_that_does_not_exist_is_empty(name: str) -> None:
    for query in (JobQuery(project_id=name), JobQuery(batch_id=name)):
        assert page_of(query).rows == ()
        assert set(counts_of(query).values()) == {0}


def test_job_id_finds_that_job() -> None:
    batch = submit_photos([picture(number) for number in range(3)])
    wanted = list(batch)[1]
    for text in (wanted.id, wanted.id.upper(), f" {wanted.id} "):
        (row,) = page_of(JobQuery(text=text)).rows
        assert str(row.job_id) == wanted.id
    assert counts_of(JobQuery(text=wanted.id))[JobState.WAITING] == 1
    # A photo may be called after another system's uuid.
    name = str(uuid4())
    submit(name)
    assert [row.photo_id for row in page_of(JobQuery(text=name)).rows] == [name]


def test_list_shows_the_beginning_of_an_error(ledger: Ledger, connection: Any) -> None:
    job = submit("p1")
    connection.execute(
        "UPDATE jobs SET state = 'failed', error_type = 'E', error_message = repeat('x', 100000)"
    )
    (row,) = page_of(JobQuery()).rows
    assert row.error_message == "x" * 300
    told = story(job.id)
    assert told.error_message == "x" * 100_000


@pytest.mark.usefixtures("filled")
def test_jobs_of_a_query_are_listed_while_they_are_retried() -> None:
    query = JobQuery(states=(JobState.FAILED,), batch_id="b-0", after="left out")
    listed = []
    for jobs in ask(pages.matching_jobs, query, size=2):
        ids = [str(job.job_id) for job in jobs]
        listed += ids
        assert retry(ids) == len(ids)
    assert len(listed) == len(set(listed)) == 5
    assert counts_of(JobQuery(batch_id="b-0"))[JobState.FAILED] == 0


def test_failures_that_differ_in_names_and_numbers_have_one_cause(
    ledger: Ledger, connection: Any
) -> None:
    photo, server = "UnreadablePhotoError", "EngineServerError"
    told = [
        (photo, "a b.jpg is truncated after 12,345 bytes: its end is missing.", 1),
        (photo, "it's me.jpg is truncated after 98 bytes: its end is missing.", 1),
        (server, "http://host:443 answered with status 503 to '12ab'.", 4),
        (server, "http://host:443 answered with status 503 to 'x y'.", 4),
        (server, "http://host:443 answered with status 429 to 'x y'.", 4),
    ]
    names = ["a b.jpg", "it's me.jpg", "c.jpg", "d.jpg", "e.jpg"]
    for number, (kind, message, attempts) in enumerate(told):
        job = photoqueue.submit_photo(picture(number), file_name=names[number], user_id="u1")
        connection.execute(
            "UPDATE jobs SET state = 'failed', error_type = %s, error_message = %s, "
            "attempts = %s, finished_at = now() WHERE job_id = %s",
            (kind, message, attempts, job.id),
        )
    causes = ask(pages.failure_causes, JobQuery())
    assert sorted((one.count, one.message, one.can_retry) for one in causes) == [
        (1, "http://host:443 answered with status 429 to 'x y'.", True),
        (2, "http://host:443 answered with status 503 to ….", True),
        (2, "… is truncated after … bytes: its end is missing.", False),
    ]
    assert causes[-1].count == 1
    for cause in causes:
        found = page_of(JobQuery(cause=cause.text)).rows
        assert {row.error_type for row in found} == {cause.error_type}
        assert len(found) == cause.count


# --- one job --------------------------------------------------------------------


def test_story_of_a_waiting_job() -> None:
    job = photoqueue.submit_photo(
        picture(1), photo_id="p1", project_id="m1", room="salon", user_id="u1"
    )
    told = story(job.id)
    assert (told.state, told.room, told.user_id) == ("waiting", "salon", "u1")
    assert told.payload["photoId"] == "p1"
    assert (told.result, told.error_traceback, told.ai_calls) == (None, None, ())
    (next_one,) = told.attempt_list
    assert (next_one.attempt, next_one.outcome, next_one.started_ms) == (1, None, None)
    assert next_one.ready_ms is not None
    assert told.now_ms >= next_one.ready_ms


def test_story_of_a_failed_job_puts_its_attempts_on_one_axis(ledger: Ledger) -> None:
    job = submit("p1")
    job_id = UUID(job.id)
    call = AiCall(
        photo_id="p1",
        engine="llm",
        model="vlm",
        latency_ms=12.5,
        success=False,
        error="429",
        tokens_in=10,
    )
    first = ledger.claim(job_id, job.queue, worker_id=WORKER, slot=3)
    assert first is not None
    ledger.fail(first, Failure("OSError", "once", "tb 1", False), delay_ms=0, calls=[call])
    second = ledger.claim(job_id, job.queue, worker_id=WORKER, slot=3)
    assert second is not None

    running = story(job.id).attempt_list
    assert [one.outcome for one in running] == [Outcome.ERROR, None]
    assert running[1].started_ms is not None
    assert (running[1].ended_ms, running[1].slot) == (None, 3)

    ledger.fail(second, Failure("ValueError", "twice", "Traceback 2", True), delay_ms=0)
    told = story(job.id)
    assert told.state is JobState.FAILED
    assert told.error_traceback == "Traceback 2"
    one, two = told.attempt_list
    assert (one.error_type, one.retry_delay_ms, two.error_message) == ("OSError", 0, "twice")
    moments = [one.ready_ms, one.started_ms, two.ready_ms, two.started_ms, two.ended_ms]
    assert [*moments, told.now_ms] == sorted([*moments, told.now_ms], key=lambda at: at or 0)
    assert one.ended_ms is not None
    (asked,) = told.ai_calls
    assert (asked.engine, asked.tokens_in, asked.success, asked.error) == ("llm", 10, False, "429")


def test_story_of_an_unknown_job_is_an_error() -> None:
    with pytest.raises(UnknownJobError):
        story(uuid4())
    with pytest.raises(UnknownJobError, match="No job 'nonsense' in"):
        story("nonsense")


# --- the mark of change ---------------------------------------------------------


def test_mark_changes_with_every_transition(ledger: Ledger, installation: Installation) -> None:
    jobs: list[photoqueue.Job] = []
    _ = installation.broker

    def claim_and_fail() -> None:
        claim = ledger.claim(UUID(jobs[0].id), jobs[0].queue, worker_id=WORKER, slot=1)
        assert claim is not None
        assert moved(ask(pages.change_mark), mark), "not at the claim"
        ledger.fail(claim, Failure("E", "e", "", True), delay_ms=0)

    def claim_and_complete() -> None:
        claim = ledger.claim(UUID(jobs[0].id), jobs[0].queue, worker_id=WORKER, slot=1)
        assert claim is not None
        between = ask(pages.change_mark)
        complete(ledger, claim, RESULT)
        assert moved(ask(pages.change_mark), between), "not at the completion"

    def correct() -> None:
        photoqueue.correct("m1", room="salon", item="chair", count=2, new_room=True)

    def moved(now: str, before: str) -> bool:
        return now != before

    steps: list[Callable[[], object]] = [
        lambda: jobs.append(submit("p1", project_id="m1")),
        claim_and_fail,
        lambda: retry(jobs[0]),
        claim_and_complete,
        correct,
        lambda: cancel(submit("p2")),
    ]
    for number, step in enumerate(steps):
        mark = ask(pages.change_mark)
        step()
        assert ask(pages.change_mark) != mark, f"step {number}"


def test_mark_stays_while_nothing_is_written(database: Database) -> None:
    submit("p1")
    # Another database of the server, or its own housekeeping, may write at any moment;
    # reading never does.
    unmoved = 0
    for _ in range(20):
        before = ask(pages.change_mark)
        page_of(JobQuery())
        counts_of(JobQuery())
        unmoved += ask(pages.change_mark) == before
    assert unmoved > 10


def test_reads_fail_with_one_sentence_when_the_server_is_away(settings: Any) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    with closing(away), pytest.raises(PhotoqueueError, match="cannot be used"):
        pages.job_page(away, JobQuery())
