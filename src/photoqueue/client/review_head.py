"""The head of the page of review: where the project stands, as plain values."""

from __future__ import annotations

from typing import Final

from photoqueue.client.review_page import Json, photo_title
from photoqueue.client.review_reading import ProjectReading
from photoqueue.format import counted
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.volumes import lorry_for
from photoqueue.inventory.weights import weight_of_one, weight_words
from photoqueue.inventory.wording import Wording
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT, is_for_trying_out
from photoqueue.phrases import phrase
from photoqueue.queue.standing import ProjectStanding
from photoqueue.records.base import STRATEGY_TEXTS
from photoqueue.records.edits import Edit, last_of, undone_by
from photoqueue.words import UNFINISHED, JobState

#: Edits of other persons that are listed.
_OTHERS: Final = 5
_ADDING_UP: Final = {
    None: "Not added up yet.",
    JobState.WAITING: "Waiting for a worker …",
    JobState.ACTIVE: "Adding up …",
    JobState.DELAYED: "Adding up failed; it will be retried soon …",
    JobState.COMPLETED: "Added up",
    JobState.FAILED: "Adding up failed.",
    JobState.CANCELLED: "Adding up was cancelled.",
}


def catalogue_page(catalogue: Catalogue) -> list[Json]:
    """Return the things that can be named, each with all that it can be called."""
    return [
        {
            "key": item.key,
            "en": item.name("en"),
            "fr": item.name("fr"),
            "synonyms": list(item.synonyms),
            "category": item.category,
            "volume": item.volume_usual,
        }
        for item in catalogue.items
    ]


def adding_up_words(standing: ProjectStanding, *, taken: bool, language: str) -> str:
    """Say how far the newest inventory job is.

    Parameters
    ----------
    standing : ProjectStanding
    taken : bool
        Whether a live worker takes inventory jobs.
    language : str
        ``en`` or ``fr``.
    """
    text = _ADDING_UP[standing.state]
    if standing.state is JobState.WAITING and standing.waits_for_batch:
        text = "Waiting until the photos of its batch are analysed …"
    elif standing.state is JobState.WAITING and not taken:
        text = "Waiting: no live worker takes inventory jobs. Start a worker."
    said = phrase(language, text)
    return f"{said} {standing.error}" if standing.error else said


def head_page(
    reading: ProjectReading, wording: Wording, user_id: str, *, worker: bool, adds_up: bool
) -> Json:
    """Return the head of the page.

    Parameters
    ----------
    reading : ProjectReading
    wording : Wording
        Names, and the language.
    user_id : str
        Who reviews.
    worker, adds_up : bool
        Whether a live worker takes photos, and inventories.
    """
    result, standing, language = reading.result, reading.standing, wording.language
    titles = {row.photo_id: photo_title(row) for row in reading.rows}
    left = sum(line.review for line in result.lines)
    any_counted = bool(reading.analysed or result.lines)
    weight_of = weight_of_one(wording.catalogue)
    kg = sum(line.count * weight_of(line)[1] for line in result.lines)
    most_kg = kg * result.total_volume_max / result.total_volume if result.total_volume else kg
    usual, most = lorry_for(result.total_volume, kg), lorry_for(result.total_volume_max, most_kg)

    def said(edit: Edit | None) -> Json | None:
        return {"number": edit.number, "words": edit.words(wording, titles)} if edit else None

    others = [edit for edit in reversed(reading.edits) if edit.user_id != user_id]
    return {
        "project": reading.project_id,
        "user": user_id,
        "engine": result.made_by if reading.analysed else "",
        "banner": trial_words(reading, language),
        "analysis": _analysis(reading, worker=worker),
        "things": result.total_items,
        "volume": result.total_volume if any_counted else None,
        "volumeMin": result.total_volume_min if any_counted else None,
        "volumeMax": result.total_volume_max if any_counted else None,
        "lorry": {
            "words": usual.words(language),
            "larger": None if most == usual else most.words(language),
        }
        if any_counted
        else None,
        "weight": {"words": weight_words(result, wording.catalogue, lang=language)}
        if any_counted
        else None,
        "check": {"left": left, "of": max(left, reading.to_check)},
        "strategy": result.strategy,
        "strategies": {name: phrase(language, text) for name, text in STRATEGY_TEXTS.items()},
        "warnings": inventory_warnings(reading, language),
        "inventory": {
            "words": ""
            if standing.state is None
            else adding_up_words(standing, taken=adds_up, language=language),
            "running": standing.state is not None and not standing.state.finished,
        },
        "undo": said(last_of(reading.edits, user_id)),
        "redo": said(next(iter(undone_by(reading.edits, user_id)), None)),
        "newest": reading.edits[-1].number if reading.edits else 0,
        "others": [
            {"number": edit.number, "user": edit.user_id, "words": edit.words(wording, titles)}
            for edit in others[:_OTHERS]
        ],
        "unplaced": [
            {
                "number": one.edit.number,
                "user": one.edit.user_id,
                "words": one.edit.words(wording, titles),
                "reason": one.reason_in(wording, titles),
                "single": len(one.edit.items) == 1,
            }
            for one in reading.done.unplaced
        ],
    }


def _analysis(reading: ProjectReading, *, worker: bool) -> Json:
    counts = dict.fromkeys(JobState, 0)
    for row in reading.rows:
        if row.photo_id not in reading.done.excluded:
            counts[row.state] += 1
    unfinished = sum(counts[state] for state in UNFINISHED)
    pace = reading.standing.photo_ms
    seconds = None
    if worker and pace is not None and unfinished:
        seconds = round(unfinished * pace / 1000 / max(counts[JobState.ACTIVE], 1), 1)
    return {
        "total": sum(counts.values()),
        "completed": counts[JobState.COMPLETED],
        "failed": counts[JobState.FAILED] + counts[JobState.CANCELLED],
        "waiting": counts[JobState.WAITING] + counts[JobState.DELAYED],
        "active": counts[JobState.ACTIVE],
        "secondsLeft": seconds,
        "worker": worker,
    }


def trial_words(reading: ProjectReading, language: str) -> str:
    """Return what to think of results of the built-in model; empty if there are none."""
    photos = reading.done.photos
    tried = sum(is_for_trying_out(photo.result.engine, photo.sha256) for photo in photos)
    if not tried:
        return ""
    said = phrase(language, FOR_TRYING_OUT)
    return said if tried == len(photos) else f"{said} ({tried}/{counted(len(photos), 'photo')})"


def inventory_warnings(reading: ProjectReading, language: str) -> list[str]:
    """Return what makes the inventory doubtful and is not said elsewhere on the page."""
    result = reading.result
    unlisted = [
        phrase(language, "{room}: counted in single photos, as no model has listed it", room=room)
        for room in result.rooms
        if result.strategy == "llm" and room not in (result.listed or {})
    ]
    of_model = [text for text in reading.warnings if text.partition(": ")[0] in result.rooms]
    return [*unlisted, *of_model]
