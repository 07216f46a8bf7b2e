"""The engine `llm` against a real server that behaves in each way that servers do."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import certifi
import pytest
from PIL import Image

from photoqueue.engines.contract import Analysis, Call, Hint, RoomEngine, SharedEngine
from photoqueue.engines.llm import conversation, endpoint
from photoqueue.engines.llm.vision import LlmEngine, LocalThrottle, build_llm
from photoqueue.errors import (
    EngineServerError,
    EngineTimeoutError,
    EngineUnavailableError,
    PermanentError,
    RateLimitedError,
    ThrottledError,
)
from photoqueue.settings import Settings
from photoqueue.worker.runner import describe
from tests.llm_server import (
    GOOD,
    ChatServer,
    chat_server,
    completion,
    cut,
    cut_short,
    document,
    drip,
    echo_key,
    echo_key_in_answer,
    flood,
    good,
    hang,
    only,
    page,
    refuse,
    things,
)
from tests.tls import make_certificate

KEY = "sk-hunter2-do-not-show"
PICTURE = Image.new("RGB", (64, 48), "white")

Make = Callable[..., LlmEngine]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    # Another server may have had this address in an earlier test.
    for memory in (conversation._ACCEPTED, conversation._DOUBTED, endpoint._LIMIT_OF):
        memory.clear()
    with chat_server() as server:
        yield server


@pytest.fixture
def make(server: ChatServer) -> Iterator[Make]:
    """Build engines that ask the test's server; closed at the end."""
    engines: list[LlmEngine] = []

    def build(**changes: Any) -> LlmEngine:
        engine = build_llm(settings(server, **changes))
        engines.append(engine)
        return engine

    yield build
    for engine in engines:
        engine.close()


def settings(server: ChatServer, **changes: Any) -> Settings:
    wanted = {
        "engine": "llm",
        "llm_base_url": server.address,
        "llm_model": "test-vision",
        "llm_api_key": KEY,
        "job_timeout_seconds": 20.0,
    }
    return Settings(**{**wanted, **changes})


class Talk:
    """One analysis, with the calls that were reported."""

    def __init__(self, engine: LlmEngine, picture: Image.Image = PICTURE, **hint: Any) -> None:
        self.calls: list[Call] = []
        self.analysis: Analysis | None = None
        self.error: Exception | None = None
        try:
            self.analysis = engine.analyse(picture, Hint(report=self.calls.append, **hint))
        except Exception as exc:
            self.error = exc


# --- a server that behaves ------------------------------------------------------------


def test_things_are_the_catalogues_with_count_box_and_confidence(
    server: ChatServer, make: Make
) -> None:
    server.script(things({}, {"name": "chair", "count": 3, "confidence": 0.6, "box": None}))

    analysis = make().analyse(PICTURE, Hint())

    sofa, *chairs = analysis.items
    assert (sofa.key, sofa.category, sofa.volume) == ("sofa_3_seat", "furniture", 1.7)
    assert (sofa.box, sofa.score, sofa.label) == ((0.1, 0.2, 0.6, 0.9), 0.9, "sofa_3_seat")
    assert [(chair.key, chair.box) for chair in chairs] == [("chair", None)] * 3
    assert (analysis.room_type, analysis.room_type_confidence) == ("living room", 0.8)
    assert analysis.confidence == pytest.approx((0.9 + 3 * 0.6) / 4, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("sofa_3_seat", "sofa_3_seat"),
        ("Canapé 3 places", "sofa_3_seat"),
        ("the armchairs", "armchair"),
        ("fauteuils", "armchair"),
        ("une table basse", "coffee_table"),
        ("Couch", "sofa_3_seat"),
        ("TV", "television"),
        ("BOOKCASE", "bookcase"),
    ],
)
def test_names_in_both_languages_lead_to_the_catalogue(
    server: ChatServer, make: Make, name: str, key: str
) -> None:
    server.script(things({"name": name}))
    (item,) = make().analyse(PICTURE, Hint(language="fr")).items
    assert item.key == key


def test_catalogue_is_that_of_the_installation(
    server: ChatServer, make: Make, tmp_path: Path
) -> None:
    changes = tmp_path / "mine.csv"
    changes.write_text("key,name_en\nchair,Throne\n", encoding="utf-8")
    server.script(things({"name": "chair"}))
    talk = Talk(make(catalogue=changes))
    assert talk.analysis is not None
    assert [item.name for item in talk.analysis.items] == ["Throne"]


def test_names_are_shown_in_the_language_of_the_hint(server: ChatServer, make: Make) -> None:
    (item,) = make().analyse(PICTURE, Hint(language="fr")).items
    assert item.name == "canapé 3 places"
    assert "of your own in French" in server.requests[0].words


def test_thing_outside_the_catalogue_keeps_its_name_category_and_volume(
    server: ChatServer, make: Make
) -> None:
    server.script(
        things(
            {"name": "church organ", "category": "misc", "volume": 4.5},
            {"name": "suit of armour", "category": None, "volume": None},
        )
    )
    organ, armour = make().analyse(PICTURE, Hint()).items
    assert (organ.key, organ.name, organ.category, organ.volume) == (
        None,
        "church organ",
        "misc",
        4.5,
    )
    assert (armour.name, armour.category, armour.volume) == ("suit of armour", "misc", None)


