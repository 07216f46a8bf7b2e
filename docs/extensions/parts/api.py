"""What ``photoqueue`` exports, and the tree of errors."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import photoqueue
from photoqueue import errors as errors_module

_GROUPS = {
    "Submitting": ("submit_photo", "submit_photos", "submit_inventory", "join_transaction"),
    "Looking": (
        "poll",
        "collect",
        "job",
        "batch",
        "history",
        "attempts",
        "ai_calls",
        "stats",
        "Job",
        "Batch",
        "JobSnapshot",
        "JobState",
        "Stats",
        "PhotoResult",
        "InventoryResult",
    ),
    "Inventories": (
        "read_inventory",
        "compare",
        "review",
        "Review",
        "Edit",
        "correct",
        "corrections",
        "undo_correction",
        "Correction",
        "Catalogue",
    ),
    "Estimates": ("estimate", "Estimate", "Access", "Rates", "Vehicle"),
    "Steering": ("retry", "cancel", "pause", "resume", "start_worker", "WorkerProcess"),
    "Settings": ("use", "Settings"),
    "Engines": ("Engine", "Hint", "Analysis", "Item", "Call", "Usage"),
    "Notebooks": ("Workbench", "Dashboard"),
}


def markdown() -> str:
    """Write a section for each group of names; what is in none comes last."""
    grouped = {name for names in _GROUPS.values() for name in names}
    rest = tuple(
        name
        for name in photoqueue.__all__
        if name not in grouped and not inspect.isclass(getattr(errors_module, name, None))
    )
    groups = {**_GROUPS, **({"More": rest} if rest else {})}
    return "\n\n".join(_group(title, names) for title, names in groups.items())


def _group(title: str, names: tuple[str, ...]) -> str:
    lines = [line for name in names for line in _directive(name)]
    return "\n".join([f"## {title}", "", "```{eval-rst}", *lines, "```"])


def _directive(name: str) -> list[str]:
    thing = getattr(photoqueue, name)
    if not inspect.isclass(thing):
        return [f".. autofunction:: photoqueue.{name}", ""]
    options = ["   :members:"] if name in {"Job", "Batch", "Review", "WorkerProcess"} else []
    return [f".. autoclass:: photoqueue.{name}", *options, ""]


def errors() -> str:
    """Write the tree of errors, each with the first sentence of its docstring."""
    tree = "\n".join(_tree(errors_module.PhotoqueueError))
    return f"```text\n{tree}\n```"


def _tree(error: type[Exception], first: str = "", rest: str = "") -> Iterator[str]:
    name, says = f"{first}{error.__name__}", (inspect.getdoc(error) or "").splitlines()[0]
    also = "".join(f" Also a {base.__name__}." for base in error.__bases__[1:])
    yield f"{name:<32} {says}{also}"
    below = [one for one in vars(errors_module).values() if error in getattr(one, "__bases__", ())]
    for one in below:
        own, further = ("└── ", "    ") if one is below[-1] else ("├── ", "│   ")
        yield from _tree(one, rest + own, rest + further)
