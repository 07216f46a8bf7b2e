"""What tests do beneath the SDK: end one job, look at the records that Redis keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from photoqueue.queue.broker.retention import Records
from photoqueue.queue.ledger import Claim, Done, Ended, Ledger
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState


def complete(
    ledger: Ledger, claim: Claim, result_json: str, calls: Sequence[AiCall] = ()
) -> Ended | None:
    """Record a result; None when the job is no longer this attempt's to write."""
    (ended,), _ = ledger.complete_and_claim(
        [Done(claim, result_json, calls)],
        next_jobs=(),
        queue=claim.queue,
        worker_id=claim.worker_id,
        slot=0,
    )
    return ended


def kept_records(records: Records, queue: str, state: JobState) -> list[dict[str, Any]]:
    """List the records of one queue and state, newest first."""
    found = records._redis.zrange(records.key(queue, state), 0, -1, desc=True)
    return [json.loads(record) for record in found]
