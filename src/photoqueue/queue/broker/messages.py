"""The wire form of a message: a few bytes of JSON, never a pickle."""

from __future__ import annotations

import json
import re
from typing import Final
from uuid import UUID

from huey.registry import Message as HueyMessage
from huey.serializer import Serializer

from photoqueue.errors import MessageRefusedError

#: How the names of tasks begin on the wire: where they were when the first message was written.
_TASKS: Final = "photoqueue.broker.tasks."
_TASK_NAME: Final = re.compile(rf"{re.escape(_TASKS)}[a-z][a-z0-9]*(_[a-z0-9]+)*")

#: A genuine message has about a hundred bytes; nothing longer is even parsed.
MAX_MESSAGE_BYTES: Final = 512
_SHOWN_BYTES: Final = 60


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey is untyped
    """Huey's serializer contract, over JSON of the form ``{"id": …, "name": …}``.

    The same job gives the same bytes each time, so that enqueueing a job twice leaves
    one message in a Redis sorted set.
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
    """Name the task of a queue on the wire; never to change, since queued messages carry it.

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
