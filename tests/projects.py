"""Projects of photos, results and edits without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import add_up
from photoqueue.inventory.overlay import Overlaid, anchors, overlay
from photoqueue.inventory.views import AnalysedPhoto
from photoqueue.records.base import Box, Strategy
from photoqueue.records.edits import Edit, EditKind, NamedThing
from photoqueue.records.results import FoundItem, InventoryResult, PhotoResult

CATALOGUE: Final = Catalogue.load()
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def seen(key: str, box: Box | None = None, **values: Any) -> FoundItem:
    return FoundItem(name=key, category="furniture", dismountable=False, key=key, box=box, **values)


def thing(key: str, **values: Any) -> NamedThing:
    return NamedThing(key=key, name=key, category="furniture", **values)


class Project:
    """Photos, their newest results, and edits, without a database."""

    def __init__(self, **photos: Sequence[FoundItem]) -> None:
        self.photos: dict[str, AnalysedPhoto] = {}
        self.edits: list[Edit] = []
        for photo_id, items in photos.items():
            self.analyse(photo_id, items)

    def analyse(
        self, photo_id: str, items: Sequence[FoundItem], job: str = "j1", room: str = "salon"
    ) -> None:
        self.photos[photo_id] = AnalysedPhoto(
            photo_id=photo_id,
            sha256=photo_id,
            room=room,
            job_id=f"{job}-{photo_id}",
            result=PhotoResult(
                photo_id=photo_id, items=tuple(items), room_type="salon", confidence=0.5
            ),
        )

    def say(self, kind: EditKind, *item_ids: str, **values: Any) -> Edit:
        known = anchors(self.photos.values(), self.edits)
        edit = Edit(
            edit_id=len(self.edits) + 1,
            project_id="m1",
            number=len(self.edits) + 1,
            kind=kind,
            user_id="u1",
            created_at=NOW,
            items=tuple(known[item_id] for item_id in item_ids),
            **values,
        )
        self.edits.append(edit)
        return edit

    def undo(self, edit: Edit) -> None:
        self.edits[edit.number - 1] = edit.model_copy(update={"undone_at": NOW})

    @property
    def overlaid(self) -> Overlaid:
        return overlay(self.photos.values(), self.edits)

    def items(self) -> dict[str, str | None]:
        """Return the kinds of the items, by item id."""
        return {
            str(item.item_id): item.key
            for photo in self.overlaid.photos
            for item in photo.result.items
        }

    def inventory(self, strategy: Strategy = "max") -> InventoryResult:
        done = self.overlaid
        return add_up("m1", done.photos, CATALOGUE, strategy=strategy, links=done.links)

    def counts(self, strategy: Strategy = "max") -> dict[str, int]:
        return {str(line.key): line.count for line in self.inventory(strategy).lines if line.count}

    def unplaced(self) -> list[str]:
        return [one.reason for one in self.overlaid.unplaced]
