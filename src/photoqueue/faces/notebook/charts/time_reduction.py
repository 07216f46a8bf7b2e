"""Like :mod:`photoqueue.faces.notebook.charts.reduction`, for what happens over time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from photoqueue.client.figure_records import (
    ErrorKind,
    Failures,
    Period,
    Throughput,
    ThroughputBin,
    most_frequent,
)
from photoqueue.faces.notebook.charts.reduction import moment, moments, need, runs
from photoqueue.words import JobState

if TYPE_CHECKING:
    import pandas as pd


def failures_of(
    frame: pd.DataFrame, *, since: datetime | None = None, now: datetime | None = None
) -> Failures:
    """Reduce attempts or jobs to kinds of error, and to failures over time."""
    found = _later(runs(frame).dropna(subset="at"), "at", since)
    known = moments(found["at"])
    if known is None:
        return Failures()
    period = Period.between(since or known[0], now or known[1])
    counts = (
        found.assign(
            bin=_starts(found["at"], period.seconds),
            completed=found["kind"] == "completed",
            failed=found["kind"] == "failed",
        )
        .groupby("bin")[["completed", "failed"]]
        .sum()
    )
    failed = found[found["kind"] == "failed"]
    kinds = failed.assign(name=failed["error_type"].fillna("unknown")).groupby("name")["at"]
    return Failures(
        kinds=most_frequent(
            [
                ErrorKind(
                    error_type=str(row.Index),
                    count=int(row.count),
                    first_at=moment(row.min),
                    last_at=moment(row.max),
                )
                for row in _rows(kinds.agg(["count", "min", "max"]))
            ]
        ),
        period=period,
        bins=tuple(
            (moment(start), int(row["completed"]), int(row["failed"]))
            for start, row in counts.iterrows()
        ),
    )


def throughput_of(
    frame: pd.DataFrame, *, since: datetime | None = None, now: datetime | None = None
) -> Throughput:
    """Reduce jobs to what was submitted, finished and started over time.

    Raises
    ------
    PhotoqueueError
        The frame is not one of jobs.
    """
    columns = ("state", "created_at", "started_at", "finished_at", "wait_ms")
    need(frame, columns, "history()")
    times = [known for column in columns[1:4] if (known := moments(frame[column])) is not None]
    if not times:
        return Throughput()
    last = now or max(latest for _, latest in times)
    waiting = frame.loc[frame["state"] == str(JobState.WAITING), "created_at"]
    oldest = (last - moment(waiting.min())).total_seconds() if len(waiting) else None
    period = Period.between(since or min(first for first, _ in times), last)
    found: dict[datetime, dict[str, Any]] = {}

    def put(name: str, numbers: pd.Series[Any]) -> None:
        for start, number in numbers.items():
            found.setdefault(moment(start), {})[name] = number

    submitted = _later(frame, "created_at", since)["created_at"]
    put("submitted", _starts(submitted, period.seconds).value_counts())
    for state in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED):
        ended = _later(frame[frame["state"] == str(state)], "finished_at", since)["finished_at"]
        put(str(state), _starts(ended.dropna(), period.seconds).value_counts())
    started = _later(frame.dropna(subset=["started_at", "wait_ms"]), "started_at", since)
    waits = started["wait_ms"].groupby(_starts(started["started_at"], period.seconds)).max()
    put("longest_wait_ms", waits)
    return Throughput(
        period=period,
        bins=tuple(ThroughputBin(start=start, **found[start]) for start in sorted(found)),
        oldest_waiting_s=oldest,
    )


def _later(frame: pd.DataFrame, column: str, since: datetime | None) -> pd.DataFrame:
    return frame if since is None else frame[frame[column] >= since]


def _starts(times: pd.Series[Any], seconds: int) -> pd.Series[Any]:
    """Return the start of the bin of each moment."""
    starts: pd.Series[Any] = times.dt.floor(f"{seconds}s")
    return starts


def _rows(frame: pd.DataFrame) -> Iterable[Any]:
    return frame.itertuples(name="Row")
