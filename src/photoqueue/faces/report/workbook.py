"""The Excel file of a report: the list, the rooms, the gaps, and the estimate."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from photoqueue.format import visible
from photoqueue.inventory.catalogue_file import PERSONS_WORDS
from photoqueue.inventory.export import new_workbook, set_cell

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from photoqueue.faces.report.content import Content
    from photoqueue.faces.report.words import ReportWords
    from photoqueue.records.estimates import Estimate

#: Row of the names of columns; the title is above it.
_HEAD: Final = 4
#: Widths of columns of names, of figures and of sentences, in characters.
_NAME, _FIGURE, _SENTENCE = 22, 10, 46
#: Widths of a column that says in how many moves a range holds, and of one of items of a price.
_RANGE, _ITEM = 18, 32
#: Width of the numbers of lines.
_NUMBER: Final = 6
#: Excel writes them as its user does: 1,234.50 or 1 234,50.
_WHOLE, _HUNDREDTHS = "#,##0", "#,##0.00"
_FONT: Final = "Calibri"
#: Longest text of a cell.
_MOST_CHARACTERS: Final = 32_000

_Value = str | int | float | Decimal | None


class _Column(NamedTuple):
    name: str
    #: Gives the value for a row.
    value: Callable[[Any], _Value]
    width: int = _FIGURE
    #: How numbers are written.
    written: str = "General"

    @property
    def wrapped(self) -> bool:
        """Whether its texts may take several lines."""
        return self.width == _SENTENCE

    def placed(self, value: _Value) -> str | None:
        """Return where a value is in its cell: numbers of lines and short words in the middle."""
        short = self.width == _FIGURE and isinstance(value, str)
        return "center" if short or self.width == _NUMBER else None


def workbook(content: Content, say: ReportWords) -> bytes:
    """Return a report as an Excel file.

    Raises
    ------
    ConfigurationError
        openpyxl is not installed.
    """
    book = new_workbook("choose HTML or PDF")
    book.remove(book.active)
    for title, columns, rows in _sheets(content, say):
        _fill(book.create_sheet(title), content, say, columns, rows)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _sheets(
    content: Content, say: ReportWords
) -> Iterator[tuple[str, Sequence[_Column], Iterable[object]]]:
    def figures(of: str, weight: str, share: str = "") -> Iterator[_Column]:
        """Give the columns of what lines and rooms add up to."""
        yield _Column(say("count"), attrgetter(f"{of}.count"))
        for name, which in (("volume", "volume"), ("low", "volume_min"), ("high", "volume_max")):
            value, ranged = attrgetter(f"{of}.{which}"), share and name != "volume"
            title = f"{say(name)} {say.volume_unit}{share if ranged else ''}"
            shown = partial(_converted, value, say.volume_of)
            yield _Column(title, shown, _RANGE if ranged else _FIGURE, _HUNDREDTHS)
        title, value = f"{say('weight')} {say.weight_unit}", attrgetter(weight)
        yield _Column(title, partial(_converted, value, say.weight_of), written=_WHOLE)

    yield (
        say("inventory_sheet"),
        (
            _Column(say("room_label"), attrgetter("line.room"), _NAME),
            _Column(say("number"), attrgetter("number"), _NUMBER),
            _Column(say("name"), attrgetter("name"), _NAME),
            _Column(say("category"), attrgetter("category"), 14),
            *figures("line", "weight"),
            _Column(say("carriers"), lambda row: PERSONS_WORDS[row.persons]),
            _Column(say("fragile"), lambda row: say("yes") if row.fragile else ""),
            _Column(say("apart"), lambda row: say("yes") if row.line.dismountable else ""),
            _Column(say("stays_title"), lambda row: row.line.stays or None),
            _Column(say("held"), lambda row: row.line.held_back or None),
            _Column(
                say("look_title"), lambda row: row.line.reason if row.line.review else "", _SENTENCE
            ),
        ),
        content.lines,
    )
    yield (
        say("rooms_title"),
        (
            _Column(say("room_label"), attrgetter("name"), _NAME),
            _Column(say("kind"), attrgetter("kind"), _NAME),
            _Column(say("reviewed_by"), attrgetter("reviewed"), _NAME),
            _Column(say("photos_label"), attrgetter("photos")),
            *figures("total", "total.weight", f" {content.share}"),
        ),
        [*content.rooms, content.whole],
    )
    gaps = (("gaps_title", _SENTENCE), ("acknowledged", _NAME))
    yield (
        say("gaps_sheet"),
        [_Column(say(key), itemgetter(nth), width) for nth, (key, width) in enumerate(gaps)],
        content.gaps,
    )
    keys = ("what", "formula", "figure", "low", "high", "unit", "source")
    widths = {"what": _ITEM, "formula": _SENTENCE, "source": _SENTENCE}
    yield (
        say("estimate_title"),
        [
            _Column(say(key), itemgetter(nth), widths.get(key, _FIGURE), _HUNDREDTHS)
            for nth, key in enumerate(keys)
        ],
        _working(content.estimate, say),
    )


def _converted(value: Callable[[Any], float], units: Callable[[float], float], row: Any) -> float:
    return units(value(row))


def _working(estimate: Estimate, say: ReportWords) -> Iterator[tuple[_Value, ...]]:
    """Give what, formula, figure, low, high, unit and source of each figure of an estimate."""
    for line in estimate.working:
        figures = (
            int(one) if one is not None and one.is_integer() else one
            for one in (line.figure, line.low, line.high)
        )
        yield line.what, line.formula, *figures, line.unit, line.source
    if price := estimate.price:
        for one in price.lines:
            yield one.what, one.formula, one.amount, None, None, price.currency, ""
        vat = say("vat", rate=say.figure(price.vat_rate))
        sums = (
            (say("net"), price.net, None, None),
            (vat, price.vat, None, None),
            (say("total"), price.total, price.total_low, price.total_high),
        )
        for what, *amounts in sums:
            yield what, "", *amounts, price.currency, ""
    for text in (*(() if price else (say("no_price"),)), *estimate.notes):
        yield say("notes_title"), text, None, None, None, "", ""


def _fill(
    sheet: Worksheet,
    content: Content,
    say: ReportWords,
    columns: Sequence[_Column],
    rows: Iterable[object],
) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    status = say("final" if content.final else "draft")
    about = [content.company, content.project, say.date(content.made), status]
    _put(sheet.cell(1, 1), f"{say('title')}, {say('subtitle')}")
    _put(sheet.cell(2, 1), ", ".join(filter(None, about)))
    sheet["A1"].font = Font(name=_FONT, bold=True, size=14)
    head: list[_Value] = [column.name for column in columns]
    listed = list(rows)
    body = [[column.value(row) for column in columns] for row in listed]
    for number, values in enumerate([head, *body], start=_HEAD):
        strong = number == _HEAD or listed[number - _HEAD - 1] is content.whole
        # Not every program fits the height of a row to the texts that are wrapped in it.
        lines = [
            math.ceil((1.6 if number == _HEAD else 1.1) * len(str(value)) / column.width)
            for column, value in zip(columns, values, strict=True)
            if column.wrapped or number == _HEAD
        ]
        sheet.row_dimensions[number].height = 15 * max([1, *lines])
        for place, (column, value) in enumerate(zip(columns, values, strict=True), start=1):
            cell: Any = sheet.cell(number, place)
            _put(cell, value)
            cell.number_format = _WHOLE if isinstance(value, int) else column.written
            cell.alignment = Alignment(
                vertical="top",
                wrap_text=column.wrapped or number == _HEAD,
                horizontal=column.placed(value),
            )
            cell.font = Font(name=_FONT, bold=strong)
            if number == _HEAD:
                cell.fill = PatternFill("solid", fgColor="DDE6EE")
    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    whole = f"{get_column_letter(len(columns))}{sheet.max_row}"
    sheet.auto_filter.ref = f"A{_HEAD}:{whole}"
    sheet.freeze_panes = f"A{_HEAD + 1}"
    sheet.print_title_rows = f"{_HEAD}:{_HEAD}"
    sheet.print_area = f"A1:{whole}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddFooter.right.text = "&P / &N"


def _put(cell: Any, value: _Value) -> None:
    if isinstance(value, str):
        value = visible(value)[:_MOST_CHARACTERS]
    set_cell(cell, float(value) if isinstance(value, Decimal) else value)
