"""Charts: right and legible with nothing, one, few, many, and with failures only."""

from __future__ import annotations

import functools
import io
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from photoqueue.errors import PhotoqueueError
from photoqueue.faces.notebook import charts
from photoqueue.faces.notebook.charts import alt_text, as_png
from photoqueue.faces.notebook.charts.canvas import THEMES
from tests.frames import made_up, steps

CHARTS: dict[str, tuple[Callable[..., Figure], str]] = {
    "durations": (charts.durations, "attempts"),
    "waits": (charts.waits, "attempts"),
    "retries": (charts.retries, "jobs"),
    "failures": (charts.failures, "attempts"),
    "throughput": (charts.throughput, "jobs"),
    "ai": (charts.ai, "calls"),
}


@functools.cache
def drawn(name: str, count: int, theme: str = "light") -> tuple[Figure, bytes]:
    """Draw a chart of so many rows, once for all tests that look at it."""
    draw, frame = CHARTS[name]
    figure = draw(made_up(count)[frame], theme=theme)
    return figure, as_png(figure)


def words(figure: Figure) -> str:
    """All text that stands in a figure."""
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(match=_is_text))


def _is_text(artist: Any) -> bool:
    return hasattr(artist, "get_text") and artist.get_visible()


@pytest.mark.parametrize(
    ("count", "theme"),
    [(0, "light"), (1, "light"), (2, "dark"), (20, "light"), (3000, "light")],
)
@pytest.mark.parametrize("name", CHARTS)
def test_chart_is_drawn_from_any_number_of_rows(name: str, count: int, theme: str) -> None:
    figure, png = drawn(name, count, theme)
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert image.width == 640
    assert alt_text(figure).strip()


@pytest.mark.parametrize("name", CHARTS)
def test_chart_of_failures_only_is_drawn(name: str) -> None:
    draw, frame = CHARTS[name]
    figure = draw(made_up(50, failed=1)[frame])
    as_png(figure)
    assert "50" in alt_text(figure)


@pytest.mark.parametrize("name", CHARTS)
def test_text_stays_inside_the_picture(name: str) -> None:
    for count in (1, 20, 3000):
        figure, _ = drawn(name, count)
        width, height = figure.canvas.get_width_height()
        for text in figure.findobj(match=_is_text):
            if not text.get_text().strip():
                continue
            box = text.get_window_extent()
            if box.width == 0 or box.x0 > width:  # a tick beyond the end of its axis
                continue
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, (count, text.get_text(), box)


@pytest.mark.parametrize("failed", [0, 0.5])
@pytest.mark.parametrize("name", CHARTS)
def test_headings_of_panels_do_not_overlap(name: str, failed: float) -> None:
    draw, frame = CHARTS[name]
    for count in (9, 3000):
        rows = made_up(count, failed=failed)[frame]
        if "duration_ms" in rows:
            rows["duration_ms"] *= 100
        figure = draw(rows)
        figure.draw_without_rendering()
        headings = [one for axes in figure.axes for one in axes.texts if one.get_text()]
        for number, one in enumerate(headings):
            for other in headings[number + 1 :]:
                both = (one.get_text(), other.get_text())
                assert not one.get_window_extent().overlaps(other.get_window_extent()), both


