"""The base of all views of the workbench, and what they share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from photoqueue.errors import PhotoqueueError, StateError
from photoqueue.faces import shared_script
from photoqueue.faces.notebook.palette import LOOKS

#: What the front end sends: a ``kind``, and values.
Message = dict[str, Any]


class Scope(traitlets.HasTraits):
    """The project or batch that all views of a workbench look at.

    Attributes
    ----------
    project, batch : str
        Their ids; empty is no limit.
    """

    project = traitlets.Unicode("")
    batch = traitlets.Unicode("")


class LiveView(anywidget.AnyWidget):
    """A widget that shows something of the installation.

    A view writes traits only, so that it may be refreshed from a thread. It never waits for
    the servers when the person does something: :meth:`wanted` asks whoever drives the view
    (the workbench's thread) to refresh it soon; a view on its own refreshes itself at once.

    Attributes
    ----------
    notice : str
        What went wrong with the last thing that the person asked for; empty for nothing.
    """

    notice = traitlets.Unicode("").tag(sync=True)

    #: What the front end may ask for by its kind, and what does it.
    verbs: ClassVar[Mapping[str, Callable[[Any, Message], object]]] = {}
    #: Kinds that change nothing: those that a page which only shows may ask for.
    looking: ClassVar[frozenset[str]] = frozenset()
    #: Whether the view is to be refreshed after each verb; else its traits see to that.
    refreshed: ClassVar[bool] = True

    def __init__(self, scope: Scope | None = None, *, actions: bool = True, **traits: Any) -> None:
        self.scope = scope or Scope()
        self.actions = actions
        self._driver: Callable[[], None] | None = None
        super().__init__(**traits)
        self.on_msg(self._received)

    @property
    def ages(self) -> bool:
        """Whether what is shown goes stale by the clock alone, as the age of a job does."""
        return False

    def refresh(self) -> None:
        """Read what is shown again; called in the thread that drives the view.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used; the driver says so beside the views.
        """
        raise NotImplementedError

    def driven_by(self, wake: Callable[[], None]) -> None:
        """Let ``wake`` have this view refreshed from now on, instead of itself."""
        self._driver = wake

    @property
    def driven(self) -> bool:
        """Whether something else has the view refreshed, again and again."""
        return self._driver is not None

    def wanted(self) -> None:
        """Have the view refreshed soon."""
        if self._driver is not None:
            self._driver()
        else:
            self.refresh()

    def _received(self, _widget: object, message: Message, _buffers: list[bytes]) -> None:
        try:
            self.notice = ""
            kind = str(message.get("kind"))
            if kind not in self.verbs:
                raise StateError(f"Nothing is known to do for {kind!r:.40}.")
            if not self.actions and kind not in self.looking:
                raise StateError("This page only shows; nothing can be changed here.")
            self.verbs[kind](self, message)
            if self.refreshed:
                self.wanted()
        except PhotoqueueError as exc:
            self.notice = str(exc)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


_STATIC = Path(__file__).parent / "static"


@cache
def script(*names: str) -> str:
    """Return the module of a widget: its ``static/<name>.js`` behind what others have as well."""
    looks = {state: {"colour": look.colour, "icon": look.icon} for state, look in LOOKS.items()}
    return "\n".join(
        [
            f"const LOOKS = {json.dumps(looks, ensure_ascii=False)};",
            shared_script(),
            *(_read(f"{name}.js") for name in ("common", *names)),
        ]
    )


@cache
def style(name: str | None = None) -> str:
    """Return the style that all widgets share, and that of one widget where it has its own."""
    return _read("common.css") + (_read(f"{name}.css") if name else "")


def _read(file: str) -> str:
    return (_STATIC / file).read_text(encoding="utf-8")


class Words(anywidget.AnyWidget):
    """A line of plain text that is announced when it changes.

    Attributes
    ----------
    text : str
        Shown as it is; never read as HTML.
    urgent : bool
        Whether something went wrong.
    """

    _esm = script("words")
    _css = style()

    text = traitlets.Unicode("").tag(sync=True)
    urgent = traitlets.Bool(False).tag(sync=True)

    def say(self, text: str, urgent: bool = False) -> None:
        """Show a text in the place of the last one."""
        with self.hold_sync():
            self.text, self.urgent = text, urgent

    def __repr__(self) -> str:
        return f"<Words {self.text[:60]!r}>"


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
