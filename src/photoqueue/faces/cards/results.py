"""Cards and texts of what jobs deliver: what a photo shows, and the inventory of a project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from photoqueue.faces.cards.drawing import (
    NOTHING,
    card,
    counted,
    cubic_metres,
    fold,
    heading,
    notes,
    one_line,
    table,
)

if TYPE_CHECKING:
    from photoqueue.words import FoundItem, InventoryLine, InventoryResult, PhotoResult

#: Rows of a photo's table.
_SHOWN_ITEMS: Final = 20
#: Lines of an inventory that are shown at once; more are folded by room.
_SHOWN_LINES: Final = 20
#: Lines that are drawn at all, and those named as worth a look.
_DRAWN_LINES: Final = 200
_SHOWN_DOUBTS: Final = 5


def photo_text(result: PhotoResult) -> str:
    """Tell in a line what a photo shows."""
    warned = f", {one_line('; '.join(result.warnings), 16)}" if result.warnings else ""
    return (
        f"<PhotoResult {one_line(result.photo_id, 20)}: "
        f"{counted(len(result.items), 'thing')} in {one_line(result.room_type, 12)}{warned}>"
    )


def photo_card(result: PhotoResult) -> str:
    """Draw what a photo shows: kinds of things with their number, score and volume."""
    rows: list[tuple[str, object]] = [("kind of room", _kind_of_room(result))]
    if result.engine:
        rows.append(("engine", " ".join(filter(None, (result.engine, result.model)))))
    if result.warnings:
        rows.append(("⚠ look", "; ".join(result.warnings)))
    kinds = _kinds(result.items)
    if not kinds:
        return card(f"Photo {result.photo_id}", rows, "Nothing was found in it.")
    volume = sum(item.volume or 0 for item in result.items)
    rows.append(("found", f"{counted(len(result.items), 'thing')}, {cubic_metres(volume)}"))
    shown = table(
        ("thing", "number", "score", "volume", "or else"),
        ((name, len(items), *_told_of(items)) for name, items in kinds[:_SHOWN_ITEMS]),
        numbers="wnnn",
    )
    more = len(kinds) - _SHOWN_ITEMS
    note = f"… and {counted(more, 'kind')} more; .to_frame() lists all." if more > 0 else ""
    return card(f"Photo {result.photo_id}", rows, note, body=shown)


def inventory_text(result: InventoryResult) -> str:
    """Tell in a line what an inventory comes to."""
    return (
        f"<InventoryResult {one_line(result.project_id, 20)}: "
        f"{counted(result.total_items, 'thing')} in {counted(len(result.rooms), 'room')}, "
        f"{result.total_volume:.2f} m³>"
    )


def inventory_card(result: InventoryResult) -> str:
    """Draw an inventory: totals, what a person should look at, and the lines by room."""
    low, high = result.total_volume_min, result.total_volume_max
    rows: list[tuple[str, object]] = [
        (
            "total",
            f"{counted(result.total_items, 'thing')}, {cubic_metres(result.total_volume)} "
            f"({low:.2f} to {high:.2f})",
        ),
        ("rooms", ", ".join(result.rooms) or "none"),
        ("photos", _photos(result)),
    ]
    corrected = sum(line.corrected for line in result.lines)
    if corrected:
        rows.append(("corrected", counted(corrected, "line")))
    doubts = [line for line in result.lines if line.review]
    body = heading(f"⚠ To look at: {counted(len(doubts), 'line')}") if doubts else ""
    body += notes(_doubt(line) for line in doubts[:_SHOWN_DOUBTS])
    body += "".join(_rooms(result))
    more = len(result.lines) - _DRAWN_LINES
    return card(
        f"Inventory of {result.project_id}",
        rows,
        "" if result.lines else "Nothing was found in its photos.",
        f"… and {counted(more, 'line')} more." if more > 0 else "",
        ".to_frame() gives all lines as a table." if result.lines else "",
        body=body,
    )


def _kind_of_room(result: PhotoResult) -> str:
    sure = result.room_type_confidence
    return result.room_type if sure is None else f"{result.room_type} ({sure:.2f})"


def _kinds(items: Iterable[FoundItem]) -> list[tuple[str, list[FoundItem]]]:
    """Put things of one name together, the most frequent first."""
    kinds: dict[str, list[FoundItem]] = {}
    for item in items:
        kinds.setdefault(item.name, []).append(item)
    return sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))


def _told_of(items: Sequence[FoundItem]) -> tuple[str, str, str]:
    """Return the scores, the volume and the other readings of things of one name."""
    scores = [item.score for item in items if item.score is not None]
    volumes = [item.volume for item in items if item.volume is not None]
    shares: dict[str, float] = {}
    for item in items:
        for key, share in (item.alternatives or {}).items():
            shares[key] = max(shares.get(key, 0.0), share)
    ordered = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))[:2]
    return (
        _range(min(scores), max(scores)) if scores else NOTHING,
        cubic_metres(sum(volumes)) if volumes else NOTHING,
        ", ".join(f"{key.replace('_', ' ')} {share:.2f}" for key, share in ordered),
    )


def _range(low: float, high: float) -> str:
    shown = f"{low:.2f}", f"{high:.2f}"
    return shown[0] if shown[0] == shown[1] else "–".join(shown)


def _photos(result: InventoryResult) -> str:
    missing, copies = len(result.missing_photos), len(result.duplicate_photos)
    told = [f"{result.photo_count:,}, put together by {result.strategy}"]
    if missing:
        told.append(f"{missing:,} could not be analysed")
    if copies:
        told.append(f"{copies:,} {'copy' if copies == 1 else 'copies'} of others")
    return "; ".join(told)


def _doubt(line: InventoryLine) -> str:
    where = f"{one_line(line.room, 20)}, {one_line(line.name, 20)}"
    return f"{where}: {one_line(line.reason or 'look at it', 32)}"


def _rooms(result: InventoryResult) -> Iterator[str]:
    """Draw each room; folded where there is more than fits a screen."""
    folded = len(result.lines) > _SHOWN_LINES
    left = _DRAWN_LINES
    for room in result.rooms:
        lines = [line for line in result.lines if line.room == room]
        number, volume = sum(x.count for x in lines), sum(x.volume for x in lines)
        told = f"{one_line(room, 40)}: {counted(number, 'thing')}, {cubic_metres(volume)}"
        drawn = _lines(lines[:left]) if lines[:left] else ""
        left = max(left - len(lines), 0)
        yield fold(told, drawn) if folded and drawn else heading(told) + drawn


def _lines(lines: Iterable[InventoryLine]) -> str:
    return table(
        ("thing", "number", "volume", "range", ""),
        (
            (
                line.name,
                line.count,
                cubic_metres(line.volume),
                f"{line.volume_min:.2f}–{line.volume_max:.2f}",
                "corrected" if line.corrected else "⚠ look" if line.review else "",
            )
            for line in lines
        ),
        numbers="wnnn",
    )
