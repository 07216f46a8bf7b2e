"""What persons say of a project, laid over what engines found."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from photoqueue.inventory.merge import add_up, count_rooms
from photoqueue.inventory.overlay import found_alike
from photoqueue.inventory.views import AnalysedPhoto
from photoqueue.records.base import Box, Strategy
from photoqueue.records.edits import Edit
from photoqueue.records.results import FoundItem, InventoryResult
from tests.projects import CATALOGUE, Project, seen, thing

LEFT, RIGHT, LOW = (0.0, 0.1, 0.3, 0.5), (0.6, 0.1, 0.9, 0.5), (0.3, 0.6, 0.6, 0.9)


def test_item_is_renamed_removed_redrawn_and_added() -> None:
    project = Project(p1=[seen("chair", LEFT), seen("desk", RIGHT, score=0.3)], p2=[])
    project.say("rename", "j1-p1.0", thing=thing("armchair"))
    project.say("remove", "j1-p1.1")
    project.say("add", photo_id="p2", job_id="j1-p2", thing=thing("piano"), box=LOW)
    project.say("redraw", "j1-p1.0", box=LOW)

    assert project.items() == {"j1-p1.0": "armchair", "e3": "piano"}
    assert project.overlaid.photos[0].result.items[0].box == LOW
    assert project.counts() == {"armchair": 1, "piano": 1}


def test_stored_results_stay_as_they_are() -> None:
    project = Project(p1=[seen("chair", LEFT)])
    before = project.photos["p1"].result.to_json()
    project.say("rename", "j1-p1.0", thing=thing("armchair"))
    assert project.items() == {"j1-p1.0": "armchair"}
    assert project.photos["p1"].result.to_json() == before
    assert "itemId" not in project.overlaid.photos[0].result.to_json()


@pytest.mark.parametrize("strategy", ["max", "match", "sum"])
def test_same_and_apart_bind_every_strategy(strategy: Strategy) -> None:
    project = Project(p1=[seen("chair", LEFT)], p2=[seen("chair", LEFT)], p3=[seen("chair", LEFT)])
    project.say("same", "j1-p1.0", "j1-p2.0")
    expected = 2 if strategy == "sum" else 1
    assert project.counts(strategy) == {"chair": expected}

    apart = project.say("apart", "j1-p1.0")
    assert project.counts(strategy) == {"chair": 3 if strategy == "sum" else 2}
    project.undo(apart)
    assert project.counts(strategy) == {"chair": expected}


def test_two_pairs_that_no_photo_shows_together_are_two_things() -> None:
    project = Project(
        p1=[seen("chair")], p2=[seen("chair")], p3=[seen("chair")], p4=[seen("chair")]
    )
    assert project.counts() == {"chair": 1}
    project.say("same", "j1-p1.0", "j1-p2.0")
    project.say("same", "j1-p3.0", "j1-p4.0")
    assert project.counts() == {"chair": 2}
    project.say("same", "j1-p2.0", "j1-p3.0")
    assert project.counts() == {"chair": 1}


def test_thing_that_stays_is_shown_and_does_not_move() -> None:
    project = Project(p1=[seen("chair"), seen("chair")])
    project.say("stays", "j1-p1.1")
    (line,) = project.inventory().lines
    assert (line.count, line.stays, line.held_back) == (1, 1, 0)
    assert line.volume_max == CATALOGUE.by_key("chair").volume_high  # type: ignore[union-attr]  # known


def test_photo_is_excluded_replaced_and_moved() -> None:
    project = Project(p1=[seen("chair")], p2=[seen("desk")], p3=[seen("piano")])
    project.say("exclude", photo_id="p1")
    project.say("replace", photo_id="p2", by_photo="p9")
    project.say("move", photo_id="p3", to_room="hall")
    assert project.overlaid.excluded.keys() == {"p1", "p2"}
    assert [(line.room, line.key) for line in project.inventory().lines] == [("hall", "piano")]


def test_rooms_are_renamed_and_merged_with_what_is_said_of_them() -> None:
    project = Project(p1=[seen("chair")])
    project.analyse("p2", [seen("chair")], room="lounge")
    project.say("count", room="lounge", thing=thing("chair"), count=6)
    project.say("reviewed", room="lounge", photos=("p2",))
    merge = project.say("rename_room", room="lounge", to_room="salon")

    done = project.overlaid
    assert {photo.room for photo in done.photos} == {"salon"}
    assert [edit.room for edit in done.counts] == ["salon"]
    assert not done.reviewed  # nobody has seen the whole
    project.undo(merge)
    assert project.overlaid.reviewed.keys() == {"lounge"}


def test_new_photo_reopens_a_reviewed_room() -> None:
    project = Project(p1=[seen("chair")])
    project.say("reviewed", room="salon", photos=("p1",))
    project.analyse("p1", [seen("desk")], "j2")
    assert project.overlaid.reviewed.keys() == {"salon"}
    project.analyse("p2", [])
    assert not project.overlaid.reviewed


# -- after a new analysis


def test_edits_find_their_items_again_where_they_lay() -> None:
    project = Project(p1=[seen("chair", LEFT), seen("chair", RIGHT)])
    project.say("rename", "j1-p1.1", thing=thing("armchair"))
    project.analyse("p1", [seen("stool", (0.62, 0.1, 0.9, 0.5)), seen("chair", LEFT)], "j2")
    assert project.items() == {"j2-p1.0": "armchair", "j2-p1.1": "chair"}
    # ... and what is said of it then
    project.say("redraw", "j2-p1.0", box=LOW)
    project.analyse("p1", [seen("chair", RIGHT)], "j3")
    assert project.items() == {"j3-p1.0": "armchair"}
    assert project.overlaid.photos[0].result.items[0].box == LOW
    assert not project.overlaid.unplaced


def test_without_boxes_kind_and_order_decide() -> None:
    project = Project(p1=[seen("chair"), seen("desk"), seen("chair")])
    project.say("rename", "j1-p1.2", thing=thing("armchair"))
    project.analyse("p1", [seen("desk"), seen("chair"), seen("chair")], "j2")
    assert project.items() == {"j2-p1.0": "desk", "j2-p1.1": "chair", "j2-p1.2": "armchair"}


def test_what_matches_nothing_or_two_things_is_unplaced() -> None:
    project = Project(p1=[seen("chair", LEFT)])
    project.say("rename", "j1-p1.0", thing=thing("armchair"))
    near = (0.0, 0.1, 0.28, 0.5), (0.02, 0.1, 0.3, 0.5)
    for items in ([seen("stool", RIGHT)], [seen("stool", near[0]), seen("desk", near[1])]):
        project.analyse("p1", items, "j2")
        assert project.unplaced() == ["the chair is not found again in photo p1"]
    project.say("keep", of=1)
    assert not project.unplaced()


def test_only_a_thing_of_the_same_kind_is_removed() -> None:
    project = Project(p1=[seen("desk", LEFT)])
    project.say("remove", "j1-p1.0")
    project.analyse("p1", [seen("chair", LEFT)], "j2")
    assert project.items() == {"j2-p1.0": "chair"}
    assert project.unplaced() == ["another thing lies where the desk was removed"]
    project.analyse("p1", [seen("desk", LEFT)], "j3")
    assert project.items() == {}
    project.analyse("p1", [seen("chair", RIGHT)], "j4")
    assert not project.unplaced()  # the mistake is not made again


def test_one_of_two_that_was_removed_leaves_the_only_one() -> None:
    project = Project(p1=[seen("desk", LEFT), seen("desk", LEFT)])
    project.say("remove", "j1-p1.1", found=1)
    for items in ([seen("desk", LEFT)], [seen("desk", LEFT), seen("desk", (0.0, 0.1, 0.29, 0.5))]):
        project.analyse("p1", items, "j2")
        assert project.counts() == {"desk": 1}


def test_item_is_found_again_where_a_person_drew_it() -> None:
    project = Project(p1=[seen("desk", LEFT)])
    project.say("rename", "j1-p1.0", thing=thing("stool"))
    project.say("redraw", "j1-p1.0", box=RIGHT)
    project.analyse("p1", [seen("chair", LEFT), seen("desk", RIGHT)], "j2")
    assert project.items() == {"j2-p1.0": "chair", "j2-p1.1": "stool"}


@pytest.mark.parametrize("box", [LOW, None])
def test_added_thing_that_a_new_engine_finds_as_well_is_one(box: Box | None) -> None:
    project = Project(p1=[seen("chair", LEFT)])
    found = len(found_alike(project.photos["p1"], thing("chair"), box))
    project.say("add", photo_id="p1", job_id="j1-p1", thing=thing("chair"), box=box, found=found)
    assert project.counts() == {"chair": 2}
    project.analyse("p1", [seen("chair", LEFT), seen("chair", LOW)], "j2")
    assert project.items() == {"j2-p1.0": "chair", "e1": "chair"}


def test_edit_of_a_removed_item_or_a_missing_photo_says_so() -> None:
    project = Project(p1=[seen("chair")], p2=[seen("desk")])
    project.say("rename", "j1-p2.0", thing=thing("piano"))
    project.say("move", photo_id="p2", to_room="hall")
    project.say("remove", "j1-p1.0")
    project.say("rename", "j1-p1.0", thing=thing("armchair"))
    del project.photos["p2"]
    gone = "photo p2 is no longer in the project, or has no result"
    assert project.unplaced() == [gone, gone, "the chair in photo p1 was removed"]


def test_what_is_said_of_one_copy_holds_for_the_picture() -> None:
    project = Project(p1=[seen("chair", LEFT)], p2=[seen("chair", LEFT)])
    for photo in ("p1", "p2"):
        same = project.photos[photo].result.model_copy(update={"phash": "00ff00ff00ff00ff"})
        project.photos[photo] = AnalysedPhoto(
            photo_id=photo, sha256=photo, room="salon", job_id=f"j1-{photo}", result=same
        )
    project.say("remove", "j1-p2.0")
    assert project.counts() == {}


# -- whatever is said

KEYS = ("chair", "armchair", "sofa_3_seat", "desk")
BOXES = (None, LEFT, RIGHT, LOW)
_item = st.builds(
    seen, st.sampled_from(KEYS), st.sampled_from(BOXES), score=st.sampled_from([None, 0.3, 0.9])
)
_photos = st.lists(st.lists(_item, max_size=3), min_size=1, max_size=3)
patient = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    max_examples=60,
)


def spoken(data: st.DataObject, project: Project) -> Edit:
    """Make any edit that a person could make of the project as it is."""
    items = project.items()
    kinds: list[Any] = ["add", "move", "exclude", "rename_room", "reviewed", "count"]
    kinds += ["rename", "remove", "redraw", "apart", "stays"] if items else []
    photo = data.draw(st.sampled_from(sorted(project.photos)))
    kind = data.draw(st.sampled_from(kinds))
    named = thing(data.draw(st.sampled_from(KEYS)))
    rooms = st.sampled_from(["salon", "hall", "attic"])
    if kind in ("rename", "remove", "redraw", "apart", "stays"):
        what = data.draw(st.sampled_from(sorted(items)))
        return project.say(kind, what, thing=named, box=data.draw(st.sampled_from(BOXES[1:])))
    box = data.draw(st.sampled_from(BOXES))
    added = {
        "photo_id": photo,
        "thing": named,
        "box": box,
        "job_id": project.photos[photo].job_id,
        "found": len(found_alike(project.photos[photo], named, box)),
    }
    values: dict[str, Any] = {
        "add": added,
        "move": {"photo_id": photo, "to_room": data.draw(rooms)},
        "exclude": {"photo_id": photo},
        "rename_room": {"room": data.draw(rooms), "to_room": data.draw(rooms)},
        "reviewed": {"room": "salon", "photos": tuple(project.photos)},
        "count": {"room": "salon", "thing": named, "count": 3},
    }
    return project.say(kind, **values[kind])


@patient
@given(_photos, st.data())
def test_undo_restores_exactly(photos: list[list[FoundItem]], data: st.DataObject) -> None:
    project = Project(**{f"p{n}": items for n, items in enumerate(photos)})
    for _ in range(data.draw(st.integers(0, 3))):
        spoken(data, project)
    before = project.overlaid
    project.undo(spoken(data, project))
    assert project.overlaid == before


@patient
@given(_photos, st.data(), st.sampled_from(["max", "match", "sum"]))
def test_new_analysis_by_the_same_engine_changes_nothing(
    photos: list[list[FoundItem]], data: st.DataObject, strategy: Strategy
) -> None:
    project = Project(**{f"p{n}": items for n, items in enumerate(photos)})
    for _ in range(data.draw(st.integers(1, 5))):
        spoken(data, project)
    before = project.inventory(strategy)
    for photo, analysed in list(project.photos.items()):
        project.analyse(photo, analysed.result.items, "j2")
    assert project.inventory(strategy) == before
    assert all("was removed" in reason for reason in project.unplaced())


@patient
@given(_photos, st.data(), st.sampled_from(["max", "match", "sum"]))
def test_every_count_equals_its_things(
    photos: list[list[FoundItem]], data: st.DataObject, strategy: Strategy
) -> None:
    project = Project(**{f"p{n}": items for n, items in enumerate(photos)})
    for _ in range(data.draw(st.integers(0, 5))):
        spoken(data, project)
    done = project.overlaid
    rooms = count_rooms(done.photos, CATALOGUE, strategy=strategy, links=done.links)
    counts = [(room.room, one) for room in rooms for one in room.counts]
    lines = project.inventory(strategy).lines
    assert Counter((room, str(one.kind.key)) for room, one in counts) == Counter(
        (line.room, str(line.key)) for line in lines
    )
    for room, one in counts:
        (line,) = [line for line in lines if (line.room, line.key) == (room, one.kind.key)]
        assert line.count + line.held_back + line.stays == len(one.things)
    items = {item for photo in done.photos for item in photo.result.items}
    shown = [found.item.item_id for _, one in counts for t in one.things for found in t.sightings]
    assert sorted(map(str, shown)) == sorted(str(item.item_id) for item in items)


@patient
@given(st.lists(st.lists(_item, max_size=3), min_size=2, max_size=3), st.data())
def test_order_of_independent_edits_does_not_matter(
    photos: list[list[FoundItem]], data: st.DataObject
) -> None:
    project, other = (Project(**{f"p{n}": i for n, i in enumerate(photos)}) for _ in range(2))
    said = [spoken(data, project) for _ in range(4)]
    about = [edit.items[0].photo_id if edit.items else edit.photo_id for edit in said]
    assume(None not in about and not any(edit.kind == "add" for edit in said))
    # Those of one photo keep their order.
    for photo in sorted({str(photo) for photo in about}, reverse=True):
        for edit, of in zip(said, about, strict=True):
            if of == photo:
                other.edits.append(edit.model_copy(update={"number": len(other.edits) + 1}))
    assert other.inventory() == project.inventory()


@patient
@given(_photos, st.data())
def test_counts_of_a_home_are_what_its_rooms_say(
    photos: list[list[FoundItem]], data: st.DataObject
) -> None:
    project = Project(**{f"p{n}": items for n, items in enumerate(photos)})
    for _ in range(data.draw(st.integers(0, 5))):
        spoken(data, project)
    whole = project.inventory()
    rooms: list[InventoryResult] = []
    for room in whole.rooms:
        done = project.overlaid
        mine = [photo for photo in done.photos if photo.room == room]
        rooms.append(add_up("m1", mine, CATALOGUE, links=done.links))
    assert [line for room in rooms for line in room.lines] == list(whole.lines)
    assert sum(room.total_items for room in rooms) == whole.total_items
