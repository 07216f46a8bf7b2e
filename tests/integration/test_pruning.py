"""Letting go of what is old, and of a household: all of it, nothing else, and no counter falls."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

import photoqueue
from photoqueue.client.pruning import Deleted, erase_project, prune
from photoqueue.errors import (
    DatabaseUnavailableError,
    StateError,
    StorageError,
    UnknownProjectError,
)
from photoqueue.faces.cli import main
from photoqueue.installation import Installation
from photoqueue.photos.store import PhotoStore
from photoqueue.queue import deletion
from photoqueue.queue.database import Database
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.tally import counting
from photoqueue.records.snapshots import AiCall
from tests.conftest import picture, submit
from tests.ledgers import complete

WORKER = UUID(int=7)
TABLES = ("jobs", "job_attempts", "ai_metrics", "batch_jobs", "batches", "photos")


def finish(database: Database, *photo_ids: str, **options: object) -> None:
    """Submit photos and end their jobs."""
    with closing(Ledger(database)) as ledger:
        for photo_id in photo_ids:
            end(ledger, submit(photo_id, **options))


def end(ledger: Ledger, job: photoqueue.Job) -> None:
    claim = ledger.claim(UUID(job.id), job.queue, worker_id=WORKER, slot=1)
    assert claim is not None
    assert complete(
        ledger,
        claim,
        "{}",
        [
            AiCall(
                photo_id=None, engine="llm", model="m", latency_ms=9.0, success=True, cost_usd=0.5
            )
        ],
    )


def age(installation: Installation, days: int = 100) -> None:
    """Make everything there is older."""
    with installation.database.begin() as connection:
        for table, column in (
            ("jobs", "created_at"),
            ("jobs", "finished_at"),
            ("photos", "created_at"),
            ("batches", "created_at"),
            ("batches", "closed_at"),
        ):
            connection.execute(
                sa.text(f"UPDATE {table} SET {column} = {column} - make_interval(days => {days})")
            )
    then = time.time() - days * 86_400
    for path in (installation.settings.home / "photos").rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def rows(database: Database) -> dict[str, int]:
    with database.begin() as connection:
        return {
            table: connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0
            for table in TABLES
        }


def stored(installation: Installation) -> int:
    return sum(p.is_file() for p in (installation.settings.home / "photos/originals").rglob("*"))


def totals(database: Database) -> dict[tuple[str, str], tuple[int, float]]:
    found: dict[tuple[str, str], tuple[int, float]] = {}
    with counting(database) as metrics:
        metrics.advance(most=1000)
        for t in metrics.totals():
            count, total = found.get((t.name, t.outcome), (0, 0.0))
            found[t.name, t.outcome] = (count + t.count, total + t.sum)
    return found


def test_what_ended_long_ago_goes_and_no_counter_falls(
    installation: Installation, database: Database
) -> None:
    finish(database, "a", "b")
    age(installation)
    finish(database, "c")
    assert prune(timedelta(days=90), dry_run=True) == Deleted(jobs=2)
    assert rows(database)["jobs"] == 3
    # Not counted by anyone so far.
    assert prune(timedelta(days=90)) == Deleted(jobs=2, photos=2, files=2)
    assert rows(database) == {
        "jobs": 1,
        "job_attempts": 1,
        "ai_metrics": 1,
        "batch_jobs": 0,
        "batches": 0,
        "photos": 1,
    }
    assert stored(installation) == 1
    found = totals(database)
    assert found["ended", "completed"][0] == found["submitted", ""][0] == 3
    assert found["cost", ""][1] == 1.5
    assert prune(timedelta(days=90)) == Deleted()
    assert photoqueue.poll("photo-c").state == "completed"


def test_nothing_goes_whose_batch_or_project_has_work_to_do(
    installation: Installation, database: Database
) -> None:
    batch = photoqueue.submit_photos([picture(1), picture(2)], user_id="u1")
    first, second = map(photoqueue.job, batch.poll()["job_id"])
    with closing(Ledger(database)) as ledger:
        end(ledger, first)
        finish(database, "p", project_id="house")
        photoqueue.submit_inventory("house", user_id="u1")
        age(installation)
        assert prune(timedelta(days=90)) == Deleted()
        assert len(batch.poll()) == 2
        end(ledger, second)
        age(installation)
        assert prune(timedelta(days=90)).jobs == 2
        end(ledger, photoqueue.job("inventory-house"))
    age(installation)
    assert prune(timedelta(days=90)).jobs == 2
    assert rows(database) == dict.fromkeys(TABLES, 0)


def test_jobs_of_an_open_batch_stay(installation: Installation, database: Database) -> None:
    batch = photoqueue.open_batch(project_id="house")
    with closing(Ledger(database)) as ledger:
        end(ledger, *batch.add(picture(1)))
    age(installation)
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE batches SET closed_at = now() + interval '1 h'"))
    assert prune(timedelta(days=90)) == Deleted()
    batch.close()
    assert prune(timedelta(days=90)) == Deleted()
    age(installation)
    assert prune(timedelta(days=90)).jobs == 1


def test_old_job_that_a_new_batch_was_given_stays(
    installation: Installation, database: Database
) -> None:
    with closing(Ledger(database)) as ledger:
        batch = photoqueue.submit_photos([picture(1)], user_id="u1")
        end(ledger, photoqueue.job(batch.poll()["job_id"][0]))
    age(installation)
    batch = photoqueue.submit_photos([picture(1)], user_id="u1")
    assert prune(timedelta(days=90)) == Deleted()
    assert list(batch.poll()["state"]) == ["completed"]


def test_picture_that_was_submitted_just_now_stays(
    installation: Installation, database: Database
) -> None:
    finish(database, "a")
    age(installation)
    # As a submission does before it is committed.
    store = PhotoStore.for_settings(installation.settings)
    with database.begin() as connection:
        sha256 = connection.scalar(sa.text("SELECT sha256 FROM photos"))
    store.put(picture(sum(map(ord, "a"))), sha256)
    assert prune(timedelta(days=90)) == Deleted(jobs=1, photos=1)
    assert store.get(sha256)


def test_picture_without_a_row_goes_with_the_next_pruning(
    installation: Installation, database: Database
) -> None:
    # A refused submission, a thumbnail made while its photo was erased, a killed process.
    finish(database, "a")
    store = PhotoStore.for_settings(installation.settings)
    store.put(picture(1), "1" * 64)
    store.put_thumbnail("1" * 64, b"jpeg")
    store.put_thumbnail("2" * 64, b"jpeg")
    store._backend.write(f"originals/11/.{'1' * 16}.0.part", b"half", flush=None)
    assert prune(timedelta(days=900)) == Deleted()  # all may belong to a running submission
    age(installation)
    assert prune(timedelta(days=900)) == Deleted(files=1)
    kept = {p.name for p in (installation.settings.home / "photos").rglob("*") if p.is_file()}
    with database.begin() as connection:
        sha256 = connection.scalar(sa.text("SELECT sha256 FROM photos"))
    assert kept == {installation.namespace, sha256}


def test_picture_that_could_not_be_deleted_is_tried_again(
    installation: Installation, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(database, "a", "b")
    age(installation)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StorageError, match="cannot be written"):
            prune(timedelta(days=90))
    assert (rows(database)["photos"], stored(installation)) == (0, 2)
    assert prune(timedelta(days=90)) == Deleted(files=2)
    assert stored(installation) == 0


def refuse(path: Path, **_: bool) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def test_pictures_of_another_installation_in_the_same_store_stay(
    installation: Installation, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    finish(database, "a")
    PhotoStore.for_settings(installation.settings).put(
        picture(1), "1" * 64, installation="12345678"
    )
    age(installation)
    assert prune(timedelta(days=90)) == Deleted(jobs=1, photos=1)
    assert stored(installation) == 2
    assert "other installations" in caplog.text
    assert "12345678" in caplog.text
    (installation.settings.home / "photos/installations/12345678").unlink()
    assert prune(timedelta(days=90)) == Deleted(files=2)


def test_picture_of_several_photos_stays_until_the_last_of_them_goes(
    installation: Installation, database: Database
) -> None:
    for photo_id in ("one", "two"):
        photoqueue.submit_photo(picture(5), photo_id=photo_id, user_id="u1")
    with closing(Ledger(database)) as ledger:
        end(ledger, photoqueue.job("photo-one"))
        age(installation)
        assert prune(timedelta(days=90)) == Deleted(jobs=1, photos=1)
        assert stored(installation) == 1
        end(ledger, photoqueue.job("photo-two"))
    age(installation)
    assert prune(timedelta(days=90)) == Deleted(jobs=1, photos=1, files=1)


def test_it_does_not_wait_for_a_backup(installation: Installation, database: Database) -> None:
    finish(database, "a")
    age(installation)
    with closing(psycopg.connect(database.libpq_url)) as backup:
        backup.execute("SELECT count(*) FROM photos")
        with pytest.raises(DatabaseUnavailableError, match="lock"):
            prune(timedelta(days=90))
    assert rows(database)["jobs"] == 1
    assert prune(timedelta(days=90)).jobs == 1


def test_no_age_is_refused(installation: Installation) -> None:
    with pytest.raises(StateError, match="above zero"):
        prune(timedelta(0))


def test_household_is_erased_and_the_neighbour_keeps_all(
    installation: Installation, database: Database
) -> None:
    finish(database, "a", "b", project_id="move-42")
    finish(database, "c", project_id="move-43")
    # The same picture in both.
    photoqueue.submit_photo(picture(ord("c")), photo_id="d", user_id="u1", project_id="move-42")
    with pytest.raises(StateError, match="unfinished"):
        erase_project("move-42")
    with closing(Ledger(database)) as ledger:
        end(ledger, photoqueue.job("photo-d"))
        end(ledger, photoqueue.submit_inventory("move-42", user_id="u1"))
    counted = totals(database)
    assert erase_project("move-42", dry_run=True) == Deleted(jobs=4, photos=3, files=2)
    assert rows(database)["jobs"] == 5
    assert erase_project("move-42") == Deleted(jobs=4, photos=3, files=2)
    left = rows(database)
    assert (left["jobs"], left["photos"], left["job_attempts"]) == (1, 1, 1)
    assert stored(installation) == 1
    assert totals(database) == counted
    with pytest.raises(UnknownProjectError):
        erase_project("move-42")


def test_stored_pictures_and_thumbnails_go_with_the_household(
    installation: Installation, database: Database
) -> None:
    finish(database, "a", project_id="h")
    sha256 = next((installation.settings.home / "photos/originals").rglob("*/*")).name
    PhotoStore.for_settings(installation.settings).put_thumbnail(sha256, b"jpeg")
    erase_project("h")
    photos = installation.settings.home / "photos"
    left = [path for path in photos.rglob("*") if path.is_file()]
    assert left == [photos / "installations" / installation.namespace]


@pytest.mark.parametrize("look", [1, 2])
def test_picture_that_another_project_submits_meanwhile_stays(
    installation: Installation, database: Database, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    # The other project finds it stored, then it is erased, then the rows are committed.
    finish(database, "a", project_id="erased")
    same = picture(sum(map(ord, "a")))
    find, put = deletion._household, PhotoStore.put
    there = threading.Event()
    looks: list[None] = []
    submitting: list[Future[photoqueue.Job]] = []

    def put_then_told(*given: Any, **options: Any) -> bool:
        found = put(*given, **options)
        there.set()
        return found

    def found_before_that(*given: Any) -> deletion.Household:
        found = find(*given)
        looks.append(None)
        if len(looks) == look:
            other = {"photo_id": "b", "user_id": "u1", "project_id": "kept"}
            submitting.append(pool.submit(photoqueue.submit_photo, same, **other))
            assert there.wait(60)
        return found

    monkeypatch.setattr(PhotoStore, "put", put_then_told)
    monkeypatch.setattr(deletion, "_household", found_before_that)
    with ThreadPoolExecutor(1) as pool:
        erase_project("erased")
        submitting[0].result(60)
    assert PhotoStore.for_settings(installation.settings).get(hashlib.sha256(same).hexdigest())


def test_commands_say_what_they_did(
    installation: Installation,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["photoqueue", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    finish(database, "a")
    finish(database, "b", project_id="h")
    age(installation)
    for wrong in ("0d", "90", "-1d", "1e9d", "999999w"):
        code, _, said = run("prune", "--older-than", wrong)
        assert code == 2
        assert "90d" in said
    code, said, _ = run("prune", "--older-than", "12w", "--dry-run")
    assert (code, said) == (0, "2 jobs would be deleted; nothing was.\n")
    code, said, _ = run("erase", "--project", "h")
    assert code == 1
    assert said == (
        "Project h has 1 job, 1 photo and 1 stored picture. Nothing was erased; add --yes to "
        "do it.\n"
    )
    assert run("erase", "--project", "h", "--yes")[:2] == (
        0,
        "Erased project h: 1 job, 1 photo and 1 stored picture.\n",
    )
    code, _, said = run("erase", "--project", "h", "--yes")
    assert code == 1
    assert "'h'" in said
    code, said, _ = run("prune", "--older-than", "90d", "--json")
    assert json.loads(said) == {"jobs": 1, "photos": 1, "files": 1, "dry_run": False}
