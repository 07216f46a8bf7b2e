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
from photoqueue.client.observe import ask
from photoqueue.client.observe import batch as reopened
from photoqueue.errors import ConfigurationError
from photoqueue.queue.pages import change_mark

if TYPE_CHECKING:
    from photoqueue.faces.notebook.assembly import Refreshed
    from photoqueue.faces.notebook.submit_form import SubmitForm
    from photoqueue.faces.notebook.view import LiveView

_NEEDED: Final = ("anywidget", "ipywidgets", "matplotlib")
#: Smallest height of the tabs, so that the notebook does not jump when a table shrinks.
_HEIGHT: Final = "420px"


class TabbedBoard:
    """Views in tabs, kept up to date by one thread; base of the two boards.

    Parameters
    ----------
    project, batch
        What to show.
    submitted
        Called with each batch that the form submits. None omits the form and every button that
        changes something.

    Attributes
    ----------
    review, jobs, charts, system
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
        # Late: they load the widget libraries.
        import ipywidgets as widgets
        import traitlets

        from photoqueue.faces.notebook import assembly, submit_form, view
        from photoqueue.faces.notebook.charts_view import ChartsView
        from photoqueue.faces.notebook.jobs import JobsView
        from photoqueue.faces.notebook.review import ReviewView
        from photoqueue.faces.notebook.system import SystemView

        scope = self._scope = view.Scope()
        self.show(project=project, batch=batch)
        actions = submitted is not None
        self.review = ReviewView(scope, actions=actions)
        self.jobs = JobsView(scope, actions=actions)
        self.charts = ChartsView(scope, actions=actions)
        self.system = SystemView(scope, actions=actions)
        self.jobs.to_review, self.jobs.reviewable = self._show_photo, actions
        tabs: dict[str, LiveView] = {
            "Review": self.review,
            "Jobs": self.jobs,
            "Charts": self.charts,
            "System": self.system,
        }
        self._tabs = widgets.Tab(
            children=list(tabs.values()),
            titles=list(tabs),
            selected_index=0,
            layout=widgets.Layout(min_height=_HEIGHT),
        )
        choice = assembly.ScopeChoice(scope, actions=actions)
        notice = assembly.WorkerNotice(scope, actions=actions)
        self._above: list[LiveView] = [choice, notice]
        status = assembly.StatusBar()
        self._refresher = assembly.Refresher(
            self._shown, lambda: ask(change_mark), status, self.charts.prepare
        )
        for one in (*self._above, *tabs.values()):
            one.driven_by(self._refresher.wake)
        self._tabs.observe(lambda _: self._refresher.wake(), "selected_index")
        scope.observe(lambda _: self._refresher.wake())
        self._form: SubmitForm | None = None
        if submitted is not None:
            looking = bool(scope.project or scope.batch)
            self._form = submit_form.SubmitForm(submitted, project=scope.project, folded=looking)
            traitlets.dlink((self.review, "lang"), (self._form, "lang"))
        top = widgets.Box(
            [status, choice, *([self._form] if self._form else ()), notice],
            layout=widgets.Layout(
                flex_flow="row wrap", align_items="center", grid_gap="0 16px", overflow="visible"
            ),
        )
        self.widget = widgets.VBox([top, self._tabs], layout=widgets.Layout(overflow="visible"))
        top.add_class("pq-board-top")
        self.widget.add_class("pq-board")
        self._refresher.start()
        atexit.register(self.close)

    def _shown(self) -> list[Refreshed]:
        form = [self._form] if self._form else []
        return [*self._above, *form, self._tabs.children[self._tabs.selected_index or 0]]

    def _show_photo(self, photo_id: str, project_id: str) -> None:
        self.review.look_at(photo_id, project_id)
        self._tabs.selected_index = 0

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
        self._refresher.wake()

    def close(self) -> None:
        """End the thread behind the board; the display stays as it is.

        Photos that were uploaded and not submitted are removed.
        """
        self._refresher.stop()
        if self._form is not None:
            self._form.close()
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

    At the top is the form that submits photos, one line once it has done so; below are pages that
    show the move, its jobs, charts, and the system. No state is kept in the widget: after a restart
    of the kernel, ``Workbench(batch="b-…")`` shows the same again.

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
    >>> workbench.review.selected  # doctest: +SKIP
    ('p-4f1d…', 'p-77ab…')
    """

    def __init__(self, project: str | None = None, *, batch: str | Batch | None = None) -> None:
        super().__init__(project=project, batch=batch, submitted=self._submitted)

    @property
    def form(self) -> SubmitForm:
        """The submit form; its fields can be filled from Python."""
        assert self._form is not None  # made with `submitted`
        return self._form

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
