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
from photoqueue.words import Message


class Bench:
    """Does jobs one by one: ``bench(job)`` runs it and returns its result, or raises.

    ``around`` may put something around the handler, to happen while the job runs.
    """

    def __init__(self, installation: Installation) -> None:
        self._worker = InlineWorker(installation)
        self._handler = self._worker.handler

    def __call__(
        self, job: photoqueue.Job, around: Callable[[Handler], Handler] = lambda handler: handler
    ) -> Any:
        self._worker.handler = lambda queue: around(self._handler(queue))
        self._worker.run(Message(job.queue, UUID(job.id)))
        return job.result(60)
