"""What a page of review needs to know of a project, read and counted anew only where it changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from photoqueue.client.project_state import strategy_now, with_lister
from photoqueue.errors import UnknownProjectError
from photoqueue.installation import Installation
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.links import NO_LINKS, Links
from photoqueue.inventory.merge import RoomCounts, count_rooms, lines_of
from photoqueue.inventory.overlay import Overlaid, followed, overlay
from photoqueue.inventory.views import AnalysedPhoto, by_room
from photoqueue.jobs.inventory_sync import reviewed_inventory
from photoqueue.queue import edit_log, projects
from photoqueue.queue.projects import PhotoRow
from photoqueue.queue.standing import ProjectStanding, newest_inventory, project_standing
from photoqueue.records.base import Strategy
from photoqueue.records.edits import Edit
from photoqueue.records.results import FoundItem, InventoryLine, InventoryResult, PhotoResult

#: What an engine listed in each room, by the room's name now.
Listed = Mapping[str, Sequence[FoundItem]]


@dataclass(frozen=True, kw_only=True)
class ProjectReading:
    """A project at one moment."""

    project_id: str
    #: That of the installation, in which rooms are called that nobody named.
    language: str
    #: All photos, in the order in which they were submitted.
    rows: Sequence[PhotoRow]
    #: What engines found in those that have a result, by photo.
    analysed: Mapping[str, AnalysedPhoto]
    edits: Sequence[Edit]
    done: Overlaid
    rooms: Sequence[RoomCounts]
    #: Names and reasons are in the language that was asked for.
    result: InventoryResult
    #: How many lines were to check before anybody said anything.
    to_check: int
    #: The newest inventory job and how far the photos are.
    standing: ProjectStanding
    #: Warnings of the engine that listed rooms.
    warnings: Sequence[str]


class RoomMemory:
    """Counts rooms; what was counted is used again as long as nothing that it rests on changes.

    Parameters
    ----------
    beside
        Another memory, in which a room may be counted already.
    """

    def __init__(self, beside: RoomMemory | None = None) -> None:
        self._beside = beside
        self._known: dict[str, tuple[object, RoomCounts]] = {}
        #: Lines by room and language, with what they are made of.
        self._lines: dict[tuple[str, str], tuple[RoomCounts, list[InventoryLine]]] = {}

    def count(
        self,
        photos: Sequence[AnalysedPhoto],
        links: Links,
        catalogue: Catalogue,
        *,
        strategy: Strategy,
        language: str,
        listed: Listed | None,
    ) -> list[RoomCounts]:
        """Count like :func:`~photoqueue.inventory.merge.count_rooms`."""
        counted = {}
        for room, its_photos in by_room(photos, language).items():
            of_room = links.among(
                str(item.item_id) for photo in its_photos for item in photo.result.items
            )
            own = None if listed is None else {r: listed[r] for r in (room,) if r in listed}
            rests_on = (its_photos, of_room, strategy, own)
            both = (self._known.get(room), self._beside and self._beside._known.get(room))
            known = next((one for one in both if one and one[0] == rests_on), None)
            if known is None:
                (counts,) = count_rooms(
                    its_photos,
                    catalogue,
                    strategy=strategy,
                    language=language,
                    listed=own,
                    links=of_room,
                )
                known = rests_on, counts
            counted[room] = known
        self._known = counted
        return [counts for _, counts in counted.values()]

    def lines(self, catalogue: Catalogue, language: str) -> Iterator[InventoryLine]:
        """Give the lines of the rooms that were counted last."""
        before, self._lines = self._lines, {}
        for room, (_, counts) in self._known.items():
            known = before.get((room, language))
            if known is None or known[0] is not counts:
                known = counts, lines_of(counts, catalogue, language)
            self._lines[room, language] = known
            yield from known[1]


def _with_ids(job_id: UUID, result: PhotoResult) -> PhotoResult:
    """Give the items their ids once, instead of each time when edits are laid over them."""
    items = (
        item.model_copy(update={"item_id": f"{job_id}.{position}"})
        for position, item in enumerate(result.items)
    )
    return result.model_copy(update={"items": tuple(items)})


@dataclass
class ProjectReader:
    """Reads one project again and again.

    Results of jobs never change, so each is read and validated once; rooms of which nothing has
    changed are not counted again.
    """

    project_id: str
    installation: Installation
    _results: dict[UUID, PhotoResult] = field(default_factory=dict)
    _newest: tuple[object, InventoryResult | None] = (None, None)
    _seen: tuple[object, ...] = ()
    _reading: ProjectReading | None = None
    _before: tuple[object, int] = (None, 0)

    def __post_init__(self) -> None:
        self._rooms = RoomMemory()
        self._bare = RoomMemory(beside=self._rooms)

    def read(self, catalogue: Catalogue, language: str) -> ProjectReading:
        """Read the project as it is now.

        Parameters
        ----------
        catalogue
            The catalogue of the installation.
        language
            ``en`` or ``fr``: of names and reasons.

        Raises
        ------
        DatabaseUnavailableError
            PostgreSQL is unavailable.
        """
        database = self.installation.database
        standing = project_standing(database, self.project_id)
        # Edits first: a photo that came with an edit is then among the photos that are read later.
        number = edit_log.newest_number(database, self.project_id)
        rows = self._read_rows()
        seen = (language, number, rows, standing.strategy, standing.completed_id)
        if self._reading is None or seen != self._seen:
            self._reading = self._read_all(rows, standing, catalogue, language)
            self._seen = seen
        return replace(self._reading, standing=standing)

    def _read_rows(self) -> list[PhotoRow]:
        """Read the photos; results that are known already stay where they are."""
        try:
            rows = projects.project_photos(
                self.installation.database, self.project_id, without=self._results
            )
        except UnknownProjectError:
            return []
        self._results = {
            row.job_id: _with_ids(row.job_id, PhotoResult.model_validate(row.result))
            if row.result is not None
            else self._results[row.job_id]
            for row in rows
            if row.result is not None or row.job_id in self._results
        }
        return [row.without_result() for row in rows]

    def _read_all(
        self,
        rows: list[PhotoRow],
        standing: ProjectStanding,
        catalogue: Catalogue,
        language: str,
    ) -> ProjectReading:
        own = self.installation.settings.language
        newest = self._read_newest(standing)
        strategy = strategy_now(standing.strategy, newest)
        edits = edit_log.of_project(self.installation.database, self.project_id)
        analysed = {
            row.photo_id: AnalysedPhoto(
                photo_id=row.photo_id,
                sha256=row.sha256 or "",
                room=row.room,
                room_type=row.room_type,
                result=self._results[row.job_id],
                job_id=str(row.job_id),
            )
            for row in rows
            if row.job_id in self._results
        }
        waiting = {
            row.photo_id: (row.room or "").strip() for row in rows if row.photo_id not in analysed
        }
        done = overlay(analysed.values(), edits, own, waiting)
        listed = (
            followed(newest.listed, newest.listed_photos or {}, done.rooms)
            if newest and newest.listed
            else None
        )
        rooms = self._rooms.count(
            done.photos, done.links, catalogue, strategy=strategy, language=own, listed=listed
        )
        result = reviewed_inventory(
            self.project_id,
            rows,
            done,
            rooms,
            catalogue,
            strategy=strategy,
            language=language,
            listed=listed,
            lines=list(self._rooms.lines(catalogue, language)),
        )
        return ProjectReading(
            project_id=self.project_id,
            language=own,
            rows=rows,
            analysed=analysed,
            edits=edits,
            done=done,
            rooms=rooms,
            result=with_lister(result, newest),
            to_check=self._to_check(analysed, catalogue, strategy),
            standing=standing,
            warnings=newest.warnings if newest and newest.listed else (),
        )

    def _read_newest(self, standing: ProjectStanding) -> InventoryResult | None:
        if standing.completed_id != self._newest[0]:
            found = newest_inventory(self.installation.database, self.project_id)
            newest = None if found is None else InventoryResult.model_validate(found)
            self._newest = standing.completed_id, newest
        return self._newest[1]

    def _to_check(
        self, analysed: Mapping[str, AnalysedPhoto], catalogue: Catalogue, strategy: Strategy
    ) -> int:
        """Count the lines that were to check before anybody said anything."""
        language = self.installation.settings.language
        results = strategy, [(photo.photo_id, photo.job_id) for photo in analysed.values()]
        if self._before[0] != results:
            photos = overlay(analysed.values(), (), language).photos
            self._bare.count(
                photos, NO_LINKS, catalogue, strategy=strategy, language=language, listed=None
            )
            lines = self._bare.lines(catalogue, language)
            self._before = results, sum(line.review for line in lines)
        return self._before[1]
