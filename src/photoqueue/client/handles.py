"""Handles of jobs and batches, which any process can make from an id.

They can be copied and pickled. A pickled handle holds the settings of its installation, passwords
included; an id does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from photoqueue.client.identifiers import optional
from photoqueue.client.waiting import Counts, ProgressStyle, Watch, make_progress
from photoqueue.errors import JobCancelledError, JobFailedError, PhotoqueueError
from photoqueue.format import counted, shorten
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue import read
from photoqueue.queue.read import JobOutcome
from photoqueue.queue.submission import Accepted, close_batch
from photoqueue.records.base import from_json
from photoqueue.records.hooks import HasCard
from photoqueue.records.snapshots import JobSnapshot
from photoqueue.words import JobState, JobType, job_type

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.installation import Installation
    from photoqueue.inventory.wording import Wording

#: Lines of a worker's traceback in an error message; the error has all of it as an attribute.
_SHOWN_TRACEBACK_LINES = 12


class Job(HasCard):
    """A job: read its state with :meth:`poll`, wait for it with :meth:`result` or ``await``.

    Attributes
    ----------
    id : str
        The job id, unique everywhere.
    key : str
        The job key: ``photo-<photoId>``, ``inventory-<projectId>``, or in its type's format.
    queue : JobType
        The queue, which is also the type of the job.
    installation : Installation
        Where it was submitted; ``use()`` of another one does not change that.
    moved_from : str or None
        The room from which this submission moved the photo to another.
    """

    moved_from: str | None = None

    def __init__(self, installation: Installation, job_id: UUID, key: str, queue: JobType) -> None:
        self.installation = installation
        self._uuid = job_id
        self.id = str(job_id)
        self.key = key
        self.queue = queue

    @classmethod
    def of(cls, installation: Installation, accepted: Accepted) -> Job:
        """Return the handle of a photo's job that was accepted."""
        job = cls(installation, accepted.job_id, accepted.job_key, PHOTO_ANALYZE)
        job.moved_from = accepted.moved_from
        return job

    @property
    def photo_id(self) -> str | None:
        """The photo of a ``photo-analyze`` job."""
        is_photo = self.queue == PHOTO_ANALYZE
        return self.key.removeprefix(PHOTO_ANALYZE.key_prefix) if is_photo else None

    @property
    def state(self) -> JobState:
        """The present state of the job; reads the tracking table."""
        return self.poll().state

    def poll(self) -> JobSnapshot:
        """Read the state of the job; never waits.

        Raises
        ------
        UnknownJobError
            This installation has no such job; it may have been deleted.
        """
        return read.snapshot(self.installation.database, self._uuid)

    def done(self) -> bool:
        """Whether the job has ended."""
        return self.poll().state.finished

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the job has ended, however it ends.

        Raises
        ------
        NoWorkerError
            No live worker will take the job.
        ResultTimeoutError
            It did not end within ``timeout`` seconds; it keeps running.
        """
        self._ended(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the job and return its result.

        Returns
        -------
        PhotoResult, InventoryResult, pydantic.BaseModel or dict
            The job type's result model; a dict if it has none.

        Raises
        ------
        JobFailedError
            The job failed; carries the worker's error and traceback.
        JobCancelledError
            The job was cancelled.
        NoWorkerError, ResultTimeoutError
            As for :meth:`wait`.
        """
        return self._delivered(self._ended(timeout))

    async def result_async(self) -> Any:
        """Wait as :meth:`result` does, but asynchronously; can be cancelled."""
        watch, seen = self._watch(None)
        await watch.wait_async()
        return self._delivered(seen[0])

    def exception(self, timeout: float | None = None) -> PhotoqueueError | None:
        """Wait for the job and return its error; None when it completed."""
        return self._error(self._ended(timeout))

    def attempts(self) -> pd.DataFrame:
        """Return the ended attempts, one row each."""
        return read.attempts(self.installation.database, job_id=self._uuid)

    def _needed_queues(self) -> tuple[JobType, ...]:
        """Return the queues that need a worker, including that of a batch it waits for."""
        snapshot = self.poll()
        blocked = snapshot.state is JobState.WAITING and snapshot.ready_at is None
        # Batches contain photo jobs only.
        return (PHOTO_ANALYZE, self.queue) if blocked else (self.queue,)

    def _ended(self, timeout: float | None) -> JobOutcome:
        watch, seen = self._watch(timeout)
        watch.wait()
        return seen[0]

    def _watch(self, timeout: float | None) -> tuple[Watch, list[JobOutcome]]:
        """Return a watch over the job, and a list that holds what it saw last."""
        seen: list[JobOutcome] = []

        def look() -> dict[JobState, int]:
            seen[:] = [read.outcome(self.installation.database, self._uuid)]
            return {seen[0].state: 1}

        what = f"Job {shorten(self.key)}"
        watch = Watch(self.installation, self._needed_queues, look, what=what, timeout=timeout)
        return watch, seen

    def _delivered(self, outcome: JobOutcome) -> Any:
        error = self._error(outcome)
        if error is not None:
            raise error
        model = self.queue.result
        return outcome.result if model is None else from_json(model, outcome.result)

    def _error(self, outcome: JobOutcome) -> PhotoqueueError | None:
        if outcome.state is JobState.CANCELLED:
            return JobCancelledError(
                f"Job {self.key} was cancelled. Start it again with retry(job).", job_id=self.id
            )
        return _failed(self, outcome) if outcome.state is JobState.FAILED else None

    def __await__(self) -> Generator[Any, None, Any]:
        return self.result_async().__await__()

    def __repr__(self) -> str:
        return f"<Job {shorten(self.key, 32)} {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other._uuid == self._uuid

    def __hash__(self) -> int:
        return hash(self._uuid)


