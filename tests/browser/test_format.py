"""The pages write values as Python does, in the browser that runs their script."""

from __future__ import annotations

from playwright.sync_api import Browser

from photoqueue.faces import shared_script
from tests.format_cases import IN_JAVASCRIPT, ZONE, wrong


def test_browser_writes_values_as_the_table_has_them(chromium: Browser) -> None:
    page = chromium.new_page(timezone_id=ZONE)
    texts = page.evaluate(f"() => {{ {shared_script()}\nreturn {IN_JAVASCRIPT}; }}")
    page.close()
    assert wrong(texts) == []
