"""The transitions: what each statement changes, and what it must leave alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from photoqueue.errors import DatabaseUnavailableError, PhotoqueueError
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue import deletion
from photoqueue.queue.database import MAX_TEXT_LENGTH, Database, storable
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Claim, Failure, Ledger
from photoqueue.queue.submission import NewBatch, NewJob, accept
from photoqueue.queue.workers import Backlog, Errands, Held, Host, Register, list_workers
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState, Message, Outcome, job_type
from tests.conftest import eventually
from tests.ledgers import complete

PHOTOS, INVENTORY = PHOTO_ANALYZE, INVENTORY_SYNC
WORKER, OTHER_WORKER = UUID(int=1), UUID(int=2)
UNFINISHED_AND_FINISHED = list(JobState)


class Bench:
    """A ledger over an empty table, with shortcuts into each state."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self._connection = psycopg.connect(
            database.libpq_url, autocommit=True, row_factory=dict_row
        )

    def close(self) -> None:
        self.ledger.close()
        self._connection.close()

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return self._connection.execute(query, values).fetchall()

    def job(self, job_id: UUID) -> dict[str, Any]:
        return self.rows("SELECT * FROM jobs WHERE job_id = %s", job_id)[0]

    def attempts(self, job_id: UUID) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM job_attempts WHERE job_id = %s ORDER BY attempt", job_id)

    def everything(self) -> list[list[dict[str, Any]]]:
        """Read all that a transition could change."""
        return [
            self.rows("SELECT * FROM jobs ORDER BY job_id"),
            self.rows("SELECT * FROM job_attempts ORDER BY job_id, attempt"),
        ]

    def accept(self, **options: Any) -> UUID:
        """Put in one job."""
        batch = options.pop("batch", None)
        new = make_job(**options)
        (accepted,) = accept(self.database, jobs=[new], batch=batch)
        return accepted.job_id

    def claim(self, job_id: UUID, worker: UUID = WORKER, slot: int = 1) -> Claim:
        queue = job_type(self.job(job_id)["queue_name"])
        claim = self.ledger.claim(job_id, queue, worker_id=worker, slot=slot)
        assert claim is not None
        return claim

    def in_state(self, state: JobState, **options: Any) -> UUID:
        """Put in a job and lead it into a state."""
        job_id = self.accept(**options)
        if state is JobState.CANCELLED:
            self.ledger.cancel([job_id])
        elif state is not JobState.WAITING:
            claim = self.claim(job_id)
            if state is JobState.COMPLETED:
                complete(self.ledger, claim, "{}")
            elif state is JobState.DELAYED:
                self.ledger.fail(claim, make_failure(), delay_ms=0)
            elif state is JobState.FAILED:
                self.ledger.fail(claim, make_failure(permanent=True), delay_ms=0)
        assert self.job(job_id)["state"] == state
        return job_id


def make_job(**options: Any) -> NewJob:
    values: dict[str, Any] = {
        "job_id": new_uuid(),
        "job_key": f"photo-{uuid4()}",
        "queue": PHOTOS,
        "payload_json": '{"photoId": "p1"}',
        "user_id": "u1",
        "max_attempts": 3,
    }
    return NewJob(**{**values, **options})


def make_failure(**changes: Any) -> Failure:
    values = {"error_type": "OSError", "message": "no", "traceback": "at", "permanent": False}
    return Failure(**{**values, **changes})


@pytest.fixture
def bench(database: Database) -> Iterator[Bench]:
    with closing(Bench(database)) as bench:
        yield bench


# --- claim -----------------------------------------------------------------


def test_claim_takes_a_waiting_job(bench: Bench) -> None:
    job_id = bench.accept(payload_json='{"photoId": "p9"}')
    claim = bench.claim(job_id, slot=4)
    assert (claim.attempt, claim.max_attempts, claim.queue) == (1, 3, PHOTOS)
    assert claim.payload == {"photoId": "p9"}
    assert claim.wait_ms >= 0
    row = bench.job(job_id)
    assert (row["state"], row["worker_id"], row["slot"], row["attempts"]) == (
        "active",
        WORKER,
        4,
        1,
    )
    assert row["started_at"] is not None
    assert row["success"] is None


@pytest.mark.parametrize("state", [s for s in JobState if s not in ("waiting", "delayed")])
def test_claim_finds_nothing_in_other_states(bench: Bench, state: JobState) -> None:
    job_id = bench.in_state(state)
    before = bench.everything()
    assert bench.ledger.claim(job_id, PHOTO_ANALYZE, worker_id=OTHER_WORKER, slot=9) is None
    assert bench.everything() == before


def test_claim_of_an_unknown_job_finds_nothing(bench: Bench) -> None:
    assert bench.ledger.claim(uuid4(), PHOTOS, worker_id=WORKER, slot=1) is None


