"""From DataFrames of the client's verbs to the small records that charts are drawn from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from photoqueue.client.figure_records import (
    BINS_PER_DECADE,
    CELLS_PER_DECADE,
    SHORTEST_MS,
    Ai,
    AiModel,
    Distribution,
    Durations,
    Percentiles,
    Retries,
    Waits,
)
from photoqueue.errors import PhotoqueueError
from photoqueue.words import JobState, Outcome

if TYPE_CHECKING:
    import pandas as pd

_KINDS: Final = {
    **{str(state): str(state) for state in (JobState.COMPLETED, JobState.FAILED)},
    **{str(outcome): "failed" for outcome in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.WORKER_LOST)},
}
_ATTEMPTS: Final = {
    "kind": "outcome",
    "run_ms": "duration_ms",
    "wait_ms": "wait_ms",
    "at": "ended_at",
    "error_type": "error_type",
}
_JOBS: Final = {**_ATTEMPTS, "kind": "state", "run_ms": "job_duration_ms", "at": "finished_at"}


def runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Take what completed or failed out of attempts, or out of jobs (their last attempt).

    The columns are ``kind`` (``completed`` or ``failed``), ``run_ms``, ``wait_ms``, ``at``
    (when it ended) and ``error_type``.

    Raises
    ------
    PhotoqueueError
        The frame is neither.
    """
    names = _ATTEMPTS if "outcome" in frame.columns else _JOBS
    need(frame, names.values(), "attempts() or history()")
    found = frame[list(names.values())].set_axis(list(names), axis="columns")
    found["kind"] = found["kind"].map(_KINDS)
    return found[found["kind"].notna()]


def need(frame: pd.DataFrame, columns: Any, verb: str) -> None:
    """Make sure that a frame is what a verb returns.

    Raises
    ------
    PhotoqueueError
        It lacks a column.
    """
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise PhotoqueueError(
            f"This chart is drawn from what {verb} returns; the frame lacks the columns "
            f"{', '.join(lacking)}."
        )


def durations_of(frame: pd.DataFrame) -> Durations:
    """Reduce attempts or jobs to histograms of how long they ran."""
    found = runs(frame)
    return Durations(
        completed=_distribution(found.loc[found["kind"] == "completed", "run_ms"]),
        failed=_distribution(found.loc[found["kind"] == "failed", "run_ms"]),
    )


def waits_of(frame: pd.DataFrame) -> Waits:
    """Reduce attempts or jobs to counts of how long they waited and ran."""
    found = runs(frame)
    found = found[found["run_ms"].notna() & found["wait_ms"].notna()]
    cells = (
        found.assign(
            wait=_positions(found["wait_ms"], CELLS_PER_DECADE),
            run=_positions(found["run_ms"], CELLS_PER_DECADE),
            completed=found["kind"] == "completed",
            failed=found["kind"] == "failed",
        )
        .groupby(["wait", "run"])[["completed", "failed"]]
        .sum()
    )
    return Waits(
        cells=tuple(
            (int(wait), int(run), int(completed), int(failed))
            for wait, run, completed, failed in cells.reset_index().itertuples(index=False)
        ),
        wait=percentiles(found["wait_ms"]),
    )


def retries_of(frame: pd.DataFrame) -> Retries:
    """Reduce jobs to how many attempts they took.

    Raises
    ------
    PhotoqueueError
        The frame is not one of jobs.
    """
    need(frame, ("state", "attempts"), "history()")

    def counted(state: JobState) -> tuple[tuple[int, int], ...]:
        numbers = frame.loc[frame["state"] == str(state), "attempts"].value_counts().sort_index()
        return tuple((int(attempts), int(jobs)) for attempts, jobs in numbers.items())  # type: ignore[call-overload]  # attempts are integers

    return Retries(completed=counted(JobState.COMPLETED), failed=counted(JobState.FAILED))


def ai_of(frame: pd.DataFrame) -> Ai:
    """Reduce calls of engines to one record for each engine and model.

    Raises
    ------
    PhotoqueueError
        The frame is not one of calls.
    """
    columns = ("engine", "model", "latency_ms", "success", "cost_usd", "tokens_in", "tokens_out")
    need(frame, columns, "ai_calls()")
    models = [
        AiModel(
            engine=str(engine),
            model=str(model),
            calls=len(calls),
            failed=int((~calls["success"].astype(bool)).sum()),
            latency=percentiles(calls.loc[calls["success"].astype(bool), "latency_ms"]),
            cost_usd=float(calls["cost_usd"].sum()) if calls["cost_usd"].notna().any() else None,
            unpriced=int(calls["cost_usd"].isna().sum()),
            tokens_in=int(calls["tokens_in"].fillna(0).sum()),
            tokens_out=int(calls["tokens_out"].fillna(0).sum()),
        )
        for (engine, model), calls in frame.groupby(["engine", "model"])
    ]
    return Ai(models=tuple(sorted(models, key=lambda one: (-one.calls, one.engine, one.model))))


def percentiles(values: pd.Series[Any]) -> Percentiles:
    """Take percentiles of all values that there are, in ms."""
    numbers = values.dropna().to_numpy(dtype=float)
    if not len(numbers):
        return Percentiles()
    p50, p95, p99 = (float(value) for value in np.quantile(numbers, (0.5, 0.95, 0.99)))
    return Percentiles(count=len(numbers), p50=p50, p95=p95, p99=p99)


def _distribution(values: pd.Series[Any]) -> Distribution:
    numbers = values.dropna()
    if not len(numbers):
        return Distribution()
    positions, counts = np.unique(_positions(numbers, BINS_PER_DECADE), return_counts=True)
    return Distribution(
        bins=tuple(zip(positions.tolist(), counts.tolist(), strict=True)),
        percentiles=percentiles(numbers),
        least=float(numbers.min()),
        most=float(numbers.max()),
    )


def _positions(values: pd.Series[Any], per_decade: int) -> Any:
    """Return the bin of each value; the SQL of the client computes the very same."""
    logarithms = np.log10(np.maximum(values.to_numpy(dtype=float), SHORTEST_MS))
    # Rounding errors must not tell 1 s apart from 1 s.
    return np.floor(logarithms * per_decade + 1e-9).astype(int)


def moments(column: pd.Series[Any]) -> tuple[datetime, datetime] | None:
    """Return the first and the last moment of a column; None when there is none."""
    known = column.dropna()
    return (moment(known.min()), moment(known.max())) if len(known) else None


def moment(stamp: Any) -> datetime:
    """Return a pandas timestamp as Python's own, without its nanoseconds."""
    found: datetime = stamp.to_pydatetime(warn=False)
    return found
