"""Progress of a wait: a widget in a notebook, a line in a terminal, or nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, Protocol

from photoqueue.models import JobState

if TYPE_CHECKING:
    from types import TracebackType

    from photoqueue.client.waiting import Counts

ProgressStyle = Literal["auto", "widget", "text", "none"]


class Progress(Protocol):
    """Shows how far a batch is."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def update(self, counts: Counts) -> None:
        """Show the counts of the jobs by state."""
        ...


def make_progress(style: ProgressStyle, total: int, title: str) -> Progress:
    """Choose how to show progress; ``auto`` looks at where the program runs."""
    if style == "auto":
        style = _fitting_style()
    if style == "widget":
        return WidgetProgress(total, title)
    if style == "text":
        return TextProgress(total, title)
    return NoProgress()


def _fitting_style() -> ProgressStyle:
    if _in_notebook():
        try:
            import ipywidgets  # noqa: F401  # only whether it is there
        except ImportError:
            return "none"
        return "widget"
    return "text" if sys.stderr.isatty() else "none"


def _in_notebook() -> bool:
    """Whether an IPython kernel runs this; never imports IPython by itself."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def summary(counts: Counts) -> str:
    """Say in words how far it is: ``497 completed, 3 failed, 12 waiting``."""
    order = (
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.ACTIVE,
        JobState.DELAYED,
        JobState.WAITING,
    )
    return ", ".join(f"{counts[state]} {state}" for state in order if counts.get(state))


def finished(counts: Counts) -> int:
    """Count the jobs that have ended."""
    return sum(number for state, number in counts.items() if state.finished)


class NoProgress:
    """Shows nothing."""

    def __enter__(self) -> NoProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, counts: Counts) -> None:
        """Show nothing."""


class TextProgress:
    """A line in the terminal, on standard error."""

    def __init__(self, total: int, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(title, total=total, words="")

    def __enter__(self) -> TextProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, counts: Counts) -> None:
        """Show the counts."""
        self._bar.update(self._task, completed=finished(counts), words=summary(counts))


class WidgetProgress:
    """A bar and its words under the cell; red as soon as a job has failed."""

    def __init__(self, total: int, title: str) -> None:
        import ipywidgets

        self._bar = ipywidgets.IntProgress(
            value=0, max=max(total, 1), description=title, style={"description_width": "initial"}
        )
        self._words = ipywidgets.Label()
        self._box = ipywidgets.HBox([self._bar, self._words])

    def __enter__(self) -> WidgetProgress:
        from IPython.display import display

        display(self._box)  # type: ignore[no-untyped-call]  # IPython's
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._bar.bar_style = "danger"
        elif self._bar.bar_style == "":
            self._bar.bar_style = "success"

    def update(self, counts: Counts) -> None:
        """Show the counts; a trait that stays the same is not sent again."""
        self._bar.value = finished(counts)
        self._words.value = summary(counts)
        if counts.get(JobState.FAILED):
            self._bar.bar_style = "danger"
