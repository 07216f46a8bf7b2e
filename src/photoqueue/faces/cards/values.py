"""Cards of records, handles, counts and the catalogue; :func:`card_of` draws any of them."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from html import escape
from typing import Final

from photoqueue.client.handles import Batch, Job
from photoqueue.client.observe import Stats
from photoqueue.client.worker_process import WorkerProcess
from photoqueue.format import (
    NOTHING,
    counted,
    duration,
    moment,
    number,
    one_line,
    score,
    shorten,
    volume,
    volume_range,
)
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.changes import InventoryChanges, signed
from photoqueue.inventory.estimate_words import Words
from photoqueue.phrases import phrase
from photoqueue.records.base import STRATEGY_TEXTS
from photoqueue.records.estimates import Estimate, Quantity
from photoqueue.records.results import (
    Correction,
    FoundItem,
    InventoryLine,
    InventoryResult,
    PhotoResult,
    range_note,
)
from photoqueue.records.snapshots import JobSnapshot
from photoqueue.words import JobState

_CARD: Final = (
    "border:1px solid var(--jp-border-color1,#999);border-radius:4px;padding:.5em .8em;"
    "display:inline-block;max-width:100%;overflow-x:auto;color:var(--jp-ui-font-color1,inherit);font-size:.95em"
)
# Jupyter stripes and right-aligns tables of outputs; a card sets its own style.
_TABLE: Final = (
    "border-collapse:collapse;margin:.3em 0;color:inherit;background:transparent;font-size:inherit"
)
_CELL: Final = "padding:.1em 1em .1em 0;vertical-align:top;white-space:normal"
_QUIET: Final = "color:var(--jp-ui-font-color2,inherit)"


def card(title: str, rows: Iterable[tuple[str, object]] = (), *notes: str, body: str = "") -> str:
    """Draw a card: a title, rows of name and value, HTML parts, and notes.

    Parameters
    ----------
    title, rows, notes
        Plain texts; they are escaped here.
    body
        HTML from :func:`table` and :func:`fold`.
    """
    lines = "".join(
        f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:normal">'
        f'{_safe(name)}</th><td style="{_CELL};text-align:left">{_safe(value)}</td></tr>'
        for name, value in rows
    )
    listed = f'<table style="{_TABLE}">{lines}</table>' if lines else ""
    said = "".join(f'<div style="{_QUIET}">{_safe(note)}</div>' for note in notes if note)
    return f'<div style="{_CARD}"><strong>{_safe(title)}</strong>{listed}{body}{said}</div>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: str = "") -> str:
    """Draw a table with a header.

    Parameters
    ----------
    columns
        Names of the columns.
    rows
        Cells, one for each column.
    numbers
        One character per column: ``n`` aligns it to the right; missing ones are text columns.
    """
    sides = [
        "right;white-space:nowrap" if numbers[index : index + 1] == "n" else "left"
        for index in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col" style="{_CELL};text-align:{side}">{_safe(name)}</th>'
        for name, side in zip(columns, sides, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_CELL};text-align:{side}">{_safe(value)}</td>'
            for value, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'


def heading(text: str) -> str:
    """Draw a heading above a table."""
    return f'<div style="margin-top:.5em;font-weight:600">{_safe(text)}</div>'


def fold(summary: str, body: str) -> str:
    """Draw a section that opens with a click; works without JavaScript."""
    return f'<details><summary style="cursor:pointer">{_safe(summary)}</summary>{body}</details>'


def notes(lines: Iterable[str]) -> str:
    """Draw a list of remarks."""
    items = "".join(f"<li>{_safe(line)}</li>" for line in lines)
    return f'<ul style="margin:.2em 0;padding-left:1.4em">{items}</ul>' if items else ""


def _safe(value: object) -> str:
    return escape(one_line(value))


#: Rows of a photo's table.
_SHOWN_ITEMS: Final = 20
#: Lines of an inventory that are shown at once; more are folded by room.
_SHOWN_LINES: Final = 20
#: Most lines that are drawn, and most that are named as doubtful.
_DRAWN_LINES: Final = 200
_SHOWN_DOUBTS: Final = 5
#: Characters of a line of a formula.
_LONGEST_PART: Final = 72


@singledispatch
def card_of(value: object) -> str:
    """Draw the card of a value.

    Raises
    ------
    TypeError
        There is no card for values of its type.
    """
    raise TypeError(f"There is no card for a {type(value).__name__}.")


@card_of.register
def _job(job: Job) -> str:
    return card(
        f"Job {shorten(job.key, 60)}",
        [("queue", job.queue), ("id", job.id)],
        "poll(job) shows its state, job.result() waits for it.",
    )


@card_of.register
def _batch(batch: Batch) -> str:
    rows: list[tuple[str, object]] = [("photos", len(batch))]
    if batch.project_id:
        rows.append(("project", shorten(batch.project_id, 60)))
    return card(
        f"Batch {batch.id}",
        rows,
        "poll(batch) shows its state, collect(batch) waits for it;",
        f"batch({batch.id!r}) reopens it later.",
    )


@card_of.register
def _snapshot(job: JobSnapshot) -> str:
    rows: list[tuple[str, object]] = [
        ("state", job.state),
        ("attempts", f"{job.attempts} of {job.max_attempts}"),
    ]
    for name, value in (("project", job.project_id), ("batch", job.batch_id)):
        if value:
            rows.append((name, value))
    for name, time in (("waited", job.wait_ms), ("ran", job.job_duration_ms)):
        if time is not None:
            rows.append((name, duration(time)))
    if job.error:
        rows.append(("error", job.error))
    rows.append(("id", job.job_id))
    return card(f"Job {job.job_key}", rows)


@card_of.register
def _correction(made: Correction) -> str:
    rows: list[tuple[str, object]] = [
        ("project", made.project_id),
        ("room", made.room),
        ("thing", made.name),
        ("number", made.count or "0, off the list"),
    ]
    if made.volume is not None:
        rows.append(("volume of one", volume(made.volume)))
    if made.dismountable is not None:
        rows.append(("taken apart", "yes" if made.dismountable else "no"))
    rows.append(("by", f"{one_line(made.user_id, 40)}, {moment(made.created_at, utc=True)}"))
    if made.undone_at is not None:
        rows.append(
            ("undone by", f"{one_line(made.undone_by, 40)}, {moment(made.undone_at, utc=True)}")
        )
    note = "" if made.undone_at else f"undo_correction({made.correction_id}) undoes it."
    return card(f"Correction {made.correction_id}", rows, note)


@card_of.register
def _stats(stats: Stats) -> str:
    rows = [
        (
            queue.name,
            *(number(getattr(queue, state)) for state in JobState),
            number(queue.total),
            number(queue.workers),
            "paused" if queue.paused else "",
        )
        for queue in stats.values()
    ]
    columns = ("queue", *map(str, JobState), "total", "workers", "")
    return card("Queues", body=table(columns, rows, numbers="w" + "n" * (len(JobState) + 2)))


@card_of.register
def _worker(worker: WorkerProcess) -> str:
    return card(
        f"Worker {worker.pid}",
        [("process", worker.pid), ("log", worker.log)],
        "It ends with this process; stop() ends it sooner.",
    )


@card_of.register
def _catalogue(catalogue: Catalogue) -> str:
    numbers = Counter(item.category for item in catalogue.items)
    rows = [
        (category, number, _examples(catalogue, category))
        for category, number in sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    return card(
        "Catalogue",
        [("things", number(len(catalogue)))],
        ".to_frame() lists all, .find('canapé') finds one by its name.",
        body=table(("category", "things", "such as"), rows, numbers="wn") if rows else "",
    )


def _examples(catalogue: Catalogue, category: str) -> str:
    names = [item.name_en for item in catalogue.items if item.category == category]
    return one_line(", ".join(names[:3]), 60) or NOTHING


@card_of.register
def _photo(result: PhotoResult) -> str:
    rows: list[tuple[str, object]] = [("kind of room", _kind_of_room(result))]
    if result.engine:
        rows.append(("engine", " ".join(filter(None, (result.engine, result.model)))))
    if result.warnings:
        rows.append(("⚠ warnings", "; ".join(result.warnings)))
    kinds = _kinds(result.items)
    if not kinds:
        return card(f"Photo {result.photo_id}", rows, "No things were found in it.")
    total = volume(sum(item.volume or 0 for item in result.items))
    rows.append(("found", f"{counted(len(result.items), 'thing')}, {total}"))
    shown = table(
        ("thing", "number", "score", "volume", "or else"),
        ((name, len(items), *_details(items)) for name, items in kinds[:_SHOWN_ITEMS]),
        numbers="wnnn",
    )
    more = len(kinds) - _SHOWN_ITEMS
    note = f"… and {counted(more, 'kind')} more; .to_frame() lists all." if more > 0 else ""
    return card(f"Photo {result.photo_id}", rows, note, body=shown)


@card_of.register
def _inventory(result: InventoryResult) -> str:
    rows: list[tuple[str, object]] = [
        (
            "total",
            f"{counted(result.total_items, 'thing')}, {volume(result.total_volume)} "
            f"({result.volume_between})",
        ),
        ("rooms", ", ".join(result.rooms) or "none"),
        ("photos", _photos(result)),
        ("strategy", STRATEGY_TEXTS[result.strategy]),
        ("engine", result.made_by),
        *(("⚠ warning", text) for text in result.warnings),
    ]
    if said := range_note(result):
        rows.append(("range", said))
    corrected = sum(line.corrected for line in result.lines)
    if corrected:
        rows.append(("corrected", counted(corrected, "line")))
    held = sum(line.held_back for line in result.lines)
    if held:
        rows.append(("not counted", f"{counted(held, 'thing')} that may be there: see the review"))
    doubts = [line for line in result.lines if line.review]
    body = heading(f"⚠ To review: {counted(len(doubts), 'line')}") if doubts else ""
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


@card_of.register
def _changes(found: InventoryChanges) -> str:
    shown = table(
        ("room", "thing", "", "before", "after", "m³"),
        (
            (
                one_line(change.room, 40),
                change.name,
                change.change,
                change.count_before,
                change.count_after,
                signed(change.volume_after - change.volume_before, 2),
            )
            for change in found.changes[:_DRAWN_LINES]
        ),
        numbers="wwwnnn",
    )
    more = len(found.changes) - _DRAWN_LINES
    return card(
        f"Changes in the inventory of {' → '.join(found.projects)}",
        [("changes", found.words)],
        f"… and {counted(more, 'change')} more; .to_frame() lists all." if more > 0 else "",
        body=shown if found.changes else "",
    )


@card_of.register
def _estimate(made: Estimate) -> str:
    lang, price = made.lang, made.price
    words = Words(lang, made.units)

    driven = [one.vehicle for one in made.loads if one.vehicle.name == made.vehicle]

    def ranged(of: Quantity, unit: str) -> str:
        low, usual, high = (words.measure(end, unit) for end in (of.low, of.usual, of.high))
        return f"{usual} ({low.partition(' ')[0]}–{high})"

    rows = [
        ("volume", ranged(made.volume, "m³")),
        (phrase(lang, "weight"), ranged(made.weight, "kg")),
        (phrase(lang, "cartons to pack"), words.number(made.carton_count.usual)),
        (phrase(lang, "vehicle"), ", ".join(map(words.vehicle, driven))),
        (phrase(lang, "persons"), words.number(made.crew)),
        (phrase(lang, "hours"), words.number(made.hours.total)),
        (phrase(lang, "engine"), made.made_by),
    ]
    how = phrase(lang, "how")
    body = ""
    if price:
        lines = list(words.price_rows(price))
        rows.append(("total", f"{lines[-1][2]} {price.currency}"))
        body += table((phrase(lang, "price"), how, price.currency), lines, numbers="wwn")
    working = [
        (one.what, f"{words.number(one.figure)} {one.unit}", part) if first else ("", "", part)
        for one in made.working
        for first, part in _parts(one.formula)
    ]
    drawn = table((phrase(lang, "figure"), "", how), working, numbers="wnw")
    body += fold(phrase(lang, "Working"), drawn)
    title = phrase(lang, "Estimate of {project}, not a quote", project=made.project_id)
    return card(title, rows, *made.notes, body=body)


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Divide a long text into lines; also say which is the first."""
    for position, part in enumerate(textwrap.wrap(text, _LONGEST_PART) or [""]):
        yield not position, part


