"""photoqueue: photos of rooms go in, tracked and crash-proof results come out.

>>> from photoqueue import submit_photos, submit_inventory, collect
>>> batch = submit_photos("photos/move-42/", project_id="move-42")  # doctest: +SKIP
>>> collect(batch)  # doctest: +SKIP
>>> submit_inventory("move-42", after=batch).result()  # doctest: +SKIP

Every name is loaded when it is first used, so that importing photoqueue is quick and
starts nothing.
"""

from __future__ import annotations

# These two take locks before a fork. Imported first, they do so after `_end_imports`.
import concurrent.futures.thread  # noqa: F401  # for what it does before a fork
import importlib._bootstrap
import logging  # noqa: F401  # for what it does before a fork, too
import os
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Final

from photoqueue.records.hooks import Hooks, install

if TYPE_CHECKING:
    from pathlib import Path

    from photoqueue.client.control import cancel, pause, prioritise, resume, retry
    from photoqueue.client.corrections import (
        compare,
        correct,
        corrections,
        read_inventory,
        undo_correction,
    )
    from photoqueue.client.estimate import estimate
    from photoqueue.client.handles import Batch, Job
    from photoqueue.client.observe import (
        Stats,
        ai_calls,
        attempts,
        batch,
        collect,
        history,
        job,
        poll,
        stats,
    )
    from photoqueue.client.review import Review, review
    from photoqueue.client.submit import open_batch, submit_photo, submit_photos
    from photoqueue.client.submit_job import join_transaction, submit, submit_inventory
    from photoqueue.client.worker_process import WorkerProcess, start_worker
    from photoqueue.engines.contract import Analysis, Call, Engine, Hint, Item, Usage
    from photoqueue.errors import (
        JobCancelledError,
        JobFailedError,
        NoWorkerError,
        PermanentError,
        PhotoqueueError,
        ResultTimeoutError,
    )
    from photoqueue.faces.notebook.board import Dashboard, Workbench
    from photoqueue.faces.report.document import Report, report
    from photoqueue.installation import use
    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.records.edits import Edit
    from photoqueue.records.estimates import Access, Estimate, Rates, Vehicle
    from photoqueue.records.hooks import Namer
    from photoqueue.records.results import Correction, InventoryResult, PhotoResult
    from photoqueue.records.snapshots import JobSnapshot
    from photoqueue.settings import Settings
    from photoqueue.words import JobState, JobType

__version__ = "0.1.0"

__all__ = [
    "Access",
    "Analysis",
    "Batch",
    "Call",
    "Catalogue",
    "Correction",
    "Dashboard",
    "Edit",
    "Engine",
    "Estimate",
    "Hint",
    "InventoryResult",
    "Item",
    "Job",
    "JobCancelledError",
    "JobFailedError",
    "JobSnapshot",
    "JobState",
    "JobType",
    "NoWorkerError",
    "PermanentError",
    "PhotoResult",
    "PhotoqueueError",
    "Rates",
    "Report",
    "ResultTimeoutError",
    "Review",
    "Settings",
    "Stats",
    "Usage",
    "Vehicle",
    "Workbench",
    "WorkerProcess",
    "ai_calls",
    "attempts",
    "batch",
    "cancel",
    "collect",
    "compare",
    "correct",
    "corrections",
    "estimate",
    "history",
    "job",
    "join_transaction",
    "open_batch",
    "pause",
    "poll",
    "prioritise",
    "read_inventory",
    "report",
    "resume",
    "retry",
    "review",
    "start_worker",
    "stats",
    "submit",
    "submit_inventory",
    "submit_photo",
    "submit_photos",
    "undo_correction",
    "use",
]

#: Modules, and the public names that each of them holds.
_HOMES: Final = {
    "photoqueue.client.control": "cancel pause prioritise resume retry",
    "photoqueue.client.corrections": "compare correct corrections read_inventory undo_correction",
    "photoqueue.client.estimate": "estimate",
    "photoqueue.client.handles": "Batch Job",
    "photoqueue.client.observe": "Stats ai_calls attempts batch collect history job poll stats",
    "photoqueue.client.review": "Review review",
    "photoqueue.client.submit": "open_batch submit_photo submit_photos",
    "photoqueue.client.submit_job": "join_transaction submit submit_inventory",
    "photoqueue.client.worker_process": "WorkerProcess start_worker",
    "photoqueue.engines.contract": "Analysis Call Engine Hint Item Usage",
    "photoqueue.errors": "JobCancelledError JobFailedError NoWorkerError PermanentError "
    "PhotoqueueError ResultTimeoutError",
    "photoqueue.faces.notebook.board": "Dashboard Workbench",
    "photoqueue.faces.report.document": "Report report",
    "photoqueue.installation": "use",
    "photoqueue.inventory.catalogue": "Catalogue",
    "photoqueue.records.edits": "Edit",
    "photoqueue.records.estimates": "Access Estimate Rates Vehicle",
    "photoqueue.records.results": "Correction InventoryResult PhotoResult",
    "photoqueue.records.snapshots": "JobSnapshot",
    "photoqueue.settings": "Settings",
    "photoqueue.words": "JobState JobType",
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


#: Seconds for which a fork waits for imports of other threads.
_IMPORT_SECONDS: Final = 20.0


def _end_imports() -> None:
    """Let imports of other threads end before a fork: the child would wait for them for ever.

    The first use of each name imports modules, also in threads. A child inherits the locks of
    those that are being imported, but not the thread that would release them.
    """
    deadline = time.monotonic() + _IMPORT_SECONDS
    while _imported_elsewhere() and time.monotonic() < deadline:
        time.sleep(0.002)


def _imported_elsewhere() -> bool:
    # Private, and the only place where Python keeps the owners of these locks.
    known = getattr(importlib._bootstrap, "_module_locks", {})
    locks = [get() for get in list(known.values())]
    return any(lock and lock.owner not in (None, threading.get_ident()) for lock in locks)


os.register_at_fork(before=_end_imports)


def _card(value: object) -> str:
    from photoqueue.faces.cards.values import card_of

    return card_of(value)


def _names(language: str) -> Namer:
    from photoqueue.inventory.wording import Wording

    return Wording.of(language)


def _export(result: InventoryResult, path: Path, language: str | None) -> Path:
    from photoqueue.inventory.export import export_inventory
    from photoqueue.inventory.wording import Wording

    kind = path.suffix.removeprefix(".").lower()
    return export_inventory(result, kind, path, Wording.of(language))


install(Hooks(card=_card, names=_names, export=_export))
