"""``photoqueue report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

import photoqueue
from photoqueue.faces.cli.estimate import TermsFiles, UnitsName, estimate_by
from photoqueue.faces.cli.inventory import Project
from photoqueue.faces.cli.output import AsJson, note, printed_json, show
from photoqueue.format import line
from photoqueue.phrases import phrase


def report(
    project: Project,
    kind: Annotated[
        Literal["html", "pdf", "xlsx"] | None,
        typer.Option("--format", help="Format of the file.", show_default="by --output, else html"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The new file.", show_default="report-PROJECT.html, in this folder"),
    ] = None,
    terms: TermsFiles = None,
    units: UnitsName = None,
    lang: Annotated[
        Literal["en", "fr"] | None,
        typer.Option(help="Language of the report.", show_default="PHOTOQUEUE_LANGUAGE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a project: volume survey and estimate, not a quote."""
    from photoqueue.inventory.export import free_name

    ending = output.suffix.removeprefix(".").lower() if output else kind or "html"
    if kind not in (None, ending):
        raise typer.BadParameter(f"--output does not end in .{kind}, as --format says.")
    estimate = estimate_by(project, terms, units=units, lang=lang)
    made = photoqueue.report(project, lang=lang, estimate=estimate)
    path = made.save(output or free_name(Path(), project, ending, "report"))
    open_gaps = photoqueue.review(project).gaps().query("acknowledged.isna()")["gap"].tolist()
    told = {"file": str(path), "final": made.final, "drafts": made.drafts, "gaps": open_gaps}
    if printed_json(as_json, told):
        return
    language, file = made.lang, line(path)
    if made.final:
        show(phrase(language, "Wrote {file}, final.", file=file))
    else:
        show(phrase(language, "Wrote {file}, a draft.", file=file))
    for why in made.drafts:
        note(phrase(language, "Draft: {why}.", why=line(why)))
    if open_gaps:
        gaps = line(", ".join(open_gaps))
        note(phrase(language, "Gaps: {gaps}. Say that one is none with:", gaps=gaps))
        note(f"photoqueue edit {line(project)} acknowledge {line(repr(open_gaps[0]))}")
