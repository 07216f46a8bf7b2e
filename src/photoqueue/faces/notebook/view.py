"""Base class of the workbench's views, and shared helpers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

import anywidget
import traitlets

from photoqueue.errors import PhotoqueueError, StateError

#: A message of the front end: a ``kind``, and values.
Message = dict[str, Any]
Found = TypeVar("Found")
#: What a page without actions answers to whoever wants to change something.
READ_ONLY: Final = "This page is read-only; nothing can be changed here."


class Scope(traitlets.HasTraits):
    """The project or batch that all views of a workbench show, by id; empty is no limit."""

    project = traitlets.Unicode("")
    batch = traitlets.Unicode("")


class LiveView(anywidget.AnyWidget):
    """A widget that shows a part of the installation.

    A view only writes traits, so it may be refreshed from a thread. User actions never wait for the
    servers: :meth:`wanted` asks the driver of the view (the workbench's thread) to refresh it soon;
    a view without a driver refreshes itself at once.
    """

    #: What went wrong with the user's last action; empty if nothing did.
    notice = traitlets.Unicode("").tag(sync=True)
    #: Whether users may change something here.
    actions = traitlets.Bool(True).tag(sync=True)
    #: Whether nothing else has the view refreshed, again and again.
    alone = traitlets.Bool(True).tag(sync=True)

    #: Message kind → the method that handles it.
    verbs: ClassVar[Mapping[str, Callable[[Any, Message], object]]] = {}
    #: Kinds that change nothing and are allowed on read-only pages.
    looking: ClassVar[frozenset[str]] = frozenset()
    #: Whether the view is refreshed after each message; otherwise trait changes do that.
    refreshed: ClassVar[bool] = True

    def __init__(self, scope: Scope | None = None, *, actions: bool = True, **traits: Any) -> None:
        self.scope = scope or Scope()
        self._driver: Callable[[], None] | None = None
        #: Why the last refresh that the page asked for failed.
        self._outage = ""
        super().__init__(actions=actions, **traits)
        self.on_msg(self._received)

    @property
    def ages(self) -> bool:
        """Whether the view becomes outdated with time alone, as the age of a job does."""
        return False

    def refresh(self) -> None:
        """Read the data again; called in the thread that drives the view.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used; the driver reports that beside the views.
        """
        raise NotImplementedError

    def driven_by(self, wake: Callable[[], None]) -> None:
        """Set a driver: from now on ``wake`` gets this view refreshed."""
        self._driver, self.alone = wake, False

    def wanted(self) -> None:
        """Request a refresh soon."""
        if self._driver is not None:
            self._driver()
        else:
            self.refresh()

    def chosen(self, _change: object = None) -> None:
        """Apply a choice of the user, at once or as soon as the driver can."""
        try:
            self.wanted()
        except PhotoqueueError as exc:
            self.notice = self.told(exc)

    def told(self, error: PhotoqueueError) -> str:
        """Return what to say of an error; a page in two languages overrides it."""
        return str(error)

    def _received(self, _widget: object, message: Message, _buffers: list[bytes]) -> None:
        kind = str(message.get("kind"))
        if kind == "refresh":
            self._asked_anew()
            return
        try:
            self.notice = ""
            if kind not in self.verbs:
                raise StateError("Unknown action {kind!r:.40}.", kind=kind)
            if not self.actions and kind not in self.looking:
                raise StateError(READ_ONLY)
            self.verbs[kind](self, message)
            if self.refreshed:
                self.wanted()
        except PhotoqueueError as exc:
            self.notice = self.told(exc)

    def _asked_anew(self) -> None:
        """Refresh a page that nothing else refreshes; what a person did wrong stays said."""
        before, self._outage = self._outage, ""
        try:
            self.wanted()
        except PhotoqueueError as exc:
            self._outage = self.told(exc)
        if self.notice in ("", before):
            self.notice = self._outage

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Paced(Generic[Found]):
    """Remembers what was read, so that dear readings are rare however often a view is refreshed.

    A reading that took t seconds is not repeated within ``rest`` × t, nor within ``least`` seconds,
    unless the question differs.
    """

    def __init__(
        self, read: Callable[..., Found], *, rest: float = 0.0, least: float = 0.0
    ) -> None:
        #: Whether the last answer was an older one, so that another reading is due.
        self.stale = False
        self._read, self._rest, self._least = read, rest, least
        self._question: tuple[Any, ...] | None = None
        self._again = 0.0

    def of(self, *question: Any, anew: bool = False) -> Found:
        """Return the answer to a question; read now if ``anew``."""
        begin = time.monotonic()
        self.stale = not anew and question == self._question and begin < self._again
        if not self.stale:
            self._question = None  # in case the reading fails
            self._found = self._read(*question)
            self._question, end = question, time.monotonic()
            self._again = end + max(self._least, self._rest * (end - begin))
        return self._found


class Background:
    """Runs one action at a time and reports its result.

    Parameters
    ----------
    say
        Shows a text, and whether it is an error.
    """

    def __init__(self, say: Callable[[str, bool], None]) -> None:
        self._say = say
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether an action is running."""
        return self._thread is not None and self._thread.is_alive()

    def run(self, work: Callable[[], str], *, before: str, after: Callable[[], None]) -> None:
        """Start an action unless one is running.

        Parameters
        ----------
        work
            Returns the text to show at the end.
        before
            Text to show while it runs.
        after
            Called at the end, whether or not it succeeded.
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
        """Wait until the action has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _said(self, step: Callable[[], str | None]) -> None:
        """Run a step; show its result or its error."""
        try:
            text = step()
        except PhotoqueueError as exc:
            self._say(str(exc), True)
        except Exception as exc:
            self._say(f"That did not work: {type(exc).__name__}: {exc}", True)
        else:
            if text is not None:
                self._say(text, False)
