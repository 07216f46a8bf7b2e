"""``photoqueue doctor``: checks of an installation, each with a remedy."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import typer

from photoqueue.addresses import expanded
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.cli.output import (
    WHOLE,
    WORDS,
    AsJson,
    TableColumn,
    in_full,
    printed_json,
    show,
    table,
)
from photoqueue.format import counted, duration, foreign, line, size

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from photoqueue.client.system import ServerReport, Survey

#: Result of a check: it works; it works or will, but with something to know; it does not work.
Verdict = Literal["ok", "warning", "problem"]
#: How each is shown, and in which colour.
_MARKS: Final[dict[Verdict, tuple[str, str]]] = {
    "ok": ("✓ ok", "green"),
    "warning": ("! warning", "yellow"),
    "problem": ("✗ problem", "red"),
}
_CHECK_WIDTH: Final = 14
_VERDICT_WIDTH: Final = 9


def doctor(as_json: AsJson = False) -> None:
    """Check what works, what is missing, and how to fix it; starts nothing.

    The exit status is 1 when there is a problem; warnings leave it at 0.
    """
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not as_json:
            # Print each at once: reaching a server or building the engine may take seconds.
            show(_drawn(finding))
    verdicts = Counter(finding.verdict for finding in findings)
    if not printed_json(as_json, {"ok": not verdicts["problem"], "checks": findings}):
        show()
        show(_conclusion(verdicts))
    if verdicts["problem"]:
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    from photoqueue.client.system import Survey
    from photoqueue.errors import ConfigurationError
    from photoqueue.settings import load_settings

    yield versions()
    try:
        settings = load_settings()
    except ConfigurationError as exc:
        yield Finding("Settings", "problem", str(exc))
        return
    with Survey(settings) as survey:
        yield from examine(survey)


def _drawn(finding: Finding) -> Table:
    # Fixed widths: each finding is printed as soon as it is known, aligned with the others.
    columns = (
        TableColumn("", _mark, {**WHOLE, "width": _VERDICT_WIDTH}),
        TableColumn("", "check", {**WHOLE, "width": _CHECK_WIDTH}),
        TableColumn("", _told, WORDS),
    )
    return table(columns, [finding], header=False)


def _told(finding: Finding) -> str:
    """Return finding and advice: below each other, or on one line in a pipe."""
    if in_full():
        return line(" → ".join(filter(None, (finding.detail, finding.advice))))
    return "\n→ ".join(foreign(part) for part in (finding.detail, finding.advice) if part)


def _mark(finding: Finding) -> Text:
    from rich.text import Text

    return Text(*_MARKS[finding.verdict])


def _conclusion(verdicts: Counter[Verdict]) -> str:
    found = [counted(verdicts[what], what) for what in ("problem", "warning") if verdicts[what]]
    return f"{' and '.join(found)}." if found else "No problems found."


#: Packages whose versions help most to explain a problem.
_PACKAGES: Final = ("huey", "redis", "sqlalchemy", "psycopg", "pandas", "onnxruntime")
#: Free space, in bytes, below which a warning is due.
_LITTLE_SPACE: Final = 2**30


@dataclass(frozen=True)
class Finding:
    """The result of a check, and the command or change that fixes it."""

    check: str
    verdict: Verdict
    detail: str
    advice: str | None = None


Check = Callable[["Survey"], Iterator[Finding]]


def examine(survey: Survey) -> Iterator[Finding]:
    """Run all checks; a check that fails is reported, not raised."""
    for name, check in _CHECKS.items():
        try:
            yield from check(survey)
        except PhotoqueueError as exc:
            yield Finding(name, "problem", str(exc))
        except Exception as exc:  # the other checks still help
            yield Finding(name, "problem", f"{type(exc).__name__}: {exc}")


def versions() -> Finding:
    """Return the versions of Python, photoqueue and its main dependencies."""
    from importlib import metadata

    from photoqueue import __version__

    found = [f"Python {platform.python_version()}", f"photoqueue {__version__}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return Finding("Versions", "ok", ", ".join(found))


def _home(survey: Survey) -> Iterator[Finding]:
    yield _writable("Home", survey.settings.home, "PHOTOQUEUE_HOME")


def _photo_store(survey: Survey) -> Iterator[Finding]:
    from photoqueue.photos.remote import is_url, local_path
    from photoqueue.photos.store import PhotoStore

    settings = survey.settings
    given = settings.photo_store and settings.photo_store.get_secret_value()
    if not given or not is_url(given):
        folder = expanded(local_path(given) if given else settings.home / "photos").absolute()
        yield _writable("Photo store", folder, "PHOTOQUEUE_PHOTO_STORE")
        return
    import hashlib
    import secrets

    probe = secrets.token_bytes(32)  # nobody else's photo, as it is deleted again
    store = PhotoStore.for_settings(settings)
    address = hashlib.sha256(probe).hexdigest()
    store.put(probe, address)
    store.get(address)
    store.delete(address)
    yield Finding("Photo store", "ok", f"{store.describe()} is readable and writable")


def _writable(check: str, folder: Path, setting: str) -> Finding:
    """Try to write to a folder, or to the folder in which it would be created."""
    place = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as exc:
        return Finding(
            check,
            "problem",
            f"{folder} cannot be written: {exc.strerror or exc}",
            f"Set {setting} to a folder that you can write to.",
        )
    made = "" if place == folder else "; made on first use"
    detail = f"{folder} can be written ({size(free)} free{made})"
    if free < _LITTLE_SPACE:
        return Finding(check, "warning", detail, "Free some space there.")
    return Finding(check, "ok", detail)


def _postgres(survey: Survey) -> Iterator[Finding]:
    from photoqueue.queue.tables import SCHEMA_REVISION

    if not survey.database_runs:
        from photoqueue.services.programs import find_postgres

        find_postgres()  # raises with what to install
    report = survey.database_report()
    yield _server(report)
    if report.reachable:
        if survey.installation.database.shared:
            yield Finding("PostgreSQL", "ok", "behind a pooler: no session is relied on")
        error = survey.installation.probe()["schema"]
        detail = f"revision {SCHEMA_REVISION}, as this version needs it"
        yield Finding("Schema", "problem" if error else "ok", str(error or detail))


def _redis(survey: Survey) -> Iterator[Finding]:
    yield _server(survey.broker_report())


def _server(report: ServerReport) -> Finding:
    if report.reachable:
        return Finding(report.name, "ok", ", ".join(filter(None, (report.version, report.place))))
    if report.error is None:
        return Finding(report.name, "ok", f"{report.place}; {report.note}")
    return Finding(report.name, "problem", report.error)


def _engine(survey: Survey) -> Iterator[Finding]:
    from photoqueue.engines.registry import choose_engine, load_engine

    choice = choose_engine(survey.settings)
    started = time.perf_counter()
    engine = load_engine(choice.settings)
    took = duration((time.perf_counter() - started) * 1000)
    detail = f"{engine.name} with {engine.model}, built in {took}"
    if choice.reason:
        detail = f"{detail}; chosen because {choice.reason}"
    better = f"A better one: {choice.advice}" if choice.advice else None
    yield Finding("Engine", "ok", detail, better)


def _queues(survey: Survey) -> Iterator[Finding]:
    from photoqueue.client.system import engines_at_work, recovery_problem, webhook_problem
    from photoqueue.engines.registry import choose_engine

    if not survey.database_runs:
        yield Finding("Jobs", "ok", "unknown while PostgreSQL is not running")
        return
    if survey.installation.probe()["schema"]:
        yield Finding("Jobs", "warning", "unknown until the tables can be used")
        return
    engines = engines_at_work(survey.installation)
    if engines is not None:
        here = str(choose_engine(survey.settings))
        differs = f"A worker started here would run {here}." if engines != here else None
        yield Finding("Engine at work", "ok", f"live workers run {engines}", differs)
    for name, problem in (("Recovery", recovery_problem), ("Webhooks", webhook_problem)):
        if (found := problem(survey.installation)) is not None:
            yield Finding(name, "warning", found)
    for queue in survey.installation.counts.read().values():
        detail = (
            f"{counted(queue.workers, 'live worker')}, {queue.unstarted:,} waiting, "
            f"{queue.active:,} active, {queue.failed:,} failed"
        )
        advice = None
        if queue.unattended:
            advice = "photoqueue worker"
        elif queue.paused:
            detail, advice = f"paused; {detail}", f"photoqueue resume {queue.name}"
        yield Finding(queue.name, "warning" if advice else "ok", detail, advice)
        if queue.refused_messages:
            yield Finding(
                queue.name,
                "warning",
                f"{counted(queue.refused_messages, 'message')} refused that photoqueue "
                "did not write",
                "Find out who else writes to this Redis, and give it a password.",
            )


_CHECKS: Final[dict[str, Check]] = {
    "Home": _home,
    "PostgreSQL": _postgres,
    "Redis": _redis,
    "Photo store": _photo_store,
    "Engine": _engine,
    "Jobs": _queues,
}
