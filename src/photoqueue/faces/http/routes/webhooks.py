"""``/api/webhooks``: what the receiver was told, and sending it again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from photoqueue.client.observe import ask
from photoqueue.faces.http.answers import ResentAnswer, WebhooksAnswer
from photoqueue.faces.http.backend import TheBackend
from photoqueue.queue.webhooks import list_webhooks
from photoqueue.queue.webhooks import resend as send_again
from photoqueue.words import WebhookState

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])


@router.get("")
async def webhooks(
    backend: TheBackend,
    state: Annotated[WebhookState | None, Query(description="Only in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many.")] = 50,
) -> WebhooksAnswer:
    """List what happened and whether the receiver accepted it, newest first."""
    found = await backend.calls(ask, list_webhooks, state=state, limit=limit)
    return WebhooksAnswer(webhooks=found)


@router.post("/{webhook_id}/resend", status_code=202)
async def resend_webhook(webhook_id: UUID, backend: TheBackend) -> ResentAnswer:
    """Send a webhook again under its id, with all attempts anew; a worker does it at once."""
    await backend.calls(ask, send_again, [webhook_id])
    return ResentAnswer(webhook_id=webhook_id)
