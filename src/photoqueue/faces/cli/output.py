"""Output to a terminal, to a pipe, or as JSON.

A terminal gets colours, and tables cut to its width. A pipe gets complete plain text: a script may
look for an id in column 200. Names are never interpreted as markup.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import typer

from photoqueue.errors import ConfigurationError
from photoqueue.format import foreign, line, missing

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, RenderableType
    from rich.table import Table

#: Columns below which a terminal counts as narrow.
_NARROW: Final = 100
#: Columns from which it counts as wide.
_WIDE: Final = 150
#: Longest key or name that is shown whole, in characters: in a wide and in a narrow terminal.
_SHOWN_NAME: Final = (36, 24)

#: Colours of states and outcomes; always together with the word.
STYLES: Final = {
    "active": "cyan",
    "delayed": "yellow",
    "completed": "green",
    "failed": "red",
    "error": "red",
    "timeout": "red",
    "worker_lost": "red",
    "cancelled": "dim",
    "released": "dim",
}


def console(*, stderr: bool = False) -> Console:
    """Return a console for the current standard output or standard error."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, markup=False, highlight=False, emoji=False)


def in_full() -> bool:
    """Whether standard output is not a terminal, so that nothing is cut or omitted."""
    return not console().is_terminal


def show(renderable: RenderableType = "", *, style: str | None = None) -> None:
    """Print to standard output; the terminal wraps long lines."""
    _print(console(), renderable, style)


def note(message: str) -> None:
    """Print a remark to standard error, so that it does not mix with the output."""
    _print(console(stderr=True), message, "dim")


def warn(message: str) -> None:
    """Print a warning to standard error."""
    _print(console(stderr=True), f"Warning: {foreign(message)}", "yellow")


def fail(message: str) -> None:
    """Print an error to standard error."""
    _print(console(stderr=True), foreign(message), "red")


def _print(target: Console, renderable: RenderableType, style: str | None) -> None:
    from rich.table import Table

    if target.is_terminal:
        # rich does not wrap text here: a command must stay on one line to be copied.
        target.print(renderable, style=style, soft_wrap=isinstance(renderable, str))
    elif isinstance(renderable, Table):
        target.file.writelines(_lines(renderable))
    else:
        target.file.write(f"{renderable}\n")
    # Flush at once: a program may wait for the ids of a submission.
    target.file.flush()


def _lines(drawn: Table) -> Iterator[str]:
    """Format a complete table; rich takes seconds for thousands of rows, and pads each."""
    from rich.cells import cell_len

    columns = [
        [str(column.header)] * drawn.show_header + [str(cell) for cell in column.cells]
        for column in drawn.columns
    ]
    widths = [
        max(column.width or 0, *map(cell_len, cells), 0)
        for column, cells in zip(drawn.columns, columns, strict=True)
    ]
    if drawn.title:
        yield f"{drawn.title}\n"
    for row in zip(*columns, strict=True):
        cells = []
        for column, cell, width in zip(drawn.columns, row, widths, strict=True):
            blank = " " * (width - cell_len(cell))
            cells.append(blank + cell if column.justify == "right" else cell + blank)
        yield "  ".join(cells).rstrip() + "\n"


#: Kinds of columns, as rich draws them. Words fold; what is copied or compared is not cut.
WORDS: Final[Mapping[str, Any]] = {"overflow": "fold"}
WHOLE: Final[Mapping[str, Any]] = {"no_wrap": True}
NUMBER: Final[Mapping[str, Any]] = {"justify": "right", "no_wrap": True}
LABEL: Final[Mapping[str, Any]] = {"style": "dim", "no_wrap": True}
#: A last column that is cut with …; the others keep the room that they need.
REST: Final[Mapping[str, Any]] = {"no_wrap": True, "overflow": "ellipsis", "ratio": 1}


class TableColumn(NamedTuple):
    """A column of a table.

    ``value`` is the key or attribute of a row, which ``shown`` shows, or shows the row itself;
    ``kind`` is how rich draws the column, such as :data:`NUMBER`.
    """

    title: str
    value: str | int | Callable[[Any], RenderableType]
    kind: Mapping[str, Any] = WORDS
    shown: Callable[[Any], RenderableType] = line

    def cell(self, row: Any) -> RenderableType:
        """Return what the column shows of a row."""
        if callable(self.value):
            return self.value(row)
        keyed = isinstance(row, Mapping | tuple)
        return self.shown(row[self.value] if keyed else getattr(row, str(self.value)))


def table(
    columns: Sequence[TableColumn],
    rows: Iterable[Any],
    *,
    title: str | None = None,
    header: bool = True,
    style: Callable[[Any], str | None] = lambda row: None,
    group: Callable[[Any], object] | None = None,
) -> Table:
    """Return a table without lines, which stays readable when copied.

    ``style`` tells the style of a row; of the rows of one ``group``, a terminal shows the first
    cell once.
    """
    from rich.table import Table

    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=header,
        header_style="bold",
        expand=not in_full() and any("ratio" in column.kind for column in columns),
    )
    for column in columns:
        drawn.add_column(column.title, **column.kind)
    previous: object = None
    for row in rows:
        cells = [column.cell(row) for column in columns]
        if group is not None and not in_full():
            if group(row) == previous:
                cells[0] = ""
            previous = group(row)
        drawn.add_row(*cells, style=style(row))
    return drawn


def narrow() -> bool:
    """Whether to omit less important columns."""
    return not in_full() and console().width < _NARROW


def wide() -> bool:
    """Whether there is room for job ids."""
    return in_full() or console().width >= _WIDE


def name(value: Any) -> str:
    """Format a name: whole in a pipe; in a terminal a very long one is cut in the middle."""
    from photoqueue.format import shorten

    shown = line(value)
    return shown if in_full() else shorten(shown, _SHOWN_NAME[narrow()])


def coloured(value: Any) -> RenderableType:
    """Show a state or an outcome in its colour."""
    from rich.text import Text

    return Text(str(value), style=STYLES.get(str(value), ""))


def printed_json(wanted: bool, value: Any) -> bool:
    """Print a value as JSON, if that is wanted: times in ISO 8601, null for missing values.

    Records of the contract get its camelCase names.
    """
    if wanted:
        print_json(value)
    return wanted


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    # ASCII, so that no terminal or pipe fails on a room called "salle à manger".
    print(json.dumps(_plain(value), indent=2, default=str), flush=True)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a DataFrame."""
    return [
        {str(column): value for column, value in row.items()} for row in frame.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    """Convert a value of a table or record to a JSON type."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return str(value) if isinstance(value, Enum) else value
    if missing(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def known_queue(name: str) -> str:
    """Return the queue of this name, checked against the job types of the installation."""
    from photoqueue.client.observe import as_queue
    from photoqueue.errors import StateError
    from photoqueue.installation import current

    current()
    try:
        return as_queue(name)
    except StateError as exc:
        raise typer.BadParameter(str(exc)) from None


@contextmanager
def server_extra(what: str) -> Iterator[None]:
    """Say what to install where an import of the extra ``server`` fails."""
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "photoqueue").startswith("photoqueue"):
            raise
        raise ConfigurationError(
            f"{what} needs the package {exc.name}. Install it: pip install 'photoqueue[server]'"
        ) from exc


#: As in photoqueue.records.base, whose validation library would make every start of the command,
#: even ``--help``, several times slower.
StrategyName = Literal["max", "sum", "match", "llm"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
