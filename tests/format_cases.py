"""The table of how values are written: Python and the pages in a browser are tested with it.

``format_cases.json`` lists for each function of :mod:`photoqueue.format` arguments and the text;
times are those of its ``zone``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

_TABLE: Final[dict[str, Any]] = json.loads(
    Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
)
ZONE: Final[str] = _TABLE.pop("zone")
#: Name of the function, its arguments, the text.
CASES: Final[list[tuple[str, list[Any], str]]] = [
    (name, arguments, text) for name, cases in _TABLE.items() for arguments, text in cases
]
#: An expression of the texts that the script of the pages makes of the cases, in their order.
IN_JAVASCRIPT: Final = "{}.map(([name, given]) => format[name](...given))".format(
    json.dumps(
        [
            (re.sub("_(.)", lambda part: part[1].upper(), name), arguments)
            for name, arguments, _ in CASES
        ]
    )
)


def wrong(texts: list[str]) -> list[tuple[str, list[Any], str, str]]:
    """Return the cases with another text than the table has, and that text."""
    return [(*case, text) for case, text in zip(CASES, texts, strict=True) if case[2] != text]
