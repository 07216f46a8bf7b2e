"""The line above the views: whether they are live, and what is wrong if anything is."""

from __future__ import annotations

import time

import anywidget
import traitlets

from photoqueue.faces.notebook.front_end import script, style


class StatusBar(anywidget.AnyWidget):
    """Says when the views were last read; in the browser also when the kernel falls silent.

    Attributes
    ----------
    updated : float
        When the views were last read, in seconds since 1970; 0 before the first time.
    alive : float
        When the thread behind the views last said that it lives.
    problem : str
        Why nothing can be read at the moment; empty when all is well.
    """

    _esm = script("status")
    _css = style("status")

    updated = traitlets.Float(0.0).tag(sync=True)
    alive = traitlets.Float(0.0).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def read(self) -> None:
        """Say that everything shown was read just now."""
        with self.hold_sync():
            self.updated = self.alive = time.time()
            self.problem = ""

    def beat(self) -> None:
        """Say that the thread lives, though nothing has changed."""
        self.alive = time.time()

    def __repr__(self) -> str:
        return "<StatusBar>"
