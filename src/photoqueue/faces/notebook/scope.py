"""What the views of a workbench show: everything, one project, or one batch."""

from __future__ import annotations

import traitlets


class Scope(traitlets.HasTraits):
    """The project or batch that all views of a workbench look at.

    Attributes
    ----------
    project, batch : str
        Their ids; empty is no limit.
    """

    project = traitlets.Unicode("")
    batch = traitlets.Unicode("")
