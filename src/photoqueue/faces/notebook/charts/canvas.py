"""What all charts share: themes, figures with alternative text, empty states, bars and axes.

No pyplot: it keeps a global list of figures and must not be used from a thread. No text colour has
a contrast of 4.5:1 against both white and a dark page, so every figure has a theme with its own
background.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from matplotlib.transforms import Bbox

from photoqueue.faces.notebook.palette import BLUE, SKY_BLUE, Look
from photoqueue.format import duration, number, round_duration
from photoqueue.records.figures import FEW, SHORTEST_MS, Distribution, Period

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

ThemeName = Literal["light", "dark"]
#: Options of a Matplotlib function.
Style = dict[str, Any]
#: Data of a chart, from :mod:`photoqueue.records.figures`.
R = TypeVar("R")
#: Size of a chart, in inches at ``DPI`` dots each; some are higher.
WIDTH: Final = 6.4
HEIGHT: Final = 3.2
DPI: Final = 100
#: Height of the title in inches.
_TITLE_INCHES: Final = 0.27
#: How percentiles are drawn: name, share of the values, marker and line.
MARKS: Final = (("p50", 0.50, "o", "-"), ("p95", 0.95, "^", "--"), ("p99", 0.99, "s", ":"))


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything except data, as ``#rrggbb``, and the colour scale of densities."""

    #: Contrast of at least 4.5:1 against the background.
    text: str
    quiet: str
    line: str
    background: str
    #: For lines and markers that do not stand for a state.
    accent: str
    #: Matplotlib colour map in which low values are close to the background.
    density: str


THEMES: Final[dict[str, Theme]] = {
    "light": Theme("#1f1f1f", "#5a5a5a", "#bdbdbd", "#ffffff", BLUE, "YlGnBu"),
    "dark": Theme("#f0f0f0", "#b5b5b5", "#5c5c5c", "#111111", SKY_BLUE, "YlGnBu_r"),
}


