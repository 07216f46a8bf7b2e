"""Answers of the HTTP API that tell what a record holds tell all of it, by the same name."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest

from photoqueue.faces.http import answers
from photoqueue.queue.pages import JobRow
from photoqueue.queue.read import JobStory, StoryAttempt, StoryCall


@pytest.mark.parametrize(
    ("answer", "record"),
    [
        (answers.JobEntry, JobRow),
        (answers.AttemptEntry, StoryAttempt),
        (answers.CallEntry, StoryCall),
    ],
)
def test_answer_has_the_fields_of_its_record(answer: Any, record: type) -> None:
    told = {name: field.annotation for name, field in answer.model_fields.items()}
    assert told == get_type_hints(record)


def test_answer_about_one_job_leaves_nothing_of_its_story_out() -> None:
    told = set(answers.JobAnswer.model_fields)
    renamed = {"snapshot", "attempts"}
    assert set(JobStory.__dataclass_fields__) - renamed <= told
    assert "attempt_list" in told
