"""Submitting, as a notebook does it: every kind of source, and what is accepted when."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
import redis
from PIL import Image
from pydantic import SecretStr

import photoqueue
from photoqueue import Settings, submit_inventory, submit_photo, submit_photos
from photoqueue.client.intake import Request
from photoqueue.client.submit import submit_batch
from photoqueue.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    PayloadError,
    PhotoConflictError,
    PhotoNotFoundError,
    StateError,
    StorageError,
    UnknownBatchError,
    UnknownProjectError,
    UnreadablePhotoError,
)
from photoqueue.installation import Installation, current, use
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.photos import store
from photoqueue.queue.database import Database
from photoqueue.services.programs import find_redis
from photoqueue.words import INTERACTIVE_PRIORITY
from tests.conftest import eventually, picture, submit

pytestmark = pytest.mark.usefixtures("installation")


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.libpq_url) as connection:
        return connection.execute(query).fetchall()


def count(database: Database, table: str) -> int:
    return rows(database, f"SELECT count(*) FROM {table}")[0][0]


def write_pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number + 1000))


# --- one photo ---------------------------------------------------------------


def as_text(tmp_path: Path) -> str:
    write_pictures(tmp_path, "salon.jpg")
    return str(tmp_path / "salon.jpg")


SOURCES = {
    "path": lambda tmp_path: Path(as_text(tmp_path)),
    "text": as_text,
    "bytes": lambda _: picture(1),
    "bytearray": lambda _: bytearray(picture(1)),
    "PIL image": lambda _: Image.new("RGB", (20, 10), "red"),
    "array": lambda _: np.zeros((10, 20, 3), np.uint8),
    "grey array": lambda _: np.zeros((10, 20), np.uint8),
    "file URL": lambda tmp_path: Path(as_text(tmp_path)).as_uri(),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_photo_of_any_kind_of_source_is_accepted(
    source: Any, tmp_path: Path, installation: Installation
) -> None:
    job = submit_photo(source(tmp_path), user_id="u1")
    snapshot = photoqueue.poll(job)
    assert (snapshot.state, snapshot.queue) == ("waiting", "photo-analyze")
    assert job.key == f"photo-{job.photo_id}" == f"photo-{snapshot.photo_id}"
    # The picture is in the store, and the broker knows of the job.
    ((sha256, width),) = rows(installation.database, "SELECT sha256, width FROM photos")
    assert installation.photo_store.get(sha256)
    assert width > 0
    assert str(installation.broker.take(PHOTO_ANALYZE)) == job.id


def test_job_data_has_the_names_of_the_contract(database: Database) -> None:
    submit_photo(
        picture(1),
        photo_id="p1",
        user_id="u1",
        asset_id="a1",
        room_type="salon",
        room="Salon 1",
        project_id="m1",
    )
    ((payload,),) = rows(database, "SELECT payload FROM jobs")
    assert payload.pop("sha256")
    assert payload == {
        "photoId": "p1",
        "userId": "u1",
        "assetId": "a1",
        "roomType": "salon",
        "room": "Salon 1",
        "projectId": "m1",
    }


def test_user_is_the_login_name_when_left_out(database: Database) -> None:
    submit_photo(picture(1))
    assert rows(database, "SELECT user_id FROM jobs")[0][0]


@pytest.mark.parametrize(
    "photo_id",
    [
        "a/b/../../etc/passwd",
        "two words",
        "🛋️ salon",
        "chambre à coucher n°2",
        "x" * 200,
        "%s;--'\"",
    ],
)
def test_photo_id_comes_back_unchanged(photo_id: str) -> None:
    job = submit(photo_id)
    assert job.photo_id == photo_id
    assert photoqueue.poll(job).photo_id == photo_id
    assert photoqueue.job(f"photo-{photo_id}") == job
    assert photoqueue.history()["photo_id"][0] == photo_id


@pytest.mark.parametrize(
    "name", ["photo_id", "user_id", "project_id", "room", "room_type", "asset_id"]
)
@pytest.mark.parametrize("value", ["x" * 10_000, "", "a\x00b", 17])
def test_wrong_identifier_is_refused_before_anything_is_stored(
    name: str, value: Any, database: Database
) -> None:
    with pytest.raises(PayloadError, match=name):
        submit_photo(picture(1), **{name: value})
    assert count(database, "jobs") == count(database, "photos") == 0


@pytest.mark.parametrize("priority", [2**15, -(2**15), "high", None])
def test_wrong_priority_is_refused(priority: Any, database: Database) -> None:
    with pytest.raises(PayloadError, match="priority"):
        submit_photo(picture(1), priority=priority)
    with pytest.raises(PayloadError, match="priority"):
        submit_photos([picture(1)], priority=priority)
    assert count(database, "jobs") == 0


def test_single_photo_passes_a_batch(installation: Installation) -> None:
    submit_photos([picture(number) for number in range(3)], user_id="u1")
    job = submit("urgent")
    assert str(installation.broker.take(PHOTO_ANALYZE)) == job.id
    assert rows(installation.database, "SELECT DISTINCT priority FROM jobs ORDER BY 1") == [
        (0,),
        (INTERACTIVE_PRIORITY,),
    ]


def test_same_picture_in_a_project_is_the_same_photo(database: Database) -> None:
    first = submit_photo(picture(1), project_id="m1")
    assert submit_photo(picture(1), project_id="m1") == first
    assert submit_photo(picture(1), project_id="m2") != first
    assert submit_photo(picture(2), project_id="m1") != first
    assert count(database, "jobs") == 3


def test_submitting_an_unfinished_photo_again_rings_no_second_time(
    installation: Installation,
) -> None:
    submit("p1")
    submit("p1")
    assert installation.broker.size(PHOTO_ANALYZE) == 1


def test_other_picture_under_an_unfinished_id_is_a_conflict() -> None:
    submit_photo(picture(1), photo_id="p1")
    with pytest.raises(PhotoConflictError, match="'p1'"):
        submit_photo(picture(2), photo_id="p1")


def test_room_given_later_is_kept(database: Database) -> None:
    submit_photo(picture(1), photo_id="p1", project_id="m1")
    submit_photo(picture(1), photo_id="p1", project_id="m1", room="salon")
    submit_photo(picture(1), photo_id="p1", project_id="m1")
    assert rows(database, "SELECT room FROM photos") == [("salon",)]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("missing.jpg", PhotoNotFoundError),
        (b"", UnreadablePhotoError),
        (b"hello", UnreadablePhotoError),
        (17, UnreadablePhotoError),
        (None, UnreadablePhotoError),
    ],
)
def test_unusable_photo_is_refused_at_once(
    source: Any, error: type[Exception], database: Database
) -> None:
    with pytest.raises(error):
        submit_photo(source)
    assert count(database, "jobs") == 0


# --- many photos -------------------------------------------------------------


def test_sub_folders_are_rooms(tmp_path: Path) -> None:
    write_pictures(tmp_path, "front.jpg", "salon/1.jpg", "salon/2.png", "bed room/deep/10.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    batch = submit_photos(tmp_path, project_id="m1", user_id="u1")
    frame = photoqueue.poll(batch)
    found = dict(zip(frame["file_name"], frame["room"].fillna(""), strict=True))
    assert found == {"front.jpg": "", "1.jpg": "salon", "2.png": "salon", "10.jpg": "bed room"}
    assert len(batch) == 4


def test_room_of_the_call_wins_over_sub_folders(tmp_path: Path) -> None:
    write_pictures(tmp_path, "salon/1.jpg")
    batch = submit_photos(str(tmp_path), room="attic")
    assert list(photoqueue.poll(batch)["room"]) == ["attic"]


def test_glob_and_list_are_batches(tmp_path: Path) -> None:
    write_pictures(tmp_path, "2.jpg", "10.jpg", "x.png")
    globbed = photoqueue.poll(submit_photos(str(tmp_path / "*.jpg")))
    assert list(globbed["file_name"]) == ["2.jpg", "10.jpg"]
    mixed = [tmp_path / "x.png", picture(5), Image.new("RGB", (9, 9)), np.ones((9, 9), np.uint8)]
    assert len(submit_photos(mixed)) == 4
    assert len(submit_photos(iter(mixed))) == 4


def test_list_of_dicts_describes_each_photo() -> None:
    batch = submit_photos(
        [
            {"photo": picture(1), "photo_id": "p1", "room": "salon", "note": "ignored"},
            {"photo": picture(2), "room": None, "asset_id": "a2"},
            picture(3),
        ],
        project_id="m1",
        room="hall",
    )
    frame = photoqueue.poll(batch)
    assert list(frame["room"]) == ["salon", "hall", "hall"]
    assert frame["photo_id"][0] == "p1"


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA, pd.NaT])
def test_empty_cells_of_a_table_are_left_out(gap: object) -> None:
    table = pd.DataFrame(
        {
            "photo": [picture(1), picture(2)],
            "photo_id": pd.Series(["p1", gap], dtype=object),
            "room": pd.Series([gap, "salon"], dtype=object),
            "area": [12.5, float("nan")],
        }
    )
    frame = photoqueue.poll(submit_photos(table, project_id="m1"))
    assert frame["photo_id"][0] == "p1"
    assert frame["photo_id"][1].startswith("p-")
    assert frame["room"].isna().tolist() == [True, False]


def test_table_with_pandas_own_text_type_is_taken(tmp_path: Path) -> None:
    write_pictures(tmp_path, "1.jpg", "2.jpg")
    table = pd.DataFrame(
        {
            "photo": [str(tmp_path / "1.jpg"), str(tmp_path / "2.jpg")],
            "room": pd.array(["salon", None], dtype="string"),
        }
    )
    frame = photoqueue.poll(submit_photos(table))
    assert frame["room"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"file": "x.jpg"}, r"Row 2 names no photo \(it has file\)"),
        ({}, "it has nothing"),
        ({"photo": float("nan")}, "Row 2 names no photo"),
        ({"photo": picture(1), "room": "x" * 10_000}, "room of row 2 has 10,000 characters"),
        ({"photo": picture(1), "photo_id": 17}, "photo_id of row 2 is int 17"),
        ({"photo": picture(1), "Room": "hall"}, "Rename the column 'Room' to 'room' .row 2"),
        ({"photo": picture(1), "photoId": "p1"}, "Rename the column 'photoId' to 'photo_id'"),
    ],
)
def test_wrong_row_is_named_and_nothing_accepted(
    row: dict[str, object], reason: str, database: Database
) -> None:
    with pytest.raises(PayloadError, match=reason):
        submit_photos([{"photo": picture(2)}, row])
    assert count(database, "jobs") == count(database, "batches") == 0


def test_unreadable_photos_are_failed_rows_with_reasons(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("dear mover")
    batch = submit_photos([tmp_path / "missing.jpg", picture(1), tmp_path / "letter.jpg"])
    frame = photoqueue.poll(batch)
    assert list(frame["state"]) == ["failed", "waiting", "failed"]
    assert list(frame["file_name"].fillna("")) == ["missing.jpg", "", "letter.jpg"]
    assert frame["error_type"][0] == "PhotoNotFoundError"
    assert frame["error_type"][2] == "UnreadablePhotoError"
    assert "does not exist" in frame["error_message"][0]
    assert list(frame["attempts"]) == [0, 0, 0]


@pytest.mark.parametrize(
    "name", ["a\x00b.jpg", "x" * 5000 + ".jpg", "tab\tnew\nline.jpg", "~nobody-at-all/a.jpg"]
)
def test_odd_file_name_is_one_failed_row(name: str) -> None:
    frame = photoqueue.poll(submit_photos([picture(1), name]))
    assert list(frame["state"]) == ["waiting", "failed"]
    assert frame["error_type"][1] == "PhotoNotFoundError"


def test_file_names_that_are_not_unicode_are_taken(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/entr\xe9e"))
    folder.mkdir()
    for name, data in ((b"caf\xe9-1.jpg", picture(1)), (b"caf\xe9-2.jpg", b"no picture")):
        Path(folder, os.fsdecode(name)).write_bytes(data)
    frame = photoqueue.poll(submit_photos(tmp_path))
    assert frame["room"].str.startswith("entr").all()
    assert list(frame["state"]) == ["waiting", "failed"]
    assert frame["file_name"].str.startswith("caf").all()


def test_one_id_for_two_pictures_is_refused(database: Database) -> None:
    with pytest.raises(PhotoConflictError, match="two different pictures"):
        submit_photos([{"photo": picture(n), "photo_id": "p1"} for n in (1, 2)])
    assert count(database, "jobs") == 0


def test_same_picture_twice_is_one_job_in_two_rows(installation: Installation) -> None:
    batch = submit_photos([picture(1), picture(1)])
    frame = photoqueue.poll(batch)
    assert len(frame) == len(batch) == 2
    assert frame["job_id"].nunique() == 1
    assert installation.broker.size(PHOTO_ANALYZE) == 1


def test_submission_without_any_photo_is_refused(tmp_path: Path) -> None:
    for nothing in ([], (), pd.DataFrame({"photo": []})):
        with pytest.raises(PhotoNotFoundError):
            submit_photos(nothing)
    with pytest.raises(PhotoNotFoundError):
        submit_photos(tmp_path)
    with pytest.raises(PhotoNotFoundError):
        submit_photos(str(tmp_path / "*.jpg"))


class Interchange:
    """A table that knows nothing but the dataframe interchange protocol."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def __dataframe__(self, **options: Any) -> Any:
        return self._table.__dataframe__(**options)