def test_paused_queue_cannot_be_claimed_and_the_other_can(bench: Bench) -> None:
    photo, inventory = bench.accept(), bench.accept(job_key="inventory-m", queue=INVENTORY)
    bench.rows("UPDATE queues SET paused = true WHERE queue_name = 'photo-analyze' RETURNING 1")
    assert bench.ledger.claim(photo, PHOTO_ANALYZE, worker_id=WORKER, slot=1) is None
    assert bench.ledger.claim(inventory, INVENTORY_SYNC, worker_id=WORKER, slot=1) is not None
    bench.rows("UPDATE queues SET paused = false RETURNING 1")
    assert bench.ledger.claim(photo, PHOTO_ANALYZE, worker_id=WORKER, slot=1) is not None


def test_delayed_job_cannot_be_claimed_before_its_time(bench: Bench) -> None:
    job_id = bench.accept()
    bench.ledger.fail(bench.claim(job_id), make_failure(), delay_ms=3_600_000)
    assert bench.ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1) is None
    assert bench.ledger.due_delayed(PHOTOS, limit=10) == []
    # An hour later
    bench.rows("UPDATE jobs SET ready_at = ready_at - interval '1 hour' RETURNING 1")
    assert [message.job_id for message in bench.ledger.due_delayed(PHOTOS, limit=10)] == [job_id]
    assert bench.claim(job_id).attempt == 2


def test_waiting_job_is_claimed_although_the_clock_was_set_back(bench: Bench) -> None:
    job_id = bench.accept()
    bench.rows("UPDATE jobs SET ready_at = ready_at + interval '3 hours' RETURNING 1")
    (message,) = bench.ledger.due_waiting(PHOTOS, limit=10)
    assert message.job_id == job_id
    claim = bench.claim(job_id)
    assert claim.wait_ms == pytest.approx(0, abs=1)
    row = bench.job(job_id)
    assert row["ready_at"] <= row["started_at"]


def test_job_that_waits_for_a_batch_cannot_be_claimed(bench: Bench) -> None:
    job_id = bench.accept(after_batch="b-1")
    assert bench.ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1) is None


def test_one_of_two_workers_claims_a_job(bench: Bench, database: Database) -> None:
    # Given two workers that hear of the same jobs, in turns
    rounds = [bench.accept() for _ in range(150)]
    start = threading.Barrier(2)
    won: dict[UUID, list[UUID]] = {WORKER: [], OTHER_WORKER: []}

    def take(worker: UUID) -> None:
        with closing(Ledger(database)) as ledger:
            for job_id in rounds:
                start.wait()
                if ledger.claim(job_id, PHOTO_ANALYZE, worker_id=worker, slot=1):
                    won[worker].append(job_id)

    # When both claim each job at once
    threads = [threading.Thread(target=take, args=(worker,)) for worker in won]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Then exactly one gets it
    assert sorted(won[WORKER] + won[OTHER_WORKER]) == rounds
    assert {row["attempts"] for row in bench.rows("SELECT attempts FROM jobs")} == {1}
    assert all(bench.job(job_id)["worker_id"] == WORKER for job_id in won[WORKER])


# --- complete and fail -----------------------------------------------------


def test_complete_records_the_result_and_one_attempt(bench: Bench) -> None:
    job_id = bench.accept()
    ended = complete(bench.ledger, bench.claim(job_id), '{"roomType": "salon"}')
    assert ended is not None
    assert ended.state is JobState.COMPLETED
    row = bench.job(job_id)
    assert (row["state"], row["success"]) == ("completed", True)
    assert row["result"] == {"roomType": "salon"}
    assert row["finished_at"] is not None
    assert row["job_duration_ms"] >= 0
    assert row["error_type"] is None
    (attempt,) = bench.attempts(job_id)
    assert (attempt["attempt"], attempt["outcome"], attempt["worker_id"]) == (
        1,
        "completed",
        WORKER,
    )
    assert attempt["ended_at"] == row["finished_at"]
    assert attempt["started_at"] == row["started_at"]


def test_complete_after_a_retry_clears_the_error(bench: Bench) -> None:
    job_id = bench.in_state(JobState.DELAYED)
    complete(bench.ledger, bench.claim(job_id), "{}")
    row = bench.job(job_id)
    assert (row["error_type"], row["error_message"], row["error_traceback"]) == (None, None, None)
    assert [a["outcome"] for a in bench.attempts(job_id)] == ["error", "completed"]
    assert bench.attempts(job_id)[0]["error_message"] == "no"


def test_fail_delays_the_job_by_its_back_off(bench: Bench) -> None:
    job_id = bench.accept()
    ended = bench.ledger.fail(bench.claim(job_id), make_failure(), delay_ms=5000)
    assert ended is not None
    assert ended.state is JobState.DELAYED
    row = bench.job(job_id)
    assert (row["success"], row["finished_at"]) == (None, None)
    assert (row["error_type"], row["error_message"]) == ("OSError", "no")
    (attempt,) = bench.attempts(job_id)
    assert (attempt["outcome"], attempt["retry_delay_ms"]) == ("error", 5000)
    assert attempt["error_traceback"] == "at"
    waited = (row["ready_at"] - attempt["ended_at"]).total_seconds()
    assert waited == pytest.approx(5, abs=0.5)


