"""What is measured, of whom, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from benchmarks.measures import commits, folder, memory, photos, queues, reviews, tables
from benchmarks.peers.peer import Peer
from benchmarks.peers.registry import all_peers, clear
from benchmarks.servers import Servers

#: Measures once: takes the servers and the share of the jobs, returns values by name.
Take = Callable[[Servers, float], dict[str, float]]
_SOME = ("photoqueue", "bullmq", "huey")


@dataclass(frozen=True)
class Contender:
    """One of those that a measure compares."""

    name: str
    take: Take
    missing: str | None = None


@dataclass(frozen=True)
class Measure:
    """One thing that is measured.

    Attributes
    ----------
    title : str
        What it is, for the table.
    prepare : callable
        Done before each single measurement: empties the queues, or fills the tables.
    at_most : int or None
        Repetitions, where more would tell no more.
    """

    name: str
    title: str
    contenders: tuple[Contender, ...]
    prepare: Callable[[Servers, float], None]
    at_most: int | None = None


def measures(peers: Iterable[str] | None = None) -> dict[str, Measure]:
    """Return all measures by name, in the order in which they are taken.

    Parameters
    ----------
    peers : iterable of str, optional
        Only these beside photoqueue's own measures; all of them when None.
    """
    known = all_peers()
    chosen = [known[name] for name in (known if peers is None else peers)]

    def of_peers(
        take: Callable[[Servers, Peer, float], dict[str, float]], only: Iterable[str] = known
    ) -> tuple[Contender, ...]:
        return tuple(
            Contender(peer.name, partial(_of_peer, take, peer), peer.missing)
            for peer in chosen
            if peer.name in only
        )

    listed = [
        Measure("submit", "Submit in bulk", of_peers(queues.submit), _empty),
        Measure("drain", "Work off no-op jobs, two processes", of_peers(queues.drain), _empty),
        Measure(
            "latency",
            "One job, submit to result",
            (*of_peers(queues.latency), Contender("bare loop", commits.loop)),
            _empty,
        ),
        Measure("memory", "Memory of a worker of two", of_peers(memory.worker), _empty),
        Measure(
            "redis", "Redis, 100,000 jobs waiting", of_peers(memory.redis, _SOME), _empty, at_most=1
        ),
        Measure(
            "folder",
            "Photos submitted from a folder",
            (Contender("photoqueue", folder.submit), Contender("by hand", folder.by_hand)),
            _empty,
        ),
        Measure(
            "photos",
            "Photos analysed, two processes",
            (Contender("photoqueue", photos.worker), Contender("bare loop", photos.bare_loop)),
            _empty,
        ),
        Measure(
            "review",
            "A move of 200 photos with 300 edits",
            (Contender("photoqueue", reviews.own), Contender("statements", reviews.bare)),
            reviews.prepare,
        ),
        Measure(
            "history",
            "history() of 1,000,000 jobs",
            (Contender("photoqueue", tables.history), Contender("read_sql", tables.read_sql)),
            tables.prepare,
        ),
        Measure(
            "stats",
            "stats() at 1,000,000 jobs",
            (Contender("photoqueue", tables.stats),),
            tables.prepare,
        ),
        Measure(
            "charts",
            "Overview charts at 1,000,000 jobs",
            (Contender("photoqueue", tables.charts),),
            tables.prepare,
        ),
    ]
    return {measure.name: measure for measure in listed}


def _of_peer(
    take: Callable[[Servers, Peer, float], dict[str, float]],
    peer: Peer,
    servers: Servers,
    scale: float,
) -> dict[str, float]:
    return take(servers, peer, scale)


def _empty(servers: Servers, scale: float) -> None:
    clear(servers)