class Capsule:
    """A table that knows nothing but the Arrow PyCapsule interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


class Frame(Capsule):
    """A table as those of polars: with columns, and an array of all its cells."""

    columns = ("photo", "room")

    def __array__(self) -> np.ndarray:
        return np.array(self._table.to_pandas())


class Tensor:
    """Pixels of a library of arrays."""

    shape, dtype = (10, 20, 3), "uint8"

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        return np.zeros(self.shape, np.uint8)


def files_of(home: Path) -> list[Path]:
    return sorted(home.rglob("*.jpg"))


def rows_of(home: Path) -> list[dict[str, Any]]:
    return [{"photo": str(path), "room": path.parent.name} for path in files_of(home)]


def opened(path: Path) -> BytesIO:
    file = BytesIO(path.read_bytes())
    file.read()  # as after it was written
    return file


#: What a person may pass for a home of two rooms, and the rooms that it says.
GIVEN: dict[str, tuple[Callable[[Path], Any], bool]] = {
    "folder": (lambda home: home, True),
    "folder in a folder": (lambda home: home.parent, True),
    "address of a folder": (lambda home: home.as_uri(), True),
    "glob": (lambda home: f"{home}/*/*.jpg", True),
    "folders": (lambda home: [home / "hall", str(home / "salon")], True),
    "addresses of folders": (lambda home: [(home / r).as_uri() for r in ("hall", "salon")], True),
    "globs": (lambda home: [f"{home}/hall/*", f"{home}/salon/*"], True),
    "dict of rooms": (
        lambda home: {room: list((home / room).iterdir()) for room in ("hall", "salon")},
        True,
    ),
    "dict of folders": (lambda home: {r: str(home / r) for r in ("hall", "salon")}, True),
    "list of dicts": (rows_of, True),
    "generator of dicts": (lambda home: (row for row in rows_of(home)), True),
    "pandas": (lambda home: pd.DataFrame(rows_of(home)), True),
    "arrow": (lambda home: pa.Table.from_pylist(rows_of(home)), True),
    "interchange": (lambda home: Interchange(pd.DataFrame(rows_of(home))), True),
    "capsule": (lambda home: Capsule(pa.Table.from_pylist(rows_of(home))), True),
    "frame": (lambda home: Frame(pa.Table.from_pylist(rows_of(home))), True),
    "generator": (lambda home: home.rglob("*.jpg"), False),
    "entries": (lambda home: [*os.scandir(home / "hall"), *os.scandir(home / "salon")], False),
    "set": (lambda home: set(files_of(home)), False),
    "column": (lambda home: pd.Series(list(map(str, files_of(home)))), False),
    "arrow column": (lambda home: pa.chunked_array([list(map(str, files_of(home)))]), False),
    "open files": (lambda home: [path.open("rb") for path in files_of(home)], False),
    "BytesIO": (lambda home: list(map(opened, files_of(home))), False),
    "pictures": (lambda home: (Image.open(path) for path in files_of(home)), False),
}  # fmt: skip


@pytest.mark.parametrize(("given", "has_rooms"), GIVEN.values(), ids=GIVEN)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the caller closes what he opened
def test_whatever_holds_photos_is_taken(given: Any, has_rooms: bool, tmp_path: Path) -> None:
    home = tmp_path / "in" / "move"
    write_pictures(home, "hall/1.jpg", "hall/2.jpg", "salon/3.jpg")

    frame = photoqueue.poll(submit_photos(given(home), project_id="m1"))

    assert list(frame["state"]) == ["waiting"] * 3
    rooms = sorted(frame["room"].fillna("")) if has_rooms else ["hall", "hall", "salon"]
    assert rooms == ["hall", "hall", "salon"]


@pytest.mark.parametrize("single", ["file", "picture in a dict", "tensor", "array of one path"])
def test_a_single_photo_is_a_batch_of_one(single: str, tmp_path: Path) -> None:
    write_pictures(tmp_path, "1.jpg")
    sources = {
        "file": BytesIO(picture(1)),
        "picture in a dict": {"photo": tmp_path / "1.jpg", "room": "hall"},
        "tensor": Tensor(),
        "array of one path": np.array(str(tmp_path / "1.jpg")),
    }
    frame = photoqueue.poll(submit_photos(sources[single]))
    assert list(frame["state"]) == ["waiting"]


CIRCLE: list[Any] = [picture(1)]
CIRCLE.append(CIRCLE)


class Response:
    """An answer of an HTTP library: can be iterated, in pieces of its body."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a", b"b"])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (17, r"cannot be read from 17 \(int\)"),
        (None, r"None \(NoneType\)"),
        ([picture(1), None], r"None \(NoneType\)"),
        (Response(), r"\(Response\)"),
        ({"hall": 7}, r"from 7 \(int\)"),
        ({7: picture(1)}, "room of row 1 is int 7"),
        ([{"photo": ["a.jpg", "b.jpg"]}], r"photo of row 1 is list"),
        (pd.DataFrame({"file": ["a.jpg"]}), "Row 1 names no photo"),
        (np.array([1.5, 2.5], dtype=object), r"from 1.5 \(float\)"),
        ("nowhere/at/all", "does not exist"),
        ("file:///no%20where", "/no where does not exist"),
        ({"hall": "no/where"}, "no/where does not exist"),
        (CIRCLE, "contains itself"),
    ],
)
def test_whatever_is_no_photo_is_refused_in_one_sentence(
    given: Any, reason: str, database: Database
) -> None:
    with pytest.raises((PayloadError, PhotoNotFoundError), match=reason) as caught:
        submit_photos(given)
    assert len(str(caught.value)) < 400
    assert count(database, "jobs") == count(database, "photos") == 0


