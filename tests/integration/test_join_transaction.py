"""Submissions in the transaction of the caller: theirs to commit or to roll back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row
from pydantic import BaseModel

import photoqueue
from photoqueue import (
    JobType,
    join_transaction,
    open_batch,
    submit_inventory,
    submit_photo,
    submit_photos,
)
from photoqueue.asyncio import submit_photo as submit_photo_async
from photoqueue.client.pruning import erase_project, prune
from photoqueue.errors import (
    PayloadError,
    PhotoConflictError,
    PhotoqueueError,
    StateError,
    UnknownJobError,
)
from photoqueue.installation import Installation
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue.ledger import Ledger
from tests.bench import Bench
from tests.conftest import picture
from tests.databases import Databases

Own = psycopg.Connection[Any]


@pytest.fixture
def own(installation: Installation) -> Iterator[Own]:
    """The caller's connection, with settings of its own and a table of its own."""
    url = installation.database.libpq_url
    with closing(psycopg.connect(url, row_factory=dict_row)) as connection:
        connection.execute("CREATE TABLE moves (name text)")
        connection.execute("SET timezone = 'Asia/Kolkata'")
        connection.execute("SET datestyle = 'German'")
        connection.commit()
        yield connection


def moves(installation: Installation) -> int:
    with installation.database.begin() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM moves")) or 0


def messages(installation: Installation) -> int:
    return installation.broker.size(PHOTO_ANALYZE)


def submit_move(connection: Own) -> photoqueue.Job:
    connection.execute("INSERT INTO moves VALUES ('move-42')")
    return submit_photo(picture(1), project_id="move-42", user_id="u1")


def test_job_is_committed_and_announced_with_the_rows_of_the_caller(
    installation: Installation, own: Own
) -> None:
    with join_transaction(own):
        with own.transaction():
            job = submit_move(own)
            assert job.poll().state == "waiting", "seen in the transaction"
            assert moves(installation) == 1
            assert own.execute("SHOW datestyle").fetchone() == {"DateStyle": "German, DMY"}
        assert messages(installation) == 0
    assert messages(installation) == 1
    assert Bench(installation)(job).photo_id == job.photo_id
    assert own.execute("SHOW timezone").fetchone() == {"TimeZone": "Asia/Kolkata"}
    assert own.execute("SHOW datestyle").fetchone() == {"DateStyle": "German, DMY"}


def test_rolled_back_job_was_never_there(installation: Installation, own: Own) -> None:
    class MovedOutError(Exception):
        pass

    with pytest.raises(MovedOutError), join_transaction(own), own.transaction():
        job = submit_move(own)
        raise MovedOutError
    with pytest.raises(UnknownJobError):
        job.poll()
    assert moves(installation) == 0
    assert messages(installation) == 0
    # Its picture was stored before; it is taken for the next submission, or pruned.
    again = submit_photo(picture(1), project_id="move-42", user_id="u1")
    assert again != job
    assert Bench(installation)(again).photo_id == job.photo_id


def test_job_that_is_committed_after_the_block_is_found_by_recovery(
    installation: Installation, own: Own
) -> None:
    with closing(Ledger(installation.database)) as ledger:
        with join_transaction(own):
            job = submit_move(own)
        # A worker that was told too early finds nothing.
        assert installation.broker.take(PHOTO_ANALYZE) == UUID(job.id)
        assert ledger.due_waiting(PHOTO_ANALYZE, limit=9) == []
        own.commit()
        (found,) = ledger.due_waiting(PHOTO_ANALYZE, limit=9)
    assert str(found.job_id) == job.id


def test_batch_and_its_inventory_are_one_transaction(installation: Installation, own: Own) -> None:
    with join_transaction(own), own.transaction():
        batch = submit_photos(
            [{"photo": picture(n), "room": "salon"} for n in range(60)],
            project_id="m1",
            user_id="u1",
        )
        inventory = submit_inventory("m1", after=batch, user_id="u1")
        amended = submit_inventory("m1", after=batch, user_id="u1", strategy="sum")
        assert amended == inventory
        later = open_batch(project_id="m1", user_id="u1")
        (added,) = later.add([picture(99)], room="hall")
        later.close()
        assert photoqueue.history().empty is False
        with installation.database.engine.connect() as outside:
            assert outside.scalar(sa.text("SELECT count(*) FROM jobs")) == 0
    assert messages(installation) == 61
    assert batch.counts() == {"waiting": 60}
    assert added.poll().state == "waiting"
    assert photoqueue.poll(inventory).state == "waiting"


def test_refused_submission_leaves_the_transaction_as_it_was(
    installation: Installation, own: Own
) -> None:
    submit_photo(picture(1), photo_id="p1", user_id="u1")
    with join_transaction(own), own.transaction():
        own.execute("INSERT INTO moves VALUES ('before')")
        with pytest.raises(PhotoConflictError):
            submit_photo(picture(2), photo_id="p1", user_id="u1")
        job = submit_photo(picture(2), photo_id="p2", user_id="u1")
    assert moves(installation) == 1
    assert job.poll().state == "waiting"