def test_name_can_always_be_stored(server: ChatServer, make: Make) -> None:
    server.script(completion(json.dumps(GOOD).replace("sofa_3_seat", r"harp\u0000\ud800 of gold")))
    (item,) = make().analyse(PICTURE, Hint()).items
    assert " ".join(item.name.split()) == "harp of gold"
    assert " ".join((item.label or "").split()) == "harp of gold"


def test_word_of_the_caller_for_the_room_stands(server: ChatServer, make: Make) -> None:
    analysis = make().analyse(PICTURE, Hint(room="Salon du haut", room_type="salon"))
    assert (analysis.room_type, analysis.room_type_confidence) == ("salon", 1.0)
    assert '"room": "Salon du haut"' in server.requests[0].words


def test_empty_room_is_an_answer(server: ChatServer, make: Make) -> None:
    server.script(good(items=[]))
    analysis = make().analyse(PICTURE, Hint())
    assert (analysis.items, analysis.confidence) == ((), 0.0)
    assert len(server.requests) == 1


def test_room_is_one_request_with_all_its_photos(server: ChatServer, make: Make) -> None:
    server.script(things({}, {"name": "chair", "count": 6}))
    photos = [Image.new("RGB", (1600, 1200), (n, n, n)) for n in range(5)]
    engine = make()

    analysis = engine.analyse_room(photos, Hint(room="salon"))

    assert isinstance(engine, RoomEngine)
    assert len(server.requests) == 1
    assert len(server.requests[0].pictures) == 5
    assert [item.key for item in analysis.items] == ["sofa_3_seat"] + ["chair"] * 6
    assert {item.box for item in analysis.items} == {None}
    assert "5 photos show one and the same room" in server.requests[0].words
    schema = server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert "box" not in schema["properties"]["items"]["items"]["properties"]


def test_room_without_photos_asks_nobody(server: ChatServer, make: Make) -> None:
    assert make().analyse_room([], Hint()).items == ()
    assert server.requests == []


# --- what is sent ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "sent"),
    [((4000, 3000), (1280, 960)), ((600, 2400), (320, 1280)), ((640, 480), (640, 480))],
)
def test_picture_is_scaled_down_never_up(
    server: ChatServer, make: Make, size: tuple[int, int], sent: tuple[int, int]
) -> None:
    make().analyse(Image.new("RGB", size), Hint())
    (picture,) = server.requests[0].pictures
    assert (picture.size, picture.format) == (sent, "JPEG")


def test_longest_side_is_a_setting(server: ChatServer, make: Make) -> None:
    make(llm_picture_side=256).analyse(Image.new("RGB", (1000, 500)), Hint())
    assert server.requests[0].pictures[0].size == (256, 128)


def test_many_pictures_of_a_room_are_sent_smaller(server: ChatServer, make: Make) -> None:
    make().analyse_room([Image.new("RGB", (2000, 1500))] * 16, Hint())
    assert {picture.size for picture in server.requests[0].pictures} == {(640, 480)}


def test_nothing_of_the_file_is_sent_but_its_pixels(server: ChatServer, make: Make) -> None:
    # Given a photo with place, camera, profile and comment
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    buffer = io.BytesIO()
    Image.new("RGB", (320, 200), "red").save(
        buffer, "JPEG", exif=exif, icc_profile=b"SecretProfile" * 20, comment=b"SecretComment"
    )
    assert buffer.getvalue().count(b"Secret") > 2
    photo = Image.open(io.BytesIO(buffer.getvalue()))
    photo.load()
    # When it is analysed as it is
    make().analyse(photo, Hint())
    # Then what the server gets has none of it
    (data,) = server.requests[0].files
    assert b"Secret" not in data
    assert b"Exif" not in data
    (picture,) = server.requests[0].pictures
    assert not picture.getexif()
    assert not {"icc_profile", "comment", "exif"} & picture.info.keys()


@pytest.mark.parametrize("detail", [None, "low"])
def test_detail_is_sent_only_where_it_is_wanted(
    server: ChatServer, make: Make, detail: str | None
) -> None:
    make(llm_detail=detail).analyse(PICTURE, Hint())
    image_url = server.requests[0].body["messages"][1]["content"][1]["image_url"]
    assert image_url.get("detail") == detail


def test_request_names_model_key_and_a_strict_schema(server: ChatServer, make: Make) -> None:
    make(llm_max_tokens=900).analyse(PICTURE, Hint())
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.body["model"], request.body["max_tokens"]) == ("test-vision", 900)
    schema = request.body["response_format"]["json_schema"]
    assert schema["strict"] is True
    # Some servers refuse ranges in a schema; a strict one wants each property required.
    assert not {"minimum", "maximum", "minItems"} & set(json.dumps(schema).split('"'))
    for part in (schema["schema"], schema["schema"]["properties"]["items"]["items"]):
        assert part["required"] == list(part["properties"])
        assert part["additionalProperties"] is False


