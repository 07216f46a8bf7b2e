"""Play faults against an installation and say what became of its jobs: ``make chaos``."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

from chaos import hosts, kills, report
from chaos.faults import FAULTS, GROUNDS
from chaos.run import Outcome, run
from chaos.stage import Stage


def main() -> int:
    """Run what is asked for; 1 where something did not hold."""
    # Ended from outside, it cleans up all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = _arguments()
    found: dict[str, object] = {
        "command": "python -m chaos " + " ".join(sys.argv[1:]),
        "seed": chosen.seed,
        "date": time.strftime("%F %T"),
    }
    texts = [f"`{found['command']}`, seed {chosen.seed}, {found['date']}."]
    passed = True
    for part in chosen.only:
        result, text, held = _PLAYERS[part](chosen)
        found[part] = result
        passed &= held
        texts.append(text)
        report.write(chosen.out, found, texts)
        print(f"\n{text}\n", flush=True)
    return 0 if passed else 1


def _faults(ground: str, chosen: argparse.Namespace) -> tuple[object, str, bool]:
    plain = ground == "plain"
    faults = [
        fault
        for fault in FAULTS.values()
        # Elsewhere, what is special there comes between what is quick.
        if (fault.ground == ground or (fault.quick and not plain))
        and (fault.quick or not chosen.quick)
        and (chosen.faults is None or fault.name in chosen.faults)
    ]
    special = [fault.needs() for fault in faults if fault.ground == ground and not plain]
    reason = next(filter(None, special), "")
    if reason:
        return {"skipped": reason}, f"{_TITLES[ground]}: skipped, {reason}.", True
    outcome = run(
        seed=chosen.seed,
        jobs=chosen.jobs if plain else min(chosen.jobs, 1000),
        seconds=chosen.minutes * 60 * (1 if plain else 0.3),
        calm_jobs=500,
        faults=faults,
        least=12 if chosen.quick else len(faults),
        make_stage=lambda seed: Stage(seed, **GROUNDS[ground]),
        tell=_tell,
    )
    return _judged(outcome, _TITLES[ground])


def _hosts(chosen: argparse.Namespace) -> tuple[object, str, bool]:
    reason = hosts.missing()
    if reason:
        return {"skipped": reason}, f"Two hosts: skipped, {reason}.", True
    outcome = hosts.two_hosts(seed=chosen.seed, jobs=600, seconds=90, tell=_tell)
    return _judged(outcome, "Two hosts")


def _kills(chosen: argparse.Namespace) -> tuple[object, str, bool]:
    found = kills.against_peers(
        seed=chosen.seed, jobs=400, kills=chosen.kills, names=chosen.contenders, tell=_tell
    )
    own = [one for one in found if one.name == "photoqueue"]
    held = all(one.lost == 0 and not one.doubled for one in own)
    return [vars(one) for one in found], report.of_kills(found), held


def _judged(outcome: Outcome, title: str) -> tuple[object, str, bool]:
    return report.as_json(outcome), f"{title}\n\n{report.of_run(outcome)}", outcome.passed


_TITLES = {
    "plain": "Faults",
    "pooler": "Faults behind PgBouncer in transaction mode",
    "moved": "Faults of servers on a small disk, with a clock of their own",
}
_PLAYERS = {
    "faults": partial(_faults, "plain"),
    "pooler": partial(_faults, "pooler"),
    "moved": partial(_faults, "moved"),
    "hosts": _hosts,
    "kills": _kills,
}


def _tell(line: str) -> None:
    print(f"{time.strftime('%T')} {line}", file=sys.stderr, flush=True)


def _names(text: str) -> list[str]:
    return text.split(",")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--minutes", type=float, default=10.0, help="no further round after these")
    parser.add_argument("--faults", type=_names, help=f"some of: {', '.join(FAULTS)}")
    parser.add_argument("--quick", action="store_true", help="only faults that take no time")
    parser.add_argument("--kills", type=int, default=25, help="of all workers of a contender")
    parser.add_argument("--contenders", type=_names, help="photoqueue, Huey, BullMQ")
    parser.add_argument(
        "--only", type=_names, default=[*_PLAYERS], help=f"some of: {', '.join(_PLAYERS)}"
    )
    parser.add_argument("--out", type=Path, default=Path("out/chaos"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
