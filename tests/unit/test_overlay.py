"""What persons say of a project, laid over what engines found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from photoqueue.inventory.lines import held_back
from photoqueue.inventory.merge import add_up, count_rooms
from photoqueue.inventory.overlay import anchors, followed, found_alike
from photoqueue.inventory.views import AnalysedPhoto
from photoqueue.inventory.volumes import litres
from photoqueue.records.base import Box, Strategy
from photoqueue.records.edits import Edit, EditKind
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


# -- what is settled


def reasons(project: Project, strategy: Strategy = "max") -> dict[str, str | None]:
    return {str(line.key): line.reason for line in project.inventory(strategy).lines}


def test_what_a_person_spoke_of_is_not_to_check() -> None:
    kinds: tuple[EditKind, ...] = ("accept", "rename", "redraw", "apart", "stays")
    for kind in kinds:
        project = Project(p1=[seen("chair", LEFT, score=0.2, alternatives={"stool": 0.5})])
        assert reasons(project)["chair"] == "may be stool; seen with little certainty (0.20)"
        made = project.say(kind, "j1-p1.0", thing=thing("chair"), box=LOW)
        assert reasons(project) == {"chair": None}
        (line,) = project.inventory().lines
        stool, chair = (CATALOGUE.by_key(key) for key in ("stool", "chair"))
        assert stool and chair and stool.volume_low < chair.volume_low
        assert line.volume_min == (0 if kind == "stays" else chair.volume_low)
        project.undo(made)
        assert reasons(project)["chair"] is not None


def test_large_doubtful_thing_counts_once_it_is_accepted() -> None:
    project = Project(p1=[seen("sofa_3_seat", score=0.3)], p2=[], p3=[])
    (line,) = project.inventory().lines
    assert (line.count, line.held_back, line.review) == (0, 1, True)
    project.say("accept", "j1-p1.0")
    (line,) = project.inventory().lines
    assert (line.count, line.held_back, line.review) == (1, 0, False)


def test_thing_beyond_what_one_photo_shows_counts_once_it_is_accepted() -> None:
    looks = {"appearance": "50806090c0" * 4 + "00000000"}, {"appearance": "b0d040" * 8}
    project = Project(
        p1=[seen("chair", LEFT, score=0.9, **looks[0])],
        p2=[seen("chair", LEFT, score=0.3, **looks[1])],
    )
    (line,) = project.inventory("match").lines
    assert (line.count, line.held_back) == (1, 1)
    assert str(line.reason).startswith("1 not counted: more than one photo shows")
    project.say("accept", "j1-p2.0")
    (line,) = project.inventory("match").lines
    assert (line.count, line.held_back) == (2, 0)


def test_line_is_to_check_as_long_as_one_of_its_things_is() -> None:
    project = Project(p1=[seen("chair", LEFT, score=0.3), seen("chair", RIGHT, score=0.2)])
    project.say("accept", "j1-p1.0")
    assert reasons(project) == {"chair": "1 of 2: seen with little certainty (0.20)"}
    project.say("accept", "j1-p1.1")
    assert reasons(project) == {"chair": None}


def test_acceptance_holds_while_one_of_its_items_is_found_again() -> None:
    project = Project(p1=[seen("desk", LEFT, score=0.2)], p2=[seen("desk", RIGHT, score=0.2)])
    project.say("accept", "j1-p1.0", "j1-p2.0")
    project.analyse("p2", [], "j2")
    assert (reasons(project), project.unplaced()) == ({"desk": None}, [])
    project.analyse("p1", [seen("desk", RIGHT, score=0.2)], "j2")
    assert project.unplaced() == ["the desk is not found again in photo p1"]
    assert reasons(project)["desk"] is not None


def test_acceptance_says_nothing_against_what_a_copy_shows() -> None:
    project = Project(p1=[seen("chair", LEFT)], p2=[seen("chair", LEFT), seen("desk", RIGHT)])
    same = {"sha256": "one picture"}
    project.photos = {name: replace(photo, **same) for name, photo in project.photos.items()}
    before = project.counts()
    (one,) = [
        thing
        for room in count_rooms(project.overlaid.photos, CATALOGUE)
        for count in room.counts
        for thing in count.things
        if count.kind.key == "chair"
    ]
    project.say("accept", str(one.sightings[0].item.item_id))
    assert project.counts() == before == {"chair": 1, "desk": 1}


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


def test_second_of_two_equal_findings_stays_the_second() -> None:
    project = Project(p1=[seen("chair", LEFT), seen("chair", LEFT, score=0.3)])
    project.say("rename", "j1-p1.1", thing=thing("stool"))
    project.analyse("p1", project.photos["p1"].result.items, "j2")
    assert project.items() == {"j2-p1.0": "chair", "j2-p1.1": "stool"}


def test_removed_item_stays_removed_if_an_older_result_of_it_was_edited() -> None:
    project = Project(p1=[seen("chair", LEFT), seen("chair", LEFT, score=0.3)])
    project.say("rename", "j1-p1.1", thing=thing("stool"))
    project.analyse("p1", project.photos["p1"].result.items, "j2")
    project.say("remove", "j2-p1.1", found=1)
    project.analyse("p1", project.photos["p1"].result.items, "j3")
    assert project.counts() == {"chair": 1}
    project.say("apart", "j3-p1.0")
    project.analyse("p1", project.photos["p1"].result.items, "j4")
    project.say("remove", "j4-p1.0")
    project.analyse("p1", project.photos["p1"].result.items, "j5")
    assert project.counts() == {}


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


def test_what_was_said_of_an_added_thing_is_of_no_other() -> None:
    project = Project(p1=[seen("chair")])
    added = project.say("add", photo_id="p1", thing=thing("chair"), job_id="j1-p1", found=1)
    project.say("rename", "e1", thing=thing("armchair"))
    project.say("remove", "e1")
    project.undo(added)
    assert project.items() == {"j1-p1.0": "chair"}
    assert len(project.unplaced()) == 2


def test_one_thing_has_one_name() -> None:
    project = Project(p1=[seen("chair")], p2=[seen("chair")])
    project.say("same", "j1-p1.0", "j1-p2.0")
    project.say("rename", "j1-p2.0", thing=thing("armchair"))
    assert project.counts() == {"armchair": 1}
    assert set(project.items().values()) == {"armchair"}


def test_things_said_to_be_the_same_in_two_rooms_are_listed() -> None:
    project = Project(p1=[seen("chair")], p2=[seen("chair")])
    project.say("same", "j1-p1.0", "j1-p2.0")
    moved = project.say("move", photo_id="p2", to_room="hall")
    assert project.unplaced() == ["the items are in hall and salon"]
    project.undo(moved)
    assert not project.unplaced()
    project.say("exclude", photo_id="p2")
    assert not project.unplaced()


def test_name_of_a_room_outlives_another_verdict_of_its_kind() -> None:
    project = Project()
    project.analyse("p1", [seen("chair")], room="")
    (room,) = project.overlaid.rooms
    project.say("rename_room", room=room, to_room="Lea's", photos=("p1",))
    kitchen = project.photos["p1"].result.model_copy(update={"room_type": "cuisine"})
    project.photos["p1"] = replace(project.photos["p1"], result=kitchen)
    assert project.overlaid.rooms.keys() == {"Lea's"}
    project.say("rename_room", room="attic", to_room="loft")
    assert project.unplaced() == ["no photo that has a result is in attic"]


def test_count_that_a_merge_of_rooms_overrules_is_listed() -> None:
    project = Project(p1=[seen("chair")])
    project.analyse("p2", [seen("chair")], room="lounge")
    project.say("count", room="lounge", thing=thing("chair", volume=0.3), count=6)
    project.say("count", room="salon", thing=thing("chair"), count=4)
    merge = project.say("rename_room", room="lounge", to_room="salon")
    assert project.unplaced() == ["4 × chair in salon holds since the rooms were merged"]
    project.say("count", room="salon", thing=thing("chair"), count=10)
    assert not project.unplaced()
    project.undo(merge)
    assert not project.unplaced()


def test_room_renamed_and_back_is_as_before() -> None:
    project = Project(p1=[seen("chair")])
    project.say("count", room="salon", thing=thing("chair"), count=6)
    project.say("reviewed", room="salon", photos=("p1",))
    before = project.overlaid
    project.say("rename_room", room="salon", to_room="hall", photos=("p1",))
    project.say("rename_room", room="hall", to_room="salon", photos=("p1",))
    assert project.overlaid == before


def copies(*photos: str) -> Project:
    project = Project(**{photo: [seen("chair", LEFT), seen("desk", RIGHT)] for photo in photos})
    for photo, analysed in project.photos.items():
        same = analysed.result.model_copy(update={"phash": "00ff00ff00ff00ff"})
        project.photos[photo] = replace(analysed, result=same)
    return project


def test_what_is_said_of_several_copies_holds_for_the_picture() -> None:
    project = copies("p1", "p2")
    project.say("remove", "j1-p2.1")
    project.say("rename", "j1-p1.0", thing=thing("armchair"))
    assert project.counts() == {"armchair": 1}
    project.say("rename", "j1-p2.0", thing=thing("stool"))  # the newest holds
    assert project.counts() == {"stool": 1}


def test_copies_are_joined_with_things_of_other_photos() -> None:
    project = copies("p1", "p2")
    project.analyse("p3", [seen("chair", LOW), seen("chair", LEFT)])
    project.say("rename", "j1-p2.1", thing=thing("stool"))
    project.say("same", "j1-p1.0", "j1-p3.1")
    assert project.counts("sum") == {"chair": 2, "stool": 1}


def test_replacement_goes_with_the_edit_that_brought_it() -> None:
    project = Project(p1=[seen("chair")], p2=[seen("desk")])
    edit = project.say("replace", photo_id="p1", by_photo="p2", photos=("p2",))
    project.say("move", photo_id="p2", to_room="hall")
    assert project.counts() == {"desk": 1}
    project.undo(edit)
    assert project.counts() == {"chair": 1}
    assert project.unplaced() == ["photo p2 came with edit 1, which was undone"]
    project.say("replace", photo_id="p1", by_photo="p2")
    assert project.counts() == {"desk": 1}


def test_lists_of_rooms_follow_their_photos() -> None:
    listed = {"a": [seen("chair"), seen("chair")], "b": [seen("chair"), seen("desk")]}
    photos = {"a": ["p1", "p2"], "b": ["p3"]}
    renamed = followed(listed, photos, {"c": ["p1", "p2"], "b": ["p3"]})
    assert {room: len(items) for room, items in renamed.items()} == {"c": 2, "b": 2}
    merged = followed(listed, photos, {"b": ["p1", "p2", "p3"]})
    assert [item.key for item in merged["b"]] == ["chair", "chair", "desk"]
    swapped = followed(listed, photos, {"a": ["p3"], "b": ["p1", "p2"]})
    assert [item.key for item in swapped["a"]] == ["chair", "desk"]
    assert followed(listed, {}, {"a": ["p1"]}).keys() == {"a", "b"}  # of an older version


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
    of_items = ["rename", "remove", "redraw", "apart", "stays", "accept"]
    kinds += of_items if items else []
    photo = data.draw(st.sampled_from(sorted(project.photos)))
    kind = data.draw(st.sampled_from(kinds))
    named = thing(data.draw(st.sampled_from(KEYS)))
    rooms = st.sampled_from(["salon", "hall", "attic"])
    if kind in of_items:
        what = data.draw(st.sampled_from(sorted(items)))
        box = data.draw(st.sampled_from(BOXES[1:]))
        others = 0
        if kind == "remove":
            anchor = anchors(project.photos.values(), project.edits)[what]
            its_photo = project.photos[anchor.photo_id]
            alike = found_alike(its_photo, thing(str(anchor.key)), anchor.box)
            names = {f"{its_photo.job_id}.{position}" for position in alike}
            others = len(names & items.keys() - {what})
        return project.say(kind, what, thing=named, box=box, found=others)
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
    for number in range(data.draw(st.integers(1, 5))):
        spoken(data, project)
        if data.draw(st.booleans()):
            for photo, analysed in list(project.photos.items()):
                project.analyse(photo, analysed.result.items, f"j{number + 3}")
    before, unplaced = project.inventory(strategy), project.unplaced()
    for photo, analysed in list(project.photos.items()):
        project.analyse(photo, analysed.result.items, "j2")
    assert project.inventory(strategy) == before
    assert project.unplaced() == unplaced


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
@given(_photos, st.data(), st.sampled_from(["max", "match", "sum"]))
def test_accepting_what_counts_changes_no_count(
    photos: list[list[FoundItem]], data: st.DataObject, strategy: Strategy
) -> None:
    project = Project(**{f"p{n}": items for n, items in enumerate(photos)})
    for _ in range(data.draw(st.integers(0, 3))):
        spoken(data, project)
    before, done = project.inventory(strategy), project.overlaid
    for room in count_rooms(done.photos, CATALOGUE, strategy=strategy, links=done.links):
        for one in room.counts:
            known = CATALOGUE.by_key(str(one.kind.key))
            held = held_back(one, litres(known.volume_usual)) if known else ()
            things = [thing for thing in one.things if thing.moves and thing not in held]
            names = [str(found.item.item_id) for thing in things for found in thing.sightings]
            if names:
                project.say("accept", *names)
    after = project.inventory(strategy)
    assert [(line.room, line.key, line.count, line.stays) for line in after.lines] == [
        (line.room, line.key, line.count, line.stays) for line in before.lines
    ]
    assert not [line for line in after.lines if line.review and not line.held_back]


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
