"""The page of review, on real servers, driven from Python as the front end drives it."""

from __future__ import annotations

import json
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import photoqueue
from photoqueue import Review, read_inventory, review, submit_inventory, submit_photo
from photoqueue.client import review_reading
from photoqueue.client.observe import ask
from photoqueue.errors import StateError
from photoqueue.installation import Installation
from photoqueue.queue import edit_log
from photoqueue.queue.database import Database
from photoqueue.queue.pages import change_mark
from photoqueue.records.base import Box
from photoqueue.records.results import FoundItem, PhotoResult
from tests import warm
from tests.bench import Bench
from tests.conftest import eventually, picture, submit

pytest.importorskip("anywidget", reason="needs the extra workbench")

from photoqueue.faces.notebook.assembly import Refresher, StatusBar
from photoqueue.faces.notebook.review import PARTS, ReviewView
from photoqueue.faces.notebook.view import Scope

LEFT: Box = (0.1, 0.1, 0.4, 0.5)
RIGHT: Box = (0.6, 0.1, 0.9, 0.5)


def seen(key: str, box: Box | None = None, **values: Any) -> FoundItem:
    return FoundItem(name=key, category="furniture", dismountable=False, key=key, box=box, **values)


class Page:
    """A view, what it sends, and what its front end would hold."""

    def __init__(self, project: str = "m1", **options: Any) -> None:
        self.view = ReviewView(Scope(project=project), **{"user_id": "ana", **options})
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.traits: set[str] = set()
        self.view.send = lambda content, buffers=None: self.sent.append((content, buffers or []))
        self.view._send = self._update  # type: ignore[method-assign]  # to hear it
        self.view.refresh()

    def _update(self, message: dict[str, Any], buffers: Any = None) -> None:
        if message.get("method") == "update":
            self.traits |= set(message["state"])

    def ask(self, kind: str, buffers: Any = (), **values: Any) -> str:
        """Send what the front end sends; return the notice."""
        self.view._received(self.view, {"kind": kind, **values}, list(buffers))
        self.view.wait(60)
        return str(self.view.notice)

    def edit(self, verb: str, *values: Any, ref: str = "", **named: Any) -> dict[str, Any]:
        """Send an edit; return what is answered."""
        ref = ref or str(uuid.uuid4())
        self.ask("edit", ref=ref, verb=verb, values=list(values), named=named)
        return next(told for told, _ in reversed(self.sent) if told.get("ref") == ref)

    def room(self, name: str = "salon") -> dict[str, Any]:
        number = [room["name"] for room in self.view.rooms].index(name)
        part = getattr(self.view, f"part_{number % PARTS}")
        found = part[number // PARTS]
        assert found["name"] == name
        return dict(found)

    def line(self, key: str, room: str = "salon") -> dict[str, Any]:
        (found,) = [line for line in self.room(room)["lines"] if line["key"] == key]
        return dict(found)

    def photo(self, photo: str, room: str = "salon") -> dict[str, Any]:
        (found,) = [one for one in self.room(room)["photos"] if one["id"] == photo]
        return dict(found)

    def item(self, photo: str, key: str, room: str = "salon") -> dict[str, Any]:
        (found,) = [item for item in self.photo(photo, room)["items"] if item["key"] == key]
        return dict(found)


class Move:
    """A project whose photos show what a test says."""

    def __init__(self, installation: Installation) -> None:
        self.bench = Bench(installation)

    def analyse(
        self, photo: str, *items: FoundItem, room: str | None = "salon", **more: Any
    ) -> None:
        result = PhotoResult(
            photo_id=photo, items=items, room_type="salon", confidence=0.9, engine="scripted"
        )
        job = submit(photo, project_id="m1", room=room, **more)
        self.bench(job, lambda analyse: lambda claim, calls: result.to_json())


@pytest.fixture
def move(installation: Installation) -> Move:
    """Two photos of a salon with the same chair and a doubtful desk, and one of a kitchen."""
    made = Move(installation)
    made.analyse("s1", seen("chair", LEFT, score=0.9), seen("desk", RIGHT, score=0.3))
    made.analyse("s2", seen("chair", RIGHT, score=0.8))
    made.analyse("k1", seen("refrigerator", LEFT, score=0.9), room="kitchen")
    return made


@pytest.fixture
def page(move: Move) -> Iterator[Page]:
    page = Page()
    yield page
    page.view.close()


@pytest.fixture
def ben(move: Move) -> Review:
    return review("m1", user_id="ben")


def test_each_doubtful_thing_is_to_check_with_its_own_box(
    move: Move, page: Page, ben: Review
) -> None:
    move.analyse("d1", seen("chair", LEFT, score=0.9), seen("chair", RIGHT, score=0.2), room="den")
    page.view.refresh()

    line = page.line("chair", "den")
    assert line["check"] == "1 of 2: seen with little certainty (0.20)"
    assert page.view.rooms[0]["left"] == 1
    (item,) = (name for thing in line["things"] if thing["doubtful"] for name in thing["items"])
    scores = {one["id"]: one["score"] for one in page.photo("d1", "den")["items"]}
    assert scores[item] == 0.2

    ben.accept(item)
    page.view.refresh()
    line = page.line("chair", "den")
    assert line["check"] == ""
    assert not any(thing["doubtful"] for thing in line["things"])


def test_page_shows_lines_things_and_items_before_anything_is_added_up(page: Page) -> None:
    view = page.view
    json.dumps([view.head, view.rooms, view.part_0, view.part_1, view.catalogue])
    assert (view.head["project"], view.head["fixed"], view.head["user"]) == ("m1", True, "ana")
    assert (view.head["things"], view.head["lorry"]["words"]) == (3, "van (3.5 t, 12 m³)")
    assert view.head["weight"] == {"words": "about 130 kg"}
    assert view.head["check"] == {"left": 1, "of": 1}
    assert view.head["analysis"] == {
        "total": 3,
        "completed": 3,
        "failed": 0,
        "waiting": 0,
        "active": 0,
        "secondsLeft": None,
        "worker": False,
    }
    assert [(room["name"], room["things"], room["left"]) for room in view.rooms] == [
        ("kitchen", 1, 0),
        ("salon", 2, 1),
    ]
    desk, chair = page.line("desk"), page.line("chair")
    assert (desk["check"], chair["check"]) == ("seen with little certainty (0.30)", "")
    assert {desk["colour"], chair["colour"]} == {0, 1}
    (thing,) = chair["things"]
    assert thing["items"] == [page.item("s1", "chair")["id"], page.item("s2", "chair")["id"]]
    assert (thing["letter"], thing["counts"], thing["settled"]) == ("", True, False)
    item = page.item("s1", "desk")
    assert (item["line"], item["letter"], item["box"]) == ("desk", "", list(RIGHT))
    assert view.head["inventory"] == {"words": "", "running": False}


def test_accepting_settles_a_thing_and_is_undone(move: Move, page: Page) -> None:
    saved = page.edit("accept", page.item("s1", "desk")["id"])
    assert (saved["kind"], saved["number"], saved["words"]) == ("saved", 1, "desk accepted")
    assert page.view.head["newest"] == 1
    assert page.view.head["check"] == {"left": 0, "of": 1}
    desk = page.line("desk")
    assert (desk["check"], desk["by"], desk["things"][0]["settled"]) == ("", "ana", True)
    assert page.item("s1", "desk")["did"] == "desk accepted"
    assert page.view.head["undo"] == {"number": 1, "words": "desk accepted"}
    move.bench(submit_inventory("m1"))
    assert not [line for line in read_inventory("m1").lines if line.review]

    page.edit("undo")
    assert page.view.head["check"] == {"left": 1, "of": 1}
    assert page.view.head["redo"] == {"number": 1, "words": "desk accepted"}
    assert page.view.head["undo"] is None


def test_edit_sent_again_under_its_ref_is_one_edit(page: Page) -> None:
    desk = page.item("s1", "desk")["id"]
    first = page.edit("remove", desk, ref="r1")
    again = page.edit("remove", desk, ref="r1")
    assert again == first
    other = Page()  # as after a kernel that died between commit and answer
    assert other.edit("remove", desk, ref="r1") == first
    assert other.edit("undo", ref="r2") == other.edit("undo", ref="r2")
    log = review("m1").log()
    assert list(log["kind"]) == ["remove", "undo"]
    other.view.close()


def test_several_edits_of_one_action_hold_together(page: Page) -> None:
    chairs = page.line("chair")["things"][0]["items"]
    assert len(chairs) == 2
    parts = [{"verb": "rename", "values": [chair, "stool"], "named": {}} for chair in chairs]
    page.ask("edit", ref="r1", edits=parts)
    page.ask("edit", ref="r1", edits=parts)
    first, again = [told for told, _ in page.sent if told.get("ref") == "r1"]
    assert first == again == {"kind": "saved", "ref": "r1", "number": 2, "words": "chair is stool"}
    assert page.line("stool")["count"] == 1

    # all or none of them
    wrong = [parts[0], {"verb": "remove", "values": ["nothing.1"]}]
    page.ask("edit", ref="r2", edits=wrong)
    (refused,) = [told for told, _ in page.sent if told.get("ref") == "r2"]
    assert (refused["kind"], refused["again"]) == ("refused", False)
    assert len(review("m1").log()) == 2

    # one undo, one redo
    page.edit("undo", ref="r3")
    assert page.line("chair")["count"] == 1
    assert page.view.head["undo"] is None
    assert page.edit("undo")["kind"] == "refused"
    page.edit("redo", ref="r4")
    assert page.line("stool")["count"] == 1
    assert page.view.head["redo"] is None
    page.edit("undo")
    assert list(review("m1").log()["kind"]) == [
        "rename",
        "rename",
        *["undo"] * 2,
        *["redo"] * 2,
        *["undo"] * 2,
    ]


def test_every_verb_of_the_page_is_made_once_for_its_ref(page: Page, ben: Review) -> None:
    desk, chairs = page.item("s1", "desk")["id"], page.line("chair")["things"][0]["items"]
    count = {"room": "salon", "item": "chair", "count": 6}
    for verb, values, named in (
        ("rename", [desk, "stool"], {}),
        ("accept", chairs, {}),
        ("apart", chairs[:1], {}),
        ("same", chairs, {}),
        ("stays", [desk], {}),
        ("redraw", [desk, list(LEFT)], {}),
        ("add", ["k1", "piano"], {"box": list(RIGHT)}),
        ("count", [], count),
        ("move", ["k1"], {"room": "pantry"}),
        ("rename-room", ["pantry", "larder"], {}),
        ("reviewed", ["larder"], {}),
        ("exclude", ["s2"], {}),
        ("undo", [], {}),
        ("redo", [], {}),
    ):
        told = page.edit(verb, *values, ref=verb, **named)
        assert told["kind"] == "saved", told
        assert page.edit(verb, *values, ref=verb, **named) == told
    assert list(review("m1").log()["number"]) == list(range(1, 15))


def test_what_is_refused_is_said_beside_it_and_not_sent_again(page: Page, ben: Review) -> None:
    desk = page.item("s1", "desk")["id"]
    ben.remove(desk)
    told = page.edit("rename", desk, "stool")
    assert (told["kind"], told["again"]) == ("refused", False)
    assert "was removed by ben" in told["error"]
    assert "There is no edit 'paint'" in page.edit("paint", desk)["error"]
    assert "rename takes item_id" in page.edit("rename")["error"]
    count = {"room": "salon", "item": "chair", "count": -3}
    assert "count is -3" in page.edit("count", **count)["error"]
    assert "item_id" in page.edit("rename", desk, item_id="x")["error"]
    assert len(ben.log()) == 1
    # ... and what ben did has come meanwhile
    assert not [line for line in page.room()["lines"] if line["key"] == "desk"]
    assert page.view.head["others"] == [{"number": 1, "user": "ben", "words": "desk removed"}]


@contextmanager
def unreachable(database: Database) -> Iterator[None]:
    """Let PostgreSQL refuse the connections of a test's database, as while it starts again."""
    name = str(database.url.database)
    admin = make_conninfo(database.libpq_url, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:

        def allow(what: bool) -> None:
            clause = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            connection.execute(clause.format(sql.Identifier(name), sql.Literal(what)))

        allow(False)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        yield
        allow(True)


def test_edits_wait_for_servers_that_are_away(page: Page, installation: Installation) -> None:
    desk = page.item("s1", "desk")["id"]
    with unreachable(installation.database):
        told = page.edit("remove", desk, ref="r1")
    assert (told["kind"], told["again"]) == ("refused", True)
    assert "PostgreSQL" in page.view.notice
    assert page.edit("remove", desk, ref="r1")["number"] == 1
    assert page.view.notice == ""


def test_kernel_killed_between_commit_and_answer_has_made_one_edit(
    page: Page, installation: Installation
) -> None:
    desk = page.item("s1", "desk")["id"]
    dying = (
        "import os, signal, sys; from photoqueue.client.verbs import edit;"
        "edit('m1', 'remove', sys.argv[1], user_id='ana', ref='r1');"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, **installation.settings.to_environment()}
    died = warm.interpreter().run(desk, environment=environment, program=dying)
    assert died.returncode == -signal.SIGKILL
    after = Page()
    told = after.edit("remove", desk, ref="r1")
    assert (told["kind"], told["number"], told["words"]) == ("saved", 1, "desk removed")
    assert list(review("m1").log()["kind"]) == ["remove"]
    after.view.close()


def test_read_only_page_looks_and_changes_nothing(move: Move) -> None:
    page = Page(actions=False)
    desk = page.item("s1", "desk")["id"]
    assert "read-only" in page.edit("accept", desk)["error"]
    assert "read-only" in page.ask("retry", photos=["s1"])
    assert page.ask("language", language="fr") == ""
    assert page.ask("pictures", photos=["s1"], size="small") == ""
    assert [told["photo"] for told, _ in page.sent if told["kind"] == "picture"] == ["s1"]
    assert len(review("m1").log()) == 0
    page.view.close()


def test_everything_is_in_the_language_chosen(page: Page, ben: Review) -> None:
    ben.accept(page.item("s2", "chair")["id"])
    desk = page.item("s1", "desk")["id"]
    page.edit("stays", page.item("k1", "refrigerator", "kitchen")["id"])
    assert page.ask("language", language="fr") == ""
    view = page.view
    assert page.line("desk")["check"] == "vu avec peu de certitude (0,30)"
    assert page.line("desk")["name"] == "bureau"
    (thing,) = page.line("refrigerator", "kitchen")["things"]
    assert thing["why"] == "reste ici"
    assert view.head["others"][0]["words"] == "chaise accepté"
    assert view.head["undo"]["words"] == "réfrigérateur reste ici"
    assert page.item("s2", "chair")["did"] == "chaise accepté"
    assert view.head["lorry"]["words"] == "fourgon (3,5 t, 12 m³)"
    assert view.head["strategies"]["sum"] == "sum : toutes les photos additionnées"
    assert page.edit("accept", desk)["words"] == "bureau accepté"
    assert "choisissez parmi en, fr" in page.ask("language", language="de")
    assert {"key": "desk", "en": "desk", "fr": "bureau"}.items() <= next(
        entry for entry in view.catalogue if entry["key"] == "desk"
    ).items()


def test_what_cannot_be_done_is_said_in_french(page: Page, ben: Review) -> None:
    page.ask("language", language="fr")
    desk, chair = page.item("s1", "desk")["id"], page.item("s1", "chair")["id"]
    removed = ben.remove(desk)
    assert "a été retiré par ben ; undo(1) le ramène" in page.edit("accept", desk)["error"]
    assert "n’a rien annulé" in page.edit("redo")["error"]
    assert "Aucune modification de ana" in page.edit("undo")["error"]
    ben.undo(removed.number)
    told = page.edit("undo", removed.number)["error"]
    assert told.startswith("La modification 1 (bureau retiré) a déjà été annulée par ben")
    assert "ne peut pas être à la fois" in page.edit("same", desk, chair)["error"]
    count = {"room": "salon", "item": "chair"}
    assert "Le nombre est -3" in page.edit("count", count=-3, **count)["error"]
    assert "de 0 à 200" in page.edit("count", count=1, volume=999, **count)["error"]
    assert "n’a pas de pièce 'cave'" in page.edit("rename-room", "cave", "grenier")["error"]
    assert "s’appelle déjà" in page.edit("rename-room", "salon", "salon")["error"]
    assert "Un nouvel essai ne servirait à rien" in page.ask("retry", photos=["s1"])
    ben.exclude("k1")
    assert "a été exclue par ben" in page.edit("move", "k1", room="salon")["error"]


def test_only_what_changed_is_sent(page: Page) -> None:
    page.traits.clear()
    page.view.refresh()
    assert page.traits == set()
    page.edit("accept", page.item("s1", "desk")["id"])
    assert page.traits == {"head", "rooms", "part_1"}


def test_edit_recolours_nothing(page: Page) -> None:
    before = {line["key"]: line["colour"] for line in page.room()["lines"]}
    page.edit("rename", page.item("s1", "chair")["id"], "armchair")
    page.edit("rename", page.item("s2", "chair")["id"], "stool")
    colours = {line["key"]: line["colour"] for line in page.room()["lines"]}
    assert colours["desk"] == before["desk"]
    assert len(set(colours.values()) | set(before.values())) == 4
    page.edit("remove", page.item("s1", "armchair")["id"])
    after = {line["key"]: line["colour"] for line in page.room()["lines"]}
    assert after == {"desk": colours["desk"], "stool": colours["stool"]}


def test_things_of_a_line_have_letters_and_persons_counts_their_number(page: Page) -> None:
    page.edit("apart", page.item("s2", "chair")["id"])
    chair = page.line("chair")
    assert [thing["letter"] for thing in chair["things"]] == ["A", "B"]
    assert (page.item("s1", "chair")["letter"], page.item("s2", "chair")["letter"]) == ("A", "B")
    made = page.edit("count", room="salon", item="chair", count=6, volume=0.2)
    chair = page.line("chair")
    assert (chair["count"], chair["seenCount"], chair["correction"]) == (6, 2, made["number"])
    assert (chair["volumeOne"], chair["volume"], chair["by"]) == (0.2, 1.2, "ana")
    assert page.edit("count", room="loft", item="box", count=3, new_room=True)["kind"] == "saved"
    (line,) = page.room("loft")["lines"]
    assert (line["count"], line["things"], page.room("loft")["photos"]) == (3, [], [])


def test_reviewed_room_has_nothing_to_check_until_a_photo_comes(move: Move, page: Page) -> None:
    page.edit("reviewed", "salon")
    salon = page.view.rooms[1]
    assert (salon["left"], salon["reviewed"], page.line("desk")["check"]) == (0, "ana", "")
    move.analyse("s3", seen("stool", score=0.2))
    page.view.refresh()
    assert (page.view.rooms[1]["left"], page.view.rooms[1]["reviewed"]) == (2, None)
    assert page.view.head["check"] == {"left": 2, "of": 2}


def test_photos_that_wait_or_failed_have_a_room_and_a_picture(move: Move, page: Page) -> None:
    submit("waits", project_id="m1", room="salon", file_name="waits.jpg")
    nowhere = submit("roomless", project_id="m1")
    page.view.refresh()
    waits = page.photo("waits")
    assert (waits["state"], waits["title"], waits["items"]) == ("waiting", "waits.jpg", [])
    assert page.photo("roomless", "")["room"] == ""
    assert page.view.rooms[-1]["name"] == ""
    assert page.view.head["analysis"]["waiting"] == 2
    page.ask("pictures", photos=["waits", "nobody's"], size="small")
    page.ask("pictures", photos=["s1"], size="full")
    told = {(one["photo"], one["size"]): (one["reason"], data) for one, data in page.sent}
    assert told["waits", "small"][1][0].startswith(b"\xff\xd8")
    assert told["s1", "full"][1][0].startswith(b"\xff\xd8")
    assert told["nobody's", "small"] == ("This photo is not in the project.", [])
    # What a person says of it holds before it is analysed, too.
    page.edit("move", "waits", room="hall")
    assert page.photo("waits", "hall")["state"] == "waiting"
    assert nowhere.poll().state == "waiting"


def test_broken_photo_is_replaced_and_no_longer_counts(
    move: Move, page: Page, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    batch = photoqueue.submit_photos(
        [tmp_path / "broken.jpg"], project_id="m1", room="salon", user_id="u1"
    )
    (broken,) = batch.poll()["photo_id"]
    page.view.refresh()
    page.edit("exclude", broken)
    assert page.view.head["analysis"]["failed"] == 0
    page.edit("undo", page.photo(broken)["excluded"])
    shown = page.photo(broken)
    assert (shown["state"], shown["error"]["type"]) == ("failed", "UnreadablePhotoError")
    assert shown["error"]["canRetry"] is False
    assert page.view.head["analysis"]["failed"] == 1
    assert "cannot help" in page.ask("retry", photos=[broken])
    page.view.lang = "fr"
    assert "ne servirait à rien" in page.ask("retry", photos=[broken])
    page.view.lang = "en"

    sent = {"photo": broken, "name": "better.jpg", "ref": "r1"}
    page.ask("replace", [memoryview(picture(70))], **sent)
    (saved,) = [told for told, _ in page.sent if told.get("ref") == "r1"]
    assert saved["kind"] == "saved"
    assert saved["words"].startswith("broken.jpg replaced by ")
    page.ask("replace", [picture(70)], **sent)
    assert list(review("m1").log()["kind"]) == ["exclude", "undo", "replace"]
    assert page.photo(broken)["state"] == "excluded"
    assert page.photo(broken)["excluded"] is None  # another took its place
    assert page.view.head["analysis"]["failed"] == 0
    (new,) = [one for one in page.room()["photos"] if one["file"] == "better.jpg"]
    assert new["state"] == "waiting"

    move.bench(submit_photo(picture(70), project_id="m1", room="salon", user_id="u1"))
    move.bench(submit_inventory("m1"))
    found = read_inventory("m1")
    assert found.missing_photos == ()
    assert not [warning for warning in found.warnings if "failed" in warning]
    page.view.refresh()
    assert page.photo(new["id"])["state"] == "completed"


def test_picture_too_large_for_the_browser_is_refused_with_the_way(page: Page) -> None:
    page.ask("replace", [b"x" * (8 * 2**20 + 1)], photo="s1", name="a.jpg", ref="r1")
    page.ask("replace", [], photo="s1", name="a.jpg", ref="r2")
    large, empty = [told["error"] for told, _ in page.sent if told["kind"] == "refused"]
    assert "review('m1').replace('s1'" in large
    assert "Choose the file again" in empty


def test_strategy_chosen_is_shown_and_used_by_the_next_submission(move: Move, page: Page) -> None:
    assert page.view.head["strategy"] == "max"
    assert page.ask("strategy", strategy="sum") == ""
    assert (page.view.head["strategy"], page.line("chair")["count"]) == ("sum", 2)
    assert page.view.head["inventory"] == {"words": WAITING, "running": True}
    move.bench(submit_inventory("m1"))
    move.bench(submit_inventory("m1"))
    assert read_inventory("m1").strategy == "sum"
    assert page.ask("refresh") == ""
    assert page.view.head["inventory"] == {"words": "Added up", "running": False}
    assert "Unknown strategy" in page.ask("strategy", strategy="guess")
    # One that did not come about is not kept.
    page.ask("strategy", strategy="match")
    photoqueue.cancel("inventory-m1")
    page.ask("refresh")
    assert page.view.head["strategy"] == "sum"


WAITING = "Waiting: no live worker takes inventory jobs. Start a worker."


def test_edits_that_no_longer_fit_are_listed(move: Move, page: Page) -> None:
    page.edit("rename", page.item("s1", "desk")["id"], "stool")
    move.analyse("s1", seen("bookcase", LEFT), resubmit=True)
    page.view.refresh()
    (lost,) = page.view.head["unplaced"]
    assert (lost["number"], lost["single"]) == (1, True)
    assert lost["reason"].startswith("the desk is not found again in photo ")
    assert page.edit("place", 1, page.item("s1", "bookcase")["id"])["kind"] == "saved"
    assert page.view.head["unplaced"] == []
    page.ask("language", language="fr")
    assert page.line("stool")["name"] == "tabouret"


def test_project_is_chosen_where_the_scope_names_none(page: Page) -> None:
    loose = Page("")
    assert (loose.view.head["project"], loose.view.head["fixed"]) == ("", False)
    assert loose.view.head["projects"] == [{"id": "m1", "photos": 3, "rooms": 2}]
    assert loose.view.rooms == []
    assert loose.edit("exclude", "s1")["error"] == "Choose a project first."
    loose.ask("project", project="m1")
    assert len(loose.view.rooms) == 2
    loose.ask("project", project="")
    assert (loose.view.rooms, loose.view.part_1) == ([], [])
    loose.view.close()


def test_project_without_photos_is_shown_as_empty(installation: Installation) -> None:
    page = Page("nothing-yet")
    assert (page.view.head["analysis"]["total"], page.view.head["volume"]) == (0, None)
    assert page.view.rooms == []
    page.view.close()


def test_inventory_is_exported(page: Page, tmp_path: Path) -> None:
    written = page.view.export("csv", tmp_path / "m1.csv")
    assert "desk" in written.read_text()
    assert page.view.exported == str(written)
    assert "Unknown format" in page.ask("export", format="pdf")
    with pytest.raises(StateError, match="nothing to export"):
        ReviewView(Scope(project="nothing-yet")).export("csv", tmp_path / "x.csv")


def test_report_is_written_in_the_language_of_the_page(
    page: Page, installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Bench(installation)(submit_inventory("m1"))
    page.ask("language", language="fr")
    assert page.ask("report", format="html") == ""
    assert page.view.exported == str(tmp_path / "report-m1.html")
    assert 'lang="fr"' in (tmp_path / "report-m1.html").read_text()


def test_edit_of_another_person_shows_at_the_next_reading(page: Page, ben: Review) -> None:
    ben.rename(page.item("s1", "desk")["id"], "stool")
    page.view.refresh()
    assert page.item("s1", "stool")["by"] == "ben"
    assert page.view.head["others"] == [{"number": 1, "user": "ben", "words": "desk is stool"}]
    assert page.view.head["undo"] is None


def test_message_never_waits_for_the_servers(page: Page, installation: Installation) -> None:
    desk = page.item("s1", "desk")["id"]
    view = page.view
    with edit_log.editing(installation.database, "m1"):  # another person's edit takes its time
        message = {"kind": "edit", "ref": "r1", "verb": "remove", "values": [desk]}
        view._received(view, message, [])
        view._received(view, {"kind": "pictures", "photos": ["s1"], "size": "full"}, [])
        # It comes while the edit waits.
        eventually(lambda: [told for told, _ in page.sent if told["kind"] == "picture"])
        assert not [told for told, _ in page.sent if told["kind"] == "saved"]
    view.wait(60)
    assert [told["number"] for told, _ in page.sent if told["kind"] == "saved"] == [1]


def test_edits_are_made_in_the_order_in_which_they_were_sent(page: Page) -> None:
    view, desk = page.view, page.item("s1", "desk")["id"]
    names = ["stool", "armchair", "bench", "chair", "stool"]
    for number, name in enumerate(names):
        message = {"kind": "edit", "ref": f"r{number}", "verb": "rename", "values": [desk, name]}
        view._received(view, message, [])
    view.wait(60)
    saved = [told["ref"] for told, _ in page.sent if told["kind"] == "saved"]
    assert saved == [f"r{number}" for number in range(len(names))]
    assert page.item("s1", "stool")["id"] == desk


def test_edit_of_another_kernel_comes_by_itself(page: Page, ben: Review) -> None:
    read = threading.Event()
    page.view.observe(lambda _: read.set(), "head")
    refresher = Refresher(lambda: [page.view], lambda: ask(change_mark), StatusBar())
    page.view.driven_by(refresher.wake)
    refresher.start()
    try:
        ben.rename(page.item("s1", "desk")["id"], "stool")
        while page.view.head["newest"] < 1:
            assert read.wait(30)
            read.clear()
        assert page.item("s1", "stool")["by"] == "ben"
        page.edit("undo", 1)
        while page.view.head["newest"] < 2:
            assert read.wait(30)
            read.clear()
        assert page.item("s1", "desk")["by"] is None
    finally:
        refresher.stop()


def test_only_rooms_that_changed_are_counted_again(
    page: Page, ben: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    count = review_reading.count_rooms

    def spy(photos: Any, *arguments: Any, **options: Any) -> Any:
        counted.extend({str(photo.room) for photo in photos})
        return count(photos, *arguments, **options)

    monkeypatch.setattr(review_reading, "count_rooms", spy)
    page.view.refresh()
    assert counted == []
    ben.accept(page.item("s1", "desk")["id"])
    page.view.refresh()
    assert counted == ["salon"]
    ben.move("k1", room="salon")
    page.view.refresh()
    assert counted == ["salon", "salon"]
    assert [room["name"] for room in page.view.rooms] == ["salon"]


def test_page_is_the_inventory_that_is_read(move: Move, page: Page, ben: Review) -> None:
    """What is remembered between readings gives what counting anew gives."""
    for verb, *values in (
        ("rename", page.item("s1", "desk")["id"], "stool"),
        ("add", "k1", "piano"),
        ("count", "salon", "chair", 4),
        ("rename-room", "kitchen", "salon"),
        ("undo",),
        ("exclude", "s2"),
        ("redo",),
    ):
        page.edit(verb, *values)
    move.bench(submit_inventory("m1"))
    page.view.refresh()
    assert page.view.result == read_inventory("m1")
    fresh = Page()
    for name in ("head", "rooms", *(f"part_{n}" for n in range(PARTS))):
        assert getattr(fresh.view, name) == getattr(page.view, name), name
    fresh.view.close()


def test_page_that_is_refreshed_by_the_browser_asks_once_at_a_time(
    page: Page, installation: Installation, ben: Review
) -> None:
    view = page.view
    with edit_log.editing(installation.database, "m1"):
        message = {"kind": "edit", "ref": "r1", "verb": "exclude", "values": ["s2"]}
        view._received(view, message, [])
        for _ in range(20):
            view._received(view, {"kind": "refresh"}, [])
        assert len(view._waits) == 2
    view.wait(60)
    assert page.photo("s2")["state"] == "excluded"


def test_mistake_of_ours_is_said_and_the_page_goes_on(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("photoqueue.faces.notebook.review.RoomPages", None)
        desk = page.item("s1", "desk")["id"]
        assert page.edit("remove", desk)["kind"] == "saved"
        assert page.view.notice.startswith("That did not work: TypeError")
        broken.setattr("photoqueue.faces.notebook.review.photo_preview", None)
        page.ask("pictures", photos=["s1"], size="small")
        assert page.sent[-1][0]["reason"].startswith("That did not work: TypeError")
    assert page.ask("language", language="en") == ""
    assert not [line for line in page.room()["lines"] if line["key"] == "desk"]


def test_copies_of_a_picture_are_one_view_with_the_same_letters(move: Move, page: Page) -> None:
    items = [seen("chair", LEFT, score=0.9), seen("chair", RIGHT, score=0.8)]
    copy = picture(99)
    for name in ("c1", "c2"):
        result = PhotoResult(
            photo_id=name, items=items, room_type="office", confidence=0.9, phash="0123456789abcdef"
        )
        job = submit_photo(copy + name.encode(), photo_id=name, project_id="m1", room="hall")
        move.bench(job, lambda analyse, result=result: lambda claim, calls: result.to_json())
    page.view.refresh()
    kept, copied = page.photo("c1", "hall"), page.photo("c2", "hall")
    assert (kept["duplicateOf"], copied["duplicateOf"]) == (None, "c1")
    places = [[(item["line"], item["letter"]) for item in one["items"]] for one in (kept, copied)]
    assert places == [[("chair", "A"), ("chair", "B")]] * 2
    assert page.line("chair", "hall")["count"] == 2


def test_photos_and_rooms_are_in_the_order_of_their_names(move: Move) -> None:
    for number in (10, 2, 1):
        move.analyse(f"x{number}", room=f"bedroom {number}", file_name=f"{number}.jpg")
        move.analyse(f"y{number}", room="attic", file_name=f"view-{number}.jpg")
    page = Page()
    names = [room["name"] for room in page.view.rooms]
    assert names == ["attic", "bedroom 1", "bedroom 2", "bedroom 10", "kitchen", "salon"]
    titles = [photo["title"] for photo in page.room("attic")["photos"]]
    assert titles == ["view-1.jpg", "view-2.jpg", "view-10.jpg"]
    page.view.close()
