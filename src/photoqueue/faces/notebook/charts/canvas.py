"""Common parts of all charts: figures, themes, empty states, PNG and alternative text.

No pyplot: it keeps a global list of figures and must not be used from a thread. No text colour has
a contrast of 4.5:1 against both white and a dark page, so every figure has a theme with its own
background.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from photoqueue.faces.notebook.palette import BLUE, SKY_BLUE, Look
from photoqueue.format import number, round_duration
from photoqueue.records.figures import SHORTEST_MS, Period

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ThemeName = Literal["light", "dark"]
#: Data of a chart, from :mod:`photoqueue.records.figures`.
R = TypeVar("R")
#: Size of every chart, in inches at ``DPI`` dots each.
WIDTH: Final = 8.0
HEIGHT: Final = 3.2
DPI: Final = 100
#: Identifies the title among the texts of a figure, and its height in inches.
_TITLE: Final = "title"
_TITLE_INCHES: Final = 0.27


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything except data, as ``#rrggbb``, and the colour scale of densities.

    Attributes
    ----------
    text, quiet : str
        Contrast of at least 4.5:1 against the background.
    accent : str
        For lines and markers that do not stand for a state.
    density : str
        Matplotlib colour map in which low values are close to the background.
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
    """Return a theme by name.

    Raises
    ------
    ValueError
        There is no such theme.
    """
    if name not in THEMES:
        raise ValueError(f"No theme {name!r}; there are {', '.join(map(repr, THEMES))}.")
    return THEMES[name]


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
    """How one kind of chart is drawn, described and tabulated.

    Attributes
    ----------
    title : str
        Title of the figure.
    heading : str
        Heading on a page with many charts.
    nothing : str
        Text for an empty chart.
    has_data : callable
        Whether a record has anything to draw.
    paint, say, table : callable
        Draw or describe a record that has data; tabulate any record.
    """

    title: str
    heading: str
    nothing: str
    has_data: Callable[[R], object]
    paint: Callable[[R, Theme], Figure]
    say: Callable[[R], str]
    table: Callable[[R], Table] = lambda record: Table((), ())

    def draw(self, record: R, *, theme: ThemeName = "light") -> Figure:
        """Draw a record as a figure with its description."""
        colours = theme_of(theme)
        if self.has_data(record):
            figure = self.paint(record, colours)
        else:
            sheet = Sheet(colours, self.title, height=1.4)
            sheet.write(0.5, 0.4, self.nothing, fontsize=10, ha="center", va="center")
            figure = sheet.figure
        figure.set_label(self.describe(record))
        return figure

    def describe(self, record: R) -> str:
        """Describe the chart in words."""
        return self.say(record) if self.has_data(record) else f"{self.title}: {self.nothing}"


class Sheet:
    """An empty figure with a title and a theme, to draw on."""

    def __init__(self, theme: Theme, title: str, *, height: float = HEIGHT) -> None:
        self.theme = theme
        self.figure = ChartFigure(figsize=(WIDTH, height), dpi=DPI, facecolor=theme.background)
        FigureCanvasAgg(self.figure)
        self.figure.text(
            0.02,
            1 - 0.08 / height,
            title,
            color=theme.text,
            fontsize=11,
            fontweight="bold",
            va="top",
            gid=_TITLE,
        )

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
        if heading:
            self.write(0, 1.03, heading, "axes", color=theme.quiet, fontsize=8.5, va="bottom")

    def write(
        self,
        x: float,
        y: float,
        text: str,
        scale: Literal["data", "row", "axes"] = "data",
        **options: Any,
    ) -> None:
        """Write a text in coordinates of the data, the axes, or beside a data row."""
        axes = self.axes
        scales = {
            "data": axes.transData,
            "row": axes.get_yaxis_transform(),
            "axes": axes.transAxes,
        }
        style = {"color": self.theme.text, "fontsize": 8, "transform": scales[scale], **options}
        axes.text(x, y, text, **style)

    def grid(self, axis: Literal["x", "y", "both"] = "y") -> None:
        """Draw faint lines at the ticks."""
        self.axes.grid(True, axis=axis, color=self.theme.line, linewidth=0.6, alpha=0.6)

    def legend(self, **options: Any) -> None:
        """Explain the colours and hatches."""
        style: dict[str, Any] = {
            "frameon": False,
            "fontsize": 8,
            "handlelength": 1.6,
            "borderpad": 0,
        }
        self.axes.legend(labelcolor=self.theme.text, **style, **options)

    def label(self, *, x: str = "", y: str = "") -> None:
        """Label the axes."""
        self.axes.set_xlabel(x, color=self.theme.quiet, fontsize=8.5)
        self.axes.set_ylabel(y, color=self.theme.quiet, fontsize=8.5)

    def count_axis(self, top: float, room: float = 1.05) -> None:
        """Make a vertical axis of counts, with some room above the largest."""
        self.axes.set_ylim(0, top * room)
        self.axes.set_yticks([0, top], ["0", compact(top)])

    def row_axis(self, labels: Sequence[str], least: int) -> None:
        """Make a vertical axis of rows from the top, with room for at least this many."""
        self.axes.set_ylim(max(len(labels), least) - 0.4, -0.6)
        self.axes.set_yticks(range(len(labels)), labels)

    def bars(
        self,
        places: Sequence[float],
        lengths: Sequence[float],
        width: float,
        look: Look,
        *,
        faint: bool = False,
        lying: bool = False,
        label: str = "",
    ) -> None:
        """Draw bars in the style of a state."""
        (self.axes.barh if lying else self.axes.bar)(
            places,
            lengths,
            width,
            color=look.colour,
            hatch=look.hatch,
            edgecolor=self.theme.background,
            linewidth=0,
            alpha=0.5 if faint else 1,
            label=label,
        )

    def time_bars(self, period: Period, heights: Mapping[datetime, float]) -> None:
        """Draw neutral bars over time; the bar of the current bin is dashed."""
        starts = period.starts
        edges = [*(start.timestamp() for start in starts), starts[-1].timestamp() + period.seconds]
        values = [heights.get(start, 0) for start in starts]
        colours: dict[str, Any] = {"facecolor": self.theme.line, "edgecolor": self.theme.quiet}
        if len(values) > 1:
            self.axes.stairs(values[:-1], edges[:-1], fill=True, linewidth=0.8, **colours)
        dashed: dict[str, Any] = {"color": self.theme.quiet, "linestyle": "--", "linewidth": 0.9}
        self.axes.stairs(values[-1:], edges[-2:], **dashed)


def alt_text(figure: Figure) -> str:
    """Return the description of a chart, for people who cannot see it.

    >>> alt_text(durations(attempts()))  # doctest: +SKIP
    'Run time of 9,412 attempts: p50 0.8 s, p95 3.1 s, p99 7.4 s; 12 failed ones: …'
    """
    return str(figure.get_label())


def warm_up() -> None:
    """Load what the first chart would otherwise wait for: the library, its fonts and glyphs."""
    theme = THEMES["light"]
    sheet = Sheet(theme, "Chart")
    panel = sheet.panel((0.1, 0.1, 0.8, 0.8), "n = 0 · p50 1.0 s")
    panel.axes.stairs([1], [0, 1], label="completed")
    panel.legend()
    as_png(sheet.figure)


def as_png(figure: Figure, *, transparent: bool = False, titled: bool = True) -> bytes:
    """Render a figure.

    Parameters
    ----------
    transparent
        Omit the background; the page must then have the theme of the figure.
    titled
        Whether to include the title; omit it if the page shows one above.
    """
    width, height = figure.get_size_inches()
    for text in figure.texts:
        if text.get_gid() == _TITLE:
            text.set_visible(titled)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # Finding the position of an empty axis label would take a tenth of the time.
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        transparent=transparent,
        bbox_inches=None if titled else Bbox([[0, 0], [width, height - _TITLE_INCHES]]),
        # Rendering takes most of the time, and the page is local: fast compression suffices.
        pil_kwargs={"compress_level": 1},
        metadata={"Title": alt_text(figure)},
    )
    return buffer.getvalue()


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


def log_axis(
    axes: Axes, least: float, most: float, *, vertical: bool = False, ticks: int = 8
) -> None:
    """Make an axis logarithmic in durations, with some room at both ends."""
    least, most = max(least, SHORTEST_MS), max(most, SHORTEST_MS)
    if most / least < 2:  # too narrow for round ticks
        least, most = least / 3, most * 3
    values = duration_ticks(least, most, ticks)
    labels = ["≤ 0.1 ms" if ms <= SHORTEST_MS else round_duration(ms) for ms in values]
    places = [place(ms) for ms in values]
    if vertical:
        axes.set_ylim(place(least), place(most))
        axes.set_yticks(places, labels)
    else:
        axes.set_xlim(place(least), place(most))
        axes.set_xticks(places, labels)


def linear_duration_axis(axes: Axes, value: float) -> None:
    """Set up an axis for a single duration, which has no logarithmic extent."""
    most = max(2 * value, 2 * SHORTEST_MS)
    axes.set_xlim(0, most)
    axes.set_xticks([0, value, most], ["0", round_duration(value), round_duration(most)])


def linear_ms_ticks(axes: Axes, most: float, *, vertical: bool = True) -> None:
    """Set up an axis from zero to a duration, with round steps."""
    most = max(most, 1.0)
    step = next((ms for ms in _FINE if most / ms <= 4), most / 3)
    ticks = [step * count for count in range(int(most / step) + 1)]
    labels = ["0", *(round_duration(ms) for ms in ticks[1:])]
    if vertical:
        axes.set_ylim(0, most * 1.1)
        axes.set_yticks(ticks, labels)
    else:
        axes.set_xlim(0, most * 1.02)
        axes.set_xticks(ticks, labels)


def time_axis(axes: Axes, period: Period, most: int = 6) -> None:
    """Set up a time axis in seconds since 1970, labelled in the kernel's time zone."""
    starts = period.starts
    first = starts[0].timestamp()
    last = starts[-1].timestamp() + period.seconds
    axes.set_xlim(first, last)
    ticks = _time_ticks(starts[0], timedelta(seconds=last - first), most)
    axes.set_xticks([tick.timestamp() for tick in ticks], _time_labels(ticks))