def findings(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    return {
        name: chart.finding(chart.reduce(frames[frame]))  # type: ignore[attr-defined]  # of Chart
        for name, (chart, frame) in CHARTS.items()
    }


def test_findings_are_one_short_sentence() -> None:
    found = findings(made_up(3000))
    assert all(len(words) < 90 and not words.endswith(".") for words in found.values()), found
    assert re.fullmatch(r"Half of the attempts that completed took at most .+", found["durations"])
    assert re.fullmatch(r".+ % of jobs completed at the first attempt, .+ never", found["retries"])
    assert re.match(r"[\d.]+ % of attempts failed, mos", found["failures"])
    none = findings(made_up(0))
    assert (none["ai"], none["throughput"]) == ("No engine was called yet", "No job was submitted")


def test_empty_charts_say_what_is_missing() -> None:
    frames = made_up(0)
    said = {name: alt_text(draw(frames[frame])) for name, (draw, frame) in CHARTS.items()}
    assert said == {
        "durations": "Run time: no attempt has ended yet",
        "waits": "Wait and run: no attempt has ended yet",
        "retries": "Attempts until a job ends: no job has ended yet",
        "failures": "Failures: nothing has completed or failed yet",
        "throughput": "Throughput: no job was submitted",
        "ai": "Engine calls: no engine was called yet",
    }
    assert "no engine was called yet" in words(charts.ai(frames["calls"]))


def test_durations_say_percentiles_of_all_rows_with_failures_apart() -> None:
    frame = made_up(3000)["attempts"]
    completed = frame.loc[frame["outcome"] == "completed", "duration_ms"]
    said = alt_text(charts.durations(frame))
    assert said.startswith(f"Run time of {len(completed):,} completed attempts: p50 ")
    assert f"p50 {completed.quantile(0.5) / 1000:.1f} s" in said
    assert f"p99 {completed.quantile(0.99) / 1000:.1f} s" in said
    assert f"; {3000 - len(completed)} failed: p50 " in said


def test_few_samples_are_said() -> None:
    assert "n = 5 (few)" in words(charts.durations(made_up(5, failed=0)["attempts"]))
    assert "few" not in words(charts.durations(made_up(50, failed=0)["attempts"]))
    assert "(few)" in words(charts.retries(made_up(5)["jobs"]))


def test_one_duration_has_round_ticks_around_it_as_many_have() -> None:
    frame = made_up(3, failed=0)["attempts"]
    frame["duration_ms"] = 250.0
    assert {"100 ms", "200 ms", "500 ms"} <= set(words(charts.durations(frame)).split("\n"))
    ticks = words(charts.durations(made_up(3000)["attempts"])).split("\n")
    assert {"100 ms", "1 s", "30 s"} <= set(ticks)


def test_zero_waits_stand_at_the_end_of_the_axis_instead_of_nowhere() -> None:
    frame = made_up(100)["attempts"]
    frame["wait_ms"] = np.where(np.arange(100) % 2, 0.0, 1000.0)
    figure = charts.waits(frame)
    assert "waited p50" in alt_text(figure)
    assert "of 100 attempts" in alt_text(figure)
    assert "≤ 0.1 ms" in words(figure)


def test_bin_of_time_that_is_not_over_is_dashed() -> None:
    figure = charts.throughput(made_up(500)["jobs"])
    dashed = [
        patch
        for axes in figure.axes
        for patch in axes.patches
        if patch.get_linestyle() not in ("-", "solid")
    ]
    assert len(dashed) == 2


def test_oldest_waiting_job_stands_beside_the_throughput() -> None:
    frame = made_up(30, failed=0)["jobs"]
    newest = frame["finished_at"].max()
    frame.loc[0, "state"] = "waiting"
    frame.loc[0, ["started_at", "finished_at"]] = pd.NaT
    frame.loc[0, "created_at"] = newest - pd.Timedelta("2h")
    figure = charts.throughput(frame, now=newest.to_pydatetime(warn=False))
    assert "oldest waiting job has waited for 2 h 0 min" in alt_text(figure)
    assert "oldest waiting now: 2 h 0 min" in words(figure)


def test_retries_tell_what_never_succeeded_and_what_was_refused() -> None:
    jobs = pd.DataFrame(
        {
            "state": ["completed"] * 3 + ["failed"] * 2 + ["waiting"],
            "attempts": [1, 1, 3, 4, 0, 0],
        }
    )
    figure = charts.retries(jobs)
    assert alt_text(figure) == (
        "Attempts of 5 ended jobs: 2 (40 %) succeeded at the first attempt, 1 after retries, "
        "2 (40 %) never, 1 of them refused before any attempt."
    )
    assert "0 (refused)" in words(figure)


def test_failures_are_sorted_and_rare_kinds_added_up() -> None:
    frame = made_up(400, failed=1)["attempts"]
    frame["error_type"] = ["Frequent"] * 200 + [f"Kind{number % 20}" for number in range(200)]
    figure = charts.failures(frame)
    assert alt_text(figure).startswith("400 failures among 400 that ended (100 %): Frequent 200")
    assert "(other kinds)" in words(figure)


def test_calls_tell_latency_failures_and_cost() -> None:
    said = alt_text(charts.ai(made_up(300)["calls"]))
    assert "builtin rooms: 200 calls, latency p50 " in said
    assert "cost not known" in said
    assert "cost $0.20, $0.0020 a call" in said


def test_waterfall_tells_wait_run_and_back_off_of_each_attempt() -> None:
    figure = charts.waterfall(
        steps(
            ("error", 1200, 2000, 5000),
            ("worker_lost", 30, 8000, None),
            ("completed", 9, 300, None),
        )
    )
    as_png(figure)
    assert alt_text(figure) == (
        "3 attempts of one job. "
        "1: waited 1.2 s, ran 2.0 s, error: ConnectionError, then 5.0 s of back-off; "
        "2: waited 30 ms, ran 8.0 s, worker lost; 3: waited 9.0 ms, ran 300 ms, completed."
    )
    assert "✓" in words(figure)
    assert "no attempt of this job" in alt_text(charts.waterfall(steps()))


def test_waterfall_takes_one_job_only() -> None:
    with pytest.raises(ValueError, match=r"attempts of 2; choose one: attempts\(job\)"):
        charts.waterfall(made_up(2)["attempts"])


def test_frame_of_another_verb_is_refused_with_what_it_lacks() -> None:
    frames = made_up(3)
    with pytest.raises(PhotoqueueError, match=r"history\(\) returns.*lacks the columns state"):
        charts.retries(frames["attempts"])
    with pytest.raises(PhotoqueueError, match=r"ai_calls\(\) returns"):
        charts.ai(frames["jobs"])


def test_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="'sepia'; there are 'light', 'dark'"):
        charts.durations(made_up(3)["attempts"], theme="sepia")  # type: ignore[arg-type]  # the mistake that is tested


