"""Health of a worker, and the ports that report it: ``/healthz`` and ``/metrics``.

A worker process checks its queue every two seconds, even when the queue is empty; a process
that is frozen, or stuck in a call, does not. So the probe needs no server: a worker is healthy if
each process has checked its queue recently or has been at its job no longer than the time limit
allows, and if the supervisor still does its rounds. Processes that wait for PostgreSQL or Redis do
not count as unhealthy: a restart would not bring the servers back.

The ports use the standard library's server, which is enough for a few requests a minute. Both can
be on one port. `deploy/` probes them in Kubernetes and Docker; under systemd, use a timer, as
``Restart=always`` alone only notices that a process has ended, not that it is frozen.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from photoqueue.addresses import listen, origin
from photoqueue.errors import PhotoqueueError
from photoqueue.words import JobType

if TYPE_CHECKING:
    from photoqueue.worker.crew import Child, Crew

logger = logging.getLogger(__name__)

#: Seconds that a process may take to become ready, mostly to load its model.
START_SECONDS: Final = 120.0
#: Shortest silence that counts, in seconds: a slow broker can keep a process waiting for three.
MIN_SILENCE_SECONDS: Final = 5.0
#: Seconds into a round of the supervisor, which only asks the servers, from which they count as
#: away; and those that it may take, as each question has a limit.
_SLOW_SECONDS: Final = 2.0
_ROUND_SECONDS: Final = 300.0
#: Seconds that the supervisor has to kill a process whose job exceeded the time limit.
_OVERTIME: Final = 10.0


class QueuePulse(NamedTuple):
    """The processes of one queue: how many take jobs, and how many of them work on one.

    ``fetched_s`` is the seconds since one last checked the queue; None before the first time.
    """

    queue: JobType
    ready: int
    busy: int
    fetched_s: float | None


class Pulse:
    """Checks whether the supervisor and its processes make progress.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        *,
        queues: Sequence[JobType],
        crew: Crew,
        lease_seconds: float,
        job_timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queues = tuple(queues)
        self._crew = crew
        self._silence = max(lease_seconds, MIN_SILENCE_SECONDS)
        self._job_limit = job_timeout_seconds + _OVERTIME
        self._clock = clock
        self._beat_at = clock()
        self._asking = False
        #: When each queue last had a process that takes jobs.
        self._served_at = dict.fromkeys(self._queues, self._beat_at)
        self.servers_away = False

    def beat(self) -> None:
        """Note that the supervisor begins a round."""
        now = self._clock()
        for queue in self._queues:
            if self._crew.has_ready(queue):
                self._served_at[queue] = now
        self._beat_at, self._asking = now, True

    def rest(self) -> None:
        """Note that the supervisor has ended a round."""
        self._asking = False

    def problems(self) -> list[str]:
        """Describe what is stuck; empty if the worker is healthy."""
        now = self._clock()
        found = list(self._stuck(now))
        still = now - self._beat_at
        if still > (_ROUND_SECONDS if self._asking else self._silence):
            found.insert(0, f"the supervisor has not done a round for {still:.0f} s")
        return found

    def queues(self) -> list[QueuePulse]:
        """Return the state of the processes of each queue."""
        now = self._clock()
        found = []
        for queue in self._queues:
            boards = [child.board for child in self._crew.of(queue) if child.board.ready]
            busy = sum(board.busy_since > 0 for board in boards)
            looked = max((board.looked_at for board in boards), default=None)
            silent = None if looked is None else max(now - looked, 0.0)
            found.append(QueuePulse(queue, len(boards), busy, silent))
        return found

    def _stuck(self, now: float) -> Iterator[str]:
        for queue in self._queues:
            unserved = now - self._served_at[queue]
            if unserved > START_SECONDS:
                yield f"no process for {queue} has taken jobs for {unserved:.0f} s"
            for child in self._crew.of(queue):
                yield from self._of_child(child, now)

    def _of_child(self, child: Child, now: float) -> Iterator[str]:
        busy_since = child.board.busy_since
        unanswered = self._asking and now - self._beat_at > _SLOW_SECONDS
        if not child.board.ready or self.servers_away or unanswered:
            return
        name = f"process {child.process.pid} for {child.queue}"
        if busy_since:
            busy = now - busy_since
            if busy > self._job_limit:
                yield f"{name} has been at one job for {busy:.0f} s"
            return
        silent = now - child.board.looked_at
        if silent > self._silence:
            yield f"{name} has not looked for jobs for {silent:.0f} s"


#: Status, media type and body of an answer.
Answer = tuple[int, str, bytes]
#: Seconds within which each part of a request must arrive.
_REQUEST_SECONDS: Final = 5.0
#: Most open connections, each of which takes a thread.
_MOST_CONNECTIONS: Final = 64
_TEXT: Final = "text/plain; charset=utf-8"


class Probe:
    """Answers ``GET`` requests on a few paths, in threads.

    Parameters
    ----------
    host, port
        Address to listen on; port 0 takes a free port.
    answers
        For each path, the function that returns its answer.

    Raises
    ------
    ConfigurationError
        The address cannot be used.
    """

    def __init__(self, host: str, port: int, answers: Mapping[str, Callable[[], Answer]]) -> None:
        listening = listen(
            host, port, host_option="--listen", port_option="--health-port or --metrics-port"
        )
        self._server = _Server(listening, answers)
        self.port: int = listening.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        )
        self._thread.start()
        logger.info("answering %s on %s", " and ".join(answers), origin(host, self.port))

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def health_answer(problems: list[str], *, waiting: bool = False) -> Answer:
    """Return the answer of ``/healthz``: 200, also while it waits for servers, or 503 if stuck."""
    status = "stuck" if problems else "waiting" if waiting else "alive"
    body = {"status": status, "problems": problems}
    return 503 if problems else 200, "application/json", json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket, answers: Mapping[str, Callable[[], Answer]]):
        self.answers = answers
        self._newest: deque[socket.socket] = deque(maxlen=_MOST_CONNECTIONS)
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; the oldest of too many connections ends, as it is no probe."""
        if len(self._newest) == _MOST_CONNECTIONS:
            with suppress(OSError):  # it has ended
                self._newest[0].shutdown(socket.SHUT_RDWR)
        self._newest.append(request)
        super().process_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        """Ignore a client that closed the connection early."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_SECONDS
    server_version = "photoqueue"
    sys_version = ""

    def do_GET(self) -> None:
        status, media_type, content = _answer(self.server.answers, self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Keep probes out of the log."""


def _answer(answers: Mapping[str, Callable[[], Answer]], path: str) -> Answer:
    if path not in answers:
        known = " and ".join(answers)
        return 404, _TEXT, f"There is nothing here; there is {known}.\n".encode()
    try:
        return answers[path]()
    except PhotoqueueError as exc:
        return 503, _TEXT, f"{exc}\n".encode()
