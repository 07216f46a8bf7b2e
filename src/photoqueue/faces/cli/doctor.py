"""``photoqueue doctor``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson
from photoqueue.faces.cli.output import in_full, print_json, show, table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from photoqueue.faces.cli.checks import Finding

_SYMBOLS: Final = {"ok": "✓", "warning": "!", "problem": "✗"}
_STYLES: Final = {"ok": "green", "warning": "yellow", "problem": "red"}
_CHECK_WIDTH: Final = 14
_VERDICT_WIDTH: Final = 9


def doctor(as_json: AsJson = False) -> None:
    """Tell what works, what is missing, and how to mend it; starts nothing.

    The exit status is 1 when there is a problem; warnings leave it at 0.
    """
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            # At once: reaching a server or building the engine may take seconds.
            show(_drawn([finding]))
    verdicts = Counter(str(finding.verdict) for finding in findings)
    if as_json:
        print_json(
            {"ok": not verdicts["problem"], "checks": [asdict(finding) for finding in findings]}
        )
    else:
        show()
        show(_conclusion(verdicts))
    if verdicts["problem"]:
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    from photoqueue.client.system import Survey
    from photoqueue.errors import ConfigurationError
    from photoqueue.faces.cli.checks import Finding, Verdict, examine, versions
    from photoqueue.settings import load_settings

    yield versions()
    try:
        settings = load_settings()
    except ConfigurationError as exc:
        yield Finding("Settings", Verdict.PROBLEM, str(exc))
        return
    with Survey(settings) as survey:
        yield from examine(survey)


def show_findings(findings: Iterable[Finding]) -> None:
    """Print what checks found."""
    show(_drawn(findings))


def _drawn(findings: Iterable[Finding]) -> Table:
    drawn = table(header=False)
    # Of fixed width: each finding is printed when it is known, in the columns of the others.
    drawn.add_column(no_wrap=True, width=_VERDICT_WIDTH)
    drawn.add_column(no_wrap=True, width=_CHECK_WIDTH)
    drawn.add_column(overflow="fold")
    for finding in findings:
        drawn.add_row(_mark(str(finding.verdict)), finding.check, _told(finding))
    return drawn


def _told(finding: Finding) -> str:
    """Return what was found and the advice: beneath each other, or on one line in a pipe."""
    if in_full():
        return words.line(" → ".join(filter(None, (finding.detail, finding.advice))))
    return "\n→ ".join(words.text(part) for part in (finding.detail, finding.advice) if part)


def _mark(verdict: str) -> Text:
    from rich.text import Text

    return Text(f"{_SYMBOLS[verdict]} {verdict}", style=_STYLES[verdict])


def _conclusion(verdicts: Counter[str]) -> str:
    problems, warnings = verdicts["problem"], verdicts["warning"]
    if not problems and not warnings:
        return "All is well."
    parts = [
        words.counted(number, what)
        for number, what in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    return f"{' and '.join(parts)}."
