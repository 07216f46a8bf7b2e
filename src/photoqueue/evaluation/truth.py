"""Reads what is known about photos: from ``truth.json``, or from COCO annotations.

``truth.json``
    Homes, room by room (:mod:`photoqueue.samples`): in the folder, or in folders below it.
one JSON file in the folder or in its folder ``annotations``
    COCO, as annotation tools write it: ``images`` (``id``, ``file_name``, ``width``, ``height``),
    ``annotations`` (``image_id``, ``category_id``, ``bbox``: left, top, width, height in pixels of
    the upright picture) and ``categories`` (``id``, ``name``). An image may also have ``room`` and
    ``room_type``; without ``room``, its folder names the room, else it is a room of its own. Or a
    list with ``{"file", "width", "height", "room_type", "boxes": [{"label", "bbox_xywh"}]}`` for
    each photo.
``things.csv`` beside annotations
    ``file,things``: everything in a photo that a mover takes, also what has no box.

Categories are keys of the catalogue, else classes of COCO or Objects365, else other names that the
catalogue knows. Classes judge a finding by the one that it would have (:data:`KIN`), and findings
without one, such as a wardrobe where the classes are COCO's, not at all; volumes are then measured
only with a ``things.csv``.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field, ValidationError

from photoqueue.engines.refine import meanings_of
from photoqueue.engines.vocabulary import label_list
from photoqueue.errors import ConfigurationError, NotFoundError, PhotoNotFoundError
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.catalogue_file import VOCABULARIES
from photoqueue.inventory.wording import canonical_room_type
from photoqueue.photos.finding import find_photos
from photoqueue.records.base import Box
from photoqueue.samples import (
    LEAST_SIDE,
    TRUTH_FILE,
    PathInside,
    SampleHome,
    SampleRecord,
    home_folders,
    problems_of,
    read_home,
)

#: COCO class → catalogue keys that its annotators name so. Checked on the photos: they mark an
#: upholstered recliner and a desk chair as chair, and free-standing cookers as oven. Desks and
#: coffee tables are not marked, so they do not count as dining tables.
KIN: Final[Mapping[str, tuple[str, ...]]] = {
    "couch": ("sofa_2_seat", "sofa_3_seat", "corner_sofa", "sofa_bed"),
    "bed": ("single_bed", "double_bed", "king_size_bed", "bunk_bed", "baby_cot"),
    "chair": ("chair", "office_chair", "armchair", "garden_chair"),
    "dining table": ("dining_table", "kitchen_table"),
    "oven": ("oven", "cooker"),
    "refrigerator": ("refrigerator", "american_refrigerator"),
}
#: Pixels by which a box may reach beyond its picture.
_SLACK: Final = 2.0


class TrueThing(NamedTuple):
    """One thing that is there, and its moving volume in m³."""

    key: str
    volume: float


class TrueBox(NamedTuple):
    """Where one thing shows in a photo."""

    key: str
    #: x0, y0, x1, y1 as fractions (0…1) of the upright picture.
    box: Box
    #: Whether enough of it shows that an engine must find it.
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class AnnotatedPhoto:
    """A photo with known contents; ``None`` stands for what is not known."""

    #: Its name in tables.
    name: str
    file: Path
    boxes: tuple[TrueBox, ...] | None = None
    #: All that it shows.
    things: tuple[TrueThing, ...] | None = None
    #: Canonical kind of room, or a caller's own word.
    room_type: str | None = None
    #: Width per height of the upright picture.
    aspect: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrueRoom:
    """A room, its photos, and the things in it; ``None`` if these are not known."""

    name: str
    photos: tuple[AnnotatedPhoto, ...]
    things: tuple[TrueThing, ...] | None = None
    home: str = ""

    @property
    def label(self) -> str:
        """Its name in tables: ``home/room``."""
        return f"{self.home}/{self.name}" if self.home else self.name


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is known about the photos of a folder."""

    rooms: tuple[TrueRoom, ...]
    #: Catalogue key → the key that the truth uses for it; findings with other keys are not
    #: judged. ``None`` if the truth knows every key.
    judged: Mapping[str, str] | None = None
    #: Fraction of the picture, 0…1: wrong findings that are narrower or lower are ignored.
    smallest: float = 0.0
    #: Pictures in the folder of which the truth says nothing.
    left_out: tuple[str, ...] = ()


class _Image(SampleRecord):
    id: int | str
    file_name: PathInside
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    room: str | None = None
    room_type: str | None = None


class _Annotation(SampleRecord):
    image_id: int | str
    category_id: int | str
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _Category(SampleRecord):
    id: int | str
    name: str


class _Coco(SampleRecord):
    images: Annotated[tuple[_Image, ...], Field(min_length=1)]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


