"""Inventories as a worker adds them up: strategies, near copies, rooms looked at as a whole."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

import photoqueue
from photoqueue import (
    Analysis,
    Hint,
    InventoryResult,
    PhotoResult,
    Settings,
    submit_inventory,
    submit_photo,
)
from photoqueue.errors import JobFailedError, StateError
from photoqueue.faces.cards.values import card_of
from photoqueue.faces.cli.output import StrategyName
from photoqueue.installation import Installation, current, use
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT
from photoqueue.jobs.inventory_sync import InventoryPayload
from photoqueue.queue.read import ai_calls
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGIES, Strategy
from photoqueue.samples import SAMPLE_PHOTO
from tests.bench import Bench
from tests.conftest import submit
from tests.engines import RoomEngine
from tests.integration.conftest import Run


def scene(seed: int) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((320, 240), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def photograph(bench: Bench, photo_id: str, picture: bytes, **options: Any) -> PhotoResult:
    job = submit_photo(picture, photo_id=photo_id, project_id="m1", user_id="u1", **options)
    result = bench(job)
    assert isinstance(result, PhotoResult)
    return result


def add_up(bench: Bench, strategy: str = DEFAULT_STRATEGY) -> InventoryResult:
    result = bench(submit_inventory("m1", strategy=strategy))
    assert isinstance(result, InventoryResult)
    return result


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


def test_shell_and_models_know_the_same_strategies() -> None:
    assert get_args(StrategyName) == STRATEGIES == get_args(Strategy)
    assert DEFAULT_STRATEGY in STRATEGIES
    assert InventoryPayload(project_id="m", user_id="u").strategy == DEFAULT_STRATEGY


def test_unknown_strategy_is_refused_with_the_known_ones(installation: Installation) -> None:
    submit("salon-1", project_id="m1")
    with pytest.raises(StateError, match="'max', 'sum', 'match', 'llm'"):
        submit_inventory("m1", strategy="median")


def test_worker_writes_down_what_recognises_copies_and_things(
    bench: Bench,
) -> None:
    result = photograph(bench, "p1", jpeg(scene(1)))
    assert result.phash is not None
    assert len(result.phash) == 16
    (chair,) = result.items
    assert chair.appearance is not None
    assert len(chair.appearance) == 48


def test_inventory_names_its_engines_and_what_is_for_trying_out(bench: Bench, run: Run) -> None:
    photograph(bench, "p1", jpeg(scene(1)), room="salon")
    photograph(bench, "p2", SAMPLE_PHOTO.read_bytes(), room="salon", engine="builtin")

    of_samples = add_up(bench)
    photograph(bench, "p3", jpeg(scene(3)), room="salon", engine="builtin")
    result = add_up(bench)

    assert [(one.engine, one.photos) for one in of_samples.engines] == [
        ("builtin", 1),
        ("scripted", 1),
    ]
    assert of_samples.warnings == ()
    assert result.warnings == (f"{FOR_TRYING_OUT} (1 of 3 photos)",)
    assert f"Engine: {result.source}" in " ".join(run("inventory", "m1").out.split())
    assert result.made_by in card_of(result)
    assert FOR_TRYING_OUT in run("job", "photo-p3").out


def test_near_copies_count_once(bench: Bench) -> None:
    original = scene(1)
    photograph(bench, "p1", jpeg(original), room="salon")
    photograph(bench, "p2", jpeg(original.resize((200, 150)), 50), room="salon")
    photograph(bench, "p3", jpeg(scene(2)), room="salon")
    photograph(bench, "p4", jpeg(original, 70), room="attic")  # in another room it counts again

    result = add_up(bench, "sum")

    assert {(line.room, line.count) for line in result.lines} == {("salon", 2), ("attic", 1)}
    assert (result.duplicate_photos, result.photo_count) == ({"p2": "p1"}, 3)
    assert add_up(bench, "max").total_items == 2


@pytest.fixture
def room_bench(settings: Settings) -> Iterator[Bench]:
    """Let the installation use an engine that looks at rooms."""
    use(settings.model_copy(update={"engine": "tests.engines:room_scripted"}))
    yield Bench(current())
    use(None)


def test_room_is_looked_at_once_with_all_its_photos(
    room_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PQ_TEST_RUNS", str(tmp_path))
    for number in range(3):
        photograph(room_bench, f"p{number}", jpeg(scene(number)), room="salon")
    photograph(room_bench, "p9", jpeg(scene(9)), room="study")
    photograph(room_bench, "p8", jpeg(scene(9), 60), room="study")  # a near copy: not shown

    result = add_up(room_bench, "llm")

    assert result.strategy == "llm"
    # first the one that listed the rooms, then the one that saw single photos
    assert [one.photos for one in result.engines] == [5, 5]
    found = {(line.room, line.name): line for line in result.lines}
    assert {place: line.count for place, line in found.items()} == {
        ("salon", "chair"): 3,
        ("salon", "Totem"): 1,
        ("study", "chair"): 1,
        ("study", "Totem"): 1,
    }
    assert found["salon", "chair"].photos == ("p0", "p1", "p2")
    assert found["salon", "Totem"].photos == ()
    assert found["salon", "Totem"].review
    assert sorted(path.name for path in tmp_path.glob("room*")) == ["room salon", "room study"]
    calls = ai_calls(current().database)
    rooms = calls[calls["photo_id"].isna()]
    assert sorted(rooms["tokens_in"]) == [100, 300]
    assert list(rooms["success"]) == [True, True]
    assert rooms["cost_usd"].sum() == pytest.approx(0.02)
    # Other strategies leave the engine alone.
    add_up(room_bench, "max")
    assert len(ai_calls(current().database)) == len(calls)


def test_room_of_many_photos_shows_the_most_different(room_bench: Bench) -> None:
    for number in range(10):
        photograph(room_bench, f"p{number}", jpeg(scene(number)), room="salon")
    (chairs, _) = sorted(add_up(room_bench, "llm").lines, key=lambda line: -line.count)
    assert chairs.count == 8  # one a picture that the engine was shown
    assert len(chairs.photos) == 10


@pytest.mark.parametrize("given", [None, "cuisine"])
def test_room_is_told_the_kind_that_the_caller_gave_and_no_guess(
    room_bench: Bench, given: str | None
) -> None:
    photograph(room_bench, "p1", jpeg(scene(1)), room="told room", room_type=given)
    with pytest.raises(JobFailedError, match=f"told that its kind is {given}"):
        add_up(room_bench, "llm")


def test_rooms_share_the_time_of_their_job(
    room_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph(room_bench, "p1", jpeg(scene(1)), room="salon")
    photograph(room_bench, "p2", jpeg(scene(2)), room="study")
    left = []

    def look(_: RoomEngine, images: Sequence[Image.Image], hint: Hint) -> Analysis:
        left.append(hint.seconds or 0.0)
        time.sleep(0.05)
        return Analysis(warnings=("a chair has no name",))

    monkeypatch.setattr(RoomEngine, "analyse_room", look)
    result = add_up(room_bench, "llm")
    assert result.warnings == ("salon: a chair has no name", "study: a chair has no name")
    # What was said of one inventory is not said of the next.
    assert add_up(room_bench, "max").warnings == ()
    first, second = left
    assert 0 < second <= first - 0.05
    assert first <= current().settings.job_timeout_seconds


@pytest.mark.parametrize(
    ("room", "message"),
    [("bad room", "can never be looked at"), ("odd room", "analyse_room.. returns photoqueue")],
)
def test_room_that_cannot_be_looked_at_fails_the_inventory(
    room_bench: Bench, room: str, message: str
) -> None:
    photograph(room_bench, "p1", jpeg(scene(1)), room=room)
    with pytest.raises(JobFailedError, match=message):
        add_up(room_bench, "llm")
    assert photoqueue.poll("inventory-m1").attempts == 1


def test_engine_that_sees_one_photo_at_a_time_says_what_to_set(bench: Bench) -> None:
    photograph(bench, "p1", jpeg(scene(1)), room="salon")
    with pytest.raises(JobFailedError, match="PHOTOQUEUE_LLM_BASE_URL"):
        add_up(bench, "llm")
    assert photoqueue.poll("inventory-m1").attempts == 1
    assert add_up(bench, "max").total_items == 1
