"""Failures: by error type, and as a share over time, with the counts below."""

from __future__ import annotations

from typing import Final

import numpy as np

from photoqueue.faces.notebook.charts.canvas import (
    Chart,
    Panel,
    Sheet,
    Style,
    Table,
    edges_of,
    faint,
    few,
)
from photoqueue.faces.notebook.charts.reduction import failures_of
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.format import counted, moment, number, percent, shorten
from photoqueue.records.figures import FEW, Failures
from photoqueue.words import JobState

_LOOK: Final = LOOKS[JobState.FAILED]
#: Most characters of an error type that are shown.
_LONGEST: Final = 30


def _paint(record: Failures, sheet: Sheet) -> None:
    assert record.period is not None
    kinds = sheet.panel((0.26, 0.12, 0.22, 0.70))
    kinds.head(
        f"{number(record.failed)} of {number(record.ended)} failed "
        f"({percent(record.failed, record.ended)}){few(record.ended)}",
        x=-1.1,
    )
    _kinds(kinds, record)
    rate = sheet.panel((0.56, 0.46, 0.40, 0.36), "share that failed")
    counts = sheet.panel((0.56, 0.15, 0.40, 0.19), "ended")
    _rate(rate, record)
    ended = {start: done + failed for start, done, failed in record.bins}
    counts.time_bars(record.period, ended)
    counts.count_axis(max(ended.values()))
    rate.time_axis(record.period, 5, labelled=False)
    counts.time_axis(record.period, 5)


def _kinds(panel: Panel, record: Failures) -> None:
    if not record.kinds:
        panel.axes.set_axis_off()
        panel.write(0, 0.5, "none failed", fontsize=10, ha="center")
        return
    counts = [kind.count for kind in record.kinds]
    texts = [f"{number(count)} · {percent(count, record.failed)}" for count in counts]
    panel.row_bars(counts, _LOOK, texts, alpha=faint(record.failed))
    panel.row_axis([shorten(kind.error_type, _LONGEST) for kind in record.kinds], 4)
    panel.axes.tick_params(axis="y", labelcolor=panel.theme.text, length=0)


def _rate(panel: Panel, record: Failures) -> None:
    """Draw the share per bin: faint if few ended, dashed to the bin that is not over."""
    assert record.period is not None
    known = {start: (done + failed, failed) for start, done, failed in record.bins}
    ended, failed = np.array([known.get(start, (0, 0)) for start in record.period.starts]).T
    shares = np.divide(failed, ended, out=np.full(len(ended), np.nan), where=ended > 0)
    places = edges_of(record.period)[:-1] + np.diff(edges_of(record.period)) / 2
    axes = panel.axes
    line: Style = {"color": _LOOK.colour, "linewidth": 1.4}
    axes.plot(places[:-1], shares[:-1], **line)
    axes.plot(places[-2:], shares[-2:], linestyle=(0, (2, 2)), **line)
    crosses: Style = {"marker": "x", "color": _LOOK.colour, "alpha": np.where(ended < FEW, 0.4, 1)}
    axes.scatter(places, shares, s=16, clip_on=False, **crosses)
    top = max([*shares[ended > 0], 0.01])
    limit = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if top <= step)
    axes.set_ylim(0, limit * 1.06)
    axes.set_yticks([0, limit / 2, limit], ["0 %", percent(limit / 2), percent(limit)])
    panel.grid()


def _say(record: Failures) -> str:
    words = (
        f"{counted(record.failed, 'failure')} among {number(record.ended)} that ended "
        f"({percent(record.failed, record.ended)})"
    )
    if not record.kinds:
        return f"{words}."
    kinds = ", ".join(
        f"{kind.error_type} {number(kind.count)} ({percent(kind.count, record.failed)})"
        for kind in record.kinds[:5]
    )
    last = max(kind.last_at for kind in record.kinds)
    return f"{words}: {kinds}; the last one at {moment(last)}."


def _find(record: Failures) -> str:
    if not record.kinds:
        return f"None of {counted(record.ended, 'attempt')} failed"
    most = record.kinds[0]
    how = "mostly" if most.count * 2 > record.failed else "most often"
    share = percent(record.failed, record.ended)
    return f"{share} of attempts failed, {how} with {shorten(most.error_type, _LONGEST)}"


def _table(record: Failures) -> Table:
    """Tabulate error types."""
    return Table(
        ("error", "failures", "share", "first", "last"),
        tuple(
            (
                kind.error_type,
                number(kind.count),
                percent(kind.count, record.failed),
                moment(kind.first_at),
                moment(kind.last_at),
            )
            for kind in record.kinds
        ),
    )


failures: Final = Chart(
    title="Failures",
    nothing="nothing has completed or failed yet",
    reduce=failures_of,
    has_data=lambda record: record.ended,
    height=lambda record: 3.2 if len(record.kinds) <= 7 else 4.2,
    paint=_paint,
    say=_say,
    find=_find,
    table=_table,
)
