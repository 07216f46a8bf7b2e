"""The transitions against a model of them: whatever the order, the table stays consistent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row

from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.database import Database
from photoqueue.queue.ids import new_uuid
from photoqueue.queue.ledger import Claim, Done, Ended, Failure, Ledger
from photoqueue.queue.submission import NewJob, accept
from photoqueue.words import TRANSITIONS, JobState, Outcome
from tests.ledgers import complete

WORKERS = (UUID(int=1), UUID(int=2))
KEYS = ("photo-a", "photo-b")
BUDGET = 3


@dataclass
class Model:
    """What is expected of one job."""

    key: str
    state: JobState = JobState.WAITING
    attempts: int = 0
    #: What is left of the budget.
    budget: int = BUDGET
    holder: UUID | None = None
    priority: int = 0
    #: Held together with others: its attempt costs nothing if it is lost.
    together: bool = False
    #: Its last attempt was lost with its worker.
    lost: bool = False
    outcomes: list[str] = field(default_factory=list)


class Transitions(RuleBasedStateMachine):
    """Two workers, two photos, a person, and messages in any order."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.database)
        self.reader = psycopg.connect(
            self.database.libpq_url, autocommit=True, row_factory=dict_row
        )
        self.jobs: dict[UUID, Model] = {}
        self.claims: list[Claim] = []
        #: How the attempts ended that were recorded by their own worker.
        self.recorded: dict[tuple[UUID, int], tuple[str, JobState]] = {}
        #: Attempts that were handed back, at no cost.
        self.handed_back: set[tuple[UUID, int]] = set()
        self.seen: dict[UUID, JobState] = {}
        #: Whether the last step was a person's retry, which starts a job anew.
        self.restarted: set[UUID] = set()

    def teardown(self) -> None:
        self.ledger.close()
        self.reader.close()

    @initialize()
    def empty_the_tables(self) -> None:
        self.reader.execute("DELETE FROM job_attempts")
        self.reader.execute("DELETE FROM jobs")

    # --- what can happen ---------------------------------------------------

    @rule(key=st.sampled_from(KEYS))
    def submit(self, key: str) -> None:
        new = NewJob(
            job_id=new_uuid(),
            job_key=key,
            queue=PHOTO_ANALYZE,
            payload_json="{}",
            user_id="u1",
            max_attempts=BUDGET,
        )
        (accepted,) = accept(self.database, jobs=[new], resubmit=True)
        unfinished = [job_id for job_id, job in self.jobs.items() if self._unfinished(job, key)]
        assert accepted.created is not bool(unfinished)
        if unfinished:
            assert unfinished == [accepted.job_id]
        else:
            self.jobs[accepted.job_id] = Model(key)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def claim(self, data: st.DataObject, worker: UUID) -> None:
        job_id = self._any_job(data)
        job = self.jobs[job_id]
        claim = self.ledger.claim(job_id, PHOTO_ANALYZE, worker_id=worker, slot=1)
        if job.state in (JobState.WAITING, JobState.DELAYED):
            assert claim is not None
            self._take(claim, together=False)
        else:
            assert claim is None

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), worker=st.sampled_from(WORKERS), together=st.booleans())
    def complete_and_claim(self, data: st.DataObject, worker: UUID, together: bool) -> None:
        ours = [claim for claim in self.claims if claim.worker_id == worker]
        last = {claim.job_id: claim for claim in ours}
        done = [last[job] for job in sorted(last) if data.draw(st.booleans())]
        wanted = sorted(data.draw(st.sets(st.sampled_from(sorted(self.jobs)))))
        free = {
            job_id
            for job_id in wanted
            if self.jobs[job_id].state in (JobState.WAITING, JobState.DELAYED)
            and not (together and self.jobs[job_id].attempts)
        }
        ended, claims = self.ledger.complete_and_claim(
            [Done(claim, "{}", seconds=0.001) for claim in done],
            next_jobs=wanted,
            queue=PHOTO_ANALYZE,
            worker_id=worker,
            slot=1,
            together=together,
        )
        assert [claim.job_id for claim in claims] == [job for job in wanted if job in free]
        for claim, how in zip(done, ended, strict=True):
            self._check_completed(claim, how)
        for claim in claims:
            self._take(claim, together=together)

    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def give_back(self, data: st.DataObject, worker: UUID) -> None:
        held = sorted(job for job in self._held_by(worker) if self.jobs[job].together)
        kept = data.draw(st.sampled_from([None, *held]))
        given = {job for job in held if job != kept and data.draw(st.booleans())}
        messages = self.ledger.give_back(
            sorted(given), kept=kept, seconds=0.001, worker_id=worker, slot=1
        )
        assert {message.job_id for message in messages} == given
        for job_id in given:
            self._hand_back(job_id)
        if kept is not None:
            self.jobs[kept].together = False

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        self._check_completed(claim, complete(self.ledger, claim, "{}"))

    def _check_completed(self, claim: Claim, ended: Ended | None) -> None:
        if self._holds(claim):
            assert ended is not None
            self._end(claim.job_id, JobState.COMPLETED, "completed")
            self.recorded[claim.job_id, claim.attempt] = ("completed", JobState.COMPLETED)
            assert ended.state is JobState.COMPLETED
        else:
            self._check_told_again(claim, "completed", ended)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), permanent=st.booleans())
    def fail(self, data: st.DataObject, permanent: bool) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        failure = Failure("ValueError", "no", "at", permanent)
        ended = self.ledger.fail(claim, failure, delay_ms=0)
        if self._holds(claim):
            assert ended is not None
            spent = permanent or not self.jobs[claim.job_id].budget
            state = JobState.FAILED if spent else JobState.DELAYED
            self._end(claim.job_id, state, "error")
            self.jobs[claim.job_id].lost = False
            self.recorded[claim.job_id, claim.attempt] = ("error", state)
            assert ended.state is state
        else:
            self._check_told_again(claim, "error", ended)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def postpone(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        reason = Failure("ThrottledError", "later", "at", False, costs_nothing=True)
        ended = self.ledger.postpone(claim, reason, delay_ms=0)
        if self._holds(claim):
            assert ended is not None
            self._end(claim.job_id, JobState.DELAYED, "released")
            self.jobs[claim.job_id].budget += 1
            self.jobs[claim.job_id].lost = False
            self.recorded[claim.job_id, claim.attempt] = ("released", JobState.DELAYED)
            assert ended.state is JobState.DELAYED
        elif (claim.job_id, claim.attempt) in self.handed_back:
            assert ended is not None
            assert ended.state is JobState.WAITING
        else:
            self._check_told_again(claim, "released", ended)

    @rule(
        data=st.data(),
        worker=st.sampled_from(WORKERS),
        outcome=st.sampled_from([Outcome.WORKER_LOST, Outcome.TIMEOUT]),
    )
    def recover(self, data: st.DataObject, worker: UUID, outcome: Outcome) -> None:
        held = self._held_by(worker)
        at = data.draw(st.sampled_from([None, *sorted(held)]))
        recovered = self.ledger.recover([worker], outcome=outcome, message="gone", at=at)
        assert {job.message.job_id for job in recovered} == held
        for job_id in held:
            self.jobs[job_id].lost = outcome is Outcome.WORKER_LOST
            if self.jobs[job_id].together and job_id != at:
                self._hand_back(job_id)
                continue
            state = JobState.WAITING if self.jobs[job_id].budget else JobState.FAILED
            self._end(job_id, state, str(outcome))

    @rule(worker=st.sampled_from(WORKERS))
    def release(self, worker: UUID) -> None:
        held = self._held_by(worker)
        released = self.ledger.release(worker)
        assert {job.message.job_id for job in released} == held
        for job_id in held:
            self._hand_back(job_id)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = self._any_job(data)
        job = self.jobs[job_id]
        cancelled = self.ledger.cancel([job_id])
        if job.state.finished:
            assert cancelled == []
        else:
            assert [message.job_id for message in cancelled] == [job_id]
            if job.state is JobState.ACTIVE:
                job.outcomes.append("cancelled")
            job.state, job.holder, job.lost = JobState.CANCELLED, None, False

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.jobs)), min_size=1))
        wanted = {}
        for job_id in sorted(chosen):
            job = self.jobs[job_id]
            busy = any(self._unfinished(other, job.key) for other in self.jobs.values())
            done_since = any(
                other.key == job.key and other.state is JobState.COMPLETED and newer > job_id
                for newer, other in self.jobs.items()
            )
            ended_without = job.state in (JobState.FAILED, JobState.CANCELLED)
            if ended_without and not busy and not done_since:
                wanted[job.key] = job_id  # the newest of the key
        started = self.ledger.retry(sorted(chosen), budget=BUDGET)
        assert {message.job_id for message in started} == set(wanted.values())
        for job_id in wanted.values():
            self.jobs[job_id].state = JobState.WAITING
            self.jobs[job_id].budget = BUDGET
            self.jobs[job_id].lost = False
            self.restarted.add(job_id)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), priority=st.sampled_from([-1, 0, 5]))
    def prioritise(self, data: st.DataObject, priority: int) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.jobs)), min_size=1))
        wanted = {
            job_id
            for job_id in chosen
            if self.jobs[job_id].state in (JobState.WAITING, JobState.DELAYED)
            and self.jobs[job_id].priority != priority
        }
        number, messages = self.ledger.prioritise(sorted(chosen), priority, batch_id=None)
        assert number == len(wanted)
        assert {message.job_id for message in messages} == wanted
        for job_id in wanted:
            self.jobs[job_id].priority = priority

    # --- what must always hold ---------------------------------------------

    @invariant()
    def table_is_as_expected(self) -> None:
        rows = {row["job_id"]: row for row in self._rows("SELECT * FROM jobs")}
        attempts: dict[UUID, list[dict[str, Any]]] = {job_id: [] for job_id in rows}
        for row in self._rows("SELECT * FROM job_attempts ORDER BY job_id, attempt"):
            attempts[row["job_id"]].append(row)
        assert set(rows) == set(self.jobs)
        for job_id, job in self.jobs.items():
            self._check_job(job, rows[job_id], attempts[job_id])
            self._check_transition(job_id, JobState(rows[job_id]["state"]))
        self.restarted.clear()

    def _check_job(self, job: Model, row: dict[str, Any], attempts: list[dict[str, Any]]) -> None:
        assert row["state"] == job.state
        assert row["attempts"] == job.attempts <= row["max_attempts"]
        assert row["max_attempts"] == job.attempts + job.budget
        # The columns agree with the state.
        finished = job.state.finished
        assert (row["finished_at"] is not None) is finished
        assert row["success"] is (None if not finished else job.state is JobState.COMPLETED)
        assert (row["result"] is not None) is (job.state is JobState.COMPLETED)
        assert row["ready_at"] is not None
        assert row["priority"] == job.priority
        if job.state is JobState.ACTIVE:
            assert row["worker_id"] == job.holder
            assert (row["wait_ms"] is None) is job.together
        if job.state in (JobState.FAILED, JobState.DELAYED):
            assert row["error_type"]
        # One row an ended attempt, numbered without gaps.
        assert [attempt["outcome"] for attempt in attempts] == job.outcomes
        ended = job.attempts - (job.state is JobState.ACTIVE)
        assert [attempt["attempt"] for attempt in attempts] == list(range(1, ended + 1))
        assert all(a["ended_at"] >= a["started_at"] for a in attempts)

    def _check_transition(self, job_id: UUID, state: JobState) -> None:
        before = self.seen.get(job_id, JobState.WAITING)
        if state is not before and job_id not in self.restarted:
            assert state in TRANSITIONS[before], f"{before} → {state}"
        self.seen[job_id] = state

    @invariant()
    def key_has_one_unfinished_job(self) -> None:
        for key in KEYS:
            assert sum(self._unfinished(job, key) for job in self.jobs.values()) <= 1

    # --- shortcuts ---------------------------------------------------------

    def _rows(self, query: str) -> list[dict[str, Any]]:
        return self.reader.execute(query).fetchall()

    def _any_job(self, data: st.DataObject) -> UUID:
        return data.draw(st.sampled_from(sorted(self.jobs)))

    def _unfinished(self, job: Model, key: str) -> bool:
        return job.key == key and not job.state.finished

    def _held_by(self, worker: UUID) -> set[UUID]:
        return {job_id for job_id, job in self.jobs.items() if job.holder == worker}

    def _check_told_again(self, claim: Claim, outcome: str, ended: Ended | None) -> None:
        """A write that was recorded before is told how it ended; any other is fenced off."""
        recorded = self.recorded.get((claim.job_id, claim.attempt))
        if recorded is not None and recorded[0] == outcome:
            assert ended is not None
            assert ended.state is recorded[1]
        else:
            assert ended is None

    def _take(self, claim: Claim, *, together: bool) -> None:
        job = self.jobs[claim.job_id]
        alone = not together and job.lost and (job.attempts > 1 or job.budget == 1)
        assert claim.alone is alone
        job.state, job.holder, job.together = JobState.ACTIVE, claim.worker_id, together or alone
        job.attempts += 1
        job.budget -= 1
        assert claim.attempt == job.attempts
        assert claim.max_attempts == job.attempts + job.budget
        assert claim.wait_ms >= 0
        self.claims.append(claim)

    def _hand_back(self, job_id: UUID) -> None:
        self._end(job_id, JobState.WAITING, "released")
        self.jobs[job_id].budget += 1
        self.handed_back.add((job_id, self.jobs[job_id].attempts))

    def _holds(self, claim: Claim) -> bool:
        job = self.jobs[claim.job_id]
        return job.holder == claim.worker_id and job.attempts == claim.attempt

    def _end(self, job_id: UUID, state: JobState, outcome: str) -> None:
        job = self.jobs[job_id]
        job.state, job.holder = state, None
        job.outcomes.append(outcome)


@pytest.fixture
def machine(database: Database) -> Iterator[type[Transitions]]:
    with closing(database):
        yield type("OnThisDatabase", (Transitions,), {"database": database})


def test_transitions_keep_the_table_consistent_in_any_order(machine: type[Transitions]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
