"""An inventory as the front end shows it: values of JSON, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from photoqueue.inventory.volumes import lorry_for
from photoqueue.inventory.wording import Wording
from photoqueue.words import Correction, InventoryLine, InventoryResult, JobState

if TYPE_CHECKING:
    from photoqueue.queue.projects import ProjectRow, ProjectStanding

Json = dict[str, Any]

_WORDS: Final = {
    None: "Not added up yet.",
    JobState.WAITING: "Waits for a worker to add it up …",
    JobState.ACTIVE: "Is being added up …",
    JobState.DELAYED: "Adding it up failed; it is tried again soon …",
    JobState.COMPLETED: "Added up",
    JobState.FAILED: "Adding it up failed.",
    JobState.CANCELLED: "Adding it up was cancelled.",
}


def project_choices(projects: Iterable[ProjectRow]) -> list[Json]:
    """Return what a select of projects offers."""
    return [
        {
            "id": row.project_id,
            "photos": row.photos,
            "rooms": row.rooms,
            "addedUp": row.newest_inventory is not None,
        }
        for row in projects
    ]


def standing_page(standing: ProjectStanding, *, taken: bool) -> Json:
    """Say how far a project is.

    Parameters
    ----------
    standing : ProjectStanding
    taken : bool
        Whether a live worker takes the adding-up.
    """
    words = _WORDS[standing.state]
    if standing.state is JobState.WAITING:
        if standing.waits_for_batch:
            words = "Waits until the photos of its batch are analysed …"
        elif not taken:
            words = "Waits: no live worker takes it. Start one in the tab System."
    return {
        "words": words,
        "running": standing.state is not None and not standing.state.finished,
        "addedUpAt": standing.added_up_at.isoformat() if standing.added_up_at else None,
        "photos": standing.photos,
        "unfinished": standing.unfinished,
        "newer": standing.newer,
        "error": standing.error,
    }


def inventory_page(result: InventoryResult, wording: Wording) -> Json:
    """Return totals and rooms of an inventory."""
    usual, highest = lorry_for(result.total_volume), lorry_for(result.total_volume_max)
    language = wording.language
    return {
        "items": result.total_items,
        "volume": result.total_volume,
        "low": result.total_volume_min,
        "high": result.total_volume_max,
        "lorry": usual.words(language),
        "largerLorry": None if highest == usual else highest.words(language),
        "photos": result.photo_count,
        "missing": list(result.missing_photos),
        "copies": len(result.duplicate_photos),
        "strategy": result.strategy,
        "review": sum(line.review for line in result.lines),
        "rooms": [
            _room(room, [line for line in result.lines if line.room == room], wording)
            for room in result.rooms
        ],
    }


def corrections_page(corrections: Iterable[Correction], wording: Wording) -> list[Json]:
    """Return corrections, newest first."""
    return [
        {
            "id": made.correction_id,
            "room": made.room,
            # As lines are named, so that a line finds its correction.
            "item": made.key or made.name,
            "name": wording.item(made.key, made.name),
            "count": made.count,
            "volume": made.volume,
            "dismountable": made.dismountable,
            "by": made.user_id,
            "at": made.created_at.isoformat(),
            "undoneBy": made.undone_by,
            "undoneAt": made.undone_at.isoformat() if made.undone_at else None,
        }
        for made in sorted(corrections, key=lambda made: -made.correction_id)
    ]


def _room(room: str, lines: list[InventoryLine], wording: Wording) -> Json:
    kind = wording.room_type(lines[0].room_type) if lines else ""
    return {
        "name": room,
        "kind": "" if kind.casefold() == room.casefold() else kind,
        "items": sum(line.count for line in lines),
        "volume": round(sum(line.volume for line in lines), 3),
        "lines": [_line(line, wording) for line in lines],
    }


def _line(line: InventoryLine, wording: Wording) -> Json:
    return {
        # What a correction names: the key, else the thing's own name and category.
        "item": line.key or line.name,
        "category": None if line.key else line.category,
        "name": wording.item(line.key, line.name),
        "count": line.count,
        "seenCount": line.seen_count,
        "volume": line.volume,
        "low": line.volume_min,
        "high": line.volume_max,
        "dismount": line.dismount_probability,
        "photos": list(line.photos),
        "review": line.review,
        "reason": line.reason,
        "corrected": line.corrected,
    }
