"""``photoqueue estimate``."""

from __future__ import annotations

import tomllib
from functools import partial
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
from photoqueue.phrases import phrase

if TYPE_CHECKING:
    from photoqueue.records.estimates import Estimate, Working


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

    say = partial(phrase, made.lang)
    how = say("how").upper()
    columns = [
        TableColumn(say("figure").upper(), lambda one: line(one.what)),
        TableColumn("", lambda one: f"{words.number(one.figure)} {one.unit}".strip(), NUMBER),
        TableColumn(say("range").upper(), ends, NUMBER),
        TableColumn(how, lambda one: line(one.formula)),
    ]
    title = say("Estimate of {project}, not a quote", project=line(project))
    show(table(columns, made.working, title=title))
    if price := made.price:
        columns = [TableColumn(say("price").upper(), 0), TableColumn(how, 1)]
        columns.append(TableColumn(price.currency, 2, NUMBER))
        show(table(columns, words.price_rows(price)))
    for remark in made.notes:
        note(line(remark))


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
