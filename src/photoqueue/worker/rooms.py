"""The strategy ``llm``: one look at all photos of a room together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from photoqueue.inventory.views import (
    AnalysedPhoto,
    RoomView,
    by_room,
    hash_distance,
    room_type,
    views_of,
)
from photoqueue.queue.ledger import AiCall
from photoqueue.records.results import FoundItem
from photoqueue.worker.engines import build_room_engine, measured
from photoqueue.worker.results import room_items

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.engines.contract import RoomEngine
    from photoqueue.installation import Installation

#: Photos that one call gets to see. Of more, those are chosen that differ most; the others
#: remain evidence of what they show.
MAX_PHOTOS: Final = 8
#: Pixels of the longest side of a picture kept for the call; several lie in memory at once.
_LONGEST_SIDE: Final = 2048


class RoomLooks:
    """Lists the things of each room with an engine that sees all its photos.

    The engine is built when the first inventory asks for it.
    """

    def __init__(self, installation: Installation) -> None:
        self._settings = installation.settings
        self._installation = installation
        self._engine: RoomEngine | None = None

    def __call__(
        self, photos: Sequence[AnalysedPhoto], calls: list[AiCall]
    ) -> dict[str, Sequence[FoundItem]]:
        """Return room → its things.

        Parameters
        ----------
        photos : sequence of AnalysedPhoto
            The photos of a project.
        calls : list of AiCall
            One call a room is added.

        Raises
        ------
        EngineUnavailableError
            No engine is configured that can look at several photos.
        """
        ends = time.monotonic() + self._settings.job_timeout_seconds
        return {
            room: self._look(views_of(its_photos), room, its_photos, calls, ends)
            for room, its_photos in by_room(photos, self._settings.language).items()
        }

    def _look(
        self,
        views: Sequence[RoomView],
        room: str,
        photos: Sequence[AnalysedPhoto],
        calls: list[AiCall],
        ends: float,
    ) -> Sequence[FoundItem]:
        from photoqueue.engines.contract import Hint

        engine = self._room_engine()
        images = [self._picture(view) for view in most_different(views, MAX_PHOTOS)]
        hint = Hint(
            room=room,
            room_type=_given_room_type(photos),
            language=self._settings.language,
            # All rooms are one job: what the others took of its time is gone.
            seconds=max(ends - time.monotonic(), 0.0),
        )
        analysis = measured(engine, hint, calls, lambda hint: engine.analyse_room(images, hint))
        return room_items(analysis, engine)

    def _picture(self, view: RoomView) -> Image.Image:
        from photoqueue.photos.pixels import decode

        image = decode(
            self._installation.photo_store.get(view.sha256),
            max_pixels=round(self._settings.max_photo_megapixels * 1e6),
            name=f"Photo {view.photo_id}",
        )
        image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        return image

    def _room_engine(self) -> RoomEngine:
        if self._engine is None:
            self._engine = build_room_engine(self._installation)
        return self._engine


def _given_room_type(photos: Sequence[AnalysedPhoto]) -> str | None:
    """Return the kind of room that the caller named; a guess is not passed off as one."""
    given = [photo for photo in photos if photo.room_type]
    return room_type(given) if given else None


def most_different(views: Sequence[RoomView], limit: int) -> list[RoomView]:
    """Choose the views of a room that differ most, by their perceptual hashes.

    Begins with the first by id; each further one is that whose nearest chosen view is
    farthest. A view without a hash is as far as can be.
    """
    left = sorted(views, key=lambda view: view.photo_id)
    chosen = left[:1]
    left = left[1:]
    while left and len(chosen) < limit:

        def remoteness(view: RoomView) -> int:
            distances = [hash_distance(view.phash, other.phash) for other in chosen]
            return min(64 if distance is None else distance for distance in distances)

        best = max(left, key=remoteness)  # the first of equals
        chosen.append(best)
        left.remove(best)
    return sorted(chosen, key=lambda view: view.photo_id)
