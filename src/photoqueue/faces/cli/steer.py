"""``photoqueue retry``, ``cancel``, ``pause`` and ``resume``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from photoqueue.faces.cli.options import AsJson, QueueName
from photoqueue.faces.cli.output import print_json, show
from photoqueue.faces.cli.words import counted

if TYPE_CHECKING:
    from photoqueue.client.handles import Batch, Job

JobIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="JOB", help="Job ids or keys.", show_default=False),
]
BatchId = Annotated[str | None, typer.Option("--batch", help="All jobs of this batch.")]
Queue = Annotated[QueueName | None, typer.Argument(help="The queue; both when left out.")]


def retry(
    job_ids: JobIds = None,
    batch: BatchId = None,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="All failed jobs of this installation.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start failed and cancelled jobs anew, with a fresh budget of attempts."""
    import photoqueue

    target = _target(job_ids, batch, all_failed=all_failed)
    number = photoqueue.retry(target)
    if as_json:
        print_json({"retried": number})
        return
    show(f"{counted(number, 'job')} started anew{_of(target, number)}.")
    if number:
        show("Follow with: photoqueue status")


def cancel(job_ids: JobIds = None, batch: BatchId = None, as_json: AsJson = False) -> None:
    """Cancel unfinished jobs; running ones are stopped within seconds."""
    import photoqueue

    target = _target(job_ids, batch)
    number = photoqueue.cancel(target)
    if as_json:
        print_json({"cancelled": number})
        return
    show(f"{counted(number, 'job')} cancelled{_of(target, number)}.")
    if number:
        show("Start them anew with: photoqueue retry")


def pause(queue: Queue = None) -> None:
    """Stop taking jobs of a queue; running jobs finish, waiting ones stay."""
    import photoqueue

    photoqueue.pause(queue)
    show(f"{_named(queue)} paused: running jobs finish, waiting ones stay.")
    show(f"Go on with: photoqueue resume{f' {queue}' if queue else ''}")


def resume(queue: Queue = None) -> None:
    """Take jobs of a queue again."""
    import photoqueue

    photoqueue.resume(queue)
    show(f"{_named(queue)} not paused: workers take jobs.")


def _target(
    job_ids: list[str] | None, batch: str | None, *, all_failed: bool | None = None
) -> Batch | str | list[Job | str]:
    """Find out which jobs are meant: named ones, a batch, or all that failed."""
    import photoqueue

    if sum([bool(job_ids), batch is not None, bool(all_failed)]) != 1:
        third = "" if all_failed is None else ", or --all-failed"
        raise typer.BadParameter(f"Name jobs, or give --batch ID{third}; one of them.")
    if batch is not None:
        return photoqueue.batch(batch)
    if all_failed:
        return _all_failed()
    names: list[Job | str] = list(job_ids or ())
    return str(names[0]) if len(names) == 1 else names


def _all_failed() -> list[Job | str]:
    """List all failed jobs; handles, so that ten thousand of them are not looked up singly."""
    from uuid import UUID

    import photoqueue
    from photoqueue.client.handles import Job
    from photoqueue.installation import current
    from photoqueue.words import JobType

    failed = photoqueue.history(state="failed")
    installation = current()
    return [
        Job(installation, UUID(job_id), key, JobType(queue))
        for job_id, key, queue in zip(
            failed["job_id"], failed["job_key"], failed["queue_name"], strict=True
        )
    ]


def _of(target: object, number: int) -> str:
    """Say how many were meant where that is more than were changed."""
    meant = len(target) if hasattr(target, "__len__") and not isinstance(target, str) else number
    return "" if meant == number else f" of {meant:,}; the state of the others does not allow it"


def _named(queue: str | None) -> str:
    return f"{queue} is" if queue else "Both queues are"
