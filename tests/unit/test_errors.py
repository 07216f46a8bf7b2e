"""The tree of errors: one base, and a sentence for each."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import pytest

from photoqueue import errors
from photoqueue.client.alerts import AlertUrlError
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


class FloorPlanError(PermanentError):
    """An error of one's own, which makes its message of several things."""

    def __init__(self, floor: int, /, plan: str, *, sheet: str = "a") -> None:
        super().__init__(f"Floor {floor} is not on {plan}.")
        self.where = (floor, plan, sheet)


#: What the errors are told beside their message.
_DETAILS: Final = {
    "seconds": 20.5,
    "job_id": "01a209ce-dc1e-7676-951f-0a77b04d212b",
    "error_type": "ValueError",
    "remote_traceback": "Traceback (most recent call last):\n  …\nValueError: ü",
}


def realistic(error: type[PhotoqueueError]) -> PhotoqueueError:
    if error is FloorPlanError:
        return FloorPlanError(2, "plan.pdf", sheet="b")
    asked = inspect.signature(error).parameters if inspect.isfunction(error.__init__) else ()
    return error("It failed. Try again.", **{k: v for k, v in _DETAILS.items() if k in asked})


def fail_with(name: str) -> None:
    error = realistic(TRAVELLERS[name])
    error.add_note("seen in the kitchen")
    raise error


TRAVELLERS: Final = {error.__name__: error for error in [*CLASSES, AlertUrlError, FloorPlanError]}


def assert_same(back: BaseException | None, name: str) -> None:
    sent = realistic(TRAVELLERS[name])
    assert type(back) is type(sent)
    assert (str(back), back.args, repr(back)) == (str(sent), sent.args, repr(sent))
    # A pool of processes adds notes, and where the error was raised.
    assert vars(back) == {**vars(sent), "__notes__": ["seen in the kitchen"]}


@pytest.mark.parametrize("name", TRAVELLERS)
def test_error_is_the_same_when_it_is_copied_or_pickled(name: str) -> None:
    with pytest.raises(TRAVELLERS[name]) as caught:
        fail_with(name)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert_same(pickle.loads(pickle.dumps(caught.value, protocol)), name)
    assert_same(copy.copy(caught.value), name)
    assert_same(copy.deepcopy(caught.value), name)


def test_errors_cross_pools_of_processes() -> None:
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, context) as executor:
        futures = {name: executor.submit(fail_with, name) for name in TRAVELLERS}
        for name, future in futures.items():
            assert_same(future.exception(timeout=60), name)
    with context.Pool(1) as pool:
        waiting = {name: pool.apply_async(fail_with, (name,)) for name in TRAVELLERS}
        for name, result in waiting.items():
            with pytest.raises(TRAVELLERS[name]) as caught:
                result.get(timeout=60)
            assert_same(caught.value, name)
