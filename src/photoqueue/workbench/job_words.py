"""Jobs as the front end takes them: plain values and words."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from photoqueue.client.pages import JobQuery, JobRow, JobStory
from photoqueue.models import UNFINISHED, JobState

#: Characters of an attempt's error that its line shows.
_ATTEMPT_ERROR: Final = 500


def row_shown(row: JobRow) -> dict[str, Any]:
    """Return a row of the table; the error in one line."""
    shown = _plain(asdict(row))
    shown["name"] = row.file_name or row.photo_id or row.job_key
    shown["error"] = _one_line(row.error_type, row.error_message)
    del shown["error_message"], shown["error_type"]
    return shown


def story_shown(story: JobStory) -> dict[str, Any]:
    """Return the story of a job, and what can be done with it."""
    found = story.snapshot
    shown = _plain(asdict(story))
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
