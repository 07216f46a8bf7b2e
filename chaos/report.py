"""What was found, as tables and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.summary import percentile, table

if TYPE_CHECKING:
    from chaos.kills import Killed
    from chaos.run import Outcome


def of_run(outcome: Outcome) -> str:
    """Say how a run went."""
    recovered = [seconds for found in outcome.recovery.values() for seconds in found]
    rows = [
        ["seed", str(outcome.seed)],
        ["jobs", f"{outcome.jobs:,} ({outcome.inventories} inventories)"],
        ["ended as", ", ".join(f"{count:,} {name}" for name, count in outcome.ended.items())],
        ["attempts", ", ".join(f"{count:,} {name}" for name, count in outcome.outcomes.items())],
        ["faults", str(sum(outcome.faults.values()))],
        ["lost", str(outcome.lost)],
        ["doubled", str(outcome.doubled)],
        ["engine runs beyond the first", str(outcome.ran_again)],
        ["recovery p50, p95", _both(recovered)],
        ["jobs/s under faults", f"{outcome.rate:.0f}"],
    ]
    if outcome.calm_rate is not None:
        rows.append(["jobs/s without", f"{outcome.calm_rate:.0f}"])
    parts = [table(("what", "figure"), rows)]
    hits = [
        [
            name,
            str(outcome.faults[name]),
            str(len(outcome.recovery.get(name, []))),
            _both(outcome.recovery.get(name, [])),
        ]
        for name in sorted(outcome.faults)
    ]
    parts.append(table(("fault", "times", "jobs or workers hit", "recovery p50, p95"), hits))
    held = [
        [name, "holds" if not breaches else f"BROKEN {len(breaches)} times"]
        for name, breaches in outcome.breaches.items()
    ]
    parts.append(table(("invariant", ""), held))
    parts += [f"skipped: {name}: {reason}" for name, reason in outcome.skipped.items()]
    for name, breaches in outcome.breaches.items():
        parts += [f"BROKEN {name}: {breach}" for breach in breaches[:5]]
    return "\n\n".join(parts)


def write(folder: Path, found: dict[str, object], texts: Sequence[str]) -> None:
    """Keep everything as JSON, and the tables as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chaos.json").write_text(json.dumps(found, indent=1, ensure_ascii=False, default=str))
    (folder / "chaos.md").write_text("\n\n".join(texts) + "\n")


def as_json(outcome: Outcome) -> dict[str, object]:
    """Turn a run into plain values."""
    return {**asdict(outcome), "passed": outcome.passed, "rate": outcome.rate}


def _both(seconds: Sequence[float]) -> str:
    if not seconds:
        return "–"
    return f"{statistics.median(seconds):.2f} s, {percentile(seconds, 95):.2f} s"


def of_kills(found: Sequence[Killed]) -> str:
    """Say what became of the jobs of each contender whose workers were killed."""
    times = ("hit", "recovery p50, p95", "all in")
    head = ("queue", "lost", "completed twice", "worked twice", *times)
    rows = []
    for one in found:
        if one.skipped:
            rows.append([one.name, f"skipped: {one.skipped}", *[""] * 5])
            continue
        rows.append(
            [
                one.name,
                str(one.lost),
                "no record" if one.doubled is None else str(one.doubled),
                str(one.ran_twice),
                str(one.hit),
                _both(one.recovery),
                f"{one.seconds:.0f} s",
            ]
        )
    title = f"SIGKILL of all workers, {found[0].kills} times over {found[0].jobs} jobs of 50 ms"
    return f"{title}\n\n{table(head, rows)}"
