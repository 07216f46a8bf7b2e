"""What every view of the workbench is: a widget that reads anew when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from photoqueue.errors import PhotoqueueError
from photoqueue.faces.notebook.scope import Scope


class View(anywidget.AnyWidget):
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
        """Read anew what is shown; called in the thread that drives the view.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used; the driver says so beside the views.
        """
        raise NotImplementedError

    def handle(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Do what the person asked for; the front end sends a ``kind`` and its values.

        Raises
        ------
        PhotoqueueError
            It could not be done; the view shows the reason as its notice.
        """

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

    def _received(self, _widget: object, message: dict[str, Any], buffers: list[bytes]) -> None:
        try:
            self.notice = ""
            self.handle(message, buffers)
        except PhotoqueueError as exc:
            self.notice = str(exc)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
