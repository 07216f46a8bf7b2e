"""Log lines: one event a line, fields that cannot forge others, text or JSON."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from photoqueue.worker.logs import JsonFormatter, TextFormatter, configure_logging


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    logger = logging.getLogger("photoqueue")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def make_record(message: str = "completed", **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("photoqueue.x", logging.INFO, "x.py", 1, message, (), None)
    record.created = 1_763_924_111.0423
    if fields:
        record.fields = fields
    return record


def test_text_line_names_queue_job_and_photo() -> None:
    line = TextFormatter().format(
        make_record(queue="photo-analyze", job="j1", photo="salon-1", duration_ms=12.5, attempts=2)
    )
    assert line == (
        "2025-11-23T18:55:11.042Z INFO photo-analyze completed "
        "job=j1 photo=salon-1 duration_ms=12.5 attempts=2"
    )


def test_text_line_without_fields() -> None:
    assert TextFormatter().format(make_record("worker ready")).endswith("INFO worker ready")


@pytest.mark.parametrize(
    "photo",
    ["two words", 'quo"te', "a=b", "line\nINFO forged", "", "\x1b[31mred", "nul\x00"],
)
def test_value_stays_on_its_line_and_apart_from_its_neighbours(photo: str) -> None:
    line = TextFormatter().format(make_record(photo=photo, attempts=1))
    assert "\n" not in line
    assert "\x1b" not in line
    quoted = line.partition("photo=")[2].removesuffix(" attempts=1")
    assert json.loads(quoted) == photo


def test_plain_value_is_not_quoted() -> None:
    assert "photo=chambre-à-coucher" in TextFormatter().format(
        make_record(photo="chambre-à-coucher")
    )


def test_json_line_is_one_object_with_the_fields() -> None:
    line = JsonFormatter().format(make_record(queue="photo-analyze", photo="a\nb", attempts=2))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2025-11-23T18:55:11.042Z",
        "level": "info",
        "event": "completed",
        "queue": "photo-analyze",
        "photo": "a\nb",
        "attempts": 2,
    }


def test_traceback_is_kept() -> None:
    record = make_record()
    try:
        raise ValueError("why")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: why" in TextFormatter().format(record)
    assert "ValueError: why" in json.loads(JsonFormatter().format(record))["traceback"]


def test_log_goes_to_standard_error_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    configure_logging("json")
    logging.getLogger("photoqueue.worker").info("hello %s", "you")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello you"
