"""Files of a home: private, some of them locks, and what to do when they cannot be written."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import BinaryIO, Final

from photoqueue.errors import ConfigurationError

#: Folders of a home that hold files of users; ``services`` is closed by who starts the servers.
_FOLDERS: Final = ("photos", "uploads", "logs", "models")


def open_private(path: Path, mode: str, *, group: bool = False) -> BinaryIO:
    """Open a file for bytes (``w``, ``x``, ``a``), a new one for its owner or also its group.

    Refuses a symbolic link: root would give away whatever the owner of a home lets it lead to.
    """
    alone = getattr(os, "O_NOFOLLOW", 0)  # not on Windows
    file = FileIO(path, mode, opener=lambda name, flags: os.open(name, flags | alone, 0o600))
    _pass_on(file.fileno(), path)
    if group:
        os.fchmod(file.fileno(), 0o660)
    return BufferedWriter(file)


def make_private(
    folder: Path, *, group: bool = False, flush: Callable[[Path], object] | None = None
) -> None:
    """Create a folder, with those above it, for its owner or also its group to enter.

    ``flush`` is called with the folders that have a new name in them.
    """
    if folder.is_dir():
        return
    make_private(folder.parent, group=group, flush=flush)
    folder.mkdir(mode=0o770 if group else 0o700, exist_ok=True)
    _pass_on(folder, folder)
    if group:
        with suppress(PermissionError):  # systemd may forbid to keep a bit that hands on the group
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o070)
    if flush is not None:
        flush(folder.parent)


def _pass_on(made: int | Path, path: Path) -> None:
    """Give what root makes in the home of a user to this user, who must be able to use it."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = path.parent.stat()
        give = os.chown if isinstance(made, int) else os.lchown
        give(made, owner.st_uid, owner.st_gid)  # type: ignore[arg-type]  # each takes its own


def close_home(home: Path) -> None:
    """Close a home that others can enter, and the photos and logs in it."""
    _close(home.resolve())
    for folder in (home / name for name in _FOLDERS):
        if _close(folder):
            for place, folders, files in os.walk(folder):
                for name in (*folders, *files):
                    _close(Path(place, name))


def _close(path: Path) -> bool:
    """Close what others can read; return whether it had to be, and could be."""
    with suppress(OSError):  # it is not there, or belongs to another user
        mode = path.lstat().st_mode
        if mode & 0o077 and not stat.S_ISLNK(mode) and not mode & stat.S_ISVTX:  # never /tmp
            path.chmod(stat.S_IMODE(mode) & ~0o077)
            return not path.lstat().st_mode & 0o077  # a mount may have no modes
    return False


def open_lock(path: Path) -> int:
    """Open a lock file; refuses a symbolic link.

    Never remove the file: two processes could then lock two files of one name. The kernel
    releases the lock of a process that is killed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    _pass_on(descriptor, path)
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
