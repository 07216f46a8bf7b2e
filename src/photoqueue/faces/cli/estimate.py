"""``photoqueue estimate``."""

from __future__ import annotations

import tomllib
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import photoqueue
from photoqueue.errors import ConfigurationError
from photoqueue.faces.cli.output import (
    NUMBER,
    AsJson,
    TableColumn,
    note,
    printed_json,
    show,
    table,
)
from photoqueue.format import line

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.records.estimates import Estimate, Price, Working


#: Options of commands that estimate.
TermsFiles = Annotated[
    list[Path] | None,
    typer.Option(
        help="TOML file with access, rates, vehicles and other arguments of "
        "photoqueue.estimate(); of several, the later ones add to the earlier ones.",
        show_default=False,
    ),
]
UnitsName = Annotated[
    Literal["metric", "imperial"] | None,
    typer.Option(help="m³ and kg, or ft³ and lb.", show_default="metric"),
]


def estimate(
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="The move.", show_default=False)
    ],
    terms: TermsFiles = None,
    units: UnitsName = None,
    lang: Annotated[
        Literal["en", "fr"] | None,
        typer.Option(help="Language of the texts.", show_default="PHOTOQUEUE_LANGUAGE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate volume, weight, cartons, loads, hours and price of a move.

    An estimate is not a quote. Without rates there is no price.
    """
    from photoqueue.inventory.estimate_words import Words

    made = estimate_by(project, terms, units=units, lang=lang)
    if printed_json(as_json, made):
        return
    words = Words(made.lang, made.units)

    def ends(one: Working) -> str:
        both = (one.low, one.high)
        return "–".join(words.number(end) for end in both if end is not None)

    columns = (
        TableColumn("FIGURE", lambda one: line(one.what)),
        TableColumn("", lambda one: f"{words.number(one.figure)} {one.unit}".strip(), NUMBER),
        TableColumn("RANGE", ends, NUMBER),
        TableColumn("HOW", lambda one: line(one.formula)),
    )
    show(table(columns, made.working, title=f"Estimate of {line(project)}, not a quote"))
    if made.price:
        show(_price_table(made.price))
    for remark in made.notes:
        note(line(remark))


def _price_table(price: Price) -> Table:
    rows = [(one.what, one.formula, one.amount) for one in price.lines]
    rows += [("net", "", price.net), ("VAT", f"{price.vat_rate:f} %", price.vat)]
    ends = f"{price.total_low} to {price.total_high} at the ends of the volume"
    rows.append(("total", ends, price.total))
    columns = (
        TableColumn("PRICE", lambda row: line(row[0])),
        TableColumn("HOW", lambda row: line(row[1])),
        TableColumn(price.currency, lambda row: str(row[2]), NUMBER),
    )
    return table(columns, rows)


def estimate_by(
    project: str, terms: list[Path] | None, *, units: str | None, lang: str | None
) -> Estimate:
    """Estimate a move by files of terms.

    Raises
    ------
    ConfigurationError
        A file cannot be read, or has terms that are unknown.
    """
    given: dict[str, Any] = {}
    for file in terms or ():
        given |= _read(file)
    named = {"units": units, "lang": lang}
    given |= {name: value for name, value in named.items() if value is not None}
    known = [name for name in signature(photoqueue.estimate).parameters if name != "project_id"]
    for name in given:
        if name not in known:
            raise ConfigurationError(
                f"The terms have {name!r:.60}, which is unknown. Use {', '.join(known)}."
            )
    return photoqueue.estimate(project, **given)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=str)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigurationError(
            f"The terms in {file} cannot be read ({exc}). Give the path of a TOML file."
        ) from None
