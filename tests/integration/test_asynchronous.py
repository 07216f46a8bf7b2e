"""Batches in asynchronous code: awaited, looped over as their jobs end, and submitted."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

import pytest

import photoqueue
from photoqueue import Batch, Job, NoWorkerError, Settings, collect, open_batch, submit_photos
from photoqueue.asyncio import submit_inventory, submit_photo
from photoqueue.asyncio import submit_photos as submit_photos_async
from photoqueue.errors import PhotoNotFoundError, ResultTimeoutError
from photoqueue.installation import Installation
from tests.bench import Bench
from tests.conftest import picture


def batch_of(*names: str) -> Batch:
    return submit_photos(
        [{"photo": picture(ord(name[-1])), "photo_id": name} for name in names], user_id="u1"
    )


def bench_all(bench: Bench, batch: Batch) -> None:
    for job in batch:
        with contextlib.suppress(photoqueue.JobFailedError):
            bench(job)


async def names_of(batch: Batch) -> list[str | None]:
    return [job.photo_id async for job in batch.as_completed()]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_seconds": 3600.0})


@pytest.fixture
def busy(installation: Installation) -> None:
    """A worker that lives by the tables, and whose jobs the test does itself."""
    with installation.database.direct() as connection:
        connection.execute(
            "INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues, state, "
            "concurrency, last_seen_at) VALUES (gen_random_uuid(), 'test', 'test', 1, 0, "
            "'{photo-analyze}', 'running', 1, clock_timestamp())"
        )


@pytest.mark.usefixtures("busy")
def test_awaited_batch_is_its_table_of_results_and_failures(installation: Installation) -> None:
    batch, bench = batch_of("await-1", "permanent-2", "await-3"), Bench(installation)

    async def awaited() -> list[str]:
        _, frame = await asyncio.gather(asyncio.to_thread(bench_all, bench, batch), batch)
        assert frame.equals(collect(batch, progress=False))
        return list(frame["state"])

    assert asyncio.run(awaited()) == ["completed", "failed", "completed"]


@pytest.mark.usefixtures("busy")
def test_jobs_come_in_the_order_in_which_they_end(installation: Installation) -> None:
    batch, bench = batch_of("late-1", "permanent-2", "soon-3"), Bench(installation)
    late, failing, soon = batch
    coming = iter(batch.as_completed())
    bench(soon)
    assert next(coming) == soon
    with pytest.raises(photoqueue.JobFailedError):
        bench(failing)
    assert next(coming) == failing, "a failed job has ended, too"
    bench(late)
    assert list(coming) == [late]
    assert list(batch.as_completed()) == [soon, failing, late]
    assert asyncio.run(names_of(batch)) == ["soon-3", "permanent-2", "late-1"]


@pytest.mark.usefixtures("busy")
def test_loop_leaves_the_event_loop_to_others(installation: Installation) -> None:
    batch, bench = batch_of("a-1", "b-2"), Bench(installation)
    first, second = batch

    async def together() -> list[str | None]:
        watching = asyncio.create_task(names_of(batch))
        for _ in range(5):  # the loop is at its sleep, or in its thread
            await asyncio.sleep(0.001)
        await asyncio.gather(asyncio.to_thread(bench, second), asyncio.sleep(0))
        await asyncio.to_thread(bench, first)
        return await watching

    assert asyncio.run(together()) == ["b-2", "a-1"]


@pytest.mark.usefixtures("busy")
def test_retried_job_comes_once_and_a_photo_given_twice_twice(installation: Installation) -> None:
    batch, bench = batch_of("permanent-1", "b-2", "b-2"), Bench(installation)
    failing, second, again = batch
    assert second == again
    coming = iter(batch.as_completed())
    with pytest.raises(photoqueue.JobFailedError):
        bench(failing)
    assert next(coming) == failing
    photoqueue.retry(failing)
    bench(second)
    assert [next(coming), next(coming)] == [second, second]
    with pytest.raises(photoqueue.JobFailedError):
        bench(failing)
    assert list(coming) == []


@pytest.mark.usefixtures("busy")
def test_loop_over_an_open_batch_ends_once_it_is_closed(installation: Installation) -> None:
    batch, bench = open_batch(project_id="m1", user_id="u1"), Bench(installation)
    seen: list[Job] = []
    loop = threading.Thread(target=lambda: seen.extend(batch.as_completed(60)))
    loop.start()
    (first,) = batch.add(picture(1))
    bench(first)
    (second,) = batch.add(picture(2))
    bench(second)
    assert loop.is_alive()
    batch.close()
    loop.join(60)
    assert seen == [first, second]


def test_loop_says_why_it_waits_in_vain(installation: Installation) -> None:
    batch = batch_of("a-1")
    with pytest.raises(NoWorkerError, match="no worker for photo-analyze"):
        asyncio.run(names_of(batch))
    with pytest.raises(ResultTimeoutError, match=r"did not finish within 0 s \(1 waiting\)"):
        list(batch.as_completed(0))


def test_submission_is_awaited_in_a_thread_of_its_own(installation: Installation) -> None:
    async def submitted() -> tuple[Batch, Job, list[Job]]:
        batch = await submit_photos_async({"kitchen": [picture(1)]}, project_id="m1", user_id="u1")
        jobs = await asyncio.gather(
            *(submit_photo(picture(n), project_id="m1", user_id="u1") for n in range(2, 8))
        )
        return batch, await submit_inventory("m1", after=batch, user_id="u1"), jobs

    batch, inventory, jobs = asyncio.run(submitted())
    assert len(batch) == 1
    assert len(set(jobs)) == 6
    assert inventory.poll().state == "waiting"


def test_awaited_submission_raises_what_the_other_one_does(
    installation: Installation, tmp_path: Path
) -> None:
    with pytest.raises(PhotoNotFoundError, match=r"no\.jpg"):
        asyncio.run(submit_photo(tmp_path / "no.jpg"))


def test_loop_that_is_cancelled_ends_at_once(installation: Installation) -> None:
    batch = open_batch(user_id="u1")

    async def cancelled() -> None:
        watching = asyncio.create_task(names_of(batch))
        await asyncio.sleep(0)
        watching.cancel()
        await watching

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
