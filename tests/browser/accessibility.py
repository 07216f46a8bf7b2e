"""What axe-core finds wrong with a page for people who cannot see it well or use no mouse."""

from __future__ import annotations

from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: WCAG 2.2, levels A and AA: contrast of 4.5:1, names, roles, targets of 24 px.
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_SERIOUS: Final = {"serious", "critical"}


def serious_findings(page: Page, of: str | None = None) -> list[str]:
    """Return the serious findings on a page, or in one element of it, one line each.

    Parameters
    ----------
    of
        CSS selector.
    """
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": _RULES}}
    found = Axe().run(page, of, options).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:120]} {_why(node)}"
        for one in found
        if one["impact"] in _SERIOUS
        for node in one["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)[:200]
