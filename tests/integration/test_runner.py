"""The runner where PostgreSQL's answers get lost, and where an engine reports nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

import photoqueue
from photoqueue import JobState
from photoqueue.errors import DatabaseUnavailableError
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ledger import Claim, Ended, Ledger
from photoqueue.queue.read import ai_calls
from photoqueue.records.snapshots import AiCall
from photoqueue.worker.runner import Runner
from tests.conftest import submit
from tests.ledgers import kept_records

WORKER = UUID(int=7)


class Unlucky(Ledger):
    """Commits a statement, and loses its answer with the connection the first time."""

    lost: str = ""

    def claim(self, *args: Any, **options: Any) -> Claim | None:
        return self._lose("claim", super().claim(*args, **options))

    def complete_and_claim(
        self, *args: Any, **options: Any
    ) -> tuple[list[Ended | None], list[Claim]]:
        return self._lose("complete", super().complete_and_claim(*args, **options))

    def _lose(self, name: str, answer: Any) -> Any:
        if self.lost == name:
            self.lost = ""
            self.close()
            raise DatabaseUnavailableError("the connection broke before the answer came")
        return answer


@pytest.fixture
def ledger(installation: Installation) -> Iterator[Unlucky]:
    with closing(Unlucky(installation.database)) as ledger:
        yield ledger


def run(installation: Installation, ledger: Ledger, job: photoqueue.Job, handler: Any) -> Any:
    runner = Runner(
        ledger=ledger,
        broker=installation.broker,
        settings=installation.settings,
        queue=PHOTO_ANALYZE,
        handler=handler,
        worker_id=WORKER,
        slot=1,
    )
    return runner.run(UUID(job.id))


def call(**options: Any) -> AiCall:
    return AiCall(
        **{
            "photo_id": "p",
            "engine": "e",
            "model": "m",
            "latency_ms": 1.0,
            "success": True,
            **options,
        }
    )


@pytest.mark.parametrize("lost", ["claim", "complete"])
def test_lost_answer_neither_loses_the_job_nor_doubles_it(
    installation: Installation, ledger: Unlucky, lost: str
) -> None:
    job = submit("salon-1")
    ledger.lost = lost
    runs = []

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        runs.append(claim.attempt)
        calls.append(call())
        return '{"photoId": "salon-1"}'

    ended = run(installation, ledger, job, handler)
    assert ended.state is JobState.COMPLETED
    assert runs == [1]
    assert list(job.attempts()["outcome"]) == ["completed"]
    assert len(ai_calls(installation.database)) == 1
    assert len(kept_records(installation.broker.records, PHOTO_ANALYZE, JobState.COMPLETED)) == 1


def test_failure_is_recorded_also_where_its_calls_cannot_be(
    installation: Installation, ledger: Unlucky
) -> None:
    job = submit("salon-1")

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        calls.append(call(tokens_in=2**80))
        return "{}"

    ended = run(installation, ledger, job, handler)
    assert ended.state is JobState.FAILED
    assert "cannot store a value" in job.poll().error_message


def test_back_off_follows_the_budget_of_the_job_not_the_settings_of_the_worker(
    installation: Installation, ledger: Unlucky
) -> None:
    job = submit("salon-1")
    settings = installation.settings.model_copy(update={"max_retries": 9, "backoff_delay": 1})

    def handler(claim: Claim, calls: list[AiCall]) -> str:
        raise RuntimeError("no")

    runner = Runner(
        ledger=ledger,
        broker=installation.broker,
        settings=settings,
        queue=PHOTO_ANALYZE,
        handler=handler,
        worker_id=WORKER,
        slot=1,
    )
    assert runner.run(UUID(job.id)).state is JobState.DELAYED
    assert list(job.attempts()["retry_delay_ms"]) == [1]
