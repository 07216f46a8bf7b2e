"""Play faults against an installation and say what became of its jobs: ``make chaos``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from chaos import report
from chaos.plan import WEIGHTS
from chaos.run import run


def main() -> int:
    """Run what is asked for; 1 where something did not hold."""
    chosen = _arguments()
    found: dict[str, object] = {"command": " ".join(sys.argv[1:]), "date": time.strftime("%F %T")}
    outcome = run(
        seed=chosen.seed,
        jobs=chosen.jobs,
        seconds=chosen.minutes * 60,
        calm_jobs=1000,
        faults=chosen.faults,
        tell=_tell,
    )
    print(report.of_run(outcome), flush=True)
    found["run"] = report.as_json(outcome)
    report.write(chosen.out, found)
    return 0 if outcome.passed else 1


def _tell(line: str) -> None:
    print(f"{time.strftime('%T')} {line}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=6.0, help="no further round after these")
    parser.add_argument(
        "--faults", type=lambda text: text.split(","), help=f"some of: {', '.join(WEIGHTS)}"
    )
    parser.add_argument("--out", type=Path, default=Path("out/chaos"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
