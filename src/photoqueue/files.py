"""Files that processes share: locks, and what to do when a folder cannot be written to."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photoqueue.errors import ConfigurationError


def open_lock(path: Path) -> int:
    """Open a lock file; refuses a symbolic link.

    Never remove the file: two processes could then lock two files of one name. The kernel
    releases the lock of a process that is killed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        # Root may work on the home of a user, who must be able to open the file later.
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def try_lock(descriptor: int, *, shared: bool = False, wait: bool = False) -> bool:
    """Take the lock if it is free, or wait for it; return whether it was taken."""
    import fcntl  # not on Windows

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def explained(problem: str) -> Iterator[None]:
    """Translate errors of the file system into one that names the setting to change."""
    try:
        yield
    except OSError as exc:
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        file = f" ({exc.filename})" if exc.filename else ""
        advice = "Free some space there, or set" if full else "Set"
        raise ConfigurationError(
            f"{problem}: {exc.strerror or exc}{file}. {advice} PHOTOQUEUE_HOME to a folder that "
            "you can write to."
        ) from exc
