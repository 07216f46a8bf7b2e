"""Reading what the model really answers: each thing on its own, repaired or left out by itself."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from photoqueue.engines.contract import DIGITS, Analysis, Hint, Item
from photoqueue.engines.llm.conventions import boxes_of, raw_box
from photoqueue.engines.vocabulary import seen_item
from photoqueue.inventory.catalogue import Catalogue, stem
from photoqueue.inventory.catalogue_file import CATEGORIES, CatalogueItem
from photoqueue.inventory.wording import OTHER, ROOM_TYPES, canonical_room_type

#: Longest answer that is looked at, in characters; a hundred items take about a tenth of it.
_LONGEST_ANSWER: Final = 200_000
#: Openings of values that are tried as the beginning of the answer.
_MOST_CANDIDATES: Final = 500
#: Depth to which a list of things is looked for, in objects and in JSON within strings.
_DEEPEST: Final = 4
#: Most of one thing, most things in one room, and longest name that are believed.
_MOST_ALIKE: Final = 100
_MOST_THINGS: Final = 500
_LONGEST_NAME: Final = 120
#: Largest volume of one thing that is believed, in m³.
_LARGEST: Final = 100.0
#: Distance of corners, in 0…1, up to which two boxes are one.
_SAME: Final = 0.01
#: Warnings that are kept of one answer.
_MOST_WARNINGS: Final = 8

_LISTS: Final = ("items", "things", "objects", "furniture", "inventory", "detections")
_SURE: Final = ("confidence", "score")
_NAMES: Final = ("name", "label", "item", "object", "key", "title")
#: A string, perhaps cut off (then it is looked at once only), or a comma before a closing bracket.
_COMMAS: Final = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[}\]])')
#: What stands before a value that is a part of another one.
_WITHIN: Final = re.compile(r'(?:"\s*:|[\]}]\s*,|\[)\s*\Z')
#: Units of a volume other than m³: litres, gallons, cubic feet, cm³.
_OTHER_UNIT: Final = re.compile(r"\d\s*(?:l|gal|ft|[cd]m|cu\w*\.?\s*f)", re.IGNORECASE)
_FIGURE: Final = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


#: What could not be used of an answer: the things of each kind of reason.
_Notes = defaultdict[str, list[str]]


class UnusableReplyError(ValueError):
    """The model's answer is not what was asked for; the text can be sent to the model."""


