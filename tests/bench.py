"""Jobs run in the process of the test, by the runner and handlers of a worker.

Real servers and real transitions, without the seconds that starting a worker takes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import UUID

import photoqueue
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Handler, Workplace, load_handler
from photoqueue.queue.ledger import Ledger
from photoqueue.words import JobType
from photoqueue.worker.runner import Runner


class Bench:
    """Does jobs one by one: ``bench(job)`` runs it and returns its result, or raises.

    ``around`` may put something around the handler, to happen while the job runs.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._workplace = Workplace(installation.settings, installation.database)
        self._handlers: dict[JobType, Handler] = {}

    def __call__(
        self, job: photoqueue.Job, around: Callable[[Handler], Handler] | None = None
    ) -> Any:
        if job.queue not in self._handlers:
            self._handlers[job.queue] = load_handler(job.queue, self._workplace)
        handler = self._handlers[job.queue]
        with closing(Ledger(self._installation.database)) as ledger:
            Runner(
                ledger=ledger,
                broker=self._installation.broker,
                settings=self._installation.settings,
                queue=job.queue,
                handler=around(handler) if around else handler,
                worker_id=UUID(int=7),
                slot=1,
            ).run(UUID(job.id))
        return job.result(60)
