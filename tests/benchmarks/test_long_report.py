"""A report of two thousand lines, which takes seconds of processor time."""

from __future__ import annotations

import io

import openpyxl

from photoqueue import report
from photoqueue.installation import Installation
from tests.integration.test_report import Move, seen


def test_long_inventory_is_reported(installation: Installation) -> None:
    made = Move(installation)
    for room in range(20):
        items = [
            seen(None, name=f"thing {number}", volume=0.25, category="misc")
            for number in range(100)
        ]
        made.analyse(f"p{room}", items, room=f"room {room}")
    made.add_up()
    done = report("m1")
    assert done.html.count("<tr") > 2000
    book = openpyxl.load_workbook(io.BytesIO(done.xlsx()))
    assert book.worksheets[0].max_row == 2004