def test_permanent_error_ends_the_job_at_once(bench: Bench) -> None:
    job_id = bench.accept()
    ended = bench.ledger.fail(bench.claim(job_id), make_failure(permanent=True), delay_ms=5000)
    assert ended is not None
    assert ended.state is JobState.FAILED
    row = bench.job(job_id)
    assert (row["state"], row["success"], row["attempts"]) == ("failed", False, 1)
    assert row["finished_at"] is not None
    assert bench.attempts(job_id)[0]["retry_delay_ms"] is None


def test_job_fails_when_its_budget_is_spent(bench: Bench) -> None:
    job_id = bench.accept(max_attempts=3)
    states = []
    for _ in range(3):
        ended = bench.ledger.fail(bench.claim(job_id), make_failure(), delay_ms=0)
        assert ended is not None
        states.append(ended.state)
    assert states == ["delayed", "delayed", "failed"]
    assert [a["attempt"] for a in bench.attempts(job_id)] == [1, 2, 3]
    assert bench.ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1) is None


def test_each_of_two_writes_of_one_end_counts_once(bench: Bench) -> None:
    # A connection that breaks after the commit makes the worker write again.
    job_id = bench.accept()
    claim = bench.claim(job_id)
    ended = complete(bench.ledger, claim, "{}", [make_call()])
    before = bench.everything()
    assert complete(bench.ledger, claim, "{}", [make_call()]) == ended
    assert bench.everything() == before
    assert len(bench.rows("SELECT * FROM ai_metrics")) == 1


def test_claim_whose_answer_was_lost_is_found_again(bench: Bench) -> None:
    job_id = bench.accept()
    claim = bench.claim(job_id, slot=3)
    place = {"worker_id": WORKER, "slot": 3}
    assert bench.ledger.claim(job_id, PHOTOS, **place) is None
    assert bench.ledger.held([job_id], **place) == [claim]
    assert bench.ledger.held([job_id], worker_id=OTHER_WORKER, slot=3) == []
    assert bench.ledger.held([job_id], worker_id=WORKER, slot=4) == []
    complete(bench.ledger, claim, "{}")
    assert bench.ledger.held([job_id], **place) == []


def test_message_in_the_wrong_queue_takes_no_job(bench: Bench) -> None:
    job_id = bench.accept()
    assert bench.ledger.claim(job_id, INVENTORY, worker_id=WORKER, slot=1) is None
    assert bench.job(job_id)["state"] == "waiting"


def write_complete(ledger: Ledger, claim: Claim) -> object:
    return complete(ledger, claim, '{"late": true}')


def write_fail(ledger: Ledger, claim: Claim) -> object:
    return ledger.fail(claim, make_failure(message="late"), delay_ms=0)


def write_permanent(ledger: Ledger, claim: Claim) -> object:
    return ledger.fail(claim, make_failure(message="late", permanent=True), delay_ms=0)


late_writes = pytest.mark.parametrize("write", [write_complete, write_fail, write_permanent])


@late_writes
def test_write_of_an_older_attempt_changes_nothing(bench: Bench, write: Any) -> None:
    # Given a worker that was taken for lost, and another that took over
    job_id = bench.accept()
    late = bench.claim(job_id, WORKER)
    bench.ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
    bench.claim(job_id, OTHER_WORKER)
    before = bench.everything()
    # When the first one writes after all, nothing changes
    assert write(bench.ledger, late) is None
    assert bench.everything() == before


@late_writes
def test_write_of_an_older_attempt_of_the_same_worker_changes_nothing(
    bench: Bench, write: Any
) -> None:
    job_id = bench.accept()
    late = bench.claim(job_id)
    bench.ledger.release(WORKER)
    bench.claim(job_id)
    before = bench.everything()
    assert write(bench.ledger, late) is None
    assert bench.everything() == before


@late_writes
def test_write_of_another_worker_changes_nothing(bench: Bench, write: Any) -> None:
    from dataclasses import replace

    claim = bench.claim(bench.accept())
    before = bench.everything()
    assert write(bench.ledger, replace(claim, worker_id=OTHER_WORKER)) is None
    assert bench.everything() == before


@late_writes
@pytest.mark.parametrize("taken_by", ["cancel", "recover", "release", "retry"])
def test_write_after_the_job_was_taken_away_changes_nothing(
    bench: Bench, write: Any, taken_by: str
) -> None:
    job_id = bench.accept()
    late = bench.claim(job_id)
    if taken_by == "recover":
        bench.ledger.recover([WORKER], outcome=Outcome.TIMEOUT, message="slow")
    elif taken_by == "release":
        bench.ledger.release(WORKER)
    else:
        bench.ledger.cancel([job_id])
        if taken_by == "retry":
            bench.ledger.retry([job_id], budget=4)
    before = bench.everything()
    assert write(bench.ledger, late) is None
    assert bench.everything() == before


def test_result_that_is_no_json_for_postgresql_leaves_the_attempt_open(bench: Bench) -> None:
    claim = bench.claim(bench.accept())
    with pytest.raises(PhotoqueueError, match="cannot store a value"):
        complete(bench.ledger, claim, '{"name": "a\\u0000b"}', [make_call()])
    # The ledger goes on, and so can the worker with its failure.
    assert bench.ledger.fail(claim, make_failure(), delay_ms=0) is not None
    assert [a["outcome"] for a in bench.attempts(claim.job_id)] == ["error"]


