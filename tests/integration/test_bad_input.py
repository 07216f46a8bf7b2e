"""Bad input: refused with a reason or failed at once, and never in the way of the rest."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from PIL import Image
from pydantic import SecretStr

import photoqueue
from photoqueue import Settings, collect, poll, submit_photo, submit_photos
from photoqueue.errors import (
    JobFailedError,
    PhotoNotFoundError,
    PhotoTooLargeError,
    StateError,
    StorageError,
    UnknownJobError,
    UnreadablePhotoError,
)
from photoqueue.installation import Installation, current, use
from photoqueue.queue.database import Database
from tests.conftest import picture, submit


def make_jpeg(seed: int = 0, size: tuple[int, int] = (320, 240)) -> bytes:
    """Make a JPEG whose end cannot be cut off unnoticed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def truncated(seed: int = 0) -> bytes:
    data = make_jpeg(seed)
    return data[: len(data) // 2]


def make_bomb(side: int = 30_000) -> bytes:
    """Make a genuine PNG of 900 megapixels in a hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    packer = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def stored_rows(database: Database) -> list[int]:
    with psycopg.connect(database.libpq_url) as connection:
        return [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index]  # a count is always there
            for table in ("jobs", "photos", "batches")
        ]


# --- refused at submission -------------------------------------------------------


@pytest.mark.usefixtures("installation")
def test_missing_file_is_named_with_its_likely_spelling(tmp_path: Path, database: Database) -> None:
    (tmp_path / "salon.jpg").write_bytes(picture(1))
    with pytest.raises(PhotoNotFoundError, match=r"salom\.jpg does not exist.*'salon\.jpg'"):
        submit_photo(tmp_path / "salom.jpg")
    assert stored_rows(database) == [0, 0, 0]


@pytest.mark.usefixtures("installation")
def test_empty_folder_is_named(tmp_path: Path, database: Database) -> None:
    with pytest.raises(PhotoNotFoundError, match=str(tmp_path)):
        submit_photos(tmp_path)
    assert stored_rows(database) == [0, 0, 0]


@pytest.mark.usefixtures("installation")
def test_text_file_named_like_a_picture_is_refused(tmp_path: Path, database: Database) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear mover, " * 100)
    with pytest.raises(UnreadablePhotoError, match=r"letter\.jpg"):
        submit_photo(path)
    assert stored_rows(database) == [0, 0, 0]


@pytest.mark.usefixtures("installation")
def test_bomb_is_refused_undecoded(database: Database) -> None:
    bomb = make_bomb()
    assert len(bomb) < 1_000_000
    with pytest.raises(PhotoTooLargeError, match=r"900\.0 megapixels.*MAX_PHOTO_MEGAPIXELS"):
        submit_photo(bomb)
    assert stored_rows(database) == [0, 0, 0]


@pytest.mark.usefixtures("installation")
def test_file_of_100_mb_is_refused_unread(tmp_path: Path, database: Database) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.write(make_jpeg())
        file.truncate(100 * 2**20)
    with pytest.raises(PhotoTooLargeError, match=r"100 MiB; the limit is 50 MiB.*MAX_PHOTO_MB"):
        submit_photo(path)
    assert stored_rows(database) == [0, 0, 0]


# --- what a worker makes of it -----------------------------------------------------


@pytest.mark.usefixtures("working")
def test_truncated_jpeg_fails_at_its_first_attempt() -> None:
    job = submit_photo(truncated(), photo_id="truncated-1", file_name="salon.jpg")
    with pytest.raises(JobFailedError, match=r"salon\.jpg is truncated") as caught:
        job.result(120)
    assert caught.value.error_type == "UnreadablePhotoError"
    assert poll(job).attempts == 1
    assert list(job.attempts()["outcome"]) == ["error"]


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def animation(image_format: str) -> bytes:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    return encode(
        frames[0], image_format, save_all=True, append_images=frames[1:], duration=100, loop=0
    )


UNUSUAL = {
    "animated WebP": lambda: animation("WEBP"),
    "animated PNG": lambda: animation("PNG"),
    "CMYK JPEG": lambda: encode(Image.new("CMYK", (40, 30), (10, 200, 30, 0)), "JPEG"),
    "grey JPEG": lambda: encode(Image.new("L", (40, 30), 99), "JPEG"),
    "16-bit PNG": lambda: encode(Image.fromarray(np.full((30, 40), 40_000, np.uint16)), "PNG"),
    "palette PNG": lambda: encode(Image.new("P", (40, 30)), "PNG"),
    "transparent PNG": lambda: encode(Image.new("RGBA", (40, 30), (1, 2, 3, 0)), "PNG"),
    "AVIF": lambda: encode(Image.new("RGB", (40, 30)), "AVIF"),
    "one pixel": lambda: encode(Image.new("RGB", (1, 1)), "PNG"),
    "long and thin": lambda: encode(Image.new("RGB", (4000, 1)), "PNG"),
}


@pytest.mark.usefixtures("working")
def test_unusual_pictures_are_analysed() -> None:
    batch = submit_photos(
        [
            {"photo": make(), "photo_id": f"unusual {name}", "room": "salon"}
            for name, make in UNUSUAL.items()
        ]
    )
    frame = collect(batch, 120, progress="none")
    states = dict(zip(frame["photo_id"], frame["state"], strict=True))
    assert states == {f"unusual {name}": "completed" for name in UNUSUAL}


@pytest.mark.usefixtures("working")
def test_bad_photos_do_not_hold_up_their_batch(tmp_path: Path) -> None:
    # Given 500 files, one a text, one truncated, and one that is gone
    for number in range(497):
        (tmp_path / f"{number:03}.jpg").write_bytes(picture(number + 5000))
    (tmp_path / "497.jpg").write_text("no picture")
    (tmp_path / "498.jpg").write_bytes(truncated(48))
    files = [tmp_path / f"{number:03}.jpg" for number in range(500)]
    # When they are submitted together
    batch = submit_photos(files, project_id="m500")
    frame = collect(batch, 90, progress="none")
    # Then 497 are analysed, and three rows say what is wrong
    assert frame["state"].value_counts().to_dict() == {"completed": 497, "failed": 3}
    failed = frame[frame["state"] == "failed"].set_index("file_name")
    assert failed["error_type"].to_dict() == {
        "497.jpg": "UnreadablePhotoError",
        "498.jpg": "UnreadablePhotoError",
        "499.jpg": "PhotoNotFoundError",
    }
    assert failed["error_message"].str.len().min() > 20
    assert failed["attempts"].to_dict() == {"497.jpg": 0, "498.jpg": 1, "499.jpg": 0}
    # and the move can be added up all the same.
    inventory = photoqueue.submit_inventory("m500").result(120)
    assert isinstance(inventory, photoqueue.InventoryResult)
    assert inventory.photo_count == 497
    assert len(inventory.missing_photos) == 3


@pytest.mark.usefixtures("working")
def test_retry_of_a_photo_that_was_never_read_is_refused_with_advice(tmp_path: Path) -> None:
    (job,) = submit_photos([tmp_path / "gone.jpg"])
    with pytest.raises(JobFailedError, match="Submit the photo again"):
        job.result(120)
    with pytest.raises(StateError, match="then submit it again"):
        photoqueue.retry(job)
    assert poll(job).attempts == 0


@pytest.mark.usefixtures("working")
def test_photo_that_vanished_from_the_store_fails_with_advice(working: Installation) -> None:
    photoqueue.pause()
    try:
        job = submit_photo(picture(777), photo_id="vanished-1")
        with psycopg.connect(working.database.libpq_url) as connection:
            query = "SELECT sha256 FROM photos WHERE photo_id = 'vanished-1'"
            (sha256,) = connection.execute(query).fetchone() or ("",)
        (working.settings.home / "photos" / "originals" / sha256[:2] / sha256).unlink()
    finally:
        photoqueue.resume()
    with pytest.raises(JobFailedError, match="PHOTOQUEUE_PHOTO_STORE") as caught:
        job.result(120)
    assert caught.value.error_type == "PhotoNotFoundError"
    assert poll(job).attempts == 1


@pytest.mark.usefixtures("working")
def test_job_data_that_breaks_the_contract_fails_at_once(working: Installation) -> None:
    photoqueue.pause()
    try:
        job = submit_photo(picture(778), photo_id="contract-1")
        with psycopg.connect(working.database.libpq_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE jobs SET payload = payload - 'userId' WHERE job_id = %s", (job.id,)
            )
    finally:
        photoqueue.resume()
    with pytest.raises(JobFailedError, match="userId") as caught:
        job.result(120)
    assert caught.value.error_type == "PayloadError"
    assert poll(job).attempts == 1


# --- other people's things -----------------------------------------------------------


@pytest.mark.usefixtures("installation")
def test_job_of_another_installation_is_unknown_here(shared: Settings) -> None:
    job = submit("p1")
    use(shared)
    for verb in (poll, photoqueue.retry, photoqueue.cancel, photoqueue.attempts):
        with pytest.raises(UnknownJobError):
            verb(job.id)


# --- a full disk -----------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few hundred kilobytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    options = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_accepts_nothing_and_says_so(
    settings: Settings, small_disk: Path, database_url: str
) -> None:
    use(settings.model_copy(update={"photo_store": SecretStr(str(small_disk))}))
    try:
        noise = np.random.default_rng(1).integers(0, 255, (3, 300, 400, 3), np.uint8)
        large = [encode(Image.fromarray(pixels), "PNG") for pixels in noise]
        assert min(map(len, large)) > 256 * 1024
        with pytest.raises(StorageError, match=str(small_disk)):
            submit_photo(large[0])
        with pytest.raises(StorageError, match="space"):
            submit_photos(large)
        assert stored_rows(current().database) == [0, 0, 0]
        # A photo that fits is accepted all the same.
        assert submit("p1").state == "waiting"
    finally:
        use(None)