def read_truth(folder: Path, catalogue: Catalogue) -> Truth:
    """Read what is known about the photos of a folder.

    Raises
    ------
    ConfigurationError
        Nothing is known, or the file is malformed; the message names file and place.
    """
    homes, file = home_folders(folder), folder
    rooms: list[TrueRoom] = []
    judged: Mapping[str, str] | None = None
    try:
        for home in homes:
            file = home / TRUTH_FILE
            rooms += _rooms_of(read_home(home), catalogue)
        if not homes:
            file = _annotations(folder)
            rooms, judged = _annotated_rooms(json.loads(file.read_bytes()), folder, catalogue)
        names = [photo.name for room in rooms for photo in room.photos]
        for name, times in Counter([*names, *(f"room {room.label}" for room in rooms)]).items():
            if times > 1:
                raise ValueError(f"{name} is listed {times} times")
    except ValidationError as exc:
        problem = problems_of(exc)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, NotFoundError) as exc:
        problem = f"it lacks {exc}" if isinstance(exc, KeyError) else str(exc).rstrip(".")
    else:
        known = {photo.file for room in rooms for photo in room.photos}
        pictures: list[Path] = []
        with suppress(PhotoNotFoundError):  # the first picture to be measured is named instead
            pictures = [Path(found.source) for found in find_photos(folder)[0]]
        return Truth(
            rooms=tuple(rooms),
            judged=judged,
            smallest=LEAST_SIDE if homes else 0.0,
            left_out=tuple(sorted(str(f.relative_to(folder)) for f in pictures if f not in known)),
        )
    raise ConfigurationError(
        f"The truth in {file} cannot be used: {problem}. Correct it there; `python -m pydoc "
        "photoqueue.evaluation.truth` shows the format."
    )


def _annotated_rooms(
    content: Any, folder: Path, catalogue: Catalogue
) -> tuple[list[TrueRoom], Mapping[str, str] | None]:
    """Return the rooms of annotated photos, and what their boxes can judge."""
    coco = _Coco.model_validate(_as_coco(content) if isinstance(content, list) else content)
    key, judged = _judging({category.name for category in coco.categories}, catalogue)
    by_room: defaultdict[str, list[AnnotatedPhoto]] = defaultdict(list)
    for room, photo in _photos(coco, folder, key, catalogue):
        if judged is None and photo.things is None:
            shown = (_thing(box.key, catalogue) for box in photo.boxes or () if box.counts)
            photo = replace(photo, things=tuple(shown))
        by_room[room].append(photo)
    rooms = []
    for name, photos in by_room.items():
        # Of each kind the most that one photo shows: views of a room show the same things.
        most: Counter[TrueThing] = Counter()
        for photo in photos:
            most |= Counter(photo.things)
        known = all(photo.things is not None for photo in photos)
        things = tuple(most.elements()) if known else None
        rooms.append(TrueRoom(name=name, photos=tuple(photos), things=things))
    return rooms, judged


def _annotations(folder: Path) -> Path:
    """Return the file of annotations of a folder."""
    files = [*folder.glob("*.json"), *folder.glob("annotations/*.json")]
    named = [file for file in files if file.name == "annotations.json"] or files
    if len(named) != 1:
        found = f"{len(named)} JSON files" if named else "no truth.json or annotations.json"
        raise ConfigurationError(
            f"The folder {folder} has {found}; give a folder of photos with one of them (`python "
            "-m pydoc photoqueue.evaluation.truth`)."
        )
    return named[0]


