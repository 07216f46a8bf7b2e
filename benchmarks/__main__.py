"""Measure photoqueue beside its peers: ``python -m benchmarks --help``, or ``make bench``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine, report
from benchmarks.peers.registry import all_peers
from benchmarks.plan import Measure, measures
from benchmarks.servers import Servers, running
from benchmarks.store import Store


def main(words: list[str] | None = None) -> int:
    """Measure, and show what was measured; return the status for the shell."""
    chosen = _arguments(words)
    # Told to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    store = Store(chosen.out / "figures.json")
    plan = [measures(chosen.peers)[name] for name in chosen.only]
    failed = 0
    if chosen.repeats:
        with running(chosen.home) as servers:
            store.about.update(machine.describe(), servers=servers.durability(), scale=chosen.scale)
            for measure in plan:
                failed += _take(measure, servers, store, chosen)
    report.write(store, chosen.out)
    return 1 if failed else 0


def _take(measure: Measure, servers: Servers, store: Store, chosen: argparse.Namespace) -> int:
    """Take one measure of everybody; return how many of them failed at it."""
    repeats = min(chosen.repeats, measure.at_most or chosen.repeats)
    failed: set[str] = set()
    wanted = []
    for contender in measure.contenders:
        if contender.missing:
            store.skipped[contender.name] = contender.missing
        elif not (chosen.resume and store.has(measure.name, contender.name, repeats)):
            wanted.append(contender)
            store.skipped.pop(contender.name, None)
    for repeat in range(repeats):
        # One after the other within a repetition: a machine that slows down slows all.
        for contender in wanted:
            if contender.name in failed:
                continue
            began = time.perf_counter()
            try:
                measure.prepare(servers, chosen.scale)
                values = contender.take(servers, chosen.scale)
            except Exception as exc:
                failed.add(contender.name)
                store.skipped[f"{contender.name}, {measure.name}"] = str(exc).strip()[-300:]
                print(f"{measure.name} {contender.name}: {exc}", file=sys.stderr)
                continue
            store.add(measure.name, contender.name, values)
            told = ", ".join(f"{value:,.1f} {unit}" for unit, value in values.items())
            print(
                f"{repeat + 1}/{repeats} {measure.name:8} {contender.name:13} {told}"
                f"  [{time.perf_counter() - began:.1f} s]",
                file=sys.stderr,
                flush=True,
            )
    store.save()
    return len(failed)


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    peers, known = list(all_peers()), list(measures())
    parser.add_argument(
        "--only", type=_list_of(known), default=known, help=f"of {', '.join(known)}"
    )
    parser.add_argument(
        "--peers", type=_list_of(peers), default=peers, help=f"of {', '.join(peers)}"
    )
    parser.add_argument("--repeats", type=int, default=3, help="0 only draws up the table")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the jobs")
    parser.add_argument("--resume", action="store_true", help="keep what is measured already")
    parser.add_argument("--home", type=Path, help="folder of the servers, kept; a temporary one")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    return parser.parse_args(words)


def _list_of(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(known)}")
        return found

    return parse


if __name__ == "__main__":
    raise SystemExit(main())