class Batch(HasCard):
    """Jobs that were submitted together; iterable, and reopened by its id.

    ``await batch`` waits for them and returns what :func:`~photoqueue.collect` does. To a batch of
    :func:`~photoqueue.open_batch` photos can be added until it is closed.

    Attributes
    ----------
    id : str
        The batch id; ``photoqueue.batch(id)`` reopens it in any process.
    project_id : str or None
        The project of its photos.
    installation : Installation
        Where it was submitted; ``use()`` of another one does not change that.
    """

    def __init__(
        self, installation: Installation, batch_id: str, project_id: str | None, size: int
    ) -> None:
        self.installation = installation
        self._size = size
        self.id = batch_id
        self.project_id = project_id

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Job]:
        frame = self.poll()
        for job_id, key, queue in zip(
            frame["job_id"], frame["job_key"], frame["queue_name"], strict=True
        ):
            yield Job(self.installation, UUID(job_id), key, job_type(queue))

    def poll(self) -> pd.DataFrame:
        """Read the jobs: one row each, in the order of submission; never waits."""
        return read.batch_history(self.installation.database, self.id, size=self._size)

    @property
    def left_out(self) -> pd.DataFrame:
        """The files that were handed in and not taken: ``file`` and ``reason``; reads the table."""
        import pandas as pd

        rows = read.batch_row(self.installation.database, self.id)["left_out"]
        return pd.DataFrame(rows or [], columns=["file", "reason"])

    @property
    def known(self) -> int:
        """How many photos were known already, with a job that is reused; reads the table."""
        return read.batch_known(self.installation.database, self.id)

    @property
    def open(self) -> bool:
        """Whether photos can be added; reads the table."""
        return bool(read.batch_row(self.installation.database, self.id)["open"])

    def add(
        self, photos: Any, *, room: str | None = None, room_type: str | None = None
    ) -> list[Job]:
        """Submit photos into this batch, which is open; all of them or none.

        A photo that is in it already is not added again.

        Project, user, engine and priority are those of the batch.

        Parameters
        ----------
        photos, room, room_type
            As for :func:`~photoqueue.submit_photos`.

        Returns
        -------
        list of Job
            One for each photo. One that could not be read is a failed job with the reason.

        Raises
        ------
        StateError
            The batch is closed; nothing was accepted.
        PhotoqueueError
            As for :func:`~photoqueue.submit_photos`; nothing was accepted.
        """
        from photoqueue.client.intake import add_to_batch, batch_request, requests_from

        common = replace(
            batch_request(self.installation, self.id),
            room=optional("room", room),
            room_type=optional("room_type", room_type),
        )
        requests, left_out = requests_from(photos, common)
        added = add_to_batch(self.installation, self.id, requests, left_out)
        self._size = sum(self.counts().values())
        return [Job.of(self.installation, accepted) for accepted in added]

    def close(self) -> None:
        """Let no more photos be added; what waits for the batch runs once its jobs have ended.

        A batch that is closed already stays as it is.
        """
        from photoqueue.client.intake import announce

        close_batch(self.installation.database, self.id)
        announce(self.installation, [])  # where jobs run inline, those after the batch do now

    def counts(self) -> dict[JobState, int]:
        """Count the jobs by state."""
        return read.batch_counts(self.installation.database, self.id)

    def done(self) -> bool:
        """Whether all jobs have ended, and none can be added."""
        return not self.open and all(state.finished for state in self.counts())

    def wait(self, timeout: float | None = None, *, progress: ProgressStyle = "auto") -> None:
        """Wait until all jobs have ended and none can be added, with a progress bar.

        Raises
        ------
        NoWorkerError
            No live worker will take the jobs.
        ResultTimeoutError
            They did not all end within ``timeout`` seconds; they keep running.
        """
        with make_progress(progress, shorten(self.id, 24)) as bar:
            self._watch(timeout, bar.update).wait()

    def as_completed(self, timeout: float | None = None) -> AsCompleted:
        """Give the jobs as they end, completed or not: with ``for`` or ``async for``.

        A photo that is in the batch twice comes twice. Photos that are added to an open batch
        come, too; it ends once the batch is closed.

        Parameters
        ----------
        timeout
            Seconds for all of them; default is no limit.

        Raises
        ------
        NoWorkerError, ResultTimeoutError
            As for :meth:`wait`, from the loop.

        Examples
        --------
        >>> async for job in batch.as_completed():  # doctest: +SKIP
        ...     print(job.photo_id, job.state)
        """
        return AsCompleted(self, timeout)

    def _watch(self, timeout: float | None, report: Callable[[Counts], None]) -> Watch:
        return Watch(
            self.installation,
            lambda: (PHOTO_ANALYZE,),
            self.counts,
            what=f"Batch {self.id}",
            timeout=timeout,
            report=report,
            closed=lambda: not self.open,
        )

    async def _collected(self) -> pd.DataFrame:
        await self._watch(None, lambda counts: None).wait_async()
        return await asyncio.to_thread(self.results)

    def results(self, wording: Wording | None = None) -> pd.DataFrame:
        """Return the results so far, one row per photo: see :func:`~photoqueue.collect`."""
        from photoqueue.client.result_frames import result_rows
        from photoqueue.inventory import wording as words

        names = wording or words.Wording.of(None, self.installation.settings)
        database = self.installation.database
        return result_rows(read.batch_history(database, self.id, results=True), names)

    def __await__(self) -> Generator[Any, None, pd.DataFrame]:
        return self._collected().__await__()

    def items(self, lang: str | None = None) -> pd.DataFrame:
        """List the items found so far: one row per item, with its photo, score and box.

        Parameters
        ----------
        lang
            ``en`` or ``fr``: language of the names; default is that of the settings.

        Raises
        ------
        ConfigurationError
            There are no names in this language.
        """
        from photoqueue.client.result_frames import item_rows
        from photoqueue.inventory.wording import Wording

        wording = Wording.of(lang, self.installation.settings)
        return item_rows(
            read.batch_history(self.installation.database, self.id, results=True), wording
        )

    def attempts(self) -> pd.DataFrame:
        """Return the ended attempts of all jobs, one row each."""
        return read.attempts(self.installation.database, batch_id=self.id)

    def __repr__(self) -> str:
        project = f", project {shorten(self.project_id, 24)}" if self.project_id else ""
        return f"<Batch {self.id}: {counted(self._size, 'photo')}{project}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Batch) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)


