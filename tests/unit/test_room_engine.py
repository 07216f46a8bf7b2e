"""Which engine looks at rooms, and which of many photos it gets to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from photoqueue import Analysis, Hint, Settings
from photoqueue.engines.registry import load_room_engine
from photoqueue.errors import EngineUnavailableError, ThrottledError
from photoqueue.inventory.views import RoomView
from photoqueue.jobs.engine_calls import measured
from photoqueue.jobs.inventory_sync import most_different
from photoqueue.records.snapshots import AiCall
from tests.engines import room_scripted


def settings(home: Path, engine: str) -> Settings:
    return Settings(home=home, engine=engine)


def test_plug_in_that_can_look_at_rooms_does(tmp_path: Path) -> None:
    engine = load_room_engine(settings(tmp_path, "tests.engines:room_scripted"))
    assert engine.name == "room-scripted"


@pytest.mark.parametrize("engine", ["tests.engines:scripted", "detector", "auto", "llm"])
def test_without_a_vision_model_the_error_says_what_to_set(tmp_path: Path, engine: str) -> None:
    with pytest.raises(
        EngineUnavailableError, match=r"(?s)strategy 'llm'.*PHOTOQUEUE_LLM_.*another strategy"
    ):
        load_room_engine(settings(tmp_path, engine))


def test_engine_that_waits_for_its_turn_has_asked_nobody() -> None:
    def look(hint: Hint) -> Analysis:
        raise ThrottledError("later", seconds=9.0)

    calls: list[AiCall] = []
    with pytest.raises(ThrottledError):
        measured(room_scripted(), Hint(), calls, look)
    assert calls == []


def view(photo_id: str, phash: int | None) -> RoomView:
    text = None if phash is None else f"{phash:016x}"
    return RoomView(photo_id=photo_id, sha256=photo_id, duplicates=(), items=(), phash=text)


def test_views_that_differ_most_are_chosen() -> None:
    views = [view("a", 0), view("b", 0b11), view("c", 2**64 - 1), view("d", 0xFFFF)]
    assert [v.photo_id for v in most_different(views, 3)] == ["a", "c", "d"]
    assert [v.photo_id for v in most_different(views[::-1], 3)] == ["a", "c", "d"]


def test_few_views_are_all_chosen_and_views_without_a_hash_are_far() -> None:
    views = [view("b", 1), view("a", None), view("c", 1)]
    assert [v.photo_id for v in most_different(views, 8)] == ["a", "b", "c"]
    assert [v.photo_id for v in most_different(views, 2)] == ["a", "b"]
    assert most_different([], 8) == []
