"""The tree of errors: one base, and a docstring that shows it as it is."""

from __future__ import annotations

import inspect
import re

import pytest

from photoqueue import errors
from photoqueue.errors import (
    JobCancelledError,
    JobError,
    JobFailedError,
    NotFoundError,
    PermanentError,
    PhotoqueueError,
    ResultTimeoutError,
)

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and value.__module__ == errors.__name__
]
_LINE = re.compile(r"^(?P<lead>[ │├└─]*)(?P<name>\w+Error)\b")


def drawn_tree() -> dict[str, str | None]:
    """Read the tree of the docstring: class → parent."""
    tree: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = _LINE.match(line)
        if match and (match["lead"].strip() or match["name"] == "PhotoqueueError"):
            depth = (len(match["lead"]) - 4) // 4
            path[depth:] = [match["name"]]
            tree[match["name"]] = path[depth - 1] if depth else None
    return tree


def test_docstring_draws_the_tree_as_it_is() -> None:
    real = {
        cls.__name__: None if cls is PhotoqueueError else cls.__bases__[0].__name__
        for cls in CLASSES
    }
    assert drawn_tree() == real


@pytest.mark.parametrize("error", CLASSES)
def test_error_has_the_base_a_fitting_name_and_one_sentence(error: type[Exception]) -> None:
    assert issubclass(error, PhotoqueueError)
    assert error.__name__.endswith("Error")
    first = (inspect.getdoc(error) or "").splitlines()[0]
    assert first.endswith(".")


def test_missing_things_are_lookup_errors() -> None:
    assert issubclass(NotFoundError, LookupError)


def test_result_timeout_is_a_timeout() -> None:
    assert issubclass(ResultTimeoutError, TimeoutError)


def test_no_error_of_waiting_is_permanent() -> None:
    for error in (JobError, ResultTimeoutError, errors.ServiceError, errors.StorageError):
        assert not issubclass(error, PermanentError)


def test_job_error_carries_its_job() -> None:
    failed = JobFailedError("it failed", job_id="j1", error_type="ValueError", remote_traceback="t")
    assert (failed.job_id, failed.error_type, failed.remote_traceback) == ("j1", "ValueError", "t")
    assert str(failed) == "it failed"
    assert JobCancelledError("gone", job_id="j2").job_id == "j2"
