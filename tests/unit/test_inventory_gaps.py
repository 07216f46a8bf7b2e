"""What an inventory may lack, and who said that it is known."""

from __future__ import annotations

import pytest

from photoqueue.inventory.gaps import Gap, gaps
from photoqueue.records.edits import OFTEN_FORGOTTEN, gap_words
from tests.projects import Project, seen


def found(project: Project) -> dict[str, Gap]:
    rooms = project.overlaid.rooms
    return {gap.name: gap for gap in gaps(project.inventory(), rooms, ["salon"], project.edits)}


def test_places_that_no_photo_shows_are_gaps() -> None:
    names = list(found(Project(s1=[seen("chair")])))
    assert names == [*(f"no-photo:{kind}" for kind in OFTEN_FORGOTTEN), "one-photo:salon"]


@pytest.mark.parametrize("room", ["cave", "Cellar 2", "sous-sol"])
def test_place_is_known_by_its_name_in_either_language(room: str) -> None:
    project = Project(s1=[seen("chair")])
    project.analyse("c1", [seen("chair")], room=room)
    assert "no-photo:cellar" not in found(project)


def test_place_is_known_by_what_a_photo_was_taken_for() -> None:
    project = Project(s1=[seen("chair")])
    rooms = project.overlaid.rooms
    given = gaps(project.inventory(), rooms, ["grenier"], ())
    assert "no-photo:attic" not in [gap.name for gap in given]


def test_two_photos_of_a_room_are_enough_unless_nothing_is_found() -> None:
    project = Project(s1=[], s2=[])
    assert [name for name in found(project) if "salon" in name] == ["nothing-found:salon"]
    project.analyse("s2", [seen("chair")])
    assert [name for name in found(project) if "salon" in name] == []


def test_copies_of_a_photo_are_one_photo() -> None:
    project = Project(s1=[seen("chair")])
    project.photos["s2"] = project.photos["s1"].__class__(
        **{**vars(project.photos["s1"]), "photo_id": "s2"}
    )
    assert project.inventory().duplicate_photos == {"s2": "s1"}
    assert "one-photo:salon" in found(project)


def test_acknowledged_gap_of_a_place_stays_so_until_it_is_undone() -> None:
    project = Project(s1=[seen("chair")])
    edit = project.say("acknowledge", gap="no-photo:cellar")
    assert found(project)["no-photo:cellar"].acknowledged == edit
    assert found(project)["no-photo:attic"].acknowledged is None
    project.undo(edit)
    assert found(project)["no-photo:cellar"].acknowledged is None


def test_acknowledged_gap_of_a_room_follows_its_photos() -> None:
    project = Project(s1=[seen("chair")])
    project.say("acknowledge", gap="one-photo:salon", photos=("s1",))
    project.say("rename_room", room="salon", to_room="study", photos=("s1",))
    gap = found(project)["one-photo:study"]
    assert gap.acknowledged
    assert gap_words(gap.name) == "only one photo of study"
    # Of another photo nobody has said anything.
    project.say("move", photo_id="s1", to_room="hall")
    project.analyse("s2", [seen("chair")], room="study")
    after = found(project)
    assert after["one-photo:hall"].acknowledged
    assert after["one-photo:study"].acknowledged is None


def test_room_that_a_person_listed_without_a_photo_is_a_gap() -> None:
    project = Project(s1=[seen("chair")])
    result = project.inventory().model_copy(update={"rooms": ("cave", "salon")})
    names = [gap.name for gap in gaps(result, project.overlaid.rooms, (), ())]
    assert "no-photo:cave" in names
    assert "no-photo:cellar" not in names
