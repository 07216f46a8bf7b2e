"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


# They repeat names of photoqueue.words, whose validation library would make every start of
# the command, ``--help`` too, several times slower.
class QueueName(StrEnum):
    """The queues."""

    PHOTO_ANALYZE = "photo-analyze"
    INVENTORY_SYNC = "inventory-sync"


class StateName(StrEnum):
    """Where a job can stand."""

    WAITING = "waiting"
    ACTIVE = "active"
    DELAYED = "delayed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StrategyName(StrEnum):
    """How the photos of a room are put together."""

    MAX = "max"
    SUM = "sum"
    MATCH = "match"
    LLM = "llm"


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
