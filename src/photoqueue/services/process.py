"""Run programs for the servers: once, or detached so that they outlive everybody."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from photoqueue.services.account import Account

#: Bytes after which a log is put aside at the next start; one older log is kept.
LOG_BYTES: Final = 4 * 1024 * 1024
#: Seconds for killed processes to be gone.
KILL_SECONDS: Final = 10.0
#: Lines of a log shown in an error.
SHOWN_LINES: Final = 12

# The shell ends at once, so that the server becomes a child of init: nobody's process group
# or terminal takes it along, and no Python process has to collect it when it ends.
_DETACH = '"$@" </dev/null >>"$0" 2>&1 &'

# The rest of the environment stays out: it may hold API keys, which do not concern a server
# that lives for months, perhaps as another user; and PG… variables, which change what it does.
_PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def run(
    argv: Sequence[str | Path], *, folder: Path, account: Account | None, words: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in ``folder`` to its end; its output and errors come back together."""
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
            # Not the program alone: what it started would go on writing into a folder that is
            # removed next.
            _kill_family(program.pid)
            raise
    return subprocess.CompletedProcess(program.args, program.returncode, output)


def spawn(
    argv: Sequence[str | Path], *, folder: Path, account: Account | None, log: Path, keep: int
) -> None:
    """Start a server that outlives this process, its process group and its session.

    The server keeps the descriptor ``keep`` open as long as one of its processes lives.
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
    options = account.subprocess_options() if account else {}
    return {"cwd": folder, "env": environment, "umask": 0o077, **options}


def processes_in(folder: Path, names: tuple[str, ...]) -> list[psutil.Process]:
    """Return the processes that work in ``folder`` and are called one of ``names``.

    The first one is the parent of the others. Processes that cannot be looked into
    belong to somebody else.
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
    """Send a signal to processes, some of which may have ended meanwhile."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal_number)


def _kill_family(pid: int) -> None:
    """Kill a child of this process and all of its descendants; returns when they are gone."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        parent.suspend()  # it starts no more of them while they are listed
        family = [*parent.children(recursive=True), parent]
        send_signal(family, signal.SIGKILL)
        psutil.wait_procs(family, timeout=KILL_SECONDS)


def rotate_log(log: Path) -> None:
    """Put a log that has grown too long aside."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))


def log_size(log: Path) -> int:
    """Return where the next line of a log will be."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def last_lines(log: Path, start: int = 0) -> str:
    """Return the end of a log, nothing before byte ``start``."""
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
    return "\n".join(lines[-SHOWN_LINES:]) or "(it said nothing)"
