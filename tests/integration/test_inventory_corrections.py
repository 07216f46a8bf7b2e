"""Correcting an inventory: stored, read at once, kept by every later inventory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import photoqueue
from photoqueue import (
    InventoryResult,
    PhotoResult,
    correct,
    corrections,
    read_inventory,
    submit_inventory,
    undo_correction,
)
from photoqueue.errors import (
    JobFailedError,
    NotFoundError,
    PayloadError,
    StateError,
    UnknownProjectError,
)
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Handler
from photoqueue.queue.ledger import Claim
from photoqueue.records.results import FoundItem
from photoqueue.records.snapshots import AiCall
from tests.bench import Bench
from tests.conftest import Worker, eventually, picture, shell, submit

#: The result of a photo that shows two chairs.
TWO_CHAIRS = PhotoResult(
    photo_id="salon-1",
    items=(FoundItem(name="chair", category="furniture", dismountable=False, key="chair"),) * 2,
    room_type="kitchen",
    confidence=0.9,
).to_json()


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


@pytest.fixture
def move(bench: Bench) -> str:
    """A project with a chair in the salon and one in a room without a name, added up."""
    bench(submit("salon-1", project_id="m1", room="salon"))
    bench(submit("other-1", project_id="m1"))
    bench(submit_inventory("m1"))
    return "m1"


def chairs(result: InventoryResult, room: str = "salon") -> int:
    (line,) = [line for line in result.lines if (line.room, line.key) == (room, "chair")]
    return line.count


def test_correction_shows_at_once_and_survives_the_next_runs(move: str, bench: Bench) -> None:
    made = correct(move, room="salon", item="chair", count=6, user_id="ana")

    assert (made.room, made.key, made.count, made.user_id) == ("salon", "chair", 6, "ana")
    assert made.created_at.tzinfo is not None
    assert chairs(read_inventory(move)) == 6
    for strategy in ("sum", "match", "max"):
        result = bench(submit_inventory(move, strategy=strategy))
        assert (chairs(result), result.strategy) == (6, strategy)
    # Photos analysed anew change what the photos say, and not what the person said.
    again = submit("salon-1", project_id=move, room="salon", resubmit=True)
    bench(again, lambda analyse: lambda claim, calls: TWO_CHAIRS)
    (line,) = [line for line in bench(submit_inventory(move)).lines if line.room == "salon"]
    assert (line.count, line.seen_count, line.corrected) == (6, 2, True)


def test_nothing_is_added_up_where_no_photo_is_analysed(move: str, bench: Bench) -> None:
    batch = photoqueue.submit_photos([picture(n) for n in range(3)], project_id="m2", room="salon")
    photoqueue.cancel(batch)
    inventory = submit_inventory("m2")
    with pytest.raises(JobFailedError, match=r"no photo of .*m2.* \(3 photos cancelled\)"):
        bench(inventory)
    assert inventory.poll().attempts == 1  # another one would find no more
    # What a person has entered is an inventory, which says what is missing in it.
    correct("m2", room="salon", item="chair", count=2)
    result = bench(submit_inventory("m2"))
    assert (chairs(result), result.photo_count, len(result.missing_photos)) == (2, 0, 3)
    assert result.source == "unknown; 3 photos cancelled"


def test_correction_is_taken_back_and_stays_on_record(move: str) -> None:
    first = correct(move, room="salon", item="chair", count=6, user_id="ana")
    second = correct(move, room="salon", item="chair", count=0, user_id="ben")
    assert chairs(read_inventory(move)) == 0

    undone = undo_correction(second, user_id="cleo")
    assert (undone.undone_by, undone.undone_at is None) == ("cleo", False)
    assert chairs(read_inventory(move)) == 6
    undo_correction(first.correction_id)
    assert chairs(read_inventory(move)) == 1

    assert len(corrections(move)) == 0
    kept = corrections(move, undone=True)
    assert list(kept["correction_id"]) == [first.correction_id, second.correction_id]
    assert list(kept["undone_by"])[1] == "cleo"
    with pytest.raises(StateError, match="already undone by cleo"):
        undo_correction(second)
    with pytest.raises(NotFoundError, match="no correction 987654"):
        undo_correction(987_654)


@pytest.mark.parametrize("word", ["chaise", "Chair", "CHAISE", "chair"])
def test_thing_is_named_in_either_language(move: str, word: str) -> None:
    assert correct(move, room="salon", item=word, count=2).key == "chair"


@pytest.mark.parametrize(
    ("word", "room"), [("SALON", "salon"), ("living room", "salon"), ("cuisine", "kitchen")]
)
def test_room_is_named_in_either_language(move: str, word: str, room: str) -> None:
    assert correct(move, room=word, item="chair", count=2).room == room
    assert chairs(read_inventory(move), room) == 2


def test_thing_and_room_of_ones_own(move: str) -> None:
    correct(move, room="cellar", item="Kiln", count=1, volume=0.8, category="misc", new_room=True)
    # Known from now on.
    correct(move, room="cellar", item="kiln", count=2, volume=0.8)

    result = read_inventory(move)

    (kiln,) = [line for line in result.lines if line.room == "cellar"]
    assert (kiln.name, kiln.count, kiln.volume, kiln.category) == ("Kiln", 2, 1.6, "misc")
    assert result.rooms == ("cellar", "kitchen", "salon")


def test_thing_of_ones_own_keeps_its_volume(move: str) -> None:
    correct(move, room="cellar", item="Kiln", count=1, volume=0.8, category="misc", new_room=True)
    # Said again without a volume, and in another room.
    correct(move, room="cellar", item="kiln", count=3)
    correct(move, room="salon", item="kiln", count=1)

    lines = [line for line in read_inventory(move).lines if line.name == "Kiln"]

    assert [(line.room, line.count, line.volume) for line in lines] == [
        ("cellar", 3, 2.4),
        ("salon", 1, 0.8),
    ]


def test_what_was_said_holds_until_it_is_said_anew(move: str) -> None:
    first = correct(move, room="salon", item="chair", count=2, volume=0.5, dismountable=True)
    correct(move, room="salon", item="chair", count=3)

    def line() -> tuple[int, float, bool]:
        (found,) = [line for line in read_inventory(move).lines if line.room == "salon"]
        return found.count, found.volume, found.dismountable

    assert line() == (3, 1.5, True)
    correct(move, room="salon", item="chair", count=3, volume=0.2)
    assert line() == (3, 0.6, True)
    correct(move, room="salon", item="chair", count=4, dismountable=False)
    assert line() == (4, 0.8, False)
    # What was taken back does not hold any more; what was said after it does.
    undo_correction(first)
    assert line() == (4, 0.8, False)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"project_id": "m9"}, UnknownProjectError, "m9"),
        ({"room": "salom"}, NotFoundError, "Did you mean 'salon'.*'kitchen'.*new_room=True"),
        ({"room": "salon 2"}, NotFoundError, "no room 'salon 2'"),
        ({"item": "chairr"}, NotFoundError, "Did you mean 'chair'.*category="),
        ({"item": "kiln"}, NotFoundError, "no thing called 'kiln'"),
        ({"item": "kiln", "category": "misc"}, NotFoundError, "volume="),
        ({"item": "kiln", "category": "pets", "volume": 1}, PayloadError, "furniture, appl"),
        ({"count": -1}, PayloadError, "count is -1; give a whole number from 0"),
        ({"count": 2.5}, PayloadError, "count is 2.5"),
        ({"count": True}, PayloadError, "count is True"),
        ({"count": 10**9}, PayloadError, "10,000"),
        ({"volume": -0.1}, PayloadError, "volume is -0.1"),
        ({"volume": float("nan")}, PayloadError, "volume is nan"),
        ({"room": ""}, PayloadError, "room is empty"),
        ({"item": "x" * 5000}, PayloadError, "the limit is 200"),
        ({"user_id": "a\x00b"}, PayloadError, "user_id"),
    ],
)
def test_wrong_correction_is_refused_with_what_to_do(
    installation: Installation, values: dict[str, Any], error: type[Exception], message: str
) -> None:
    submit("salon-1", project_id="m1", room="salon")
    submit("cuisine-1", project_id="m1", room="kitchen")
    with pytest.raises(error, match=message):
        correct(**{"project_id": "m1", "room": "salon", "item": "chair", "count": 1, **values})
    assert len(corrections("m1", undone=True)) == 0


def test_project_can_be_corrected_before_it_is_added_up(installation: Installation) -> None:
    submit("salon-1", project_id="m1", room="salon")
    correct("m1", room="salon", item="desk", count=1)
    with pytest.raises(NotFoundError, match=r"not added up yet.*submit_inventory\('m1'\)"):
        read_inventory("m1")
    with pytest.raises(UnknownProjectError):
        read_inventory("m9")


def test_correcting_while_an_inventory_runs_is_safe(move: str, bench: Bench) -> None:
    def disturbed(handler: Handler) -> Handler:
        def handle(claim: Claim, calls: list[AiCall]) -> str:
            correct(move, room="salon", item="chair", count=4)
            result = handler(claim, calls)
            correct(move, room="kitchen", item="chair", count=7)
            return result

        return handle

    result = bench(submit_inventory(move), disturbed)

    # What came too late for the result is in what is read from now on.
    assert (chairs(result), chairs(result, "kitchen")) == (4, 1)
    read = read_inventory(move)
    assert (chairs(read), chairs(read, "kitchen")) == (4, 7)


def test_worker_puts_corrections_into_the_result(
    installation: Installation, start_worker: Callable[..., Worker]
) -> None:
    batch = photoqueue.submit_photos([{"photo": picture(1), "room": "salon"}], project_id="m1")
    correct("m1", room="salon", item="chair", count=3)
    job = submit_inventory("m1", after=batch)
    start_worker(wait=False)
    eventually(lambda: job.done(), timeout=150)
    result = job.result(60)
    assert isinstance(result, InventoryResult)
    assert chairs(result) == 3


def test_corrections_of_two_people_at_once_are_both_kept(move: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def one(number: int) -> int:
        made = correct(move, room="salon", item="chair", count=number, user_id=f"u{number}")
        return made.correction_id

    with ThreadPoolExecutor(4) as people:
        numbers = list(people.map(one, range(8)))
    assert len(set(numbers)) == len(corrections(move)) == 8
    newest = max(range(8), key=lambda number: numbers[number])
    assert chairs(read_inventory(move)) == newest


@pytest.mark.parametrize("values", [{"count": -1}, {"volume": -0.5}])
def test_table_takes_no_negative_number(
    installation: Installation, values: dict[str, float]
) -> None:
    row = {"count": 1, "volume": None, **values}
    with (
        psycopg.connect(installation.database.libpq_url) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute(
            "INSERT INTO inventory_corrections (project_id, room, name, category, user_id, "
            "count, volume) VALUES ('m', 'r', 'n', 'misc', 'u', %(count)s, %(volume)s)",
            row,
        )


# -- from the shell


def test_shell_corrects_lists_and_takes_back(move: str, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> Any:
        assert shell(*arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    capsys.readouterr()
    made = told("correct", move, "salon", "chaise", "5", "--user", "ana", "--dismountable")
    assert (made["key"], made["count"], made["dismountable"]) == ("chair", 5, True)
    shown = told("inventory", move)
    (line,) = [line for line in shown["lines"] if line["room"] == "salon"]
    assert (line["count"], line["seenCount"], line["dismountProbability"]) == (5, 1, 1.0)
    # The same keys as those of the correction itself: the contract's camelCase.
    assert told("corrections", move) == [made]

    assert shell("inventory", move) == 0
    assert "corrected by ana" in capsys.readouterr().out
    assert shell("corrections", move) == 0
    assert "chair" in capsys.readouterr().out

    number = str(made["correctionId"])
    assert shell("corrections", "--undo", number) == 0
    assert "undone" in capsys.readouterr().out
    assert told("corrections", move) == []
    assert len(told("corrections", move, "--all")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("corrections",),
        ("corrections", "m1", "--undo", "1"),
        ("inventory", "m1", "--strategy", "match"),
        ("inventory", "m1", "--anew", "--strategy", "median"),
        ("correct", "m1", "salon", "chair", "many"),
        ("submit", "x.jpg", "--strategy", "sum"),
    ],
)
def test_shell_refuses_what_makes_no_sense(arguments: tuple[str, ...]) -> None:
    assert shell(*arguments) == 2
