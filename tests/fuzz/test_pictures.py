"""Pictures whose headers lie: refused in words, within bounds of memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photoqueue.errors import PhotoError, PhotoTooLargeError
from photoqueue.photos.pixels import decode, thumbnail
from tests.conftest import REPOSITORY
from tests.fuzz.effort import tried

LIMIT = 250_000


def encoded(kind: str, **options: object) -> bytes:
    image = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
    buffer = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(buffer)
    else:
        image.save(buffer, kind, **options)
    return buffer.getvalue()


JPEG, PROGRESSIVE = encoded("JPEG"), encoded("JPEG", progressive=True)
PNG, WEBP, LOSSLESS = encoded("PNG"), encoded("WEBP"), encoded("WEBP", lossless=True)
HEIC = encoded("HEIC")
_sides16 = st.integers(0, 2**16 - 1) | st.sampled_from([0, 1, 96, 65_535])
_sides32 = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 96, 30_000, 2**31 - 1, 2**31])


def checked(data: bytes) -> None:
    """Decode; there is a small enough picture, or an error of ours."""
    try:
        image = decode(data, max_pixels=LIMIT)
    except PhotoError as error:
        assert str(error).endswith(".")
    else:
        assert image.mode == "RGB"
        assert image.width * image.height <= LIMIT
        assert thumbnail(image)


def jpeg_sized(data: bytes, width: int, height: int) -> bytes:
    place = min(data.find(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in data) + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png_sized(width: int, height: int, depth: int, colour: int, interlace: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return PNG[:8] + png_chunk(b"IHDR", head) + PNG[33:]


def png_with(kind: bytes, content: bytes) -> bytes:
    return PNG[:33] + png_chunk(kind, content) + PNG[33:]


def heic_sized(width: int, height: int) -> bytes:
    place = HEIC.index(b"ispe") + 8
    return HEIC[:place] + struct.pack(">II", width, height) + HEIC[place + 8 :]


def webp_canvas(width: int, height: int, flags: int) -> bytes:
    size = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + size + WEBP[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_lossless(width: int, height: int) -> bytes:
    place = LOSSLESS.index(b"VP8L") + 9
    bits = (width & 0x3FFF) | (height & 0x3FFF) << 14
    return LOSSLESS[:place] + struct.pack("<I", bits) + LOSSLESS[place + 4 :]


@tried(60)
@given(data=st.sampled_from([JPEG, PROGRESSIVE]), width=_sides16, height=_sides16)
def test_jpeg_of_any_announced_size(data: bytes, width: int, height: int) -> None:
    checked(jpeg_sized(data, width, height))


@tried(100)
@given(
    width=_sides32,
    height=_sides32,
    depth=st.sampled_from([1, 2, 4, 8, 16, 3, 255]),
    colour=st.integers(0, 7),
    interlace=st.integers(0, 2),
)
def test_png_of_any_announced_size(
    width: int, height: int, depth: int, colour: int, interlace: int
) -> None:
    checked(png_sized(width, height, depth, colour, interlace))


@tried(100)
@given(
    kind=st.sampled_from([b"zTXt", b"iTXt", b"tEXt", b"iCCP", b"eXIf", b"pHYs", b"tRNS", b"acTL"]),
    content=st.binary(max_size=200)
    | st.binary(max_size=40).map(lambda text: b"k\0\0" + zlib.compress(text)),
)
def test_png_with_any_chunk(kind: bytes, content: bytes) -> None:
    checked(png_with(kind, content))


@tried(60)
@given(width=_sides32, height=_sides32)
def test_heic_of_any_announced_size(width: int, height: int) -> None:
    checked(heic_sized(width, height))


@tried(100)
@given(
    data=st.builds(
        webp_canvas, st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1), st.integers(0, 255)
    )
    | st.builds(webp_lossless, st.integers(0, 2**14 - 1), st.integers(0, 2**14 - 1))
)
def test_webp_of_any_announced_size(data: bytes) -> None:
    checked(data)


@tried(150)
@given(
    data=st.sampled_from([JPEG, PROGRESSIVE, PNG, WEBP, LOSSLESS, HEIC]),
    place=st.integers(0, 400),
    patch=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 64),
)
def test_picture_with_a_patched_header(data: bytes, place: int, patch: bytes, cut: int) -> None:
    patched = data[:place] + patch + data[place + len(patch) :]
    checked(patched[: len(patched) - cut])


BOMBS = {
    "JPEG": jpeg_sized(JPEG, 65_500, 65_500),
    "PNG": png_sized(60_000, 60_000, 8, 2, 0),
    "PNG of deep pixels": png_sized(60_000, 60_000, 16, 6, 1),
    "HEIC": heic_sized(60_000, 60_000),
    "WebP canvas": webp_canvas(16_000, 16_000, 0),
    "WebP lossless": webp_lossless(16_000, 16_000),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_bomb_is_too_large_and_not_called_damaged(bomb: bytes) -> None:
    with pytest.raises(PhotoTooLargeError):
        decode(bomb, max_pixels=LIMIT)


#: Blocks of 256 MiB that a file of a quarter megabyte unpacks to.
_UNPACKED = zlib.compress(bytes(256 * 1024 * 1024), 9)
PACKED = {
    "text": png_with(b"zTXt", b"k\0\0" + _UNPACKED),
    "international text": png_with(b"iTXt", b"k\0\1\0\0\0" + _UNPACKED),
    "colour profile": png_with(b"iCCP", b"k\0\0" + _UNPACKED),
    "pixels": PNG[:33] + png_chunk(b"IDAT", _UNPACKED) + png_chunk(b"IEND", b""),
}

_LIMITED = """
import resource, sys
from photoqueue.errors import PhotoError
from photoqueue.photos.pixels import decode
decode(sys.stdin.buffer.read(int(sys.argv[1])), max_pixels=250_000)  # everything is loaded
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 128 * 1024 * 1024,) * 2)
for size in map(int, sys.argv[2:]):
    try:
        decode(sys.stdin.buffer.read(size), max_pixels=250_000)
        print("decoded")
    except PhotoError as error:
        print("refused:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space of a process")
