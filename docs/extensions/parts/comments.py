"""The ``#:`` comments of the code: what a field means, in its author's words."""

from __future__ import annotations

from functools import cache

from sphinx.pycode import ModuleAnalyzer


@cache
def of_fields(module: str, owner: str) -> dict[str, str]:
    """Return field → its ``#:`` comment as Markdown, for a class; "" is the module itself."""
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    return {
        name: markdown(" ".join(lines))
        for (cls, name), lines in analyzer.attr_docs.items()
        if cls == owner
    }


def markdown(text: str) -> str:
    """Turn a comment into Markdown for a cell of a table."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def row(*cells: object) -> str:
    """Write one row of a table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def table(*header: str, rows: list[tuple[object, ...]]) -> str:
    """Write a table."""
    return "\n".join([row(*header), row(*["---"] * len(header)), *(row(*r) for r in rows)])
