from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import QueueName, StateName
from photoqueue.jobs import job_types
from photoqueue.words import JobState


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "-"),
        (math.nan, "-"),
        (0.04, "0.0 ms"),
        (9.4, "9.4 ms"),
        (999.4, "999 ms"),
        (4_200, "4.2 s"),
        (119_000, "119 s"),
        (200_000, "3 min 20 s"),
        (2 * 3_600_000, "2 h 0 min"),
        (100 * 3_600_000, "4 d 4 h"),
    ],
)
def test_duration_has_two_units_at_most(milliseconds: float | None, shown: str) -> None:
    assert words.duration(milliseconds) == shown


def test_moment_is_as_short_as_its_distance_allows() -> None:
    now = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    assert words.moment(now, now).count(":") == 2
    assert words.moment(now - timedelta(days=30), now).startswith("16 May")
    assert words.moment(now - timedelta(days=400), now) == "2025-05-11"
    assert words.moment(pd.Timestamp(now), now) == words.moment(now, now)
    assert words.moment(pd.NaT) == "-"


def test_text_shows_control_characters_instead_of_obeying_them() -> None:
    assert words.text("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"
    assert words.text("two\nlines") == "two\nlines"
    assert words.line("two\n  lines") == "two lines"


def test_counted_knows_the_singular() -> None:
    assert words.counted(1, "job") == "1 job"
    assert words.counted(10_000, "job") == "10,000 jobs"


def test_options_offer_the_names_of_the_domain() -> None:
    assert [str(name) for name in QueueName] == [str(name) for name in job_types()]
    assert [str(name) for name in StateName] == [str(name) for name in JobState]


def test_command_line_starts_without_heavy_libraries() -> None:
    heavy = ("pandas", "sqlalchemy", "onnxruntime", "numpy", "pydantic", "redis", "psycopg")
    code = (
        f"import sys, photoqueue.faces.cli.app; print([m for m in {heavy!r} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["__main__", "__mp_main__"])
def test_commands_and_their_processes_look_for_garbage_rarely(name: str) -> None:
    code = (
        "import gc, runpy, sys\n"
        "sys.argv = ['photoqueue', '--version']\n"
        "try:\n"
        f"    runpy.run_module('photoqueue', run_name={name!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(gc.get_threshold()[0] > 5000)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[-1] == "True"
