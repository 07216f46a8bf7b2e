"""Webhooks: each end of a batch or inventory, and each report, is sent at least once."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from photoqueue.errors import NotFoundError
from photoqueue.posting import LIMIT_SECONDS, NotAcceptedError, Receiver
from photoqueue.queue.database import Database, again, load_statements, storable
from photoqueue.records.snapshots import Webhook
from photoqueue.words import WebhookEvent, WebhookState

logger = logging.getLogger(__name__)

_WEBHOOKS: Final = load_statements("webhooks.sql")
_WEBHOOK: Final = TypeAdapter(Webhook)
#: Seconds after each failed attempt before the next: over three days in all.
DELAYS: Final = tuple(min(5 * 4**number, 6 * 3600) for number in range(18))
#: Seconds for which one sender has a webhook: longer than any attempt.
_LEASE_SECONDS: Final = 6 * LIMIT_SECONDS
#: Attempts after which a receiver is said to accept nothing: about half an hour.
_FAILS_FROM: Final = 6

#: What the subject of each event is called.
_SUBJECTS: Final = {
    WebhookEvent.BATCH_ENDED: "batchId",
    WebhookEvent.INVENTORY_ENDED: "jobId",
    WebhookEvent.REPORT_WRITTEN: "projectId",
}


def announce(database: Database, event: WebhookEvent, *, subject: str, project_id: str) -> None:
    """Let the receiver be told of something that happened now."""
    values = {"event": event, "subject": subject, "project_id": project_id}
    with database.begin() as connection:
        _WEBHOOKS(connection, "announce", **values)


def list_webhooks(
    database: Database, *, state: WebhookState | None = None, limit: int
) -> list[Webhook]:
    """List what happened, newest first."""
    with database.begin() as connection:
        rows = _WEBHOOKS(connection, "list", state=state, limit=limit).mappings()
        return [_WEBHOOK.validate_python(dict(row)) for row in rows]


def resend(
    database: Database, webhook_ids: Sequence[UUID] | None, *, days: float | None = None
) -> int:
    """Send webhooks again, under their ids; return their number.

    None for all that were given up, or for those of them that happened in the last so many days.

    Raises
    ------
    NotFoundError
        One of them does not exist; none is sent.
    """
    with database.begin() as connection:
        ids = None if webhook_ids is None else list(set(webhook_ids))
        found = _WEBHOOKS(connection, "resend", webhook_ids=ids, days=days).scalars().all()
        for webhook_id in set(ids or ()) - set(found):
            raise NotFoundError(
                f"There is no webhook {webhook_id} here; nothing was sent. "
                "photoqueue webhooks list shows them."
            )
    return len(found)


def refused(database: Database) -> tuple[int, int, str | None]:
    """Count the webhooks of the last days that were given up and those that fail for half an hour.

    The last value is why the newest of them does. What nobody tried to send is left out.
    """
    with database.reading() as connection:
        row = _WEBHOOKS(connection, "refused", attempts=_FAILS_FROM).one()
    return row.given_up, row.failing, row.error


def send_due(database: Database, receiver: Receiver | None) -> None:
    """Find out what has happened, and send what is due, up to the first that is not accepted.

    Several may do this at a time: a webhook is leased to one of them. Where nothing is due it is
    one transaction: a worker asks once a second while an end is awaited.
    """
    row = _lease(database, settle=True)
    while row is not None and _sent(database, receiver, row):
        row = _lease(database)


#: The planner does not know that a batch is large, and would read all its jobs to sort them.
IN_ORDER: Final = {"enable_bitmapscan": "'off'", "enable_sort": "'off'"}


@again()
def _lease(database: Database, *, settle: bool = False) -> Any:
    with database.begin(settings=IN_ORDER) as connection:
        if settle:
            _WEBHOOKS(connection, "settle")
        return _WEBHOOKS(connection, "claim", lease=_LEASE_SECONDS).first()


def _sent(database: Database, receiver: Receiver | None, row: Any) -> bool:
    """Send a leased webhook; return whether another one may be sent now."""
    if receiver is None or receiver.secret is None:  # nobody to tell, or no key to sign with
        missing = "URL" if receiver is None else "SECRET"
        _failed(database, row, f"PHOTOQUEUE_WEBHOOK_{missing} is not set", delay=None)
        return True
    project = {} if row.project_id is None else {"projectId": row.project_id}
    message = {
        "type": row.event,
        "timestamp": row.happened_at.isoformat(),
        "data": {_SUBJECTS[WebhookEvent(row.event)]: row.subject, **project},
    }
    try:
        receiver.post(str(row.webhook_id), row.timestamp, json.dumps(message).encode())
    except NotAcceptedError as exc:
        delay = None
        if row.attempts <= len(DELAYS):
            # Not all at the same moment, after the receiver was away.
            delay = DELAYS[row.attempts - 1] * random.uniform(1, 1.1)
        else:
            told = (row.webhook_id, row.event, row.subject, row.attempts, exc)
            logger.error("webhook %s (%s of %s) was given up after %d attempts: %s", *told)
        _failed(database, row, str(exc), delay)
        return False
    with database.begin() as connection:
        _WEBHOOKS(connection, "delivered", webhook_id=row.webhook_id)
    return True


def _failed(database: Database, row: Any, error: str, delay: float | None) -> None:
    """Record a failed attempt; without a delay it was the last one."""
    values = {"webhook_id": row.webhook_id, "attempts": row.attempts, "error": storable(error)}
    with database.begin() as connection:
        _WEBHOOKS(connection, "failed", **values, delay=delay)