class Names:
    """The catalogue by whatever a model may call a thing.

    Known are keys, names and synonyms (:meth:`Catalogue.by_name`), and after these the class
    names of detectors ("couch"); the first thing of the catalogue with such a class has it.

    >>> Names(Catalogue.load()).find("les fauteuils").key
    'armchair'
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._by_label: dict[str, CatalogueItem] = {}
        for item in catalogue.items:
            for label in itertools.chain(*item.labels.values()):
                for word in (label, *label.split("/")):
                    self._by_label.setdefault(stem(word), item)

    def find(self, name: str) -> CatalogueItem | None:
        """Return the thing that a name means; ``None`` if the catalogue has none of it."""
        return self._catalogue.by_name(name) or self._by_label.get(stem(name))


def read_reply(
    text: str,
    names: Names,
    hint: Hint,
    *,
    size: tuple[int, int] | None = (1000, 1000),
    boxes: str = "auto",
    truncated: bool = False,
) -> Analysis:
    """Read the answer out of a text: JSON, in a code fence, within prose, or nearly JSON.

    Parameters
    ----------
    size : tuple of int or None
        Width and height of the picture as it was sent, for boxes; ``None`` if there were several.
    boxes : str
        How boxes are written; see :func:`~photoqueue.engines.llm.conventions.boxes_of`.
    truncated : bool
        Whether the text was cut off: then nothing but a complete list at its end is taken.

    Raises
    ------
    UnusableReplyError
        There is no list of things, or none of them has a name.
    """
    found = find_answer(text, truncated=truncated)
    if found is None:
        raise UnusableReplyError("the answer holds no JSON object with a list of items")
    notes: _Notes = defaultdict(list)
    things = [one if isinstance(one, dict) else {"name": one} for one in found["items"] if one]
    if things and not any(_name(_of(thing, *_NAMES)) for thing in things):
        raise UnusableReplyError("no item has a name")
    scale = _scale([_figure(_of(thing, *_SURE)) for thing in things])
    raws = [raw_box(thing) if size else None for thing in things]
    items: list[Item] = []
    placed: list[Item] = []
    for thing, raw, box in zip(things, raws, boxes_of(raws, size, boxes), strict=True):
        item, count = _item(thing, names, hint.language, scale, notes)
        if raw is not None and box is None:
            notes["without its box, which is not in the photo"].append(item.name)
        item = replace(item, box=box)
        if any(_same(item, other) for other in placed):
            notes["named again with the same box, counted once"].append(item.name)
        elif len(items) + count > _MOST_THINGS:
            notes[f"beyond {_MOST_THINGS} things in one room, left out"].append(item.name)
        elif count:
            items += [item if count == 1 else replace(item, box=None)] * count
            placed.append(item)
    said = _of(found, "room_type", "roomType", "room")
    kind = _room_type(said)
    if kind is None and hint.room_type is None:
        notes["unknown kind of room"].append(str(said or "none was named")[:40])
    certainty = _figure(_of(found, "room_type_confidence", "roomTypeConfidence"))
    return Analysis.of(
        items,
        hint,
        room_type=kind or OTHER,
        certainty=_share(certainty, _scale([certainty])) if kind else 0.0,
        warnings=_warnings(notes),
    )


def find_answer(text: str, *, truncated: bool = False) -> dict[str, Any] | None:
    r"""Return the object with the list of things, under ``items``; ``None`` where there is none.

    A model that reasons in text writes drafts first: the last list wins. Commas before a closing
    bracket are forgiven; JSON in which more is wrong is not guessed at, but asked for again.

    >>> find_answer('Here it is:\n```json\n[{"name": "sofa"},]\n``` Anything else?')
    {'items': [{'name': 'sofa'}]}
    """
    text = text[:_LONGEST_ANSWER].strip()
    if text.removeprefix("```json").strip("`\n ") == "[]":
        return {"items": []}
    for tried in (text, _COMMAS.sub(lambda match: match[1] or "", text)):
        found = [(_listed(value), end, part) for value, end, part in _values(tried)]
        nothing: tuple[dict[str, Any] | None, int, bool] = (None, 0, False)
        last, end, part = next((one for one in reversed(found) if one[0]), nothing)
        # Of a list that is broken somewhere, its last part alone would pass for all of it.
        if last and not part and not (truncated and "{" in tried[end:]):
            return last
    return None


def _values(text: str) -> Iterator[tuple[Any, int, bool]]:
    """Yield each JSON value of a text that may hold a list of things.

    With it come where it ends, and whether it is a part of a value that cannot be read.
    """
    decoder, broken = json.JSONDecoder(), False
    openings = re.compile(r'[{\[]|(?<!\S)"(?=\s*[\\{\[])')  # JSON within a string, too
    match = openings.search(text)
    for _ in range(_MOST_CANDIDATES):
        if match is None:
            return
        end = match.start() + 1
        try:
            value, end = decoder.raw_decode(text, match.start())
            before = text[max(match.start() - 20, 0) : match.start()]
            yield value, end, broken and _WITHIN.search(before) is not None
        except (ValueError, RecursionError):
            broken = True
        match = openings.search(text, end)


def _listed(value: Any, depth: int = 0) -> dict[str, Any] | None:
    """Return the object with a list of things in a value, however it is wrapped."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, str):
        inner = [_listed(found, depth + 1) for found, *_ in _values(value)]
        return next((found for found in reversed(inner) if found is not None), None)
    if isinstance(value, list):
        if _are_things(value):
            return {"items": value}
        parts = [_listed(part, depth + 1) for part in value]  # one for each photo, or one at all
        lists = [part["items"] for part in parts if part is not None]
        return {**(parts[0] or {}), "items": list(itertools.chain(*lists))} if lists else None
    if not isinstance(value, dict):
        return None
    things = value.get("items")
    if isinstance(things, list):
        return value
    if "items" in value and not things:  # null, of an empty room
        return {**value, "items": []}
    # By category, mostly: {"furniture": […], "appliances": […]}
    lists = [part or [] for key, part in value.items() if key in _LISTS or _are_things(part)]
    if lists and all(isinstance(part, list) for part in lists):
        return {**value, "items": list(itertools.chain(*lists))}
    within = (_listed(part, depth + 1) for part in value.values())
    found = next((part for part in within if part is not None), None)
    return None if found is None else {**value, **found}


