"""What the views look at: everything, a batch, or a project; chosen from a list or typed."""

from __future__ import annotations

from typing import Any, Final

import traitlets

from photoqueue.client.observe import batch as reopened
from photoqueue.client.recent import recent_batches, require_project
from photoqueue.errors import UnknownBatchError
from photoqueue.faces.notebook.front_end import script, style
from photoqueue.faces.notebook.view import View

#: Batches in the list; older ones are opened by their id.
_LISTED: Final = 20


class ScopeChoice(View):
    """A list of the newest batches and their projects, and a field for any other id.

    Attributes
    ----------
    batches : list of dict
        ``batch``, ``project`` (may be None), ``photos``, ``created`` (ISO time).
    batch, project : str
        What is looked at now; empty is no limit.
    """

    _esm = script("scope_choice")
    _css = style()

    batches: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    batch = traitlets.Unicode("").tag(sync=True)
    project = traitlets.Unicode("").tag(sync=True)

    def refresh(self) -> None:
        """Read the newest batches."""
        found = [
            {
                "batch": one.batch_id,
                "project": one.project_id,
                "photos": one.photos,
                "created": one.created_at.isoformat(),
            }
            for one in recent_batches(_LISTED)
        ]
        with self.hold_sync():
            self.batches = found
            self.batch, self.project = self.scope.batch, self.scope.project

    def handle(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        """Look at something else: ``batch``, ``project``, or ``id``, which may be either.

        Raises
        ------
        UnknownBatchError, UnknownProjectError
            There is no such batch or project; the views stay where they are.
        """
        if message.get("kind") != "show":
            return
        batch, project = str(message.get("batch") or ""), str(message.get("project") or "")
        typed = str(message.get("id") or "").strip()
        if typed:
            try:
                batch = reopened(typed).id
            except UnknownBatchError:
                if typed.startswith("b-"):
                    raise
                project = typed
        if batch:
            project = reopened(batch).project_id or ""
        elif project:
            require_project(project)
        with self.scope.hold_trait_notifications():
            self.scope.batch, self.scope.project = batch, project
        self.wanted()
