"""How many attempts jobs take, and how many never succeed."""

from __future__ import annotations

from collections import Counter
from typing import Final

from photoqueue.faces.notebook.charts.canvas import Chart, Sheet, Table, faint, few
from photoqueue.faces.notebook.charts.reduction import retries_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, number, percent
from photoqueue.records.figures import Retries
from photoqueue.words import JobState

#: Largest number of attempts with its own bar; more are added to the last one.
_MOST: Final = 8
_LABELS: Final = {0: "0 (refused)", _MOST: f"{_MOST} or more"}


def _paint(record: Retries, sheet: Sheet) -> None:
    completed, failed = _grouped(record.completed), _grouped(record.failed)
    total = completed.total() + failed.total()
    panel = sheet.panel((0.08, 0.17, 0.9, 0.62), f"{counted(total, 'ended job')}{few(total)}")
    numbers = sorted({*completed, *failed, 1})
    sides = ((JobState.COMPLETED, completed, -0.2), (JobState.FAILED, failed, 0.2))
    for state, counts, offset in sides:
        look, heights = LOOKS[state], [counts[attempts] for attempts in numbers]
        panel.bars(
            [place + offset for place in range(len(numbers))],
            heights,
            0.38,
            look,
            texts=[f"{number(one)}\n{percent(one, total)}" if one else "" for one in heights],
            alpha=faint(total),
            label=f"{look.icon} {state} {number(counts.total())}",
        )
    panel.axes.set_xlim(-0.6, max(len(numbers), 3) - 0.4)
    panel.axes.set_xticks(range(len(numbers)), [_LABELS.get(one, str(one)) for one in numbers])
    panel.count_axis(max(*completed.values(), *failed.values(), 0), 1.28)
    panel.grid()
    panel.label(x="attempts")
    panel.legend()


def _grouped(counts: tuple[tuple[int, int], ...]) -> Counter[int]:
    """Return how many jobs took each number of attempts, large numbers combined."""
    found: Counter[int] = Counter()
    for attempts, jobs in counts:
        found[min(attempts, _MOST)] += jobs
    return found


def _say(record: Retries) -> str:
    completed, failed = Counter(dict(record.completed)), Counter(dict(record.failed))
    total, first = completed.total() + failed.total(), completed[1]
    words = (
        f"Attempts of {counted(total, 'ended job')}: {number(first)} ({percent(first, total)}) "
        f"succeeded at the first attempt, {number(completed.total() - first)} after retries, "
        f"{number(failed.total())} ({percent(failed.total(), total)}) never"
    )
    if failed[0]:
        words += f", {number(failed[0])} of them refused before any attempt"
    return f"{words}."


def _find(record: Retries) -> str:
    completed, failed = Counter(dict(record.completed)), Counter(dict(record.failed))
    total = completed.total() + failed.total()
    never = f", {percent(failed.total(), total)} never" if failed.total() else ""
    return f"{percent(completed[1], total)} of jobs completed at the first attempt{never}"


def _table(record: Retries) -> Table:
    """Tabulate jobs by number of attempts."""
    completed, failed = dict(record.completed), dict(record.failed)
    return Table(
        ("attempts", "completed jobs", "failed jobs"),
        tuple(
            tuple(map(number, (attempts, completed.get(attempts, 0), failed.get(attempts, 0))))
            for attempts in sorted({*completed, *failed})
        ),
    )


retries: Final = Chart(
    title="Attempts until a job ends",
    nothing="no job has ended yet",
    reduce=retries_of,
    has_data=lambda record: record.completed or record.failed,
    paint=_paint,
    say=_say,
    find=_find,
    table=_table,
)
