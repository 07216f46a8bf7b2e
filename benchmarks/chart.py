"""The chart: photoqueue and its peers side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.store import Values
from benchmarks.summary import figure, summarise
from photoqueue.faces.notebook.palette import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = (
    ("submit", "jobs/s", "Submit in bulk (jobs/s)"),
    ("drain", "jobs/s", "Work off no-op jobs (jobs/s)"),
    ("latency", "p50 ms", "One job, submit to result (p50 in ms, less is better)"),
    ("memory", "PSS MiB", "A worker of two processes (PSS in MiB, less is better)"),
)


def draw(values: Values, path: Path) -> None:
    """Draw what there is of the peers as bars, with the spread of each as a line."""
    panels = [panel for panel in _PANELS if values.get(panel[0])]
    if not panels:
        return
    from matplotlib.figure import Figure

    tall = max(len(values[name]) for name, _, _ in panels)
    rows = (len(panels) + 1) // 2
    drawing = Figure(figsize=(11, rows * (1.1 + 0.36 * tall)), layout="constrained")
    grid = drawing.subplots(rows, 2, squeeze=False)
    for axes, (name, unit, title) in zip(grid.flat, panels, strict=False):
        found = {who: named[unit] for who, named in values[name].items() if unit in named}
        _bars(axes, found, title)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    drawing.savefig(path, dpi=130)


def _bars(axes: Axes, found: dict[str, list[float]], title: str) -> None:
    names = list(found)
    sums = [summarise(found[name]) for name in names]
    axes.barh(
        names,
        [one.median for one in sums],
        xerr=[
            [one.median - one.low for one in sums],
            [one.high - one.median for one in sums],
        ],
        color=[BLUE if name == "photoqueue" else GREY for name in names],
        error_kw={"lw": 1, "capsize": 3},
    )
    most = max(one.high for one in sums)
    for place, one in enumerate(sums):
        axes.text(one.high + most * 0.02, place, figure(one.median), va="center", fontsize=9)
    axes.set_xlim(0, most * 1.18)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