def test_bombs_do_not_take_more_memory_than_the_pixels_allow() -> None:
    files = [PNG, *BOMBS.values(), *PACKED.values()]
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, *(str(len(data)) for data in files)],
        input=b"".join(files),
        capture_output=True,
        cwd=REPOSITORY,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert len(done.stdout.splitlines()) == len(files) - 1


# What a worker does with a photo, but for its database.
ANALYSE = """
import sys
from pathlib import Path
from photoqueue.engines.contract import Hint, sufficient_side
from photoqueue.engines.registry import load_engine
from photoqueue.photos.pixels import decode_enough, shrunk, thumbnail
from photoqueue.settings import Settings
engine = load_engine(Settings(engine="builtin"))
photo = decode_enough(sys.stdin.buffer.read(), sufficient_side(engine), max_pixels=120_000_000)
thumbnail(shrunk(photo.image, 640))
engine.analyse(photo.image, Hint())
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0])
"""


def _encoded(width: int, height: int, mode: str, kind: str, **options: Any) -> bytes:
    small = np.random.default_rng(1).integers(0, 256, (60, 80, len(mode)), dtype=np.uint8)
    buffer = io.BytesIO()
    picture = Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells the peak on Linux only")
@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(
            (8000, 5000, "RGB", "JPEG", {"progressive": True, "subsampling": 0}), id="4:4:4"
        ),
        pytest.param((10000, 8000, "RGB", "JPEG", {"progressive": True}), id="4:2:0"),
        pytest.param((4000, 3980, "RGB", "WEBP", {"method": 0}), id="WebP"),
        pytest.param((4000, 3980, "RGBA", "WEBP", {"method": 0}), id="WebP with transparency"),
        pytest.param((6000, 4000, "RGB", "AVIF", {"speed": 10}), id="AVIF"),
    ],
)
def test_picture_at_the_limit_of_its_kind_needs_less_than_400_mib(picture: Any) -> None:
    *parts, options = picture
    done = subprocess.run(
        [sys.executable, "-c", ANALYSE],
        input=_encoded(*parts, **options),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) < 400 * 1024
