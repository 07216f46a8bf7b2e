"""The demonstration on sample homes: what is found beside what is there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import (
    in_full,
    name,
    note,
    number_column,
    records,
    show,
    table,
    word_column,
)

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from photoqueue.client.handles import Batch, Job
    from photoqueue.engines.samples import SampleHome, SampleRoom
    from photoqueue.records.results import InventoryResult, PhotoResult

_JPEG_QUALITY = 85


@dataclass(frozen=True, kw_only=True)
class _Surveyed:
    """A home, and what came out of the chain for it."""

    home: SampleHome
    jobs: pd.DataFrame
    collected: pd.DataFrame
    #: Results by path of the view.
    results: dict[str, PhotoResult]
    inventory: InventoryResult


def run_homes(homes: Sequence[SampleHome], pictures: Path) -> None:
    """Send homes through the whole chain and show the results beside the truth.

    Parameters
    ----------
    homes : sequence of SampleHome
    pictures : Path
        Folder for the pictures with boxes, one sheet a room.
    """
    import pandas as pd

    import photoqueue
    from photoqueue.faces.cli.speed import show_speed

    show("Starting a worker …")
    with photoqueue.start_worker():
        started = time.monotonic()
        submitted = [(home, *_submit(home)) for home in homes]
        count = sum(len(batch) for _, batch, _ in submitted)
        show(
            f"Submitted {words.counted(count, 'photo')} of "
            f"{words.counted(len(homes), 'sample home')}."
        )
        collected = [photoqueue.collect(batch) for _, batch, _ in submitted]
        seconds = time.monotonic() - started
        surveyed = [
            _survey(home, batch, adding_up, frame)
            for (home, batch, adding_up), frame in zip(submitted, collected, strict=True)
        ]
    for one in surveyed:
        show()
        show(_rooms_table(one))
        _show_failures(one)
    show()
    show(_totals_table(surveyed))
    show()
    show_speed(pd.concat([one.jobs for one in surveyed]), seconds)
    show()
    for one in surveyed:
        for room in one.home.rooms:
            _draw(one, room, pictures)
    show(f"Pictures with boxes: {words.line(pictures)}")


def _submit(home: SampleHome) -> tuple[Batch, Job]:
    import photoqueue

    photos = [
        {
            "photo": home.folder / view.photo,
            "photo_id": f"{home.home}/{view.photo}",
            "room": room.room,
        }
        for room in home.rooms
        for view in room.views
    ]
    batch = photoqueue.submit_photos(photos, project_id=home.home)
    return batch, photoqueue.submit_inventory(home.home, after=batch)


def _survey(home: SampleHome, batch: Batch, adding_up: Job, collected: pd.DataFrame) -> _Surveyed:
    from photoqueue.records.results import InventoryResult, PhotoResult
    from photoqueue.words import JobState

    jobs = batch.poll()
    completed = set(jobs.loc[jobs["state"] == JobState.COMPLETED, "job_id"])
    results = {}
    for job in batch:
        if job.id in completed:
            result = job.result()
            assert isinstance(result, PhotoResult)
            results[result.photo_id.removeprefix(f"{home.home}/")] = result
    inventory = adding_up.result()
    assert isinstance(inventory, InventoryResult)
    return _Surveyed(
        home=home, jobs=jobs, collected=collected, results=results, inventory=inventory
    )


def _rooms_table(one: _Surveyed) -> Table:
    """Show room by room how many of each thing were found, and how many there are."""
    from photoqueue.evaluation.inventories import found_things, true_things
    from photoqueue.inventory.catalogue import Catalogue

    catalogue = Catalogue.load()
    found, true = found_things(one.inventory), true_things(one.home)
    drawn = table(title=f"{words.line(one.home.home)}, found beside true")
    word_column(drawn, "ROOM")
    word_column(drawn, "ITEM")
    for column in ("FOUND", "TRUE", ""):
        number_column(drawn, column)
    order = [room.room for room in one.home.rooms]
    previous = None
    for room, key in sorted(found | true, key=lambda thing: (_position(order, thing[0]), thing)):
        known = catalogue.by_key(key)
        off = found[room, key] - true[room, key]
        drawn.add_row(
            "" if room == previous and not in_full() else name(room),
            words.line(known.name_en if known else key),
            str(found[room, key]),
            str(true[room, key]),
            f"{off:+d}" if off else "",
            style="yellow" if off else None,
        )
        previous = room
    return drawn


def _position(order: Sequence[str], room: str) -> int:
    return order.index(room) if room in order else len(order)


def _totals_table(surveyed: Iterable[_Surveyed]) -> Table:
    """Show the totals of each home and of all, with the error."""
    drawn = table(title="Totals, found of what is there")
    word_column(drawn, "HOME")
    for column in ("ITEMS", "ERROR", "VOLUME", "ERROR", "KIND OF ROOM"):
        number_column(drawn, column)
    homes = [(one.home.home, [one]) for one in surveyed]
    everything = [one for _, ones in homes for one in ones]
    for label, ones in [*homes, *([("all", everything)] if len(homes) > 1 else [])]:
        items = sum(one.inventory.total_items for one in ones)
        true_items = sum(one.home.total_items for one in ones)
        volume = sum(one.inventory.total_volume for one in ones)
        true_volume = sum(one.home.total_volume for one in ones)
        verdicts = [right for one in ones for right in _rooms_right(one)]
        drawn.add_row(
            words.line(label),
            f"{items} of {true_items}",
            words.percent((items - true_items) / true_items if true_items else None),
            f"{volume:.2f} of {true_volume:.2f} m³",
            words.percent((volume - true_volume) / true_volume if true_volume else None),
            f"{sum(verdicts)} of {len(verdicts)} right",
        )
    return drawn


def _rooms_right(one: _Surveyed) -> list[bool]:
    """Tell of each analysed view whether its kind of room is right."""
    from photoqueue.inventory.wording import canonical_room_type

    def kind(word: str) -> str:
        return canonical_room_type(word) or word

    return [
        kind(one.results[view.photo].room_type) == kind(room.room_type)
        for room in one.home.rooms
        for view in room.views
        if view.photo in one.results
    ]


def _show_failures(one: _Surveyed) -> None:
    for record in records(one.collected[one.collected["state"] != "completed"]):
        show(
            f"! {words.line(record['photo_id'])}: {words.line(record['error_message'])}",
            style="yellow",
        )


def _draw(one: _Surveyed, room: SampleRoom, pictures: Path) -> None:
    """Write one sheet with the views of a room and the boxes found in them."""
    from photoqueue.engines.drawing import contact_sheet, draw_boxes
    from photoqueue.evaluation.pictures import read_picture

    drawn = []
    for view in room.views:
        result = one.results.get(view.photo)
        if result is not None:
            picture = draw_boxes(read_picture(one.home.folder / view.photo), result.items)
            drawn.append((f"{Path(view.photo).stem}: {result.room_type}", picture))
    if not drawn:
        return
    # A room's name is not a path.
    file = pictures / _file_name(one.home.home) / f"{_file_name(room.room)}.jpg"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet = contact_sheet(drawn, title=f"{one.home.home}, {room.room}")
        sheet.save(file, quality=_JPEG_QUALITY)
    except OSError as exc:
        note(f"The picture {words.line(file)} cannot be written ({exc.strerror or exc}).")


def _file_name(text: str) -> str:
    return text.replace("/", "-").replace("\\", "-").lstrip(".") or "room"
