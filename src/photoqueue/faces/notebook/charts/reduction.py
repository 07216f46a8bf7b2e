"""Reduces DataFrames of the client's verbs to the records that charts are drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from photoqueue.errors import PhotoqueueError
from photoqueue.records.figures import (
    Ai,
    Durations,
    Failures,
    Period,
    Retries,
    Row,
    Throughput,
    Waits,
    bins_of,
    cell_of,
)
from photoqueue.words import JobState, Outcome

if TYPE_CHECKING:
    import pandas as pd

_ENDINGS: Final = {
    **{str(state): str(state) for state in (JobState.COMPLETED, JobState.FAILED)},
    **{str(outcome): "failed" for outcome in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.WORKER_LOST)},
}
_ATTEMPTS: Final = {
    "ending": "outcome",
    "run_ms": "duration_ms",
    "wait_ms": "wait_ms",
    "at": "ended_at",
    "error_type": "error_type",
}
_JOBS: Final = {**_ATTEMPTS, "ending": "state", "run_ms": "job_duration_ms", "at": "finished_at"}


def durations_of(frame: pd.DataFrame) -> Durations:
    """Reduce attempts, or jobs (their last attempt), to histograms of run times."""
    found = _ended(frame, "run_ms")
    return Durations.of(_rows("run", found, bins_of(found["run_ms"]), value=found["run_ms"]))


def waits_of(frame: pd.DataFrame) -> Waits:
    """Reduce attempts or jobs to counts by wait and run time."""
    found = _ended(frame, "run_ms", "wait_ms")
    wait, run = bins_of(found["wait_ms"]), bins_of(found["run_ms"])
    waits = _rows("wait", found, wait, value=found["wait_ms"])
    return Waits.of([*waits, *_rows("cell", found, cell_of(wait, run))])


def failures_of(
    frame: pd.DataFrame, *, since: datetime | None = None, now: datetime | None = None
) -> Failures:
    """Reduce attempts or jobs to error types and failures over time."""
    found = _ended(frame, "at")
    found = found if since is None else found[found["at"] >= since]
    if found.empty:
        return Failures()
    period = Period.between(since or _moment(found["at"].min()), now or _moment(found["at"].max()))
    failed = found[found["ending"] == "failed"].fillna({"error_type": "unknown"})
    ended = _events("ended", found, "at", period)
    return Failures.of([*ended, *_events("failure", failed, "at", period, "error_type")], period)


def retries_of(frame: pd.DataFrame) -> Retries:
    """Reduce jobs to their numbers of attempts."""
    need(frame, ("state", "attempts"), "history()")
    jobs = frame.assign(ending=frame["state"])
    done, failed = (jobs[jobs["state"] == state] for state in ("completed", "failed"))
    return Retries.of(
        [*_rows("attempt", done, done["attempts"]), *_rows("job", failed, failed["attempts"])]
    )


def throughput_of(
    frame: pd.DataFrame, *, since: datetime | None = None, now: datetime | None = None
) -> Throughput:
    """Reduce jobs to the numbers submitted, finished and started over time."""
    columns = ("created_at", "started_at", "finished_at")
    need(frame, ("state", "wait_ms", *columns), "history()")
    times = [_moment(at) for at in (*frame[[*columns]].min(), *frame[[*columns]].max()) if at == at]
    if not times:
        return Throughput()
    period = Period.between(since or min(times), now or max(times))
    waiting = frame.loc[frame["state"] == str(JobState.WAITING), "created_at"]
    oldest = (period.until - _moment(waiting.min())).total_seconds() if len(waiting) else None
    jobs = frame.assign(ending=frame["state"])
    done, lost = jobs["state"] == "completed", jobs["state"].isin(("failed", "cancelled"))
    rows = [
        *_events("submitted", frame, "created_at", period, since=since),
        *_events("ended", jobs[done], "finished_at", period, since=since),
        *_events("job", jobs[lost], "finished_at", period, since=since),
        *_events("started", frame, "started_at", period, value="wait_ms", since=since),
    ]
    return Throughput.of(rows, period, oldest)


def ai_of(frame: pd.DataFrame) -> Ai:
    """Reduce engine calls to one record per engine and model."""
    names = ("engine", "model")
    sums = {"cost": "cost_usd", "tokens_in": "tokens_in", "tokens_out": "tokens_out"}
    need(frame, (*names, "latency_ms", "success", *sums.values()), "ai_calls()")
    calls = frame.assign(ending=frame["success"].map({True: "completed", False: "error"}))
    rows = _rows("call", calls, bins_of(calls["latency_ms"]), names, calls["latency_ms"])
    for measure, column in sums.items():
        known = calls.dropna(subset=column)
        rows += _rows(measure, known, 0, names, known[column])
    return Ai.of(rows)


def need(frame: pd.DataFrame, columns: Iterable[str], verb: str) -> None:
    """Make sure that a frame has the columns of a verb's result.

    Raises
    ------
    PhotoqueueError
        A column is missing.
    """
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise PhotoqueueError(
            f"This chart is drawn from what {verb} returns; the frame lacks the columns "
            f"{', '.join(lacking)}."
        )


def _ended(frame: pd.DataFrame, *known: str) -> pd.DataFrame:
    """Select what completed or failed and has values in the given columns.

    The columns are ``ending`` (``completed`` or ``failed``), ``run_ms``, ``wait_ms``, ``at``
    (when it ended) and ``error_type``.
    """
    names = _ATTEMPTS if "outcome" in frame.columns else _JOBS
    need(frame, names.values(), "attempts() or history()")
    found = frame[list(names.values())].set_axis(list(names), axis="columns")
    found["ending"] = found["ending"].map(_ENDINGS)
    return found.dropna(subset=["ending", *known])


def _events(
    measure: str,
    frame: pd.DataFrame,
    at: str,
    period: Period,
    *labels: str,
    value: str | None = None,
    since: datetime | None = None,
) -> list[Row]:
    """Count events by time bin; their value defaults to their time."""
    import pandas as pd  # late: `import photoqueue` loads none

    found = frame.dropna(subset=[at, value or at])
    found = found if since is None else found[found[at] >= since]
    moments = (found[at] - pd.Timestamp(0, tz=UTC)) / pd.Timedelta(1, "s")
    starts = found[at].dt.floor(f"{period.seconds}s")
    return _rows(measure, found, 0, labels, found[value] if value else moments, starts)


def _rows(
    measure: str,
    frame: pd.DataFrame,
    bins: Any,
    labels: Iterable[str] = (),
    value: Any = None,
    starts: Any = None,
) -> list[Row]:
    """Count the rows of a frame by ending, labels, bin and start."""
    found = frame if "ending" in frame.columns else frame.assign(ending="")
    # Without values, pandas would add up objects group by group.
    value = math.nan if value is None else value
    found = found.assign(bin=bins, start=0 if starts is None else starts, value=value)
    groups = found.groupby(["start", "ending", "bin", *labels])["value"]
    sums = groups.agg(["size", "sum", "min", "max"]).reset_index().to_numpy(dtype=object)
    return [
        Row(measure, None if starts is None else _moment(at), ending, names, bin, *numbers)
        for at, ending, bin, *names, numbers in ((*row[:-4], row[-4:]) for row in sums)
    ]


def _moment(stamp: Any) -> datetime:
    """Convert a pandas timestamp to a datetime, without nanoseconds."""
    found: datetime = stamp.to_pydatetime(warn=False)
    return found
