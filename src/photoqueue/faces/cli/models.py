"""``photoqueue models`` lists and downloads detectors, ``photoqueue evaluate`` measures one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from photoqueue.faces.cli.output import (
    LABEL,
    NUMBER,
    WHOLE,
    AsJson,
    TableColumn,
    fail,
    note,
    print_json,
    records,
    show,
    table,
    warn,
)
from photoqueue.format import NOTHING, counted, duration, line, score

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
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
    if as_json:
        print_json(rows)
        return
    show(_table(rows))
    if not any(row["present"] for row in rows):
        from photoqueue.engines.model_registry import RECOMMENDED

        show()
        show(f"No model is downloaded yet. Download one: photoqueue models pull {RECOMMENDED}")


@app.command()
def pull(name: _Name, as_json: AsJson = False) -> None:
    """Download a model into PHOTOQUEUE_HOME and check it; resumes an interrupted download."""
    from photoqueue.engines.model_download import pull as download
    from photoqueue.engines.model_registry import megabytes
    from photoqueue.settings import load_settings

    settings = load_settings()
    with _download_bar(name) as bar:
        pulled = download(settings, name, watcher=bar)
    file = pulled.entry.path
    size = file.stat().st_size
    if as_json:
        print_json({"name": name, "path": str(file), "size": size, "fetched": pulled.fetched})
        return
    how = "downloaded" if pulled.fetched else "there already"
    certain = "checked" if pulled.entry.sha256 else "its content could not be checked: no sha256"
    show(f"{name} ({megabytes(size)}) is {how} and {certain}: {line(file)}")


@app.command()
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A model (default: all that are here)."),
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
    if as_json:
        print_json(rows)
    else:
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
            "SIZE",
            lambda row: NOTHING if row["size"] is None else megabytes(row["size"]),
            NUMBER,
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
    from photoqueue.engines.model_download import PullWatcher

    class Bar(PullWatcher):
        shown: Progress | None = None
        task: TaskID

        def waiting(self) -> None:
            note(f"Another process downloads {name}; waiting for it …")

        def trying_again(self, reason: str, seconds: float) -> None:
            warn(f"{reason}; trying again in {duration(1000 * seconds)}.")

        def progress(self, done: int, total: int | None) -> None:
            if self.shown is None:
                if not sys.stderr.isatty():
                    return
                self.shown = _made()
                self.shown.start()
                self.task = self.shown.add_task(name, total=total)
            self.shown.update(self.task, completed=done, total=total)

    bar = Bar()
    try:
        yield bar
    finally:
        if bar.shown is not None:
            bar.shown.stop()


def _made() -> Progress:
    from rich import progress

    from photoqueue.faces.cli.output import console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console(stderr=True),
    )


def evaluate(
    folder: Annotated[Path, typer.Argument(help="Photos with annotations.json.")],
    model: Annotated[
        str | None, typer.Option(help="Model to measure (default: PHOTOQUEUE_MODEL).")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine to measure (default: PHOTOQUEUE_ENGINE).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure an engine on photos with known contents.

    `python -m pydoc photoqueue.evaluation` shows the format of annotations.json.
    """
    from photoqueue.engines.registry import load_engine
    from photoqueue.evaluation import evaluate as measure
    from photoqueue.settings import load_settings

    chosen = {"model": model, "engine": engine}
    settings = load_settings(**{name: value for name, value in chosen.items() if value is not None})
    found = measure(load_engine(settings), folder)
    if as_json:
        print_json(
            {
                "engine": found.engine,
                "model": found.model,
                "folder": str(folder),
                "photo_count": len(found.photos),
                "precision": found.precision,
                "recall": found.recall,
                "f1": found.f1,
                "room_type_accuracy": found.room_type_accuracy,
                "ms_per_photo": found.ms_per_photo,
                "classes": records(found.classes.reset_index()),
                "photos": records(found.photos.reset_index()),
            }
        )
        return
    show(f"{line(found.engine)} with {line(found.model)}", style="bold")
    show(f"on {counted(len(found.photos), 'photo')} of {line(folder)}")
    show()
    show(_summary(found))
    show()
    show(_classes(found))


def _summary(found: Evaluation) -> Table:
    columns = (
        TableColumn("", 0, LABEL),
        TableColumn("", 1, NUMBER),
        TableColumn("", 2, {"style": "dim"}),
    )
    rows = (
        ("precision", score(found.precision), "of the things found are there"),
        ("recall", score(found.recall), "of the things there are found"),
        ("F1", score(found.f1), "both in one number"),
        ("room type", score(found.room_type_accuracy), "of the rooms are right"),
        ("time", duration(found.ms_per_photo), "a photo, median"),
    )
    return table(columns, rows, header=False)


def _classes(found: Evaluation) -> Table:
    counts = (("THERE", "truths"), ("FOUND", "found"), ("RIGHT", "right"))
    shares = ("precision", "recall", "f1")
    columns = (
        TableColumn("ITEM", "key"),
        *(TableColumn(title, key, NUMBER, "{:.0f}".format) for title, key in counts),
        *(TableColumn(key.upper(), key, NUMBER, score) for key in shares),
    )
    rows = found.classes.sort_values("truths", ascending=False, kind="stable").reset_index()
    return table(columns, records(rows))
