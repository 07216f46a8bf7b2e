"""The workbench while PostgreSQL is away, and once it is back."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

import photoqueue
from tests.browser.pages import LabPage
from tests.chaos.conftest import OwnServers, installation, own_servers  # noqa: F401  # fixtures
from tests.conftest import picture


@pytest.mark.chaos
def test_outage_is_said_and_passes_by_itself(
    own_servers: OwnServers,  # noqa: F811  # the fixture
    lab: LabPage,
    tmp_path: Path,
) -> None:
    photoqueue.submit_photo(picture(1), user_id="u1")
    (tmp_path / "a-home").mkdir()
    (tmp_path / "a-home" / "1.jpg").write_bytes(picture(3))
    lab.run_notebook(["from photoqueue import Workbench\nWorkbench()"])
    page = lab.page
    page.get_by_role("tab", name="Jobs").click()
    expect(page.get_by_role("button", name="waiting 1")).to_be_visible(timeout=60_000)
    own_servers.stop("PostgreSQL", signal.SIGINT)
    alert = page.get_by_role("alert").filter(has_text="PostgreSQL")
    expect(alert).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Waiting for the servers")).to_be_visible()
    # What was read before is still there
    expect(page.get_by_role("button", name="waiting 1")).to_be_visible()

    # What is typed meanwhile stays, and cannot be submitted
    for name, text in (("Folder", str(tmp_path / "a-home")), ("Project", "move-42")):
        field = page.get_by_label(name, exact=True)
        field.fill(text)
        field.press("Tab")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(alert).to_have_count(2)
    expect(page.get_by_label("Project", exact=True)).to_have_value("move-42")
    lab.screenshot("workbench-outage")
    own_servers.start()
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=60_000)
    photoqueue.submit_photo(picture(2), user_id="u1")
    expect(page.get_by_role("button", name="waiting 2")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("1 photo submitted")).to_be_visible(timeout=30_000)
