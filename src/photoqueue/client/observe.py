"""Observe jobs: handles from ids, snapshots, waiting with progress, tables and counts."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, overload
from uuid import UUID

from photoqueue.client.handles import Batch, Job
from photoqueue.client.result_frames import result_rows
from photoqueue.client.waiting import ProgressStyle
from photoqueue.errors import StateError
from photoqueue.format import counted
from photoqueue.installation import current
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE, job_types
from photoqueue.queue import read
from photoqueue.queue.database import Database
from photoqueue.records.hooks import HasCard
from photoqueue.records.results import InventoryResult
from photoqueue.records.snapshots import JobSnapshot, JobStory, QueueStats
from photoqueue.words import JobState, JobType, job_type

if TYPE_CHECKING:
    import pandas as pd

#: Width of printed text in characters; terminals have at least 80 columns.
_WIDTH: Final = 79

Given = ParamSpec("Given")
Found = TypeVar("Found")


def job(job_id: str | UUID) -> Job:
    """Return the handle of a job by its id, or by its key (the newest job of the key).

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    installation = current()
    found = read.snapshot(installation.database, job_id)
    return Job(installation, found.job_id, found.job_key, found.queue)


def batch(batch_id: str) -> Batch:
    """Reopen a batch by its id, from any process.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    """
    installation = current()
    row = read.batch_row(installation.database, batch_id)
    size = sum(read.batch_counts(installation.database, batch_id).values())
    return Batch(installation, batch_id, row["project_id"], size)


@overload
def poll(handle: Batch) -> pd.DataFrame: ...


@overload
def poll(handle: Job | str | UUID) -> JobSnapshot: ...


def poll(handle: Job | Batch | str | UUID) -> JobSnapshot | pd.DataFrame:
    """Read the state of a job or batch; never waits.

    Parameters
    ----------
    handle
        A job, a job id or key, or a batch.

    Returns
    -------
    JobSnapshot or pandas.DataFrame
        For a batch one row per job, in the order of submission.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    if isinstance(handle, Batch):
        return handle.poll()
    return (handle if isinstance(handle, Job) else job(handle)).poll()


def collect(
    handle: Batch | Job,
    timeout: float | None = None,
    *,
    progress: ProgressStyle | bool = "auto",
    lang: str | None = None,
) -> pd.DataFrame:
    """Wait for a batch or job, and return its results as a DataFrame.

    Parameters
    ----------
    handle
        A batch, or a single job.
    timeout
        Longest wait in seconds; default is no limit.
    progress
        For a batch: ``widget``, ``text`` or ``none``; ``auto`` shows a widget in a notebook, a
        line in a terminal, nothing elsewhere. False is ``none``. A single job shows no progress.
    lang
        ``en`` or ``fr``: language of the names of items and kinds of room; default is that of
        the settings.

    Returns
    -------
    pandas.DataFrame
        One row per photo in the order of submission, including failures, with room type,
        confidence, items, attempts, wait, duration and error. For an inventory one row per
        line: room, name, count, volume in m³ with its range, photos. For a job of another type
        its row of :func:`history`, with its result.

    Raises
    ------
    JobFailedError, JobCancelledError
        An inventory did not complete.
    NoWorkerError
        No live worker will take the jobs.
    ResultTimeoutError
        They did not all end in time; they keep running.
    ConfigurationError
        There are no names in this language.
    """
    from photoqueue.inventory.wording import Wording

    # Before waiting, so that a wrong language is reported at once.
    wording = Wording.of(lang, handle.installation.settings)
    style: ProgressStyle = progress if isinstance(progress, str) else "auto"
    if progress is False:
        style = "none"
    if isinstance(handle, Batch):
        handle.wait(timeout, progress=style)
        return handle.results(wording)
    if handle.queue == INVENTORY_SYNC:
        inventory: InventoryResult = handle.result(timeout)
        return inventory.to_frame(wording)
    handle.wait(timeout)
    frame = read.job_history(handle.installation.database, UUID(handle.id))
    return result_rows(frame, wording) if handle.queue == PHOTO_ANALYZE else frame


def history(
    *,
    queue: str | None = None,
    state: str | Sequence[str] | None = None,
    project_id: str | None = None,
    batch: Batch | str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Return the tracking table as a DataFrame: one row per job, newest first.

    Parameters
    ----------
    queue
        The name of a queue, such as ``photo-analyze``.
    state
        One state or several, such as ``failed``.
    project_id
        Only jobs of this project.
    batch
        Only jobs of this batch.
    since
        Only jobs submitted at or after this moment (with its time zone).
    limit
        At most this many rows.

    Raises
    ------
    StateError
        The queue or state does not exist.
    UnknownBatchError
        The batch does not exist.
    """
    installation = current()
    if isinstance(batch, str):
        read.batch_row(installation.database, batch)
    states = [state] if isinstance(state, str) else list(state or ())
    return read.history(
        installation.database,
        queue=None if queue is None else as_queue(queue),
        states=[as_state(name) for name in states],
        project_id=project_id,
        batch_id=batch.id if isinstance(batch, Batch) else batch,
        since=since,
        limit=limit,
    )