def test_connection_of_sqlalchemy_is_joined_whoever_begins(installation: Installation) -> None:
    engine = sa.create_engine(installation.database.url, pool_size=1, max_overflow=0)
    try:
        with engine.connect() as connection, join_transaction(connection):
            job = submit_photo(picture(1), user_id="u1")  # begins the transaction
            connection.commit()
        assert job.poll().state == "waiting"
        assert messages(installation) == 1
        with engine.connect() as connection, join_transaction(connection), connection.begin():
            second = submit_photo(picture(2), user_id="u1")
        assert messages(installation) == 2
        with engine.connect() as connection, join_transaction(connection):
            third = submit_photo(picture(3), user_id="u1")
            connection.rollback()
        with pytest.raises(UnknownJobError):
            third.poll()
        # The pool got its only connection back each time, and as it was.
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM jobs")) == 2
        assert second.poll().state == "waiting"
    finally:
        engine.dispose()


@contextmanager
def rejected(error: type[PhotoqueueError], words: str, given: Any) -> Iterator[None]:
    with pytest.raises(error, match=words), join_transaction(given):
        submit_photo(picture(1), user_id="u1")
    yield


def test_wrong_connections_are_refused_with_words(
    installation: Installation, own: Own, databases: Databases
) -> None:
    other = databases.take()
    url = installation.database.libpq_url
    try:
        with closing(psycopg.connect(other)) as connection:
            with rejected(StateError, r"leads to the database 'test_\d+'.*They are in", connection):
                pass
            connection.rollback()
            with connection.transaction(), rejected(StateError, "They are in", connection):
                pass
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            with rejected(StateError, r"commits each statement by itself", connection):
                pass
            with join_transaction(connection), connection.transaction():
                submit_photo(picture(2), user_id="u1")
        with (
            closing(psycopg.connect(url, options="-csearch_path=pg_catalog")) as connection,
            rejected(StateError, "with the same search_path", connection),
        ):
            pass
        engine = sa.create_engine(installation.database.url)
        for wrong in (engine, url, None):
            with rejected(PayloadError, "Give a connection of psycopg 3", wrong):
                pass
        with (
            closing(sa.create_engine("sqlite://").connect()) as sqlite,
            rejected(PayloadError, r"sqlite3\.Connection", sqlite),
        ):
            pass
    finally:
        databases.give_back(other)
    assert photoqueue.history().shape[0] == 1


def test_asynchronous_connections_are_refused(installation: Installation) -> None:
    async def refused() -> None:
        url = installation.database.libpq_url
        async with await psycopg.AsyncConnection.connect(url) as connection:
            with rejected(PayloadError, "none that is asynchronous", connection):
                pass

    asyncio.run(refused())


def test_what_cannot_be_part_of_it_says_so(installation: Installation, own: Own) -> None:
    async def in_another_thread() -> None:
        await submit_photo_async(picture(2), user_id="u1")

    with join_transaction(own), own.transaction():
        job = submit_move(own)
        for wrong in (
            job.wait,
            lambda: photoqueue.cancel(job),
            lambda: photoqueue.retry(job),
            lambda: erase_project("m1"),
            lambda: prune(timedelta(days=1)),
            lambda: asyncio.run(in_another_thread()),
        ):
            with pytest.raises(StateError, match=r"within join_transaction\(\)\. Do it after"):
                wrong()
    assert job.poll().state == "waiting"


class Plan(BaseModel):
    project_id: str


def test_queue_of_a_job_that_is_rolled_back_stays_known(
    installation: Installation, own: Own
) -> None:
    plans = JobType("kit-plan", payload=Plan, key="kit-plan-{project_id}")
    with pytest.raises(ZeroDivisionError), join_transaction(own), own.transaction():
        photoqueue.submit(plans, {"project_id": "m1"}, user_id="u1")
        raise ZeroDivisionError
    job = photoqueue.submit(plans, {"project_id": "m1"}, user_id="u1")
    assert photoqueue.stats()["kit-plan"].waiting == 1
    assert installation.broker.take(job.queue) == UUID(job.id)


def test_edits_join_too(installation: Installation, own: Own) -> None:
    job = submit_photo(picture(1), project_id="m1", room="salon", user_id="u1")
    Bench(installation)(job)
    with pytest.raises(ZeroDivisionError), join_transaction(own), own.transaction():
        photoqueue.correct("m1", room="salon", item="armchair", count=3)
        assert len(photoqueue.corrections("m1")) == 1
        raise ZeroDivisionError
    assert len(photoqueue.corrections("m1")) == 0
    assert installation.broker.size(INVENTORY_SYNC) == 0


def test_others_are_not_part_of_it(installation: Installation, own: Own) -> None:
    async def two() -> tuple[photoqueue.Job, photoqueue.Job]:
        joined, waits = asyncio.Event(), asyncio.Event()

        async def within() -> photoqueue.Job:
            with join_transaction(own), own.transaction():
                job = submit_photo(picture(1), user_id="u1")
                joined.set()
                await waits.wait()
            return job

        task = asyncio.create_task(within())
        await joined.wait()
        outside = submit_photo(picture(2), user_id="u1")
        with installation.database.engine.connect() as other:
            assert other.scalar(sa.text("SELECT count(*) FROM jobs")) == 1
        waits.set()
        return outside, await task

    outside, inside = asyncio.run(two())
    assert outside.poll().state == inside.poll().state == "waiting"
