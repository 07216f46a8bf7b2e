"""Run programs of the servers: to their end, or as detached servers."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from photoqueue.errors import ConfigurationError

#: Account made on first use by root; the PostgreSQL wheel uses the same name.
ACCOUNT_NAME: Final = "pgserver"

_ADVICE = "Run photoqueue as an ordinary user, or set DATABASE_URL and REDIS_URL."


@dataclass(frozen=True)
class Account:
    """A user id and group id to run servers as."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make this account the owner of ``path``."""
        os.chown(path, self.uid, self.gid)


def account_for(folder: Path) -> Account | None:
    """Return the account that runs the servers of ``folder``; ``None`` unless called by root.

    If root works on a folder of another user, the servers run as that user, who can then
    continue to use them.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    return _system_account()


def _system_account() -> Account:
    # Several homes may create the account at the same time, and useradd fails while another
    # process has locked the password file: check again before giving up.
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
    # Root's PATH may lack the folders of system commands.
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
    """Let ``account`` traverse the parents of ``path``, without listing or reading them."""
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


#: Size in bytes from which a log is rotated at the next start; one older log is kept.
LOG_BYTES: Final = 4 * 1024 * 1024
#: Seconds to wait for killed processes to end.
KILL_SECONDS: Final = 10.0
#: Seconds between two looks at what is waited for.
PAUSE_SECONDS: Final = 0.01
#: Lines of a log shown in an error.
SHOWN_LINES: Final = 12

# The shell exits at once, so that the server becomes a child of init: it does not end with a
# process group or terminal, and no Python process has to reap it.
_DETACH = '"$@" </dev/null >>"$0" 2>&1 &'

# Only these variables are passed on: others may hold API keys, which a server that runs for
# months, perhaps as another user, must not have, or be PG… variables, which change its behaviour.
_PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def run(
    argv: Sequence[str | Path], *, folder: Path, account: Account | None, words: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in ``folder`` to its end; return stdout and stderr combined."""
    with subprocess.Popen(
        [str(arg) for arg in argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        **_surroundings(folder, account),
    ) as program:
        try:
            output, _ = program.communicate(words)
        except BaseException:
            # With its children, which would go on writing into a folder that is removed next.
            _kill_family(program.pid)
            raise
    return subprocess.CompletedProcess(program.args, program.returncode, output)


def spawn(
    argv: Sequence[str | Path], *, folder: Path, account: Account | None, log: Path, keep: int
) -> None:
    """Start a server that is independent of this process, its process group and session.

    The server's processes inherit the open descriptor ``keep``.
    """
    subprocess.run(
        ["/bin/sh", "-c", _DETACH, str(log), *(str(arg) for arg in argv)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(keep,),
        check=True,
        **_surroundings(folder, account),
    )


def _surroundings(folder: Path, account: Account | None) -> dict[str, Any]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"HOME": str(folder), "LC_ALL": "C"}
    options: dict[str, Any] = {"cwd": folder, "env": environment, "umask": 0o077}
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def until(condition: Callable[[], bool], deadline: float) -> bool:
    """Wait until a condition holds; return False at the deadline of the monotonic clock."""
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def processes_in(folder: Path, names: tuple[str, ...]) -> list[psutil.Process]:
    """Return the processes with working directory ``folder`` and one of ``names``.

    The first one is the parent of the others. Processes that cannot be inspected belong to other
    users and are left out.
    """
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if (process.info["name"] or "").startswith(names) and process.cwd() == str(folder):
                found.append(process)
    pids = {process.pid for process in found}

    def is_child(process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.ppid() in pids
        return True

    return sorted(found, key=is_child)


def send_signal(processes: Iterable[psutil.Process], signal_number: int) -> None:
    """Send a signal to processes; ignores those that have ended."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal_number)


def _kill_family(pid: int) -> None:
    """Kill a child of this process and all its descendants; waits until they have ended."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        parent.suspend()  # so that it starts no more while they are listed
        family = [*parent.children(recursive=True), parent]
        send_signal(family, signal.SIGKILL)
        psutil.wait_procs(family, timeout=KILL_SECONDS)


def rotate_log(log: Path) -> None:
    """Rename a log that has grown too large."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))


def log_size(log: Path) -> int:
    """Return the size of a log in bytes; 0 if there is none."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def last_lines(log: Path, start: int = 0) -> str:
    """Return the last lines of a log after byte ``start``."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(start, log_size(log) - 8192))
            text = stream.read().decode(errors="replace")
    except OSError as exc:
        return f"(the log cannot be read: {exc.strerror})"
    return shown_lines(text)


def shown_lines(text: str) -> str:
    """Return the last lines of a program's output, for an error message."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-SHOWN_LINES:]) or "(no output)"