@pytest.mark.parametrize(
    "text",
    ["a\x00b", "\x00" * 100, "é🛋️\x01\x1b", "\udc80 broken", "x" * 1_000_000, "\\x", "%s %(a)s", ""],
)
def test_any_error_text_can_be_stored(bench: Bench, text: str) -> None:
    job_id = bench.accept()
    failure = make_failure(message=text, traceback=text)
    assert bench.ledger.fail(bench.claim(job_id), failure, delay_ms=0) is not None
    row = bench.job(job_id)
    assert row["error_message"] == row["error_traceback"] == storable(text)
    assert len(row["error_message"]) <= MAX_TEXT_LENGTH + 100


def test_long_error_keeps_its_beginning_and_its_end() -> None:
    text = storable("first" + "x" * 1_000_000 + "last")
    assert text.startswith("first")
    assert text.endswith("last")
    assert "980,009" in text or "980009" in text


def make_call(**changes: Any) -> AiCall:
    values: dict[str, Any] = {
        "photo_id": "p1",
        "engine": "llm",
        "model": "m",
        "latency_ms": 12.5,
        "success": True,
    }
    return AiCall(**{**values, **changes})


def test_calls_of_engines_are_kept_with_the_end_of_the_attempt(bench: Bench) -> None:
    job_id = bench.accept()
    claim = bench.claim(job_id)
    calls = [
        make_call(tokens_in=100, tokens_out=20, cost_usd=0.002),
        make_call(success=False, error="429\x00"),
    ]
    complete(bench.ledger, claim, "{}", calls)
    rows = bench.rows("SELECT * FROM ai_metrics ORDER BY job_id, attempt, call")
    assert [(row["tokens_in"], row["success"], row["error"]) for row in rows] == [
        (100, True, None),
        (None, False, "429\N{REPLACEMENT CHARACTER}"),
    ]
    assert {(row["job_id"], row["attempt"]) for row in rows} == {(job_id, 1)}


def test_call_of_a_lost_attempt_is_kept_because_it_was_paid(bench: Bench) -> None:
    claim = bench.claim(bench.accept())
    bench.ledger.cancel([claim.job_id])
    assert complete(bench.ledger, claim, "{}", [make_call()]) is None
    assert len(bench.rows("SELECT * FROM ai_metrics")) == 1


# --- recover and release ---------------------------------------------------


def test_recover_delivers_the_jobs_of_a_lost_worker_again(bench: Bench) -> None:
    mine, other = bench.accept(priority=5), bench.accept()
    bench.claim(mine, WORKER)
    bench.claim(other, OTHER_WORKER)
    (recovered,) = bench.ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
    assert recovered.message == Message(PHOTOS, mine, 5, turn=1)
    assert (recovered.state, recovered.attempts, recovered.photo_id) == ("waiting", 1, "p1")
    row = bench.job(mine)
    assert (row["state"], row["success"], row["finished_at"]) == ("waiting", None, None)
    assert [a["outcome"] for a in bench.attempts(mine)] == ["worker_lost"]
    assert bench.job(other)["state"] == "active"
    assert bench.claim(mine).attempt == 2


def test_recover_of_one_slot_leaves_the_others_alone(bench: Bench) -> None:
    first, second = bench.accept(), bench.accept()
    bench.claim(first, slot=1)
    bench.claim(second, slot=2)
    recovered = bench.ledger.recover([WORKER], outcome=Outcome.TIMEOUT, message="slow", slot=2)
    assert [job.message.job_id for job in recovered] == [second]
    assert bench.job(first)["state"] == "active"
    assert bench.job(second)["error_type"] == "timeout"


def test_recover_twice_changes_nothing_more(bench: Bench) -> None:
    bench.claim(bench.accept())
    bench.ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
    before = bench.everything()
    assert bench.ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone") == []
    assert bench.everything() == before


def test_crashes_and_exceptions_are_paid_from_one_budget(bench: Bench) -> None:
    job_id = bench.accept(max_attempts=4)
    bench.claim(job_id)
    bench.ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
    bench.ledger.fail(bench.claim(job_id), make_failure(), delay_ms=0)
    bench.claim(job_id)
    bench.ledger.recover([WORKER], outcome=Outcome.TIMEOUT, message="slow")
    assert bench.job(job_id)["state"] == "waiting"
    bench.claim(job_id)
    (last,) = bench.ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
    assert last.state is JobState.FAILED
    row = bench.job(job_id)
    assert (row["success"], row["attempts"], row["error_type"]) == (False, 4, "worker_lost")
    assert row["finished_at"] is not None
    assert [a["outcome"] for a in bench.attempts(job_id)] == [
        "worker_lost",
        "error",
        "timeout",
        "worker_lost",
    ]


def test_release_hands_back_at_no_cost(bench: Bench) -> None:
    job_id = bench.accept(max_attempts=2)
    for _ in range(5):
        bench.claim(job_id)
        (released,) = bench.ledger.release(WORKER)
        assert released.state is JobState.WAITING
    # Two attempts are still left.
    bench.ledger.fail(bench.claim(job_id), make_failure(), delay_ms=0)
    ended = bench.ledger.fail(bench.claim(job_id), make_failure(), delay_ms=0)
    assert ended is not None
    assert ended.state is JobState.FAILED
    assert [a["outcome"] for a in bench.attempts(job_id)] == ["released"] * 5 + ["error"] * 2


