"""The tab of the inventory, on real servers: what it shows and what a person does with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from photoqueue import corrections, submit_inventory, submit_photos
from photoqueue.client import observe
from photoqueue.errors import StateError, UnknownBatchError
from photoqueue.installation import Installation
from photoqueue.queue.projects import list_projects, project_standing
from photoqueue.records.results import PhotoResult
from photoqueue.words import JobState
from tests.bench import Bench
from tests.conftest import picture, submit

pytest.importorskip("anywidget", reason="needs the extra workbench")

from photoqueue.faces.notebook.inventory import InventoryView
from photoqueue.faces.notebook.view import Scope


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


@pytest.fixture
def move(bench: Bench) -> str:
    """A project with a chair in the salon and one in a kitchen, added up."""
    bench(submit("salon-1", project_id="m1", room="salon"))
    bench(submit("other-1", project_id="m1"))
    bench(submit_inventory("m1"))
    return "m1"


def view_of(project: str = "", **options: Any) -> InventoryView:
    view = InventoryView(Scope(project=project), **options)
    view.refresh()
    return view


def ask(view: InventoryView, kind: str, **values: Any) -> str:
    """Send what the front end sends; return the notice."""
    view._received(view, {"kind": kind, **values}, [])
    return str(view.notice)


def line(view: InventoryView, item: str = "chair", room: str = "salon") -> dict[str, Any]:
    (found,) = [
        entry
        for place in view.page["inventory"]["rooms"]
        for entry in place["lines"]
        if (place["name"], entry["item"]) == (room, item)
    ]
    return dict(found)


def test_it_shows_rooms_lines_volume_and_lorry(move: str) -> None:
    page = view_of(move).page
    json.dumps(page)  # nothing but JSON reaches the front end
    shown = page["inventory"]
    assert [room["name"] for room in shown["rooms"]] == ["kitchen", "salon"]
    assert (shown["totalItems"], shown["totalVolume"], shown["lorry"]) == (
        2,
        0.5,
        "van (3.5 t, 12 m³)",
    )
    found = line(view_of(move))
    assert (found["name"], found["count"], found["volume"]) == ("chair", 1, 0.25)
    assert found["volumeMin"] <= found["volume"] <= found["volumeMax"]
    assert found["photos"] == ["salon-1"]
    assert page["standing"]["words"] == "Added up"
    assert page["fixed"] is True


def test_names_are_shown_in_the_language_chosen(move: str) -> None:
    view = view_of(move)
    assert "chair" in view.things
    assert ask(view, "language", language="fr") == ""
    assert (line(view)["name"], view.lang) == ("chaise", "fr")
    assert "chaise" in view.things
    assert "choose en or fr" in ask(view, "language", language="de")


def test_count_volume_and_taking_apart_are_corrected_and_undone(move: str) -> None:
    view = view_of(move, user_id="ana")
    sent = {"room": "salon", "item": "chair", "count": 4, "volume": 0.5, "dismountable": True}
    assert ask(view, "correct", **sent) == ""
    found = line(view)
    assert (found["count"], found["volume"], found["dismountProbability"]) == (4, 2.0, 1.0)
    assert found["reason"] == "corrected by ana; the photos show 1"
    (made,) = view.page["corrections"]
    assert (made["userId"], made["count"], made["undoneAt"]) == ("ana", 4, None)

    assert ask(view, "correct", room="salon", item="chair", count=0) == ""
    assert line(view)["count"] == 0  # stays to be seen, and undone
    for entry in view.page["corrections"]:
        assert ask(view, "undo", correction=entry["correctionId"]) == ""
    assert (line(view)["count"], line(view)["corrected"]) == (1, False)
    assert all(entry["undoneBy"] == "ana" for entry in view.page["corrections"])
    assert "already" in ask(view, "undo", correction=made["correctionId"])


def test_things_and_rooms_are_added(move: str) -> None:
    view = view_of(move)
    assert ask(view, "correct", room="salon", item="piano droit", count=1) == ""
    kiln = {"item": "kiln", "count": 2, "category": "misc", "volume": 0.8}
    assert ask(view, "correct", room="cellar", newRoom=True, **kiln) == ""
    assert line(view, "kiln", "cellar")["volume"] == 1.6
    # A thing of one's own is corrected by its line, as the front end does.
    own = line(view, "kiln", "cellar")
    sent = {"item": own["item"], "category": own["category"], "count": 1, "volume": None}
    assert ask(view, "correct", room="cellar", **sent) == ""
    assert line(view, "kiln", "cellar")["volume"] == 0.8


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"item": "chairr"}, "Did you mean 'chair'"),
        ({"room": "salom"}, "Did you mean 'salon'"),
        ({"count": None}, "count is None"),
        ({"count": 2.5}, "count is 2.5"),
        ({"volume": "much"}, "volume is 'much'"),
        ({"item": ""}, "item is empty"),
    ],
)
def test_what_cannot_be_corrected_is_said(move: str, values: dict[str, Any], words: str) -> None:
    view = view_of(move)
    sent = {"room": "salon", "item": "chair", "count": 1, **values}
    assert words in ask(view, "correct", **sent)
    assert len(corrections(move)) == 0
    assert ask(view, "refresh") == ""


def test_adding_up_again_shows_how_far_it_is(move: str, bench: Bench) -> None:
    bench(submit("salon-2", project_id=move, room="salon"))
    view = view_of(move)
    assert view.page["standing"]["newer"] == 1

    assert ask(view, "add-up", strategy="sum") == ""

    standing = view.page["standing"]
    assert standing["running"] is True
    assert "no live worker takes inventory jobs" in standing["words"]
    assert view.strategy == "sum"
    assert (
        view.page["inventory"]["totalItems"] == 2
    )  # by the older one's strategy, until the newer is there
    bench(submit_inventory(move, strategy="sum"))
    view.refresh()
    assert (view.page["standing"]["words"], view.page["standing"]["newer"]) == ("Added up", 0)
    assert view.page["inventory"]["totalItems"] == 3
    assert "Unknown strategy" in ask(view, "add-up", strategy="median")


def test_empty_states_are_told_apart(installation: Installation, bench: Bench) -> None:
    view = view_of()
    assert (view.page["projects"], view.page["project"]) == ([], "")
    assert "Choose a project" in ask(view, "add-up")
    with pytest.raises(StateError, match="no inventory to export"):
        view.export()

    unknown = view_of("m9")
    assert unknown.page["standing"]["photos"] == 0

    submit("empty-1", project_id="m2", room="salon")
    waiting = view_of("m2")
    assert waiting.page["inventory"] is None
    assert waiting.page["standing"]["words"] == "Not added up yet."
    assert waiting.page["standing"]["unfinished"] == 1

    nothing = PhotoResult(photo_id="empty-1", items=(), room_type="salon", confidence=0)
    again = submit("empty-1", project_id="m2", room="salon")
    bench(again, lambda handler: lambda claim, calls: nothing.to_json())
    bench(submit_inventory("m2"))
    waiting.refresh()
    assert waiting.page["inventory"]["totalItems"] == 0


def test_project_is_chosen_where_the_scope_names_none(move: str) -> None:
    view = view_of()
    (choice,) = view.page["projects"]
    assert choice == {"id": move, "photos": 2, "rooms": 1, "addedUp": True}
    assert view.page["inventory"] is None
    ask(view, "project", project=move)
    assert view.result is not None
    assert view.result.project_id == move


def test_project_of_the_batch_is_shown(installation: Installation) -> None:
    batch = submit_photos([{"photo": picture(1), "room": "salon"}], project_id="m5")
    view = InventoryView(Scope(batch=batch.id))
    view.refresh()
    assert (view.page["project"], view.page["fixed"]) == ("m5", True)
    with pytest.raises(UnknownBatchError):
        InventoryView(Scope(batch="b-none")).refresh()


def test_a_page_without_actions_changes_nothing(move: str, tmp_path: Path) -> None:
    view = view_of(move, actions=False)
    assert view.actions is False
    for kind in ("correct", "undo", "add-up", "export"):
        sent = {"room": "salon", "item": "chair", "count": 9, "format": "csv", "correction": 1}
        assert "read-only" in ask(view, kind, **sent)
    assert ask(view, "language", language="fr") == ""
    assert "Unknown action" in ask(view, "drop-table")
    assert len(corrections(move)) == 0


def test_files_are_written_and_never_overwritten(
    move: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    monkeypatch.chdir(tmp_path)
    view = view_of(move)
    assert ask(view, "export", format="csv") == ""
    assert ask(view, "export", format="csv") == ""
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [
        "inventory-m1-2.csv",
        "inventory-m1.csv",
    ]
    assert view.exported == str(tmp_path / "inventory-m1-2.csv")
    written = view.export("xlsx", tmp_path / "mine.xlsx")
    assert openpyxl.load_workbook(written).sheetnames == ["Lines", "Rooms"]
    with pytest.raises(StateError, match="not overwritten"):
        view.export("xlsx", written)
    assert "choose csv or xlsx" in ask(view, "export", format="pdf")


def test_driven_view_is_refreshed_by_its_driver(move: str) -> None:
    view = view_of(move)
    woken: list[int] = []
    view.driven_by(lambda: woken.append(1))
    before = view.page
    assert ask(view, "correct", room="salon", item="chair", count=3) == ""
    assert woken == [1]
    assert view.page is before
    view.refresh()
    assert line(view)["count"] == 3


def test_failed_adding_up_says_why(move: str, bench: Bench) -> None:
    from photoqueue import PermanentError

    def broken(handler: Any) -> Any:
        def handle(claim: Any, calls: Any) -> str:
            raise PermanentError("no catalogue")

        return handle

    with pytest.raises(Exception, match="no catalogue"):
        bench(submit_inventory(move), broken)
    standing = view_of(move).page["standing"]
    assert (standing["words"], standing["running"]) == ("Adding up failed.", False)
    assert "no catalogue" in standing["error"]
    assert standing["added_up_at"] is not None


def test_projects_are_listed_with_what_is_known_of_them(move: str, bench: Bench) -> None:
    submit("cave-1", project_id="m2", room="cave")
    first, second = observe.ask(list_projects)
    assert (first.project_id, first.photos, first.rooms) == ("m2", 1, 1)
    assert first.newest_inventory is None
    assert (second.project_id, second.newest_inventory is None) == ("m1", False)
    assert second.last_activity >= second.newest_inventory
    assert [row.project_id for row in observe.ask(list_projects, limit=1)] == ["m2"]
    standing = observe.ask(project_standing, "m2")
    assert (standing.photos, standing.unfinished, standing.state) == (1, 1, None)
    assert observe.ask(project_standing, "m1").state is JobState.COMPLETED


def test_inventory_that_waits_for_a_batch_says_so(installation: Installation) -> None:
    batch = submit_photos([{"photo": picture(1), "room": "salon"}], project_id="m5")
    submit_inventory("m5", after=batch)
    assert "photos of its batch" in view_of("m5").page["standing"]["words"]
