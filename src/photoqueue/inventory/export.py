"""Inventories as files for spreadsheets (CSV, or Excel with a sheet of totals); photos as COCO.

Names come from photos, catalogues and users. What begins like a formula is written as text, so that
no spreadsheet executes it, also after a character at which a spreadsheet may divide the cell: a
French or German one opens a file of commas with semicolons.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from photoqueue.addresses import expanded
from photoqueue.errors import ConfigurationError, StateError, StorageError
from photoqueue.format import visible
from photoqueue.inventory.catalogue_file import PERSONS_WORDS
from photoqueue.inventory.ranges import move_range
from photoqueue.inventory.views import AnalysedPhoto
from photoqueue.inventory.volumes import litres, to_cubic_metres
from photoqueue.inventory.weights import known_item, persons_to_carry, weight_of_one
from photoqueue.inventory.wording import Wording
from photoqueue.phrases import InBoth, phrase
from photoqueue.records.results import InventoryResult, share_words

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

FORMATS: Final = ("csv", "xlsx")
#: What stands before a formula in a spreadsheet: the beginning of a cell, also one divided at any
#: separator, and quotes and spaces that it may drop.
_FORMULA: Final = re.compile(r"(^|[;,|\t\r\n])([\s\"]*)(?=[=+\-@\t\r＝＋－＠])")
_COLUMNS: Final = (
    "room",
    "kind of room",
    "thing",
    "category",
    "count",
    "volume m³",
    "lowest m³",
    "highest m³",
    "taken apart",
    "weight kg",
    "persons",
    "fragile",
    "photos",
    "look at",
    "engine",
)
#: Columns of long texts in an Excel file.
_WIDE: Final = ("room", "thing", "look at", "engine")

Cell = str | int | float | None


def export_inventory(result: InventoryResult, kind: str, path: Path, wording: Wording) -> Path:
    """Write an inventory to a new file; an existing file is never overwritten.

    Parameters
    ----------
    result : InventoryResult
    kind : str
        ``csv`` or ``xlsx``.
    path : Path
        Must not exist.
    wording : Wording
        Names the things.

    Returns
    -------
    Path
        The file, as an absolute path.

    Raises
    ------
    StateError
        The file exists, the format is unknown, or the file cannot be written.
    ConfigurationError
        The library that writes Excel files is not installed.
    """
    if kind not in FORMATS:
        known = InBoth(" or ".join(FORMATS), french=" ou ".join(FORMATS))
        raise StateError("Unknown format {kind!r:.40}; choose {known}.", kind=kind, known=known)
    return write_new(path, _csv(result, wording) if kind == "csv" else _xlsx(result, wording))


def write_new(path: Path, content: bytes) -> Path:
    """Write a new file; return its absolute path.

    Raises
    ------
    StateError
        The file exists or cannot be written.
    """
    target = expanded(path).absolute()
    try:
        with target.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise StateError(
            "{path} is there already and is not overwritten. Give another name, or remove it.",
            path=target,
        ) from None
    except OSError as exc:
        raise StateError(
            "{path} cannot be written: {error}. Give the path of a folder that you can write to.",
            path=target,
            error=exc.strerror or exc,
        ) from exc
    return target


def free_name(folder: Path, project_id: str, kind: str, what: str = "inventory") -> Path:
    """Return an unused file name for a project: ``inventory-move-42-2.csv``."""
    stem = file_stem(what, project_id)
    path, number = folder / f"{stem}.{kind}", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.{kind}"
    return path


def file_stem(what: str, project_id: str) -> str:
    """Return the name of a file about a project, without its ending: ``inventory-move-42``."""
    name = re.sub(r"[^\w.-]+", "_", project_id).strip("._")[:80]
    return f"{what}-{name or 'project'}"


def _csv(result: InventoryResult, wording: Wording) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for row in (_heads(wording), *_rows(result, wording)):
        # Spreadsheets mark text with an apostrophe; CSV has no other way.
        writer.writerow([_FORMULA.sub(r"\1'\2", c) if isinstance(c, str) else c for c in row])
    # With a byte order mark; without it, Excel shows é as two characters.
    return buffer.getvalue().encode("utf-8-sig")


def _xlsx(result: InventoryResult, wording: Wording) -> bytes:
    book = new_workbook("export CSV")
    lines = book.active
    lang = wording.language
    lines.title = phrase(lang, "Lines")
    _fill(lines, _heads(wording), _rows(result, wording))
    share = share_words(language=lang)
    ends = (phrase(lang, "from"), phrase(lang, "to"))
    heads = (*(phrase(lang, name) for name in ("room", "count")), "volume m³")
    heads += tuple(f"{end} m³ {share}" for end in ends)
    _fill(book.create_sheet(phrase(lang, "Rooms")), heads, _totals(result))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _heads(wording: Wording) -> tuple[str, ...]:
    return tuple(phrase(wording.language, name) for name in _COLUMNS)


def new_workbook(instead: str) -> Workbook:
    """Return an empty Excel file.

    Raises
    ------
    ConfigurationError
        openpyxl is not installed; ``instead`` is what can be done without it.
    """
    try:
        from openpyxl import Workbook
    except ImportError:
        raise ConfigurationError(
            "Excel files need the package openpyxl. Install it: pip install "
            "'photoqueue[report]'; or {instead}.",
            instead=InBoth(instead),
        ) from None
    return Workbook()


def _fill(sheet: Worksheet, columns: Sequence[str], rows: Iterator[Sequence[Cell]]) -> None:
    from openpyxl.styles import Font

    for number, row in enumerate((columns, *rows), start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            set_cell(cell, value)
            if number == 1:
                cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    wide = {phrase(lang, name) for name in _WIDE for lang in ("en", "fr")}
    for column, name in enumerate(columns, start=1):
        letter = sheet.cell(1, column).column_letter
        sheet.column_dimensions[letter].width = 28 if name in wide else 14


def set_cell(cell: Any, value: Cell) -> None:
    """Set a cell of an Excel file; a text stays a text, also when a user edits it."""
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # never a formula
        cell.quotePrefix = _looks_like_formula(value)


def _rows(result: InventoryResult, wording: Wording) -> Iterator[Sequence[Cell]]:
    source, weight = visible(result.source), weight_of_one(wording.catalogue)
    for line in result.lines:
        known = known_item(line, wording.catalogue)
        yield (
            visible(line.room),
            visible(wording.room_type(line.room_type)),
            visible(wording.item(line.key, line.name)),
            visible(phrase(wording.language, line.category)),
            line.count,
            line.volume,
            line.volume_min,
            line.volume_max,
            line.dismount_probability,
            round(line.count * weight(line)[1], 1),
            PERSONS_WORDS[persons_to_carry(line, wording.catalogue)],
            phrase(wording.language, "yes") if known and known.fragile else "",
            visible(", ".join(line.photos)),
            visible(line.reason or ""),
            source,
        )


def _totals(result: InventoryResult) -> Iterator[Sequence[Cell]]:
    for room in result.rooms:
        of_room = move_range(result, room=room)
        ends = (of_room.usual, of_room.low, of_room.high)
        yield (
            visible(room),
            sum(line.count for line in result.lines if line.room == room),
            *(to_cubic_metres(litres(one)) for one in ends),
        )
    yield (
        "Total",
        result.total_items,
        result.total_volume,
        result.total_volume_min,
        result.total_volume_max,
    )


def _looks_like_formula(cell: Cell) -> bool:
    return isinstance(cell, str) and _FORMULA.match(cell) is not None


def write_coco(
    folder: Path, photos: Sequence[AnalysedPhoto], read: Callable[[str], tuple[bytes, str]]
) -> Path:
    """Write photos and what they show as a new folder that ``photoqueue evaluate`` reads.

    Parameters
    ----------
    folder : Path
    photos : sequence of AnalysedPhoto
        Their items are taken for all that they show. Things that the catalogue lacks are left out,
        and named under ``info``: no engine can be measured by them.
    read : callable
        Returns a picture by its content hash, and the ending of its file.

    Returns
    -------
    Path
        The file of annotations.
    """
    things_of = {photo.photo_id: [i for i in photo.result.items if i.key] for photo in photos}
    own = {item.name for photo in photos for item in photo.result.items if not item.key}
    coco: dict[str, Any] = {
        "info": {"left_out": sorted(own)},
        "images": [],
        "annotations": [],
        "categories": [],
    }
    things = []
    names = sorted({str(item.key) for items in things_of.values() for item in items})
    coco["categories"] = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    try:
        folder.mkdir(parents=True)
        for number, photo in enumerate(photos, 1):
            (data, ending), seen = read(photo.sha256), photo.result
            file = f"{number:04d}{ending}"
            (folder / file).write_bytes(data)
            wide, high = seen.width or 1, seen.height or 1
            entry = {"id": photo.photo_id, "file_name": file, "width": wide, "height": high}
            coco["images"].append({**entry, "room": photo.room, "room_type": seen.room_type})
            for item in things_of[photo.photo_id]:
                if item.box is None:
                    continue
                left, top = item.box[0] * wide, item.box[1] * high
                size = item.box[2] * wide - left, item.box[3] * high - top
                coco["annotations"].append(
                    {
                        "id": len(coco["annotations"]) + 1,
                        "image_id": photo.photo_id,
                        "category_id": names.index(str(item.key)) + 1,
                        "bbox": [round(value, 2) for value in (left, top, *size)],
                        "area": round(size[0] * size[1], 2),
                        "iscrowd": 0,
                    }
                )
            things.append((file, " ".join(str(item.key) for item in things_of[photo.photo_id])))
        with (folder / "things.csv").open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines).writerows([("file", "things"), *things])
        target = folder / "annotations.json"
        target.write_text(json.dumps(coco, ensure_ascii=False, indent=1), encoding="utf-8")
    except FileExistsError:
        raise StateError(f"{folder} exists. Name a new folder.") from None
    except OSError as exc:
        raise StorageError(f"{folder} cannot be written ({exc.strerror}).") from exc
    return target
