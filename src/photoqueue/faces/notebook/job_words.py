"""Jobs as the front end takes them: plain values and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from photoqueue.client.pages import JobOrder, JobPage, JobQuery, JobRow, JobStory, rows_before
from photoqueue.jobs import job_types
from photoqueue.words import UNFINISHED, JobState

#: Up to so many jobs the place of a page is counted in any order and with any text.
_COUNTED_ALWAYS: Final = 20_000
#: Characters of an attempt's error that its line shows.
_ATTEMPT_ERROR: Final = 500


def row_shown(row: JobRow) -> dict[str, Any]:
    """Return a row of the table; the error in one line."""
    shown: dict[str, Any] = _plain(asdict(row))
    shown["name"] = row.file_name or row.photo_id or row.job_key
    shown["error"] = _one_line(row.error_type, row.error_message)
    del shown["error_message"], shown["error_type"]
    return shown


def story_shown(story: JobStory) -> dict[str, Any]:
    """Return the story of a job, and what can be done with it."""
    found = story.snapshot
    shown: dict[str, Any] = _plain(asdict(story))
    shown.update(shown.pop("snapshot"))
    shown["job_id"] = str(found.job_id)
    shown["name"] = story.file_name or found.photo_id or found.job_key
    shown["can_retry"] = found.state in (JobState.FAILED, JobState.CANCELLED)
    shown["can_cancel"] = found.state in UNFINISHED
    for attempt in shown["attempts"]:
        attempt["error"] = _one_line(attempt.pop("error_type"), attempt.pop("error_message"))
    if found.state.finished:
        del shown["now_ms"]  # nothing of it moves any more
    return shown


def jobs_meant(query: JobQuery, number: int) -> str:
    """Say how many jobs of which filter, such as ``12 failed jobs of batch "b-1"``."""
    states = " or ".join(map(str, query.states))
    words = [f"{number:,}", *([states] if states else []), "job" if number == 1 else "jobs"]
    if query.project_id:
        words.append(f"of project “{query.project_id}”")
    if query.batch_id:
        words.append(f"of batch “{query.batch_id}”")
    if query.queue:
        words.append(f"in queue {query.queue}")
    if query.text.strip():
        words.append(f"with “{query.text.strip()[:60]}” in them")
    if len(words) == (3 if states else 2):
        words.append("of this installation")
    return " ".join(words)


def controls_shown(query: JobQuery) -> dict[str, Any]:
    """Return what is filtered and sorted by."""
    return {
        "queue": str(query.queue or ""),
        "queues": [str(queue) for queue in job_types()],
        "states": [str(state) for state in query.states],
        "text": query.text,
        "order": str(query.order),
        "descending": query.descending,
        "project": query.project_id or "",
        "batch": query.batch_id or "",
    }


def page_shown(
    query: JobQuery, page: JobPage, counts: Mapping[JobState, int] | None
) -> dict[str, Any]:
    """Return the rows, and where they are in the list once it is counted."""
    shown: dict[str, Any] = {
        "rows": [row_shown(row) for row in page.rows],
        "next": page.next is not None,
        "previous": page.previous is not None,
        "total": None,
        "position": None,
        "failed": "",
    }
    if counts is not None:
        total = sum(counts[state] for state in query.states or JobState)
        failed = replace(query, states=(JobState.FAILED,))
        shown |= {
            "total": total,
            "position": _position(query, page, total),
            "failed": jobs_meant(failed, counts[JobState.FAILED]),
        }
    return shown


def _position(query: JobQuery, page: JobPage, total: int) -> int | None:
    """Return how many jobs come before the page, where that is cheap to know."""
    if page.previous is None:
        return 0
    if page.next is None:
        return max(total - len(page.rows), 0)
    cheap = query.order is JobOrder.SUBMITTED and not query.text
    return rows_before(query, page.previous) if cheap or total <= _COUNTED_ALWAYS else None


def retried(started: int, seen: int) -> str:
    """Say how many of the failed jobs that were seen were started anew."""
    if started == seen:
        return f"Started {started:,} failed job{'' if started == 1 else 's'} anew."
    return (
        f"Started {started:,} of {seen:,} failed jobs anew. The others stay: another job of the "
        "same photo waits, runs or has completed since, or the photo could not be read."
    )


def _one_line(error_type: str | None, message: str | None) -> str:
    if not error_type and not message:
        return ""
    if error_type == message:  # a cancelled job says "cancelled" twice
        message = None
    return " ".join(": ".join(filter(None, (error_type, message))).split())[:_ATTEMPT_ERROR]


def _plain(value: Any) -> Any:
    """Turn what JSON lacks into text."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value