class ChartFigure(Figure):
    """A figure that a notebook shows as a picture with alternative text."""

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shown = Figure.__repr__(self).replace(type(self).__name__, Figure.__name__, 1)
        return (
            {"image/png": as_png(self), "text/plain": shown},
            # Jupyter pages read alternative text from here.
            {"image/png": {"alt": alt_text(self)}},
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Column headings and rows of texts; the first text names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart(Generic[R]):
    """One kind of chart; call it with a DataFrame to draw one."""

    #: Title of the figure, and heading on a page with many charts.
    title: str
    #: Text for an empty chart.
    nothing: str
    #: Reduces a DataFrame to a record.
    reduce: Callable[..., R]
    #: Whether a record has anything to draw.
    has_data: Callable[[R], object]
    #: Draw, and describe, a record that has data.
    paint: Callable[[R, Sheet], None]
    say: Callable[[R], str]
    #: What a record that has data shows, in one short sentence.
    find: Callable[[R], str]
    #: Height of the figure in inches.
    height: Callable[[R], float] = lambda record: HEIGHT
    #: Tabulates any record.
    table: Callable[[R], Table] = lambda record: Table((), ())

    def __call__(
        self, frame: pd.DataFrame, *, theme: ThemeName = "light", **period: datetime
    ) -> Figure:
        """Draw a DataFrame of the client's verbs.

        Parameters
        ----------
        frame
            :mod:`photoqueue.faces.notebook.charts` lists which one each chart takes.
        theme
            ``light`` or ``dark``.
        **period
            ``since`` and ``now`` of a chart over time; default: those of the frame.

        Raises
        ------
        PhotoqueueError
            The frame lacks a column.
        ValueError
            There is no such theme.
        """
        return self.draw(self.reduce(frame, **period), theme=theme)

    def draw(self, record: R, *, theme: ThemeName = "light") -> Figure:
        """Draw a record as a figure with its description."""
        if theme not in THEMES:
            raise ValueError(f"No theme {theme!r}; there are {', '.join(map(repr, THEMES))}.")
        height = self.height(record) if self.has_data(record) else 1.4
        sheet = Sheet(THEMES[theme], self.title, height)
        if self.has_data(record):
            self.paint(record, sheet)
        else:
            sheet.write(0.5, 0.4, self.nothing, fontsize=10, ha="center", va="center")
        sheet.figure.set_label(self.describe(record))
        return sheet.figure

    def describe(self, record: R) -> str:
        """Describe the chart in words."""
        return self.say(record) if self.has_data(record) else f"{self.title}: {self.nothing}"

    def finding(self, record: R) -> str:
        """Return the finding of the chart, or what is missing for one, as a heading."""
        found = self.find(record) if self.has_data(record) else self.nothing
        return found[0].upper() + found[1:]


class Sheet:
    """An empty figure with a title and a theme, to draw on."""

    def __init__(self, theme: Theme, title: str, height: float) -> None:
        self.theme, self.height = theme, height
        self.figure = ChartFigure(figsize=(WIDTH, height), dpi=DPI, facecolor=theme.background)
        FigureCanvasAgg(self.figure)
        style: Style = {"fontsize": 11, "fontweight": "bold", "va": "top"}
        self.figure.text(0.02, 1 - 0.08 / height, title, color=theme.text, **style)

    def write(self, x: float, y: float, text: str, **options: Any) -> None:
        """Write a remark at a position, in fractions of the figure."""
        self.figure.text(x, y, text, color=self.theme.quiet, **options)

    def panel(self, box: tuple[float, float, float, float], heading: str = "") -> Panel:
        """Add axes at left, bottom, width, height (fractions of the figure), with a heading."""
        return Panel(self.figure.add_axes(box), self.theme, heading)


class Panel:
    """Axes with a theme, and drawing functions that several charts use."""

    def __init__(self, axes: Axes, theme: Theme, heading: str) -> None:
        self.axes, self.theme = axes, theme
        axes.set_facecolor("none")
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(theme.line)
        axes.tick_params(colors=theme.quiet, labelcolor=theme.quiet, labelsize=8, length=3)
        axes.set_axisbelow(True)
        self.head(heading)

    def head(self, text: str, x: float = 0) -> None:
        """Write a heading above the axes, ``x`` in fractions of their width."""
        options: Style = {"xycoords": "axes fraction", "textcoords": "offset points"}
        self.axes.annotate(
            text, (x, 1), (0, 4), color=self.theme.quiet, fontsize=8.5, va="bottom", **options
        )

    def write(
        self,
        x: float,
        y: float,
        text: str,
        scale: Literal["row", "axes"] = "axes",
        **options: Any,
    ) -> None:
        """Write a text in coordinates of the axes, or beside a row of the data."""
        axes = self.axes
        place = axes.get_yaxis_transform() if scale == "row" else axes.transAxes
        axes.text(
            x, y, text, **{"color": self.theme.text, "fontsize": 8, "transform": place, **options}
        )

    def grid(self, axis: Literal["x", "y", "both"] = "y") -> None:
        """Draw faint lines at the ticks."""
        self.axes.grid(True, axis=axis, color=self.theme.line, linewidth=0.6, alpha=0.6)

    def legend(self, **options: Any) -> None:
        """Explain the colours and hatches, above the axes unless told otherwise."""
        place: Style = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 4}
        style: Style = {"frameon": False, "fontsize": 8, "handlelength": 1.6, "borderpad": 0}
        self.axes.legend(labelcolor=self.theme.text, **{**style, **place, **options})

    def label(self, *, x: str = "", y: str = "") -> None:
        """Label the axes."""
        self.axes.set_xlabel(x, color=self.theme.quiet, fontsize=8.5)
        self.axes.set_ylabel(y, color=self.theme.quiet, fontsize=8.5)

    def bars(
        self,
        places: Sequence[float],
        lengths: Sequence[float],
        width: float,
        look: Look,
        *,
        texts: Sequence[str] = (),
        alpha: float = 1.0,
        lying: bool = False,
        label: str = "",
    ) -> None:
        """Draw bars in the style of a state, each with a text at its end."""
        bars = (self.axes.barh if lying else self.axes.bar)(
            places,
            lengths,
            width,
            color=look.colour,
            hatch=look.hatch,
            edgecolor=self.theme.background,
            linewidth=0,
            alpha=alpha,
            label=label,
        )
        self.axes.bar_label(bars, texts, padding=3, color=self.theme.text, fontsize=8)

    def row_bars(
        self, lengths: Sequence[float], look: Look, texts: Sequence[str], **style: Any
    ) -> None:
        """Draw a bar with a text in each row, without an axis below."""
        self.bars(range(len(lengths)), lengths, 0.65, look, texts=texts, lying=True, **style)
        self.axes.set_xlim(0, max(*lengths, 1e-9) * 1.5)
        self.axes.set_xticks([])
        self.axes.spines["bottom"].set_visible(False)

    def time_bars(self, period: Period, heights: Mapping[datetime, float]) -> None:
        """Draw neutral bars over time; the bar of the current bin is dashed."""
        edges = edges_of(period)
        values = [heights.get(start, 0) for start in period.starts]
        colours: Style = {"facecolor": self.theme.line, "edgecolor": self.theme.quiet}
        if len(values) > 1:
            self.axes.stairs(values[:-1], edges[:-1], fill=True, linewidth=0.8, **colours)
        dashed: Style = {"color": self.theme.quiet, "linestyle": "--", "linewidth": 0.9}
        self.axes.stairs(values[-1:], edges[-2:], **dashed)

    def count_axis(self, top: float, room: float = 1.05) -> None:
        """Make a vertical axis of counts, with some room above the largest."""
        self._axis("y", (0, top * room), [0, top], ["0", compact(top)])

    def row_axis(self, labels: Sequence[str], least: int) -> None:
        """Make a vertical axis of rows from the top, with room for at least this many."""
        self._axis("y", (max(len(labels), least) - 0.4, -0.6), range(len(labels)), labels)

    def log_axis(self, least: float, most: float, axis: str = "x", ticks: int = 8) -> None:
        """Make an axis logarithmic in durations (ms)."""
        least, most = max(least, SHORTEST_MS), max(most, SHORTEST_MS)
        if most / least < 2:  # too narrow for round ticks
            least, most = least / 3, most * 3
        values = duration_ticks(least, most, ticks)
        labels = ["≤ 0.1 ms" if ms <= SHORTEST_MS else round_duration(ms) for ms in values]
        self._axis(axis, (place(least), place(most)), [place(ms) for ms in values], labels)

    def linear_axis(self, most: float, axis: str = "x") -> None:
        """Make an axis from zero to a duration (ms), with round steps."""
        most = max(most, 1.0)
        step = next((ms for ms in _FINE if most / ms <= 4), most / 3)
        ticks = [step * count for count in range(int(most / step) + 1)]
        labels = ["0", *(round_duration(ms) for ms in ticks[1:])]
        self._axis(axis, (0, most * 1.05), ticks, labels)

    def time_axis(self, period: Period, most: int = 6, *, labelled: bool = True) -> None:
        """Make a time axis in the kernel's time zone."""
        edges, zone = edges_of(period), period.since.astimezone().tzinfo
        axis = self.axes.xaxis
        self.axes.set_xlim(edges[0], edges[-1])
        locator = AutoDateLocator(zone, 2, most)  # type: ignore[no-untyped-call]  # no annotations
        formatter = ConciseDateFormatter(locator, zone)  # type: ignore[no-untyped-call]  # neither
        axis.set_major_locator(locator)
        axis.set_major_formatter(formatter if labelled else NullFormatter())
        axis.get_offset_text().set(fontsize=8, color=self.theme.quiet)

    def _axis(
        self,
        axis: str,
        ends: tuple[float, float],
        places: Sequence[float],
        labels: Sequence[str],
    ) -> None:
        self.axes.set(**{f"{axis}ticks": places, f"{axis}ticklabels": labels, f"{axis}lim": ends})


