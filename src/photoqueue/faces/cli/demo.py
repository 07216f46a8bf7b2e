"""``photoqueue demo``: the whole workflow once, in a temporary installation."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from photoqueue.faces.cli.output import NUMBER, WHOLE, TableColumn, name, records, show, table
from photoqueue.format import counted, duration, line, percent

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from photoqueue.client.handles import Batch
    from photoqueue.records.results import InventoryResult
    from photoqueue.samples import SampleHome

_PROJECT: Final = "demo"
_JPEG_QUALITY: Final = 85


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Photos to use instead of the sample home.",
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
            help="Engine to use (default: builtin on the sample home, else PHOTOQUEUE_ENGINE).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write the photos with the boxes of what was found.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the servers running and the data folder.")
    ] = False,
) -> None:
    """Show photoqueue at work: real servers, a worker, photos, their inventory.

    Without a folder it analyses the sample home of the package and compares the result with the
    truth. Everything runs in a temporary installation, which is removed at the end.
    """
    from photoqueue.engines.registry import load_engine
    from photoqueue.samples import SAMPLE_HOME, home_folders, read_home
    from photoqueue.settings import load_settings

    options = (("model", model), ("engine", engine))
    given = {name: value for name, value in options if value is not None}
    if folder is None and not given:
        given["engine"] = "builtin"
    settings = load_settings(**given)
    load_engine(settings)  # report what is missing before anything starts
    homes = [read_home(one) for one in home_folders(folder or SAMPLE_HOME)]
    with _trial(settings.home, keep=keep, **given):
        _run(folder, homes, out)


def _run(folder: Path | None, homes: list[SampleHome], out: Path | None) -> None:
    """Submit the photos, wait, and show the results."""
    import pandas as pd

    import photoqueue
    from photoqueue.faces.cli.views import show_inventory
    from photoqueue.records.results import InventoryResult

    show("Starting a worker …")
    with photoqueue.start_worker():
        started = time.monotonic()
        moves: list[tuple[SampleHome | None, str, Any]] = [
            (home, home.home, _photos_of(home)) for home in homes
        ] or [(None, _PROJECT, folder)]
        submitted = []
        for home, project, photos in moves:
            batch = photoqueue.submit_photos(photos, project_id=project)
            submitted.append((home, batch, photoqueue.submit_inventory(project, after=batch)))
            named = line(photos if home is None else project)
            show(f"Submitted {counted(len(batch), 'photo')} of {named}.")
        collected = [photoqueue.collect(batch) for _, batch, _ in submitted]
        seconds = time.monotonic() - started
        inventories = [adding_up.result() for *_, adding_up in submitted]
    for (home, *_), inventory, results in zip(submitted, inventories, collected, strict=True):
        assert isinstance(inventory, InventoryResult)
        show()
        if home is None:
            show_inventory(inventory)
        else:
            show(_beside_the_truth(home, inventory))
            _show_totals(home, inventory)
        for record in records(results[results["state"] != "completed"]):
            what = line(record["photo_id" if home else "file_name"])
            show(f"! {what}: {line(record['error_message'])}", style="yellow")
    show()
    show_speed(pd.concat([batch.poll() for _, batch, _ in submitted]), seconds)
    if out is not None:
        for _, batch, _ in submitted:
            _draw(batch, out)
        show(f"Photos with boxes: {line(out)}")


def _photos_of(home: SampleHome) -> list[dict[str, Any]]:
    return [
        {
            "photo": home.folder / view.photo,
            "photo_id": f"{home.home}/{view.photo}",
            "room": room.room,
        }
        for room in home.rooms
        for view in room.views
    ]


def _beside_the_truth(home: SampleHome, inventory: InventoryResult) -> Table:
    """Show for each room how many of each thing were found and how many there are."""
    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.samples import found_things

    catalogue = Catalogue.load()
    found, true = found_things(inventory), home.true_things()
    order = {room.room: number for number, room in enumerate(home.rooms)}
    rows = []
    for room, key in sorted(found | true, key=lambda thing: (order.get(thing[0], 99), thing)):
        known = catalogue.by_key(key)
        there = found[room, key], true[room, key]
        rows.append((room, known.name_en if known else key, *there, there[0] - there[1]))
    columns = (
        TableColumn("ROOM", 0, shown=name),
        TableColumn("ITEM", 1),
        TableColumn("FOUND", 2, NUMBER),
        TableColumn("TRUE", 3, NUMBER),
        TableColumn("", 4, NUMBER, lambda off: f"{off:+d}" if off else ""),
    )
    return table(
        columns,
        rows,
        title=f"{line(home.home)}, found beside the truth",
        style=lambda row: "yellow" if row[4] else None,
        group=itemgetter(0),
    )


def _show_totals(home: SampleHome, inventory: InventoryResult) -> None:
    items, true_items = inventory.total_items, home.total_items
    volume, true_volume = inventory.total_volume, home.total_volume
    show(
        f"{items} of {true_items} items ({percent(items - true_items, true_items, signed=True)}), "
        f"{volume:.2f} of {true_volume:.2f} m³ "
        f"({percent(volume - true_volume, true_volume, signed=True)})",
        style="bold",
    )


def _draw(batch: Batch, out: Path) -> None:
    """Write the analysed photos with boxes around the findings."""
    from io import BytesIO

    from PIL import Image

    from photoqueue.client.gallery import photo_picture
    from photoqueue.engines.drawing import draw_boxes
    from photoqueue.errors import StorageError
    from photoqueue.records.results import PhotoResult
    from photoqueue.words import JobState

    for job in batch:
        if job.poll().state is not JobState.COMPLETED:
            continue
        result = job.result()
        assert isinstance(result, PhotoResult)
        picture = Image.open(BytesIO(photo_picture(result.photo_id)))
        # An id is not a path.
        file = out / f"{re.sub('[^a-zA-Z0-9. _-]+', '-', result.photo_id).removesuffix('.jpg')}.jpg"
        try:
            out.mkdir(parents=True, exist_ok=True)
            draw_boxes(picture, result.items).save(file, quality=_JPEG_QUALITY)
        except OSError as exc:
            raise StorageError(
                f"{file} cannot be written ({exc.strerror or exc}). Give another folder to --out."
            ) from exc


def show_speed(jobs: pd.DataFrame, seconds: float) -> None:
    """Show median and 95th percentile durations of photo jobs, and their rate.

    Parameters
    ----------
    jobs : pandas.DataFrame
        Polled batches: one row per job.
    seconds : float
        From the first submission to the last result.
    """
    rows = [
        (label, *jobs[column].quantile([0.5, 0.95]))
        for label, column in (("waited", "wait_ms"), ("ran", "job_duration_ms"))
    ]
    columns = (
        TableColumn("EACH PHOTO", 0, WHOLE),
        TableColumn("MEDIAN (P50)", 1, NUMBER, duration),
        TableColumn("95 % WITHIN (P95)", 2, NUMBER, duration),
    )
    show(table(columns, rows))
    show(
        f"{counted(len(jobs), 'photo')} in {duration(seconds * 1000)}: "
        f"{len(jobs) / seconds:.1f} photos a second, submitting included."
    )


#: Seconds for a worker to end; photos take far less.
_END_SECONDS: Final = 20.0
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _trial(models: Path, *, keep: bool, **settings: object) -> Iterator[None]:
    """Use an installation with its own servers and data, and the models of another home.

    ``keep`` leaves servers and folder in place, and says where they are.
    """
    from photoqueue.faces.notebook.trial import Trial

    _interrupt_when_told_to_end()
    show("Starting servers …")
    trial = Trial(keep=keep, grace_seconds=5.0, **settings)
    home = trial.settings.home
    try:
        # Model names are relative to the home: use the models of the real home.
        for file in ("models", "models.toml"):
            if (models / file).exists():
                (home / file).symlink_to(models / file)
        redis = trial.redis_url is not None
        show("PostgreSQL and Redis run." if redis else "PostgreSQL runs; it carries the messages.")
        yield
    finally:
        # A second Ctrl-C must not interrupt the clean-up.
        previous = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING_SIGNALS}
        _end_workers(home)
        trial.close()
        if keep:
            _say_what_is_kept(home)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt_when_told_to_end() -> None:
    """Make SIGTERM and SIGHUP run the clean-up as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in _ENDING_SIGNALS[1:]:
        signal.signal(number, interrupt)


def _end_workers(home: Path) -> None:
    """End a worker that was interrupted while it started, before its handle existed."""
    import psutil

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
    shown = line(home)
    show()
    show(f"Kept in {shown}. To look at it and then remove it:")
    show(f"  export PHOTOQUEUE_HOME={shown} DATABASE_URL= REDIS_URL=")
    show("  photoqueue jobs")
    show(f"  photoqueue down && rm -r {shown}")
