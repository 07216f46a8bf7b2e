"""What the benchmarks make of figures: medians, verdicts, tables, and what they keep."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks import chart, report
from benchmarks.__main__ import main
from benchmarks.goals import verdicts
from benchmarks.plan import measures
from benchmarks.store import Store
from benchmarks.summary import figure, percentile, summarise


def test_summary_leaves_nothing_out() -> None:
    found = summarise([3.0, 1.0, 100.0, 2.0])
    assert (found.median, found.low, found.high, found.number) == (2.5, 1.0, 100.0, 4)
    assert found.spread == pytest.approx(99 / 2.5)
    assert str(found) == "2.50 (1.00–100)"


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_what_is_no_measurement_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="Cannot sum up"):
        summarise(values)


def test_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, p) for p in (0, 50, 95, 100)] == [1, 50, 95, 100]
    assert percentile([7.0], 95) == 7.0
    with pytest.raises(ValueError, match="0…100"):
        percentile(values, 101)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.012345, "0.0123"), (1.5, "1.50"), (999.6, "1,000"), (12_345.6, "12,300")],
)
def test_figures_have_three_digits_that_count(value: float, shown: str) -> None:
    assert figure(value) == shown


def test_goals_are_judged_by_medians_of_one_run() -> None:
    values = {
        "submit": {
            "photoqueue": {"jobs/s": [50.0, 60.0, 1.0]},
            "bullmq+rows": {"jobs/s": [10.0, 9.0, 11.0]},
        },
        "latency": {"photoqueue": {"p50 ms": [3.1]}, "bare loop": {"p50 ms": [2.0]}},
        "history": {"photoqueue": {"s": [1.0]}, "read_sql": {"s": [6.0]}},
    }
    found = {one.what: (one.found, one.reached) for one in verdicts(values)}
    assert found["bulk submit, against BullMQ with rows"] == ("5.00×", True)
    one_job = "one job, submit to result, p50, against a bare loop of its commits"
    assert found[one_job] == ("1.55×", False)
    assert found["history() of 1,000,000 jobs, against pandas.read_sql"] == ("6.00×", True)
    assert found["photos, against a bare loop"] == (None, None)


def test_store_replaces_what_is_measured_again_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    first = Store(path)
    for value in (1.0, 2.0):
        first.add("drain", "huey", {"jobs/s": value})
    first.add("drain", "rq", {"jobs/s": 5.0})
    second = Store(path)
    assert second.has("drain", "huey", 2)
    assert not second.has("drain", "huey", 3)
    assert not second.has("drain", "celery", 1)
    second.add("drain", "huey", {"jobs/s": 9.0})
    kept = Store(path).values["drain"]
    assert kept == {"huey": {"jobs/s": [9.0]}, "rq": {"jobs/s": [5.0]}}


def test_report_has_a_table_for_each_measure_and_says_what_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path / "figures.json")
    for name in ("photoqueue", "huey"):
        for value in (10.0, 30.0, 20.0):
            store.add("drain", name, {"jobs/s": value})
    store.skipped["bullmq"] = "no node on this machine"
    report.write(store, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "### Work off no-op jobs" in text
    assert "20.0 (10.0–30.0)" in text
    assert "* bullmq: no node on this machine" in text
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(line) for line in lines}) <= 1, block
    assert (tmp_path / "chart.png").stat().st_size > 5_000


def test_nothing_measured_is_drawn_as_nothing(tmp_path: Path) -> None:
    chart.draw({}, tmp_path / "chart.png")
    assert not (tmp_path / "chart.png").exists()


def test_each_measure_is_asked_of_photoqueue() -> None:
    for measure in measures().values():
        assert "photoqueue" in [one.name for one in measure.contenders], measure.name


def test_unknown_measure_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "speed"])
    assert "there are submit, drain" in capsys.readouterr().err
