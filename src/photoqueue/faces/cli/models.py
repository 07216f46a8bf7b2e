"""``photoqueue models`` lists and downloads detectors, ``photoqueue evaluate`` measures one."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photoqueue.faces.cli.output import (
    LABEL,
    NUMBER,
    WHOLE,
    AsJson,
    TableColumn,
    console,
    fail,
    note,
    print_json,
    printed_json,
    records,
    show,
    table,
    warn,
)
from photoqueue.format import NOTHING, counted, duration, line, percent, score, volume

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.engines.model_download import PullWatcher
    from photoqueue.evaluation import Evaluation

app = typer.Typer(
    help="List the detectors, download one, check the files.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="As `photoqueue models list` has it.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that PHOTOQUEUE_MODEL can name, the preferred ones first."""
    from photoqueue.engines.model_registry import registered_models
    from photoqueue.settings import load_settings

    models = registered_models(load_settings().home).values()
    rows = [
        entry.model_dump(mode="json", exclude={"source"}) | {"present": entry.exists()}
        for entry in models
    ]
    if printed_json(as_json, rows):
        return
    show(_table(rows))
    if any(row["classes"] == "objects365" for row in rows):
        show()
        show(
            "The licence is that of code and weights. The Objects365 pictures and annotations that "
            "they were trained on have terms of their own: see https://www.objects365.org."
        )
    if not any(row["present"] for row in rows):
        from photoqueue.engines.model_registry import RECOMMENDED

        show()
        show(f"No model is downloaded yet. Download one: photoqueue models pull {RECOMMENDED}")


@app.command()
def pull(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A registered model (default: PHOTOQUEUE_MODEL)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a model into PHOTOQUEUE_HOME and check it; resumes an interrupted download."""
    from photoqueue.addresses import expanded
    from photoqueue.engines.model_download import pull as download
    from photoqueue.engines.model_registry import megabytes
    from photoqueue.settings import load_settings

    settings = load_settings()
    name = name or settings.model
    if name is None or (settings.model == name and expanded(name).is_file()):
        show(f"PHOTOQUEUE_MODEL is {name or 'not set'}: there is nothing to download.")
        return
    with _download_bar(name) as bar:
        entry, fetched = download(settings, name, watcher=bar)
    file = entry.path
    size = file.stat().st_size
    printed = {"name": name, "path": str(file), "size": size, "fetched": fetched}
    if printed_json(as_json, printed):
        return
    how = "downloaded" if fetched else "there already"
    certain = "checked" if entry.sha256 else "its content could not be checked: no sha256"
    show(f"{name} ({megabytes(size)}) is {how} and {certain}: {line(file)}")


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A model (default: all that are here).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare model files with the published ones; exit status 1 if one differs."""
    from photoqueue.engines.model_registry import (
        difference,
        how_to_get,
        model_entry,
        present_models,
    )
    from photoqueue.errors import EngineUnavailableError
    from photoqueue.settings import load_settings

    home = load_settings().home
    entries = list(present_models(home)) if name is None else [model_entry(home, name)]
    rows = []
    for entry in entries:
        if not entry.exists():
            raise EngineUnavailableError(
                f"The model {name!r} is not there yet: {how_to_get(entry)}"
            )
        problem = difference(entry, entry.path)
        known = bool(entry.sha256 or entry.size)
        rows.append(
            {
                "name": entry.name,
                "path": str(entry.path),
                "own": entry.own,
                "ok": problem is None,
                "problem": problem or (None if known else "nothing to compare it with"),
            }
        )
    if not printed_json(as_json, rows):
        _show_verdicts(rows)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)


@app.command()
def path(name: _Name) -> None:
    """Print the path of a model's file; exit status 1 if it is not there yet."""
    from photoqueue.engines.model_registry import how_to_get, model_entry
    from photoqueue.settings import load_settings

    entry = model_entry(load_settings().home, name)
    # Only the path: `onnxruntime_perf_test "$(photoqueue models path NAME)"`.
    show(str(entry.path))
    if not entry.exists():
        note(f"It is not there yet: {how_to_get(entry)}")
        raise typer.Exit(1)


