"""PgBouncer in transaction mode before PostgreSQL: each transaction runs on any connection."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from photoqueue.services import process
from photoqueue.services.process import account_for
from photoqueue.services.programs import DATABASE

_PORT: Final = 5432
_START_SECONDS: Final = 10.0
_PROGRAM: Final = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def no_pooler() -> str:
    """Why there can be no pooler; empty where there can."""
    return "" if _PROGRAM else "there is no pgbouncer: apt install pgbouncer"


class Pooler:
    """One PgBouncer; its socket is in a folder of its own.

    Parameters
    ----------
    size
        Sessions of PostgreSQL that all clients share: fewer than there are clients.
    """

    def __init__(self, size: int = 6) -> None:
        self._size = size
        self.folder = Path(tempfile.mkdtemp(prefix="pq-"))
        self._account = account_for(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str) -> None:
        """Pass statements on to the PostgreSQL at an address, or with its socket in a folder."""
        if self._process is not None and self._process.poll() is None:
            return
        config = self.folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={address} port={_PORT} user={DATABASE}\n"
            f"[pgbouncer]\nunix_socket_dir = {self.folder}\nlisten_port = {_PORT}\n"
            f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {self._size}\n"
            f"max_client_conn = 400\nlogfile = {self.folder}/log\n"
            "ignore_startup_parameters = extra_float_digits,options\n"
            # Else it tries a server that was away again after 15 s.
            "server_login_retry = 1\n"
        )
        listening = self.folder / f".s.PGSQL.{_PORT}"
        listening.unlink(missing_ok=True)  # of one that was killed
        options: dict[str, Any] = {}
        if self._account:
            self._account.own(self.folder)
            options = {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}
        config.chmod(0o644)
        self._process = subprocess.Popen(
            [str(_PROGRAM), "-q", str(config)], cwd=self.folder, stdin=subprocess.DEVNULL, **options
        )
        if not process.until(listening.exists, time.monotonic() + _START_SECONDS):
            raise RuntimeError(f"PgBouncer does not listen on {listening}")

    def close(self) -> None:
        """Cut all connections for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Cut all connections at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