def test_catalogue_is_in_the_prompt(server: ChatServer, make: Make) -> None:
    make().analyse(PICTURE, Hint())
    for key in ("sofa_3_seat", "wardrobe_2_door", "washing_machine"):
        assert key in server.requests[0].words


# --- the ladder -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "forms"),
    [
        ("json_schema", ["json_schema"]),
        ("json_object", ["json_schema", "json_object"]),
        ("prompt", ["json_schema", "json_object", "prompt"]),
    ],
)
def test_rung_that_works_is_found_and_remembered(
    server: ChatServer, make: Make, taken: str, forms: list[str]
) -> None:
    server.script(only(taken))
    first = make()
    assert first.analyse(PICTURE, Hint()).items
    assert [request.form for request in server.requests] == forms
    # Also another engine of this process knows it now: one request, no way down
    server.requests.clear()
    assert make().analyse(PICTURE, Hint()).items
    assert first.analyse(PICTURE, Hint()).items
    assert [request.form for request in server.requests] == [taken, taken]


@pytest.mark.parametrize("status", [404, 405, 415, 422, 500, 501, 502, 503, 504, 520])
def test_each_status_that_may_refuse_a_schema_leads_on(
    server: ChatServer, make: Make, status: int
) -> None:
    server.script(only("prompt", status=status))
    engine = make()
    for _ in range(3):
        assert engine.analyse(PICTURE, Hint()).items
    forms = [request.form for request in server.requests]
    down = ["json_schema", "json_object", "prompt"]
    # What may have been a passing failure is tried once more; then the rung is remembered.
    assert forms == ([*down, "prompt", "prompt"] if status == 422 else [*down, *down, "prompt"])


@pytest.mark.parametrize(
    "empty", [completion(""), completion(None), completion("{}"), document({"choices": []})]
)
def test_empty_answer_under_a_schema_leads_on(server: ChatServer, make: Make, empty: Any) -> None:
    def step(handler: Any) -> None:
        (good() if server.requests[-1].form == "json_object" else empty)(handler)

    server.script(step)
    engine = make()
    talks = [Talk(engine) for _ in range(3)]
    assert [talk.error for talk in talks] == [None] * 3
    assert [request.form for request in server.requests] == [
        *("json_schema", "json_object") * 2,
        "json_object",
    ]


def test_passing_failure_of_a_new_server_does_not_cost_the_schema(
    server: ChatServer, make: Make
) -> None:
    server.script(refuse(502), good())
    engine = make()
    for _ in range(3):
        assert engine.analyse(PICTURE, Hint()).items
    assert [request.form for request in server.requests] == [
        *("json_schema", "json_object"),
        *("json_schema", "json_schema"),
    ]


@pytest.mark.parametrize("status", [500, 502, 404])
def test_server_that_fails_in_each_form_fails_as_what_it_says(
    server: ChatServer, make: Make, status: int
) -> None:
    server.script(refuse(status, "oh dear"))
    talk = Talk(make())
    wanted = EngineUnavailableError if status == 404 else EngineServerError
    assert isinstance(talk.error, wanted)
    assert "oh dear" in str(talk.error)
    assert len(server.requests) == 3


def test_rung_is_remembered_by_model(server: ChatServer, make: Make) -> None:
    server.script(only("prompt"))
    make().analyse(PICTURE, Hint())
    server.requests.clear()
    make(llm_model="another").analyse(PICTURE, Hint())
    assert [request.form for request in server.requests] == [
        "json_schema",
        "json_object",
        "prompt",
    ]


def test_rung_can_be_fixed(server: ChatServer, make: Make) -> None:
    make(llm_response_format="json_object").analyse(PICTURE, Hint())
    assert server.requests[0].form == "json_object"
    server.script(only("prompt"))
    talk = Talk(make(llm_response_format="json_object"))
    assert isinstance(talk.error, PermanentError)
    assert len(talk.calls) == 1


def test_request_that_no_form_helps_is_refused_for_good_and_nothing_is_remembered(
    server: ChatServer, make: Make
) -> None:
    server.script(refuse(400, "this model does not see pictures"))
    talk = Talk(make())
    assert isinstance(talk.error, PermanentError)
    assert "does not see pictures" in str(talk.error)
    assert "PHOTOQUEUE_LLM_" in str(talk.error)
    server.script(good())
    server.requests.clear()
    make().analyse(PICTURE, Hint())
    assert [request.form for request in server.requests] == ["json_schema"]


# --- answers that are not as asked for ------------------------------------------------

