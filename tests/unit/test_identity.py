"""Which workers may look each other's processes up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from photoqueue.worker.identity import host_key, is_alive, this_host

_KEY = "from photoqueue.worker.identity import host_key; print(host_key())"
_ELSEWHEN = ["unshare", "--time", "--boottime", "1000", "--fork"]


def other_times_can_be_had() -> bool:
    """Whether this machine lets a process count the time since the boot differently."""
    try:
        return subprocess.run([*_ELSEWHEN, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def key_seen_by(*command: str) -> str:
    done = subprocess.run(
        [*command, sys.executable, "-c", _KEY], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_process_knows_itself_alive() -> None:
    host = this_host()
    assert host.pid == os.getpid()
    assert is_alive(host.pid, host.started)
    assert not is_alive(host.pid, host.started + 1)


def test_processes_of_one_host_are_neighbours() -> None:
    assert key_seen_by() == host_key()


def test_process_with_another_time_since_the_boot_is_no_neighbour() -> None:
    # It would read another start of each process, and take live workers for dead.
    if not other_times_can_be_had():
        pytest.skip("time namespaces need root and Linux 5.6")
    assert key_seen_by(*_ELSEWHEN) != host_key()