def _kind_of_room(result: PhotoResult) -> str:
    sure = result.room_type_confidence
    return result.room_type if sure is None else f"{result.room_type} ({score(sure)})"


def _kinds(items: Iterable[FoundItem]) -> list[tuple[str, list[FoundItem]]]:
    """Group things by name, the most frequent first."""
    kinds: dict[str, list[FoundItem]] = {}
    for item in items:
        kinds.setdefault(item.name, []).append(item)
    return sorted(kinds.items(), key=lambda kind: (-len(kind[1]), kind[0]))


def _details(items: Sequence[FoundItem]) -> tuple[str, str, str]:
    """Return scores, volume and alternatives of things with one name."""
    scores = [item.score for item in items if item.score is not None]
    volumes = [item.volume for item in items if item.volume is not None]
    shares: dict[str, float] = {}
    for item in items:
        for key, share in (item.alternatives or {}).items():
            shares[key] = max(shares.get(key, 0.0), share)
    ordered = sorted(shares.items(), key=lambda entry: (-entry[1], entry[0]))[:2]
    return (
        _range(min(scores), max(scores)) if scores else NOTHING,
        volume(sum(volumes)) if volumes else NOTHING,
        ", ".join(f"{key.replace('_', ' ')} {score(share)}" for key, share in ordered),
    )


