"""Measure photoqueue beside its peers: ``python -m benchmarks --help``, or ``make bench``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import machine, report
from benchmarks.measures import queues
from benchmarks.peers.registry import all_peers, clear
from benchmarks.servers import running
from benchmarks.store import Store

_QUEUE_MEASURES = {"submit": queues.submit, "drain": queues.drain, "latency": queues.latency}


def main() -> None:
    """Measure, and show what was measured."""
    chosen = _arguments()
    store = Store(chosen.out / "figures.json")
    peers = all_peers()
    with running(chosen.home) as servers:
        store.about.update(machine.describe(), servers=servers.durability())
        for repeat in range(chosen.repeats):
            for measure in chosen.only:
                if measure not in _QUEUE_MEASURES:
                    continue
                # One after the other within a repetition: a machine that slows down slows all.
                for name in chosen.peers:
                    peer = peers[name]
                    if peer.missing:
                        store.skipped[name] = peer.missing
                        continue
                    clear(servers)
                    began = time.perf_counter()
                    values = _QUEUE_MEASURES[measure](servers, peer, chosen.scale)
                    store.add(measure, name, values)
                    print(
                        f"{repeat + 1}/{chosen.repeats} {measure:8} {name:12} "
                        + ", ".join(f"{value:,.1f} {unit}" for unit, value in values.items())
                        + f"  [{time.perf_counter() - began:.1f} s]",
                        file=sys.stderr,
                        flush=True,
                    )
    store.save()
    report.write(store, chosen.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names, measures = list(all_peers()), [*_QUEUE_MEASURES]
    parser.add_argument("--only", type=_list_of(measures), default=measures, help="measures")
    parser.add_argument("--peers", type=_list_of(names), default=names)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the jobs")
    parser.add_argument("--home", type=Path, help="folder of the servers, kept; a temporary one")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    return parser.parse_args()


def _list_of(known: list[str]):
    def parse(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(known)}")
        return found

    return parse


if __name__ == "__main__":
    main()
