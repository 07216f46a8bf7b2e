"""Folders that go with the process that made them, also when it is killed.

The process holds a lock on its folder for as long as it lives; the system takes the lock away
at its end, however it ends. So a folder that nobody holds is one that nobody needs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Final

#: Seconds for which a folder is left alone: it may just be made, and not be held yet.
_GRACE: Final = 60.0


def hold(folder: Path) -> int | None:
    """Keep a folder from being cleared away until this process ends or :func:`release`.

    Returns
    -------
    int or None
        For :func:`release`; None where folders cannot be locked, as on Windows.
    """
    with contextlib.suppress(ImportError, OSError):
        # Late: Windows has no such locks.
        from photoqueue.services.folder import try_lock

        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        if try_lock(descriptor):
            return descriptor
        os.close(descriptor)
    return None


def release(held: int | None) -> None:
    """Give a folder free that was held."""
    if held is not None:
        os.close(held)


def clear_away(parent: Path) -> None:
    """Remove the folders in a folder that no process holds any more.

    What cannot be looked at or removed stays: it is somebody else's.
    """
    try:
        folders = [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return
    for folder in folders:
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _GRACE:
                continue
            held = hold(folder)
            if held is not None:
                shutil.rmtree(folder, ignore_errors=True)
                release(held)