ANSWER = json.dumps(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{ANSWER}\n```",
        f"```\n{ANSWER}\n```",
        f"Sure! Here is the list you asked for:\n\n{ANSWER}\n\nDo you need anything else {{?}}",
        f'<think>First {{"items": []}}, no: a sofa.</think>\n{ANSWER}',
        f"\ufeff  {ANSWER}",
    ],
)
def test_fences_prose_and_thoughts_are_stripped(server: ChatServer, make: Make, text: str) -> None:
    server.script(completion(text))
    assert [item.key for item in make().analyse(PICTURE, Hint()).items] == ["sofa_3_seat"]
    assert len(server.requests) == 1


def test_answer_in_parts_is_put_together(server: ChatServer, make: Make) -> None:
    half = len(ANSWER) // 2
    parts = [{"type": "text", "text": ANSWER[:half]}, {"type": "text", "text": ANSWER[half:]}]
    server.script(completion(parts))
    assert make().analyse(PICTURE, Hint()).items


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (completion("I see a lovely sofa."), "no JSON object"),
        (completion(""), "no JSON object"),
        (completion(None), "no JSON object"),
        (completion('{"items": [{"name": "sofa"'), "no JSON object"),
        (completion("{" * 5000), "no JSON object"),
        (completion('{"a":' * 5000), "no JSON object"),
        (completion('{"sofa": 1}'), "no JSON object"),
        (completion('{"items": [{"name": "sofa"}, {"na', finish_reason="length"), "cut off"),
        (things({"name": "  "}, {"name": None}), "no item has a name"),
    ],
)
def test_unusable_answer_is_asked_again_with_what_is_wrong(
    server: ChatServer, make: Make, bad: Any, problem: str
) -> None:
    server.script(bad, good())
    talk = Talk(make())
    assert talk.analysis is not None
    assert [call.success for call in talk.calls] == [False, True]
    told = server.requests[1].body["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(told[-1]["content"])
    assert server.requests[1].files == server.requests[0].files


def test_nonsense_is_asked_again_twice_and_then_given_up(server: ChatServer, make: Make) -> None:
    server.script(completion("I would rather talk about the weather."))
    talk = Talk(make())
    assert isinstance(talk.error, PermanentError)
    assert "asked 3 times" in str(talk.error)
    assert "talk about the weather" in str(talk.error)
    assert len(server.requests) == len(talk.calls) == 3
    assert not any(call.success for call in talk.calls)
    assert len(server.requests[2].body["messages"]) == 4  # the last answer only


@pytest.mark.parametrize(
    "box", [[0.6, 0.2, 0.1, 0.9], [0.1], "left", [None, 0, 1, 1], {}, [5000, 0, 9000, 9000]]
)
def test_senseless_box_is_left_out_and_nothing_is_asked_again(
    server: ChatServer, make: Make, box: object
) -> None:
    server.script(things({"box": box}))
    (item,) = make().analyse(PICTURE, Hint()).items
    assert item.box is None
    assert len(server.requests) == 1


def test_box_just_over_the_edge_is_moved_to_it(server: ChatServer, make: Make) -> None:
    server.script(things({"box": [-0.01, 0, 1.02, 0.5]}))
    (item,) = make().analyse(PICTURE, Hint()).items
    assert item.box == (0.0, 0.0, 1.0, 0.5)


def test_truncated_answer_is_asked_again_more_briefly(server: ChatServer, make: Make) -> None:
    server.script(completion('{"items": [', finish_reason="length"), good())
    assert make().analyse(PICTURE, Hint()).items
    assert "cut off" in server.requests[1].words
    assert server.requests[1].form == "json_schema"  # which is not to blame


def test_answer_that_is_always_truncated_names_the_setting(server: ChatServer, make: Make) -> None:
    server.script(completion('{"items": [', finish_reason="length"))
    talk = Talk(make())
    assert isinstance(talk.error, PermanentError)
    assert "PHOTOQUEUE_LLM_MAX_TOKENS" in str(talk.error)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "step",
    [
        completion(None, refusal="I cannot look at homes of people."),
        completion("I cannot look at homes of people.", finish_reason="content_filter"),
    ],
)
def test_refusal_is_final_and_says_what_the_model_said(
    server: ChatServer, make: Make, step: Any
) -> None:
    server.script(step)
    talk = Talk(make())
    assert isinstance(talk.error, PermanentError)
    assert "cannot look at homes" in str(talk.error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "step",
    [
        completion(None, reasoning_content=f"A sofa, so:\n{ANSWER}"),
        completion("", reasoning=ANSWER),
        completion(None, tool_calls=[{"function": {"name": "list", "arguments": ANSWER}}]),
        completion("Here it is.", tool_calls=[{"function": {"arguments": GOOD}}]),
        completion(GOOD),
        completion(ANSWER, reasoning_content='{"items": [{"name": "bed"}]}'),
        completion(ANSWER, finish_reason="length"),
        document([{"choices": [{"message": {"content": ANSWER}}]}]),
    ],
)
def test_answer_is_found_wherever_the_server_puts_it(
    server: ChatServer, make: Make, step: Any
) -> None:
    server.script(step)
    assert [item.key for item in make().analyse(PICTURE, Hint()).items] == ["sofa_3_seat"]
    assert len(server.requests) == 1


def test_draft_of_an_answer_that_was_cut_off_is_not_taken(server: ChatServer, make: Make) -> None:
    cut_off = f'<think>{{"items": []}}</think> {ANSWER[:-9]}'
    server.script(completion(cut_off, finish_reason="length"), good())
    assert len(make().analyse(PICTURE, Hint()).items) == 1
    assert len(server.requests) == 2


def test_list_with_twelve_bad_fields_is_used_at_once_and_says_what_was_not(
    server: ChatServer, make: Make
) -> None:
    server.script(
        things(
            {"confidence": 95},
            {"name": "chair", "confidence": "85%", "count": "2-3", "box": None},
            {"name": "church organ", "category": "seating", "volume": -1, "confidence": None},
            {"name": "", "box": None},
            {"name": "armchair", "count": 0},
        )
    )
    talk = Talk(make(), room_type="buanderie")
    assert talk.analysis is not None
    assert [(item.name, item.score) for item in talk.analysis.items] == [
        ("three-seat sofa", 0.95),
        *[("chair", 0.85)] * 2,
        ("church organ", None),
    ]
    assert talk.analysis.room_type == "buanderie"
    warned = "; ".join(talk.analysis.warnings)
    for said in ("chair (2-3)", "church organ (seating)", "church organ (-1)", "armchair (0)"):
        assert said in warned
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("box", "size", "setting"),
    [
        ({"bbox_2d": [100, 200, 600, 900]}, (4000, 3000), "auto"),
        ({"box_2d": [200, 100, 900, 600]}, (640, 480), "auto"),
        ({"box": [128, 192, 768, 864]}, (4000, 3000), "xyxy-pixels"),  # of 1280 × 960 as sent
        ({"bbox": [0.1, 0.2, 0.5, 0.7]}, (640, 480), "xywh-share"),
    ],
)
def test_box_is_read_as_the_model_or_the_setting_has_it(
    server: ChatServer, make: Make, box: Any, size: tuple[int, int], setting: str
) -> None:
    server.script(things({"box": None, **box}))
    engine = make(llm_boxes=setting)
    (item,) = engine.analyse(Image.new("RGB", size), Hint()).items
    assert item.box == (0.1, 0.2, 0.6, 0.9)


# --- servers that are broken, away, late or busy --------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (document({"choices": []}), "without a choice"),
        (document({"choices": None}), "without a choice"),
        (document({"error": {"message": "upstream is tired", "code": 502}}), "upstream is tired"),
        (document([1, 2]), "not JSON"),
        (page("<html>Welcome to the proxy</html>"), "not JSON.*end in /v1"),
        (refuse(500, "oh dear"), "status 500: oh dear"),
        (page("<html>Bad gateway</html>", status=502), "status 502"),
        (refuse(503), "status 503"),
        (refuse(408), "status 408"),
        (cut, "cannot be reached"),
        (cut_short, "cannot be reached"),
        (flood, "more than 4 MiB"),
    ],
)
def test_broken_server_is_an_error_that_is_tried_again(
    server: ChatServer, make: Make, step: Any, said: str
) -> None:
    # Given a server that is known to take a schema
    engine = make()
    engine.analyse(PICTURE, Hint())
    server.requests.clear()
    server.script(step, good())
    talk = Talk(engine)
    with pytest.raises(EngineServerError, match=said):
        raise talk.error or AssertionError
    assert not describe(talk.error).permanent
    assert [call.success for call in talk.calls] == [False]
    assert len(server.requests) == 1  # the client's own retries are off
    assert engine.analyse(PICTURE, Hint()).items
    assert [request.form for request in server.requests] == ["json_schema"] * 2


def test_server_that_is_not_there_says_so(make: Make) -> None:
    talk = Talk(make(llm_base_url="http://127.0.0.1:9/v1"))
    assert isinstance(talk.error, EngineServerError)
    assert "127.0.0.1:9" in str(talk.error)
    assert "PHOTOQUEUE_LLM_BASE_URL" in str(talk.error)


@pytest.mark.parametrize("step", [hang, drip])
def test_slow_server_is_a_timeout_that_is_tried_again(
    server: ChatServer, make: Make, step: Any
) -> None:
    server.script(step)
    talk = Talk(make(llm_timeout_seconds=0.3))
    assert isinstance(talk.error, EngineTimeoutError)
    assert isinstance(talk.error, TimeoutError)
    assert "PHOTOQUEUE_LLM_TIMEOUT_SECONDS" in str(talk.error)
    assert not describe(talk.error).permanent
    assert [call.success for call in talk.calls] == [False]


@pytest.mark.parametrize(
    # Time enough for the first answer, also on a busy machine.
    ("job", "hint"),
    [(3.0, {}), (300.0, {"seconds": 3.0})],
    ids=["job", "hint"],
)
def test_all_requests_together_keep_to_the_time_of_the_job(
    server: ChatServer, make: Make, job: float, hint: dict[str, float]
) -> None:
    server.script(completion("nonsense"), hang)
    talk = Talk(make(job_timeout_seconds=job), **hint)
    assert isinstance(talk.error, EngineTimeoutError)
    assert [call.success for call in talk.calls] == [False, False]
    assert sum(call.latency_ms for call in talk.calls) < 1000 * 20


@pytest.mark.parametrize(
    ("step", "variable", "requests"),
    [
        (refuse(401), "PHOTOQUEUE_LLM_API_KEY", 1),
        (refuse(403), "PHOTOQUEUE_LLM_API_KEY or PHOTOQUEUE_LLM_MODEL", 1),
        (refuse(404, "model 'test-vision' not found"), "PHOTOQUEUE_LLM_MODEL", 3),
        (page("<h1>Not found</h1>", status=404), "PHOTOQUEUE_LLM_BASE_URL", 3),
        (refuse(413), "PHOTOQUEUE_LLM_PICTURE_SIDE", 1),
        (refuse(307, location="http://127.0.0.1:9/elsewhere"), "PHOTOQUEUE_LLM_BASE_URL", 1),
    ],
)
def test_refusal_of_key_model_or_address_names_the_variable(
    server: ChatServer, make: Make, step: Any, variable: str, requests: int
) -> None:
    server.script(step)
    talk = Talk(make())
    assert isinstance(talk.error, EngineUnavailableError)
    assert variable in str(talk.error)
    assert describe(talk.error).permanent
    # A router says 404 also where nobody takes a schema.
    assert len(server.requests) == requests


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_short_retry_after_is_waited_for(server: ChatServer, make: Make, status: int) -> None:
    server.script(refuse(status, retry_after="0.3"), good())
    talk = Talk(make())
    assert talk.analysis is not None
    first, second = server.requests
    assert second.time - first.time >= 0.3
    assert [call.success for call in talk.calls] == [False, True]


def test_retry_after_can_be_a_date(server: ChatServer, make: Make) -> None:
    date = formatdate(1_800_000_002, usegmt=True)
    # The server's own clock counts: this machine's may be wrong.
    server.script(refuse(429, retry_after=date, date=formatdate(1_800_000_001, usegmt=True)))
    talk = Talk(make(job_timeout_seconds=1.0))
    assert isinstance(talk.error, RateLimitedError)
    assert talk.error.seconds == pytest.approx(1.0)


def test_long_retry_after_becomes_a_retry_that_is_not_earlier(
    server: ChatServer, make: Make
) -> None:
    server.script(refuse(429, "slow down", retry_after="600"))
    engine = make()
    talk = Talk(engine)
    assert isinstance(talk.error, RateLimitedError)
    assert "slow down" in str(talk.error)
    failure = describe(talk.error)
    assert (failure.permanent, failure.costs_nothing) == (False, False)
    assert failure.not_before_ms == 600_000
    assert len(server.requests) == 1
    # The next photo does not even ask, and pays nothing for it
    later = Talk(engine)
    assert isinstance(later.error, ThrottledError)
    assert describe(later.error).costs_nothing
    assert 590 < later.error.seconds <= 600
    assert (len(server.requests), later.calls) == (1, [])


@pytest.mark.parametrize("value", ["soon", "nan", "inf", "-5", "", "Mon, 99 Foo 2027"])
def test_senseless_retry_after_is_none(server: ChatServer, make: Make, value: str) -> None:
    server.script(refuse(429, retry_after=value))
    talk = Talk(make())
    assert isinstance(talk.error, RateLimitedError)
    assert talk.error.seconds == 0
    assert len(server.requests) == 1


def test_server_that_always_asks_for_short_pauses_is_given_up_for_now(
    server: ChatServer, make: Make
) -> None:
    server.script(refuse(429, retry_after="0.01"))
    talk = Talk(make())
    assert isinstance(talk.error, RateLimitedError)
    assert len(server.requests) == 4


# --- errors within a successful answer ------------------------------------------------


def in_choice(error: object, finish_reason: str = "error") -> Any:
    choice = {"finish_reason": finish_reason, "message": {"content": ""}, "error": error}
    return document({"choices": [choice]})


RAW = json.dumps({"error": {"message": "key sk-upstream-1234567 is out of credit"}})


@pytest.mark.parametrize(
    ("step", "kind", "permanent", "said"),
    [
        (
            document({"error": {"code": 401, "message": "who?"}}),
            EngineUnavailableError,
            True,
            "who",
        ),
        (document({"error": {"code": 429, "message": "slow"}}), RateLimitedError, False, "slow"),
        (document({"error": {"code": "rate_limit_exceeded"}}), RateLimitedError, False, "rate_l"),
        (document([{"error": {"code": 403, "message": "no"}}]), EngineUnavailableError, True, "no"),
        (document({"error": "model crashed"}), EngineServerError, False, "model crashed"),
        (document({"error": {"type": "overloaded_error"}}), EngineServerError, False, "529"),
        (in_choice({"code": 502, "message": "upstream"}), EngineServerError, False, "upstream"),
        (in_choice(None), EngineServerError, False, "no reason given"),
        (in_choice({"code": 401, "message": "who?"}, "stop"), EngineUnavailableError, True, "who"),
        (
            in_choice({"code": 402, "message": "Provider", "metadata": {"raw": RAW}}),
            EngineUnavailableError,
            True,
            r"Provider \(key \*\*\* is out of credit\)",
        ),
        (refuse(429, "insufficient_quota"), EngineUnavailableError, True, "payment"),
    ],
)
def test_error_in_an_answer_counts_as_what_it_is(
    server: ChatServer, make: Make, step: Any, kind: type[Exception], permanent: bool, said: str
) -> None:
    server.script(step)
    talk = Talk(make())
    assert isinstance(talk.error, kind)
    with pytest.raises(kind, match=said):
        raise talk.error
    assert describe(talk.error).permanent is permanent
    assert len(server.requests) == 1


def test_pause_asked_for_in_a_successful_answer_is_kept(server: ChatServer, make: Make) -> None:
    body = json.dumps({"error": {"code": 429, "message": "slow"}}).encode()
    server.script(lambda handler: handler.send(200, body, headers={"Retry-After": "0.2"}), good())
    assert make().analyse(PICTURE, Hint()).items
    first, second = server.requests
    assert second.time - first.time >= 0.2


# --- names of parameters --------------------------------------------------------------


def test_newer_name_of_the_limit_is_found_by_asking_once(server: ChatServer, make: Make) -> None:
    def step(handler: Any) -> None:
        if "max_tokens" in server.requests[-1].body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            refuse(400, message)(handler)
        else:
            good()(handler)

    server.script(step)
    for engine in (make(llm_max_tokens=900), make(llm_max_tokens=900)):
        assert engine.analyse(PICTURE, Hint()).items
    limits = [request.body.get("max_completion_tokens") for request in server.requests]
    assert limits == [None, 900, 900]
    assert {request.form for request in server.requests} == {"json_schema"}


def test_limit_that_is_too_high_is_said_and_not_renamed(server: ChatServer, make: Make) -> None:
    server.script(refuse(400, "max_tokens is too large: this model supports at most 4096"))
    talk = Talk(make(llm_max_tokens=900_000))
    assert isinstance(talk.error, PermanentError)
    assert "at most 4096" in str(talk.error)
    assert "max_completion_tokens" not in server.requests[-1].body


# --- trust ----------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "both"])
def test_authority_of_the_site_is_trusted(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    certificate, key = make_certificate(tmp_path)
    folder = tmp_path / "authorities"
    folder.mkdir()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    if variable == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    else:
        digest = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", certificate],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        (folder / f"{digest}.0").symlink_to(certificate)
        monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    if variable == "both":
        monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    with chat_server(certificate=(certificate, key)) as server:
        assert make(llm_base_url=server.address).analyse(PICTURE, Hint()).items


def test_unknown_authority_is_told_from_a_server_that_is_down(make: Make, tmp_path: Path) -> None:
    with chat_server(certificate=make_certificate(tmp_path)) as server:
        talk = Talk(make(llm_base_url=server.address))
    assert isinstance(talk.error, EngineServerError)
    assert "SSL_CERT_FILE" in str(talk.error)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_name_their_variable(
    server: ChatServer,
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
) -> None:
    file = tmp_path / "site.pem"
    if content:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(EngineUnavailableError, match="SSL_CERT_FILE cannot be read"):
        make()


# --- the key --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [echo_key(401), echo_key(400), echo_key(500), echo_key(429), echo_key_in_answer, cut],
)
def test_key_is_never_shown(
    server: ChatServer, make: Make, step: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(step)
    engine = make()
    talk = Talk(engine)
    assert talk.error is not None
    shown = [
        str(talk.error),
        repr(talk.error),
        "".join(traceback.format_exception(talk.error)),
        describe(talk.error).traceback,
        repr(engine),
        repr(vars(engine)),
        repr(settings(server)),
        *(call.error or "" for call in talk.calls),
        *(record.getMessage() for record in caplog.records),
    ]
    for text in shown:
        assert KEY not in text
    assert server.requests[0].headers["authorization"].endswith(KEY)


def test_key_is_not_shown_when_its_characters_come_escaped(server: ChatServer, make: Make) -> None:
    body = json.dumps({"choices": [{"message": {"content": None, "refusal": "No: sk/hunter2"}}]})
    server.script(lambda handler: handler.send(200, body.replace("/", r"\/").encode()))
    talk = Talk(make(llm_api_key="sk/hunter2"))
    assert isinstance(talk.error, PermanentError)
    assert "No: ***" in str(talk.error)


@pytest.mark.parametrize("key", ["null", "x", "1", "name"])
def test_stand_in_for_a_key_leaves_answers_as_they_are(
    server: ChatServer, make: Make, key: str
) -> None:
    server.script(good())
    assert Talk(make(llm_api_key=key)).analysis == Talk(make()).analysis


# --- settings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"llm_model": None}, "PHOTOQUEUE_LLM_MODEL"),
        ({"llm_model": "  "}, "PHOTOQUEUE_LLM_MODEL"),
        ({"llm_base_url": None}, "PHOTOQUEUE_LLM_BASE_URL"),
        ({"llm_base_url": "api.example.com"}, "PHOTOQUEUE_LLM_BASE_URL"),
        ({"llm_base_url": "https://api.example.com:port/v1"}, "PHOTOQUEUE_LLM_BASE_URL"),
        ({"llm_base_url": "https://me:hunter2@api.example.com/v1"}, "PHOTOQUEUE_LLM_API_KEY"),
        (
            {"llm_base_url": "https://api.example.com/v1", "llm_api_key": None},
            "PHOTOQUEUE_LLM_API_KEY",
        ),
        ({"llm_api_key": "hunter2\nline"}, "PHOTOQUEUE_LLM_API_KEY"),
    ],
)
def test_missing_or_wrong_setting_names_its_variable(
    server: ChatServer, changes: dict[str, Any], variable: str
) -> None:
    with pytest.raises(EngineUnavailableError, match=variable) as error:
        build_llm(settings(server, **changes))
    assert "hunter2" not in str(error.value)


def test_server_of_this_site_needs_no_key(server: ChatServer, make: Make) -> None:
    assert make(llm_api_key=None).analyse(PICTURE, Hint()).items


def test_missing_package_names_the_extra(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(EngineUnavailableError, match=r"photoqueue\[llm\]"):
        build_llm(settings(server))


def test_proxies_are_not_asked_for_a_server_of_this_site(
    server: ChatServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert make().analyse(PICTURE, Hint()).items


# --- cost and rate --------------------------------------------------------------------


def test_each_request_is_reported_with_its_tokens_and_cost(server: ChatServer, make: Make) -> None:
    server.script(refuse(400), completion("nonsense", tokens=(1000, 10)), good(), refuse(500))
    talk = Talk(make(llm_price_in=2.5, llm_price_out=10.0))
    refused, nonsense, right = talk.calls
    assert (refused.success, refused.tokens_in, refused.cost_usd) == (False, None, None)
    assert "400" in (refused.error or "")
    assert (nonsense.success, nonsense.tokens_in, nonsense.tokens_out) == (False, 1000, 10)
    assert nonsense.cost_usd == pytest.approx(1000 * 2.5e-6 + 10 * 10e-6)
    assert (right.success, right.error) == (True, None)
    assert right.cost_usd == pytest.approx(0.0045)
    assert talk.analysis is not None
    assert talk.analysis.usage is not None
    assert talk.analysis.usage.cost_usd == pytest.approx(0.0026 + 0.0045)
    assert talk.analysis.usage.tokens_in == 2000


@pytest.mark.parametrize(
    ("prices", "tokens"), [({}, (1, 1)), ({"llm_price_in": 1.0}, (1, 1)), (None, None)]
)
def test_cost_that_is_not_known_is_not_made_up(
    server: ChatServer, make: Make, prices: dict[str, float] | None, tokens: Any
) -> None:
    server.script(completion(ANSWER, tokens=tokens))
    both = {"llm_price_in": 1.0, "llm_price_out": 1.0}
    talk = Talk(make(**(both if prices is None else prices)))
    assert talk.calls[0].cost_usd is None


@pytest.mark.parametrize("count", [-1, "many", 10**30, 1.5, True, None])
def test_senseless_token_counts_are_left_out(server: ChatServer, make: Make, count: object) -> None:
    answer = {
        "choices": [{"message": {"content": ANSWER}}],
        "usage": {"prompt_tokens": count, "completion_tokens": 5},
    }
    server.script(document(answer))
    (call,) = Talk(make()).calls
    assert (call.tokens_in, call.tokens_out) == (None, 5)


def test_request_waits_for_its_turn(server: ChatServer, make: Make) -> None:
    engine = make(llm_requests_per_minute=200.0)
    start = time.monotonic()
    for _ in range(3):
        engine.analyse(PICTURE, Hint())
    assert time.monotonic() - start >= 0.6


def test_rate_is_kept_by_threads_of_one_process() -> None:
    throttle = LocalThrottle()
    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(
            pool.map(lambda _: throttle.take("s", interval=10.0, patience=300.0), range(20))
        )
    elapsed = time.monotonic() - start
    for turn, wait in enumerate(waits):
        assert 10.0 * turn - elapsed <= wait <= 10.0 * turn
    assert throttle.take("s", interval=10.0, patience=1.0) > 1.0
    assert throttle.take("another", interval=10.0, patience=0.0) == 0.0


def test_throttle_of_an_installation_can_be_shared(make: Make) -> None:
    asked = []

    class Closed:
        def take(self, name: str, *, interval: float, patience: float) -> float:
            asked.append((name, interval))
            return patience + 90

        def hold(self, name: str, seconds: float) -> None:
            raise AssertionError

    engine = make(llm_requests_per_minute=20.0)
    assert isinstance(engine, SharedEngine)
    engine.share(Closed())
    talk = Talk(engine)
    assert isinstance(talk.error, ThrottledError)
    assert talk.error.seconds >= 90
    assert "PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE" in str(talk.error)
    ((name, interval),) = asked
    assert name.endswith("test-vision")
    assert interval == 3.0
