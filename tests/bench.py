"""Jobs run in the process of the test, by the runner and handlers of a worker.

Real servers and real transitions, without the seconds that starting a worker takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import photoqueue
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Handler
from photoqueue.testing import InlineWorker


class Bench:
    """Does jobs one by one: ``bench(job)`` runs it and returns its result, or raises.

    ``around`` may put something around the handler, to happen while the job runs.
    """

    def __init__(self, installation: Installation) -> None:
        self._worker = InlineWorker(installation)

    def __call__(
        self, job: photoqueue.Job, around: Callable[[Handler], Handler] | None = None
    ) -> Any:
        self._worker.run(UUID(job.id), job.queue, around)
        return job.result(60)