def test_a_file_opened_as_text_or_closed_says_so(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_text("text")
    with (tmp_path / "1.jpg").open() as file, pytest.raises(UnreadablePhotoError, match="'rb'"):
        submit_photo(file)  # type: ignore[arg-type]  # a caller's mistake
    with pytest.raises(UnreadablePhotoError, match=r"1\.jpg cannot be read .*closed"):
        submit_photo(file)  # type: ignore[arg-type]  # a caller's mistake


def test_a_mistyped_folder_is_refused_with_the_likely_one(tmp_path: Path) -> None:
    write_pictures(tmp_path / "move-42", "1.jpg")
    with pytest.raises(PhotoNotFoundError, match=r"mvoe-42 does not exist.*'move-42'"):
        submit_photos(tmp_path / "mvoe-42")


def test_name_from_a_browser_that_no_table_can_hold_stops_nothing() -> None:
    odd = [("plan\ud800\0.pdf", "is a PDF")]
    batch = submit_batch([picture(6)], Request(source=None, user_id="u1"), left_out=odd)
    assert list(batch.left_out["reason"]) == ["is a PDF"]
    assert batch.left_out["file"][0].startswith("plan")


def test_what_is_left_out_is_named_and_kept_with_the_batch(tmp_path: Path) -> None:
    write_pictures(tmp_path / "move", "hall/1.jfif", "hall/@eaDir/1.jpg")
    (tmp_path / "move" / "plan.pdf").write_bytes(b"%PDF-1.7")
    batch = submit_photos(tmp_path / "move", project_id="m1")
    expected = {
        "hall/@eaDir/1.jpg": "is in @eaDir, which is not for photos",
        "plan.pdf": "is a PDF",
    }
    assert dict(batch.left_out.itertuples(index=False, name=None)) == expected
    reopened = photoqueue.batch(batch.id)
    assert list(reopened.left_out.columns) == ["file", "reason"]
    assert list(reopened.left_out["file"]) == list(expected)
    assert submit_photos([picture(5)]).left_out.empty
    several = submit_photos([tmp_path / "move", picture(5)])
    assert list(several.left_out["file"]) == [f"move/{file}" for file in expected]


def test_batch_tells_how_many_photos_were_known_already(tmp_path: Path) -> None:
    folder = tmp_path / "move"
    write_pictures(folder, "hall/1.jpg", "hall/2.jpg", "kitchen/1.jpg")
    first = submit_photos(folder, project_id="m1")
    assert first.known == 0
    again = submit_photos([folder / "hall", picture(77)], project_id="m1", room="hall")
    assert (len(again), again.known, photoqueue.batch(again.id).known) == (3, 2, 2)
    # In another project they are other photos; those that are analysed again have new jobs.
    assert submit_photos(folder, project_id="m2").known == 0
    photoqueue.cancel(first)
    assert submit_photos(folder, project_id="m1").known == 0


# --- inventories -------------------------------------------------------------


def test_inventory_has_the_names_of_the_contract(
    database: Database, installation: Installation
) -> None:
    submit_photo(picture(1), project_id="m1")
    job = submit_inventory("m1", user_id="u1", strategy="sum")
    assert (job.key, job.queue, job.photo_id) == ("inventory-m1", "inventory-sync", None)
    ((payload,),) = rows(database, "SELECT payload FROM jobs WHERE queue_name = 'inventory-sync'")
    assert payload == {"projectId": "m1", "userId": "u1", "strategy": "sum"}
    assert str(installation.broker.take(INVENTORY_SYNC)) == job.id
    assert submit_inventory("m1") == job


def test_inventory_after_a_batch_waits_for_it(installation: Installation) -> None:
    batch = submit_photos([picture(1)], project_id="m1")
    job = submit_inventory("m1", after=batch.id)
    assert photoqueue.poll(job).ready_at is None
    assert installation.broker.size(INVENTORY_SYNC) == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"project_id": "m9"}, UnknownProjectError),
        ({"project_id": ""}, PayloadError),
        ({"project_id": "m1", "after": "b-20260101-00000000"}, UnknownBatchError),
        ({"project_id": "m1", "after": "b\x00"}, UnknownBatchError),
        ({"project_id": "m1", "strategy": "median"}, StateError),
        ({"project_id": "m1", "priority": 10**6}, PayloadError),
    ],
)
def test_wrong_inventory_is_refused(
    arguments: dict[str, Any], error: type[Exception], database: Database
) -> None:
    submit_photo(picture(1), project_id="m1")
    with pytest.raises(error):
        submit_inventory(**arguments)
    assert count(database, "jobs") == 1


