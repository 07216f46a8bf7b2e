"""Scripts and sheets of the pages, and the columns of the table of jobs.

Without a widget library: the board of the HTTP API shows pages of the workbench, too.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from photoqueue.faces import shared_script
from photoqueue.faces.notebook.palette import LOOKS
from photoqueue.phrases import FRENCH
from photoqueue.queue.pages import JobOrder
from photoqueue.records.snapshots import job_columns

_STATIC: Final = Path(__file__).parent / "static"


@cache
def script(*names: str) -> str:
    """Return a page's module: the shared scripts, then ``static/<name>.js``.

    Before them come the looks of the states, and the French of what the scripts say.
    """
    looks = {state: {"icon": look.icon} for state, look in LOOKS.items()}
    source = "\n".join([shared_script(), *(_read(f"{name}.js") for name in ("common", *names))])
    french = {
        text: told
        for text, told in FRENCH.items()
        if json.dumps(text, ensure_ascii=False) in source
    }
    given = {"LOOKS": looks, "FRENCH": french}
    told = (f"const {name} = {json.dumps(of, ensure_ascii=False)};" for name, of in given.items())
    return "\n".join([*told, source])


@cache
def style(*names: str) -> str:
    """Return the shared sheet, followed by the page's own, if it has some, in their layer."""
    own = "\n".join(_read(f"{name}.css") for name in names)
    return _read("common.css") + (layer(own) if own else "")


def layer(sheet: str) -> str:
    """Put rules of a page into the layer of pages, in which they give way to no shared ones."""
    return f"@layer pq-page {{\n{sheet}}}\n"


def _read(file: str) -> str:
    return (_STATIC / file).read_text(encoding="utf-8")


#: Columns of the table of jobs, each with its sort order; other listed fields follow.
_COLUMNS: Final = {
    "state": JobOrder.STATE,
    "name": JobOrder.NAME,
    "room": JobOrder.ROOM,
    "attempts": JobOrder.ATTEMPTS,
    "wait_ms": JobOrder.WAIT,
    "job_duration_ms": JobOrder.RUN,
    "created_at": JobOrder.SUBMITTED,
    "finished_at": JobOrder.FINISHED,
}
#: How the front end draws a column; others are text.
_KINDS: Final = ("state", "name", "attempts")


def table_columns() -> list[dict[str, Any]]:
    """Return the columns of the table of jobs, as the page takes them."""
    declared = job_columns()
    titles = {"name": "Photo"}
    more = [name for name, column in declared.items() if column.listed and name not in _COLUMNS]
    return [
        {
            "name": name,
            "title": titles[name] if name in titles else declared[name].title,
            "kind": _kind(name),
            "order": str(_COLUMNS.get(name) or ""),
            # Other columns are omitted if no job of the page has a value.
            "always": name in _COLUMNS and name not in ("room", "finished_at"),
        }
        for name in (*_COLUMNS, *more)
    ]


def fact_columns() -> list[dict[str, Any]]:
    """Return the fields in the details of a job, as the page takes them."""
    return [
        {"name": name, "title": column.title, "kind": _kind(name)}
        for name, column in job_columns().items()
    ]


def _kind(name: str) -> str:
    if name in _KINDS:
        return name
    return "duration" if name.endswith("_ms") else "time" if name.endswith("_at") else "text"
