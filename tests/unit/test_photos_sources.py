"""Whatever a notebook has at hand becomes the bytes of one photo."""

from __future__ import annotations

import os
import struct
import sys
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

from photoqueue.errors import (
    ConfigurationError,
    PhotoNotFoundError,
    PhotoTooLargeError,
    StorageError,
    UnreadablePhotoError,
)
from photoqueue.photos.pixels import decode
from photoqueue.photos.remote import masked
from photoqueue.photos.sources import RawPhoto, read_photo

MAX_BYTES = 1_000_000
MAX_PIXELS = 1_000_000


def read(source: Any) -> RawPhoto:
    return read_photo(source, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)


def jpeg(width: int = 40, height: int = 30, **options: object) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (width, height), "teal").save(stream, "JPEG", **options)
    return stream.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(exif=exif.tobytes())


@pytest.mark.parametrize(
    "name", ["salon.jpg", "my living room.JPG", "🛋️ salon.jpeg", "<b>salon & co</b>.jpg", "a[1].jpg"]
)
def test_a_path_is_read_under_its_own_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name.replace("/", "∕")
    path.write_bytes(jpeg())

    for source in (path, str(path)):
        photo = read(source)
        assert photo.data == jpeg()
        assert photo.name == path.name
        assert (photo.format, photo.width, photo.height) == ("JPEG", 40, 30)


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "salon.jpg").write_bytes(jpeg())

    assert read("~/salon.jpg").name == "salon.jpg"


def test_a_name_that_is_not_unicode_can_be_stored_as_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes(jpeg())

    assert read(path).name == "caf�.jpg"


def test_width_and_height_are_those_of_the_upright_picture() -> None:
    photo = read(turned())

    assert (photo.width, photo.height) == (30, 40)
    assert decode(photo.data, max_pixels=MAX_PIXELS).size == (30, 40)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_bytes_are_kept_as_they_are(wrap: type) -> None:
    photo = read(wrap(jpeg()))

    assert photo.data == jpeg()
    assert type(photo.data) is bytes
    assert photo.name is None


def test_the_format_is_told_by_content(tmp_path: Path) -> None:
    path = tmp_path / "scan.dat"
    path.write_bytes(jpeg())

    assert read(path).format == "JPEG"


def test_repr_leaves_the_bytes_out() -> None:
    assert len(repr(read(jpeg()))) < 200


def test_an_array_has_the_same_address_every_time() -> None:
    array = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)

    first, again = read(array), read(np.asfortranarray(array))

    assert first.sha256 == again.sha256
    assert np.array_equal(np.asarray(decode(first.data, max_pixels=MAX_PIXELS)), array)


def test_floats_are_scaled() -> None:
    grey = np.linspace(0, 1, 100).reshape(10, 10)

    pixels = np.asarray(decode(read(grey).data, max_pixels=MAX_PIXELS))

    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[-1, -1].tolist() == [255, 255, 255]


def test_an_array_with_alpha_is_put_on_white() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)

    assert decode(read(clear).data, max_pixels=MAX_PIXELS).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 40, 30), np.uint8),
        np.zeros(10, np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4), bool),
        np.zeros((0, 4), np.uint8),
        np.full((4, 4), 200.0),
        np.full((4, 4), -0.5),
        np.full((4, 4), np.nan),
    ],
)
def test_an_array_that_is_no_picture_is_refused(array: np.ndarray) -> None:
    with pytest.raises(UnreadablePhotoError, match="height × width × 3 or 4"):
        read(array)


