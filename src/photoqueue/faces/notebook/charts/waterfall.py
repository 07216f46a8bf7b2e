"""The attempts of one job on a time axis: wait, run, back-off and outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from photoqueue.faces.notebook.charts.canvas import Chart, Panel, Sheet, Style
from photoqueue.faces.notebook.charts.reduction import need
from photoqueue.faces.notebook.palette import LOOKS, Look
from photoqueue.format import counted, duration, shorten
from photoqueue.words import JobState, Outcome

if TYPE_CHECKING:
    import pandas as pd

#: Most attempts that are drawn: the last ones.
_MOST: Final = 20
#: How outcomes that are no failures look.
_STATES: Final[dict[str, JobState]] = {
    Outcome.COMPLETED: JobState.COMPLETED,
    Outcome.RELEASED: JobState.DELAYED,
    Outcome.CANCELLED: JobState.CANCELLED,
}


class Step(NamedTuple):
    """One attempt; times in ms since the job could first start."""

    attempt: int
    outcome: str
    ready: float
    started: float
    ended: float
    back_off: float
    error_type: str | None

    @property
    def words(self) -> str:
        """The outcome, with the error type unless that says the same."""
        error = self.error_type if self.error_type != self.outcome else None
        return ": ".join(filter(None, (self.outcome.replace("_", " "), error)))


def steps_of(frame: pd.DataFrame) -> tuple[Step, ...]:
    """Arrange the attempts of one job on a time axis.

    Raises
    ------
    ValueError
        The frame has attempts of several jobs.
    PhotoqueueError
        The frame lacks a column.
    """
    import pandas as pd  # late: charts drawn from SQL need none

    columns = ("job_id", "attempt", "outcome", "wait_ms", "started_at", "ended_at")
    need(frame, (*columns, "retry_delay_ms", "error_type"), "attempts(job)")
    if frame["job_id"].nunique() > 1:
        raise ValueError(
            f"A waterfall shows one job, and these are attempts of {frame['job_id'].nunique()}; "
            "choose one: attempts(job)."
        )
    if frame.empty:
        return ()
    found = frame.sort_values("attempt")
    wait, back_off = (
        pd.to_numeric(found[name]).fillna(0.0) for name in ("wait_ms", "retry_delay_ms")
    )
    begun = found["started_at"].fillna(found["ended_at"])
    origin = begun.iloc[0] - pd.Timedelta(wait.iloc[0], "ms")
    started, ended = ((at - origin) / pd.Timedelta(1, "ms") for at in (begun, found["ended_at"]))
    errors = (known if isinstance(known, str) else None for known in found["error_type"])
    ready = (started - wait).clip(lower=0.0)
    columns_of_steps = (found["attempt"], found["outcome"], ready, started, ended, back_off, errors)
    return tuple(Step(*row) for row in zip(*columns_of_steps, strict=True))


def _paint(steps: tuple[Step, ...], sheet: Sheet) -> None:
    shown, height = steps[-_MOST:], sheet.height
    panel = sheet.panel(
        (0.1, 0.5 / height, 0.62, (height - 1.15) / height),
        f"the last {len(shown)} of {len(steps)} attempts" if len(shown) < len(steps) else "",
    )
    wait, run, back_off = (
        LOOKS[state] for state in (JobState.WAITING, JobState.ACTIVE, JobState.DELAYED)
    )
    _segments(panel, "wait", wait, [(step.ready, step.started) for step in shown])
    _segments(panel, "run", run, [(step.started, step.ended) for step in shown])
    ends = [(step.ended, step.ended + step.back_off) for step in shown]
    _segments(panel, "back-off", back_off, ends)
    for row, step in enumerate(shown):
        look = LOOKS[_STATES.get(step.outcome, JobState.FAILED)]
        bold: Style = {"fontsize": 11, "fontweight": "bold", "color": look.colour}
        panel.write(1.02, row, look.icon, "row", va="center", **bold)
        told = f"{shorten(step.words, 36)}, {duration(step.ended - step.started)}"
        panel.write(1.055, row, told, "row", va="center")
    panel.row_axis([str(step.attempt) for step in shown], 2)
    panel.label(x="since the job could start", y="attempt")
    panel.linear_axis(max(end for _, end in ends))
    panel.grid("x")
    panel.legend()


def _segments(panel: Panel, name: str, look: Look, spans: list[tuple[float, float]]) -> None:
    known = [(row, start, end) for row, (start, end) in enumerate(spans) if end > start]
    bars = panel.axes.barh(
        [row for row, _, _ in known],
        [end - start for _, start, end in known],
        0.5,
        [start for _, start, _ in known],
        facecolor=look.colour if name == "run" else "none",
        edgecolor=look.colour,
        hatch=look.hatch,
        linewidth=1.2,
    )
    bars.set_label(name)


def _say(steps: tuple[Step, ...]) -> str:
    parts = "; ".join(
        f"{step.attempt}: waited {duration(step.started - step.ready)}, "
        f"ran {duration(step.ended - step.started)}, {step.words}"
        + (f", then {duration(step.back_off)} of back-off" if step.back_off else "")
        for step in steps[-_MOST:]
    )
    return f"{counted(len(steps), 'attempt')} of one job. {parts}."


waterfall: Final = Chart(
    title="Attempts of one job",
    nothing="no attempt of this job has ended yet",
    reduce=steps_of,
    has_data=bool,
    height=lambda steps: 1.5 + 0.34 * max(len(steps[-_MOST:]), 2),
    paint=_paint,
    say=_say,
    find=_say,
)
