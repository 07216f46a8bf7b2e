"""One process at a time fetches a model."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(file: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file; the kernel takes it back from a process that is killed.

    Parameters
    ----------
    file : pathlib.Path
        Made if it does not exist, and left behind: taking it away would let two processes
        hold locks on two files of one name.
    busy : callable
        Called once before waiting for another process.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            # Root may work on the home of a user, who must be able to open the file later.
            owner = file.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
