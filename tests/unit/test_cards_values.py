"""What results, snapshots, counts and the catalogue look like in a notebook and a shell."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest

from photoqueue import (
    Catalogue,
    Correction,
    Estimate,
    InventoryResult,
    JobSnapshot,
    PhotoResult,
    Stats,
)
from photoqueue.client.handles import Batch, Job
from photoqueue.client.worker_process import WorkerProcess
from photoqueue.faces.cards.values import card_of
from photoqueue.inventory.estimating import estimate_of, terms_of
from photoqueue.jobs import PHOTO_ANALYZE, job_types
from photoqueue.records.results import FoundItem, InventoryLine
from photoqueue.records.snapshots import QueueStats
from photoqueue.words import JobState
from tests.inventories import inventory as by_hand
from tests.inventories import line
from tests.processes import at_once

WHEN = datetime(2026, 11, 25, 14, 3, tzinfo=UTC)
HOSTILE = "<script>alert('&')</script>\x1b[2J\u202e\ud800\n" + "é" * 300
NAMES = ["salon", "", HOSTILE, "🛋️" * 100]


def photo(name: str = "salon-1", items: int = 3, **values: Any) -> PhotoResult:
    found = [
        FoundItem(
            name=f"{name} {number // 2}",
            category="furniture",
            dismountable=False,
            score=0.6 + 0.1 * (number % 2),
            volume=0.5 if number else None,
            alternatives={"sofa_2_seat": 0.31} if number == 0 else None,
        )
        for number in range(items)
    ]
    return PhotoResult.model_construct(
        photo_id=name,
        items=tuple(found),
        room_type=name,
        confidence=0.7,
        **{"engine": "builtin", "model": name, "warnings": (), **values},
    )


def inventory(name: str = "salon", lines: int = 3, rooms: int = 1) -> InventoryResult:
    listed = [
        InventoryLine.model_construct(
            room=f"{name} {number % rooms}",
            room_type="salon",
            name=f"{name} thing {number}",
            category="furniture",
            count=2,
            dismountable=True,
            volume=1.5,
            volume_min=1.0,
            volume_max=2.0,
            photos=("p1",),
            review=number % 2 == 0,
            reason=name if number % 2 == 0 else None,
            corrected=number == 1,
        )
        for number in range(lines)
    ]
    return InventoryResult.model_construct(
        project_id=name,
        total_items=2 * lines,
        total_volume=1.5 * lines,
        total_volume_min=1.0 * lines,
        total_volume_max=2.0 * lines,
        rooms=tuple(f"{name} {number}" for number in range(rooms)),
        strategy="max",
        lines=tuple(listed),
        photo_count=4,
        missing_photos=("p9",),
        duplicate_photos={"p2": "p1", "p3": "p1"},
    )


def snapshot(name: str = "salon-1", when: datetime = WHEN) -> JobSnapshot:
    return JobSnapshot(
        job_id=UUID(int=5),
        job_key=f"photo-{name}",
        queue=PHOTO_ANALYZE,
        state=JobState.FAILED,
        attempts=4,
        max_attempts=4,
        photo_id=name,
        project_id=name,
        batch_id=name,
        created_at=when,
        ready_at=when,
        started_at=when,
        finished_at=when,
        wait_ms=12.0,
        job_duration_ms=125_000.0,
        room=name,
        file_name=name,
        user_id=name,
        priority=0,
        success=False,
        error_type="ValueError",
        error_message=name,
    )


def correction(name: str = "salon", **values: Any) -> Correction:
    return Correction.model_construct(
        correction_id=7,
        project_id=name,
        room=name,
        name=name,
        category="misc",
        count=0,
        user_id=name,
        created_at=WHEN,
        **{"volume": 0.5, "dismountable": True, **values},
    )


def counts(number: int = 3) -> Stats:
    states = dict.fromkeys(map(str, JobState), number)
    return Stats(
        {
            queue: QueueStats(name=queue, **states, workers=number, oldest_waiting_s=3.2)
            for queue in job_types()
        }
    )


def worker(name: str = "log") -> WorkerProcess:
    started = WorkerProcess.__new__(WorkerProcess)
    started.pid, started.log = 4711, Path(f"/home/{name[:40]}/worker.log")
    return started


def estimated(name: str = "salon") -> Estimate:
    text = name.replace("\ud800", "")  # no name of a room has a lone surrogate
    rooms = [line("sofa_3_seat", 1, room=room, room_type=room) for room in (text, f"{text} 2")]
    terms = terms_of({"rates": {"currency": "EUR", "vat": 20, "per_hour": 30}})
    found = by_hand(*rooms).model_copy(update={"project_id": name})
    return estimate_of(found, Catalogue.load(), terms)


#: Each makes a value under a name that comes from outside.
MAKERS: dict[str, Callable[[str], Any]] = {
    "Job": lambda name: Job(None, UUID(int=5), f"photo-{name}", PHOTO_ANALYZE),  # type: ignore[arg-type]  # no I/O is done
    "Batch": lambda name: Batch(None, "b-20261123-3f9a2c81", name, 3),  # type: ignore[arg-type]  # no I/O is done
    "PhotoResult": photo,
    "InventoryResult": inventory,
    "JobSnapshot": snapshot,
    "Stats": lambda name: counts(10**7),
    "WorkerProcess": worker,
    "Correction": correction,
    "Catalogue": lambda name: Catalogue.load(),
    "Estimate": estimated,
}
made = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))


def texts(html: str) -> list[str]:
    return [text for element in ElementTree.fromstring(html).iter() for text in element.itertext()]


@made
@pytest.mark.parametrize("name", NAMES)
def test_card_is_well_formed_and_escaped(make: Callable[[str], Any], name: str) -> None:
    html = make(name)._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html
    assert all(len(text) < 80 for text in texts(html))
    html.encode()  # a lone surrogate could not be saved in a notebook


@made
@pytest.mark.parametrize("name", NAMES)
def test_text_is_calm(make: Callable[[str], Any], name: str) -> None:
    shown = repr(make(name))
    assert shown
    assert all(len(line) < 80 for line in shown.splitlines())
    assert "\x1b" not in shown
    assert " 0x" not in shown
    assert "object at" not in shown


@made
def test_card_and_text_hold_no_clock_and_no_address(
    make: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make("salon")._repr_html_(), repr(make("salon"))
    later = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert (make("salon")._repr_html_(), repr(make("salon"))) == before
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@made
def test_value_opens_nothing_when_it_is_shown(
    make: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    value = make("salon")

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("I/O")

    for where in ("builtins.open", "socket.socket", "subprocess.Popen", "io.open"):
        monkeypatch.setattr(where, forbidden)
    value._repr_html_()
    repr(value)


def test_snapshot_of_another_time_looks_the_same() -> None:
    later = WHEN + timedelta(days=3)
    assert snapshot()._repr_html_() == snapshot(when=later)._repr_html_()
    assert repr(snapshot()) == "<JobSnapshot photo-salon-1: failed, attempt 4 of 4>"


def test_card_takes_the_colours_of_the_page() -> None:
    for make in MAKERS.values():
        html = make("salon")._repr_html_()
        assert "var(--jp-ui-font-color1,inherit)" in html
        assert "background:#" not in html


def test_photo_card_tells_number_score_volume_and_doubts() -> None:
    shown = texts(photo(warnings=("too dark",))._repr_html_())
    for said in ("Photo salon-1", "⚠ warnings", "too dark", "3 things, 1.00 m³", "0.60–0.70"):
        assert said in shown
    assert "sofa 2 seat 0.31" in shown
    assert repr(photo()) == "<PhotoResult salon-1: 3 things in salon-1>"
    assert "No things were found in it." in texts(photo(items=0)._repr_html_())


def test_long_photo_card_is_cut_with_a_word_about_all() -> None:
    shown = texts(photo(items=100)._repr_html_())
    assert "… and 30 kinds more; .to_frame() lists all." in shown


def test_inventory_card_tells_totals_rooms_and_what_to_look_at() -> None:
    html = inventory(rooms=2)._repr_html_()
    shown = texts(html)
    for said in (
        "6 things, 4.50 m³ (3.00–6.00 m³ in 8 of 10 moves)",
        "salon 0, salon 1",
        "4; 1 not analysed; 2 copies of others",
        "max: the most seen in one photo",
        "⚠ To review: 2 lines",
        "salon 0: 4 things, 3.00 m³",
        "corrected",
    ):
        assert said in shown
    assert "<details>" not in html
    assert repr(inventory()) == "<InventoryResult salon: 6 things in 1 room, 4.50 m³>"


def test_long_inventory_is_folded_by_room_and_cut() -> None:
    html = inventory(lines=300, rooms=5)._repr_html_()
    assert html.count("<details>") == 4  # the first rooms fill it
    assert "… and 100 lines more." in texts(html)
    assert len(html) < 150_000
    assert inventory(lines=25, rooms=5)._repr_html_().count("<details>") == 5


def test_empty_inventory_says_so() -> None:
    assert "Nothing was found in its photos." in texts(inventory(lines=0, rooms=0)._repr_html_())


def test_correction_card_tells_who_and_when() -> None:
    shown = texts(correction()._repr_html_())
    for said in ("0, off the list", "0.50 m³", "salon, 2026-11-25 14:03 UTC"):
        assert said in shown
    undone = correction(undone_at=WHEN, undone_by="ben")
    assert "undone" in repr(undone)
    assert "ben, 2026-11-25 14:03 UTC" in texts(undone._repr_html_())


def test_counts_leave_out_what_is_nothing() -> None:
    assert repr(counts(0)).splitlines() == [
        "photo-analyze: no jobs, no worker",
        "inventory-sync: no jobs, no worker",
    ]
    assert "3 waiting, 3 active" in repr(counts(3))
    assert {"waiting", "failed", "workers"} <= set(texts(counts(0)._repr_html_()))


def test_catalogue_card_counts_by_category() -> None:
    catalogue = Catalogue.load()
    shown = texts(catalogue._repr_html_())
    assert str(len(catalogue)) in shown
    assert "furniture" in shown
    assert ".to_frame() lists all, .find('canapé') finds one by its name." in shown
    ElementTree.fromstring(Catalogue([])._repr_html_())


def test_results_print_as_calmly_as_they_are_shown() -> None:
    assert str(photo()) == repr(photo())
    assert str(inventory()) == repr(inventory())


#: A process that has loaded the values' own modules, and none that shows them.
FRESH = """
import pickle, sys
import pandas
import photoqueue
from photoqueue import Catalogue, InventoryResult, JobSnapshot, PhotoResult, Stats
values = [
    lambda: PhotoResult(photo_id="p", items=(), room_type="salon", confidence=0),
    lambda: Stats({}),
    lambda: Catalogue.load(),
    *(lambda path=path: pickle.load(open(path, "rb")) for path in sys.argv[1:]),
]
value = values[INDEX]()
loaded = [name for name in sys.modules if name.startswith("photoqueue.faces")]
assert not loaded, loaded
print(ascii((repr(value), value._repr_html_())))
"""


def test_a_process_that_imported_no_face_shows_cards(tmp_path: Path) -> None:
    pickled = [photo(), inventory(), snapshot()]
    for number, value in enumerate(pickled):
        (tmp_path / f"{number}").write_bytes(pickle.dumps(value))
    files = [str(tmp_path / f"{number}") for number in range(len(pickled))]
    shown = at_once(FRESH, 6, *files, cold=True)
    for said, html in zip(("Photo p", "Queues", "rug, floor lamp"), shown, strict=False):
        assert said in html
    for value, html in zip(pickled, shown[3:], strict=True):
        assert html.strip() == ascii((repr(value), value._repr_html_()))


def test_values_of_other_types_have_no_card() -> None:
    with pytest.raises(TypeError, match="no card for a dict"):
        card_of({})


def test_card_of_an_estimate_has_the_price_and_the_whole_working() -> None:
    told = " ".join(texts(estimated()._repr_html_()))
    assert "Estimate of salon, not a quote" in told
    assert "total" in told
    for one in estimated().working:
        assert one.formula in " ".join(told.split()), one.what
