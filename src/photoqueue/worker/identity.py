"""Which process on which host a worker is, and whether such a process still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil

from photoqueue.tracking.register import Host


def this_host() -> Host:
    """Describe the process that calls."""
    return Host(
        name=socket.gethostname(),
        key=_host_key(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
    )


def is_alive(pid: int, started: float) -> bool:
    """Whether a process of this host still runs; a reused pid does not count as it."""
    try:
        process = psutil.Process(pid)
        # The kernel counts starts in clock ticks: two readings can differ by one.
        return abs(process.create_time() - started) < 1 and (
            process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _host_key() -> str:
    """Name the machine, its boot and its process namespace.

    Process ids mean the same only where all three are equal: two containers on one
    machine, or the same machine after a reboot, must not judge each other by pid.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot, namespace = f"{psutil.boot_time():.0f}", ""
    return f"{socket.gethostname()}/{boot}/{namespace}"