# --- servers that are away ---------------------------------------------------


@contextmanager
def own_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis that the test may stop."""
    program = find_redis()
    if program is None:
        pytest.skip("no redis-server program on this machine")
    # Relative: the path of a Unix socket has a limit.
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", "own.sock", "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    path = folder / "own.sock"
    try:
        eventually(path.exists)
        yield f"unix://{path}?db=0", process
    finally:
        process.kill()
        process.wait()


def test_redis_that_is_down_at_submission_does_not_matter(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with own_redis(tmp_path) as (url, process):
        use(settings.model_copy(update={"redis_url": SecretStr(url)}))
        installation = current()
        before = submit("before")
        with closing(redis.Redis.from_url(url)) as client:
            assert client.dbsize() == 1
        # When Redis goes away
        process.kill()
        process.wait()
        with caplog.at_level(logging.WARNING, "photoqueue"):
            single = submit("single")
            batch = submit_photos([picture(1), picture(2)])
        # Then the jobs are accepted, and the log says so
        assert single.state == "waiting"
        assert photoqueue.poll(batch)["state"].tolist() == ["waiting", "waiting"]
        assert before.state == "waiting"
        assert [record.message.partition(" are")[0] for record in caplog.records] == [
            "1 job(s)",
            "2 job(s)",
        ]
        assert "accepted and run once the broker is back" in caplog.text
        assert installation.database.address not in caplog.text


def test_postgresql_that_is_away_accepts_nothing(
    installation: Installation, database_url: str
) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2]
    admin = database_url.replace(name, "postgres", 1)

    def allow(yes: bool) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {yes}")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    _ = installation.broker
    allow(False)
    try:
        for verb in (
            lambda: submit("p1"),
            lambda: submit_photos([picture(1)]),
            lambda: submit_inventory("m1"),
            photoqueue.history,
            photoqueue.stats,
        ):
            with pytest.raises(DatabaseUnavailableError, match=r"cannot be used.*DATABASE_URL"):
                verb()
    finally:
        allow(True)
    tables = ("jobs", "photos", "batches", "batch_jobs")
    assert [count(installation.database, table) for table in tables] == [0, 0, 0, 0]
    assert installation.broker.size(PHOTO_ANALYZE) == 0
    # and everything works again.
    assert submit("p1").state == "waiting"


def test_wrong_redis_address_is_found_before_anything_is_accepted(
    settings: Settings, database_url: str
) -> None:
    wrong = SecretStr("http://:hunter2@cache")
    use(settings.model_copy(update={"redis_url": wrong}))
    for verb in (lambda: submit("p1"), lambda: submit_photos([picture(1)])):
        with pytest.raises(ConfigurationError, match="REDIS_URL") as error:
            verb()
        assert "hunter2" not in str(error.value)
    with closing(Database(database_url)) as database:
        assert count(database, "jobs") == 0


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://ana:hunter2@127.0.0.1:1/photos", DatabaseUnavailableError),
        ("mysql://ana:hunter2@db/photos", ConfigurationError),
        ("hunter2", ConfigurationError),
    ],
)
def test_wrong_database_address_says_which_where_and_what_to_do(
    url: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error, match="DATABASE_URL") as caught:
        use(Settings(home=tmp_path, database_url=url, redis_url="redis://127.0.0.1:1"))
    assert "hunter2" not in str(caught.value)


def test_folders_of_the_store_are_flushed_once_before_the_jobs_are_there(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    flush = store.flush_folder

    def note(folder: Path) -> None:
        with installation.database.begin() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 0
        flushed.append(folder)
        flush(folder)

    monkeypatch.setattr(store, "flush_folder", note)
    for number in range(8):
        (tmp_path / f"{number}.jpg").write_bytes(picture(number))
    assert len(submit_photos(str(tmp_path), user_id="u1")) == 8
    originals = installation.settings.home / "photos" / "originals"
    kept = {file.parent for file in originals.rglob("*") if file.is_file()}
    assert len(kept) > 1
    # Those of the photos once each, and the names of these folders, too.
    assert {flushed.count(folder) for folder in (*kept, originals)} == {1}
    assert originals.parent in flushed


def test_full_disk_at_the_end_of_a_submission_accepts_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))

    def full(folder: Path) -> None:
        raise StorageError("full")

    monkeypatch.setattr(store, "flush_folder", full)
    with pytest.raises(StorageError):
        submit_photos(str(tmp_path), user_id="u1")
    assert photoqueue.stats()[PHOTO_ANALYZE].total == 0
