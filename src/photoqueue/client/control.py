"""Control of jobs and queues: retry, cancel, prioritise, pause, resume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from uuid import UUID

from photoqueue.client.handles import Batch, Job
from photoqueue.client.identifiers import checked_priority
from photoqueue.client.intake import announce
from photoqueue.client.observe import as_queue, job
from photoqueue.errors import BrokerUnavailableError, StateError
from photoqueue.installation import Installation, current
from photoqueue.queue import read, workers
from photoqueue.queue.ledger import Ledger
from photoqueue.words import JobState

Target = Job | Batch | str | Iterable[Job | str]


def retry(target: Target) -> int:
    """Start failed and cancelled jobs again, with a new budget of attempts.

    Parameters
    ----------
    target
        A job (or its id or key), a batch, or a list of jobs. Of a batch only failed and
        cancelled jobs are started.

    Returns
    -------
    int
        How many jobs were started.

    Raises
    ------
    StateError
        A single job is neither failed nor cancelled; the message gives its state.
    UnknownJobError
        There is no such job.
    """
    installation, job_ids, single = _resolve(target)
    _ = installation.broker  # a wrong REDIS_URL is found before anything is changed
    with closing(Ledger(installation.database)) as ledger:
        messages = ledger.retry(job_ids, budget=installation.settings.max_attempts)
    announce(installation, messages)
    if single is not None and not messages:
        raise StateError(_why_not_retried(single))
    return len(messages)


def cancel(target: Target) -> int:
    """Cancel unfinished jobs; a running one is stopped within seconds.

    Parameters
    ----------
    target
        A job (or its id or key), a batch, or a list of jobs. Jobs of a batch that have ended
        are not changed.

    Returns
    -------
    int
        How many jobs were cancelled.

    Raises
    ------
    StateError
        A single job has ended already.
    UnknownJobError
        There is no such job.
    """
    installation, job_ids, single = _resolve(target)
    _ = installation.broker  # a wrong REDIS_URL is found before anything is changed
    with closing(Ledger(installation.database)) as ledger:
        cancelled = ledger.cancel(job_ids)
    with suppress(BrokerUnavailableError):  # a message that remains does no harm
        installation.broker.discard(cancelled)
    if single is not None and not cancelled:
        raise StateError(f"Job {single.key} cannot be cancelled: it is {single.poll().state}.")
    return len(cancelled)


def prioritise(target: Target, priority: int) -> int:
    """Change the priority of jobs that wait; those of higher priority are taken first.

    Parameters
    ----------
    target
        A job (or its id or key), a batch, or a list of jobs. Jobs that run or have ended are not
        changed. Photos that are added to an open batch later have its new priority.
    priority : int
        From -1000 to 1000. Batches are submitted with 0, single photos and inventories with 10.

    Returns
    -------
    int
        How many jobs were changed; those that had this priority already are not.

    Raises
    ------
    StateError
        A single job is running or has ended.
    PayloadError
        The priority is not a whole number in that range.
    UnknownJobError
        There is no such job.
    """
    priority = checked_priority(priority)
    installation, job_ids, single = _resolve(target)
    _ = installation.broker  # a wrong REDIS_URL is found before anything is changed
    batch_id = target.id if isinstance(target, Batch) else None
    with closing(Ledger(installation.database)) as ledger:
        changed, messages = ledger.prioritise(job_ids, priority, batch_id=batch_id)
    announce(installation, messages)
    if single is not None and not changed:
        state = single.poll().state
        if state not in (JobState.WAITING, JobState.DELAYED):
            raise StateError(f"Job {single.key} does not wait: it is {state}.")
    return changed


def pause(queue: str | None = None) -> None:
    """Pause a queue, or all queues: no new jobs are taken, running jobs finish.

    Raises
    ------
    StateError
        There is no such queue.
    """
    _set_paused(queue, True)


def resume(queue: str | None = None) -> None:
    """Resume a queue, or all queues.

    Raises
    ------
    StateError
        There is no such queue.
    """
    _set_paused(queue, False)


def _set_paused(queue: str | None, paused: bool) -> None:
    installation = current()
    name = None if queue is None else as_queue(queue)
    workers.set_paused(installation.database, name, paused)


def _resolve(target: Target) -> tuple[Installation, Sequence[UUID], Job | None]:
    """Find the jobs of a target and their installation, and the job when it is a single one."""
    if isinstance(target, Batch):
        installation = target.installation
        return installation, read.batch_job_ids(installation.database, target.id), None
    if isinstance(target, Job | str):
        single = job(target) if isinstance(target, str) else target
        return single.installation, [UUID(single.id)], single
    several = list(target)
    first = next((one for one in several if isinstance(one, Job)), None)
    where = first.installation if first else current()
    names = [one.id if isinstance(one, Job) else str(one) for one in several]
    return where, read.resolve_jobs(where.database, names), None


def _why_not_retried(single: Job) -> str:
    state = single.poll().state
    if state in (JobState.FAILED, JobState.CANCELLED):
        return (
            f"Job {single.key} is not started again: another job of this key is unfinished or "
            f"has completed since (poll({single.key!r}) shows it), or its photo could not be "
            "read when it was submitted; then submit it again."
        )
    return f"Job {single.key} cannot be started again: it is {state}."
