"""What the routes of the HTTP API share: settings, threads, and cached reads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final, Generic, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from photoqueue.client.metrics import RecentMetrics
from photoqueue.client.observe import ask, stats
from photoqueue.client.system import readiness
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.http.answers import QueuesAnswer
from photoqueue.faces.http.connections import Places
from photoqueue.faces.http.metrics import exposition, installation_metrics
from photoqueue.faces.http.problems import busy
from photoqueue.installation import current
from photoqueue.queue.pages import change_mark
from photoqueue.queue.tokens import live_tokens
from photoqueue.settings import Settings

Given = ParamSpec("Given")
Found = TypeVar("Found")

#: Concurrent calls; fewer than the connections of an installation (10), so that none has to wait
#: for one.
_THREADS: Final = 8
#: Calls that may wait for a thread; more are refused with 503.
_WAITING: Final = 256
#: Seconds during which a failed opening of the installation is not repeated.
_PAUSE_SECONDS: Final = 1.0


class Gate:
    """Opens the installation once for all calls.

    While its servers are down, one call per second tries to open it; the others get the error at
    once instead of waiting for a time-out each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._error: PhotoqueueError | None = None
        self._until = 0.0

    def pass_through(self) -> None:
        """Return when the installation is open.

        Raises
        ------
        PhotoqueueError
            It cannot be opened.
        """
        with self._lock:
            if self._error is not None and time.monotonic() < self._until:
                raise self._error.with_traceback(None)
            try:
                current()
            except PhotoqueueError as exc:
                self._error, self._until = exc, time.monotonic() + _PAUSE_SECONDS
                raise
            self._error = None


class Calls:
    """Runs functions in a limited number of threads.

    Examples
    --------
    >>> await calls(job_story, job_id)  # doctest: +SKIP
    """

    def __init__(
        self, gate: Gate | None = None, *, threads: int = _THREADS, waiting: int = _WAITING
    ) -> None:
        self._gate = gate or Gate()
        self._threads = threads
        self._most = threads + waiting
        self._running = 0
        self._limiter: CapacityLimiter | None = None

    async def __call__(
        self, function: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs
    ) -> Found:
        """Run a function in a thread.

        Raises
        ------
        ProblemError
            Too many calls are waiting already.
        """
        if self._running >= self._most:
            raise busy("The server is overloaded. Try again in a moment.")
        if self._limiter is None:  # belongs to the event loop, which only runs now
            self._limiter = CapacityLimiter(self._threads)
        self._running += 1
        try:
            call = partial(self._through, partial(function, *args, **kwargs))
            return await to_thread.run_sync(call, limiter=self._limiter)
        finally:
            self._running -= 1

    def _through(self, call: Callable[[], Found]) -> Found:
        self._gate.pass_through()
        return call()


class SharedRead(Generic[Found]):
    """One read for all concurrent requests for the same value, reused for a short while.

    Parameters
    ----------
    read
        Reads the value.
    fresh_seconds
        Age in seconds from which the value is read again in the background.
    stale_seconds
        Age in seconds from which requests wait for a new value. Make it at least twice the duration
        of a read; otherwise every request would wait for one.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Found]],
        *,
        fresh_seconds: float = 0.25,
        stale_seconds: float = 1.0,
    ) -> None:
        self._read = read
        self._fresh, self._stale = fresh_seconds, stale_seconds
        self._task: asyncio.Task[None] | None = None
        #: The value, when its read began, and the number of changes before it.
        self._value: tuple[Found, float, int] | None = None
        self._took = 0.0
        self._changes = 0

    def forget(self) -> None:
        """Invalidate the value: later requests get only reads that begin after this call."""
        self._changes += 1

    async def get(self) -> Found:
        """Return the value, at most ``stale_seconds`` old.

        Raises
        ------
        PhotoqueueError
            The value could not be read.
        """
        needed, asked = self._changes, time.monotonic()
        while True:
            value = self._value
            if value is not None and value[2] >= needed:
                found, began, _ = value
                if asked - began > self._fresh:
                    self._begin()
                if asked - began <= max(self._stale, self._fresh + 2 * self._took):
                    return found
            await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[None]:
        """Return the running read; begin one if there is none."""
        # One that has just ended was begun before the change for which it is too old.
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(self._changes))
            self._task.add_done_callback(self._ended)
        return self._task

    async def _run(self, changes: int) -> None:
        began = time.monotonic()
        found = await self._read()
        self._took = time.monotonic() - began
        self._value = (found, began, changes)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        if not task.cancelled():
            task.exception()  # raised to waiting requests; the next request reads again


#: Concurrent uploads: each may use as much disk space as the photo limit.
_UPLOADS: Final = 32
#: Concurrent event streams.
_STREAMS: Final = 200


class ApiBackend:
    """State of one running API."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gate = Gate()
        self.calls = Calls(self.gate)
        # In its own thread: counting must not wait for a slow search.
        self._watching = Calls(self.gate, threads=2)
        #: The counts of all queues, as JSON.
        self.queues = SharedRead(self._read_queues)
        #: For what takes seconds of processor time.
        self.reports = Calls(self.gate, threads=2, waiting=16)
        #: For what decodes a picture: the largest that is taken needs 400 MiB while it does.
        self.pictures = Calls(self.gate, threads=2, waiting=64)
        self.mark = SharedRead(lambda: self._watching(ask, change_mark), stale_seconds=0.5)
        #: The named tokens by their digests: one that was withdrawn opens nothing a second later.
        self.tokens = SharedRead(lambda: self._watching(ask, live_tokens))
        # Not through the gate: this reports why it is closed.
        self.readiness = SharedRead(lambda: asyncio.to_thread(readiness), fresh_seconds=0.5)
        #: Set when the server shuts down; also ends event streams.
        self.stopping = asyncio.Event()
        self.uploads = Places(_UPLOADS)
        self.streams = Places(_STREAMS)
        # One scrape at a time; it does not wait for other requests.
        self._scrapes = Calls(self.gate, threads=1, waiting=8)
        self._recent = RecentMetrics()

    async def metrics(self) -> bytes:
        """Return the metrics of the whole installation in Prometheus format."""
        return await self._scrapes(lambda: exposition(*installation_metrics(self._recent())))

    def changed(self) -> None:
        """Invalidate shared reads after a change made through this server."""
        self.queues.forget()
        self.mark.forget()

    async def _read_queues(self) -> bytes:
        queues = tuple((await self._watching(stats)).values())
        answer = QueuesAnswer(queues=queues, timestamp=datetime.now(UTC))
        return answer.model_dump_json(by_alias=True).encode()


async def _backend(request: Request) -> ApiBackend:
    found: ApiBackend = request.app.state.backend
    return found


#: The backend as a parameter of route functions.
TheBackend = Annotated[ApiBackend, Depends(_backend)]
