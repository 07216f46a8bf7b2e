"""Words beside the controls: what was done, what is wrong, what comes next."""

from __future__ import annotations

import anywidget
import traitlets

from photoqueue.faces.notebook.front_end import script, style


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
