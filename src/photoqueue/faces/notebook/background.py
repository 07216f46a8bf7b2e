"""Long work of a button: in a thread of its own, so that the kernel stays free."""

from __future__ import annotations

import threading
from collections.abc import Callable

from photoqueue.errors import PhotoqueueError


class Background:
    """Runs one piece of work at a time, and says what became of it.

    Parameters
    ----------
    say
        Shows a text, and whether something went wrong.
    """

    def __init__(self, say: Callable[[str, bool], None]) -> None:
        self._say = say
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a piece of work runs."""
        return self._thread is not None and self._thread.is_alive()

    def run(self, work: Callable[[], str], *, before: str, after: Callable[[], None]) -> None:
        """Start a piece of work, unless one runs.

        Parameters
        ----------
        work
            Returns what to say when it is done.
        before
            What to say while it runs.
        after
            Called at the end, however it ends.
        """
        if self.busy:
            return
        self._say(before, False)

        def do() -> None:
            self._said(work)
            self._said(after)

        self._thread = threading.Thread(target=do, name="photoqueue-work", daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the work is done."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _said(self, step: Callable[[], str | None]) -> None:
        """Do a step; say what it returns, or what went wrong."""
        try:
            text = step()
        except PhotoqueueError as exc:
            self._say(str(exc), True)
        except Exception as exc:
            self._say(f"That did not work: {type(exc).__name__}: {exc}", True)
        else:
            if text is not None:
                self._say(text, False)
