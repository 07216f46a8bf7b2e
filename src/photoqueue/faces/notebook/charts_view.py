"""The overview charts of the scope: pictures with alternative text, each with its table."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import traitlets

from photoqueue.client.metrics import figures
from photoqueue.faces.notebook.pages import script, style
from photoqueue.faces.notebook.view import LiveView, Paced, Scope
from photoqueue.jobs import job_types
from photoqueue.records.figures import Figures, Retries

if TYPE_CHECKING:
    from photoqueue.faces.notebook.charts.canvas import Table, ThemeName

#: Periods to choose from; None is no limit.
PERIODS: Final[dict[str, timedelta | None]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "all": None,
}
#: Seconds between two readings at least; after a slow one, this many times its duration.
_SECONDS: Final = 5.0
_REST: Final = 20.0
#: Names of the charts, and of the traits that hold them, in the order of the page.
NAMES: Final = tuple(field.name for field in fields(Figures))


class ChartsView(LiveView):
    """The overview charts.

    Each chart is a trait with ``heading``, ``finding`` (what it shows, in one sentence), ``alt``,
    ``png`` (bytes), ``empty`` (nothing to show yet), ``columns`` and ``rows``; empty until it is
    drawn. Charts are redrawn when their data has changed, every five seconds at
    most.

    Attributes
    ----------
    period : str
        ``hour``, ``day``, ``week`` or ``all``.
    queue : str
        Only jobs of this queue; empty is no limit.
    queues : list of str
        All queues.
    dark : bool
        Whether the page is dark; set by the front end.
    """

    _esm = script("charts")
    _css = style("charts")

    period = traitlets.Enum(list(PERIODS), "all").tag(sync=True)
    queue = traitlets.Unicode("").tag(sync=True)
    queues = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), list(NAMES)).tag(sync=True)

    def __init__(self, scope: Scope | None = None, *, actions: bool = True, **traits: Any) -> None:
        self._figures = Paced(_figures, rest=_REST, least=_SECONDS)
        self._drawn: dict[str, tuple[str, Table, ThemeName]] = {}
        self.add_traits(**{name: traitlets.Dict().tag(sync=True) for name in NAMES})
        super().__init__(scope, actions=actions, **traits)
        self.observe(self.chosen, ["period", "queue", "dark"])

    @traitlets.default("queues")
    def _all_queues(self) -> list[str]:
        return [str(queue) for queue in job_types()]

    @traitlets.validate("queue")
    def _known_queue(self, proposal: Any) -> str:
        queue: str = proposal["value"]
        if queue and queue not in self.queues:
            raise traitlets.TraitError(f"There is no queue {queue[:80]!r}.")
        return queue

    @property
    def ages(self) -> bool:
        """Whether something was written since the figures were read, as in a busy installation."""
        return self._figures.stale

    @staticmethod
    def prepare() -> None:
        """Load the drawing library, so that the first charts do not wait for it."""
        from photoqueue.faces.notebook.charts import as_png, retries

        as_png(retries.draw(Retries(completed=((1, 1),), failed=())))

    def refresh(self) -> None:
        """Read the charts' data if it may have changed, and redraw changed charts.

        Raises
        ------
        DatabaseUnavailableError
            PostgreSQL cannot be reached.
        """
        scope = self.scope
        self._draw(self._figures.of(scope.project, scope.batch, self.queue, self.period))

    def _draw(self, read: Figures) -> None:
        # Imported late: matplotlib takes a while to load, and the first table must not wait for it.
        from photoqueue.faces.notebook.charts import OVERVIEW, as_png

        theme: ThemeName = "dark" if self.dark else "light"
        for name in NAMES:
            chart = OVERVIEW[name]
            record = getattr(read, name)
            table = chart.table(record)
            words = chart.describe(record)
            if self._drawn.get(name) == (words, table, theme):
                continue
            figure = chart.draw(record, theme=theme)
            self.set_trait(
                name,
                {
                    "heading": chart.title,
                    "finding": chart.finding(record),
                    "alt": words,
                    "png": as_png(figure, bare=True),
                    "empty": not chart.has_data(record),
                    "columns": list(table.columns),
                    "rows": [list(row) for row in table.rows],
                },
            )
            self._drawn[name] = (words, table, theme)


def _figures(project: str, batch: str, queue: str, period: str) -> Figures:
    length = PERIODS[period]
    return figures(
        project_id=project or None,
        batch_id=batch or None,
        queue=queue or None,
        since=None if length is None else datetime.now(UTC) - length,
    )
