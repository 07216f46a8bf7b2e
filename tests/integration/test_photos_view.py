"""The view of photos, driven from Python as the front end and the workbench drive it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import photoqueue
from photoqueue.client.gallery import photo_row
from photoqueue.faces.notebook.photos import PhotosView
from photoqueue.faces.notebook.view import Scope
from photoqueue.installation import Installation
from tests.bench import Bench
from tests.conftest import picture, submit


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


class Wire:
    """What a view sends to the browser: the names of traits, and bytes in all."""

    def __init__(self, view: PhotosView) -> None:
        self.names: set[str] = set()
        self.bytes = 0
        view._send = self._send  # type: ignore[method-assign]  # to hear it

    def _send(self, message: dict[str, Any], buffers: Any = None) -> None:
        if message.get("method") == "update":
            self.names |= set(message["state"])
            self.names |= {str(path[0]) for path in message["buffer_paths"]}
            self.bytes += sum(len(buffer) for buffer in buffers or ())

    def take(self) -> set[str]:
        taken, self.names, self.bytes = self.names, set(), 0
        return taken


def shown(view: PhotosView) -> list[str]:
    return [view.trait_values()[f"card_{slot}"]["photo_id"] for slot in view.order]


def slot_of(view: PhotosView, photo: str) -> int:
    return view.order[shown(view).index(photo)]


def told(view: PhotosView, **message: Any) -> None:
    """Send a message as the front end does."""
    view._received(view, message, [])


def test_page_is_sent_once_and_then_only_what_changed(bench: Bench) -> None:
    jobs = [submit(f"p{n}", project_id="m1") for n in range(3)]
    for job in jobs[:2]:
        bench(job)
    view = PhotosView(Scope(project="m1"))
    wire = Wire(view)

    view.refresh()
    assert shown(view) == ["p0", "p1", "p2"]
    first = {f"card_{n}" for n in range(3)} | {"thumb_0", "thumb_1"}
    assert {name for name in wire.take() if "_" in name} >= first
    view.refresh()
    assert wire.take() == set()

    bench(jobs[2])
    view.refresh()
    assert wire.take() == {"card_2", "thumb_2", "counted"}
    assert view.card_2["items"][0]["name"] == "chair"
    assert view.card_2["items"][0]["box"] == [0.1, 0.2, 0.5, 0.6]


def test_photo_that_stays_on_the_page_keeps_its_slot(bench: Bench) -> None:
    for name in ("a", "b"):
        bench(submit(name))
    view = PhotosView()
    view.refresh()
    assert shown(view) == ["b", "a"]
    before = slot_of(view, "a"), slot_of(view, "b")
    wire = Wire(view)

    bench(submit("c"))
    view.refresh()

    assert shown(view) == ["c", "b", "a"]
    assert (slot_of(view, "a"), slot_of(view, "b")) == before
    new = slot_of(view, "c")
    assert wire.take() == {f"card_{new}", f"thumb_{new}", "counted", "order"}


def test_of_ten_thousand_photos_one_page_is_sent(installation: Installation) -> None:
    batch = photoqueue.submit_photos(
        [{"photo": picture(n), "photo_id": f"p{n:03}"} for n in range(60)], project_id="m1"
    )
    view = PhotosView(Scope(batch=batch.id))
    view.refresh()
    assert len(view.order) == 24
    assert view.place == {"page": 1, "previous": False, "next": True}

    told(view, kind="turn", to="next")
    told(view, kind="turn", to="next")
    assert (view.place["page"], len(view.order), shown(view)[0]) == (3, 12, "p048")
    assert view.place["next"] is False
    told(view, kind="turn", to="next")  # there is none
    assert view.place["page"] == 3
    told(view, kind="turn", to="previous", open=True)
    assert (view.place["page"], view.opened, view.opened_card["photo_id"]) == (2, "p047", "p047")
    assert view.picture_of == "p047"


def test_filters_begin_at_the_first_page(installation: Installation) -> None:
    for n in range(30):
        submit(f"p{n:02}", project_id="m1", room="kitchen" if n % 2 else None)
    view = PhotosView(Scope(project="m1"))
    view.refresh()
    told(view, kind="turn", to="next")
    assert view.place["page"] == 2

    view.room = "kitchen"

    assert (view.place["page"], shown(view)[0], view.counted["meant"]) == (1, "p01", 15)
    assert view.counted["rooms"] == [["", 15], ["kitchen", 15]]
    view.text = "nowhere"
    assert (view.order, view.counted["total"]) == ([], 30)
    assert "clear the filters" in view.empty
    view.state = "sideways"
    assert "No state 'sideways'" in view.notice


def test_opened_photo_arrives_as_bytes_and_missing_ones_say_so(bench: Bench) -> None:
    bench(submit("p1", project_id="m1"))
    lost = submit("p2", project_id="m1")
    card = photo_row("p2")
    home = bench._installation.settings.home
    (home / "photos" / "originals" / str(card.sha256)[:2] / str(card.sha256)).unlink()
    photoqueue.cancel(lost)
    view = PhotosView(Scope(project="m1"))
    view.refresh()
    assert "is not in the store" in view.trait_values()[f"card_{slot_of(view, 'p2')}"]["reason"]

    told(view, kind="open", photo="p1")
    assert view.picture.startswith(b"\xff\xd8")
    assert (view.picture_of, view.picture_reason) == ("p1", "")
    wire = Wire(view)
    view.refresh()
    assert wire.take() == set()
    told(view, kind="open", photo="p2")
    assert (view.picture, view.picture_of) == (b"", "p2")
    assert "is not in the store" in view.picture_reason
    told(view, kind="close")
    assert (view.opened_card, view.picture_of) == ({}, "")
    told(view, kind="open", photo="p9")
    assert "No photo 'p9'" in view.notice
    assert view.opened == ""


def test_retry_starts_the_job_anew_unless_the_view_only_shows(bench: Bench) -> None:
    job = submit("permanent-1", project_id="m1")
    with pytest.raises(photoqueue.JobFailedError):
        bench(job)
    quiet = PhotosView(Scope(project="m1"), actions=False)
    quiet.refresh()
    told(quiet, kind="retry", photo="permanent-1")
    assert "read-only" in quiet.notice
    assert job.poll().state == "failed"

    view = PhotosView(Scope(project="m1"))
    view.refresh()
    assert view.card_0["error_message"] == "this photo can never be analysed"
    told(view, kind="retry", photo="permanent-1")

    assert (view.notice, job.poll().state) == ("", "waiting")
    assert view.card_0["state"] == "waiting"
    told(view, kind="retry", photo="permanent-1")
    assert "cannot be started again" in view.notice


def test_selection_reaches_python_as_a_frame(bench: Bench) -> None:
    for name in ("p1", "p2"):
        bench(submit(name, project_id="m1"))
    view = PhotosView(Scope(project="m1"))
    view.refresh()

    view.set_state({"selected": ["p2", "p1"]})  # as it comes from the browser

    assert view.selected == ("p2", "p1")
    assert list(view.selected_frame()["photo_id"]) == ["p2", "p1"]
    view.scope.project = "m2"
    assert (view.selected, view.order) == ((), [])
    assert "no photos in 'm2'" in view.empty


def test_unknown_batch_and_unreadable_photo_are_told(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "<b>.jpg").write_bytes(b"no picture")
    batch = photoqueue.submit_photos([tmp_path / "<b>.jpg"])
    view = PhotosView(Scope(batch=batch.id))
    view.refresh()
    assert (view.card_0["state"], view.card_0["can_retry"]) == ("failed", False)
    assert view.card_0["title"] == "<b>.jpg"
    view.scope.batch = "b-none"
    assert view.order == []
    assert "No batch 'b-none'" in view.empty


def test_driven_view_leaves_reading_to_its_driver(installation: Installation) -> None:
    submit("p1")
    view = PhotosView()
    wakes: list[bool] = []
    view.driven_by(lambda: wakes.append(True))
    told(view, kind="open", photo="p1")
    view.text = "p"
    view.scope.project = "m1"
    assert (len(wakes) >= 3, view.order, view.picture) == (True, [], b"")


def test_empty_page_says_what_can_be_done_where_it_is_shown(installation: Installation) -> None:
    said = {}
    for actions in (True, False):
        for project in ("", "m9"):
            view = PhotosView(Scope(project=project), actions=actions)
            view.refresh()
            said[actions, project] = view.empty
    assert "submit it, or try a sample home" in said[True, ""]
    assert "photos in 'm9' yet. Choose a folder" in said[True, "m9"]
    for project in ("", "m9"):
        assert said[False, project].endswith("Once some are submitted, they appear here.")
