"""Which process on which host a worker is, and whether such a process still lives."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from photoqueue.queue.workers import Host


def this_host() -> Host:
    """Describe the process that calls."""
    return Host(
        name=socket.gethostname(),
        key=host_key(),
        pid=os.getpid(),
        started=_start_of(os.getpid()) or 0.0,
    )


def is_alive(pid: int, started: float) -> bool:
    """Whether a process of this host still runs; a reused pid does not count as it."""
    return _start_of(pid) == started


def _start_of(pid: int) -> float | None:
    """Read when a process started; None when there is none, or only its zombie.

    On Linux in clock ticks since the boot: that never changes, while a time of day moves
    with the system clock, and a corrected clock must not make live workers look dead.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _start_by_clock(pid)
    # The name in parentheses may hold anything; state is field 3, start time field 22.
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
    """Name the machine, its boot and its namespaces of processes and of time.

    Process ids mean the same only where all of them are equal: two containers on one
    machine, or the same machine after a reboot, must not judge each other by pid. Nor must
    two that count the time since the boot differently: each reads another start of a process.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespaces = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot, namespaces = f"{psutil.boot_time():.0f}", ""
    with suppress(OSError):  # Linux has had them since 5.6
        namespaces += f"/{Path('/proc/self/ns/time').readlink()}"
    return f"{socket.gethostname()}/{boot}/{namespaces}"
