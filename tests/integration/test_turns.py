"""Turns: among jobs of one priority the submitters take turns, whoever submits more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import photoqueue
from photoqueue import JobState
from photoqueue.errors import PayloadError, StateError
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.broker.queues import Broker
from photoqueue.queue.ledger import Claim, Failure
from photoqueue.queue.submission import NewBatch, NewJob
from photoqueue.words import Message
from tests.conftest import Worker, eventually, picture
from tests.integration.test_submission import Desk, make_job
from tests.own_type import FLOOR_PLAN

WORKER = UUID(int=1)


@pytest.fixture
def desk(installation: Installation) -> Iterator[Desk]:
    with closing(Desk(installation.database)) as desk:
        yield desk


@pytest.fixture(params=["redis", "postgresql"])
def broker(request: pytest.FixtureRequest, installation: Installation) -> Iterator[Broker]:
    redis_url = installation.settings.redis_url
    assert redis_url is not None
    made = Broker(
        redis_url.get_secret_value() if request.param == "redis" else None,
        database_url=installation.database.libpq_url,
        namespace=installation.namespace,
    )
    with closing(made) as broker:
        yield broker


def submitted(desk: Desk, user: str, number: int, **options: Any) -> list[UUID]:
    """Have a user submit photos, all at once: by whichever statement that takes."""
    jobs = [make_job(f"{user}-{n}", user_id=user, **options) for n in numbered(desk, number)]
    batch = NewBatch(batch_id=str(jobs[0].job_id), user_id=user) if number > 1 else None
    return [job.job_id for job in desk.accept(*jobs, batch=batch)]


def numbered(desk: Desk, number: int) -> range:
    first = desk.count("jobs")
    return range(first, first + number)


def line(desk: Desk) -> list[str]:
    """Name the users of the waiting jobs, in the order in which these are taken."""
    users = {row["job_id"]: row["user_id"] for row in desk.rows("SELECT * FROM jobs")}
    return [users[job.job_id] for job in desk.ledger.due_waiting(PHOTO_ANALYZE, limit=10_000)]


def take(desk: Desk, number: int = 1) -> list[Claim]:
    due = desk.ledger.due_waiting(PHOTO_ANALYZE, limit=number)
    claims = [desk.ledger.claim(job.job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1) for job in due]
    assert None not in claims
    return [claim for claim in claims if claim]


# One job, a few and many are written by statements of their own.
@pytest.mark.parametrize("many", [1, 3, 60])
def test_who_comes_later_has_turns_with_who_came_first(desk: Desk, many: int) -> None:
    submitted(desk, "a", 200)
    submitted(desk, "b", many)
    assert line(desk) == ["a"] + ["a", "b"] * many + ["a"] * (199 - many)


def test_turns_begin_where_the_queue_is(desk: Desk) -> None:
    submitted(desk, "a", 100)
    take(desk, 70)
    submitted(desk, "b", 3)
    submitted(desk, "c", 2)
    assert line(desk)[:9] == ["a", "a", "b", "c", "a", "b", "c", "a", "b"]
    # and who waits already goes on behind his own
    submitted(desk, "b", 1)
    assert line(desk)[9:11] == ["a", "b"]


def test_jobs_of_one_user_run_in_the_order_of_submission(desk: Desk) -> None:
    ids = [*submitted(desk, "a", 60), *submitted(desk, "a", 1), *submitted(desk, "a", 3)]
    due = desk.ledger.due_waiting(PHOTO_ANALYZE, limit=100)
    assert [job.job_id for job in due] == ids
    assert [job.turn for job in due] == list(range(1, 65))


def test_priority_comes_before_turns(desk: Desk) -> None:
    submitted(desk, "a", 3)
    submitted(desk, "b", 2, priority=10)
    submitted(desk, "c", 2, priority=10)
    assert line(desk) == list("bbccaaa")


def test_group_takes_turns_in_the_place_of_its_users(desk: Desk) -> None:
    submitted(desk, "a", 4, group_name="office")
    submitted(desk, "b", 2, group_name="office")
    submitted(desk, "c", 2)
    assert line(desk) == list("aacacabb")


@pytest.mark.parametrize("number", [1, 40])
def test_jobs_that_exist_take_no_turn(desk: Desk, number: int) -> None:
    jobs = [make_job(f"p{n}") for n in range(number)]
    desk.accept(*jobs)
    again = desk.accept(*jobs, make_job("new"))
    assert [one.created for one in again] == [False] * number + [True]
    assert again[-1].turn == number + 1
    assert desk.rows("SELECT max(turn) AS turn FROM jobs") == [{"turn": number + 1}]


def test_lost_jobs_keep_their_turn(desk: Desk) -> None:
    submitted(desk, "a", 100)
    lost, *_ = take(desk, 50)
    recovered = desk.ledger.recover([WORKER], outcome="worker_lost", message="gone")
    assert {job.message.turn for job in recovered} == set(range(1, 51))
    assert lost.job_id == desk.ledger.due_waiting(PHOTO_ANALYZE, limit=1)[0].job_id


def test_turns_go_on_while_jobs_run(desk: Desk) -> None:
    submitted(desk, "a", 60)
    take(desk, 60)
    submitted(desk, "b", 70)
    desk.ledger.recover([WORKER], outcome="worker_lost", message="gone")
    assert line(desk)[:61] == ["a"] * 60 + ["b"]


def late(desk: Desk, how: str) -> Callable[[], list[Message]]:
    """Have ten jobs with the turns 31 to 40 that are not ready; return what makes them so."""
    before = submitted(desk, "a", 30)
    jobs = submitted(desk, "a", 10, after_batch="erased" if how == "batch" else None)
    desk.ledger.cancel(before)
    if how == "batch":
        return desk.ledger.release_blocked
    failure = Failure("E", "e", "", permanent=how == "person")
    for claim in take(desk, 10):
        desk.ledger.fail(claim, failure, delay_ms=0)
    if how == "person":
        return lambda: desk.ledger.retry(jobs, budget=4)
    return lambda: desk.ledger.due_delayed(PHOTO_ANALYZE, limit=100)


@pytest.mark.parametrize("how", ["back-off", "person", "batch"])
@pytest.mark.parametrize("passed", [0, 60])
def test_many_jobs_that_become_ready_later_come_at_the_head(
    desk: Desk, how: str, passed: int
) -> None:
    make_ready = late(desk, how)
    submitted(desk, "b", 100)
    take(desk, passed)
    assert [job.turn for job in make_ready()] == list(range(passed + 2, passed + 12))


def test_broker_gives_jobs_in_the_order_of_the_table(desk: Desk, broker: Broker) -> None:
    for user, number, priority in (("a", 70, 0), ("b", 1, 10), ("c", 5, 0), ("d", 3, -1000)):
        submitted(desk, user, number, priority=priority)
    due = desk.ledger.due_waiting(PHOTO_ANALYZE, limit=100)
    assert broker.enqueue(due[::-1]) == 79
    taken = broker.take_next(PHOTO_ANALYZE, [], 40, refused=pytest.fail)
    assert taken == due[: len(taken)]
    rest = [broker.take(PHOTO_ANALYZE) for _ in range(79 - len(taken))]
    assert rest == [job.job_id for job in due[len(taken) :]]


@pytest.mark.parametrize("priority", [2**15 - 1, 0, -(2**15 - 1)])
def test_score_is_exact_up_to_the_last_turn(installation: Installation, priority: int) -> None:
    message = Message(PHOTO_ANALYZE, UUID(int=5), priority, 2**37 - 1)
    installation.broker.enqueue([message])
    assert installation.broker.take_next(PHOTO_ANALYZE, [], 1, refused=pytest.fail) == [message]


def test_message_is_moved_to_a_new_place(broker: Broker) -> None:
    first, second = (Message(PHOTO_ANALYZE, UUID(int=n), turn=n) for n in (1, 2))
    assert broker.enqueue([first, second]) == 2
    assert broker.enqueue([second._replace(priority=1)]) == 0
    assert broker.size(PHOTO_ANALYZE) == 2
    assert broker.take(PHOTO_ANALYZE) == second.job_id
    assert broker.take(PHOTO_ANALYZE) == first.job_id


# --- prioritise --------------------------------------------------------------


def photo(number: int, **options: Any) -> photoqueue.Job:
    return photoqueue.submit_photo(picture(number), photo_id=f"p{number}", **options)


def ids(jobs: Sequence[photoqueue.Job]) -> list[UUID]:
    return [UUID(job.id) for job in jobs]


def test_waiting_jobs_are_prioritised_with_their_messages(
    installation: Installation, desk: Desk
) -> None:
    jobs = [photo(number, priority=0, user_id="a") for number in range(4)]
    assert photoqueue.prioritise([jobs[3], jobs[1]], 5) == 2
    assert photoqueue.prioritise(jobs[3], 5) == 0  # has it already
    assert [job.poll().priority for job in jobs] == [0, 5, 0, 5]
    wanted = ids([jobs[1], jobs[3], jobs[0], jobs[2]])
    assert [job.job_id for job in desk.ledger.due_waiting(PHOTO_ANALYZE, limit=9)] == wanted
    assert [installation.broker.take(PHOTO_ANALYZE) for _ in jobs] == wanted


def test_prioritised_jobs_have_turns_with_those_of_the_priority(desk: Desk) -> None:
    submitted(desk, "a", 4, priority=5)
    moved = [*submitted(desk, "b", 2), *submitted(desk, "c", 1)]
    assert desk.ledger.prioritise(moved, 5, batch_id=None)[0] == 3
    assert line(desk) == list("aabcaba")


def test_message_of_a_retry_that_is_due_is_moved_too(desk: Desk) -> None:
    due, _ = jobs = submitted(desk, "a", 2)
    for claim, delay in zip(take(desk, 2), (0, 60_000), strict=True):
        desk.ledger.fail(claim, Failure("E", "e", "", permanent=False), delay_ms=delay)
    changed, messages = desk.ledger.prioritise(jobs, 5, batch_id=None)
    assert (changed, [message.job_id for message in messages]) == (2, [due])


def test_only_jobs_that_wait_are_prioritised(installation: Installation, desk: Desk) -> None:
    batch = photoqueue.submit_photos([picture(n) for n in range(4)], priority=0)
    running, failing, done, _ = batch
    desk.lead(UUID(running.id), JobState.ACTIVE)
    desk.lead(UUID(failing.id), JobState.DELAYED)
    desk.lead(UUID(done.id), JobState.COMPLETED)
    assert photoqueue.prioritise(batch, 7) == 2
    assert [job.poll().priority for job in batch] == [0, 7, 0, 7]
    for job, state in ((running, "active"), (done, "completed")):
        with pytest.raises(StateError, match=f"does not wait: it is {state}"):
            photoqueue.prioritise(job, 7)
    with pytest.raises(PayloadError, match="priority"):
        photoqueue.prioritise(batch, 5000)


def test_photos_added_to_a_prioritised_batch_have_its_priority(desk: Desk) -> None:
    batch = photoqueue.open_batch(project_id="m1", group="office")
    (first,) = batch.add([picture(1)])
    photoqueue.prioritise(batch, 20)
    (second,) = batch.add([picture(2)])
    assert [job.poll().priority for job in (first, second)] == [20, 20]
    groups = desk.rows("SELECT DISTINCT group_name FROM jobs")
    assert groups == [{"group_name": "office"}]


def test_prioritise_in_the_shell(run: Callable[..., Any], installation: Installation) -> None:
    batch = photoqueue.submit_photos([picture(n) for n in range(3)])
    told = run("prioritise", "--batch", batch.id, "--priority", "20")
    assert told.out == "3 jobs given priority 20.\n"
    assert "had it already" in run("prioritise", "--batch", batch.id, "--priority", "20").out
    assert {job.poll().priority for job in batch} == {20}
    first = next(iter(batch)).id
    assert '"prioritised": 0' in run("prioritise", first, "--priority", "20", "--json").out
    assert "from -1000 to 1000" in run("prioritise", first, "--priority", "2000").err
    assert run("prioritise", "--priority", "2").code == 2


def test_group_is_given_wherever_jobs_are_submitted(
    run: Callable[..., Any], desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "salon.jpg"
    path.write_bytes(picture(9))
    photo(1, group="g1")
    photoqueue.submit_photos([picture(2)], group="g2", project_id="m1")
    photoqueue.submit_inventory("m1", group="g3")
    photoqueue.submit(FLOOR_PLAN, {"project_id": "m1"}, group="g4")
    assert run("submit", str(path), "--group", "g5", "--priority", "3").code == 0
    found = desk.rows("SELECT group_name, priority FROM jobs ORDER BY job_id")
    assert [tuple(row.values()) for row in found] == [
        ("g1", 10),
        ("g2", 0),
        ("g3", 10),
        ("g4", 10),
        ("g5", 3),
    ]
    with pytest.raises(PayloadError, match="group is empty"):
        photo(2, group=" ")


# --- the whole system --------------------------------------------------------


def test_a_few_jobs_are_done_before_many_that_came_first(
    installation: Installation,
    desk: Desk,
    start_worker: Callable[..., Worker],
    settings: Any,
) -> None:
    """Through killed workers, an emptied Redis and retries."""
    installation.know(FLOOR_PLAN)
    many = [plan(f"a-{n}", "a", scale=13 if n % 7 == 0 else -1) for n in range(5_000)]
    accepted = desk.accept(*many, batch=NewBatch(batch_id="all of a", user_id="a"))
    installation.broker.enqueue(Message(FLOOR_PLAN, job.job_id, turn=job.turn) for job in accepted)
    of_user = "SELECT count(*) AS n FROM jobs WHERE user_id = %s AND state = 'completed'"

    def done(user: str) -> int:
        return desk.rows(of_user, user)[0]["n"]

    own = settings.model_copy(update={"backoff_delay": 300, "lease_seconds": 3.0})
    environment = {"PHOTOQUEUE_JOB_TYPES": "tests.own_type:FLOOR_PLAN"}
    worker = start_worker("--concurrency", "2", settings=own, **environment)
    eventually(lambda: done("a") >= 10, worker=worker)
    few = [
        photoqueue.submit(
            FLOOR_PLAN, {"project_id": f"b-{n}", "scale": -1}, user_id="b", priority=0
        )
        for n in range(20)
    ]
    before = done("a")
    storage = installation.broker._storage(FLOOR_PLAN)
    storage.conn.delete(storage.queue_key)
    eventually(lambda: done("b") >= 3, worker=worker)
    worker.kill_group()
    worker = start_worker("--concurrency", "2", settings=own, **environment)
    eventually(lambda: done("b") == 20, worker=worker)
    assert done("a") - before < 200
    # One that was held together with others when its worker was killed is `released`.
    attempts = desk.rows("SELECT outcome, error_type FROM job_attempts")
    assert {"error", "worker_lost"} <= {value for row in attempts for value in row.values()}
    assert {job.poll().state for job in few} == {JobState.COMPLETED}
    photoqueue.cancel(photoqueue.batch("all of a"))


def plan(project: str, user: str, scale: int) -> NewJob:
    return make_job(
        job_key=f"floor-plan-{project}",
        queue=FLOOR_PLAN,
        payload_json=f'{{"project_id": "{project}", "scale": {scale}}}',
        user_id=user,
        photo_id=None,
        sha256=None,
    )
