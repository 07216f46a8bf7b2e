"""``Workbench()`` and ``Dashboard()``: everything about the jobs in one widget.

This module loads no widget library; the constructors do.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from photoqueue.client.handles import Batch
from photoqueue.client.observe import batch as reopened
from photoqueue.errors import ConfigurationError

if TYPE_CHECKING:
    from photoqueue.faces.notebook.submit_form import SubmitForm

_NEEDED: Final = ("anywidget", "ipywidgets", "matplotlib")


class TabbedBoard:
    """Views in tabs, kept up to date by one thread; base of the two boards.

    Attributes
    ----------
    jobs, photos, inventory, charts, system
        The views; each can also be displayed alone.
    widget : ipywidgets.Widget
        The widget to display, for custom layouts.
    """

    def __init__(
        self,
        *,
        project: str | None,
        batch: str | Batch | None,
        submitted: Callable[[Batch], None] | None,
    ) -> None:
        _require_widgets()
        from photoqueue.faces.notebook.assembly import Assembly
        from photoqueue.faces.notebook.view import Scope

        self._scope = Scope()
        self.show(project=project, batch=batch)
        parts = Assembly(self._scope, submitted)
        self.jobs, self.photos, self.inventory = parts.jobs, parts.photos, parts.inventory
        self.charts, self.system = parts.charts, parts.system
        self.widget = parts.widget
        self._parts = parts
        parts.refresher.start()
        atexit.register(self.close)

    def show(self, *, project: str | None = None, batch: str | Batch | None = None) -> None:
        """Show one batch, one project, or, with neither, everything.

        Raises
        ------
        UnknownBatchError
            There is no such batch.
        """
        found = reopened(batch) if isinstance(batch, str) else batch
        of = found.project_id if found is not None else project
        with self._scope.hold_trait_notifications():
            self._scope.batch = found.id if found is not None else ""
            self._scope.project = of or ""

    @property
    def batch(self) -> Batch | None:
        """The selected batch as a handle; None for a project or everything."""
        return reopened(self._scope.batch) if self._scope.batch else None

    @property
    def project(self) -> str | None:
        """The selected project, or the project of the selected batch."""
        return self._scope.project or None

    def refresh(self) -> None:
        """Read everything visible again."""
        self._parts.refresher.wake()

    def close(self) -> None:
        """End the thread behind the board; the display stays as it is."""
        self._parts.close()
        atexit.unregister(self.close)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/plain"] = repr(self)
        return bundle

    def __repr__(self) -> str:
        shown = "all jobs"
        if self._scope.batch:
            shown = f"batch {self._scope.batch}"
        elif self._scope.project:
            shown = f"project {self._scope.project[:40]}"
        return f"<{type(self).__name__}: {shown}>"


class Workbench(TabbedBoard):
    """Submit photos and follow their jobs in one widget.

    On the left is the submit form; on the right are the jobs, the photos with their findings, the
    inventory, charts, and the system. No state is kept in the widget: after a restart of the
    kernel, ``Workbench(batch="b-…")`` shows the same again.

    Parameters
    ----------
    project
        Show only this project, and submit to it.
    batch
        Show only this batch: a handle or an id.

    Raises
    ------
    ConfigurationError
        A package of the extra ``workbench`` is missing.
    UnknownBatchError
        There is no such batch.
    DatabaseUnavailableError
        PostgreSQL is unavailable.

    Examples
    --------
    >>> workbench = Workbench(project="move-42")  # doctest: +SKIP
    >>> workbench  # doctest: +SKIP
    >>> workbench.photos.selected  # doctest: +SKIP
    ('p-4f1d…', 'p-77ab…')
    """

    def __init__(self, project: str | None = None, *, batch: str | Batch | None = None) -> None:
        super().__init__(project=project, batch=batch, submitted=self._submitted)

    @property
    def form(self) -> SubmitForm:
        """The submit form; its fields can be filled from Python."""
        assert self._parts.form is not None  # made with `submitted`
        return self._parts.form

    def _submitted(self, batch: Batch) -> None:
        self.show(batch=batch)


class Dashboard(TabbedBoard):
    """The same views without controls that change something, for a shared page.

    Parameters
    ----------
    project, batch
        Show only this project or batch. In a page served by Voilà, ``?batch=b-…`` or
        ``?project=move-42`` in the address does the same.

    Raises
    ------
    ConfigurationError
        A package of the extra ``workbench`` is missing.
    UnknownBatchError
        There is no such batch.
    DatabaseUnavailableError
        PostgreSQL is unavailable.
    """

    def __init__(self, project: str | None = None, *, batch: str | Batch | None = None) -> None:
        asked = parse_qs(os.environ.get("QUERY_STRING", ""))
        super().__init__(
            project=project or asked.get("project", [None])[0],
            batch=batch or asked.get("batch", [None])[0],
            submitted=None,
        )


def _require_widgets() -> None:
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        raise ConfigurationError(
            f"The workbench needs the package {missing[0]}. Run: pip install "
            "'photoqueue[workbench]'"
        )