def _time_ticks(first: datetime, span: timedelta, most: int) -> list[datetime]:
    local = first.astimezone()
    step = next(
        (seconds for seconds in _STEPS if span.total_seconds() / seconds <= most), _STEPS[-1]
    )
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    number = math.ceil((local - midnight).total_seconds() / step)
    ticks = []
    while (tick := midnight + timedelta(seconds=step * number)) <= local + span:
        ticks.append(tick)
        number += 1
    return ticks


_STEPS: Final = (
    *(1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400 * days for days in (1, 2, 7, 14, 30, 91, 182, 365, 1825)),
)


def _time_labels(ticks: Sequence[datetime]) -> list[str]:
    """Format the time of day, with the day below where it changes, or only the day."""
    if len(ticks) > 1 and ticks[1] - ticks[0] >= timedelta(days=1):
        return [
            f"{tick.day} {tick:%b}\n{tick:%Y}"
            if _new_year(tick, before)
            else f"{tick.day} {tick:%b}"
            for tick, before in _pairs(ticks)
        ]
    clock = "%H:%M:%S" if len(ticks) > 1 and (ticks[1] - ticks[0]).seconds % 60 else "%H:%M"
    return [
        f"{tick:{clock}}\n{tick.day} {tick:%b}"
        if before is None or before.date() != tick.date()
        else f"{tick:{clock}}"
        for tick, before in _pairs(ticks)
    ]


def _pairs(ticks: Sequence[datetime]) -> Iterable[tuple[datetime, datetime | None]]:
    return zip(ticks, [None, *ticks], strict=False)


def _new_year(tick: datetime, before: datetime | None) -> bool:
    return before is None or before.year != tick.year
