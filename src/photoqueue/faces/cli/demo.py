"""``photoqueue demo``: the whole chain once, in an installation that is thrown away."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import psutil
import typer

from photoqueue import services
from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import (
    fail,
    in_full,
    name,
    note,
    number_column,
    records,
    show,
    table,
    word_column,
)
from photoqueue.installation import current, use
from photoqueue.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from photoqueue.client.handles import Batch, Job
    from photoqueue.engines.samples import SampleHome, SampleRoom
    from photoqueue.records.results import InventoryResult, PhotoResult

_PROJECT: Final = "demo"


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Photos to use instead of the sample homes.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model to use (default: PHOTOQUEUE_MODEL).")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Engine to use (default: builtin on the sample homes, else PHOTOQUEUE_ENGINE).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the pictures with boxes go (default: out/demo).",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the servers running and the data folder.")
    ] = False,
) -> None:
    """Show photoqueue at work: real servers, a worker, homes, their inventories.

    Without a folder it analyses the sample homes of the checkout and shows the truth beside
    what was found. Everything runs in a temporary installation of its own and is removed at
    the end, but for the pictures.
    """
    from photoqueue.client.sample_homes import output_folder, require_sample_homes
    from photoqueue.engines.registry import load_engine
    from photoqueue.engines.samples import home_folders, read_homes
    from photoqueue.errors import PhotoqueueError
    from photoqueue.faces.cli.sample_data import with_model
    from photoqueue.settings import load_settings

    chosen = {"model": model, "engine": engine}
    if folder is None and model is None and engine is None:
        chosen["engine"] = "builtin"
    settings = load_settings(**{name: value for name, value in chosen.items() if value is not None})
    photos = require_sample_homes() if folder is None else folder
    homes = read_homes(photos) if home_folders(photos) else None
    lacking = None
    try:
        settings = with_model(settings)
        if homes is not None:
            load_engine(settings)  # what is missing is said here, not by each photo
    except PhotoqueueError as exc:
        lacking = str(exc)
    with temporary_installation(settings, keep=keep):
        if lacking is not None:
            _show_servers()
            fail(f"{lacking}\nTry your own: photoqueue demo FOLDER --model PATH")
            raise typer.Exit(1)
        if homes is None:
            _run(photos)
        else:
            run_homes(homes, out or (Path("out") if folder else output_folder()) / "demo")


def _show_servers() -> None:
    """Show that the servers at least do work."""
    from photoqueue.client.system import Survey
    from photoqueue.faces.cli.doctor import examine, show_findings
    from photoqueue.installation import current

    with Survey(current().settings) as survey:
        show_findings(examine(survey))
    show()


def _run(photos: Path) -> None:
    import photoqueue
    from photoqueue.faces.cli.views import inventory_table
    from photoqueue.records.results import InventoryResult

    show("Starting a worker …")
    with photoqueue.start_worker():
        started = time.monotonic()
        batch = photoqueue.submit_photos(_with_rooms(photos), project_id=_PROJECT)
        adding_up = photoqueue.submit_inventory(_PROJECT, after=batch)
        show(f"Submitted {words.counted(len(batch), 'photo')} of {words.line(photos)}.")
        results = photoqueue.collect(batch)
        seconds = time.monotonic() - started
        inventory = adding_up.result()
    assert isinstance(inventory, InventoryResult)
    show()
    _show_rooms(inventory, results)
    show()
    show(inventory_table(inventory))
    show()
    show_speed(batch.poll(), seconds)


def _with_rooms(photos: Path) -> Any:
    """Name the rooms after the annotated kinds of room, where there are annotations."""
    if not (photos / "annotations.json").is_file():
        return photos
    from photoqueue.engines.annotations import read_annotations

    return [
        {"photo": photos / entry["file"], "room": _words(entry.get("room_type"))}
        for entry in read_annotations(photos)
    ]


def _words(room_type: str | None) -> str | None:
    return room_type and room_type.replace("_", " ")


def _show_rooms(inventory: InventoryResult, results: pd.DataFrame) -> None:
    """Show in one line a room what stands in it."""
    from photoqueue.faces.cli.output import name, number_column, table, word_column

    drawn = table()
    word_column(drawn, "ROOM")
    number_column(drawn, "ITEMS")
    drawn.add_column("WHAT", overflow="fold")
    for room in inventory.rooms:
        lines = [line for line in inventory.lines if line.room == room]
        things = ", ".join(
            line.name if line.count == 1 else f"{line.count} × {line.name}" for line in lines
        )
        drawn.add_row(name(room), str(sum(line.count for line in lines)), words.line(things))
    show(drawn)
    failed = results[results["state"] != "completed"]
    for record in records(failed):
        show(
            f"! {words.line(record['file_name'])}: {words.line(record['error_message'])}",
            style="yellow",
        )


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


def show_speed(jobs: pd.DataFrame, seconds: float) -> None:
    """Show medians and 95th percentiles of photo jobs, and their rate.

    Parameters
    ----------
    jobs : pandas.DataFrame
        Polled batches: one row a job.
    seconds : float
        From the first submission to the last result.
    """
    drawn = table()
    drawn.add_column("EACH PHOTO", no_wrap=True)
    number_column(drawn, "MEDIAN (P50)")
    number_column(drawn, "95 % WITHIN (P95)")
    for label, column in (("waited", "wait_ms"), ("ran", "job_duration_ms")):
        low, high = jobs[column].quantile([0.5, 0.95])
        drawn.add_row(label, words.duration(low), words.duration(high))
    show(drawn)
    show(
        f"{words.counted(len(jobs), 'photo')} in {words.duration(seconds * 1000)}: "
        f"{len(jobs) / seconds:.1f} photos a second, submitting included."
    )


#: Seconds for a worker to end: its photos take far less.
_END_SECONDS: Final = 20.0
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def temporary_installation(settings: Settings, *, keep: bool) -> Iterator[None]:
    """Use an installation with servers and data of its own.

    Parameters
    ----------
    settings
        Give the engine and its model; servers and folders are the installation's own.
    keep
        Leave servers and folder behind, and say where they are.
    """
    _interrupt_when_told_to_end()
    # Short: the path of a Unix socket has a limit.
    home = Path(tempfile.mkdtemp(prefix="photoqueue-demo-"))
    own = load_settings(
        **{
            **settings.model_dump(),
            "home": home,
            "database_url": None,
            "redis_url": None,
            "photo_store": None,
            "grace_seconds": 5.0,
        }
    )
    if (settings.home / "models").is_dir():
        # Models are named by their place in the home; they are used, and stay where they are.
        (home / "models").symlink_to(settings.home / "models")
    if (settings.home / "models.toml").is_file():
        (home / "models.toml").symlink_to(settings.home / "models.toml")
    try:
        show("Starting servers of its own …")
        use(own)
        redis = current().endpoints.redis_url is not None
        show("PostgreSQL and Redis run." if redis else "PostgreSQL runs; it carries the messages.")
        yield
    finally:
        # A second Ctrl-C must not leave half of it behind.
        previous = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING_SIGNALS}
        _end_workers(home)
        use(None)
        if keep:
            _say_what_is_kept(home)
        else:
            services.down(own)
            shutil.rmtree(home, ignore_errors=True)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt_when_told_to_end() -> None:
    """Make SIGTERM, and the end of the terminal, run the clean-up as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in _ENDING_SIGNALS[1:]:
        signal.signal(number, interrupt)


def _end_workers(home: Path) -> None:
    """End a worker that was interrupted while it started: nobody has its handle yet."""
    workers = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if process.environ().get("PHOTOQUEUE_HOME") == str(home):
                process.terminate()
                workers.append(process)
    _, alive = psutil.wait_procs(workers, timeout=_END_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()


def _say_what_is_kept(home: Path) -> None:
    shown = words.line(home)
    show()
    show(f"Kept in {shown}. Look at it, then remove it:")
    show(f"  export PHOTOQUEUE_HOME={shown} DATABASE_URL= REDIS_URL=")
    show("  photoqueue jobs")
    show(f"  photoqueue down && rm -r {shown}")