def test_a_large_array_is_refused_before_it_is_encoded() -> None:
    with pytest.raises(PhotoTooLargeError, match="MEGAPIXELS"):
        read(np.broadcast_to(np.uint8(0), (100_000, 100_000)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pillow_pictures_of_any_colour_mode_are_read(mode: str) -> None:
    photo = read(Image.new("RGB", (8, 6), "white").convert(mode))

    assert photo.format == "PNG"
    assert decode(photo.data, max_pixels=MAX_PIXELS).getpixel((0, 0)) == (255, 255, 255)


def test_a_pillow_picture_opened_from_a_file_is_upright_and_named(tmp_path: Path) -> None:
    (tmp_path / "salon.jpg").write_bytes(turned())

    with Image.open(tmp_path / "salon.jpg") as image:
        photo = read(image)

    assert (photo.name, photo.width, photo.height) == ("salon.jpg", 30, 40)


def camera_picture(noted: bool) -> Image.Image:
    """A picture that a camera held upright stored lying, opened from its file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    if noted:
        exif.get_ifd(0x8769).update({0xA002: 40, 0xA003: 30})
    return Image.open(BytesIO(jpeg(exif=exif.tobytes())))


@pytest.mark.parametrize("noted", [True, False])
def test_a_picture_that_was_turned_by_hand_is_not_turned_again(noted: bool) -> None:
    opened = camera_picture(noted)
    turned = opened.transpose(Image.Transpose.ROTATE_270)
    assert turned.info["exif"]  # still says that it lies

    assert (read(turned).width, read(turned).height) == (30, 40)
    assert (read(opened).width, read(opened).height) == (30, 40)


@pytest.mark.parametrize("change", ["convert", "copy", "resize"])
def test_a_picture_that_was_changed_but_not_turned_is_made_upright(change: str) -> None:
    arguments = {"convert": ("L",), "copy": (), "resize": ((20, 15),)}
    changed = getattr(camera_picture(noted=True), change)(*arguments[change])

    photo = read(changed)

    assert photo.width < photo.height


def test_a_pillow_picture_without_a_scale_is_refused() -> None:
    with pytest.raises(UnreadablePhotoError, match="no defined white"):
        read(Image.new("F", (8, 6)))


def test_a_closed_pillow_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "salon.jpg").write_bytes(jpeg())
    with Image.open(tmp_path / "salon.jpg") as image:
        pass

    with pytest.raises(UnreadablePhotoError, match="complete"):
        read(image)


@pytest.mark.parametrize("source", [None, float("nan"), 7, ["a.jpg"]])
def test_anything_else_is_refused(source: object) -> None:
    with pytest.raises(UnreadablePhotoError, match=type(source).__name__):
        read(source)


def test_text_named_like_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "salon.jpg"
    path.write_text("to do: photograph the salon")

    with pytest.raises(UnreadablePhotoError, match=r"salon\.jpg .*starts with text.*JPEG, PNG"):
        read(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "salon.jpg").touch()

    with pytest.raises(UnreadablePhotoError, match=r"salon\.jpg .*is empty"):
        read(tmp_path / "salon.jpg")


def test_a_missing_file_is_named_with_its_likely_spelling(tmp_path: Path) -> None:
    (tmp_path / "Salon.JPG").write_bytes(jpeg())

    with pytest.raises(PhotoNotFoundError, match=r"salon\.jpg does not exist.*'Salon\.JPG'"):
        read(tmp_path / "salon.jpg")
    with pytest.raises(PhotoNotFoundError, match="current folder"):
        read(tmp_path / "nothing-like-it.png")


@pytest.mark.parametrize("source", ["", "  ", "a\0b.jpg", "x" * 5000, "~nobody-here/a.jpg"])
def test_impossible_paths_are_not_found(source: str) -> None:
    with pytest.raises(PhotoNotFoundError) as caught:
        read(source)
    assert len(str(caught.value)) < 600


def test_an_address_made_into_a_path_is_explained() -> None:
    with pytest.raises(PhotoNotFoundError, match="passed as text"):
        read(Path("s3://bucket/salon.jpg"))


def test_a_folder_is_not_a_photo(tmp_path: Path) -> None:
    with pytest.raises(PhotoNotFoundError, match="is a folder"):
        read(tmp_path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "salon.jpg")

    with pytest.raises(UnreadablePhotoError, match="pipe"):
        read(tmp_path / "salon.jpg")


def test_an_unreadable_file_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The suite may run as root, whom no permission stops: the refusal is raised by hand.
    (tmp_path / "salon.jpg").write_bytes(jpeg())

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        read(tmp_path / "salon.jpg")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(
            PhotoTooLargeError, match=r"huge\.jpg is 100 MiB.*PHOTOQUEUE_MAX_PHOTO_MB"
        ):
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * 2**20


def test_a_file_that_grows_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing.jpg"
    path.write_bytes(jpeg() + bytes(2 * MAX_BYTES))
    real = os.fstat

    def before_it_grew(descriptor: int) -> os.stat_result:
        values = list(real(descriptor))
        values[6] = 10
        return os.stat_result(values)

    monkeypatch.setattr(os, "fstat", before_it_grew)
    with pytest.raises(PhotoTooLargeError, match="is 977 KiB"):  # of its 1.9
        read(path)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_too_many_bytes_are_refused(wrap: type) -> None:
    with pytest.raises(PhotoTooLargeError, match="given as bytes"):
        read(wrap(jpeg() + bytes(MAX_BYTES)))


def test_a_bomb_is_refused_when_it_is_read(tmp_path: Path) -> None:
    content = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    header = b"IHDR" + content + struct.pack(">I", zlib.crc32(b"IHDR" + content))
    pixels = b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    data = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0d" + header + bytes(4) + pixels
    (tmp_path / "bomb.png").write_bytes(data)

    with pytest.raises(PhotoTooLargeError, match=r"bomb\.png has 30000 × 30000 pixels"):
        read(tmp_path / "bomb.png")


def test_addresses_of_fsspec_are_read(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/sources/salon été.jpg", jpeg())
    (tmp_path / "a b.jpg").write_bytes(jpeg())

    assert read("memory://sources/salon été.jpg").name == "salon été.jpg"
    assert read(f"file://{tmp_path}/a b.jpg").data == jpeg()
    with pytest.raises(PhotoNotFoundError, match=r"memory://sources/none\.jpg does not exist"):
        read("memory://sources/none.jpg")
    with pytest.raises(PhotoNotFoundError, match="is a folder"):
        read("memory://sources")


def test_an_address_is_not_read_beyond_the_limit() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/sources/huge.jpg", bytes(MAX_BYTES + 1))

    with pytest.raises(PhotoTooLargeError, match=r"memory://sources/huge\.jpg"):
        read("memory://sources/huge.jpg")


class Unsized(LocalFileSystem):
    """A file system that does not know sizes, and counts what is read from it."""

    protocol = "unsized"
    read: ClassVar[list[int]] = []

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        return {**super().info(path, **options), "size": None}

    def cat_file(self, path: str, *args: Any, **options: Any) -> bytes:
        with Path(path).open("rb") as file:
            end = options.get("end")
            data = file.read() if end is None else file.read(end)
        self.read.append(len(data))
        return data


def test_an_address_of_unknown_size_is_read_to_the_limit(tmp_path: Path) -> None:
    fsspec.register_implementation("unsized", Unsized, clobber=True)
    (tmp_path / "huge.jpg").write_bytes(bytes(3 * MAX_BYTES))

    with pytest.raises(PhotoTooLargeError, match="is larger"):
        read(f"unsized://{tmp_path}/huge.jpg")
    assert Unsized.read == [MAX_BYTES + 1]


def test_an_unknown_kind_of_address_is_a_mistake_in_the_call() -> None:
    with pytest.raises(ConfigurationError, match="nowhere://"):
        read("nowhere://bucket/salon.jpg")


@pytest.mark.parametrize(
    ("url", "module", "package", "extra"),
    [
        ("https://example.invalid/a.jpg", "fsspec.implementations.http", "aiohttp", "http"),
        ("s3://bucket/a.jpg", "s3fs", "s3fs", "s3"),
    ],
)
def test_a_missing_package_is_named(
    url: str, module: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = url.partition("://")[0]
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, kind, raising=False)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # importing it fails from here on

    with pytest.raises(ConfigurationError, match=rf"{kind}://.*photoqueue\[{extra}\]"):
        read(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host/a.jpg", "https://***@host/a.jpg"),
        ("https://host/a.jpg?X-Amz-Signature=secret", "https://host/a.jpg?…"),
        ("s3://key:secret@bucket/a?.jpg", "s3://***@bucket/a?.jpg"),
        ("ftp://secret@host/x@y.jpg", "ftp://***@host/x@y.jpg"),
        ("ftp://user:se@cret@host/x.jpg", "ftp://***@host/x.jpg"),
        ("zip://a.jpg::https://host/a.zip?secret", "zip://a.jpg::https://host/a.zip?…"),
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
        ("s3://bucket/a?secret=sec@ret&x=1", "s3://bucket/a?secret=***&x=1"),
        ("abfs://box@store/a?sv=1&sig=secret", "abfs://***@store/a?sv=1&sig=***"),
        ("sftp://user:se?key=cret@host/x.jpg", "sftp://***@host/x.jpg"),
        ("sftp://user:sec/ret@host/x.jpg", "sftp://***@host/x.jpg"),
        ("zip://a.jpg::sftp://user:sec/ret@host/x.zip", "zip://a.jpg::sftp://***@host/x.zip"),
        ("https://host:8080/a@2x.jpg", "https://host:8080/a@2x.jpg"),
    ],
)
def test_secrets_in_addresses_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown
