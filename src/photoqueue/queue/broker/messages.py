"""The wire format of messages: short JSON, never pickle."""

from __future__ import annotations

import json
import re
from typing import Final
from uuid import UUID

from huey.registry import Message as HueyMessage
from huey.serializer import Serializer

from photoqueue.errors import MessageRefusedError

#: Prefix of task names on the wire. It is fixed, since queued messages carry it.
_TASKS: Final = "photoqueue.broker.tasks."
_TASK_NAME: Final = re.compile(rf"{re.escape(_TASKS)}[a-z][a-z0-9]*(_[a-z0-9]+)*")

#: Longer messages are refused without parsing; a genuine one has about a hundred bytes.
MAX_MESSAGE_BYTES: Final = 512
_SHOWN_BYTES: Final = 60


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey is untyped
    """A Huey serializer for JSON of the form ``{"id": …, "name": …}``.

    A job always gives the same bytes, so that enqueueing it twice leaves one message in a Redis
    sorted set.
    """

    def serialize(self, data: HueyMessage) -> bytes:
        """Turn a message into bytes."""
        return encode(UUID(data.id), data.name)

    def deserialize(self, data: bytes) -> HueyMessage:
        """Turn bytes into a message.

        Raises
        ------
        MessageRefusedError
            The bytes are not a message that photoqueue wrote.
        """
        job_id, name = decode(data)
        return HueyMessage(id=str(job_id), name=name, args=(job_id,), kwargs={})


def task_name(queue: str) -> str:
    """Return the task name of a queue on the wire; must not change, as queued messages carry it.

    Examples
    --------
    >>> task_name("photo-analyze")
    'photoqueue.broker.tasks.photo_analyze'
    """
    return _TASKS + queue.replace("-", "_")


def encode(job_id: UUID, name: str) -> bytes:
    """Write a message."""
    return b'{"id":"%s","name":"%s"}' % (str(job_id).encode(), name.encode())


def decode(data: bytes) -> tuple[UUID, str]:
    """Read a message: the job id and the task name.

    Raises
    ------
    MessageRefusedError
        The bytes are not a message that photoqueue wrote.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise _refused(data, f"{len(data)} bytes long")
    try:
        message = json.loads(data)
        job_id, name = UUID(message["id"]), message["name"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _refused(data, "not a job message in JSON") from None
    if len(message) != 2 or not isinstance(name, str) or not _TASK_NAME.fullmatch(name):
        raise _refused(data, "of an unknown task")
    return job_id, name


def _refused(data: bytes, reason: str) -> MessageRefusedError:
    shown = repr(data[:_SHOWN_BYTES]) + ("…" if len(data) > _SHOWN_BYTES else "")
    return MessageRefusedError(f"Refused a broker message that is {reason}: {shown}")
