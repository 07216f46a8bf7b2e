"""Puts what the code knows of itself into the pages: ``<!-- generated: commands -->``.

A page holds such a line where a part is to stand; the part is written anew at each build, so
that it cannot grow stale. :data:`PARTS` names all there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from parts import api, commands, data, environment, http_api, job_states, tables

#: Name in a page → what writes it, as Markdown.
PARTS: Final[dict[str, Callable[[], str]]] = {
    "api": api.markdown,
    "commands": commands.markdown,
    "data": data.markdown,
    "environment": environment.markdown,
    "errors": api.errors,
    "http": http_api.markdown,
    "job-states": job_states.markdown,
    "tables": tables.markdown,
}
_MARK: Final = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)


def fill_in(text: str) -> str:
    """Replace the marks of a page.

    Raises
    ------
    KeyError
        There is no part of this name.
    """
    return _MARK.sub(lambda match: PARTS[match.group(1)](), text)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""

    def read(_app: Any, _page: str, source: list[str]) -> None:
        source[0] = fill_in(source[0])

    app.connect("source-read", read)
    # What is generated depends on the code, which Sphinx does not watch: every page is made anew.
    app.connect("env-get-outdated", lambda _app, env, *_: list(env.found_docs))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
