"""``Workbench()`` and ``Dashboard()``: everything about the jobs in one widget."""

from __future__ import annotations

import atexit
import os
from typing import Any, Final
from urllib.parse import parse_qs

import ipywidgets as widgets

from photoqueue.client.handles import Batch
from photoqueue.client.observe import batch as reopened
from photoqueue.client.pages import change_mark
from photoqueue.workbench.charts_view import ChartsView
from photoqueue.workbench.inventory import InventoryView
from photoqueue.workbench.jobs import JobsView
from photoqueue.workbench.photos import PhotosView
from photoqueue.workbench.refresher import Refresher
from photoqueue.workbench.scope import Scope
from photoqueue.workbench.scope_choice import ScopeChoice
from photoqueue.workbench.status import StatusBar
from photoqueue.workbench.submit_form import SubmitForm
from photoqueue.workbench.system import SystemView
from photoqueue.workbench.worker_notice import WorkerNotice

#: Least height of the tabs: a table that shrinks must not make the notebook jump.
_HEIGHT: Final = "420px"


class Board:
    """The views in tabs, kept up to date by one thread; base of the two boards.

    Attributes
    ----------
    jobs, photos, inventory, charts, system
        The views; each is a widget of its own as well.
    """

    def __init__(self, *, project: str | None, batch: str | Batch | None, actions: bool) -> None:
        self.scope = Scope()
        self.show(project=project, batch=batch)
        self.jobs = JobsView(self.scope, actions=actions)
        self.photos = PhotosView(self.scope, actions=actions)
        self.inventory = InventoryView(self.scope, actions=actions)
        self.charts = ChartsView(self.scope, actions=actions)
        self.system = SystemView(self.scope, actions=actions)
        self._views = {
            "Jobs": self.jobs,
            "Photos": self.photos,
            "Inventory": self.inventory,
            "Charts": self.charts,
            "System": self.system,
        }
        self._notice = WorkerNotice(self.scope, actions=actions)
        self._choice = ScopeChoice(self.scope, actions=actions)
        self._status = StatusBar()
        self._tabs = widgets.Tab(
            children=list(self._views.values()),
            titles=list(self._views),
            layout=widgets.Layout(min_height=_HEIGHT),
        )
        self._refresher = Refresher(self._shown, change_mark, self._status)
        for view in (*self._views.values(), self._notice, self._choice):
            view.driven_by(self._refresher.wake)
        self._tabs.observe(lambda _: self._refresher.wake(), "selected_index")
        self.scope.observe(lambda _: self._refresher.wake())
        self.widget = self._laid_out()
        self._refresher.start()
        atexit.register(self.close)

    def show(self, *, project: str | None = None, batch: str | Batch | None = None) -> None:
        """Look at one batch, one project, or, with neither, at everything.

        Raises
        ------
        UnknownBatchError
            There is no such batch.
        """
        found = reopened(batch) if isinstance(batch, str) else batch
        with self.scope.hold_trait_notifications():
            self.scope.batch = found.id if found is not None else ""
            self.scope.project = project or ""

    @property
    def batch(self) -> Batch | None:
        """The batch that is looked at, as a handle; None for a project or everything."""
        return reopened(self.scope.batch) if self.scope.batch else None

    def refresh(self) -> None:
        """Read everything on screen anew."""
        self._refresher.wake()

    def close(self) -> None:
        """End the thread behind the board; what is on screen stays as it is."""
        self._refresher.stop()
        atexit.unregister(self.close)

    def _shown(self) -> list[Any]:
        index = self._tabs.selected_index
        view = self._tabs.children[index if index is not None else 0]
        return [self._notice, self._choice, view]

    def _laid_out(self) -> widgets.Widget:
        return widgets.VBox([self._status, self._choice, self._notice, self._tabs])

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/plain"] = repr(self)
        return bundle

    def __repr__(self) -> str:
        shown = (
            f"batch {self.scope.batch}"
            if self.scope.batch
            else f"project {self.scope.project[:40]}"
            if self.scope.project
            else "all jobs"
        )
        return f"<{type(self).__name__}: {shown}>"


class Workbench(Board):
    """Submit photos and see what becomes of them: one call, one widget.

    On the left what to submit; on the right the jobs, the photos with what was found in
    them, the inventory, charts, and the system. Nothing is kept in the widget: after a
    restart of the kernel, ``Workbench(batch="b-…")`` shows the same again.

    Parameters
    ----------
    project
        Look at this project only, and submit to it.
    batch
        Look at this batch only: a handle, or its id.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    DatabaseUnavailableError
        PostgreSQL is away.

    Examples
    --------
    >>> workbench = Workbench(project="move-42")  # doctest: +SKIP
    >>> workbench  # doctest: +SKIP
    """

    def __init__(self, project: str | None = None, *, batch: str | Batch | None = None) -> None:
        self.form = SubmitForm(self._submitted, project=project or "")
        super().__init__(project=project, batch=batch, actions=True)

    def close(self) -> None:
        """End the thread behind the workbench; what is on screen stays as it is."""
        super().close()
        self.form.close()

    def _laid_out(self) -> widgets.Widget:
        right = widgets.VBox(
            [self._status, self._choice, self._notice, self._tabs],
            layout=widgets.Layout(flex="1 1 520px", min_width="0"),
        )
        return widgets.HBox([self.form.widget, right], layout=widgets.Layout(flex_flow="row wrap"))

    def _submitted(self, batch: Batch) -> None:
        self.show(batch=batch, project=batch.project_id)


class Dashboard(Board):
    """The same views without anything that changes something, for a page that many see.

    Parameters
    ----------
    project, batch
        Look at this project or batch only. In a page served by Voilà ``?batch=b-…`` or
        ``?project=move-42`` at the end of its address does the same.

    Raises
    ------
    UnknownBatchError
        There is no such batch.
    """

    def __init__(self, project: str | None = None, *, batch: str | Batch | None = None) -> None:
        asked = parse_qs(os.environ.get("QUERY_STRING", ""))
        super().__init__(
            project=project or asked.get("project", [None])[0],
            batch=batch or asked.get("batch", [None])[0],
            actions=False,
        )
