"""Workbench and dashboard driven from Python, without a browser."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import photoqueue
from photoqueue import Dashboard, JobState, Workbench
from photoqueue.errors import ConfigurationError, UnknownBatchError
from photoqueue.faces.notebook.submit_form import FOLDER, SAMPLE, UPLOAD
from photoqueue.installation import Installation
from tests.conftest import eventually, picture

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture
def opened(installation: Installation) -> Iterator[Callable[..., Workbench]]:
    """Open workbenches that are closed at the end, before their servers go."""
    boards: list[Workbench] = []

    def open_one(**options: Any) -> Workbench:
        boards.append(Workbench(**options))
        return boards[-1]

    yield open_one
    for board in boards:
        board.form.work.wait(120)
        board.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for number in range(3):
        file = tmp_path / "move-9" / "salon" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture(number))
    return tmp_path / "move-9"


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "photoqueue-workbench"]


def test_form_says_what_it_would_submit_and_submits_it(
    opened: Callable[..., Workbench], home: Path
) -> None:
    workbench = opened()
    form = workbench.form
    assert form.button.disabled
    form.folder.value = str(home)
    form.project.value, form.room_type.value = "move-9", "salon"
    assert (form.found.text, form.button.disabled) == ("3 photos in 1 room.", False)
    form.button.click()
    form.work.wait(120)
    assert form.words.text == "Submitted 3 photos. move-9 is added up when they are done."
    assert workbench.batch is not None
    assert (len(workbench.batch), workbench.project) == (3, "move-9")
    jobs = photoqueue.history()
    assert list(jobs["queue_name"]).count("inventory-sync") == 1
    eventually(lambda: workbench.jobs.counts.get("waiting") == 3)
    assert repr(workbench) == f"<Workbench: batch {workbench.batch.id}>"


def test_form_says_what_is_left_out_before_and_after(
    opened: Callable[..., Workbench], home: Path
) -> None:
    (home / "plan.pdf").write_bytes(b"%PDF-1.7")
    form = opened().form
    form.folder.value = str(home)
    said = "1 file left out: plan.pdf is a PDF."
    assert form.found.text == f"3 photos in 1 room. {said}"
    form.submit()
    form.work.wait(120)
    assert form.words.text == (
        f"Submitted 3 photos. {said} No project is given, so nothing is added up."
    )


def test_form_tells_what_the_browser_did_not_send(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened().form
    form.source.value = UPLOAD
    data = next(home.rglob("*.jpg")).read_bytes()
    first = {"upload": "u1", "count": 1, "left": [["hall/plan.pdf", "is not a picture"]]}
    piece = {"upload": "u1", "number": 0, "path": "hall/1.jpg", "size": len(data), "offset": 0}
    form.upload._received(form.upload, {"kind": "begin", **first}, [])
    form.upload._received(form.upload, {"kind": "piece", **piece}, [data])
    said = "1 file left out: hall/plan.pdf is not a picture."
    assert form.found.text == f"1 photo in 1 room. {said}"
    form.submit()
    form.work.wait(120)
    assert form.words.text == (
        f"Submitted 1 photo. {said} No project is given, so nothing is added up."
    )


def test_form_submits_with_the_engine_that_was_chosen(
    opened: Callable[..., Workbench], home: Path
) -> None:
    workbench = opened(project="move-9")
    form = workbench.form
    assert form.project.value == "move-9"
    form.folder.value, form.engine.value, form.add_up.value = str(home), "builtin", False
    form.submit()
    form.work.wait(120)
    from photoqueue.client.observe import story

    told = story(photoqueue.history(limit=1)["job_id"].item())
    assert told.payload["engine"] == "builtin"
    assert form.words.text == "Submitted 3 photos."


def test_sample_home_is_offered(opened: Callable[..., Workbench]) -> None:
    form = opened().form
    assert list(form.source.options) == [FOLDER, UPLOAD, SAMPLE]
    form.source.value = SAMPLE
    assert (form.found.text, form.project.value) == (
        "4 photos in 2 rooms. 1 file left out: truth.json starts with text.",
        "sample-home",
    )


def test_project_that_a_person_typed_stays(opened: Callable[..., Workbench]) -> None:
    form = opened().form
    form.project.value = "move-9"
    form.source.value = SAMPLE
    assert form.project.value == "move-9"


def test_wrong_folder_disables_the_button_and_says_why(
    opened: Callable[..., Workbench], tmp_path: Path
) -> None:
    form = opened().form
    form.folder.value = str(tmp_path / "<b>nowhere</b>")
    assert form.found.urgent
    assert "<b>nowhere</b>" in form.found.text
    assert form.button.disabled
    form.folder.value = ""
    assert (form.found.text, form.button.disabled) == ("", True)


def test_upload_that_is_complete_can_be_submitted(
    opened: Callable[..., Workbench], installation: Installation
) -> None:
    form = opened().form
    form.source.value = UPLOAD
    assert form.button.disabled
    photo = picture(5)
    form.upload._received(form.upload, {"kind": "begin", "upload": "u", "count": 1}, [])
    piece = {"kind": "piece", "upload": "u", "number": 0, "path": "salon/a.jpg"}
    form.upload._received(form.upload, {**piece, "size": len(photo), "offset": 0}, [photo])
    assert (form.found.text, form.button.disabled) == ("1 photo in 1 room.", False)
    folder = form.upload.folder
    assert folder is not None
    form.submit()
    form.work.wait(120)
    assert form.words.text == "Submitted 1 photo. No project is given, so nothing is added up."
    assert not folder.exists()
    assert photoqueue.history()["room"].tolist() == ["salon"]


def test_failure_to_submit_is_said_and_the_button_comes_back(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened().form
    form.folder.value = str(home)
    form.project.value = "x" * 500
    form.submit()
    form.work.wait(120)
    assert form.words.urgent
    assert "project_id" in form.words.text
    assert not form.button.disabled
    assert len(photoqueue.history()) == 0


def test_board_looks_at_one_batch_and_finds_it_again(
    opened: Callable[..., Workbench], home: Path
) -> None:
    batch = photoqueue.submit_photos(str(home), project_id="move-9")
    photoqueue.submit_photo(picture(99))
    workbench = opened(batch=batch.id)
    eventually(lambda: len(workbench.jobs.page.get("rows", ())) == 3)
    workbench.show()
    eventually(lambda: len(workbench.jobs.page["rows"]) == 4)
    assert (workbench.batch, workbench.project, repr(workbench)) == (
        None,
        None,
        "<Workbench: all jobs>",
    )
    with pytest.raises(UnknownBatchError, match="b-nope"):
        workbench.show(batch="b-nope")


def test_change_made_elsewhere_reaches_the_traits(opened: Callable[..., Workbench]) -> None:
    job = photoqueue.submit_photo(picture(1))
    workbench = opened()
    eventually(lambda: workbench.jobs.counts.get("waiting") == 1)
    photoqueue.cancel(job)
    eventually(lambda: workbench.jobs.counts.get("cancelled") == 1)
    assert job.poll().state is JobState.CANCELLED


def test_closed_board_leaves_no_thread(opened: Callable[..., Workbench]) -> None:
    before = threads()
    workbench = opened()
    assert len(threads()) == len(before) + 1
    workbench.close()
    assert threads() == before


def test_board_shows_widgets_and_a_calm_text() -> None:
    dashboard = Dashboard(project="move-9")
    try:
        bundle = dashboard._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert data["text/plain"] == "<Dashboard: project move-9>"
        assert "application/vnd.jupyter.widget-view+json" in data
    finally:
        dashboard.close()


def test_dashboard_reads_the_address_of_its_page(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = photoqueue.submit_photos(str(home), project_id="move-9")
    monkeypatch.setenv("QUERY_STRING", f"batch={batch.id}&token=x")
    dashboard = Dashboard()
    dashboard.close()
    assert dashboard.batch == batch
    monkeypatch.setenv("QUERY_STRING", "batch=b-nope")
    with pytest.raises(UnknownBatchError, match="b-nope"):
        Dashboard()


def test_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "photoqueue.faces.notebook.board.find_spec",
        lambda name: None if name == "anywidget" else found(name),
    )
    with pytest.raises(ConfigurationError, match=r"anywidget.*photoqueue\[workbench\]"):
        Workbench()
