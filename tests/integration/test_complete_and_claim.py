"""Recording jobs and claiming the next ones in one statement: each half keeps its own fence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

import photoqueue
from photoqueue.errors import BrokerUnavailableError, DatabaseUnavailableError
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import workers
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.broker.retention import Finished
from photoqueue.queue.ledger import Claim, Done, Ended, Ledger
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState, Message
from photoqueue.worker.runner import Runner
from tests.conftest import submit
from tests.ledgers import complete, kept_records

PHOTOS = PHOTO_ANALYZE
WORKER, OTHER = UUID(int=7), UUID(int=8)
RESULT = '{"photoId": "salon-1"}'


@pytest.fixture
def ledger(installation: Installation) -> Iterator[Ledger]:
    with closing(Ledger(installation.database)) as ledger:
        yield ledger


def claimed(ledger: Ledger, name: str) -> Claim:
    claim = ledger.claim(UUID(submit(name).id), PHOTOS, worker_id=WORKER, slot=1)
    assert claim is not None
    return claim


def held(ledger: Ledger, job: photoqueue.Job) -> list[Claim]:
    """Look a claim up, but for its wait: a statement that claims reads the clock twice."""
    claims = ledger.held([UUID(job.id)], worker_id=WORKER, slot=1)
    return [replace(claim, wait_ms=0.0) for claim in claims]


def turn(
    ledger: Ledger, done: Claim, next_job: UUID | str
) -> tuple[list[Ended | None], list[Claim]]:
    return ledger.complete_and_claim(
        [Done(done, RESULT)],
        next_jobs=[UUID(str(next_job))],
        queue=PHOTOS,
        worker_id=WORKER,
        slot=1,
    )


def test_one_is_completed_and_the_next_one_held(ledger: Ledger) -> None:
    first, second = claimed(ledger, "salon-1"), submit("salon-2")
    (ended,), (following,) = turn(ledger, first, second.id)
    assert ended is not None and ended.state is JobState.COMPLETED
    assert (following.job_id, following.attempt) == (UUID(second.id), 1)
    assert second.state is JobState.ACTIVE
    assert held(ledger, second) == [replace(following, wait_ms=0.0)]


def test_result_that_comes_too_late_is_fenced_off_and_the_next_job_is_taken(
    ledger: Ledger,
) -> None:
    first, second = claimed(ledger, "salon-1"), submit("salon-2")
    ledger.cancel([first.job_id])
    (ended,), (following,) = turn(ledger, first, second.id)
    assert ended is None
    assert following.job_id == UUID(second.id) and second.state is JobState.ACTIVE


@pytest.mark.parametrize("gone", ["cancelled", "claimed", "completed", "unknown"])
def test_next_job_that_is_not_to_be_had_holds_up_no_record(ledger: Ledger, gone: str) -> None:
    first = claimed(ledger, "salon-1")
    second = UUID(int=5)
    if gone != "unknown":
        second = UUID(submit("salon-2").id)
        if gone == "cancelled":
            ledger.cancel([second])
        else:
            other = ledger.claim(second, PHOTOS, worker_id=OTHER, slot=1)
            assert other is not None
            if gone == "completed":
                complete(ledger, other, RESULT)
    (ended,), claims = turn(ledger, first, second)
    assert ended is not None and ended.state is JobState.COMPLETED
    assert claims == []


@pytest.mark.parametrize("together", [False, True])
def test_result_is_recorded_alone_as_with_others(
    installation: Installation, ledger: Ledger, together: bool
) -> None:
    # A single result has a statement of its own.
    claims = [claimed(ledger, f"salon-{number}") for number in range(3)]
    ledger.run(
        "UPDATE jobs SET ready_at = now() - interval '50 s', wait_ms = %(wait_ms)s, "
        "started_at = now() - interval '20 s', error_type = 'OSError'",
        wait_ms=None if together else 30_000.0,
    )
    for group in (claims[:1], claims[1:]):
        done = [Done(claim, RESULT, seconds=10.0) for claim in group]
        ended, _ = ledger.complete_and_claim(
            done, next_jobs=[], queue=PHOTOS, worker_id=WORKER, slot=1
        )
        for one in ended:  # 10 s as the process says; 20 s, where it is known when it began
            assert one is not None and 0 <= one.duration_ms - 1e4 * (1 + (not together)) < 5e3
    rows = ledger.run(
        "SELECT state, success, result, job_duration_ms::int / 5000 AS ran, "
        "jobs.wait_ms::int / 5000 AS waited, job_attempts.wait_ms = jobs.wait_ms AS same_wait, "
        "job_attempts.started_at = jobs.started_at AND ended_at = finished_at AS same_times, "
        "round(extract(epoch FROM finished_at - jobs.started_at) / 5) AS between, "
        "jobs.error_type, outcome, attempt, job_attempts.slot, job_attempts.worker_id "
        "FROM jobs JOIN job_attempts USING (job_id)"
    )
    assert rows == rows[:1] * 3
    told = [rows[0][name] for name in ("state", "error_type", "same_wait", "same_times")]
    assert told == ["completed", None, True, True]


def test_paused_queue_gives_no_next_job(installation: Installation, ledger: Ledger) -> None:
    first, second = claimed(ledger, "salon-1"), submit("salon-2")
    workers.set_paused(installation.database, PHOTOS, True)
    (ended,), claims = turn(ledger, first, second.id)
    assert ended is not None and claims == []
    assert second.state is JobState.WAITING


def test_second_write_of_both_changes_nothing_and_the_claim_is_found_again(
    ledger: Ledger,
) -> None:
    first, second = claimed(ledger, "salon-1"), submit("salon-2")
    ended, claims = turn(ledger, first, second.id)
    assert turn(ledger, first, second.id) == (ended, [])
    assert held(ledger, second) == [replace(claim, wait_ms=0.0) for claim in claims]
    assert second.poll().attempts == 1


def test_job_that_somebody_locks_is_skipped_not_waited_for(
    installation: Installation, ledger: Ledger
) -> None:
    # Else a cancellation that holds the one and wants the other would wait in a circle.
    first, second = claimed(ledger, "salon-1"), submit("salon-2")
    with psycopg.connect(installation.database.libpq_url) as connection:
        connection.execute("SELECT FROM jobs WHERE job_id = %s FOR UPDATE", (second.id,))
        (ended,), claims = turn(ledger, first, second.id)
    assert ended is not None and claims == []
    assert second.state is JobState.WAITING


class Unlucky(Ledger):
    """Commits the statement, and loses its answer with the connection the first time."""

    lost = False

    def complete_and_claim(
        self, *args: Any, **options: Any
    ) -> tuple[list[Ended | None], list[Claim]]:
        answer = super().complete_and_claim(*args, **options)
        if not self.lost:
            self.lost = True
            self.close()
            raise DatabaseUnavailableError("the connection broke before the answer came")
        return answer


def source(broker: Broker) -> Callable[[Sequence[Finished], int], list[Message]]:
    def following(completed: Sequence[Finished], count: int) -> list[Message]:
        return broker.take_next(PHOTOS, completed, count, refused=pytest.fail)

    return following


def run(
    installation: Installation,
    ledger: Ledger,
    first: UUID,
    handler: Callable[[Claim, list[AiCall]], str],
    following: Callable[[Sequence[Finished], int], list[Message]] | None = None,
) -> Ended | None:
    broker = installation.broker
    return Runner(
        ledger=ledger,
        broker=broker,
        settings=installation.settings,
        queue=PHOTOS,
        handler=handler,
        worker_id=WORKER,
        slot=1,
        following=following or source(broker),
    ).run(first)


@pytest.mark.parametrize("kind", [Ledger, Unlucky])
def test_runner_works_a_queue_off_and_does_each_job_once(
    installation: Installation, kind: type[Ledger]
) -> None:
    names = [f"salon-{n}" for n in range(6)]
    jobs = [submit(name) for name in names]
    done: list[str] = []

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        done.append(claim.payload["photoId"])
        return RESULT

    first = installation.broker.take(PHOTOS)
    assert first is not None
    with closing(kind(installation.database)) as ledger:
        run(installation, ledger, first, handler)
    assert done == names
    assert [job.state for job in jobs] == [JobState.COMPLETED] * 6
    assert [list(job.attempts()["outcome"]) for job in jobs] == [["completed"]] * 6
    records = installation.broker.records
    assert records is not None
    kept = [record["photoId"] for record in kept_records(records, PHOTOS, JobState.COMPLETED)]
    assert sorted(kept) == names


def test_runner_records_a_job_while_the_broker_is_away(
    installation: Installation, ledger: Ledger
) -> None:
    job = submit("salon-1")

    def away(completed: Sequence[Finished], count: int) -> list[Message]:
        raise BrokerUnavailableError("no")

    ended = run(installation, ledger, UUID(job.id), lambda claim, calls: RESULT, away)
    assert ended is not None and ended.state is JobState.COMPLETED


def test_next_job_is_done_also_where_the_result_before_it_is_refused(
    installation: Installation, ledger: Ledger
) -> None:
    first, second = submit("salon-1"), submit("salon-2")
    installation.broker.take(PHOTOS)

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        return "no json" if claim.job_id == UUID(first.id) else RESULT

    run(installation, ledger, UUID(first.id), handler)
    assert first.state in (JobState.FAILED, JobState.DELAYED)
    assert second.state is JobState.COMPLETED


def test_cancelling_all_while_they_are_worked_off_never_waits_in_a_circle(
    installation: Installation,
) -> None:
    jobs = [submit(f"salon-{n}") for n in range(60)]
    ids = [UUID(job.id) for job in jobs]
    failures: list[BaseException] = []

    def cancel() -> None:
        try:
            with closing(Ledger(installation.database)) as other:
                for _ in range(10):
                    other.cancel(ids[::-1])
        except BaseException as exc:
            failures.append(exc)

    first = installation.broker.take(PHOTOS)
    assert first is not None
    thread = threading.Thread(target=cancel)
    thread.start()
    with closing(Ledger(installation.database)) as ledger:
        run(installation, ledger, first, lambda claim, calls: RESULT)
    thread.join(60)
    assert not failures
    assert all(job.state.finished for job in jobs)
