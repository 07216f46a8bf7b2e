"""The paper of all charts: figures, themes, empty states, and the way to PNG and words.

No pyplot: it keeps every figure in a list of its own and may not be used from a thread.
Text that is legible on white and on a dark page alike does not exist (4.5:1 against both
has no solution), so that a figure has a theme and brings its own background.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from photoqueue.faces.notebook.palette import BLUE, SKY_BLUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ThemeName = Literal["light", "dark"]
#: Of every chart, in inches at ``DPI`` dots each.
WIDTH: Final = 8.0
HEIGHT: Final = 3.2
DPI: Final = 100
#: Marks the title among the texts of a figure, and the inches it takes.
_TITLE: Final = "title"
_TITLE_INCHES: Final = 0.27


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of what is not data, as ``#rrggbb``, and the colour scale of densities.

    Attributes
    ----------
    text, quiet : str
        At least 4.5:1 against the background.
    accent : str
        Of lines and markers that are no state.
    density : str
        Matplotlib's colour map, whose few are near the background and many far from it.
    """

    text: str
    quiet: str
    line: str
    background: str
    accent: str
    density: str


THEMES: Final[dict[str, Theme]] = {
    "light": Theme("#1f1f1f", "#5a5a5a", "#bdbdbd", "#ffffff", BLUE, "YlGnBu"),
    "dark": Theme("#f0f0f0", "#b5b5b5", "#5c5c5c", "#111111", SKY_BLUE, "YlGnBu_r"),
}


def theme_of(name: ThemeName) -> Theme:
    """Return a theme by its name.

    Raises
    ------
    ValueError
        There is no such theme.
    """
    if name not in THEMES:
        raise ValueError(f"No theme {name!r}; there are {', '.join(map(repr, THEMES))}.")
    return THEMES[name]


class ChartFigure(Figure):
    """A figure that a notebook shows as a picture with its summary in words."""

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shown = Figure.__repr__(self).replace(type(self).__name__, Figure.__name__, 1)
        return (
            {"image/png": as_png(self), "text/plain": shown},
            # Where Jupyter's pages look for what a picture shows.
            {"image/png": {"alt": alt_text(self)}},
        )


def sheet(theme: Theme, title: str, *, height: float = HEIGHT) -> Figure:
    """Make an empty figure with a title."""
    figure = ChartFigure(figsize=(WIDTH, height), dpi=DPI, facecolor=theme.background)
    FigureCanvasAgg(figure)
    figure.text(
        0.02,
        1 - 0.08 / height,
        title,
        color=theme.text,
        fontsize=11,
        fontweight="bold",
        va="top",
        gid=_TITLE,
    )
    return figure


def panel(
    figure: Figure, theme: Theme, box: tuple[float, float, float, float], heading: str = ""
) -> Axes:
    """Add axes at left, bottom, width, height (shares of the figure), with a heading."""
    axes: Axes = figure.add_axes(box)
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.line)
    axes.tick_params(colors=theme.quiet, labelcolor=theme.quiet, labelsize=8, length=3)
    axes.set_axisbelow(True)
    if heading:
        axes.text(
            0, 1.03, heading, transform=axes.transAxes, color=theme.quiet, fontsize=8.5, va="bottom"
        )
    return axes


def grid(axes: Axes, theme: Theme, axis: Literal["x", "y", "both"] = "y") -> None:
    """Draw faint lines at the ticks."""
    axes.grid(True, axis=axis, color=theme.line, linewidth=0.6, alpha=0.6)


def legend(axes: Axes, theme: Theme, **options: Any) -> None:
    """Say in words what the colours and hatches are."""
    axes.legend(
        frameon=False,
        labelcolor=theme.text,
        fontsize=8,
        handlelength=1.6,
        borderpad=0,
        **options,
    )


def label_of(axes: Axes, theme: Theme, *, x: str = "", y: str = "") -> None:
    """Name the axes."""
    axes.set_xlabel(x, color=theme.quiet, fontsize=8.5)
    axes.set_ylabel(y, color=theme.quiet, fontsize=8.5)


def empty(theme: Theme, title: str, missing: str) -> Figure:
    """Draw a chart that has no data, saying what is missing."""
    figure = sheet(theme, title, height=1.4)
    figure.text(0.5, 0.4, missing, color=theme.quiet, fontsize=10, ha="center", va="center")
    return described(figure, f"{title}: {missing}")


def described(figure: Figure, words: str) -> Figure:
    """Give a figure its summary."""
    figure.set_label(words)
    return figure


def alt_text(figure: Figure) -> str:
    """Return the summary of a chart in words, for people who do not see it.

    >>> alt_text(durations(attempts()))  # doctest: +SKIP
    'Run time of 9,412 attempts: p50 0.8 s, p95 3.1 s, p99 7.4 s; 12 failed ones: …'
    """
    return str(figure.get_label())


def warm_up() -> None:
    """Load what the first chart would wait for: the library, its fonts and their letters."""
    theme = THEMES["light"]
    figure = sheet(theme, "Chart")
    axes = panel(figure, theme, (0.1, 0.1, 0.8, 0.8), "n = 0 · p50 1.0 s")
    axes.stairs([1], [0, 1], label="completed")
    legend(axes, theme)
    as_png(figure)


def as_png(figure: Figure, *, transparent: bool = False, titled: bool = True) -> bytes:
    """Render a figure.

    Parameters
    ----------
    transparent
        Leave the background out; the page must then have the theme of the figure.
    titled
        Whether with the title; without it where the page has one above.
    """
    width, height = figure.get_size_inches()
    for text in figure.texts:
        if text.get_gid() == _TITLE:
            text.set_visible(titled)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # Where a name would stand, if there were one, takes a tenth of the time to find.
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        transparent=transparent,
        bbox_inches=None if titled else Bbox([[0, 0], [width, height - _TITLE_INCHES]]),
        # Drawing is most of what a chart costs, and a page is not that far away.
        pil_kwargs={"compress_level": 1},
        metadata={"Title": alt_text(figure)},
    )
    return buffer.getvalue()
