"""The system account that the servers run as when photoqueue itself runs as root.

PostgreSQL refuses to run as root. Everybody else runs the servers as themselves.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from photoqueue.errors import ConfigurationError

#: Made on first use by root; the name that the PostgreSQL wheel uses for the same purpose.
ACCOUNT_NAME: Final = "pgserver"

_ADVICE = "Run photoqueue as an ordinary user, or set DATABASE_URL and REDIS_URL."


@dataclass(frozen=True)
class Account:
    """A user id and group id to run servers as."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make ``path`` belong to this account."""
        os.chown(path, self.uid, self.gid)

    def subprocess_options(self) -> dict[str, Any]:
        """Arguments of :func:`subprocess.run` to run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(folder: Path) -> Account | None:
    """Tell whom the servers of ``folder`` run as; ``None`` is the caller, who is not root.

    Root working on a folder of another user runs the servers as that user, so that the
    user can go on with them.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    return _system_account()


def _system_account() -> Account:
    # Several homes may need the account in the same moment, and useradd fails while
    # another one holds the password file: look again before giving up.
    problem = ""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            entry = pwd.getpwnam(ACCOUNT_NAME)
        except KeyError:
            problem = _create_account()
            if problem:
                time.sleep(0.1)
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and its account {ACCOUNT_NAME!r} could not be made: "
        f"{problem}. {_ADVICE}"
    )


def _create_account() -> str:
    """Create the account; return what went wrong, or nothing."""
    # Not every PATH of root holds the folders of system commands.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    useradd = shutil.which("useradd", path=path)
    if useradd is None:
        raise ConfigurationError(
            f"PostgreSQL does not run as root, there is no account {ACCOUNT_NAME!r} to run it as, "
            f"and no useradd command to make one. {_ADVICE}"
        )
    done = subprocess.run(
        [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip() if done.returncode else ""


def open_way(path: Path, account: Account) -> None:
    """Let ``account`` pass through the parents of ``path``: never list, never read them."""
    for parent in path.parents:
        state = parent.stat()
        if state.st_uid != account.uid:
            _add_bits(parent, state.st_mode, stat.S_IXOTH)


def open_software(path: Path, account: Account) -> None:
    """Let ``account`` read and run the installed program or folder of programs at ``path``."""
    open_way(path, account)
    entries = [path]
    if path.is_dir():
        entries += path.rglob("*")
    for entry in entries:
        mode = entry.stat().st_mode
        runnable = stat.S_IXOTH if mode & stat.S_IXUSR else 0
        _add_bits(entry, mode, stat.S_IROTH | runnable)


def _add_bits(path: Path, mode: int, bits: int) -> None:
    if mode & bits == bits:
        return
    try:
        path.chmod(stat.S_IMODE(mode) | bits)
    except OSError as exc:
        raise ConfigurationError(
            f"The account {ACCOUNT_NAME!r}, which runs the servers for root, cannot reach {path}: "
            f"{exc.strerror}. {_ADVICE}"
        ) from exc
