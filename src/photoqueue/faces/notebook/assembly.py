"""The widgets of a board put together, and the thread that keeps them up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import ipywidgets as widgets

from photoqueue.client.handles import Batch
from photoqueue.client.pages import change_mark
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.faces.notebook.inventory import InventoryView
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.faces.notebook.photos import PhotosView
from photoqueue.faces.notebook.refresher import Refresher
from photoqueue.faces.notebook.scope import Scope
from photoqueue.faces.notebook.scope_choice import ScopeChoice
from photoqueue.faces.notebook.status import StatusBar
from photoqueue.faces.notebook.submit_form import SubmitForm
from photoqueue.faces.notebook.system import SystemView
from photoqueue.faces.notebook.view import View
from photoqueue.faces.notebook.worker_notice import WorkerNotice

#: Least height of the tabs: a table that shrinks must not make the notebook jump.
_HEIGHT: Final = "420px"


class Assembly:
    """Views in tabs, with a submit form beside them where photos may be submitted.

    Parameters
    ----------
    scope
        What all views look at.
    submitted
        Called with each batch that the form submits; None leaves the form, and every
        button that changes something, away.

    Attributes
    ----------
    widget : ipywidgets.Widget
        What is displayed.
    """

    def __init__(self, scope: Scope, submitted: Callable[[Batch], None] | None) -> None:
        actions = submitted is not None
        self.form = SubmitForm(submitted, project=scope.project) if submitted else None
        self.jobs = JobsView(scope, actions=actions)
        self.photos = PhotosView(scope, actions=actions)
        self.inventory = InventoryView(scope, actions=actions)
        self.charts = ChartsView(scope, actions=actions)
        self.system = SystemView(scope, actions=actions)
        self.notice = WorkerNotice(scope, actions=actions)
        self.choice = ScopeChoice(scope, actions=actions)
        self.status = StatusBar()
        tabs: dict[str, View] = {
            "Jobs": self.jobs,
            "Photos": self.photos,
            "Inventory": self.inventory,
            "Charts": self.charts,
            "System": self.system,
        }
        self.tabs = widgets.Tab(
            children=list(tabs.values()),
            titles=list(tabs),
            selected_index=0,
            layout=widgets.Layout(min_height=_HEIGHT),
        )
        self.refresher = Refresher(self._shown, change_mark, self.status, self.charts.prepare)
        for view in (*tabs.values(), self.notice, self.choice):
            view.driven_by(self.refresher.wake)
        self.tabs.observe(lambda _: self.refresher.wake(), "selected_index")
        scope.observe(lambda _: self.refresher.wake())
        self.widget = self._laid_out()

    def close(self) -> None:
        """End the thread; remove what was uploaded and not submitted."""
        self.refresher.stop()
        if self.form is not None:
            self.form.close()

    def _shown(self) -> list[View]:
        return [self.notice, self.choice, self.tabs.children[self.tabs.selected_index or 0]]

    def _laid_out(self) -> widgets.Widget:
        views = widgets.VBox(
            [self.status, self.choice, self.notice, self.tabs],
            layout=widgets.Layout(flex="1 1 520px", min_width="0"),
        )
        if self.form is None:
            return views
        return widgets.HBox([self.form.widget, views], layout=widgets.Layout(flex_flow="row wrap"))