def _table(rows: list[dict[str, Any]]) -> Table:
    from photoqueue.engines.model_registry import megabytes

    columns = (
        TableColumn("NAME", "name", WHOLE, str),
        TableColumn("HERE", lambda row: "yes" if row["present"] else "no", WHOLE),
        TableColumn(
            "SIZE", lambda row: NOTHING if row["size"] is None else megabytes(row["size"]), NUMBER
        ),
        TableColumn("CLASSES", "classes"),
        TableColumn("LICENCE", "licence", WHOLE),
        TableColumn("NOTE", lambda row: line(f"{'(own) ' if row['own'] else ''}{row['note']}")),
    )
    return table(columns, rows)


def _show_verdicts(rows: list[dict[str, Any]]) -> None:
    if not rows:
        show("There are no model files to check.")
    for row in rows:
        if row["ok"]:
            remark = f" ({row['problem']})" if row["problem"] else ""
            show(f"{row['name']}: right{remark}: {line(row['path'])}")
        else:
            expected, remedy = (
                ("registered", "Correct its entry in models.toml, or put the right file there.")
                if row["own"]
                else ("published", "Remove it and download it again.")
            )
            fail(
                f"{row['name']}: not the file that was {expected} ({row['problem']}): "
                f"{row['path']}. {remedy}"
            )


@contextmanager
def _download_bar(name: str) -> Iterator[PullWatcher]:
    """Show a progress bar in a terminal; elsewhere only unusual events."""
    from rich import progress

    from photoqueue.engines.model_download import PullWatcher

    class Bar(PullWatcher):
        def waiting(self) -> None:
            note(f"Another process downloads {name}; waiting for it …")

        def trying_again(self, reason: str, seconds: float) -> None:
            warn(f"{reason}; trying again in {duration(1000 * seconds)}.")

        def progress(self, done: int, total: int | None) -> None:
            shown.update(task, completed=done, total=total, visible=True)

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as shown:
        task = shown.add_task(name, total=None, visible=False)
        yield Bar()