def _range(low: float, high: float) -> str:
    return "–".join(dict.fromkeys((score(low), score(high))))


def _photos(result: InventoryResult) -> str:
    missing, copies = len(result.missing_photos), len(result.duplicate_photos)
    told = [number(result.photo_count)]
    if missing:
        told.append(f"{number(missing)} not analysed")
    if copies:
        told.append(f"{counted(copies, 'copy', 'copies')} of others")
    if result.shared_photos:
        told.append(f"{number(len(result.shared_photos))} of a picture in another room")
    return "; ".join(told)


def _doubt(line: InventoryLine) -> str:
    where = f"{one_line(line.room, 20)}, {one_line(line.name, 20)}"
    return f"{where}: {one_line(line.reason or 'review it', 88)}"


def _rooms(result: InventoryResult) -> Iterator[str]:
    """Draw each room; fold them if they do not fit a screen."""
    folded = len(result.lines) > _SHOWN_LINES
    left = _DRAWN_LINES
    for room in result.rooms:
        lines = [line for line in result.lines if line.room == room]
        things = counted(sum(line.count for line in lines), "thing")
        told = f"{one_line(room, 40)}: {things}, {volume(sum(line.volume for line in lines))}"
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
                volume(line.volume),
                volume_range(line.volume_min, line.volume_max),
                "corrected"
                if line.corrected
                else f"⚠ {line.held_back} not counted"
                if line.held_back
                else "⚠ review"
                if line.review
                else "",
            )
            for line in lines
        ),
        numbers="wnnn",
    )
