"""The parts of the workbench that choose what is shown, and say when nobody works."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import photoqueue
from photoqueue.client.observe import ask
from photoqueue.client.submit import preview
from photoqueue.client.system import list_workers, queues_without_worker
from photoqueue.client.worker_process import started
from photoqueue.errors import PhotoNotFoundError, UnknownProjectError
from photoqueue.faces.notebook.assembly import ScopeChoice, WorkerNotice
from photoqueue.faces.notebook.system import SystemView
from photoqueue.faces.notebook.view import Scope
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.projects import recent_batches, require_project
from tests.conftest import picture, submit


def batch_of(tmp_path: Path, name: str, photos: int) -> photoqueue.Batch:
    """Submit a folder of small pictures as a project of its name."""
    room = tmp_path / name / "salon"
    room.mkdir(parents=True)
    for number in range(photos):
        (room / f"{number}.jpg").write_bytes(picture(number + 1000 * len(name)))
    return photoqueue.submit_photos(str(tmp_path / name), project_id=name, user_id="u1")


def test_preview_counts_and_names_what_is_left_out(tmp_path: Path) -> None:
    for room in ("salon", "cuisine"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "broken.jpg").write_bytes(b"no picture at all")
    assert preview(str(tmp_path)) == "2 photos in 2 rooms"
    (tmp_path / "salon" / "plan.pdf").write_bytes(b"%PDF-1.7")
    assert preview(str(tmp_path)) == (
        "2 photos in 2 rooms. 1 file left out: salon/plan.pdf is a PDF"
    )


def test_preview_of_a_folder_without_photos_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(PhotoNotFoundError, match=str(tmp_path)):
        preview(str(tmp_path))


@pytest.mark.parametrize("place", ["nowhere", "nul\x00", "~nobody-at-all/x", "x" * 5000])
def test_preview_of_what_is_not_there_says_so(place: str) -> None:
    with pytest.raises(PhotoNotFoundError, match=r"does not exist|is no path"):
        preview(place)


def test_recent_batches_are_the_newest_first(installation: Installation, tmp_path: Path) -> None:
    first, second = batch_of(tmp_path, "one", 2), batch_of(tmp_path, "two", 1)
    assert [(found.batch_id, found.photos, found.project_id) for found in ask(recent_batches)] == [
        (second.id, 1, "two"),
        (first.id, 2, "one"),
    ]
    assert [found.batch_id for found in ask(recent_batches, limit=1)] == [second.id]


def test_project_without_photos_is_unknown(installation: Installation) -> None:
    submit("a", project_id="move-1")
    ask(require_project, "move-1")
    for unknown in ("move-2", "nul\x00"):
        with pytest.raises(UnknownProjectError):
            ask(require_project, unknown)


def test_queue_lacks_a_worker_only_while_jobs_wait_for_one(
    installation: Installation, start_worker
) -> None:
    assert queues_without_worker() == ()
    job = submit("photo-1")
    assert queues_without_worker() == (PHOTO_ANALYZE,)
    start_worker("--queue", "photo-analyze")
    assert queues_without_worker() == ()
    job.wait(120)


def test_scope_follows_what_is_chosen_and_typed(installation: Installation, tmp_path: Path) -> None:
    batch = batch_of(tmp_path, "move-7", 2)
    scope = Scope()
    choice = ScopeChoice(scope)
    choice.refresh()
    assert choice.batches[0]["batch"] == batch.id

    choice._received(choice, {"kind": "show", "batch": batch.id}, [])
    assert (scope.batch, scope.project, choice.batch) == (batch.id, "move-7", batch.id)
    choice._received(choice, {"kind": "show"}, [])
    assert (scope.batch, scope.project) == ("", "")
    choice._received(choice, {"kind": "show", "id": " move-7 "}, [])
    assert (scope.batch, scope.project) == ("", "move-7")
    choice._received(choice, {"kind": "show", "id": batch.id}, [])
    assert (scope.batch, scope.project) == (batch.id, "move-7")


@pytest.mark.parametrize(
    ("typed", "said"), [("b-nope", "No batch 'b-nope'"), ("<b>x</b>", "project '<b>x</b>'")]
)
def test_unknown_scope_is_said_and_changes_nothing(
    installation: Installation, typed: str, said: str
) -> None:
    scope = Scope()
    choice = ScopeChoice(scope)
    choice._received(choice, {"kind": "show", "id": typed}, [])
    assert said in choice.notice
    assert (scope.batch, scope.project) == ("", "")


def test_notice_starts_a_worker_and_goes_away(installation: Installation) -> None:
    job = submit("photo-1")
    notice = WorkerNotice()
    notice.refresh()
    assert notice.queues == ["photo-analyze"]

    woken = threading.Event()
    notice.driven_by(woken.set)
    notice._received(notice, {"kind": "start"}, [])
    assert notice.starting
    assert woken.wait(120), notice.notice
    try:
        assert notice.notice == ""
        notice.refresh()
        assert notice.queues == []
        job.wait(120)
        # The tab of the system can stop it.
        system = SystemView()
        system.refresh()
        assert [(one["pid"], one["own"]) for one in system.page["workers"]] == [
            (started[-1].pid, True)
        ]
    finally:
        started[-1].stop()


def test_notice_without_actions_starts_nothing(installation: Installation) -> None:
    submit("photo-1")
    notice = WorkerNotice(actions=False)
    notice._received(notice, {"kind": "start"}, [])
    assert (notice.actions, notice.starting, list_workers()) == (False, False, [])


def test_worker_that_cannot_start_says_why(installation: Installation) -> None:
    photoqueue.use(installation.settings.model_copy(update={"engine": "no-such-engine"}))
    submit("photo-1")
    notice = WorkerNotice()
    notice._received(notice, {"kind": "start"}, [])
    notice._work.wait(90)
    assert "no-such-engine" in notice.notice
    assert not notice.starting
