"""Short jobs that a process takes together: none pays for another, none waits for a long one."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.broker.queues import encode, task_name
from photoqueue.queue.broker.retention import Finished
from photoqueue.queue.ledger import Claim, Done, Ledger
from photoqueue.records.snapshots import AiCall
from photoqueue.services import Endpoints
from photoqueue.words import JobState, Message, Outcome
from photoqueue.worker.batching import LONGEST_SECONDS
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.runner import Runner
from tests.conftest import eventually, submit
from tests.ledgers import complete, kept_records

PHOTOS = PHOTO_ANALYZE
WORKER, OTHER = UUID(int=7), UUID(int=8)
RESULT = '{"photoId": "salon-1"}'


@pytest.fixture
def ledger(installation: Installation) -> Iterator[Ledger]:
    with closing(Ledger(installation.database)) as ledger:
        yield ledger


@pytest.fixture
def client(servers: Endpoints) -> Iterator[redis.Redis]:
    assert servers.redis_url is not None
    with closing(redis.Redis.from_url(servers.redis_url.get_secret_value())) as client:
        yield client


def take(ledger: Ledger, jobs: Sequence[Any], *, together: bool = True) -> list[Claim]:
    _, claims = ledger.complete_and_claim(
        [],
        next_jobs=[UUID(job.id) for job in jobs],
        queue=PHOTOS,
        worker_id=WORKER,
        slot=1,
        together=together,
    )
    return claims


def outcomes(job: Any) -> list[str]:
    return list(job.attempts()["outcome"])


def test_times_of_each_are_its_own(ledger: Ledger) -> None:
    jobs = [submit(f"salon-{n}") for n in range(3)]
    done = [
        Done(claim, RESULT, seconds=seconds, at=time.monotonic() - ago)
        for claim, seconds, ago in zip(
            take(ledger, jobs), (0.004, 0.002, 0.001), (0.2, 0.1, 0.0), strict=True
        )
    ]
    ledger.complete_and_claim(done, next_jobs=[], queue=PHOTOS, worker_id=WORKER, slot=1)
    ends = []
    for job, one in zip(jobs, done, strict=True):
        found = job.poll()
        assert found.job_duration_ms == pytest.approx(one.seconds * 1000, abs=0.01)
        ran = (found.finished_at - found.started_at).total_seconds()
        assert ran == pytest.approx(one.seconds, abs=1e-4)
        (attempt,) = job.attempts().to_dict("records")
        assert attempt["duration_ms"] == pytest.approx(one.seconds * 1000, abs=0.01)
        waited = (found.started_at - found.created_at).total_seconds() * 1000
        assert found.wait_ms == pytest.approx(attempt["wait_ms"])
        assert found.wait_ms == pytest.approx(waited, abs=50)
        ends.append(found.finished_at)
    assert ends == sorted(ends) and (ends[2] - ends[0]).total_seconds() > 0.15


def test_what_is_lost_costs_nothing_once(ledger: Ledger) -> None:
    jobs = [submit(f"salon-{n}") for n in range(3)]
    assert len(take(ledger, jobs)) == 3
    lost = ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone", slot=1)
    assert {job.state for job in lost} == {JobState.WAITING}
    # Each was tried as far as anybody knows, and is not put together with others again.
    assert take(ledger, jobs) == []
    assert len(take(ledger, jobs[:1], together=False)) == 1
    ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone", slot=1)
    assert [outcomes(job) for job in jobs] == [["released", "worker_lost"]] + [["released"]] * 2
    budgets = [(one.max_attempts, one.attempts) for one in (job.poll() for job in jobs)]
    given = budgets[1][0] - 1
    assert budgets == [(given + 1, 2), (given + 1, 1), (given + 1, 1)]


def test_what_is_kept_costs_as_any_other_and_the_rest_is_free(ledger: Ledger) -> None:
    jobs = [submit(f"salon-{n}", priority=3) for n in range(3)]
    first, second, third = take(ledger, jobs)
    messages = ledger.give_back(
        [second.job_id, third.job_id], kept=first.job_id, seconds=0.03, worker_id=WORKER, slot=1
    )
    assert sorted(messages, key=lambda one: one.job_id) == [
        Message(PHOTOS, claim.job_id, 3, turn) for turn, claim in ((2, second), (3, third))
    ]
    assert [job.state for job in jobs] == [JobState.ACTIVE, JobState.WAITING, JobState.WAITING]
    assert jobs[0].poll().wait_ms is not None
    again = {"kept": first.job_id, "seconds": 0.05, "worker_id": WORKER, "slot": 1}
    assert ledger.give_back([second.job_id, third.job_id], **again) == []
    ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone", slot=1)
    assert [outcomes(job) for job in jobs] == [["worker_lost"], ["released"], ["released"]]


def test_giving_back_and_cancelling_never_wait_in_a_circle(
    installation: Installation, ledger: Ledger
) -> None:
    first, second, third = take(ledger, [submit(f"salon-{n}") for n in range(3)])
    given: list[Message] = []

    def give_back() -> None:
        waiting = [second.job_id, third.job_id]
        kept = {"kept": first.job_id, "seconds": 0.1, "worker_id": WORKER, "slot": 1}
        given.extend(ledger.give_back(waiting, **kept))

    lock = "SELECT FROM jobs WHERE job_id = %s FOR UPDATE"
    with psycopg.connect(installation.database.libpq_url) as cancelling:
        cancelling.execute(lock, (first.job_id,))
        thread = threading.Thread(target=give_back)
        thread.start()
        with closing(Ledger(installation.database)) as reader:
            eventually(
                lambda: reader.run(
                    "SELECT pid FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
        cancelling.execute(lock, (second.job_id,))
    thread.join(60)
    assert {message.job_id for message in given} == {second.job_id, third.job_id}


def test_only_jobs_that_may_not_have_begun_are_given_back(ledger: Ledger) -> None:
    job = submit("salon-1")
    (claim,) = take(ledger, [job], together=False)
    process = {"kept": None, "seconds": 0.0, "worker_id": WORKER, "slot": 1}
    assert ledger.give_back([claim.job_id], **process) == []
    assert job.state is JobState.ACTIVE


def test_the_one_that_was_worked_on_pays(ledger: Ledger) -> None:
    jobs = [submit(f"salon-{n}") for n in range(3)]
    claims = take(ledger, jobs)
    at = claims[1].job_id
    ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone", slot=1, at=at)
    assert [outcomes(job) for job in jobs] == [["released"], ["worker_lost"], ["released"]]
    assert jobs[1].poll().max_attempts == jobs[0].poll().max_attempts - 1


class Process:
    """A runner as a process of a worker has it, and what it took.

    By its clock jobs take no time, whatever else the machine does, but where a handler moves it.
    """

    def __init__(self, installation: Installation, handler: Callable[..., str]) -> None:
        self.taken: list[int] = []
        self.now = 0.0
        self.board = StatusBoard()
        self._broker = installation.broker
        self._ledger = Ledger(installation.database)
        self.runner = Runner(
            ledger=self._ledger,
            broker=installation.broker,
            settings=installation.settings,
            queue=PHOTOS,
            handler=handler,
            worker_id=WORKER,
            slot=1,
            board=self.board,
            following=self._following,
            clock=lambda: self.now,
        )

    def _following(self, completed: Sequence[Finished], count: int) -> list[Message]:
        messages = self._broker.take_next(PHOTOS, completed, count, refused=pytest.fail)
        self.taken.append(len(messages))
        return messages

    def run(self) -> None:
        while (job_id := self._broker.take(PHOTOS)) is not None:
            self.runner.run(job_id)
        self._ledger.close()


def test_short_jobs_are_taken_together_and_done_in_order(installation: Installation) -> None:
    names = [f"salon-{n:02}" for n in range(40)]
    jobs = [submit(name) for name in names]
    done: list[str] = []

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        done.append(claim.payload["photoId"])
        calls.append(
            AiCall(
                photo_id=claim.payload["photoId"],
                engine="e",
                model="m",
                latency_ms=1.0,
                success=True,
            )
        )
        return RESULT

    process = Process(installation, handler)
    process.run()
    assert done == names
    assert process.taken[:5] == [2, 4, 8, 16, 9]
    assert [outcomes(job) for job in jobs] == [["completed"]] * 40
    records = installation.broker.records
    assert records is not None
    kept = kept_records(records, PHOTOS, JobState.COMPLETED)
    assert sorted(record["photoId"] for record in kept) == names


def test_failure_among_them_is_its_own(installation: Installation) -> None:
    jobs = {name: submit(name) for name in ("a", "b", "c", "raise", "no json", "d", "e", "f")}

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        name = claim.payload["photoId"]
        if name == "raise":
            raise RuntimeError("no")
        return "no json" if name == "no json" else RESULT

    process = Process(installation, handler)
    process.run()
    assert max(process.taken) > 1
    for name, job in jobs.items():
        first = outcomes(job)[0]
        assert first == ("error" if name in ("raise", "no json") else "completed"), name
        waited, ran = job.attempts()[["wait_ms", "duration_ms"]].iloc[0]
        assert waited >= 0 and ran >= 0, name


def test_job_that_was_tried_before_is_taken_alone(installation: Installation) -> None:
    jobs = [submit(f"salon-{n}") for n in range(8)]
    with closing(Ledger(installation.database)) as other:
        for job in jobs[3:5]:
            other.claim(UUID(job.id), PHOTOS, worker_id=OTHER, slot=1)
        recovered = other.recover([OTHER], outcome=Outcome.WORKER_LOST, message="gone")
    installation.broker.enqueue(one.message for one in recovered)
    costs: dict[str, bool] = {}
    with closing(psycopg.connect(installation.database.libpq_url, autocommit=True)) as reader:

        def handler(claim: Claim, calls: list[AiCall]) -> str:
            query = "SELECT wait_ms FROM jobs WHERE job_id = %s"
            row = reader.execute(query, [claim.job_id]).fetchone()
            costs[claim.payload["photoId"]] = row is not None and row[0] is not None
            return RESULT

        Process(installation, handler).run()
    assert costs["salon-3"] and costs["salon-4"]
    assert not all(costs.values())
    assert all(job.state is JobState.COMPLETED for job in jobs)


def test_job_that_was_lost_twice_waits_to_be_alone_and_costs_nothing_until_then(
    installation: Installation, ledger: Ledger
) -> None:
    job = submit("salon-1")
    for _ in range(2):
        assert len(take(ledger, [job], together=False)) == 1
        ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
    begun = threading.Event()

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        assert process.board.asked and job.poll().wait_ms is not None
        begun.set()
        return RESULT

    process = Process(installation, handler)
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        eventually(lambda: process.board.asked)
        # Lost meanwhile, with another job that ends its worker.
        assert not begun.is_set() and job.poll().wait_ms is None
        ledger.recover([WORKER], outcome=Outcome.WORKER_LOST, message="gone")
        assert len(take(ledger, [job], together=False)) == 1
        assert job.poll().wait_ms is None
    finally:
        process.board.granted = process.board.asked
        thread.join(60)
    assert not process.board.asked
    assert outcomes(job) == ["worker_lost", "worker_lost", "released"]


def test_process_begins_no_job_while_another_is_alone(installation: Installation) -> None:
    job = submit("salon-1")

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        assert not process.board.held
        return RESULT

    process = Process(installation, handler)
    process.board.held = True
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        eventually(lambda: job.state is JobState.ACTIVE)
    finally:
        process.board.held = False
        thread.join(60)
    assert outcomes(job) == ["completed"]


def test_messages_of_such_jobs_do_not_wait_behind_one_of_them(installation: Installation) -> None:
    for number in range(12):
        submit(f"salon-{number}", priority=20)
    tried = [submit(f"tried-{number}") for number in range(6)]
    with closing(Ledger(installation.database)) as other:
        for job in tried:
            other.claim(UUID(job.id), PHOTOS, worker_id=OTHER, slot=1)
        recovered = other.recover([OTHER], outcome=Outcome.WORKER_LOST, message="gone")
    installation.broker.enqueue(one.message for one in recovered)
    goes_on, at = threading.Event(), threading.Event()

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        if claim.attempt > 1:
            process.now += 1
            at.set()
            assert goes_on.wait(120)
        return RESULT

    process = Process(installation, handler)
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        assert at.wait(120)
        # There for anybody, and at once: there is nobody here to recover them.
        eventually(lambda: installation.broker.size(PHOTOS) == 5)
    finally:
        goes_on.set()
        thread.join(60)
    assert [outcomes(job) for job in tried] == [["worker_lost", "completed"]] * 6


def test_job_with_two_messages_is_done_once(
    installation: Installation, client: redis.Redis
) -> None:
    jobs = [submit(f"salon-{number}", priority=20) for number in range(6)]
    # The same message under another time, as nobody but a stranger writes it.
    message = encode(UUID(jobs[-1].id), task_name(PHOTOS))
    key = f"huey.redis.{installation.namespace}.{PHOTOS}"
    assert client.zadd(key, {bytes(8) + message: -20}) == 1
    done: list[str] = []

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        done.append(claim.payload["photoId"])
        return RESULT

    Process(installation, handler).run()
    assert sorted(done) == [f"salon-{number}" for number in range(6)]


def test_nothing_waits_behind_a_job_that_turns_out_to_be_long(
    installation: Installation, ledger: Ledger
) -> None:
    jobs = {name: submit(name) for name in ["a", "b", "c", "long", "d", "e", "f", "g"]}
    goes_on, at = threading.Event(), threading.Event()
    done: list[str] = []

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        name = claim.payload["photoId"]
        if name == "long":
            process.now += 1
            at.set()
            assert goes_on.wait(120)
        done.append(name)
        return RESULT

    process = Process(installation, handler)
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        assert at.wait(120)
        assert done == ["a", "b", "c"]
        # While it is at the long one, the others are recorded and there for anybody.
        eventually(lambda: all(jobs[name].state is JobState.COMPLETED for name in "abc"))
        eventually(lambda: all(jobs[name].state is JobState.WAITING for name in "defg"))
        eventually(lambda: installation.broker.size(PHOTOS) == 4)
        assert jobs["long"].state is JobState.ACTIVE
        eventually(lambda: process.board.job_ids == {UUID(jobs["long"].id)})
        claim = ledger.claim(UUID(jobs["d"].id), PHOTOS, worker_id=OTHER, slot=1)
        assert claim is not None
        complete(ledger, claim, RESULT)
    finally:
        goes_on.set()
        thread.join(60)
    assert done[:4] == ["a", "b", "c", "long"] and sorted(done[4:]) == ["e", "f", "g"]
    assert all(job.state is JobState.COMPLETED for job in jobs.values())
    assert jobs["long"].poll().wait_ms is not None
    assert outcomes(jobs["long"]) == ["completed"]


def test_nothing_is_begun_behind_a_job_that_let_no_other_thread_run(
    installation: Installation,
) -> None:
    jobs = {name: submit(name) for name in ["a", "b", "c", "long", "d", "e", "f", "g"]}
    sleep = ctypes.PyDLL(None).usleep  # keeps Python's lock

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        if claim.payload["photoId"] == "long":
            process.now += 1
            sleep(round(4e6 * LONGEST_SECONDS))
        return RESULT

    process = Process(installation, handler)
    process.run()
    assert outcomes(jobs["long"]) == ["completed"]
    # Given back as soon as it could be: somebody else may have done that before.
    assert [outcomes(jobs[name]) for name in "def"] == [["released", "completed"]] * 3


def test_photo_that_ends_its_process_costs_its_neighbours_nothing(
    start_worker: Callable[..., Any], installation: Installation
) -> None:
    neighbours = [submit(f"salon-{n:02}") for n in range(12)]
    poisoned = submit("crash-1")
    neighbours += [submit(f"salon-{n:02}") for n in range(12, 24)]
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    assert poisoned.exception(120) is not None
    for job in neighbours:
        job.result(120)
        assert set(outcomes(job)) <= {"released", "completed"}, job
        assert len(outcomes(job)) <= 2
    lost = outcomes(poisoned)
    assert lost == ["worker_lost"] * installation.settings.max_attempts
