"""Anything in a queue of the broker: refused and gone, or a job's id; what is behind it arrives."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from photoqueue.errors import MessageRefusedError
from photoqueue.jobs import PHOTO_ANALYZE, job_types
from photoqueue.queue.broker.queues import encode, task_name
from photoqueue.queue.ids import new_uuid
from tests.fuzz.effort import tried

QUEUE = PHOTO_ANALYZE
_near_misses = st.builds(
    lambda job, name, extra: json.dumps({"id": job, "name": name, **extra}).encode(),
    st.uuids().map(str) | st.text() | st.integers() | st.none() | st.lists(st.text()),
    st.sampled_from(sorted(map(task_name, job_types())))
    | st.text()
    | st.none()
    | st.lists(st.text()),
    st.dictionaries(st.text(), st.none() | st.text(), max_size=2),
)
_genuine = st.uuids().map(lambda job: encode(job, task_name(QUEUE)))
_mutated = st.tuples(_genuine, st.integers(0, 200), st.binary(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + len(parts[2]) :]
)


@tried(60)
@given(
    messages=st.lists(
        st.binary(max_size=700) | _near_misses | _mutated, min_size=1, max_size=8, unique=True
    )
)
def test_whatever_is_in_a_queue_is_refused_or_an_id(installation, messages: list[bytes]) -> None:
    broker = installation.broker
    storage = broker._storage(QUEUE)
    # As redis-cli would put it there: with and without the eight bytes that order messages.
    members = {message: -5 for message in messages} | {b"12345678" + m: -4 for m in messages}
    storage.conn.zadd(storage.queue_key, members)
    genuine = new_uuid()
    storage.conn.zadd(storage.queue_key, {b"12345678" + encode(genuine, task_name(QUEUE)): 5})
    taken = []
    for _ in range(len(members) + 1):
        try:
            taken.append(broker.take(QUEUE))
        except MessageRefusedError as error:
            assert len(str(error)) < 400
    assert all(isinstance(job, UUID) for job in taken)
    assert taken[-1] == genuine
    assert broker.size(QUEUE) == 0


@tried(30)
@given(
    scores=st.lists(st.floats(allow_nan=False), min_size=1, max_size=5),
    messages=st.lists(_genuine | _near_misses | st.binary(max_size=20), max_size=5, unique=True),
)
@example(scores=[float("-inf"), float("inf"), 1e308], messages=[])
def test_whatever_priority_is_forged_the_next_jobs_are_taken(
    installation, scores: list[float], messages: list[bytes]
) -> None:
    broker = installation.broker
    storage = broker._storage(QUEUE)
    genuine = {new_uuid(): score for score in scores}
    forged = {b"12345678" + data: -1.0 for data in messages}
    storage.conn.zadd(storage.queue_key, forged | {member(job): s for job, s in genuine.items()})
    refused: list[MessageRefusedError] = []
    taken = broker.take_next(QUEUE, [], 100, refused=refused.append)
    assert genuine.keys() <= {message.job_id for message in taken}
    assert len(taken) + len(refused) == len(scores) + len(forged)
    # A stopping process gives back what it has taken.
    assert broker.enqueue(taken) == len({message.job_id for message in taken})
    broker.discard(taken)
    assert broker.size(QUEUE) == 0


def member(job: UUID) -> bytes:
    return b"12345678" + encode(job, task_name(QUEUE))


@pytest.mark.chaos
def test_forged_messages_are_counted_and_run_nothing(installation, start_worker, tmp_path) -> None:
    from tests.conftest import eventually, submit

    broker = installation.broker
    storage = broker._storage(QUEUE)
    owned = tmp_path / "owned"
    forged = [
        b"cos\nsystem\n(S'touch %s'\ntR." % str(owned).encode(),
        json.dumps({"id": str(new_uuid()), "name": "os.system"}).encode(),
        json.dumps([["id", str(new_uuid())]]).encode(),
        bytes(range(256)),
    ]
    storage.conn.zadd(storage.queue_key, {b"12345678" + data: -9 for data in forged})
    # Of a job that does not exist: a genuine message, and nothing to claim.
    unknown = encode(new_uuid(), task_name(QUEUE))
    storage.conn.zadd(storage.queue_key, {b"12345678" + unknown: -9})
    start_worker("--queue", str(QUEUE), "--concurrency", "1")
    assert submit("salon-1").result(120).items

    def refused() -> int:
        import photoqueue

        return photoqueue.stats()[str(QUEUE)].refused_messages

    eventually(lambda: refused() == len(forged))
    assert not owned.exists()
