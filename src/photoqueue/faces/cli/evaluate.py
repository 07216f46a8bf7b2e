"""``photoqueue evaluate``: how much of what is in photos and homes engines find."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import (
    AsJson,
    note,
    number_column,
    print_json,
    records,
    show,
    table,
    word_column,
)

if TYPE_CHECKING:
    from rich.table import Table

    from photoqueue.evaluation.boxes import Evaluation
    from photoqueue.evaluation.records import Comparison
    from photoqueue.settings import Settings


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Photos with annotations.json, or homes with truth.json. Left out: the sample "
            "homes of the checkout, and the photos in ../shared/data/photos.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model to judge (default: PHOTOQUEUE_MODEL).")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine to judge (default: PHOTOQUEUE_ENGINE).")
    ] = None,
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Show each kind of thing by itself, too.")
    ] = False,
    llm: Annotated[
        bool, typer.Option("--llm", help="Ask the configured LLM as well; it may cost money.")
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write the tables as CSV files.", file_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure engines against photos and homes whose contents are known.

    With a folder, an engine or a model, that one engine; otherwise all that can run here:
    the built-in one, and each detector model in PHOTOQUEUE_HOME/models or ../shared/data/models.
    """
    from photoqueue.evaluation.files import rows, write_csv
    from photoqueue.faces.cli.comparison import show_comparison
    from photoqueue.faces.cli.sample_data import with_model
    from photoqueue.settings import load_settings

    given = {"model": model, "engine": engine}
    named = {name: value for name, value in given.items() if value is not None}
    settings = load_settings(**named)
    if folder is not None and not _holds_homes(folder):
        _one(with_model(settings), folder, as_json=as_json)
        return
    one = folder is not None or bool(named)
    found = _compare(with_model(settings) if one else settings, folder, one=one, llm=llm)
    if csv is not None:
        for file in write_csv(found, csv):
            note(f"Wrote {words.line(file)}")
    if as_json:
        print_json(
            {
                "engines": rows(found.engines),
                "classes": rows(found.classes),
                "inventories": rows(found.inventories),
                "left_out": [asdict(left) for left in found.left_out],
            }
        )
    else:
        show_comparison(found, by_class=by_class)


def _compare(settings: Settings, folder: Path | None, *, one: bool, llm: bool) -> Comparison:
    """Measure one engine or all, on the homes and photos that there are."""
    from photoqueue.client.sample_homes import sample_homes
    from photoqueue.engines.samples import read_homes
    from photoqueue.errors import ConfigurationError, EngineUnavailableError
    from photoqueue.evaluation.comparison import compare
    from photoqueue.evaluation.records import LeftOut
    from photoqueue.evaluation.subjects import available_subjects, chosen_subject
    from photoqueue.faces.cli.sample_data import data_folder, sample_photos
    from photoqueue.inventory.catalogue import Catalogue

    homes = folder or sample_homes()
    annotated = None if folder is not None else sample_photos()
    if homes is None and annotated is None:
        raise ConfigurationError(
            "There are no photos to judge by. Give a folder of photos and an annotations.json "
            'that lists, for each, {"file", "width", "height", "room_type", "boxes": [{"label", '
            '"bbox_xywh"}]} (labels of COCO, pixels), or a folder of homes with their '
            "truth.json: photoqueue evaluate FOLDER"
        )
    left = []
    if homes is None:
        left.append(LeftOut(what="sample homes", reason="this installation has no data/samples"))
    if folder is None and annotated is None:
        left.append(LeftOut(what="photos", reason=f"there is no {data_folder() / 'photos'}"))
    if one:
        subjects = [chosen_subject(settings)]
    else:
        folders = (settings.home / "models", data_folder() / "models")
        subjects, without = available_subjects(settings, model_folders=folders, llm=llm)
        left.extend(without)
        if not subjects:
            raise ConfigurationError(
                "No engine can run here: there is neither the built-in one nor a model in "
                f"{folders[0]}. Put an ONNX detector there, or name one with --model."
            )
    _warn_when_busy()
    found = compare(
        subjects,
        homes=[] if homes is None else read_homes(homes),
        annotated=annotated,
        catalogue=Catalogue.load(),
        together=llm,
        report=lambda label: note(f"Measuring {words.line(label)} …"),
    )
    if one and found.left_out:
        # Asked for by name: that it cannot run is the answer.
        raise EngineUnavailableError(found.left_out[0].reason)
    return replace(found, left_out=(*left, *found.left_out))


def _holds_homes(folder: Path) -> bool:
    from photoqueue.engines.samples import home_folders

    return bool(home_folders(folder))


def _one(settings: Settings, photos: Path, *, as_json: bool) -> None:
    """Judge one engine by annotated photos."""
    from photoqueue.engines.registry import load_engine
    from photoqueue.evaluation.boxes import evaluate as measure

    found = measure(load_engine(settings), photos)
    if as_json:
        print_json(_as_dict(found, photos))
        return
    show(f"{words.line(found.engine)} with {words.line(found.model)}", style="bold")
    show(f"on {words.counted(len(found.photos), 'photo')} of {words.line(photos)}")
    show()
    show(_summary(found))
    show()
    show(_classes(found))


def _warn_when_busy() -> None:
    """Say that times will be longer than they are on an idle machine."""
    from photoqueue.engines.session import usable_cores

    load, cores = os.getloadavg()[0], usable_cores()
    if load > cores:
        note(f"This machine is busy ({load:.1f} programs on {cores} cores): times are too long.")


def _summary(found: Evaluation) -> Table:
    drawn = table(header=False)
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(justify="right", no_wrap=True)
    drawn.add_column(style="dim")
    drawn.add_row("precision", words.share(found.precision), "of the things found are there")
    drawn.add_row("recall", words.share(found.recall), "of the things there are found")
    drawn.add_row("F1", words.share(found.f1), "both in one number")
    drawn.add_row("room type", words.share(found.room_type_accuracy), "of the rooms are right")
    drawn.add_row("time", words.duration(found.ms_per_photo), "a photo, median")
    return drawn


def _classes(found: Evaluation) -> Table:
    drawn = table()
    word_column(drawn, "ITEM")
    for column in ("THERE", "FOUND", "RIGHT", "PRECISION", "RECALL", "F1"):
        number_column(drawn, column)
    for key, row in found.classes.sort_values("truths", ascending=False, kind="stable").iterrows():
        drawn.add_row(
            words.line(key),
            *(f"{row[column]:.0f}" for column in ("truths", "found", "right")),
            *(words.share(row[column]) for column in ("precision", "recall", "f1")),
        )
    return drawn


def _as_dict(found: Evaluation, folder: Path) -> dict[str, object]:
    return {
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
