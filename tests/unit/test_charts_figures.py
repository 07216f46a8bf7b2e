"""What charts are drawn from: grids, periods, percentiles, words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.faces.notebook.charts import OVERVIEW
from photoqueue.faces.notebook.charts.canvas import compact, duration_ticks, place
from photoqueue.faces.notebook.charts.reduction import (
    ai_of,
    durations_of,
    failures_of,
    retries_of,
    throughput_of,
    waits_of,
)
from photoqueue.records.figures import (
    BINS_PER_DECADE,
    KINDS,
    ErrorKind,
    Period,
    edge_ms,
    most_frequent,
)
from tests.frames import made_up

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_every_duration_is_in_the_bin_that_holds_it(values: list[float]) -> None:
    frame = pd.DataFrame({"duration_ms": values, "wait_ms": values})
    frame = frame.assign(outcome="completed", ended_at=pd.Timestamp(NOW), error_type=None)
    found = durations_of(frame).completed
    assert found.count == sum(count for _, count in found.bins) == len(values)
    for position, count in found.bins:
        low, high = edge_ms(position), edge_ms(position + 1)
        inside = [value for value in values if low * 0.999999 <= max(value, 0.1) <= high * 1.000001]
        assert len(inside) >= count
    cells = waits_of(frame).cells
    assert sum(completed for _, _, completed, _ in cells) == len(values)


def test_round_durations_begin_their_bins() -> None:
    for power in range(-1, 8):
        frame = made_up(1, failed=0)["attempts"].assign(duration_ms=float(10**power))
        assert durations_of(frame).completed.bins == ((power * BINS_PER_DECADE, 1),)


def test_percentiles_are_within_one_percent_of_those_of_all_rows() -> None:
    frame = made_up(1000)["attempts"]
    of_all = frame.loc[frame["outcome"] == "completed", "duration_ms"]
    found = durations_of(frame).completed
    assert (found.p50, found.p95, found.p99) == pytest.approx(
        tuple(np.quantile(of_all, (0.5, 0.95, 0.99))), rel=0.01
    )


def test_attempts_that_were_handed_back_are_neither_completed_nor_failed() -> None:
    frame = made_up(4, failed=0)["attempts"]
    frame["outcome"] = ["completed", "timeout", "released", "cancelled"]
    found = durations_of(frame)
    assert (found.completed.count, found.failed.count) == (1, 1)


def test_jobs_are_reduced_like_their_last_attempts() -> None:
    frames = made_up(200)
    assert durations_of(frames["jobs"]) == durations_of(frames["attempts"])
    assert waits_of(frames["jobs"]) == waits_of(frames["attempts"])
    assert failures_of(frames["jobs"]) == failures_of(frames["attempts"])


@given(
    st.integers(0, 4 * 365 * 86400).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 10**9),
)
def test_period_has_at_most_some_sixty_bins_that_cover_it(span: timedelta, ago: int) -> None:
    until = NOW - timedelta(seconds=ago)
    period = Period.between(until - span, until)
    starts = period.starts
    assert 1 <= len(starts) <= 62
    assert starts[0] <= period.since < starts[0] + timedelta(seconds=period.seconds)
    assert starts[-1] <= until < starts[-1] + timedelta(seconds=period.seconds)
    assert all(start.timestamp() % period.seconds == 0 for start in starts)


def test_throughput_counts_each_job_once() -> None:
    found = throughput_of(made_up(300)["jobs"])
    assert sum(one.submitted for one in found.bins) == 300
    assert sum(one.completed + one.failed for one in found.bins) == 300
    assert found.oldest_waiting_s is None


def test_rarest_kinds_of_error_are_added_up() -> None:
    kinds = [
        ErrorKind(
            error_type=f"E{number}",
            count=number,
            first_at=NOW - timedelta(hours=number),
            last_at=NOW,
        )
        for number in range(1, 20)
    ]
    found = most_frequent(kinds)
    assert len(found) == KINDS
    assert [kind.count for kind in found[:2]] == [19, 18]
    assert found[-1].count == sum(range(1, 9))
    assert sum(kind.count for kind in found) == sum(kind.count for kind in kinds)


@pytest.mark.parametrize(
    ("least", "most"), [(0.1, 1e8), (100, 2000), (1, 10), (30_000, 120_000), (500, 1600)]
)
def test_ticks_are_round_and_few(least: float, most: float) -> None:
    ticks = duration_ticks(least, most, 8)
    assert 1 <= len(ticks) <= 8
    assert all(least <= tick <= most for tick in ticks)


def test_zero_has_a_place_on_the_logarithmic_axis() -> None:
    assert place(0) == place(0.1) == -1


def test_counts_are_written_in_little_room() -> None:
    assert [compact(count) for count in (7, 999, 1234, 80_755, 999_700, 1_000_000, 250_000)] == [
        *("7", "999", "1.2 k", "81 k", "1 M", "1 M", "250 k")
    ]


def test_tables_have_a_cell_for_each_column() -> None:
    for count in (0, 1, 200):
        frames = made_up(count)
        made = (
            OVERVIEW["durations"].table(durations_of(frames["attempts"])),
            OVERVIEW["waits"].table(waits_of(frames["attempts"])),
            OVERVIEW["retries"].table(retries_of(frames["jobs"])),
            OVERVIEW["failures"].table(failures_of(frames["attempts"])),
            OVERVIEW["throughput"].table(throughput_of(frames["jobs"])),
            OVERVIEW["ai"].table(ai_of(frames["calls"])),
        )
        for table in made:
            assert all(len(row) == len(table.columns) for row in table.rows)
            assert all(isinstance(cell, str) for row in table.rows for cell in row)
