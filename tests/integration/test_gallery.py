"""Photos as cards, page by page, with their thumbnails and pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

import photoqueue
from photoqueue.client.gallery import (
    photo_counts,
    photo_items,
    photo_page,
    photo_picture,
    photo_preview,
    photo_row,
)
from photoqueue.errors import (
    NotFoundError,
    PayloadError,
    PhotoNotFoundError,
    UnknownBatchError,
    UnreadablePhotoError,
)
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Handler
from photoqueue.queue.ledger import Claim
from photoqueue.queue.pages import Ordering
from photoqueue.queue.projects import PhotoChoice, PhotoRow
from photoqueue.queue.tables import jobs
from photoqueue.records.results import FoundItem, PhotoResult
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState
from tests.bench import Bench
from tests.conftest import picture, submit


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


def ids(cards: tuple[PhotoRow, ...]) -> list[str]:
    return [card.photo_id for card in cards]


def telling(result: PhotoResult) -> object:
    """Make a job end with a given result."""

    def around(handler: Handler) -> Handler:
        def handle(claim: Claim, calls: list[AiCall]) -> str:
            handler(claim, calls)
            return result.to_json()

        return handle

    return around


def original_of(installation: Installation, card: PhotoRow) -> Path:
    assert card.sha256 is not None
    return installation.settings.home / "photos" / "originals" / card.sha256[:2] / card.sha256


def test_row_tells_what_the_newest_job_found(bench: Bench) -> None:
    job = submit("p1", project_id="m1", room="salon", room_type="salon")
    sofa = FoundItem(
        name="three-seat sofa",
        category="furniture",
        dismountable=False,
        key="sofa_3_seat",
        score=0.93,
        box=(0.1, 0.2, 0.5, 0.6),
        volume=1.5,
        alternatives={"sofa_2_seat": 0.31},
    )
    result = PhotoResult(
        photo_id="p1",
        items=(sofa,),
        room_type="salon",
        confidence=0.9,
        width=48,
        height=32,
        warnings=("too dark",),
    )
    bench(job, telling(result))

    (row,) = photo_page(PhotoChoice(project="m1")).rows

    assert (row.photo_id, row.room, row.job_id, row.state) == (
        "p1", "salon", UUID(job.id), JobState.COMPLETED,
    )  # fmt: skip
    assert row.title == "salon/p1"  # bytes have no file name
    assert (row.error_type, row.error_message, row.can_retry) == (None, None, False)
    assert PhotoResult.model_validate(row.result).items == result.items
    assert photo_row("p1") == row


def test_pages_hold_each_photo_once_and_lead_both_ways(installation: Installation) -> None:
    batch = photoqueue.submit_photos(
        [{"photo": picture(n), "photo_id": f"p{n:02}"} for n in range(7)], project_id="m1"
    )
    again = photoqueue.submit_photos([{"photo": picture(3), "photo_id": "p03"}], project_id="m1")

    first = photo_page(PhotoChoice(batch=batch.id), size=3)
    second = photo_page(PhotoChoice(batch=batch.id), size=3, after=first.next)
    third = photo_page(PhotoChoice(batch=batch.id), size=3, after=second.next)

    assert [ids(page.rows) for page in (first, second, third)] == [
        ["p00", "p01", "p02"],
        ["p03", "p04", "p05"],
        ["p06"],
    ]
    assert (first.previous, third.next) == (None, None)
    assert ids(photo_page(PhotoChoice(batch=batch.id), size=3, before=third.previous).rows) == ids(
        second.rows
    )
    back = photo_page(PhotoChoice(batch=batch.id), size=3, before=second.previous)
    assert (ids(back.rows), back.previous) == (ids(first.rows), None)
    assert back.next == first.next
    assert ids(photo_page(PhotoChoice(batch=again.id)).rows) == ["p03"]


def test_page_before_a_short_rest_is_the_first_page_in_full(installation: Installation) -> None:
    for n in range(4):
        submit(f"p{n}", project_id="m1")
    first = photo_page(PhotoChoice(project="m1"), size=1)
    second = photo_page(PhotoChoice(project="m1"), size=1, after=first.next)
    # Two photos lie before the third one, and a page holds three.
    third = photo_page(PhotoChoice(project="m1"), size=1, after=second.next)

    page = photo_page(PhotoChoice(project="m1"), size=3, before=third.previous)

    assert (ids(page.rows), page.previous) == (["p0", "p1", "p2"], None)
    assert page.next is not None


def test_all_photos_come_newest_first(installation: Installation) -> None:
    for name in ("a", "b", "c"):
        submit(name)
    first = photo_page(PhotoChoice(), size=2)
    assert ids(first.rows) == ["c", "b"]
    second = photo_page(PhotoChoice(), size=2, after=first.next)
    assert ids(second.rows) == ["a"]
    assert ids(photo_page(PhotoChoice(), size=2, before=second.previous).rows) == ["c", "b"]


def test_photo_analysed_again_shows_its_newest_job(bench: Bench) -> None:
    bench(submit("p1", project_id="m1"))
    newest = submit("p1", project_id="m1", resubmit=True)

    (card,) = photo_page(PhotoChoice(project="m1")).rows

    assert (card.job_id, card.state, card.result) == (UUID(newest.id), JobState.WAITING, None)


def test_photos_are_chosen_by_room_state_and_text(bench: Bench) -> None:
    bench(submit("one", project_id="m1", room="salon"))
    submit("two_x", project_id="m1", room="Kitchen")
    submit("three", project_id="m1")
    submit("other", project_id="m2", room="salon")

    def chosen(*, lang: str | None = None, **filters: Any) -> list[str]:
        return ids(photo_page(PhotoChoice(project="m1", **filters), lang=lang).rows)

    assert chosen() == ["one", "two_x", "three"]
    assert chosen(room="salon") == ["one"]
    assert chosen(room="") == ["three"]
    assert chosen(state=JobState.WAITING) == ["two_x", "three"]
    assert chosen(text="TWO") == ["two_x"]
    assert chosen(text="kitch") == ["two_x"]
    assert chosen(text="chair") == ["one"]
    assert chosen(text="chaise", lang="fr") == ["one"]
    assert chosen(text="o_x") == ["two_x"]
    assert chosen(text="_") == ["two_x"]  # a character like any other
    assert chosen(text="%") == []
    assert chosen(text="\x00") == chosen()
    assert chosen(room="salon", state=JobState.WAITING) == []
    counts = photo_counts(PhotoChoice(project="m1"))
    assert (counts.total, counts.complete) == (3, True)
    assert dict(counts.rooms) == {"": 1, "Kitchen": 1, "salon": 1}
    assert dict(counts.states) == {JobState.WAITING: 2, JobState.COMPLETED: 1}
    assert photo_counts(PhotoChoice(project="m1", text="chair")).total == 1


def test_wrong_batch_cursor_and_photo_are_refused(installation: Installation) -> None:
    with pytest.raises(UnknownBatchError, match="b-none"):
        photo_page(PhotoChoice(batch="b-none"))
    for cursor in ("", "after-", "after-1' OR true", "sideways-0", "before"):
        with pytest.raises(PayloadError, match="is not a cursor"):
            photo_page(PhotoChoice(), after=cursor)
    newest_first = Ordering("photos", None, jobs.c.job_id, True).cursor(None, uuid4())
    with pytest.raises(PayloadError, match="belongs to a list ordered by '-photos'"):
        photo_page(PhotoChoice(project="m1"), before=newest_first)
    for photo in ("p9", "p\x00"):
        with pytest.raises(NotFoundError, match="No photo"):
            photo_row(photo)
    assert photo_page(PhotoChoice(project="m9")).rows == ()


def test_failed_photo_tells_a_short_reason(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    photoqueue.submit_photos([tmp_path / "broken.jpg"], project_id="m1")
    long = submit("permanent-1", project_id="m1")

    def around(handler: Handler) -> Handler:
        def handle(claim: Claim, calls: list[AiCall]) -> str:
            raise photoqueue.PermanentError(f"begins {'x' * 100_000} ends")

        return handle

    with pytest.raises(photoqueue.JobFailedError):
        bench(long, around)

    refused, failed = photo_page(PhotoChoice(project="m1", state=JobState.FAILED)).rows

    assert (refused.file_name, refused.error_type) == ("broken.jpg", "UnreadablePhotoError")
    assert (refused.sha256, refused.can_retry) == (None, False)
    assert "submitted" in photo_preview(refused).reason
    assert not failed.can_retry  # its engine says that nothing will change
    assert failed.error_message is not None
    assert failed.error_message.startswith("begins")


def test_thumbnail_is_made_again_and_kept(installation: Installation) -> None:
    photoqueue.submit_photo(picture(1, size=(1200, 800)), photo_id="p1")
    card = photo_row("p1")
    assert photo_preview(card, make=False) == (None, "")

    jpeg = photo_preview("p1").jpeg

    assert jpeg is not None
    assert Image.open(io.BytesIO(jpeg)).size == (320, 213)
    assert photo_preview(card, make=False).jpeg == jpeg
    original_of(installation, card).unlink()
    assert photo_preview(card).jpeg == jpeg  # needs no original


def test_picture_is_upright_and_fits_the_screen(installation: Installation) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    stream = io.BytesIO()
    Image.new("RGB", (3000, 2000)).save(stream, "JPEG", exif=exif)
    photoqueue.submit_photo(stream.getvalue(), photo_id="turned")
    photoqueue.submit_photo(picture(2), photo_id="small")

    turned = Image.open(io.BytesIO(photo_picture("turned")))

    assert (turned.format, turned.size) == ("JPEG", (1067, 1600))
    assert not turned.getexif()
    assert Image.open(io.BytesIO(photo_picture("small"))).size == (48, 32)


def test_photo_without_its_original_says_so(installation: Installation) -> None:
    submit("p1")
    submit("p2")
    original_of(installation, photo_row("p1")).unlink()
    original_of(installation, photo_row("p2")).write_bytes(b"changed")

    assert photo_preview("p1").jpeg is None
    assert "is not in the store" in photo_preview("p1").reason
    with pytest.raises(PhotoNotFoundError, match="is not in the store"):
        photo_picture("p1")
    with pytest.raises(UnreadablePhotoError, match="was changed"):
        photo_picture("p2")


def test_things_of_photos_are_a_frame_in_the_order_asked_for(bench: Bench) -> None:
    for name in ("p1", "p2"):
        bench(submit(name, room="salon"))
    submit("p3")

    frame = photo_items(["p2", "p3", "p1", "unknown"])

    assert list(frame["photo_id"]) == ["p2", "p1"]
    assert set(frame["name"]) == {"chair"}
    assert list(photo_items(["p1"], lang="fr")["name"]) == ["chaise"]
    assert list(photo_items([]).columns) == list(frame.columns)
