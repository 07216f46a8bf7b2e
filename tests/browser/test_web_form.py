"""The example of the documentation with real servers: from a form to an inventory in a browser."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from photoqueue.client.observe import ask
from photoqueue.installation import Installation
from photoqueue.posting import sign
from photoqueue.queue.tokens import make_token
from photoqueue.words import TokenScope
from tests.api_server import TOKEN, serving
from tests.conftest import REPOSITORY, Worker, eventually, picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

EXAMPLE = REPOSITORY / "docs" / "examples" / "web_form.py"
SECRET = "whsec_" + base64.b64encode(b"a key that only this test knows.").decode()


@pytest.fixture
def form(installation: Installation, tmp_path: Path) -> Iterator[str]:
    """Run the application beside a server that asks for a token; yields its address."""
    secured = installation.settings.model_copy(update={"api_token": SecretStr(TOKEN)})
    log = tmp_path / "form.log"
    with serving(secured) as address, log.open("wb") as output:
        environment = {
            "PHOTOS_API": address,
            "PHOTOS_TOKEN": ask(make_token, "web form", TokenScope.SUBMIT),
            "WEBHOOK_SECRET": SECRET,
        }
        application = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "web_form:app", "--port", "0"],
            cwd=EXAMPLE.parent,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            eventually(lambda: b"running on" in log.read_bytes())
            yield re.findall(r"running on (\S+)", log.read_text())[0]
        finally:
            application.terminate()
            application.wait(60)
    assert "Traceback" not in log.read_text()


def test_photos_of_two_rooms_become_an_inventory(
    form: str,
    installation: Installation,
    start_worker: Callable[..., Worker],
    page: Page,
    tmp_path: Path,
) -> None:
    telling = {
        "webhook_url": SecretStr(f"{form}/webhook"),
        "webhook_secret": SecretStr(SECRET),
        "webhook_networks": ("127.0.0.0/8",),
    }
    worker = start_worker(settings=installation.settings.model_copy(update=telling), wait=False)
    photos = [tmp_path / f"view-{number}.jpg" for number in range(3)]
    for number, photo in enumerate(photos):
        photo.write_bytes(picture(number))
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(form)
    send(page, "kitchen", photos[:2])
    page.get_by_role("status").filter(has_text="2 of 2 photos analysed").wait_for()
    assert page.get_by_role("listitem").count() == 0, "the inventory waits for the last photos"
    page.get_by_label("These are the last ones").check()
    send(page, "hall", photos[2:])
    page.get_by_role("listitem").first.wait_for(timeout=90_000)
    assert page.get_by_role("listitem").all_text_contents() == [
        "hall: 1 × chair",
        "kitchen: 1 × chair",
    ]
    assert "m³" in page.get_by_role("status").inner_text()
    assert not faults
    assert worker.process.poll() is None


def send(page: Page, room: str, photos: list[Path]) -> None:
    page.get_by_label("Room").fill(room)
    page.get_by_label("Photos").set_input_files(photos)
    with page.expect_navigation():
        page.get_by_role("button", name="Send").click()


def test_forged_and_stale_webhooks_are_refused(form: str) -> None:
    body = json.dumps({"type": "inventory.ended", "data": {"projectId": "m1"}}).encode()
    now = int(time.time())
    other = "whsec_" + base64.b64encode(b"another key of the same length..").decode()

    def told(secret: str, when: int, *, as_if: int | None = None) -> int:
        headers = {
            "webhook-id": "1",
            "webhook-timestamp": str(as_if or when),
            "webhook-signature": sign(secret, "1", when, body),
        }
        return httpx.post(f"{form}/webhook", content=body, headers=headers).status_code

    assert told(SECRET, now) == 204
    assert told(f"{other} {SECRET}", now) == 204, "while one secret replaces another"
    assert told(other, now) == 401
    assert told(SECRET, now - 3600) == 401
    assert told(SECRET, now - 3600, as_if=now) == 401
    assert httpx.post(f"{form}/webhook", content=body).status_code == 401


def test_refusals_of_the_api_are_passed_on(form: str) -> None:
    sent = {"files": {"photos": ("1.jpg", picture(1))}, "data": {"room": "hall", "last": "true"}}
    assert httpx.post(f"{form}/m1/photos", **sent).status_code == 303
    answer = httpx.post(f"{form}/m1/photos", **sent)
    assert answer.status_code == 409
    assert "is closed" in answer.json()["detail"]
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 80
