"""Answers of a model server: any bytes, any JSON, any numbers."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from photoqueue.engines.contract import Analysis, Hint
from photoqueue.engines.llm.access import LlmAccess
from photoqueue.engines.llm.endpoint import ModelAnswer, read_answer
from photoqueue.engines.llm.failures import FormatRefusedError
from photoqueue.engines.llm.reply import Names, UnusableReplyError, read_reply
from photoqueue.errors import PhotoqueueError
from photoqueue.inventory.catalogue import Catalogue
from tests.fuzz.effort import tried
from tests.llm_server import GOOD

NAMES = Names(Catalogue.load())
#: Numbers that JSON may hold and Python reads: of any length, and without an end.
_numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0])
    | st.booleans()
)
_values = st.recursive(
    st.none() | _numbers | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=8,
)
_pieces = st.sampled_from(
    ['{"items": [', '{"', '"box": [', "1e999", "NaN", "-Infinity", "{" * 2000, "[" * 2000, "]}"]
)


@tried(80)
@given(
    items=st.lists(
        st.dictionaries(
            st.sampled_from(
                ["name", "count", "confidence", "category", "volume", "box", "bbox_2d", "box_2d"]
            ),
            _values | st.lists(_numbers, min_size=4, max_size=4),
        ),
        max_size=4,
    )
)
def test_any_items_are_taken_or_unusable(items: list[dict[str, object]]) -> None:
    with contextlib.suppress(UnusableReplyError):
        reply = read_reply(json.dumps({**GOOD, "items": items}), NAMES, Hint())
        for item in reply.items:
            assert item.name.isprintable()
            assert item.box is None or all(0 <= corner <= 1 for corner in item.box)
            assert item.volume is None or 0 <= item.volume <= 100


@tried(80)
@given(parts=st.lists(_pieces | st.text(max_size=20), max_size=30))
def test_any_text_of_broken_json_is_unusable_or_a_reply(parts: list[str]) -> None:
    with contextlib.suppress(UnusableReplyError):
        assert isinstance(read_reply("".join(parts), NAMES, Hint()), Analysis)


ACCESS = LlmAccess(
    base_url="http://model.invalid/v1",
    model="m",
    api_key=SecretStr("very-secret-key"),
    local=False,
    timeout=1,
)


@tried(80)
@given(
    body=st.binary(max_size=200)
    | _values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {},
        optional={
            "choices": _values
            | st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "message": _values
                        | st.fixed_dictionaries(
                            {}, optional={"content": _values, "refusal": _values}
                        ),
                        "finish_reason": _values | st.just("content_filter"),
                    },
                ),
                max_size=2,
            ),
            "usage": _values
            | st.fixed_dictionaries({}, optional={"prompt_tokens": _numbers | _values}),
            "error": _values,
        },
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_body_is_an_answer_or_an_error_of_the_server(body: bytes) -> None:
    try:
        answer = read_answer(ACCESS, body)
    except (PhotoqueueError, FormatRefusedError) as error:
        assert "very-secret-key" not in str(error)
    else:
        assert isinstance(answer, ModelAnswer)
        assert isinstance(answer.text, str)
        assert answer.tokens_in is None or 0 <= answer.tokens_in <= 10**9
