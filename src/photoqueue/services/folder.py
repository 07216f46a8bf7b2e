"""The folder of the embedded servers: ``PHOTOQUEUE_HOME/services``.

::

    services/            0700, owned by the account that runs the servers
    ├── lock             held while servers are started or stopped
    ├── run/             the two sockets; or, where this path is too long for a socket:
    ├── socket-folder    the name of a private folder in the temporary directory
    ├── postgres/        data/  server.log  alive
    └── redis/           data/  server.log  alive
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.errors import ConfigurationError, ServiceError
from photoqueue.files import explained, make_private, open_lock, open_private, try_lock
from photoqueue.services.process import Account, account_for, until

#: Bytes of a socket's path: 103 on macOS, 107 on Linux.
LONGEST_SOCKET_PATH: Final = 103
#: Seconds to wait for another process that starts or stops the servers of this home.
LOCK_SECONDS: Final = 180.0

_LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
# Other characters would need different quoting in URLs, in libpq's list of hosts (comma) and in
# server settings: sockets of such a home are put in the temporary directory.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._ ~+=-]+")


def fits_sockets(folder: Path) -> bool:
    """Whether the folder's path can be used for sockets and in URLs."""
    length = len(os.fsencode(folder / _LONGEST_SOCKET_NAME))
    return length <= LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(folder)) is not None


@dataclass(frozen=True)
class ServiceFolder:
    """Paths, ownership and the lock of one home's servers."""

    root: Path

    @classmethod
    def of(cls, home: Path) -> ServiceFolder:
        """Return the folder of ``home``; creates nothing.

        Symbolic links are resolved, so that two names of one home share its servers.
        """
        return cls(home.resolve() / "services")

    @property
    def home(self) -> Path:
        """The data directory that contains this folder."""
        return self.root.parent

    def exists(self) -> bool:
        """Whether a server was ever started in this home."""
        with self.explained():
            return self.root.exists()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock out other processes that start or stop servers of this home."""
        with self.explained():
            make_private(self.home)
            self.root.mkdir(mode=0o700, exist_ok=True)
            descriptor = open_lock(self.root / "lock")
        try:
            if not until(lambda: try_lock(descriptor), time.monotonic() + LOCK_SECONDS):
                raise ServiceError(
                    f"Another process has been starting or stopping the servers of {self.home} "
                    f"for {LOCK_SECONDS:.0f} s. Find it with `lsof {self.root / 'lock'}` and end "
                    "it."
                )
            try:
                yield
            finally:
                # Explicitly: a process forked meanwhile holds a copy of the descriptor.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def prepare(self) -> Account | None:
        """Create the folders of the servers; return the account that they run as.

        Call it within :meth:`exclusive`.
        """
        with self.explained():
            account = account_for(self.root)
            self.root.chmod(0o700)
            if account:
                account.own(self.root)
            if self.sockets() is None:
                self._make_sockets(account)
        return account

    def make_private(self, path: Path, account: Account | None) -> None:
        """Create a folder that only the account of the servers can enter."""
        with self.explained():
            path.mkdir(mode=0o700, exist_ok=True)
            path.chmod(0o700)
            if account:
                account.own(path)

    def sockets(self) -> Path | None:
        """Return the folder of the sockets; ``None`` if there is no trustworthy one."""
        folder = self.root / "run"
        try:
            if not fits_sockets(folder):
                folder = Path(self._record.read_text())
            state = folder.lstat()
            private = (
                stat.S_ISDIR(state.st_mode)
                and not state.st_mode & 0o077
                and state.st_uid == self.root.stat().st_uid
            )
        except OSError:
            return None
        return folder if private else None

    def remove_sockets(self) -> None:
        """Remove a socket folder in the temporary directory, after the servers have stopped."""
        folder = self.sockets()
        if folder is not None and folder.parent != self.root:
            shutil.rmtree(folder, ignore_errors=True)
            self._record.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self.root / "socket-folder"

    def _make_sockets(self, account: Account | None) -> None:
        folder = self.root / "run"
        if fits_sockets(folder):
            self.make_private(folder, account)
            return
        # mkdtemp, because another user could have prepared a folder of a fixed name in /tmp.
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:8]
        place = _temporary_directory(account)
        folder = Path(tempfile.mkdtemp(prefix=f"photoqueue-{name}-", dir=place))
        if account:
            account.own(folder)
        draft = self._record.with_suffix(".new")
        with open_private(draft, "w") as record:
            record.write(os.fsencode(folder))
        draft.replace(self._record)

    def explained(self) -> AbstractContextManager[None]:
        """Translate file system errors into errors that name the setting to change."""
        return explained(f"The data directory {self.home} cannot be used")


def _temporary_directory(account: Account | None) -> Path:
    for place in (Path(tempfile.gettempdir()).resolve(), Path("/tmp")):
        reached = account is None or account.reaches(place)
        if reached and fits_sockets(place / "photoqueue-01234567-01234567"):
            return place
    raise ConfigurationError(
        "No folder that the servers can reach has a path short enough for a Unix socket. Set "
        "TMPDIR or PHOTOQUEUE_HOME to a folder with a shorter path."
    )
