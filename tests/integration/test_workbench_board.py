"""Workbench and dashboard driven from Python, without a browser."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import photoqueue
from photoqueue import Dashboard, JobState, Workbench
from photoqueue.errors import ConfigurationError, UnknownBatchError
from photoqueue.faces.notebook.submit_form import FOLDER, SAMPLE, UPLOAD, SubmitForm
from photoqueue.installation import Installation
from photoqueue.jobs import INVENTORY_SYNC
from photoqueue.queue.ledger import Ledger
from photoqueue.records.results import PhotoResult
from tests.bench import Bench
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


def submit(form: SubmitForm) -> None:
    """Submit, and wait until that is done."""
    form.submit()
    form.work.wait(120)


def open_jobs(workbench: Workbench) -> None:
    """Open the tab of the jobs: what is not seen is not read."""
    workbench._tabs.selected_index = list(workbench._tabs.titles).index("Jobs")


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "photoqueue-workbench"]


def test_form_says_what_it_would_submit_and_submits_it(
    opened: Callable[..., Workbench], home: Path
) -> None:
    workbench = opened()
    form = workbench.form
    assert (form.first, form.folded, form.ready) == (True, False, False)
    form.folder = str(home)
    form.project, form.room_type = "move-9", "salon"
    assert (form.found, form.ready) == ("3 photos in 1 room.", True)
    submit(form)
    assert form.said == "3 photos submitted · move-9 is added up when they are done"
    assert (form.first, form.folded, form.busy, form.errors) == (False, True, "", {})
    assert form.projects == ["move-9"]
    assert workbench.batch is not None
    assert (len(workbench.batch), workbench.project) == (3, "move-9")
    jobs = photoqueue.history()
    assert list(jobs["queue_name"]).count("inventory-sync") == 1
    eventually(lambda: workbench.review.head["analysis"]["waiting"] == 3)
    assert repr(workbench) == f"<Workbench: batch {workbench.batch.id}>"


def test_form_says_how_far_the_inventory_is(
    opened: Callable[..., Workbench], home: Path, installation: Installation
) -> None:
    bench = Bench(installation)
    for job in photoqueue.submit_photos(str(home), project_id="move-9"):
        shown = PhotoResult(
            photo_id=str(job.photo_id), items=(), room_type="salon", confidence=0.9, engine="test"
        )
        bench(job, lambda analyse, shown=shown: lambda claim, calls: shown.to_json())
    workbench = opened()
    form = workbench.form
    form.folder, form.project = str(home), "move-9"
    submit(form)
    known = "3 photos submitted, all of them known already"
    assert form.said == f"{known} · move-9 is added up when they are done"
    with closing(Ledger(installation.database)) as ledger:
        (ready,) = ledger.release_blocked()
    bench(photoqueue.job(ready.job_id))
    eventually(lambda: form.said == f"{known} · move-9 is added up")
    workbench.review._received(workbench.review, {"kind": "language", "language": "fr"}, [])
    workbench.review.wait(60)
    assert form.said == "3 photos soumises, toutes déjà connues · move-9 est additionné"


def test_form_says_in_french_what_is_wrong(opened: Callable[..., Workbench], home: Path) -> None:
    form = opened().form
    form.lang = "fr"
    submit(form)
    assert form.errors == {"source": "Choisissez d’abord des photos."}
    form.folder, form.room = str(home / "cave"), "x\x00"
    assert "n’existe pas" in form.errors["source"]
    form.folder = str(home)
    assert form.found == "3 photos dans 1 pièce."
    submit(form)
    assert "caractères de contrôle" in form.errors["room"]
    form.room, form.project = "", "move-9"
    form.source = SAMPLE
    assert form.question == (f"move-9 était pour le dossier {home}. Y soumettre aussi ces photos ?")


def test_form_says_what_was_known_already(opened: Callable[..., Workbench], home: Path) -> None:
    photoqueue.submit_photos(str(home), project_id="move-9")
    form = opened(project="move-9").form
    assert (form.first, form.folded) == (False, True)
    form.folder, form.add_up = str(home), False
    submit(form)
    assert form.said == "3 photos submitted, all of them known already"
    (home / "salon" / "new.jpg").write_bytes(picture(77))
    submit(form)
    assert form.said == "4 photos submitted, 3 were known already"


def test_form_says_what_is_left_out_before_and_after(
    opened: Callable[..., Workbench], home: Path
) -> None:
    (home / "plan.pdf").write_bytes(b"%PDF-1.7")
    form = opened().form
    form.folder = str(home)
    said = "1 file left out: plan.pdf is a PDF"
    assert form.found == f"3 photos in 1 room. {said}."
    submit(form)
    assert form.said == f"3 photos submitted · {said} · without a project nothing is added up"


def test_form_tells_what_the_browser_did_not_send(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened().form
    form.source = UPLOAD
    data = next(home.rglob("*.jpg")).read_bytes()
    first = {"upload": "u1", "count": 1, "left": [["hall/plan.pdf", "is not a picture"]]}
    piece = {"upload": "u1", "number": 0, "path": "hall/1.jpg", "size": len(data), "offset": 0}
    form._received(form, {"kind": "begin", **first}, [])
    form._received(form, {"kind": "piece", **piece}, [data])
    said = "1 file left out: hall/plan.pdf is not a picture"
    assert form.found == f"1 photo in 1 room. {said}."
    form.add_up = False
    submit(form)
    assert form.said == f"1 photo submitted · {said}"


def test_form_submits_with_the_engine_that_was_chosen(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened(project="move-9").form
    assert form.project == "move-9"
    form.folder, form.engine, form.add_up = str(home), "builtin", False
    submit(form)
    from photoqueue.client.observe import story

    told = story(photoqueue.history(limit=1)["job_id"].item())
    assert told.payload["engine"] == "builtin"
    assert form.said == "3 photos submitted"


def test_strategy_chosen_on_the_page_is_that_of_the_next_submission(
    opened: Callable[..., Workbench], home: Path
) -> None:
    from photoqueue.client.observe import story

    form = opened(project="move-9").form
    form.folder = str(home)
    submit(form)
    photoqueue.submit_inventory("move-9", strategy="sum")  # as a page does
    form.folded = False
    assert form.hints["add_up"] == "sum: all photos added up"
    form.project = "nul\x00"
    assert form.hints["add_up"] == "max: the most seen in one photo"
    form.project = "move-9"
    submit(form)
    assert story("inventory-move-9").payload["strategy"] == "sum"


def test_photos_are_submitted_although_their_project_cannot_be_added_up(
    opened: Callable[..., Workbench], installation: Installation, home: Path
) -> None:
    photoqueue.submit_photo(picture(99), project_id="move-9")
    running = photoqueue.submit_inventory("move-9")
    with closing(Ledger(installation.database)) as ledger:
        ledger.claim(UUID(running.id), INVENTORY_SYNC, worker_id=UUID(int=7), slot=1)
    form = opened(project="move-9").form
    form.folder = str(home)
    submit(form)
    assert form.said == "3 photos submitted"
    assert "move-9 is not added up afterwards: inventory-move-9 is already" in form.errors[""]
    assert len(photoqueue.history()) == 5


def test_sample_home_is_offered(opened: Callable[..., Workbench]) -> None:
    form = opened().form
    assert form.sources == [FOLDER, UPLOAD, SAMPLE]
    form.source = SAMPLE
    assert (form.found, form.project, form.question) == (
        "4 photos in 2 rooms. 1 file left out: truth.json starts with text.",
        "sample-home",
        "",
    )
    # What the form filled in, and nobody confirmed, goes with the source.
    form.source = FOLDER
    assert form.project == ""


def test_project_belongs_to_the_source_it_was_given_for(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened().form
    form.project = "move-9"
    form.folder = str(home)
    assert form.question == ""  # it was typed before the folder
    form.source = SAMPLE
    assert (form.project, form.question) == (
        "move-9",
        f"move-9 was for the folder {home}. Submit these photos to it too?",
    )
    form.submit()
    assert form.errors["project"] == "Say first whether these photos belong to this project."
    assert photoqueue.history().empty
    form.source = FOLDER
    assert (form.question, form.errors) == ("", {})
    form.source = SAMPLE
    form.project = "trial"  # another one is an answer, too
    assert form.question == ""
    form.source = FOLDER
    assert form.question == "trial was for the sample home. Submit these photos to it too?"
    form._received(form, {"kind": "keep"}, [])
    assert form.question == ""
    submit(form)
    assert form.said.startswith("3 photos submitted")


def test_project_of_the_workbench_is_not_that_of_the_sample_home(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened(project="move-9").form
    form.source = SAMPLE
    assert form.question == "move-9 was for other photos. Submit these photos to it too?"
    form.source = FOLDER
    form.folder = str(home)
    assert form.question == ""


def test_wrong_folder_is_said_beside_its_field(
    opened: Callable[..., Workbench], tmp_path: Path
) -> None:
    form = opened().form
    form.folder = str(tmp_path / "<b>nowhere</b>")
    assert "<b>nowhere</b>" in form.errors["source"]
    assert not form.ready
    form.folder = ""
    assert (form.found, form.ready, form.errors) == ("", False, {})
    form.submit()
    assert form.errors == {"source": "Choose photos first."}


def test_upload_that_is_complete_can_be_submitted(
    opened: Callable[..., Workbench], installation: Installation
) -> None:
    form = opened().form
    form.source = UPLOAD
    assert not form.ready
    photo = picture(5)
    form._received(form, {"kind": "begin", "upload": "u", "count": 1}, [])
    piece = {"kind": "piece", "upload": "u", "number": 0, "path": "salon/a.jpg"}
    form._received(form, {**piece, "size": len(photo), "offset": 0}, [photo])
    assert (form.found, form.ready) == ("1 photo in 1 room.", True)
    folder = form.uploaded
    assert folder is not None
    submit(form)
    assert form.said == "1 photo submitted · without a project nothing is added up"
    assert not folder.exists()
    assert photoqueue.history()["room"].tolist() == ["salon"]


def test_what_cannot_be_submitted_is_said_beside_its_field_and_stays(
    opened: Callable[..., Workbench], home: Path
) -> None:
    form = opened().form
    fields = {"folder": str(home), "project": "x" * 500, "room": "y" * 500}
    form._received(form, {"kind": "submit", "fields": fields}, [])
    form.work.wait(120)
    assert set(form.errors) == {"project", "room"}
    assert "project_id" in form.errors["project"]
    assert (form.folder, form.project, form.folded) == (str(home), "x" * 500, False)
    assert len(photoqueue.history()) == 0
    form.project = "move-9"
    assert set(form.errors) == set()


def test_board_looks_at_one_batch_and_finds_it_again(
    opened: Callable[..., Workbench], home: Path
) -> None:
    batch = photoqueue.submit_photos(str(home), project_id="move-9")
    photoqueue.submit_photo(picture(99))
    assert not opened().form.first
    workbench = opened(batch=batch.id)
    eventually(lambda: [room["photos"] for room in workbench.review.rooms] == [3])
    open_jobs(workbench)
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
    open_jobs(workbench)
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


def test_job_that_no_retry_helps_leads_to_its_photo(
    opened: Callable[..., Workbench], tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    batch = photoqueue.submit_photos([tmp_path / "broken.jpg"], project_id="m1", room="salon")
    workbench = opened()
    open_jobs(workbench)
    (job,) = batch
    workbench.jobs._received(workbench.jobs, {"kind": "review", "job_id": job.id}, [])
    assert workbench._tabs.selected_index == 0
    assert workbench.review.project == "m1"
    assert workbench.review.target["photo"] == job.photo_id
    eventually(lambda: workbench.review.rooms)