def ask(
    question: Callable[Concatenate[Database, Given], Found],
    *args: Given.args,
    **kwargs: Given.kwargs,
) -> Found:
    """Call a function of :mod:`photoqueue.queue` with the database of this installation.

    Examples
    --------
    >>> ask(job_page, JobQuery(size=10))  # doctest: +SKIP
    """
    return question(current().database, *args, **kwargs)


def story(handle: Job | str | UUID) -> JobStory:
    """Return all details of one job: data, result, error, attempts, AI calls.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    found = handle if isinstance(handle, Job) else job(handle)
    return read.job_story(found.installation.database, UUID(found.id))


def attempts(handle: Job | Batch | str | UUID | None = None) -> pd.DataFrame:
    """Return ended attempts: one row each, with outcome, wait, duration, back-off and error.

    Parameters
    ----------
    handle
        A job, a job id or key, or a batch; default is all jobs.
    """
    database, extent = _extent(handle)
    return read.attempts(database, **extent)


def ai_calls(handle: Job | Batch | str | UUID | None = None) -> pd.DataFrame:
    """Return engine calls: one row each, including failed and repeated ones.

    Columns are the job, attempt and number of the call, photo, engine, model, latency in ms,
    tokens in and out, cost in US dollars (None where the price is not known), success, error.

    Parameters
    ----------
    handle
        A job, a job id or key, or a batch; default is all jobs.

    Raises
    ------
    UnknownJobError
        This installation has no such job.
    """
    database, extent = _extent(handle)
    return read.ai_calls(database, **extent)


def _extent(handle: Job | Batch | str | UUID | None) -> tuple[Database, dict[str, Any]]:
    """Return where to read, and the job or batch to read of."""
    if handle is None:
        return current().database, {}
    found = handle if isinstance(handle, Job | Batch) else job(handle)
    of = {"batch_id": found.id} if isinstance(found, Batch) else {"job_id": UUID(found.id)}
    return found.installation.database, of


class Stats(Mapping[str, QueueStats], HasCard):
    """Counts of each queue: ``stats()["photo-analyze"].waiting``."""

    def __init__(self, queues: Mapping[JobType, QueueStats]) -> None:
        self._queues = {str(name): counts for name, counts in queues.items()}

    def __getitem__(self, queue: str) -> QueueStats:
        return self._queues[str(queue)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._queues)

    def __len__(self) -> int:
        return len(self._queues)

    def to_frame(self) -> pd.DataFrame:
        """Return the counts as a DataFrame: one row per queue."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "queue": counts.name,
                    **{state: getattr(counts, state) for state in map(str, JobState)},
                    "total": counts.total,
                    "paused": counts.paused,
                    "oldest_waiting_s": counts.oldest_waiting_s,
                    "workers": counts.workers,
                }
                for counts in self._queues.values()
            ]
        )

    def __repr__(self) -> str:
        return "\n".join(
            textwrap.fill(f"{queue.name}: {_counts(queue)}", _WIDTH, subsequent_indent="  ")
            for queue in self._queues.values()
        )


def _counts(queue: QueueStats) -> str:
    counts = {state: getattr(queue, state) for state in JobState}
    shown = [f"{number:,} {state}" for state, number in counts.items() if number] or ["no jobs"]
    shown.append(counted(queue.workers, "worker") if queue.workers else "no worker")
    return ", ".join(shown) + (" (paused)" if queue.paused else "")


def stats() -> Stats:
    """Count the jobs of each queue by state, its live workers and its oldest waiting job.

    With more than 20 000 completed jobs, those completed over a minute ago are counted once and
    the count is cached: the deletion of jobs shows some seconds later.
    """
    return Stats(current().counts.read())


def as_queue(name: str) -> JobType:
    """Read the name of a queue.

    Raises
    ------
    StateError
        There is no such queue.
    """
    if name not in job_types():
        raise StateError(
            f"No queue {str(name)[:40]!r}; choose {', '.join(map(repr, map(str, job_types())))}."
        )
    return job_type(name)


def as_state(name: str) -> JobState:
    """Read the name of a state.

    Raises
    ------
    StateError
        There is no such state.
    """
    try:
        return JobState(name)
    except ValueError:
        raise StateError(
            f"No state {str(name)[:40]!r}; choose {', '.join(map(str, JobState))}."
        ) from None