def _are_things(value: Any) -> bool:
    things = value if isinstance(value, list) else []
    return bool(things) and all(isinstance(one, dict) and _of(one, *_NAMES) for one in things)


def _item(
    thing: Mapping[str, Any], names: Names, language: str, scale: float, notes: _Notes
) -> tuple[Item, int]:
    """Return a thing without its box, and how many there are; 0 where it is left out."""
    name = _name(_of(thing, *_NAMES))
    count = _count(_of(thing, "count", "quantity"), name, notes)
    if not name:
        count = 0
        notes["left out, as it has no name"].append(json.dumps(thing, ensure_ascii=False)[:40])
    score = _share(_figure(_of(thing, *_SURE)), scale)
    known = names.find(name)
    if known is not None:  # what the model says of its category and volume does not matter
        return seen_item(known, language=language, label=name, score=score), count
    category = str(thing.get("category") or "misc").strip().casefold()
    if category not in CATEGORIES:
        notes["of an unknown category, taken as misc"].append(f"{name} ({category[:40]})")
        category = "misc"
    given = thing.get("volume")
    volume = _figure(given)
    if volume is not None and (not 0 <= volume <= _LARGEST or _OTHER_UNIT.search(str(given))):
        notes["without its volume, which cannot be right"].append(f"{name} ({str(given)[:20]})")
        volume = None
    return Item(name=name, category=category, label=name, score=score, volume=volume or None), count


def _name(value: object) -> str:
    return _printable(value).strip()[:_LONGEST_NAME].strip() if isinstance(value, str) else ""


def _printable(text: str) -> str:
    """Leave out what neither a table nor PostgreSQL can show: NUL, halves of characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def _count(value: object, name: str, notes: _Notes) -> int:
    """Return how many there are; 0 where there are none, or more than can be."""
    if value is None:
        return 1
    parts = _FIGURE.findall(value) if isinstance(value, str) else [value]
    figures = [figure for figure in map(_figure, parts) if figure is not None]
    shown = f"{name} ({str(value)[:20]})"
    if not figures:
        notes["counted once, as its count cannot be read"].append(shown)
        return 1
    count = figures[0]
    if len(figures) > 1:
        notes["counted as the lowest number given"].append(shown)
        count = min(map(abs, figures))
    if not 1 <= count <= _MOST_ALIKE:
        notes["left out, as its count cannot be right"].append(shown)
        return 0
    return int(count)


def _room_type(value: object) -> str | None:
    """Return the kind of room, also of "master bedroom"; ``None`` where it is none of ours."""
    word = _name(value)
    return canonical_room_type(word) or next(
        (known for known in ROOM_TYPES if known in word.casefold()), None
    )


def _of(thing: Mapping[str, Any], *keys: str) -> Any:
    """Return the first value that a thing has under one of these keys."""
    return next((thing[key] for key in keys if thing.get(key) is not None), None)


def _figure(value: object) -> float | None:
    """Return a number, also one in a text such as "95%" or "1,7 m³"; ``None`` where it is none."""
    if isinstance(value, str):
        match = _FIGURE.search(value)
        value = float(match[0].replace(",", ".")) / (100 if "%" in value else 1) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # JSON knows integers of any length
        return None


def _scale(figures: list[float | None]) -> float:
    """Return what is certain in an answer: 1, 10 of 10, or 100 per cent."""
    most = max((figure for figure in figures if figure is not None), default=0.0)
    return 1.0 if most <= 1 else 10.0 if most <= 10 else 100.0


def _share(figure: float | None, scale: float) -> float | None:
    if figure is None or not 0 <= figure <= scale:
        return None
    return round(figure if figure <= 1 else figure / scale, DIGITS)


def _same(one: Item, other: Item) -> bool:
    """Whether two entries are one thing: alike, and in the same place."""
    if one.box is None or other.box is None or stem(one.name) != stem(other.name):
        return False
    return all(abs(a - b) <= _SAME for a, b in zip(one.box, other.box, strict=True))


def _warnings(notes: _Notes) -> tuple[str, ...]:
    """Return one line for each reason; of many things the first."""
    lines = []
    for reason, things in notes.items():
        more = f" and {len(things) - _MOST_WARNINGS} more" if things[_MOST_WARNINGS:] else ""
        shown = _printable(", ".join(things[:_MOST_WARNINGS]))
        lines.append(f"{reason}: {shown}{more}")
    return tuple(lines)