def _as_coco(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the shorter list of photos as COCO; categories are their own ids."""
    return {
        "images": [{**entry, "id": entry["file"], "file_name": entry["file"]} for entry in entries],
        "annotations": [
            {"image_id": entry["file"], "category_id": box["label"], "bbox": box["bbox_xywh"]}
            for entry in entries
            for box in entry["boxes"]
        ],
        "categories": [
            {"id": name, "name": name}
            for name in sorted({box["label"] for entry in entries for box in entry["boxes"]})
        ],
    }


def _judging(
    names: Collection[str], catalogue: Catalogue
) -> tuple[Callable[[str], str | None], Mapping[str, str] | None]:
    """Return how category names become keys, and which findings they judge.

    Raises
    ------
    NotFoundError
        A category is neither a thing of the catalogue nor a class of COCO or Objects365.
    """
    unknown = [name for name in sorted(names) if catalogue.by_name(name) is None]
    # The catalogue also knows "bed" and "couch", which say less than its keys.
    keys_alone = all(map(catalogue.by_key, names))
    for vocabulary in () if keys_alone else VOCABULARIES:
        items = {
            label.casefold(): catalogue.for_label(vocabulary, label)
            for label in label_list(vocabulary)
        }
        if {name.casefold() for name in names} <= items.keys():
            keys = {name: item.key for name in names if (item := items[name.casefold()])}
            return keys.get, judged_keys(catalogue, vocabulary)
    if not unknown:
        return lambda name: catalogue.find(name).key, None
    classes = {label.casefold() for one in VOCABULARIES for label in label_list(one)}
    catalogue.find(next((name for name in unknown if name.casefold() not in classes), unknown[0]))
    raise NotFoundError("unreachable")


def judged_keys(catalogue: Catalogue, vocabulary: str = "coco") -> dict[str, str]:
    """Return the catalogue keys that annotations can judge → the key that their class has."""
    judged: dict[str, str] = {}
    for item in catalogue.items:
        for label in item.labels.get(vocabulary, ()):
            kin = KIN.get(label.casefold()) or meanings_of(label)
            judged |= dict.fromkeys((*kin, item.key), item.key)
    return judged


def _rooms_of(home: SampleHome, catalogue: Catalogue) -> Iterator[TrueRoom]:
    """Yield the rooms of a home; photos are named ``<home>/<room>/<view>``."""
    for room in home.rooms:
        own = {item.key: item.volume for item in room.items}
        photos = []
        for view in room.views:
            true = [(box, _thing(box.key, catalogue, own.get(box.key))) for box in view.boxes or ()]
            things = tuple(thing for box, thing in true if box.counts)
            photos.append(
                AnnotatedPhoto(
                    name=f"{home.home}/{view.photo}",
                    file=home.folder / view.photo,
                    boxes=tuple(TrueBox(thing.key, box.box, box.counts) for box, thing in true)
                    if view.boxes is not None
                    else None,
                    things=None if view.boxes is None else things,
                    room_type=_room_type(room.room_type),
                )
            )
        there = (
            thing
            for item in room.items
            for thing in [_thing(item.key, catalogue, item.volume)] * item.count
        )
        yield TrueRoom(name=room.room, home=home.home, photos=tuple(photos), things=tuple(there))


def _photos(
    coco: _Coco, folder: Path, key: Callable[[str], str | None], catalogue: Catalogue
) -> Iterator[tuple[str, AnnotatedPhoto]]:
    """Yield the annotated photos, each with its room."""
    images = {image.id: image for image in coco.images}
    names = {category.id: category.name for category in coco.categories}
    boxes: defaultdict[int | str, list[TrueBox]] = defaultdict(list)
    for note in coco.annotations:
        image, name = images.get(note.image_id), names.get(note.category_id)
        if image is None or name is None:
            raise ValueError(
                f"An annotation names the image {note.image_id!r} and the category "
                f"{note.category_id!r}, which are not both listed"
            )
        left, top, wide, high = note.bbox
        right, bottom = left + wide, top + high
        if wide <= 0 or high <= 0 or min(left, top) < -_SLACK:
            raise ValueError(f"A box of {image.file_name} is empty or outside: {list(note.bbox)}")
        if right > image.width + _SLACK or bottom > image.height + _SLACK:
            raise ValueError(
                f"A box of {image.file_name} reaches beyond its {image.width} × {image.height} "
                f"pixels: {list(note.bbox)} (left, top, width, height)"
            )
        if found := key(name):
            box = (
                left / image.width,
                top / image.height,
                right / image.width,
                bottom / image.height,
            )
            boxes[image.id].append(TrueBox(found, box, not note.iscrowd))
    things = _things(folder, {image.file_name for image in coco.images}, catalogue)
    for image in coco.images:
        file = folder / image.file_name
        if not file.is_file() and (folder / "images" / image.file_name).is_file():
            file = folder / "images" / image.file_name
        photo = AnnotatedPhoto(
            name=image.file_name,
            file=file,
            boxes=tuple(boxes[image.id]),
            things=things.get(image.file_name),
            room_type=_room_type(image.room_type),
            aspect=image.width / image.height,
        )
        yield image.room or str(Path(image.file_name).parent).strip(".") or image.file_name, photo


def _things(
    folder: Path, photos: Collection[str], catalogue: Catalogue
) -> dict[str, tuple[TrueThing, ...]]:
    """Read ``things.csv``, if there is one."""
    file = folder / "things.csv"
    if not file.is_file():
        return {}
    things = {}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            if row.get("file") not in photos or row.get("things") is None:
                raise ValueError(f"things.csv needs file,things for its photos, and has {row}")
            things[row["file"]] = tuple(_thing(name, catalogue) for name in row["things"].split())
    return things


def _thing(name: str, catalogue: Catalogue, volume: float | None = None) -> TrueThing:
    known = catalogue.by_name(name)
    if known is None and volume is not None:
        return TrueThing(name, volume)
    known = catalogue.find(name)
    return TrueThing(known.key, known.volume_usual if volume is None else volume)


def _room_type(given: str | None) -> str | None:
    return (canonical_room_type(given) or given) if given else None
