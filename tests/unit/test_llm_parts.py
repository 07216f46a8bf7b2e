"""The parts of the engine `llm` that take text from strangers."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.engines.contract import Analysis, Hint
from photoqueue.engines.llm.access import is_local
from photoqueue.engines.llm.conventions import boxes_of, raw_box
from photoqueue.engines.llm.failures import message_of, retry_after
from photoqueue.engines.llm.prompt import reply_schema
from photoqueue.engines.llm.reply import Names, UnusableReplyError, find_answer, read_reply
from photoqueue.inventory.catalogue import Catalogue, stem
from tests.llm_server import GOOD

CATALOGUE = Catalogue.load()
NAMES = Names(CATALOGUE)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(text=st.text(alphabet=st.sampled_from('{}[]",:ab1 \n`\\')) | st.text())
def test_any_text_is_a_reply_or_unusable(text: str) -> None:
    with contextlib.suppress(UnusableReplyError):
        assert isinstance(read_reply(text, NAMES, Hint()), Analysis)


@given(value=_VALUES, key=st.sampled_from(["items", "room_type", "room_type_confidence"]))
def test_any_value_in_a_reply_is_taken_or_unusable(value: object, key: str) -> None:
    with contextlib.suppress(UnusableReplyError):
        assert isinstance(read_reply(json.dumps({**GOOD, key: value}), NAMES, Hint()), Analysis)


@given(value=_VALUES, key=st.sampled_from(sorted(GOOD["items"][0])))
def test_any_value_in_an_item_is_taken_or_unusable(value: object, key: str) -> None:
    item = {**GOOD["items"][0], key: value}
    with contextlib.suppress(UnusableReplyError):
        for found in read_reply(json.dumps({**GOOD, "items": [item]}), NAMES, Hint()).items:
            assert found.box is None or all(0 <= corner <= 1 for corner in found.box)
            assert found.score is None or 0 <= found.score <= 1


def test_corner_that_no_number_can_hold_is_no_box() -> None:
    item = {**GOOD["items"][0], "box": [0, 0, 10**400, 1]}
    (found,) = read_reply(json.dumps({**GOOD, "items": [item]}), NAMES, Hint()).items
    assert found.box is None


_PROSE = st.text(st.characters(exclude_characters='{["'))


@given(before=_PROSE, after=_PROSE)
def test_object_is_found_within_any_prose(before: str, after: str) -> None:
    assert find_answer(f"{before}{json.dumps(GOOD)}{after}") == GOOD


SOFA = GOOD["items"][0]
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([SOFA]),
        json.dumps({"inventory": GOOD}),
        json.dumps({"result": {"data": GOOD}}),
        json.dumps(TEXT),
        json.dumps(json.dumps(TEXT)),
        json.dumps({"answer": TEXT}),
        TEXT.replace("]", ",]").replace("}", ", }"),
        f"```json\n{TEXT[:-1]},\n}}\n```",
        json.dumps([GOOD]),
        json.dumps({"furniture": [SOFA], "appliances": []}),
    ],
)
def test_list_is_found_however_it_is_wrapped(text: str) -> None:
    (item,) = read_reply(text, NAMES, Hint()).items
    assert item.key == "sofa_3_seat"


def test_lists_by_category_and_by_photo_are_one() -> None:
    chair = {"name": "chair"}
    for value in ({"furniture": [SOFA], "electronics": [chair]}, [GOOD, {"items": [chair]}]):
        items = read_reply(json.dumps(value), NAMES, Hint()).items
        assert [item.key for item in items] == ["sofa_3_seat", "chair"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "```json\n[]\n```",
        '{"room_type": "bedroom", "items": null}',
        '{"furniture": [], "objects": null}',
    ],
)
def test_room_with_nothing_in_it_is_an_answer(text: str) -> None:
    assert read_reply(text, NAMES, Hint()).items == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"furniture": [{"name": "sofa" "count": 1}], "things": [{"name": "chair"}]}',
        '[{"items": [{"name": "sofa" "count": 1}]}, {"items": [{"name": "chair"}]}]',
        '{"items": [{"name": "desk", "items": [{"name": "lamp"}]}, {"name": "cha',
    ],
)
def test_part_of_a_broken_list_does_not_pass_for_all_of_it(text: str) -> None:
    with pytest.raises(UnusableReplyError, match="no JSON"):
        read_reply(text, NAMES, Hint())


def test_comma_that_is_forgiven_costs_no_other_list() -> None:
    text = '{"furniture": [{"name": "sofa"}], "things": [{"name": "chair"}],}'
    assert len(read_reply(text, NAMES, Hint()).items) == 2


def test_long_answer_that_is_cut_off_within_a_string_is_given_up_quickly() -> None:
    # Looking at the rest of the text again at each quote would take minutes.
    assert find_answer(json.dumps(json.dumps([SOFA] * 2500))[:-8], truncated=True) is None


def test_comma_within_a_name_stays() -> None:
    text = '{"items": [{"name": "table, ] round",},]}'
    assert read_reply(text, NAMES, Hint()).items[0].name == "table, ] round"


@pytest.mark.parametrize(
    ("field", "given", "read", "warned"),
    [
        ("confidence", 95, 0.95, None),
        ("confidence", "95%", 0.95, None),
        ("confidence", "0.7", 0.7, None),
        ("confidence", "0,7", 0.7, None),
        ("confidence", 8, 0.8, None),
        ("confidence", 1, 1.0, None),
        ("confidence", None, None, None),
        ("confidence", "high", None, None),
        ("confidence", -3, None, None),
        ("confidence", 950, None, None),
        ("count", None, 1, None),
        ("count", "3", 3, None),
        ("count", 2.0, 2, None),
        ("count", "x4", 4, None),
        ("count", "2-3", 2, "2-3"),
        ("count", "9 to 12", 9, "9 to 12"),
        ("count", "several", 1, "several"),
        ("category", "Furniture ", "furniture", None),
        ("category", "textile", "misc", "textile"),
        ("category", None, "misc", None),
        ("volume", "1,7 m³", 1.7, None),
        ("volume", "0.4 cubic metres", 0.4, None),
        ("volume", "50 L", None, "50 L"),
        ("volume", "14 cu. ft", None, "14 cu. ft"),
        ("volume", -1, None, "-1"),
        ("volume", 5000, None, "5000"),
        ("volume", 0, None, None),
    ],
)
def test_field_is_repaired_or_left_out_by_itself(
    field: str, given: object, read: object, warned: str | None
) -> None:
    thing = {"name": "church organ", "confidence": 0.5, field: given}
    reply = read_reply(json.dumps({**GOOD, "items": [thing, SOFA]}), NAMES, Hint())
    first, *others, last = reply.items
    values = {**vars(first), "confidence": first.score, "count": 1 + len(others)}
    assert values[field] == read
    assert last.key == "sofa_3_seat"
    assert [warned in warning for warning in reply.warnings] == ([True] if warned else [])


@pytest.mark.parametrize("bad", [{"count": 0}, {"count": -2}, {"count": 10**9}, {"name": " "}, 5])
def test_thing_that_is_none_is_left_out_and_named(bad: object) -> None:
    thing = {**SOFA, "name": "chair", **bad} if isinstance(bad, dict) else bad
    reply = read_reply(json.dumps({**GOOD, "items": [thing, SOFA]}), NAMES, Hint())
    assert [item.key for item in reply.items] == ["sofa_3_seat"]
    assert len(reply.warnings) == 1
    assert "left out" in reply.warnings[0]


def test_more_things_than_a_room_holds_are_left_out_and_named() -> None:
    things = [{**SOFA, "name": "chair", "count": 100, "box": None}] * 6
    reply = read_reply(json.dumps({**GOOD, "items": things}), NAMES, Hint())
    assert len(reply.items) == 500
    assert "beyond 500 things" in reply.warnings[0]


@pytest.mark.parametrize(
    ("given", "said", "read", "warned"),
    [
        ("treatment room", None, "other", True),
        ("treatment room", "buanderie", "other", False),
        (None, None, "other", True),
        ("master bedroom", None, "bedroom", False),
        ("Salle de bain 2", None, "bathroom", False),
    ],
)
def test_kind_of_room_that_is_unknown_is_other(
    given: object, said: str | None, read: str, warned: bool
) -> None:
    text = json.dumps({**GOOD, "room_type": given})
    reply = read_reply(text, NAMES, Hint(room_type=said))
    assert (reply.room_type, bool(reply.warnings)) == (said or read, warned)
    assert len(reply.items) == 1


def test_thing_named_three_times_with_one_box_is_one() -> None:
    same = [SOFA, {**SOFA, "name": "canapé 3 places"}, {**SOFA, "box": [0.101, 0.2, 0.6, 0.899]}]
    other = {**SOFA, "box": [0.6, 0.2, 1.0, 0.9]}
    nowhere = {**SOFA, "box": None}
    reply = read_reply(
        json.dumps({**GOOD, "items": [*same, other, nowhere, nowhere]}), NAMES, Hint()
    )
    assert len(reply.items) == 4
    assert reply.warnings[0].startswith("named again with the same box")
    none = [{**SOFA, "count": 0}, SOFA]
    assert len(read_reply(json.dumps({**GOOD, "items": none}), NAMES, Hint()).items) == 1
    pairs = json.dumps({**GOOD, "items": [{**SOFA, "count": 2}] * 2})
    assert len(read_reply(pairs, NAMES, Hint()).items) == 2


LEFT = (0.05, 0.3, 0.45, 0.95)
RIGHT = (0.5, 0.2, 0.95, 0.9)


def written(box: tuple[float, ...], order: str, unit: float | tuple[int, int]) -> list[float]:
    width, height = unit if isinstance(unit, tuple) else (unit, unit)
    x0, y0, x1, y1 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    if order == "yxyx":
        return [y0, x0, y1, x1]
    return [x0, y0, x1 - x0, y1 - y0] if order == "xywh" else [x0, y0, x1, y1]


@pytest.mark.parametrize(
    ("key", "order", "unit"),
    [
        ("box", "xyxy", 1),
        ("bbox_2d", "xyxy", 1000),
        ("bbox_2d", "xyxy", (1280, 960)),
        ("bbox_2d", "xyxy", (640, 480)),
        ("box_2d", "yxyx", 1000),
        ("box_2d", "yxyx", 1),
        ("bbox", "xyxy", (960, 1280)),
        ("boundingBox", "xyxy", 1000),
        ("bbox", "xywh", (640, 480)),
        ("bbox", "xywh", 1),
    ],
)
def test_boxes_of_each_convention_are_told_from_all_of_an_answer(
    key: str, order: str, unit: float | tuple[int, int]
) -> None:
    size = unit if isinstance(unit, tuple) else (1280, 960)
    raws = [raw_box({key: written(box, order, unit)}) for box in (LEFT, RIGHT)]
    found = boxes_of([*raws, None], size)
    assert found[2] is None
    for box, wanted in zip(found, (LEFT, RIGHT), strict=False):
        assert box == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        {"x0": 0.05, "y0": 0.3, "x1": 0.45, "y1": 0.95},
        {"x1": 50, "y1": 300, "x2": 450, "y2": 950},
        {"xmin": 50, "ymin": 300, "xmax": 450, "ymax": 950},
        {"y_min": 300, "x_min": 50, "y_max": 950, "x_max": 450},
        {"x": 0.05, "y": 0.3, "width": 0.4, "height": 0.65},
        {"x": 50, "y": 300, "w": 400, "h": 650},
        ["0.05", "0.3", "0.45", "0.95"],
        "<box>(50,300),(450,950)</box>",
    ],
)
def test_box_is_read_from_objects_and_text(value: object) -> None:
    (box,) = boxes_of([raw_box({"box": value})], (1280, 960))
    assert box == pytest.approx(LEFT)


def test_thousandths_of_a_wide_photo_are_no_pixels_for_gemini() -> None:
    # One thing, whose corners are pixels of a photo of 1280 × 720 just as well.
    (box,) = boxes_of([raw_box({"box_2d": [300, 50, 700, 450]})], (1280, 720))
    assert box == pytest.approx((0.05, 0.3, 0.45, 0.7))


def test_what_the_setting_says_of_boxes_is_obeyed() -> None:
    (box,) = boxes_of(
        [raw_box({"box": [300, 50, 950, 450]})], (1280, 960), convention="yxyx-thousand"
    )
    assert box == pytest.approx(LEFT)


@given(
    value=_VALUES | st.lists(st.integers() | st.floats(), min_size=4, max_size=4),
    convention=st.sampled_from(["auto", "xywh-pixels", "yxyx-thousand"]),
)
def test_any_box_is_in_the_picture_or_none(value: object, convention: str) -> None:
    (box,) = boxes_of([raw_box({"bbox_2d": value})], (1280, 960), convention=convention)
    assert box is None or all(0 <= corner <= 1 for corner in box)


@given(text=st.text())
def test_any_body_of_an_error_has_a_message(text: str) -> None:
    assert isinstance(message_of(text), str)
    assert isinstance(message_of(json.dumps({"error": {"message": text}})), str)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"message": "no such model"}}', "no such model"),
        ('{"error": "no such model"}', "no such model"),
        ('{"detail": "no such model"}', "no such model"),
        ('{"message": "no such model"}', "no such model"),
        ('[{"error": {"message": "no such model"}}]', "no such model"),
        ('{"error": {"message": "P", "metadata": {"raw": "busy"}}}', "P (busy)"),
        ('{"error": {"message": "P", "metadata": {"raw": {"error": "busy"}}}}', "P (busy)"),
        ("no such model", "no such model"),
        ("<html>nginx</html>", ""),
    ],
)
def test_message_of_an_error_is_found_in_each_form(body: str, message: str) -> None:
    assert message_of(body) == message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "20", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "20", "retry-after-ms": "soon"}, 20.0),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "soon"}, None),
        (
            {
                "retry-after": "Fri, 15 Jan 2027 08:00:30 GMT",
                "date": "Fri, 15 Jan 2027 08:00:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Fri, 15 Jan 1999 08:00:30 GMT"}, 0.0),
        ({"retry-after": "Fri, 15 Jan 1999 08:00:30 GMT", "date": "nonsense"}, 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@given(text=st.text())
def test_any_retry_after_is_none_or_can_be_waited_for(text: str) -> None:
    seconds = retry_after({"retry-after": text})
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("item", CATALOGUE.items, ids=lambda item: item.key)
def test_each_thing_is_found_by_its_key_and_its_names(item) -> None:
    assert NAMES.find(item.key) is item
    for name in (item.name_en, item.name_fr):
        found = NAMES.find(name)
        assert found is not None
        assert stem(name) in {stem(found.name_en), stem(found.name_fr), stem(found.key)}


@given(text=st.text())
def test_any_name_is_looked_up(text: str) -> None:
    NAMES.find(text)


@pytest.mark.parametrize("name", ["", " ", "church organ", "???", "the"])
def test_unknown_name_is_not_in_the_catalogue(name: str) -> None:
    assert NAMES.find(name) is None


def test_schema_asks_for_what_the_reply_reads() -> None:
    schema = reply_schema(boxes=True)
    assert set(schema["properties"]) == set(GOOD)
    item = schema["properties"]["items"]["items"]
    assert set(item["properties"]) == set(GOOD["items"][0])


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("ollama", True),
        ("gpu.local", True),
        ("api.openai.com", False),
        ("8.8.8.8", False),
        ("localhost.example.com", False),
    ],
)
def test_server_of_this_site_is_told_apart(host: str, local: bool) -> None:
    assert is_local(host) is local