def test_release_of_a_worker_without_jobs_changes_nothing(bench: Bench) -> None:
    bench.claim(bench.accept(), OTHER_WORKER)
    before = bench.everything()
    assert bench.ledger.release(WORKER) == []
    assert bench.everything() == before


# --- cancel and retry ------------------------------------------------------


@pytest.mark.parametrize("state", ["waiting", "active", "delayed"])
def test_cancel_ends_an_unfinished_job(bench: Bench, state: str) -> None:
    job_id = bench.in_state(JobState(state))
    recorded = len(bench.attempts(job_id))
    assert [message.job_id for message in bench.ledger.cancel([job_id])] == [job_id]
    row = bench.job(job_id)
    assert (row["state"], row["success"], row["error_type"]) == ("cancelled", False, "cancelled")
    assert row["finished_at"] is not None
    # Only an attempt that ran has ended by it.
    outcomes = [a["outcome"] for a in bench.attempts(job_id)]
    assert outcomes[recorded:] == (["cancelled"] if state == "active" else [])


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_cancel_leaves_a_finished_job_alone(bench: Bench, state: str) -> None:
    job_id = bench.in_state(JobState(state))
    before = bench.everything()
    assert bench.ledger.cancel([job_id]) == []
    assert bench.everything() == before


def test_cancel_of_many_returns_those_it_ended(bench: Bench) -> None:
    jobs = {state: bench.in_state(state) for state in JobState}
    cancelled = bench.ledger.cancel([*jobs.values(), uuid4()])
    assert {message.job_id for message in cancelled} == {
        jobs[JobState(s)] for s in ("waiting", "active", "delayed")
    }
    assert bench.ledger.cancel([]) == []