def alt_text(figure: Figure) -> str:
    """Return the description of a chart, for people who cannot see it.

    >>> alt_text(durations(attempts()))  # doctest: +SKIP
    'Run time of 9,412 attempts: p50 0.8 s, p95 3.1 s, p99 7.4 s; 12 failed ones: …'
    """
    return str(figure.get_label())


def as_png(figure: Figure, *, bare: bool = False) -> bytes:
    """Render a figure.

    Parameters
    ----------
    bare
        Omit title and background, for a page with the same theme that shows the title itself.
    """
    width, height = figure.get_size_inches()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        # Finding the position of an empty axis label would take a tenth of the time.
        if not axis.get_label_text():
            axis.set_label_coords(0, 0)
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        transparent=bare,
        bbox_inches=Bbox([[0, 0], [width, height - _TITLE_INCHES]]) if bare else None,
        # Rendering takes most of the time, and the page is local: fast compression suffices.
        pil_kwargs={"compress_level": 1},
        metadata={"Title": alt_text(figure)},
    )
    return buffer.getvalue()


def percentiles(found: Distribution, between: str = ", ") -> str:
    """Name the percentiles: ``p50 0.8 s, p95 3.1 s, p99 7.4 s``."""
    return between.join(f"{name} {duration(getattr(found, name))}" for name, *_ in MARKS)