def test_long_names_are_shortened() -> None:
    frame = made_up(40, failed=1)["attempts"]
    frame["error_type"] = "E" * 300
    assert "E" * 15 + "…" + "E" * 14 in words(charts.failures(frame))


def test_summary_is_in_the_file_too() -> None:
    figure = charts.durations(made_up(30)["attempts"])
    image = Image.open(io.BytesIO(as_png(figure)))
    assert isinstance(image.info, dict)
    assert image.info["Title"] == alt_text(figure)


def test_background_is_opaque_unless_the_page_is_known() -> None:
    figure = charts.durations(made_up(30)["attempts"], theme="dark")
    assert Image.open(io.BytesIO(as_png(figure))).convert("RGBA").getpixel((0, 0)) == (
        *(17, 17, 17),
        255,
    )
    clear = Image.open(io.BytesIO(as_png(figure, bare=True))).convert("RGBA")
    assert clear.getpixel((0, 0))[3] == 0  # type: ignore[index]  # a tuple in RGBA


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("name", THEMES)
def test_text_has_enough_contrast(name: str) -> None:
    theme = THEMES[name]
    pages = {"light": ("#ffffff",), "dark": ("#111111", "#212121")}[name]
    for page in (theme.background, *pages):
        for colour in (theme.text, theme.quiet):
            dark, light = sorted((_luminance(colour), _luminance(page)))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (colour, page)


def test_charts_load_no_pyplot() -> None:
    program = (
        "import sys\nimport photoqueue.faces.notebook.charts\n"
        "print([name for name in ('matplotlib.pyplot', 'ipywidgets') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_notebooks_get_the_summary_of_a_chart_beside_its_picture() -> None:
    figure = charts.durations(made_up(20)["attempts"])
    data, metadata = figure._repr_mimebundle_()  # type: ignore[attr-defined]  # of our figures
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"].startswith("<Figure size 640x320 with ")
    assert metadata["image/png"]["alt"] == charts.alt_text(figure)
    assert metadata["image/png"]["alt"].startswith("Run time of ")