class AsCompleted:
    """The jobs of a batch as they end; made by :meth:`Batch.as_completed`."""

    def __init__(self, batch: Batch, timeout: float | None) -> None:
        self._batch = batch
        self._timeout = timeout

    def __iter__(self) -> Iterator[Job]:
        for jobs, pause in self._looks():
            yield from jobs
            time.sleep(pause)

    async def __aiter__(self) -> AsyncIterator[Job]:
        looks = self._looks()
        while (look := await asyncio.to_thread(next, looks, None)) is not None:
            jobs, pause = look
            for job in jobs:
                yield job
            await asyncio.sleep(pause)

    def _looks(self) -> Iterator[tuple[list[Job], float]]:
        """Look again and again: which jobs have ended since, and seconds until the next time."""
        batch, given, counts = self._batch, set[int](), list[Counts]()
        watch = batch._watch(self._timeout, counts.append)
        pause: float | None = 0.0
        while pause is not None:
            pause, before = watch.look(), counts[:-1]
            del counts[:-1]
            ended = {}
            if pause is None or before != counts:  # it takes a while in a large batch
                ended = read.batch_ended(batch.installation.database, batch.id)
            new = [Job(batch.installation, *ended[at]) for at in ended if at not in given]
            given.update(ended)
            yield new, pause or 0.0


def _failed(job: Job, outcome: JobOutcome) -> JobFailedError:
    if not outcome.attempts:
        return JobFailedError(
            f"Job {job.key} could not be tried: {outcome.error} Submit the photo again.",
            job_id=job.id,
            error_type=outcome.error_type or "unknown",
        )
    trace = outcome.error_traceback or ""
    attempts = counted(outcome.attempts, "attempt")
    lines = trace.rstrip().splitlines()
    shown = "\n".join(lines[-_SHOWN_TRACEBACK_LINES:])
    remote = f"\n\nIn the worker:\n{shown}" if shown else ""
    return JobFailedError(
        f"Job {job.key} failed after {attempts}: {outcome.error}\n"
        f"attempts({job.id!r}) shows its history, retry({job.id!r}) starts it again.{remote}",
        job_id=job.id,
        error_type=outcome.error_type or "unknown",
        remote_traceback=trace,
    )
