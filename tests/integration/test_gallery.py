"""Photos with their newest job, thumbnails and pictures."""

from __future__ import annotations

import io
from pathlib import Path
from uuid import UUID

import pytest
from PIL import Image

import photoqueue
from photoqueue.client.gallery import (
    photo_items,
    photo_picture,
    photo_preview,
    photo_row,
)
from photoqueue.errors import (
    NotFoundError,
    PhotoNotFoundError,
    UnreadablePhotoError,
)
from photoqueue.installation import Installation
from photoqueue.jobs.handling import Handler
from photoqueue.queue.ledger import Claim
from photoqueue.queue.projects import PhotoRow
from photoqueue.records.results import FoundItem, PhotoResult
from photoqueue.records.snapshots import AiCall
from photoqueue.words import JobState
from tests.bench import Bench
from tests.conftest import picture, submit


@pytest.fixture
def bench(installation: Installation) -> Bench:
    return Bench(installation)


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

    row = photo_row("p1")

    assert (row.photo_id, row.room, row.job_id, row.state) == (
        "p1", "salon", UUID(job.id), JobState.COMPLETED,
    )  # fmt: skip
    assert row.title == "salon/p1"  # bytes have no file name
    assert (row.error_type, row.error_message, row.can_retry) == (None, None, False)
    assert PhotoResult.model_validate(row.result).items == result.items
    for photo in ("p9", "p\x00"):
        with pytest.raises(NotFoundError, match="No photo"):
            photo_row(photo)


def test_photo_analysed_again_shows_its_newest_job(bench: Bench) -> None:
    bench(submit("p1", project_id="m1"))
    newest = submit("p1", project_id="m1", resubmit=True)

    card = photo_row("p1")

    assert (card.job_id, card.state, card.result) == (UUID(newest.id), JobState.WAITING, None)


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

    names = photoqueue.history().set_index("file_name")["photo_id"]
    refused, failed = photo_row(names["broken.jpg"]), photo_row("permanent-1")

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