def few(count: int) -> str:
    """Return a note if there are too few values to rely on."""
    return " (few)" if count < FEW else ""


def faint(count: int) -> float:
    """Return the opacity of what shows so many values."""
    return 0.5 if count < FEW else 1.0


def edges_of(period: Period) -> NDArray[np.float64]:
    """Return the edges of the time bins of a period in days since 1970, as on a time axis."""
    starts = [start.timestamp() for start in period.starts]
    return np.array([*starts, starts[-1] + period.seconds]) / 86_400


_S, _MIN, _H, _D = 1000.0, 60_000.0, 3_600_000.0, 86_400_000.0
_COARSE: Final = (
    *(0.1, 1.0, 10.0, 100.0),
    *(1 * _S, 5 * _S, 30 * _S, 2 * _MIN, 10 * _MIN, 1 * _H, 6 * _H, 1 * _D, 7 * _D, 30 * _D),
)
_FINE: Final = (
    *(factor * unit for unit in (0.1, 1.0, 10.0, 100.0) for factor in (1, 2, 5)),
    *(seconds * _S for seconds in (1, 2, 5, 10, 20, 30)),
    *(minutes * _MIN for minutes in (1, 2, 5, 10, 20, 30)),
    *(hours * _H for hours in (1, 2, 6, 12)),
    *(days * _D for days in (1, 2, 7, 14, 30, 90, 365)),
)


def compact(count: float) -> str:
    """Format a count briefly for an axis: ``9.4 k``, ``18 k``, ``1.2 M``.

    >>> compact(999), compact(9412), compact(250_000)
    ('999', '9.4 k', '250 k')
    """
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * unit:
            value = count / unit
            return f"{number(value, int(value < 9.95)).removesuffix('.0')} {name}"
    return number(count)


def place(ms: float) -> float:
    """Return the position of a duration on a logarithmic axis; zeros are at the left end."""
    return math.log10(max(ms, SHORTEST_MS))


def duration_ticks(least: float, most: float, ticks: int) -> list[float]:
    """Choose round durations in a range, in ms."""
    for candidates in (_COARSE, _FINE):
        found = [ms for ms in candidates if least <= ms <= most]
        if len(found) >= 3:
            break
    while len(found) > ticks:
        found = found[::2]
    return found
