"""DataFrames like those of the client's verbs, made up: jobs, attempts and calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-11-25T08:00:00Z")
KINDS = ("ConnectionError", "TimeoutError", "UnreadablePhotoError", "worker_lost")


def made_up(count: int, *, failed: float = 0.1) -> dict[str, pd.DataFrame]:
    """Make jobs of three hours, each with one attempt and one call; some fail."""
    random = np.random.default_rng(1)
    created = START + pd.to_timedelta(np.sort(random.integers(0, 10_800_000, count)), unit="ms")
    wait = np.round(np.exp(random.normal(6, 2, count)), 3)
    wait[::50] = 0.0
    run = np.round(np.exp(random.normal(7, 1, count)), 3)
    fails = random.random(count) < failed
    started = created + pd.to_timedelta(wait.round(), unit="ms")
    ended = started + pd.to_timedelta(run.round(), unit="ms")
    error = pd.Series(random.choice(KINDS, count), dtype=object).where(fails, None)
    identity = [f"00000000-0000-7000-8000-{number:012x}" for number in range(count)]
    jobs: dict[str, Any] = {
        "job_id": identity,
        "state": np.where(fails, "failed", "completed"),
        "attempts": random.choice([1, 1, 1, 2, 4], count),
        "created_at": created,
        "started_at": started,
        "finished_at": ended,
        "wait_ms": wait,
        "job_duration_ms": run,
        "error_type": error,
    }
    attempts: dict[str, Any] = {
        "job_id": identity,
        "attempt": jobs["attempts"],
        "outcome": np.where(fails, "error", "completed"),
        "wait_ms": wait,
        "duration_ms": run,
        "retry_delay_ms": None,
        "started_at": started,
        "ended_at": ended,
        "error_type": error,
    }
    priced = np.arange(count) % 3 == 0
    calls: dict[str, Any] = {
        "engine": np.where(priced, "llm", "builtin"),
        "model": np.where(priced, "a-vision-model-with-quite-a-long-name", "rooms"),
        "latency_ms": run,
        "success": ~fails,
        "cost_usd": np.where(priced, 0.002, np.nan),
        "tokens_in": np.where(priced, 900.0, np.nan),
        "tokens_out": np.where(priced, 200.0, np.nan),
    }
    return {
        "jobs": pd.DataFrame(jobs),
        "attempts": pd.DataFrame(attempts),
        "calls": pd.DataFrame(calls),
    }


def steps(*rows: tuple[str, float, float, float | None]) -> pd.DataFrame:
    """Make the attempts of one job: outcome, wait, run and back-off in ms."""
    moment, made = START, []
    for number, (outcome, wait, run, back_off) in enumerate(rows, start=1):
        started = moment + pd.Timedelta(wait, "ms")
        ended = started + pd.Timedelta(run, "ms")
        made.append(
            {
                "job_id": "one",
                "attempt": number,
                "outcome": outcome,
                "wait_ms": wait,
                "started_at": started,
                "ended_at": ended,
                "retry_delay_ms": back_off,
                "error_type": "ConnectionError" if outcome == "error" else None,
            }
        )
        moment = ended + pd.Timedelta(back_off or 0, "ms")
    columns = ("job_id", "attempt", "outcome", "wait_ms", "started_at", "ended_at")
    return pd.DataFrame(made, columns=[*columns, "retry_delay_ms", "error_type"])
