"""Which submissions are one photo: content, project and room; upgrades, moves and taken results."""

from __future__ import annotations

import hashlib
import json
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command

import photoqueue
from photoqueue import submit_inventory, submit_photo, submit_photos
from photoqueue.errors import PhotoConflictError
from photoqueue.installation import Installation
from photoqueue.queue.database import Database, migrate
from tests.conftest import picture
from tests.integration.test_schema import alembic_config

KITCHEN, BEDROOM = "Küche", "Schlafzimmer"


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.libpq_url) as connection:
        return connection.execute(query).fetchall()


def lay_out(folder: Path, *names: str) -> Path:
    """Write pictures; those with equal file names have equal content."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(zlib.crc32(path.name.encode()) % 2**24))
    return folder


def test_equal_pictures_in_two_rooms_are_two_photos(database: Database, tmp_path: Path) -> None:
    home = lay_out(tmp_path / "move", "bedroom 1/IMG_1.jpg", "bedroom 2/IMG_1.jpg")

    frame = photoqueue.poll(submit_photos(home, project_id="m1"))

    assert list(frame["room"]) == ["bedroom 1", "bedroom 2"]
    assert frame["photo_id"].nunique() == 2
    again = photoqueue.poll(submit_photos(home, project_id="m1"))
    assert list(again["job_id"]) == list(frame["job_id"])
    assert sorted(rows(database, "SELECT room FROM photos")) == [("bedroom 1",), ("bedroom 2",)]


def test_few_and_many_photos_are_told_apart_alike(database: Database, tmp_path: Path) -> None:
    few = lay_out(tmp_path / "few", "hall/1.jpg", "attic/1.jpg", "front.jpg")
    many = lay_out(tmp_path / "many", *(f"hall/{n}.jpg" for n in range(60)), "attic/1.jpg", "1.jpg")

    for home, photos in ((few, 3), (many, 62)):
        frame = photoqueue.poll(submit_photos(home, project_id=home.name))
        assert frame["photo_id"].nunique() == photos
        again = photoqueue.poll(submit_photos(home, project_id=home.name))
        assert list(again["job_id"]) == list(frame["job_id"])
    with_room = submit_photo(picture(9), project_id="m1", room="hall")
    assert submit_photo(picture(9), project_id="m1") == with_room  # its room is left unsaid


def test_a_room_named_later_is_the_same_photo_and_keeps_its_job(database: Database) -> None:
    unsaid = submit_photo(picture(1), project_id="m1")

    assert submit_photo(picture(1), project_id="m1", room="hall") == unsaid
    assert submit_photo(picture(1), project_id="m1", room="attic") != unsaid
    assert sorted(rows(database, "SELECT room FROM photos")) == [("attic",), ("hall",)]


def test_an_id_of_ones_own_moves_the_photo_and_says_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    first = submit_photo(picture(1), photo_id="p1", project_id="m1", room="hall")
    assert first.moved_from is None

    moved = submit_photo(picture(1), photo_id="p1", project_id="m1", room="attic")

    assert (moved, moved.moved_from) == (first, "hall")
    assert "photo 'p1' was in room 'hall' and is in room 'attic' now" in caplog.text
    assert rows(database, "SELECT room FROM photos") == [("attic",)]
    # The same picture under an id of its own is a photo of the room that it left.
    assert submit_photo(picture(1), project_id="m1", room="hall") != moved


def test_a_photo_that_was_moved_stays_where_it_is(database: Database) -> None:
    first = submit_photo(picture(1), project_id="m1", room="hall")
    submit_photo(picture(1), photo_id=first.photo_id, project_id="m1", room="attic")

    again = submit_photo(picture(1), project_id="m1", room="hall")

    assert (again == first, again.moved_from) == (False, None)
    assert submit_photo(picture(1), project_id="m1", room="hall") == again
    assert sorted(rows(database, "SELECT room FROM photos")) == [("attic",), ("hall",)]


@pytest.mark.parametrize("first", [["1.jpg"], ["hall/1.jpg"], []])
def test_a_picture_beside_the_rooms_and_in_one_is_two_photos(
    first: list[str], database: Database, tmp_path: Path
) -> None:
    home = lay_out(tmp_path / "move", *first, "front.jpg")
    before = photoqueue.poll(submit_photos(home, project_id="m1"))
    lay_out(home, "1.jpg", "hall/1.jpg")

    frame = photoqueue.poll(submit_photos(home, project_id="m1"))

    assert frame["photo_id"].nunique() == 3
    assert set(before["photo_id"]) <= set(frame["photo_id"])
    again = photoqueue.poll(submit_photos(home, project_id="m1"))
    assert list(again["job_id"]) == list(frame["job_id"])


def test_one_id_in_two_rooms_of_one_submission_is_refused(database: Database) -> None:
    given = [{"photo": picture(1), "photo_id": "p1", "room": room} for room in ("hall", "attic")]

    with pytest.raises(PhotoConflictError, match=r"'p1' is given in two rooms.*'hall'.*'attic'"):
        submit_photos(given)
    assert rows(database, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize("name", ["project_id", "room", "user_id"])
def test_names_in_two_normal_forms_are_one_name(name: str, database: Database) -> None:
    given: dict[str, Any] = {"project_id": "m1", "room": "hall", "user_id": "u1"}

    first = submit_photo(picture(1), **given | {name: KITCHEN})

    assert submit_photo(picture(1), **given | {name: nfd(KITCHEN)}) == first
    assert rows(database, f"SELECT {name} FROM photos") == [(KITCHEN,)]
    project = KITCHEN if name == "project_id" else "m1"
    assert submit_inventory(nfd(project)) == submit_inventory(project)


@pytest.fixture
def upgraded(installation: Installation, tmp_path: Path) -> Path:
    """A move that the version before submitted and analysed, and its folder; then the upgrade.

    That version made ids of project and content alone, so the picture of two rooms is one photo,
    and stored names as the file system gave them.
    """
    database, config = installation.database, alembic_config()
    home = lay_out(
        tmp_path / "move",
        f"{nfd(KITCHEN)}/1.jpg",
        f"{nfd(KITCHEN)}/2.jpg",
        f"{BEDROOM}/2.jpg",
        "3.jpg",
    )
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
    project = nfd("Umzug Müller")
    with psycopg.connect(database.libpq_url) as connection:
        for path in sorted(home.rglob("*.jpg")):
            data = path.read_bytes()
            sha256 = hashlib.sha256(data).hexdigest()
            seed = project.encode() + b"\0" + sha256.encode()
            photo_id = f"p-{hashlib.sha256(seed).hexdigest()[:16]}"
            room = None if path.parent == home else path.parent.name
            installation.photo_store.put(data, sha256)
            connection.execute(
                "INSERT INTO photos (photo_id, sha256, project_id, room, user_id) "
                "VALUES (%s, %s, %s, %s, 'u1') ON CONFLICT (photo_id) DO UPDATE SET room = %s",
                (photo_id, sha256, project, room, room),
            )
            connection.execute(
                "INSERT INTO jobs (job_id, job_key, queue_name, state, payload, result, photo_id, "
                "project_id, user_id, attempts, max_attempts, budget, success, finished_at) "
                "SELECT gen_random_uuid(), 'photo-' || %(id)s, 'photo-analyze', 'completed', "
                "%(payload)s, '{}', %(id)s, %(project)s, 'u1', 1, 4, 4, true, now() "
                "WHERE NOT EXISTS (SELECT FROM jobs WHERE photo_id = %(id)s)",
                {"id": photo_id, "project": project, "payload": json.dumps({"sha256": sha256})},
            )
        connection.execute(
            "INSERT INTO inventory_corrections (project_id, room, name, category, count, user_id) "
            "VALUES (%s, %s, 'a', 'b', 1, 'u1')",
            (project, nfd(KITCHEN)),
        )
    migrate(database)
    return home


def test_an_upgraded_move_keeps_its_ids_and_asks_no_engine(
    upgraded: Path, database: Database
) -> None:
    before = dict(rows(database, "SELECT photo_id, room FROM photos"))
    assert sorted(str(room) for room in before.values()) == ["Küche", "None", "Schlafzimmer"]

    frame = photoqueue.poll(submit_photos(upgraded, project_id="Umzug Müller", user_id="u1"))

    # The picture that one of two rooms had lost is a photo again, and takes the result over.
    (new,) = set(frame["photo_id"]) - set(before)
    assert set(before) < set(frame["photo_id"])
    assert len(frame) == 4
    assert frame.set_index("photo_id")["state"].to_dict() == dict.fromkeys(before, "completed") | {
        new: "waiting"
    }
    ((standing, key),) = rows(
        database, "SELECT payload -> 'standing', job_key FROM jobs WHERE state = 'waiting'"
    )
    assert key == f"photo-{new}"
    assert standing == [
        str(job_id)
        for (job_id,) in rows(
            database,
            f"SELECT job_id FROM jobs JOIN photos USING (photo_id) WHERE room = '{BEDROOM}'",
        )
    ]
    assert rows(database, "SELECT DISTINCT project_id FROM photos") == [("Umzug Müller",)]
    assert rows(database, "SELECT room FROM inventory_corrections") == [(KITCHEN,)]


def test_a_kind_of_room_in_another_normal_form_asks_no_engine(database: Database) -> None:
    first = submit_photo(picture(1), project_id="m1", room_type="Büro")
    with psycopg.connect(database.libpq_url) as connection:
        connection.execute(
            "UPDATE jobs SET state = 'completed', success = true, result = '{}', "
            "finished_at = now(), payload = payload || %s",
            (json.dumps({"roomType": nfd("Büro")}),),
        )

    assert submit_photo(picture(1), project_id="m1", room_type="Büro") == first


def engine_calls(job: photoqueue.Job) -> int:
    query = f"SELECT count(*) FROM ai_metrics WHERE job_id = '{job.id}'"
    return int(rows(job.installation.database, query)[0][0])


@pytest.mark.usefixtures("working")
def test_a_new_room_takes_over_the_standing_result() -> None:
    first = submit_photo(picture(1), project_id="m1", room="bedroom 1")
    known = first.result(120)

    second = submit_photo(picture(1), project_id="m1", room="bedroom 2")
    result = second.result(120)

    assert second != first
    assert result == known.model_copy(update={"photo_id": second.photo_id})
    assert (engine_calls(first), engine_calls(second)) == (1, 0)
    # Another kind of room, or an explicit wish, asks the engine.
    for options in ({"room_type": "salon"}, {"resubmit": True}):
        other = submit_photo(picture(1), project_id="m1", room=str(options), **options)
        other.result(120)
        assert engine_calls(other) == 1
    # and the inventory counts both rooms, and names the picture that they share.
    inventory = submit_inventory("m1").result(120)
    assert {"bedroom 1", "bedroom 2"} < set(inventory.rooms)
    assert len(inventory.shared_photos) == 3
