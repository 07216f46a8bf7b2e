"""Run programs of the servers: to their end, or as detached servers."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from photoqueue.errors import ConfigurationError

#: Account made on first use by root; the PostgreSQL wheel uses the same name.
ACCOUNT_NAME: Final = "pgserver"

_ADVICE = "Run photoqueue as an ordinary user, or set DATABASE_URL and REDIS_URL."


#: Programs that the account cannot reach where they are installed, one folder each by content.
PROGRAMS: Final = Path("/var/lib/photoqueue-programs")


@dataclass(frozen=True)
class Account:
    """A user id and group id to run servers as, in a folder that belongs to it."""

    uid: int
    gid: int
    #: Passed to the servers as an open folder: those above it may be closed to the account.
    folder: Path

    def own(self, path: Path) -> None:
        """Make this account the owner of ``path``."""
        os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether it may read ``path`` and pass all folders above."""
        for place, needed in ((path, 0o5), *((parent, 0o1) for parent in path.parents)):
            state = place.stat()
            granted = state.st_mode >> (6 if state.st_uid == self.uid else 0)
            if granted & needed != needed:
                return False
        return True


def account_for(folder: Path) -> Account | None:
    """Return the account that runs the servers of ``folder``; ``None`` unless called by root.

    If root works on a folder of another user, the servers run as that user, who can then
    continue to use them.
    """
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise ConfigurationError(f"Root can start the servers on Linux only. {_ADVICE}")
    owner = folder.stat()
    if folder.lstat().st_uid != owner.st_uid:
        raise ConfigurationError(
            f"{folder} is a link of one user to a folder of another, which root would give away. "
            "Remove it, or set PHOTOQUEUE_HOME to another folder."
        )
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, folder)
    return _system_account(folder)


def _system_account(folder: Path) -> Account:
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
        return Account(entry.pw_uid, entry.pw_gid, folder)
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


def runnable(program: Path, account: Account | None, *needed: Path) -> Path:
    """Return where ``account`` can run a program.

    If it must be copied for that, so are the folders ``needed``, as they lie beside each other.
    """
    if account is None or account.reaches(program := program.resolve()):
        return program
    installed = needed or (program,)
    base = Path(os.path.commonpath([program.parent, *needed]))
    copy = PROGRAMS / hashlib.sha256(program.read_bytes()).hexdigest()[:16]
    try:
        if not copy.exists():
            PROGRAMS.mkdir(parents=True, exist_ok=True)
            PROGRAMS.chmod(0o755)  # whatever the umask of root
            with tempfile.TemporaryDirectory(prefix=".new-", dir=PROGRAMS) as draft:
                fresh = Path(draft) / copy.name
                fresh.mkdir()
                for part in installed:
                    copier = shutil.copytree if part.is_dir() else shutil.copy2
                    copier(part, fresh / part.relative_to(base))
                for entry in (fresh, *fresh.rglob("*")):
                    entry.chmod(0o755 if entry.stat().st_mode & 0o100 else 0o644)
                fresh.rename(copy)
    except OSError as exc:
        if not copy.exists():  # else another process was faster
            raise ConfigurationError(
                f"The account that runs the servers for root cannot reach {program}, which "
                f"cannot be copied to {copy}: {exc.strerror or exc}. {_ADVICE}"
            ) from exc
    return copy / program.relative_to(base)


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
    with (
        _surroundings(argv, folder, account) as (command, options),
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **options,
        ) as program,
    ):
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
    detached = ("/bin/sh", "-c", _DETACH, log, *argv)
    with _surroundings(detached, folder, account, keep) as (command, options):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=True,
            **options,
        )


@contextmanager
def _surroundings(
    argv: Sequence[str | Path], folder: Path, account: Account | None, *keep: int
) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Give the command and options of a program; ``account`` finds its folder already open."""
    command = [str(arg) for arg in argv]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"HOME": str(folder), "LC_ALL": "C"}
    options: dict[str, Any] = {"cwd": folder, "env": environment, "umask": 0o077, "pass_fds": keep}
    if account is None:
        yield command, options
        return
    opened = os.open(account.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
        options["pass_fds"] = (*keep, opened)
        way = f"/proc/self/fd/{opened}/"
        yield [word.replace(f"{account.folder}/", way) for word in command], options
    finally:
        os.close(opened)


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
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            # The folder first: it is quicker to read than the name.
            if process.cwd() == str(folder) and process.name().startswith(names):
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