def test_cancel_and_complete_at_once_end_the_job_once(bench: Bench, database: Database) -> None:
    claims = [bench.claim(bench.accept()) for _ in range(60)]
    start = threading.Barrier(2)
    completed: list[UUID] = []
    cancelled: list[UUID] = []

    def end() -> None:
        with closing(Ledger(database)) as ledger:
            for claim in claims:
                start.wait()
                if complete(ledger, claim, "{}"):
                    completed.append(claim.job_id)

    def cancel() -> None:
        with closing(Ledger(database)) as ledger:
            for claim in claims:
                start.wait()
                cancelled.extend(message.job_id for message in ledger.cancel([claim.job_id]))

    threads = [threading.Thread(target=target) for target in (end, cancel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(completed + cancelled) == sorted(claim.job_id for claim in claims)
    for claim in claims:
        (attempt,) = bench.attempts(claim.job_id)
        wanted = "completed" if claim.job_id in completed else "cancelled"
        assert attempt["outcome"] == bench.job(claim.job_id)["state"] == wanted


def test_cancel_and_claim_at_once_never_leave_a_cancelled_job_running(
    bench: Bench, database: Database
) -> None:
    rounds = [bench.accept() for _ in range(60)]
    start = threading.Barrier(2)

    def claim() -> None:
        with closing(Ledger(database)) as ledger:
            for job_id in rounds:
                start.wait()
                ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)

    def cancel() -> None:
        with closing(Ledger(database)) as ledger:
            for job_id in rounds:
                start.wait()
                assert [message.job_id for message in ledger.cancel([job_id])] == [job_id]

    threads = [threading.Thread(target=target) for target in (claim, cancel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job_id in rounds:
        row = bench.job(job_id)
        assert row["state"] == "cancelled"
        assert len(bench.attempts(job_id)) == row["attempts"]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_retry_starts_a_job_anew_with_a_fresh_budget(bench: Bench, state: str) -> None:
    job_id = bench.in_state(JobState(state), priority=3)
    spent = bench.job(job_id)["attempts"]
    assert bench.ledger.retry([job_id], budget=4) == [Message(PHOTOS, job_id, 3, turn=1)]
    row = bench.job(job_id)
    assert (row["state"], row["success"], row["max_attempts"]) == ("waiting", None, spent + 4)
    for column in ("started_at", "finished_at", "wait_ms", "job_duration_ms", "error_type"):
        assert row[column] is None
    # Its history stays, and its attempts are counted on.
    assert len(bench.attempts(job_id)) == spent
    for number in range(spent + 1, spent + 5):
        claim = bench.claim(job_id)
        assert claim.attempt == number
        bench.ledger.fail(claim, make_failure(), delay_ms=0)
    assert bench.job(job_id)["state"] == "failed"


@pytest.mark.parametrize("state", ["waiting", "active", "delayed", "completed"])
def test_retry_leaves_other_states_alone(bench: Bench, state: str) -> None:
    job_id = bench.in_state(JobState(state))
    before = bench.everything()
    assert bench.ledger.retry([job_id], budget=4) == []
    assert bench.everything() == before


def test_retry_leaves_a_job_alone_whose_key_is_being_worked_on(bench: Bench) -> None:
    failed = bench.in_state(JobState.FAILED, job_key="photo-a")
    bench.accept(job_key="photo-a")
    before = bench.everything()
    assert bench.ledger.retry([failed], budget=4) == []
    assert bench.everything() == before


def test_retry_of_several_jobs_of_one_key_starts_the_newest(bench: Bench) -> None:
    older = bench.in_state(JobState.FAILED, job_key="photo-a")
    newer = bench.in_state(JobState.CANCELLED, job_key="photo-a")
    other = bench.in_state(JobState.FAILED, job_key="photo-b")
    started = bench.ledger.retry([newer, other, older], budget=4)
    assert {message.job_id for message in started} == {newer, other}
    assert bench.job(older)["state"] == "failed"


def test_retry_of_a_job_that_waited_for_a_batch_does_not_wait_again(bench: Bench) -> None:
    bench.accept(batch=NewBatch(batch_id="b-1", user_id="u1"))
    job_id = bench.accept(job_key="inventory-m", queue=INVENTORY, after_batch="b-1")
    bench.ledger.cancel([job_id])
    bench.ledger.retry([job_id], budget=4)
    assert bench.claim(job_id).queue is INVENTORY


def delete(bench: Bench, job_ids: list[UUID]) -> object:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    return deletion.delete(bench.database, job_ids, before=tomorrow)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda bench, job_ids: bench.ledger.cancel(job_ids), JobState.WAITING),
        (lambda bench, job_ids: bench.ledger.retry(job_ids, budget=4), JobState.CANCELLED),
        (delete, JobState.CANCELLED),
    ],
)
def test_jobs_are_locked_in_the_order_of_their_ids_wherever_their_rows_are(
    bench: Bench, change: Callable[[Bench, list[UUID]], object], state: JobState
) -> None:
    first, second = job_ids = [bench.accept(), bench.accept()]
    for job_id in reversed(job_ids):  # the newer version of each row is behind those before it
        bench.rows("UPDATE jobs SET priority = 1 WHERE job_id = %s RETURNING 1", job_id)
        if state is JobState.CANCELLED:
            bench.ledger.cancel([job_id])
    waiting = (
        "SELECT pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    thread = threading.Thread(target=change, args=(bench, job_ids[::-1]))
    with psycopg.connect(bench.database.libpq_url) as other:
        other.execute("SELECT FROM jobs WHERE job_id = %s FOR UPDATE", (first,))
        thread.start()
        eventually(lambda: bench.rows(waiting))
        # Would wait for each other for ever, if it had the second one.
        other.execute("SELECT FROM jobs WHERE job_id = %s FOR UPDATE NOWAIT", (second,))
    thread.join(60)
    assert not bench.rows("SELECT FROM jobs WHERE state = %s", state)


@pytest.mark.parametrize("error", ["deadlock_detected", "serialization_failure"])
def test_statement_that_others_got_in_the_way_of_is_tried_again(bench: Bench, error: str) -> None:
    bench.ledger.run("CREATE SEQUENCE tries")
    refuse = "DO $$ BEGIN IF nextval('tries') < {} THEN RAISE {}; END IF; END $$"
    bench.ledger.run(refuse.format(4, error))
    assert bench.rows("SELECT nextval('tries')") == [{"nextval": 5}]
    with pytest.raises(DatabaseUnavailableError):
        bench.ledger.run(refuse.format(1000, error))
    assert bench.rows("SELECT nextval('tries')") == [{"nextval": 16}]
    with pytest.raises(PhotoqueueError):
        bench.ledger.run(refuse.format(1000, "division_by_zero"))
    assert bench.rows("SELECT nextval('tries')") == [{"nextval": 18}]


# --- batches and queues ----------------------------------------------------


@pytest.mark.parametrize("state", ["waiting", "active", "delayed"])
def test_job_stays_blocked_while_its_batch_runs(bench: Bench, state: str) -> None:
    bench.in_state(JobState(state), batch=NewBatch(batch_id="b-1", user_id="u1"))
    bench.accept(job_key="inventory-m", queue=INVENTORY, after_batch="b-1")
    before = bench.everything()
    assert look(bench).unblocked is False
    assert bench.ledger.release_blocked() == []
    assert bench.everything() == before


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_job_is_released_when_its_batch_has_ended(bench: Bench, state: str) -> None:
    bench.in_state(JobState(state), batch=NewBatch(batch_id="b-1", user_id="u1"))
    job_id = bench.accept(job_key="inventory-m", queue=INVENTORY, after_batch="b-1", priority=7)
    assert look(bench)[3:5] == (True, [])
    assert bench.ledger.release_blocked() == [Message(INVENTORY, job_id, 7, turn=1)]
    assert look(bench)[3:5] == (False, [INVENTORY])
    assert bench.ledger.release_blocked() == []
    assert bench.claim(job_id).wait_ms < 60_000


def test_job_waits_for_jobs_that_its_batch_found_already_there(bench: Bench) -> None:
    # Given a photo that is being analysed, submitted again in a batch
    running = bench.in_state(JobState.ACTIVE, job_key="photo-a")
    again = bench.accept(job_key="photo-a", batch=NewBatch(batch_id="b-2", user_id="u1"))
    assert again == running
    bench.accept(job_key="inventory-m", queue=INVENTORY, after_batch="b-2")
    # Then the batch has ended only with that job
    assert bench.ledger.release_blocked() == []
    bench.ledger.cancel([running])
    assert len(bench.ledger.release_blocked()) == 1


def test_waiting_jobs_are_listed_in_the_order_of_work(bench: Bench) -> None:
    normal = [bench.accept() for _ in range(3)]
    urgent = [bench.accept(priority=10) for _ in range(2)]
    last = bench.accept(priority=-1)
    bench.accept(after_batch="b-1")
    bench.in_state(JobState.ACTIVE)
    bench.accept(job_key="inventory-m", queue=INVENTORY)
    ordered = [*urgent, *normal, last]
    listed = bench.ledger.due_waiting(PHOTOS, limit=100)
    assert [message.job_id for message in listed] == ordered
    # and page by page
    pages, after = [], None
    while page := bench.ledger.due_waiting(PHOTOS, after=after, limit=2):
        pages.extend(message.job_id for message in page)
        after = page[-1]
    assert pages == ordered


def test_look_tells_the_queues_with_jobs_that_could_start(bench: Bench) -> None:
    assert look(bench).due == []
    bench.in_state(JobState.ACTIVE)
    delayed = bench.in_state(JobState.DELAYED)
    bench.accept(job_key="inventory-m", queue=INVENTORY, after_batch="b-1")
    assert look(bench).due == [PHOTOS]
    bench.rows(
        "UPDATE jobs SET ready_at = now() + interval '1 hour' WHERE state = 'delayed' RETURNING 1"
    )
    assert look(bench).due == []
    bench.accept(job_key="inventory-n", queue=INVENTORY)
    bench.accept()
    assert look(bench).due == [INVENTORY, PHOTOS]
    bench.rows("UPDATE queues SET paused = true WHERE queue_name = %s RETURNING 1", PHOTOS)
    assert look(bench).due == [INVENTORY]
    assert bench.job(delayed)["state"] == "delayed"


# --- the register of workers -----------------------------------------------


def look(bench: Bench, lease_seconds: float = 10.0) -> Errands:
    return Register(bench.ledger).look(WORKER, "h/1", lease_seconds)


def make_host(**changes: Any) -> Host:
    return Host(**{"name": "h", "key": "h/1", "pid": 100, "started": 5.0, **changes})


def register(bench: Bench, worker_id: UUID, **changes: Any) -> Register:
    register = Register(bench.ledger)
    register.add(worker_id, make_host(**changes), queues=[PHOTOS], concurrency=2, engine="e")
    return register


def age(bench: Bench, seconds: float) -> None:
    """Let time pass for workers and running jobs."""
    bench.rows(
        "UPDATE workers SET last_seen_at = last_seen_at - %s * interval '1 s' RETURNING 1", seconds
    )
    bench.rows(
        "UPDATE jobs SET started_at = started_at - %s * interval '1 s' "
        "WHERE started_at IS NOT NULL RETURNING 1",
        seconds,
    )


def test_worker_past_its_lease_is_expired_when_it_holds_a_job(bench: Bench) -> None:
    workers = register(bench, WORKER)
    workers.add(OTHER_WORKER, make_host(), queues=[PHOTOS], concurrency=2, engine="e")
    bench.claim(bench.accept(), WORKER)
    assert look(bench, 2.0).expired == []
    age(bench, 60)
    # The server must have run for a lease, too.
    eventually(lambda: look(bench, 0.5).expired == [WORKER])


def test_worker_of_a_time_that_is_yet_to_come_is_expired(bench: Bench) -> None:
    register(bench, WORKER)
    bench.claim(bench.accept(), WORKER)
    age(bench, -3600)  # the server's clock was set back
    eventually(lambda: look(bench, 0.5).expired == [WORKER])
    assert not list_workers(bench.ledger._database, 0.01)


def test_renewal_keeps_the_lease(bench: Bench) -> None:
    workers = register(bench, WORKER)
    bench.claim(bench.accept(), WORKER)
    age(bench, 60)
    eventually(lambda: look(bench, 0.5).expired == [WORKER])
    workers.renew(WORKER, state="running")
    assert look(bench, 5.0).expired == []


def test_job_of_a_worker_that_is_not_in_the_register_is_expired(bench: Bench) -> None:
    bench.claim(bench.accept(), WORKER)
    age(bench, 60)
    eventually(lambda: look(bench, 0.5).expired == [WORKER])


def test_renewal_tells_what_is_held_and_paused_queues(bench: Bench) -> None:
    workers = register(bench, WORKER)
    claim = bench.claim(bench.accept(), WORKER, slot=7)
    bench.claim(bench.accept(), OTHER_WORKER, slot=8)
    bench.rows("UPDATE queues SET paused = true WHERE queue_name = 'inventory-sync' RETURNING 1")
    renewal = workers.renew(WORKER, state="running")
    assert (renewal.registered, renewal.held, renewal.paused) == (
        True,
        (Held(slot=7, job_id=claim.job_id, attempt=1),),
        frozenset({"inventory-sync"}),
    )
    assert workers.renew(uuid4(), state="running").registered is False


def test_renewal_counts_what_could_start_in_the_queues_that_are_asked_for(bench: Bench) -> None:
    workers = register(bench, WORKER)
    for number in range(4):
        bench.accept(photo_id=f"p{number}", job_key=f"photo-p{number}")
    bench.claim(bench.accept(photo_id="p9", job_key="photo-p9"))
    bench.accept(photo_id="p8", job_key="photo-p8", after_batch="b-0")
    bench.rows(
        "UPDATE jobs SET ready_at = now() - interval '1 hour' "
        "WHERE job_key = 'photo-p2' RETURNING 1"
    )
    renewal = workers.renew(WORKER, state="running", queues=[PHOTOS, INVENTORY], most=9)
    assert renewal.backlogs.keys() == {PHOTOS, INVENTORY}
    assert renewal.backlogs["inventory-sync"] == Backlog(0, 0.0)
    assert renewal.backlogs[PHOTOS].waiting == 4
    assert renewal.backlogs[PHOTOS].oldest_s == pytest.approx(3600, abs=60)
    # Of those that would be taken next: p2 is not among them.
    first = workers.renew(WORKER, state="running", queues=[PHOTOS], most=2)
    assert first.backlogs.keys() == {PHOTOS}
    assert first.backlogs[PHOTOS].waiting == 2 and first.backlogs[PHOTOS].oldest_s < 60
    assert workers.renew(WORKER, state="running").backlogs == {}


def test_renewal_says_how_many_processes_there_are(bench: Bench) -> None:
    workers = register(bench, WORKER)
    concurrency = "SELECT concurrency FROM workers"
    for given, expected in ((5, 5), (None, 5), (3, 3)):
        workers.renew(WORKER, state="running", concurrency=given)
        assert [row["concurrency"] for row in bench.rows(concurrency)] == [expected]


def test_one_worker_leads_until_it_stops_or_is_silent(bench: Bench) -> None:
    workers = register(bench, WORKER)
    workers.add(OTHER_WORKER, make_host(), queues=[PHOTOS], concurrency=2, engine="e")

    def leads(worker: UUID, **options: Any) -> bool:
        return workers.renew(worker, state=options.pop("state", "running"), **options).leads

    assert not leads(WORKER, state="draining")
    assert leads(WORKER) and not leads(OTHER_WORKER) and leads(WORKER, led=True)
    workers.stop([WORKER])
    assert leads(OTHER_WORKER) and not leads(WORKER)
    bench.rows("UPDATE installation SET leads_until = now() RETURNING 1")
    assert leads(WORKER) and not leads(OTHER_WORKER)
    # The server's clock was set back, and nobody heard from the leader since.
    bench.rows("UPDATE installation SET leads_until = now() + interval '1 hour' RETURNING 1")
    assert leads(OTHER_WORKER) and not leads(WORKER)
    # that it led says who did all of it, not who may
    assert bench.rows(
        "SELECT now() - led_at < interval '1 minute' AS lately FROM installation"
    ) == [{"lately": True}]


def test_neighbours_are_workers_of_the_host_that_did_not_sign_off(bench: Bench) -> None:
    workers = register(bench, WORKER, pid=1)
    for number, host in ((10, "h/1"), (11, "h/1"), (12, "elsewhere/1")):
        workers.add(
            UUID(int=number),
            make_host(pid=number, key=host),
            queues=[PHOTOS],
            concurrency=1,
            engine="e",
        )
    workers.stop([UUID(int=11)])
    assert look(bench).neighbours == [(UUID(int=10), 10, 5.0)]
    # One that signed off and still holds a job is not forgotten.
    bench.claim(bench.accept(), UUID(int=11))
    assert {pid for _, pid, _ in look(bench).neighbours} == {10, 11}


def test_workers_of_last_week_are_forgotten_unless_they_hold_a_job(bench: Bench) -> None:
    workers = register(bench, WORKER)
    workers.add(OTHER_WORKER, make_host(), queues=[PHOTOS], concurrency=2, engine="e")
    bench.claim(bench.accept(), OTHER_WORKER)
    age(bench, 8 * 24 * 3600)
    workers.forget()
    assert [row["worker_id"] for row in bench.rows("SELECT worker_id FROM workers")] == [
        OTHER_WORKER
    ]


def test_refused_messages_are_counted_per_queue(bench: Bench) -> None:
    workers = Register(bench.ledger)
    workers.count_refused(PHOTOS)
    workers.count_refused(PHOTOS)
    counts = bench.rows("SELECT queue_name, refused_messages FROM queues")
    assert {row["queue_name"]: row["refused_messages"] for row in counts} == {
        PHOTOS: 2,
        INVENTORY: 0,
    }


def test_ledger_connects_anew_after_its_connection_broke(bench: Bench) -> None:
    job_id = bench.accept()
    pid = bench.ledger.connection().info.backend_pid
    bench.rows("SELECT pg_terminate_backend(%s)", pid)
    with pytest.raises(PhotoqueueError):
        bench.ledger.claim(job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1)
    assert bench.claim(job_id).attempt == 1
