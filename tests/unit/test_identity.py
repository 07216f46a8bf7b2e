"""Which workers may look each other's processes up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from photoqueue.worker.identity import host_key, is_alive, this_host

_KEY = "from photoqueue.worker.identity import host_key; print(host_key())"
_ELSEWHEN = ["unshare", "--time", "--boottime", "1000", "--fork"]
#: Another user, who sees of others' processes what the mount option lets him.
_ANOTHER_USER = """
import os, sys
from photoqueue.worker.identity import is_alive
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(*(is_alive(int(pid), float(sys.argv[1])) for pid in sys.argv[2:]))
"""


def can_be_had(*command: str) -> bool:
    """Whether this machine lets a process have surroundings of its own."""
    try:
        return subprocess.run([*command, "true"], capture_output=True).returncode == 0
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
    if not can_be_had(*_ELSEWHEN):
        pytest.skip("time namespaces need root and Linux 5.6")
    assert key_seen_by(*_ELSEWHEN) != host_key()


@pytest.mark.parametrize("hidden", ["1", "2"])
def test_process_that_another_user_may_not_see_is_not_taken_for_dead(hidden: str) -> None:
    mount = f'mount -t proc -o hidepid={hidden} proc /proc && exec "$@"'
    restricted = ("unshare", "--mount", "sh", "-c", mount, "sh")
    if not can_be_had(*restricted):
        pytest.skip("hiding processes needs root")
    ended = subprocess.Popen(["true"])
    ended.wait()
    host = this_host()
    program = (sys.executable, "-c", _ANOTHER_USER)
    told = map(str, (host.started, host.pid, ended.pid))
    done = subprocess.run([*restricted, *program, *told], capture_output=True, text=True)
    assert done.stdout == "True False\n", done.stderr
