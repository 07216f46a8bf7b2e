"""Names of the tasks on the wire. Queued messages carry them: they are never changed or moved."""

from __future__ import annotations

from typing import Final

from photoqueue.models import JobType

TASK_NAMES: Final = {
    JobType.PHOTO_ANALYZE: "photoqueue.broker.tasks.photo_analyze",
    JobType.INVENTORY_SYNC: "photoqueue.broker.tasks.inventory_sync",
}
