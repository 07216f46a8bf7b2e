"""One way to write values, in Python and in the pages' script."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from photoqueue import format as written
from photoqueue.faces import shared_script
from tests.format_cases import CASES, IN_JAVASCRIPT, ZONE, wrong


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def as_given(name: str, argument: Any) -> Any:
    """Return the moment of an ISO time, as the functions of moments take them."""
    is_time = name in ("moment", "clock") and isinstance(argument, str)
    return datetime.fromisoformat(argument) if is_time else argument


@pytest.mark.usefixtures("in_zone")
def test_python_writes_values_as_the_table_has_them() -> None:
    texts = [
        getattr(written, name)(*(as_given(name, argument) for argument in arguments))
        for name, arguments, _ in CASES
    ]
    assert wrong(texts) == []


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to run JavaScript")
def test_javascript_writes_values_as_the_table_has_them() -> None:
    code = f"{shared_script()}\nconsole.log(JSON.stringify({IN_JAVASCRIPT}))"
    said = subprocess.run(
        ["node", "-"],
        input=code,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": ZONE},
    )
    assert wrong(json.loads(said.stdout)) == []


def test_what_a_frame_lacks_is_a_dash() -> None:
    writers = (written.duration, written.volume, written.percent, written.score, written.money)
    assert {write(math.nan) for write in writers} == {written.NOTHING}
    assert written.clock(pd.NaT) == written.moment(pd.NaT) == written.NOTHING
    assert written.line(None) == written.foreign(math.nan) == written.NOTHING


def test_a_deviation_has_its_sign() -> None:
    shown = [written.percent(value, signed=True) for value in (0.12, -0.12, 0.0)]
    assert shown == ["+12 %", "-12 %", "0 %"]


def test_moments_of_pandas_and_of_python_are_written_alike() -> None:
    now = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    assert written.clock(pd.Timestamp(now), now) == written.clock(now, now)
    assert written.moment(now, utc=True) == "2026-06-15 12:00 UTC"


def test_text_shows_control_characters_instead_of_obeying_them() -> None:
    assert written.foreign("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"
    assert written.foreign("two\nlines") == "two\nlines"
    assert written.line("two\n  lines") == "two lines"
