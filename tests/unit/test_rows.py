"""Rows on their way to PostgreSQL: what has a meaning to COPY is written to have none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from photoqueue.queue.broker.redis_messages import zadd, zadd_entry
from photoqueue.queue.copying import as_json, as_text
from photoqueue.words import JobState


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["a", "b"], "a\nb\n"),
        ([1, None], "1\n\\N\n"),
        ([None, None], "\\N\n\\N\n"),
        (["", None], "\n\\N\n"),
        (["\\N", None], "\\\\N\n\\N\n"),
        (["\\.", "\\."], "\\\\.\n\\\\.\n"),
        (["a\tb", "c\r\n"], "a\\tb\nc\\r\\n\n"),
        ([False, None], "False\n\\N\n"),
        ([JobState.WAITING, JobState.FAILED], "waiting\nfailed\n"),
        (range(2), "0\n1\n"),
    ],
)
def test_column_is_written_as_copy_reads_it(values: Any, text: str) -> None:
    assert as_text({"column": values}) == text


def test_rows_go_across_the_columns() -> None:
    columns = {"a": ["x", "y"], "b": [7, 7], "c": [None, "z"]}
    assert as_text(columns) == "x\t7\t\\N\ny\t7\tz\n"
    assert json.loads(as_json(columns)) == [
        {"a": "x", "b": 7, "c": None},
        {"a": "y", "b": 7, "c": "z"},
    ]


def test_command_of_redis_counts_what_follows() -> None:
    entries = [zadd_entry(-10, b"one"), zadd_entry(0, b"a\r\n$b")]
    assert zadd(b"q", entries) == (
        b"*6\r\n$4\r\nZADD\r\n$1\r\nq\r\n$3\r\n-10\r\n$3\r\none\r\n$1\r\n0\r\n$5\r\na\r\n$b\r\n"
    )
