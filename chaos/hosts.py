"""Two hosts on one machine: network namespaces with addresses of their own, on one bridge.

Each host has its own name, so that workers do not take those of the other for neighbours whose
processes can be looked up: a host that is cut off is only known by its silence.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from chaos.faults import FAULTS, Fault
from chaos.run import Outcome, run
from chaos.stage import INVENTORIES, PHOTOS, Place, Stage

#: Seconds for which a host is cut off: longer than its lease; and longer than what TCP and the
#: workers' settings for it bear, so that connections break as well.
_SHORT = 5.0
_LONG = 24.0


@dataclass(frozen=True)
class Network:
    """A bridge with two hosts.

    Attributes
    ----------
    address : str
        The bridge's own, on which the servers listen.
    hosts : tuple of str
        Their names, which are those of their namespaces.
    """

    address: str
    bridge: str
    hosts: tuple[str, str]

    def link(self, host: str) -> str:
        """Name of the interface that leads to a host."""
        return f"{self.bridge}{host[-1]}"

    def run_in(self, host: str) -> tuple[str, ...]:
        """Words before a command that is to run on a host."""
        rename = 'hostname "$0" && exec "$@"'
        return ("ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", rename, host)

    def cut(self, host: str) -> None:
        """Let nothing pass to and from a host."""
        _ip("link", "set", self.link(host), "down")

    def join(self, _: Stage) -> None:
        """Let everything pass again."""
        for host in self.hosts:
            _ip("link", "set", self.link(host), "up")


def missing() -> str:
    """Why there can be no two hosts here; empty where there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "unshare", "hostname"):
        if shutil.which(program) is None:
            return f"there is no {program!r} on this machine"
    with contextlib.suppress(subprocess.CalledProcessError), network():
        return ""
    return "network namespaces cannot be made here"


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make a bridge and two hosts, and remove them again whatever happens."""
    number = os.getpid() % 250 + 1
    bridge = f"pqc{number}"
    net = Network(f"10.213.{number}.1", bridge, (f"{bridge}-a", f"{bridge}-b"))
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{net.address}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for position, host in enumerate(net.hosts):
            link, inner = net.link(host), f"{net.link(host)}i"
            _ip("netns", "add", host)
            _ip("link", "add", link, "type", "veth", "peer", "name", inner)
            _ip("link", "set", inner, "netns", host)
            _ip("link", "set", link, "master", bridge, "up")
            inside = ("-n", host)
            _ip(*inside, "address", "add", f"10.213.{number}.{10 + position}/24", "dev", inner)
            _ip(*inside, "link", "set", inner, "up")
            _ip(*inside, "link", "set", "lo", "up")
        yield net
    finally:
        for host in net.hosts:
            _ip("link", "delete", net.link(host), check=False)
            _ip("netns", "delete", host, check=False)
        _ip("link", "delete", bridge, check=False)


def two_hosts(
    *, seed: int, jobs: int, seconds: float, tell: Callable[[str], None], least: int = 4
) -> Outcome:
    """Run jobs on two hosts, of which one at a time is cut off and joined again."""
    with network() as net:
        crew = [
            Place(PHOTOS, "network", net.run_in(net.hosts[0])),
            Place(PHOTOS, "network", net.run_in(net.hosts[1])),
            Place(INVENTORIES, "network", net.run_in(net.hosts[0])),
        ]
        cuts = [
            Fault(f"cut off a host for {long}", partial(_cut, net), net.join, (seconds, seconds))
            for long, seconds in (("a moment", _SHORT), ("long", _LONG))
        ]
        return run(
            seed=seed,
            jobs=jobs,
            seconds=seconds,
            faults=[*cuts, FAULTS["kill worker"], FAULTS["empty Redis"]],
            least=least,
            make_stage=lambda seed: Stage(seed, crew=crew, listen=net.address),
            tell=tell,
        )


def _cut(net: Network, stage: Stage, chance: random.Random) -> str:
    place = chance.randrange(2)
    hit = [stage.worker_at(place), stage.worker_at(2) if place == 0 else None]
    stage.note_kill([worker for worker in hit if worker], time.time())
    net.cut(net.hosts[place])
    return net.hosts[place]


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True)
