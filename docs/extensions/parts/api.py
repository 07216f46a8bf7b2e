"""What ``photoqueue`` and its public modules export, and the tree of errors."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType

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
    sections = [_section(title, photoqueue, names) for title, names in groups.items()]
    for module in public_modules():
        sections.append(_section(module.__name__, module, module.__all__, about=module))
    return "\n\n".join(sections)


def public_modules() -> list[ModuleType]:
    """Import the modules beside the front door: those in its folder that say what they export."""
    names = [found.name for found in pkgutil.iter_modules(photoqueue.__path__) if not found.ispkg]
    modules = [import_module(f"photoqueue.{name}") for name in names if name != "__main__"]
    return [module for module in modules if hasattr(module, "__all__")]


def _section(
    title: str, module: ModuleType, names: Sequence[str], *, about: ModuleType | None = None
) -> str:
    lines = [_first_line(about), ""] if about else []
    lines += [line for name in names for line in _directive(module, name)]
    return "\n".join([f"## {title}", "", "```{eval-rst}", *lines, "```"])


def _directive(module: ModuleType, name: str) -> list[str]:
    thing, full = getattr(module, name), f"{module.__name__}.{name}"
    if inspect.isclass(thing):
        options = ["   :members:"] if name in {"Job", "Batch", "Review", "WorkerProcess"} else []
        return [f".. autoclass:: {full}", *options, ""]
    if inspect.iscoroutinefunction(thing):
        return [
            f".. py:function:: {full}(…)",
            "   :async:",
            "",
            f"   As :func:`photoqueue.{name}`.",
            "",
        ]
    if inspect.isfunction(thing):
        return [f".. autofunction:: {full}", ""]
    if callable(thing):
        return [f".. py:data:: {full}", "", f"   A fixture. {_first_line(thing)}", ""]
    return [f".. autodata:: {full}", ""]


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def errors() -> str:
    """Write the tree of errors, each with the first sentence of its docstring."""
    tree = "\n".join(_tree(errors_module.PhotoqueueError))
    return f"```text\n{tree}\n```"


def _tree(error: type[Exception], first: str = "", rest: str = "") -> Iterator[str]:
    name, says = f"{first}{error.__name__}", _first_line(error)
    also = "".join(f" Also a {base.__name__}." for base in error.__bases__[1:])
    yield f"{name:<32} {says}{also}"
    below = [one for one in vars(errors_module).values() if error in getattr(one, "__bases__", ())]
    for one in below:
        own, further = ("└── ", "    ") if one is below[-1] else ("├── ", "│   ")
        yield from _tree(one, rest + own, rest + further)
