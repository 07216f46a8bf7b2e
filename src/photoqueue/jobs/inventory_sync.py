"""``inventory-sync``: the photos of a project are added up."""

from __future__ import annotations

from typing import Final

from photoqueue.records.base import DEFAULT_STRATEGY, Identifier, Record, Strategy
from photoqueue.records.results import InventoryResult
from photoqueue.words import JobType, register

__all__ = ["INVENTORY_SYNC", "InventoryPayload"]


class InventoryPayload(Record):
    """Job data of ``inventory-sync``."""

    project_id: Identifier
    user_id: Identifier
    strategy: Strategy = DEFAULT_STRATEGY
    #: Batch whose end this inventory waits for.
    after_batch: str | None = None
    #: Where the submission was traced (W3C Trace Context); the worker's spans go on from it.
    traceparent: str | None = None


INVENTORY_SYNC: Final = register(
    JobType(
        "inventory-sync",
        payload=InventoryPayload,
        result=InventoryResult,
        key="inventory-{project_id}",
    )
)
