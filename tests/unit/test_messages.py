"""The wire: small JSON, the same bytes for the same job, and everything else refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from uuid import UUID

import pytest
from huey.registry import Message as HueyMessage
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.errors import MessageRefusedError
from photoqueue.jobs import job_types
from photoqueue.queue.broker.queues import (
    MAX_MESSAGE_BYTES,
    JsonSerializer,
    decode,
    encode,
    task_name,
)

JOB = UUID("01a209ce-dc1e-7676-951f-0a77b04d212b")
NAMES = sorted(map(task_name, job_types()))


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_task_names_on_the_wire_never_change() -> None:
    assert NAMES == [
        "photoqueue.broker.tasks.inventory_sync",
        "photoqueue.broker.tasks.photo_analyze",
    ]


@given(job_id=st.uuids(), name=st.sampled_from(NAMES))
def test_message_comes_back_as_it_went(job_id: UUID, name: str) -> None:
    assert decode(encode(job_id, name)) == (job_id, name)


@given(job_id=st.uuids(), name=st.sampled_from(NAMES))
def test_message_is_small_json(job_id: UUID, name: str) -> None:
    data = encode(job_id, name)
    assert json.loads(data) == {"id": str(job_id), "name": name}
    assert len(data) < 120


@given(job_id=st.uuids(), name=st.sampled_from(NAMES))
def test_same_job_gives_the_same_bytes_through_huey_too(job_id: UUID, name: str) -> None:
    serializer = JsonSerializer()
    message = HueyMessage(id=str(job_id), name=name)
    data = serializer.serialize(message)
    assert data == encode(job_id, name) == serializer.serialize(message)
    assert (serializer.deserialize(data).id, serializer.deserialize(data).name) == (
        str(job_id),
        name,
    )


GOOD = encode(JOB, NAMES[0])
FORGED = {
    "empty": b"",
    "half": GOOD[: len(GOOD) // 2],
    "text behind it": GOOD + b"x",
    "not JSON": b"hello",
    "not UTF-8": b'{"id":"\xff\xfe","name":"x"}',
    "pickle of a message": pickle.dumps(HueyMessage(id=str(JOB), name=NAMES[0])),
    "array": json.dumps([str(JOB), NAMES[0]]).encode(),
    "number": b"17",
    "null": b"null",
    "NaN": b"NaN",
    "text": json.dumps(str(JOB)).encode(),
    "no name": json.dumps({"id": str(JOB)}).encode(),
    "no id": json.dumps({"name": NAMES[0]}).encode(),
    "id is a number": json.dumps({"id": 17, "name": NAMES[0]}).encode(),
    "id is a list": json.dumps({"id": [str(JOB)], "name": NAMES[0]}).encode(),
    "id is no UUID": json.dumps({"id": "../../etc/passwd", "name": NAMES[0]}).encode(),
    "unknown task": json.dumps({"id": str(JOB), "name": "os.system"}).encode(),
    "name is a list": json.dumps({"id": str(JOB), "name": [NAMES[0]]}).encode(),
    "name is an object": json.dumps({"id": str(JOB), "name": {}}).encode(),
    "more keys": json.dumps({"id": str(JOB), "name": NAMES[0], "args": ["rm"]}).encode(),
    "huge": json.dumps({"id": str(JOB), "name": "x" * 10_000_000}).encode(),
    "huge number": b'{"id":' + b"9" * 500 + b',"name":1}',
    "nested within the limit": b"[" * MAX_MESSAGE_BYTES,
    "nested without end": b"[" * 1_000_000,
    "nested objects": b'{"id":' * 80,
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in FORGED.items()])
def test_forged_message_is_refused(data: bytes) -> None:
    with pytest.raises(MessageRefusedError) as caught:
        decode(data)
    # Whoever wrote it does not get to fill the log.
    assert len(str(caught.value)) < 400


def test_pickle_is_refused_unopened(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    with pytest.raises(MessageRefusedError):
        decode(pickle.dumps(Bomb(trace)))
    assert not trace.exists()


@given(st.binary(max_size=700))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(MessageRefusedError):
        decode(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(str(JOB)),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "name", "x"]), inner),
)


@given(json_values)
def test_arbitrary_json_raises_nothing_else(value: object) -> None:
    with pytest.raises(MessageRefusedError):
        decode(json.dumps(value).encode())
