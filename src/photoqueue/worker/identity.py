"""Identity of a worker (host, process, start time), and whether that process is still alive."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from photoqueue.queue.workers import Host


def this_host() -> Host:
    """Describe the current process and its host."""
    return Host(
        name=socket.gethostname(),
        key=host_key(),
        pid=os.getpid(),
        started=_start_of(os.getpid()) or 0.0,
    )


def is_alive(pid: int, started: float) -> bool:
    """Return whether a process of this host still runs; a reused pid does not count.

    One that this user may not see (mount option ``hidepid`` of ``/proc``) counts as alive: if it is
    not, its lease expires.
    """
    found = _start_of(pid)
    return _is_hidden(pid) if found is None else found == started


def _is_hidden(pid: int) -> bool:
    """Return whether a process exists of which this user sees nothing."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not os.access(f"/proc/{pid}/stat", os.R_OK)  # else it is a zombie
    except OSError:
        pass
    return False


def _start_of(pid: int) -> float | None:
    """Read when a process started; None if it does not exist or is a zombie.

    On Linux in clock ticks since boot, which never change. A time of day moves with the system
    clock, and a clock correction must not make live workers look dead.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _start_by_clock(pid)
    # The name in parentheses may contain anything; state is field 3, start time field 22.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else float(fields[19])


def _start_by_clock(pid: int) -> float | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def host_key() -> str:
    """Identify the machine, its boot, and its pid and time namespaces.

    Process ids can only be compared where all of these are equal: two containers on one machine, or
    a machine before and after a reboot, must not judge each other's pids. Nor must processes in
    different time namespaces: they read different start times.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespaces = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot, namespaces = f"{psutil.boot_time():.0f}", ""
    with suppress(OSError):  # Linux has had them since 5.6
        namespaces += f"/{Path('/proc/self/ns/time').readlink()}"
    return f"{socket.gethostname()}/{boot}/{namespaces}"
