"""What is in a report: read from a project, in words of one language, without any id of a photo."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from photoqueue.client.gallery import photo_picture
from photoqueue.client.project_state import not_added_up
from photoqueue.client.review_head import inventory_warnings, trial_words
from photoqueue.client.review_page import RoomPages
from photoqueue.client.review_reading import ProjectReader
from photoqueue.errors import PhotoError, StorageError
from photoqueue.inventory.estimating import estimate_of, volumes_of
from photoqueue.inventory.gaps import Gap, gaps
from photoqueue.inventory.ranges import Range, move_range
from photoqueue.inventory.volumes import litres, to_cubic_metres
from photoqueue.inventory.weights import known_item, persons_to_carry, weight_of_one
from photoqueue.inventory.wording import Wording
from photoqueue.queue import projects
from photoqueue.records.edits import gap_words
from photoqueue.records.results import EngineUse, InventoryLine, range_note, share_words
from photoqueue.words import UNFINISHED, JobState

if TYPE_CHECKING:
    from photoqueue.faces.report.words import ReportWords
    from photoqueue.installation import Installation
    from photoqueue.records.estimates import Estimate

#: Most pictures of one room; those that show most things are taken.
MOST_PICTURES: Final = 6
#: Longest side of a picture in pixels: 280 to the inch where three stand side by side on A4.
_PICTURE_SIDE: Final = 640
#: Number of colours of the marks; those of the review.
_COLOURS: Final = 12


@dataclass(frozen=True)
class Mark:
    """A box in a picture, in per cent of its width and height."""

    left: float
    top: float
    width: float
    height: float
    #: Number of the line, and the letter of the thing if the line has several: ``3A``.
    label: str
    colour: int


@dataclass(frozen=True)
class Picture:
    """A photo with its marks; without ``source``, a ``data:`` address, it cannot be shown."""

    title: str
    source: str
    marks: Sequence[Mark]
    #: Its size if it were as wide as all others.
    height: int
    width: int = _PICTURE_SIDE


@dataclass(frozen=True, kw_only=True)
class ListedLine:
    """A line of the inventory as it is listed."""

    line: InventoryLine
    number: int
    colour: int
    name: str
    category: str
    #: kg of all of them.
    weight: float
    #: Persons to carry one: 1, 2, or 3 for three and more.
    persons: int
    fragile: bool


@dataclass(frozen=True)
class Sums:
    """Sums of lines: things, m³, kg."""

    count: int
    volume: float
    #: In a share of moves it lies between these (:attr:`Content.share`).
    volume_min: float
    volume_max: float
    weight: float

    @classmethod
    def of(cls, rows: Sequence[ListedLine], between: Range) -> Sums:
        """Add up lines; volumes as exactly as the inventory does."""
        usual, low, high = (
            to_cubic_metres(litres(one)) for one in (between.usual, between.low, between.high)
        )
        count = sum(row.line.count for row in rows)
        return cls(count, usual, low, high, sum(row.weight for row in rows))


@dataclass(frozen=True, kw_only=True)
class ListedRoom:
    """A room with its list and pictures."""

    name: str
    kind: str
    #: By whom; None if nobody has.
    reviewed: str | None
    photos: int
    pictures: Sequence[Picture]
    #: Photos that are not printed.
    more: int
    lines: Sequence[ListedLine]
    total: Sums


class Content:
    """All that a report says; the template gets it as ``report``.

    Parameters
    ----------
    project_id
        The project.
    words
        In which language and units.
    company, logo
        Name, and picture as a ``data:`` address; empty without one.
    estimate
        Of the same project, language and units; None makes one without terms.

    Raises
    ------
    UnknownProjectError, NotFoundError
        There is no such project, or it was not added up yet.
    """

    def __init__(
        self,
        here: Installation,
        project_id: str,
        words: ReportWords,
        *,
        company: str,
        logo: str,
        estimate: Estimate | None,
    ) -> None:
        self._words, self._names = words, Wording.of(words.language, here.settings)
        catalogue = self._names.catalogue
        self._reading = reading = ProjectReader(project_id, here).read(catalogue, words.language)
        if reading.standing.completed_id is None:
            raise not_added_up(here.database, project_id)
        pages = RoomPages(reading, self._names)
        listed = pages.rooms()
        self._pages = {room["name"]: pages.room(room["name"]) for room in listed}
        out = reading.done.excluded
        self._rows = {row.photo_id: row for row in reading.rows if row.photo_id not in out}
        #: What photos are called, by id: by room and position, as file names may be anything.
        self._titles = dict(self._titled())
        result = reading.result
        self.project, self.company, self.logo = project_id, company, logo
        self.made = datetime.now(UTC)
        self.estimate = estimate or estimate_of(result, catalogue, lang=words.language)
        self.engines = list(self._engines(result.engines))
        self.photos_used, self.photos_total = result.photo_count, len(self._rows)
        self.photos_copies = len(result.duplicate_photos)
        by = Counter(room["reviewed"] for room in listed if room["name"] in result.rooms)
        self.unreviewed = [
            room["name"] for room in listed if not room["reviewed"] and room["name"] in result.rooms
        ]
        self.reviewers = [
            words("by_whom", who=who, rooms=words.counted(count, "room"))
            for who, count in by.items()
            if who
        ]
        self.rooms = [self._room(room) for room in listed if room["name"] in result.rooms]
        self.lines = [line for room in self.rooms for line in room.lines]
        self.total = Sums.of(self.lines, move_range(result))
        #: The home as if it were one room.
        self.whole = ListedRoom(
            name=words("total"),
            kind="",
            reviewed=None,
            photos=sum(room.photos for room in self.rooms),
            pictures=(),
            more=0,
            lines=self.lines,
            total=self.total,
        )
        self.share = share_words(language=words.language)
        kinds = {photo.result.room_type for photo in reading.done.photos}
        found = gaps(result, reading.done.rooms, kinds, reading.edits)
        #: What each gap is, and who acknowledged it.
        self.gaps = [(gap_words(gap.name, self._names), self._said(gap)) for gap in found]
        #: Why it is a draft; empty if it is final.
        self.drafts = tuple(self._drafts(sum(gap.acknowledged is None for gap in found)))
        self.notes = list(self._notes())
        #: Names of cartons, by key.
        self.cartons = {
            one.key: self._names.item(one.key, one.key) for one in self.estimate.cartons
        }

    @property
    def final(self) -> bool:
        """Whether all is reviewed, analysed and acknowledged."""
        return not self.drafts

    def _missing(self) -> list[projects.PhotoRow]:
        return [row for row in self._rows.values() if row.state is not JobState.COMPLETED]

    def _drafts(self, open_gaps: int) -> Iterator[str]:
        counts = {
            "rooms": len(self.unreviewed),
            "photos": len(self._missing()),
            "gaps": open_gaps,
            "edits": len(self._reading.done.unplaced),
            # It was made before later edits, or of other photos.
            "estimate": self.estimate.things != volumes_of(self._reading.result),
        }
        return (self._words.several(n, f"why_{what}") for what, n in counts.items() if n)

    def _engines(self, engines: Iterable[EngineUse]) -> Iterator[str]:
        for one in engines:
            photos = self._words.counted(one.photos, "photo")
            yield self._words("engine_photos", engine=str(one), photos=photos)

    def _said(self, gap: Gap) -> str:
        edit = gap.acknowledged
        return self._words("gap_by", who=edit.user_id) if edit else self._words("gap_open")

    def _titled(self) -> Iterator[tuple[str, str]]:
        for room, page in self._pages.items():
            photos = [photo for photo in page["photos"] if photo["state"] != "excluded"]
            for number, photo in enumerate(photos, 1):
                place = room or self._words("no_room")
                yield photo["id"], self._words("picture", room=place, number=number)

    def _notes(self) -> Iterator[str]:
        """Give what is not in the inventory, and why it may be wrong."""
        words, reading = self._words, self._reading
        rooms: dict[str, Counter[str]] = {}
        for row in self._missing():
            state = "open" if row.state in UNFINISHED else str(row.state)
            place = reading.done.places[row.photo_id] or words("no_room")
            rooms.setdefault(state, Counter())[place] += 1
        for state, found in rooms.items():
            what = words.several(found.total(), f"state_{state}")
            yield words("in_rooms", what=what, rooms=", ".join(found))
        if said := range_note(reading.result, words.language):
            yield said
        if trial := trial_words(reading, words.language):
            yield trial
        if shared := len(reading.result.shared_photos or ()):
            yield words.several(shared, "shared")
        yield from inventory_warnings(reading, words.language)
        for one in reading.done.unplaced:
            said = one.edit.words(self._names, self._titles)
            reason = one.reason_in(self._names, self._titles)
            yield words("unplaced", number=one.edit.number, words=said, reason=reason)

    # -- the rooms

    def _room(self, listed: Mapping[str, Any]) -> ListedRoom:
        name = listed["name"]
        page = self._pages[name]
        of_room = [line for line in self._reading.result.lines if line.room == name]
        lines = [
            self._line(line, number, shown["colour"])
            for number, (line, shown) in enumerate(zip(of_room, page["lines"], strict=True), 1)
        ]
        by_id = {shown["id"]: line for line, shown in zip(lines, page["lines"], strict=True)}
        photos = {
            photo["id"]: _marks(photo["items"], by_id)
            for photo in page["photos"]
            if photo["state"] == JobState.COMPLETED and not photo["duplicateOf"]
        }
        chosen = _most_telling(photos)
        return ListedRoom(
            name=name,
            kind=listed["kind"] or name,
            reviewed=listed["reviewed"],
            photos=listed["photos"] - listed["failed"],
            pictures=[
                _picture(self._titles[photo], self._rows[photo], marks)
                for photo, marks in photos.items()
                if photo in chosen
            ],
            more=len(photos) - len(chosen),
            lines=lines,
            total=Sums.of(lines, move_range(self._reading.result, room=name)),
        )

    def _line(self, line: InventoryLine, number: int, colour: int) -> ListedLine:
        catalogue = self._names.catalogue
        known = known_item(line, catalogue)
        return ListedLine(
            line=line,
            number=number,
            colour=colour % _COLOURS,
            name=self._names.item(line.key, line.name),
            category=self._words.category(line.category),
            weight=line.count * weight_of_one(catalogue)(line)[1],
            persons=persons_to_carry(line, catalogue),
            fragile=bool(known and known.fragile),
        )


def _marks(items: Iterable[Mapping[str, Any]], lines: Mapping[str, ListedLine]) -> list[Mark]:
    """Return the boxes of a photo; small ones last, so that they lie on those that hold them."""
    marks = []
    for item in items:
        line = lines.get(item["line"])
        if item["box"] and line:
            x0, y0, x1, y1 = (round(100 * edge, 2) for edge in item["box"])
            width, height = round(x1 - x0, 2), round(y1 - y0, 2)
            label = f"{line.number}{item['letter']}"
            marks.append(Mark(x0, y0, width, height, label, line.colour))
    return sorted(marks, key=lambda mark: -mark.width * mark.height)


def _most_telling(photos: Mapping[str, Sequence[Mark]]) -> set[str]:
    """Choose photos so that they show as many things as they can, by their ids."""
    shown = {name: {mark.label for mark in marks} for name, marks in photos.items()}
    chosen: set[str] = set()
    told: set[str] = set()
    while len(chosen) < min(MOST_PICTURES, len(shown)):
        left = [name for name in shown if name not in chosen]
        best = max(left, key=lambda name: (len(shown[name] - told), len(shown[name])))
        chosen.add(best)
        told |= shown[best]
    return chosen


def _picture(title: str, row: projects.PhotoRow, marks: Sequence[Mark]) -> Picture:
    try:
        content = photo_picture(row, side=_PICTURE_SIDE)
    except (PhotoError, StorageError):
        return Picture(title, "", marks, 0)
    from PIL import Image

    wide, high = Image.open(BytesIO(content)).size
    return Picture(title, data_address(content, "image/jpeg"), marks, _PICTURE_SIDE * high // wide)


def data_address(content: bytes, kind: str) -> str:
    """Return a ``data:`` address of a content."""
    return f"data:{kind};base64,{b64encode(content).decode()}"
