"""The ports of a worker: whether it works (``/healthz``), and what is measured (``/metrics``).

With the standard library's server: a worker needs no web framework, and answers a probe a few
times a minute. Both can be on one port.

A container or a Kubernetes pod is probed over HTTP (with ``--listen 0.0.0.0``)::

    livenessProbe:
      httpGet: {path: /healthz, port: 8081}
      periodSeconds: 10

Docker asks from inside, where loopback will do::

    HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/healthz')"

Under systemd a timer does the same; ``Restart=always`` in the unit alone only notices that a
process has ended, not that it has frozen.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from photoqueue.errors import ConfigurationError, PhotoqueueError

logger = logging.getLogger(__name__)

#: Status, media type and body of an answer.
Answer = tuple[int, str, bytes]
#: Seconds within which a request must have come in.
_REQUEST_SECONDS: Final = 5.0
_TEXT: Final = "text/plain; charset=utf-8"


class Probe:
    """Answers ``GET`` on a few paths, in threads beside the work.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    answers
        What each path is answered.

    Raises
    ------
    ConfigurationError
        The address cannot be listened on.
    """

    def __init__(self, host: str, port: int, answers: Mapping[str, Callable[[], Answer]]) -> None:
        try:
            self._server = _Server((host, port), _handler(answers))
        except (OSError, OverflowError) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            raise ConfigurationError(
                f"The worker cannot listen on {host} port {port}: {reason}. Choose another port "
                "(--health-port, --metrics-port), or another address with --listen."
            ) from exc
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
        )
        self._thread.start()
        logger.info("answering %s on http://%s:%d", " and ".join(answers), host, self.port)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def health_answer(problems: list[str]) -> Answer:
    """Return what ``/healthz`` is answered: 200, or 503 with what does not move."""
    body = {"status": "stuck" if problems else "alive", "problems": problems}
    return 503 if problems else 200, "application/json", json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore a client that went away in the middle of its answer."""


def _handler(answers: Mapping[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS
        server_version = "photoqueue"
        sys_version = ""

        def do_GET(self) -> None:
            self._send(body=True)

        def do_HEAD(self) -> None:
            self._send(body=False)

        def log_message(self, *_: Any) -> None:
            """Keep probes out of the log."""

        def _send(self, *, body: bool) -> None:
            status, media_type, content = _answer(answers, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

    return Handler


def _answer(answers: Mapping[str, Callable[[], Answer]], path: str) -> Answer:
    if path not in answers:
        known = " and ".join(answers)
        return 404, _TEXT, f"There is nothing here; there is {known}.\n".encode()
    try:
        return answers[path]()
    except PhotoqueueError as exc:
        return 503, _TEXT, f"{exc}\n".encode()
