"""Following a batch: each job that ends, once it has ended."""

from __future__ import annotations

from photoqueue.errors import PayloadError
from photoqueue.installation import current
from photoqueue.queue import batch_changes as reads
from photoqueue.queue.batch_changes import BatchChanges, EndedJob

__all__ = ["BatchChanges", "EndedJob", "batch_changes", "is_mark"]


def batch_changes(batch_id: str, since: str | None = None) -> BatchChanges:
    """Return which jobs of a batch ended since a mark, and how the batch stands.

    Following the marks tells every end at least once, also of jobs that end in the same
    moment, and to whoever goes on from a mark after a pause.

    Parameters
    ----------
    batch_id
        The batch.
    since
        ``mark`` of an earlier answer; everything that has ended when left out.

    Raises
    ------
    UnknownBatchError
        This installation has no such batch.
    PayloadError
        ``since`` is no mark.
    """
    return reads.batch_changes(current().database, batch_id, since)


def is_mark(text: str) -> bool:
    """Whether a text is the mark of some batch."""
    try:
        reads.check_mark(text)
    except PayloadError:
        return False
    return True
