"""The parts of the engine `llm` that take text from strangers."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photoqueue.engines.llm.endpoint import is_local, message_of, retry_after
from photoqueue.engines.llm.reply import (
    Names,
    Reply,
    UnusableReplyError,
    find_object,
    read_reply,
    reply_schema,
)
from photoqueue.inventory.catalogue import Catalogue, stem
from tests.llm_server import GOOD

CATALOGUE = Catalogue.load()
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(text=st.text(alphabet=st.sampled_from('{}[]",:ab1 \n`\\')) | st.text())
def test_any_text_is_a_reply_or_unusable(text: str) -> None:
    with contextlib.suppress(UnusableReplyError):
        assert isinstance(read_reply(text), Reply)


@given(value=_VALUES, key=st.sampled_from(["items", "room_type", "room_type_confidence"]))
def test_any_value_in_a_reply_is_taken_or_unusable(value: object, key: str) -> None:
    with contextlib.suppress(UnusableReplyError):
        assert isinstance(read_reply(json.dumps({**GOOD, key: value})), Reply)


@given(value=_VALUES, key=st.sampled_from(sorted(GOOD["items"][0])))
def test_any_value_in_an_item_is_taken_or_unusable(value: object, key: str) -> None:
    item = {**GOOD["items"][0], key: value}
    with contextlib.suppress(UnusableReplyError):
        (found,) = read_reply(json.dumps({**GOOD, "items": [item]})).items
        assert found.box is None or all(0 <= corner <= 1 for corner in found.box)
        assert 0 <= found.confidence <= 1


def test_corner_that_no_number_can_hold_is_no_box() -> None:
    item = {**GOOD["items"][0], "box": [0, 0, 10**400, 1]}
    (found,) = read_reply(json.dumps({**GOOD, "items": [item]})).items
    assert found.box is None


@given(before=st.text().filter(lambda t: "{" not in t), after=st.text())
def test_object_is_found_within_any_prose(before: str, after: str) -> None:
    after = after.replace("{", "(")
    assert find_object(f"{before}{json.dumps(GOOD)}{after}") == GOOD


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
    names = Names(CATALOGUE)
    assert names.find(item.key) is item
    for name in (item.name_en, item.name_fr):
        found = names.find(name)
        assert found is not None
        assert stem(name) in {stem(found.name_en), stem(found.name_fr), stem(found.key)}


@given(text=st.text())
def test_any_name_is_looked_up(text: str) -> None:
    Names(CATALOGUE).find(text)


@pytest.mark.parametrize("name", ["", " ", "church organ", "???", "the"])
def test_unknown_name_is_not_in_the_catalogue(name: str) -> None:
    assert Names(CATALOGUE).find(name) is None


def test_schema_asks_for_what_the_reply_reads() -> None:
    schema = reply_schema(boxes=True)
    assert set(schema["properties"]) == set(Reply.model_fields)
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
