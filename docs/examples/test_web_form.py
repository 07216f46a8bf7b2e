"""Tests of the web form: servers, HTTP API and webhooks are real, only the engine is scripted."""

import base64
import io
import json
import sys

import httpx
import pytest
from PIL import Image

from photoqueue import Analysis, Item, PermanentError
from photoqueue.testing import API_TOKEN, ScriptedEngine, inline, served

pytest_plugins = ["photoqueue.testing"]

SECRET = "whsec_" + base64.b64encode(b"a key that only this test knows.").decode()
SOFA = Analysis(items=(Item(name="sofa", category="furniture", volume=1.5),))


@pytest.fixture
def form(photoqueue_api, monkeypatch):
    environment = {"PHOTOS_API": photoqueue_api, "PHOTOS_TOKEN": API_TOKEN}
    for name, value in {**environment, "WEBHOOK_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "web_form", raising=False)  # which reads them on import
    from web_form import app

    engine = ScriptedEngine({"salon": SOFA, "cellar": PermanentError("Too dark.")})
    with (
        served(app) as address,
        inline(engine, webhook_url=f"{address}/webhook", webhook_secret=SECRET),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


def send(form, room, colour, **data):
    photo = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(photo, "PNG")
    files = {"photos": ("photo.png", photo.getvalue())}
    return form.post("/move-42/photos", files=files, data={"room": room, **data})


def test_photos_of_two_rooms_become_an_inventory(form):
    assert send(form, "salon", "beige").status_code == 303
    send(form, "cellar", "black", last="true")
    events = form.get("/move-42/events").text  # up to the inventory, which the webhook tells of
    assert "Too dark." in events
    inventory = json.loads(events.rpartition("data: ")[2])
    assert (inventory["totalVolume"], inventory["rooms"]) == (1.5, ["salon"])


def test_photos_after_the_last_ones_are_refused(form):
    send(form, "salon", "beige", last="true")
    answer = send(form, "hall", "white")
    assert answer.status_code == 409
    assert "is closed" in answer.json()["detail"]


def test_webhook_that_is_not_signed_is_refused(form):
    assert form.post("/webhook", json={"type": "inventory.ended"}).status_code == 401
