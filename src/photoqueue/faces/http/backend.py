"""What all addresses of the HTTP API share: settings, threads, and reads made for many."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Request

from photoqueue.client.observe import Stats, StatsReader
from photoqueue.client.pages import change_mark
from photoqueue.client.system import Check, readiness
from photoqueue.faces.http.answers import QueueCounts, QueuesAnswer
from photoqueue.faces.http.calls import Calls, Gate, SharedRead
from photoqueue.settings import Settings

#: Photos that may be coming in at a time: each may fill as much of the disk as the limit says.
MAX_UPLOADS: Final = 16
#: Batches that may be followed at a time.
MAX_STREAMS: Final = 100


class Backend:
    """What one running API has.

    Attributes
    ----------
    queues : SharedRead of bytes
        The counts of all queues, as JSON.
    stopping : asyncio.Event
        Set when the server ends, so that what follows a batch ends too.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate()
        self.calls = Calls(self.gate)
        # In a thread of its own: counting must not wait behind a slow search.
        self._watching = Calls(self.gate, threads=2)
        self._stats = StatsReader()
        self.queues = SharedRead(self._read_queues)
        self.mark = SharedRead(self._read_mark, stale_seconds=0.5)
        self.readiness = SharedRead(self._read_readiness, fresh_seconds=0.5)
        self.stopping = asyncio.Event()
        self.uploads = Slots(MAX_UPLOADS)
        self.streams = Slots(MAX_STREAMS)

    def changed(self) -> None:
        """Say that this server changed something: whoever asks next is shown it."""
        self.queues.forget()
        self.mark.forget()

    async def _read_queues(self) -> bytes:
        counted = await self._watching(self._stats)
        answer = QueuesAnswer(queues=_counts(counted), timestamp=datetime.now(UTC))
        return answer.model_dump_json(by_alias=True).encode()

    async def _read_mark(self) -> str:
        return await self._watching(change_mark)

    async def _read_readiness(self) -> list[Check]:
        # Not through the gate: what is wrong there is just what this tells.
        return await asyncio.to_thread(readiness)


class Slots:
    """Counts what goes on at a time, up to a limit."""

    def __init__(self, number: int) -> None:
        self._free = number

    def take(self) -> bool:
        """Take a slot; False when none is free."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Free a slot that was taken."""
        self._free += 1


def _counts(counted: Stats) -> list[QueueCounts]:
    return [
        QueueCounts.model_validate({**asdict(queue), "total": queue.total})
        for queue in counted.values()
    ]


async def _of(request: Request) -> Backend:
    found: Backend = request.app.state.backend
    return found


#: The backend, as a parameter of an address's function.
TheBackend = Annotated[Backend, Depends(_of)]
