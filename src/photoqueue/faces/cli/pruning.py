"""``photoqueue prune`` and ``erase``: letting go of what is old, and of a household."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson
from photoqueue.faces.cli.output import print_json, show

if TYPE_CHECKING:
    from photoqueue.client.pruning import Deleted

_AGE: Final = re.compile(r"(\d{1,5})(h|d|w)")
#: Longer ago there were no computers, and soon no dates.
_OLDEST: Final = timedelta(days=36_500)
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


def prune(
    older_than: Annotated[
        str, typer.Option(help="How long ago they ended: 90d, 12w or 36h.", show_default=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell how many jobs would go; delete nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete jobs that ended long ago, with their attempts, results and unneeded photos.

    Nothing goes whose batch or project still has work to do. Counters stay as they are.
    """
    age = _age(older_than)
    from photoqueue.client.pruning import prune as apply

    deleted = apply(age, dry_run=dry_run)
    if as_json:
        print_json(_counts(deleted, dry_run))
    elif dry_run:
        show(f"{words.counted(deleted.jobs, 'job')} would be deleted; nothing was.")
    else:
        show(f"Deleted {_told(deleted)}.")


def erase(
    project: Annotated[str, typer.Option(help="The project of the household.", show_default=False)],
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase; without it, it is only told what there is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete everything of one household: jobs, results, corrections, photos and their files.

    It cannot be undone. Its jobs must have ended.
    """
    from photoqueue.client.pruning import erase_project

    deleted = erase_project(project, dry_run=not yes)
    name = words.line(project)
    if as_json:
        print_json(_counts(deleted, not yes))
    elif yes:
        show(f"Erased project {name}: {_told(deleted)}.")
    else:
        show(f"Project {name} has {_told(deleted)}. Nothing was erased; add --yes to do it.")
    if not yes:
        raise typer.Exit(1)


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip().lower())
    age = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < age < _OLDEST:
        raise typer.BadParameter(
            "give a number of days, weeks or hours above zero: 90d, 12w or 36h",
            param_hint="--older-than",
        )
    return age


def _told(deleted: Deleted) -> str:
    return (
        f"{words.counted(deleted.jobs, 'job')}, {words.counted(deleted.photos, 'photo')} and "
        f"{words.counted(deleted.files, 'stored picture')}"
    )


def _counts(deleted: Deleted, dry_run: bool) -> dict[str, object]:
    return {**asdict(deleted), "dry_run": dry_run}