def evaluate(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Photos with truth.json or COCO annotations; or projects (--reviewed).",
            show_default=False,
        ),
    ] = None,
    reviewed: Annotated[
        bool,
        typer.Option(
            "--reviewed",
            help="Measure what was found in the reviewed rooms of these projects, or of all.",
        ),
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Model to measure (default: PHOTOQUEUE_MODEL).")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine to measure (default: PHOTOQUEUE_ENGINE).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure an engine on photos with known contents, or on rooms that persons have reviewed.

    `python -m pydoc photoqueue.evaluation.truth` shows what describes the contents.
    """
    from photoqueue.engines.registry import load_engine
    from photoqueue.evaluation import evaluate as measure
    from photoqueue.evaluation.reviewed import evaluate_reviewed
    from photoqueue.inventory.catalogue import Catalogue
    from photoqueue.settings import load_settings

    chosen = {"model": model, "engine": engine}
    named = {name: value for name, value in chosen.items() if value is not None}
    if reviewed:
        if named:
            raise typer.BadParameter("--reviewed runs no engine; leave --model and --engine out.")
        evaluations = evaluate_reviewed(places or ())
        if as_json:
            print_json([_as_json(found) for found in evaluations])
            return
        for found in evaluations:
            _show_evaluation(
                found, "what persons reviewed", "left out, in rooms that nobody has reviewed"
            )
        return
    if not places or len(places) > 1:
        raise typer.BadParameter("Give one folder, or --reviewed.")
    folder, settings = Path(places[0]), load_settings(**named)
    found = measure(load_engine(settings), folder, catalogue=Catalogue.for_settings(settings))
    if as_json:
        print_json({"folder": str(folder), **_as_json(found)})
        return
    _show_evaluation(
        found, line(folder), "of the folder not measured, as nothing says what is in them"
    )


def _as_json(found: Evaluation) -> dict[str, Any]:
    tables = {"rooms": found.rooms, "classes": found.classes, "photos": found.photos}
    return {
        "engine": found.engine,
        "model": found.model,
        "strategy": found.strategy,
        "photo_count": len(found.photos),
        **{name: getattr(found, name) for name in found.intervals},
        "intervals": found.intervals,
        "ms_per_photo": found.ms_per_photo,
        **{name: records(frame.reset_index()) for name, frame in tables.items()},
        "left_out": found.left_out,
    }


def _show_evaluation(found: Evaluation, where: str, why_left_out: str) -> None:
    show(f"{line(found.engine)} with {line(found.model)}", style="bold")
    size = f"{counted(len(found.photos), 'photo')} in {counted(len(found.rooms), 'room')}"
    show(f"on {size} of {where}, counted by {found.strategy}")
    for drawn in (_summary(found), _rooms(found), _classes(found)):
        show()
        show(drawn)
    if found.left_out:
        show()
        named = line(", ".join(found.left_out[:5]))
        warn(f"{counted(len(found.left_out), 'picture')} {why_left_out}: {named}")


def _summary(found: Evaluation) -> Table:
    columns = (
        TableColumn("", 0, LABEL),
        TableColumn("", 1, NUMBER),
        TableColumn("95 %", 2, NUMBER),
        TableColumn("", 3, {"style": "dim"}),
    )
    error = partial(percent, signed=True)
    figures: tuple[tuple[str, str, Callable[[float], str], str], ...] = (
        ("precision", "precision", score, "of the boxes found are right"),
        ("recall", "recall", score, "of the boxes there are found"),
        ("F1", "f1", score, "both in one number"),
        ("room type", "room_type_accuracy", score, "of the kinds of room are right"),
        ("volume", "volume_error", error, "too much or too little over all rooms"),
        ("error of a room", "room_error", volume, "on average, whether too much or too little"),
        ("", "room_error_share", percent, "of the volume of all rooms"),
        ("error of a photo", "photo_error", volume, "on average"),
        ("", "photo_error_share", percent, "of the volume in all photos"),
    )

    def interval(name: str, shown: Callable[[float], str]) -> str:
        low, high = found.intervals[name]
        return "" if math.isnan(low) else f"{shown(low)} to {shown(high)}"

    rows = [
        (title, shown(value), interval(name, shown), meaning)
        for title, name, shown, meaning in figures
        if (value := getattr(found, name)) == value  # NaN: the truth says nothing of it
    ]
    if found.ms_per_photo == found.ms_per_photo:
        rows.append(("time", duration(found.ms_per_photo), "", "a photo, median"))
    return table(columns, rows)


def _there(room: dict[str, Any]) -> str:
    """Say how many things are in a room; boxes alone may not tell."""
    return NOTHING if math.isnan(room["true_volume"]) else str(room["true_items"])


def _rooms(found: Evaluation) -> Table:
    columns = (
        TableColumn("ROOM", "room"),
        TableColumn("PHOTOS", "photos", NUMBER),
        TableColumn("ITEMS", "items", NUMBER, str),
        TableColumn("THERE", _there, NUMBER),
        TableColumn("VOLUME", "volume", NUMBER, volume),
        TableColumn("THERE", "true_volume", NUMBER, volume),
        TableColumn("HELD BACK", "held_back", NUMBER),
    )
    return table(columns, records(found.rooms.reset_index()))


def _classes(found: Evaluation) -> Table:
    counts = (("THERE", "truths"), ("FOUND", "found"), ("RIGHT", "right"))
    shares = ("precision", "recall", "f1")
    columns = (
        TableColumn("ITEM", "key"),
        *(TableColumn(title, key, NUMBER, "{:.0f}".format) for title, key in counts),
        *(TableColumn(key.upper(), key, NUMBER, score) for key in shares),
        TableColumn("VOLUME", "volume", NUMBER, volume),
        TableColumn("THERE", "true_volume", NUMBER, volume),
    )
    rows = found.classes.sort_values("truths", ascending=False, kind="stable").reset_index()
    return table(columns, records(rows))
