"""The attempts of one job on a time axis: wait, run, back-off and outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Theme,
    ThemeName,
    linear_ms_ticks,
)
from photoqueue.faces.notebook.charts.reduction import need
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, duration
from photoqueue.words import JobState, Outcome

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE: Final = "Attempts of one job"
#: Most attempts that are drawn: the last ones.
_MOST: Final = 20
_OUTCOMES: Final[dict[str, tuple[str, JobState]]] = {
    Outcome.COMPLETED: ("completed", JobState.COMPLETED),
    Outcome.ERROR: ("failed", JobState.FAILED),
    Outcome.TIMEOUT: ("timed out", JobState.FAILED),
    Outcome.WORKER_LOST: ("worker lost", JobState.FAILED),
    Outcome.RELEASED: ("handed back", JobState.DELAYED),
    Outcome.CANCELLED: ("cancelled", JobState.CANCELLED),
}
_PARTS: Final = (
    ("wait", JobState.WAITING),
    ("run", JobState.ACTIVE),
    ("back-off", JobState.DELAYED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One attempt; times in ms since the job could first start."""

    attempt: int
    outcome: str
    ready: float
    started: float
    ended: float
    back_off: float
    error_type: str | None


def waterfall(frame: pd.DataFrame, *, theme: ThemeName = "light") -> Figure:
    """Draw the attempts of one job: wait, run, back-off and outcome.

    Parameters
    ----------
    frame
        Result of ``photoqueue.attempts(job)``.
    theme
        ``light`` or ``dark``.

    Raises
    ------
    ValueError
        The frame has attempts of several jobs.
    PhotoqueueError
        The frame lacks a column.
    """
    return WATERFALL.draw(steps_of(frame), theme=theme)


def steps_of(frame: pd.DataFrame) -> tuple[Step, ...]:
    """Arrange the attempts of one job on a time axis."""
    columns = ("job_id", "attempt", "outcome", "wait_ms", "started_at", "ended_at")
    need(frame, (*columns, "retry_delay_ms", "error_type"), "attempts(job)")
    if frame["job_id"].nunique() > 1:
        raise ValueError(
            f"A waterfall shows one job, and these are attempts of {frame['job_id'].nunique()}; "
            "choose one: attempts(job)."
        )
    rows: list[dict[str, Any]] = frame.sort_values("attempt").to_dict("records")  # type: ignore[assignment]  # column names are strings
    steps: list[Step] = []
    for row in rows:
        started = row["started_at"] if row["started_at"] == row["started_at"] else row["ended_at"]
        wait, back_off = _known(row["wait_ms"]), _known(row["retry_delay_ms"])
        if not steps:
            origin = started
            zero = wait
        begin = (started - origin).total_seconds() * 1000 + zero
        steps.append(
            Step(
                attempt=int(row["attempt"]),
                outcome=str(row["outcome"]),
                ready=max(begin - wait, 0.0),
                started=begin,
                ended=begin + (row["ended_at"] - started).total_seconds() * 1000,
                back_off=back_off,
                error_type=row["error_type"] if isinstance(row["error_type"], str) else None,
            )
        )
    return tuple(steps)


def _paint(steps: tuple[Step, ...], theme: Theme) -> Figure:
    shown = steps[-_MOST:]
    height = 1.5 + 0.34 * max(len(shown), 2)
    sheet = Sheet(theme, TITLE, height=height)
    panel = sheet.panel(
        (0.1, 0.5 / height, 0.62, (height - 1.15) / height),
        f"the last {len(shown)} of {len(steps)} attempts" if len(shown) < len(steps) else "",
    )
    _segments(panel, shown)
    for row, step in enumerate(shown):
        words, state = _OUTCOMES.get(step.outcome, (step.outcome, JobState.WAITING))
        bold = {"fontsize": 11, "fontweight": "bold", "color": LOOKS[state].colour}
        panel.write(1.02, row, LOOKS[state].icon, "row", va="center", **bold)
        # The error type of a lost worker is its outcome.
        known = step.error_type not in (None, step.outcome)
        error = f": {_short(str(step.error_type))}" if known else ""
        told = f"{words}{error}, {duration(step.ended - step.started)}"
        panel.write(1.055, row, told, "row", va="center")
    panel.row_axis([str(step.attempt) for step in shown], 2)
    panel.label(x="since the job could start", y="attempt")
    end = max(step.ended + step.back_off for step in shown)
    linear_ms_ticks(panel.axes, end, vertical=False)
    panel.grid("x")
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3)
    return sheet.figure


def _say(steps: tuple[Step, ...]) -> str:
    parts = []
    for step in steps[-_MOST:]:
        words = (
            f"{step.attempt}: waited {duration(step.started - step.ready)}, ran "
            f"{duration(step.ended - step.started)}, "
            f"{_OUTCOMES.get(step.outcome, (step.outcome, None))[0]}"
        )
        if step.error_type and step.error_type != step.outcome:
            words += f" with {step.error_type}"
        if step.back_off:
            words += f", then {duration(step.back_off)} of back-off"
        parts.append(words)
    return f"{counted(len(steps), 'attempt')} of one job. {'; '.join(parts)}."


def _segments(panel: Panel, shown: tuple[Step, ...]) -> None:
    ends = {
        "wait": [(step.ready, step.started) for step in shown],
        "run": [(step.started, step.ended) for step in shown],
        "back-off": [(step.ended, step.ended + step.back_off) for step in shown],
    }
    for name, state in _PARTS:
        look = LOOKS[state]
        spans = [(row, start, end) for row, (start, end) in enumerate(ends[name]) if end > start]
        panel.axes.barh(
            [row for row, _, _ in spans],
            [end - start for _, start, end in spans],
            0.5,
            [start for _, start, _ in spans],
            label=name,
            facecolor=look.colour if name == "run" else "none",
            edgecolor=look.colour,
            hatch=look.hatch,
            linewidth=1.2,
        )


def _known(value: Any) -> float:
    """Read a number; 0 if missing."""
    return 0.0 if value is None or value != value else float(value)


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"


WATERFALL: Final = Chart(
    title=TITLE,
    heading=TITLE,
    nothing="no attempt of this job has ended yet",
    has_data=bool,
    paint=_paint,
    say=_say,
)
