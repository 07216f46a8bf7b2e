"""Measures engines on rooms that persons have reviewed, from what was found there; none is run.

A thing that stays in the home was there to be found, so it counts like the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from photoqueue.client.identifiers import checked
from photoqueue.client.project_state import ProjectState
from photoqueue.errors import StateError
from photoqueue.evaluation import Evaluation, compare
from photoqueue.evaluation.truth import AnnotatedPhoto, TrueBox, TrueRoom, TrueThing, Truth
from photoqueue.installation import current
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.queue import edit_log
from photoqueue.records.base import DEFAULT_STRATEGY, Strategy
from photoqueue.records.results import FoundItem, PhotoResult

#: What found the things of a room: engine and model, all of them if there are several, and the
#: strategy that counted them.
_Maker = tuple[str, str, Strategy]


def evaluate_reviewed(project_ids: Sequence[str] = ()) -> list[Evaluation]:
    """Compare what engines found in reviewed rooms with what persons made of it.

    Parameters
    ----------
    project_ids
        The projects; none for all that have a reviewed room.

    Returns
    -------
    list of Evaluation
        One for each engine, model and strategy, the one with the most rooms first. ``left_out`` has
        the photos of rooms that are not reviewed.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for a project.
    StateError
        No room is reviewed.
    """
    installation = current()
    catalogue = Catalogue.for_settings(installation.settings)
    wanted = [checked("project_id", project) for project in project_ids]
    rooms: defaultdict[_Maker, list[TrueRoom]] = defaultdict(list)
    left_out: defaultdict[_Maker, list[str]] = defaultdict(list)
    results: dict[str, PhotoResult] = {}
    for project in dict.fromkeys(wanted or edit_log.reviewed_projects(installation.database)):
        for maker, room, found in _rooms(project, catalogue):
            results |= found
            if room.things is None:
                left_out[maker] += [f"{project}/{photo}" for photo in found]
            else:
                rooms[maker].append(room)
    if not rooms:
        raise StateError(
            f"No room of {' or '.join(map(repr, wanted)) or 'any project'} is reviewed. Put one "
            "right and say so: review(project).reviewed(room)."
        )
    return [
        compare(
            Truth(rooms=tuple(its_rooms), left_out=tuple(left_out[maker])),
            results,
            catalogue,
            engine=maker[0],
            model=maker[1],
            strategy=maker[2],
        )
        for maker, its_rooms in sorted(rooms.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    ]


def _rooms(
    project: str, catalogue: Catalogue
) -> Iterator[tuple[_Maker, TrueRoom, dict[str, PhotoResult]]]:
    """Give each room with what was found in its photos; without things if it is not reviewed."""
    state = ProjectState.read(project)
    # What stays was found like the rest.
    state.edits = [edit for edit in state.edits if edit.kind != "stays"]
    raw = {photo.photo_id: photo.result for photo in state.photos}
    done, lines = state.done, state.inventory().lines
    for name, photos in done.rooms.items():
        found = {photo: raw[photo] for photo in photos}
        engines, models = (
            " + ".join(sorted({getattr(one, of) or "unknown" for one in found.values()}))
            for of in ("engine", "model")
        )
        things = [
            TrueThing(line.key or line.name, line.volume_of_one)
            for line in lines
            if line.room == name
            for _ in range(line.count)
        ]
        room = TrueRoom(
            name=name,
            home=project,
            photos=tuple(
                _annotated(photo.photo_id, photo.result.items, found[photo.photo_id], catalogue)
                for photo in done.photos
                if photo.room == name
            ),
            things=tuple(things) if name in done.reviewed else None,
        )
        # What was listed from all photos together is no finding of their engine.
        yield (
            (engines, models, DEFAULT_STRATEGY if state.strategy == "llm" else state.strategy),
            room,
            found,
        )


def _annotated(
    name: str, items: Sequence[FoundItem], found: PhotoResult, catalogue: Catalogue
) -> AnnotatedPhoto:
    known = [(item, catalogue.by_key(item.key or "")) for item in items]
    # An engine that draws no boxes is not judged by them.
    judged = not found.items or any(item.box for item in found.items)
    boxes = tuple(TrueBox(item.key, item.box) for item in items if item.key and item.box)
    return AnnotatedPhoto(
        name=name,
        file=Path(name),
        boxes=boxes if judged else None,
        things=tuple(
            TrueThing(item.key or item.name, kind.volume_usual if kind else item.volume or 0.0)
            for item, kind in known
        ),
    )
