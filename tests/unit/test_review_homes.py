"""The sample homes brought to their truth by edits alone, over an engine with planted mistakes."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import pytest

from photoqueue.inventory.overlay import found_alike
from photoqueue.records.base import Box, Strategy
from photoqueue.records.results import FoundItem
from photoqueue.samples import SampleHome, found_things, home_folders, read_home
from tests.conftest import REPOSITORY
from tests.projects import Project, seen, thing

HOMES = home_folders(REPOSITORY / "data" / "samples")
WRONG, MISSED, INVENTED, MISPLACED, TWICE = range(5)
#: The items that show each thing.
Names = defaultdict[str, list[str]]
NOWHERE: Box = (0.0, 0.0, 0.02, 0.02)


class Mistake(NamedTuple):
    """What an engine got wrong of one true box, which it found as the item ``position``."""

    kind: int | None
    position: int | None
    thing: str
    key: str
    box: Box


def analysed(
    boxes: list[tuple[str, str, Box]], start: int
) -> tuple[list[FoundItem], list[Mistake], list[int]]:
    """Return what an engine finds, its mistakes, and the positions of what is not there."""
    items: list[FoundItem] = []
    mistakes: list[Mistake] = []
    invented: list[int] = []
    for number, (name, key, box) in enumerate(boxes, start):
        kind = number % 11 if number % 11 in range(5) else None
        found = {WRONG: "stool" if key != "stool" else "chair"}.get(kind or WRONG, key)
        found = found if kind == WRONG else key
        position = None if kind == MISSED else len(items)
        mistakes.append(Mistake(kind, position, name, key, box))
        if kind != MISSED:
            items.append(seen(found, NOWHERE if kind == MISPLACED else box, score=0.6))
        if kind in (INVENTED, TWICE):
            invented.append(len(items))
            extra = "piano" if kind == INVENTED else key
            items.append(seen(extra, box if kind == TWICE else NOWHERE, score=0.4))
    return items, mistakes, invented


def left(project: Project, photo: str, position: int) -> int:
    """Count the equal things that stay where one is removed."""
    seen_photo = project.photos[photo]
    gone = seen_photo.result.items[position]
    return len(found_alike(seen_photo, thing(str(gone.key)), gone.box)) - 1


def put_right(project: Project, photo: str, boxes: list[tuple[str, str, Box]], start: int) -> Names:
    """Analyse a photo with mistakes and put them right; return the items of each thing."""
    items, mistakes, invented = analysed(boxes, start)
    project.analyse(photo, items, room=str(project.photos[photo].room))
    job = project.photos[photo].job_id
    for position in invented:
        found = left(project, photo, position)
        project.say("remove", f"{job}.{position}", found=found)
    names: Names = defaultdict(list)
    for mistake in mistakes:
        name = f"{job}.{mistake.position}"
        named = thing(mistake.key)
        if mistake.position is None:
            name = add(project, photo, mistake.key, mistake.box)
        elif mistake.kind == WRONG:
            project.say("rename", name, thing=named)
        elif mistake.kind == MISPLACED:
            project.say("redraw", name, box=mistake.box)
        names[mistake.thing].append(name)
    return names


def add(project: Project, photo: str, key: str, box: Box | None = None) -> str:
    seen_photo = project.photos[photo]
    found = len(found_alike(seen_photo, thing(key), box))
    what = {"photo_id": photo, "job_id": seen_photo.job_id, "thing": thing(key), "box": box}
    return project.say("add", **what, found=found).added_id


def reviewed(home: SampleHome) -> tuple[Project, dict[str, list[FoundItem]]]:
    """Analyse a home with mistakes, and put all of them right.

    Returns the project, and what an engine without mistakes finds, by photo.
    """
    project = Project()
    right: dict[str, list[FoundItem]] = {}
    number, before = 0, ""
    for room in home.rooms:
        # The folder of each room is misspelt, and one photo of it lies in another's.
        folder = f"{room.room} (old)"
        names: Names = defaultdict(list)
        for nth, view in enumerate(room.views):
            astray = nth == 1 and before
            project.analyse(view.photo, [], room=before if astray else folder)
            if astray:
                project.say("move", photo_id=view.photo, to_room=folder)
            boxes = [(str(box.id), box.key, box.box) for box in view.boxes or ()]
            for one, shown in put_right(project, view.photo, boxes, number).items():
                names[one] += shown
            number += len(boxes)
            right[view.photo] = [
                seen(key, (box[0] + 0.002, *box[1:3], box[3] - 0.002), score=0.9)
                for _, key, box in reversed(boxes)
            ]
        for item in room.items:  # also what no photo shows
            shown = names[str(item.id)] or [add(project, room.views[0].photo, item.key)]
            project.say("same" if len(shown) > 1 else "apart", *shown)
        before = folder
    for room in home.rooms:
        project.say("rename_room", room=f"{room.room} (old)", to_room=room.room)
    return project, right


@pytest.fixture(params=HOMES, ids=lambda folder: folder.name)
def home(request: pytest.FixtureRequest) -> SampleHome:
    return read_home(request.param)


@pytest.fixture(params=["max", "match", "sum"])
def strategy(request: pytest.FixtureRequest) -> Strategy:
    found: Strategy = request.param
    return found


def test_edits_bring_a_home_to_its_truth(home: SampleHome, strategy: Strategy) -> None:
    project, right = reviewed(home)
    assert not project.unplaced()
    assert found_things(project.inventory(strategy)) == home.true_things()

    # ... and keep it there when another engine finds all of it, a little aside
    for photo, items in right.items():
        project.analyse(photo, items, "j2", room=str(project.photos[photo].room))
    assert found_things(project.inventory(strategy)) == home.true_things()


def test_without_edits_the_mistakes_show(home: SampleHome) -> None:
    project, _ = reviewed(home)
    project.edits.clear()
    assert found_things(project.inventory()) != home.true_things()
