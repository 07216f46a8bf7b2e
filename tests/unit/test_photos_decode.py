"""Untrusted bytes become an upright RGB picture, or an error that says what to do."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from photoqueue.errors import PhotoError, PhotoTooLargeError, UnreadablePhotoError
from photoqueue.photos import limits, pixels
from photoqueue.photos.opening import UPRIGHT, open_picture, orientation
from photoqueue.photos.pixels import decode, decode_enough, thumbnail

LIMIT = 120_000_000
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """Four different quarters, so that every turn and mirroring shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (220, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 200, 30)
    pixels[height // 2 :, : width // 2] = (40, 40, 220)
    pixels[height // 2 :, width // 2 :] = (230, 220, 40)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    if kind == "HEIF":
        from pillow_heif import from_pillow

        stream = BytesIO()
        from_pillow(image).save(stream, quality=90, **options)
        return stream.getvalue()
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of pixels, 0…255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def exif_with(value: int, order: str = "<", kind: int = 3) -> bytes:
    """The smallest EXIF block: one tag."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}HHIHH", 0x0112, kind, 1, value, 0)
    block = magic + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
    return b"Exif\0\0" + block


def png_chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_every_accepted_format_is_decoded(kind: str) -> None:
    image = decode(encoded(scene(), kind), max_pixels=LIMIT)

    assert type(image) is Image.Image
    assert image.mode == "RGB"
    assert distance(image, scene()) < 8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4, 8, 9])
def test_an_orientation_counts_whatever_number_it_is_written_as(kind: int, order: str) -> None:
    width = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i"}[kind]
    value = struct.pack(f"{order}{width}", 6).ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    block = magic + struct.pack(f"{order}IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)
    for header in (b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"):
        assert orientation(header + block) == 6


@pytest.mark.parametrize("brand", [b"mif1", b"miaf"])
def test_an_avif_of_a_brand_of_both_is_no_heic(brand: bytes) -> None:
    data = encoded(scene(), "AVIF")
    assert data[8:12] == b"avif"

    said = data[:8] + brand + data[12:]
    assert distance(decode(said, max_pixels=LIMIT), scene()) < 8
    heic = encoded(scene(), "HEIF")
    assert distance(decode(heic[:8] + b"mif1" + heic[12:], max_pixels=LIMIT), scene()) < 8


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("behind", [False, True])
def test_a_png_with_a_long_text_is_read(kind: bytes, behind: bool) -> None:
    data = encoded(scene(), "PNG")
    text = b"x" * 2_000_000
    packed = zlib.compress(text)
    content = {b"tEXt": b"k\0" + text, b"zTXt": b"k\0\0" + packed, b"iTXt": b"k\0\1\0\0\0" + packed}
    at = data.rindex(b"IEND") - 4 if behind else data.index(b"IDAT") - 4

    image = decode(data[:at] + png_chunk(kind, content[kind]) + data[at:], max_pixels=LIMIT)

    assert distance(image, scene()) == 0


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_is_whole(progressive: bool) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG", progressive=progressive)
    whole = decode(data, max_pixels=LIMIT)

    for short in (data[:-2], data[:-1], data[:-2] + bytes(300)):
        assert decode(short, max_pixels=LIMIT).tobytes() == whole.tobytes()
    with pytest.raises(UnreadablePhotoError, match="truncated"):
        decode(data[:-100], max_pixels=LIMIT)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
@pytest.mark.parametrize("side", [40, None])
def test_a_large_png_in_strips_is_the_same_picture(
    mode: str, side: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = scene(300, 203).effect_spread(30)  # whose rows use all filters
    if mode == "I;16":
        grey = np.asarray(photo.convert("L"), np.uint16) * 257
        stored = Image.frombytes("I;16", photo.size, grey.tobytes())
    else:
        stored = photo.convert(mode)
        if mode != "RGB":
            stored.putalpha(photo.convert("L"))
    data = encoded(stored, "PNG")
    whole = decode_enough(data, side, max_pixels=LIMIT).image

    monkeypatch.setattr(pixels, "_STRIP_PIXELS", 1000)
    monkeypatch.setattr(pixels, "_whole", None)
    parts = decode_enough(data, side, max_pixels=LIMIT).image

    assert parts.size == whole.size
    assert distance(parts, whole) < 0.5
    with pytest.raises(UnreadablePhotoError, match="truncated"):
        decode_enough(data[: len(data) // 2], side, max_pixels=LIMIT)


def test_what_follows_the_rows_of_a_png_is_not_read() -> None:
    size = (1600, 1400)
    # Whoever inflates all of it comes to a damaged end.
    rows = zlib.compress(bytes(size[1] * (1 + 3 * size[0]) + 30_000_000))[:-1000] + b"\xff" * 1000
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    png = PNG_MAGIC + b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in parts
    )
    assert decode(png, max_pixels=10**7).size == size


def test_sixteen_bits_of_colour_in_strips_are_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (20, 30, 6), np.uint8)
    # Each row as its difference from the one above: the filter "Up".
    filtered = np.diff(rows, axis=0, prepend=np.zeros((1, 30, 6), np.uint8)).reshape(20, -1)
    lines = np.concatenate([np.full((20, 1), 2, np.uint8), filtered.astype(np.uint8)], axis=1)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 16, 2, 0, 0, 0))
    pixels_chunk = png_chunk(b"IDAT", zlib.compress(lines.tobytes()))
    data = PNG_MAGIC + header + pixels_chunk + png_chunk(b"IEND", b"")
    monkeypatch.setattr(pixels, "_STRIP_PIXELS", 100)

    assert np.array_equal(np.asarray(decode(data, max_pixels=LIMIT)), rows[:, :, ::2])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_orientation_gives_the_same_upright_picture(
    kind: str, value: int, order: str
) -> None:
    inverse = {6: UPRIGHT[8], 8: UPRIGHT[6]}.get(value, UPRIGHT.get(value))
    stored = scene() if inverse is None else scene().transpose(inverse)
    data = encoded(stored, kind, exif=exif_with(value, order))

    image = decode(data, max_pixels=LIMIT)

    assert distance(image, scene()) < 8
    assert not image.getexif()


@pytest.mark.parametrize("value", [3, 6, 8])
def test_heic_is_turned_once(value: int) -> None:
    # A 64 × 48 picture stays recognisable by its corners in any codec's blur.
    inverse = {6: UPRIGHT[8], 8: UPRIGHT[6]}.get(value, UPRIGHT[value])
    stored = scene().transpose(inverse)
    data = encoded(stored, "HEIF", exif=exif_with(value))

    assert distance(decode(data, max_pixels=LIMIT), scene()) < 8


def test_an_exif_block_behind_the_pixels_of_a_png_counts() -> None:
    data = encoded(scene().transpose(UPRIGHT[8]), "PNG")
    block = png_chunk(b"eXIf", exif_with(6).removeprefix(b"Exif\0\0"))
    end = data.rindex(b"IEND") - 4

    image = decode(data[:end] + block + data[end:], max_pixels=LIMIT)

    assert distance(image, scene()) == 0


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        exif_with(0),
        exif_with(9),
        exif_with(6, kind=2),
        exif_with(6)[:-10],
    ],
)
def test_a_damaged_exif_block_costs_nothing(exif: bytes) -> None:
    data = encoded(scene(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif

    assert orientation(exif) == 1
    assert decode(data[:2] + segment + data[2:], max_pixels=LIMIT).size == (64, 48)


def test_metadata_is_dropped() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(
        scene(), "JPEG", exif=exif_with(1), icc_profile=profile, comment=b"12 rue de la Paix"
    )

    image = decode(data, max_pixels=LIMIT)

    assert image.info == {}
    assert b"Paix" not in encoded(image, "JPEG")


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    other = Image.new("RGB", (64, 48), "black")
    data = encoded(scene(), kind, save_all=True, append_images=[other], duration=50)

    assert distance(decode(data, max_pixels=LIMIT), scene()) < 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    image = decode(encoded(scene().convert(mode), "PNG"), max_pixels=LIMIT)

    expected = scene().convert(mode).convert("RGB")
    assert image.mode == "RGB"
    assert distance(image, expected) < 1


@pytest.mark.parametrize("depth", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(depth: str) -> None:
    clear = Image.new("RGBA", (20, 20), (10, 20, 30, 0))
    clear.paste((200, 0, 0, 255), (0, 0, 10, 20))
    data = encoded(clear.convert(depth) if depth != "P" else clear.quantize(), "PNG")

    image = decode(data, max_pixels=LIMIT)

    assert image.getpixel((15, 10)) == (255, 255, 255)
    assert image.getpixel((5, 10)) != (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    image = Image.frombytes("I;16", (16, 16), ramp.tobytes())

    decoded = np.asarray(decode(encoded(image, "PNG"), max_pixels=LIMIT))

    assert np.abs(decoded[:, :, 0].astype(int) - (ramp >> 8)).max() <= 1


@pytest.mark.parametrize("profile", [None, b"no profile at all"])
def test_cmyk_becomes_rgb(profile: bytes | None) -> None:
    data = encoded(scene().convert("CMYK"), "JPEG", quality=95, icc_profile=profile)

    assert distance(decode(data, max_pixels=LIMIT), scene()) < 12


def grey_ink_profile() -> bytes:
    """A printer's profile for which every ink is grey, so that its use shows."""
    steps = bytes(range(256))
    corners = b"".join(
        bytes((255 - 60 * sum(inks), 128, 128))
        for inks in np.ndindex(2, 2, 2, 2)  # lightness, and no colour
    )
    identity = b"".join(struct.pack(">i", 65536 * (row == col)) for row, col in np.ndindex(3, 3))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + steps * 4 + corners + steps * 3
    table += bytes(-len(table) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s", 144 + len(table), b"", 0x02100000, b"prtr", b"CMYK", b"Lab ", b"acsp"
    )
    header = header.ljust(68, b"\0") + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def test_cmyk_follows_its_colour_profile() -> None:
    red = Image.new("RGB", (16, 16), "red").convert("CMYK")

    image = decode(encoded(red, "JPEG", icc_profile=grey_ink_profile()), max_pixels=LIMIT)

    r, g, b = image.getpixel((8, 8))
    assert max(r, g, b) - min(r, g, b) <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_file_says_so(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    cut = data[: int(len(data) * share)]

    with pytest.raises(UnreadablePhotoError, match=r"salon\.jpg is truncated after [\d,]+ bytes"):
        decode(cut, max_pixels=LIMIT, name="salon.jpg")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_a_truncated_jpeg_is_not_mistaken_for_its_preview() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG")
    preview = b"Exif\0\0 a small JPEG, which has an end \xff\xd9"
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview

    with pytest.raises(UnreadablePhotoError, match="truncated after"):
        decode(data[:2] + segment + data[2 : len(data) // 2], max_pixels=LIMIT)


def test_damage_in_the_middle_is_not_called_truncation() -> None:
    data = bytearray(encoded(scene(), "PNG"))
    data[data.index(b"IDAT") + 8 : data.index(b"IDAT") + 24] = bytes(16)

    with pytest.raises(UnreadablePhotoError, match="damaged PNG"):
        decode(bytes(data), max_pixels=LIMIT)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "is empty"),
        (b"Liste des meubles\n- lit\n- table\n", "starts with text"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"GIF89a" + bytes(20), "is a GIF"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\xff\x0a" + bytes(12), "is a JPEG XL"),
        (b"\0\0\0\x18ftypisom" + bytes(12), "is a video or raw camera file"),
        (bytes(100), "starts with zeros"),
        (b"\x01\x02\x03\x04", "no known picture format"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, found: str) -> None:
    with pytest.raises(UnreadablePhotoError, match=found) as caught:
        decode(data, max_pixels=LIMIT)
    assert "JPEG, PNG, WebP, HEIC, AVIF" in str(caught.value)


def png_header(
    width: int, height: int, *, depth: int = 8, colour: int = 2, interlace: int = 0
) -> bytes:
    values = (width, height, depth, colour, 0, 0, interlace)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *values))
    return PNG_MAGIC + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def webp_canvas(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("bomb", [png_header(30_000, 30_000), webp_canvas(16_000, 16_000)])
def test_a_bomb_is_refused_by_its_header(bomb: bytes) -> None:
    with pytest.raises(PhotoTooLargeError, match="PHOTOQUEUE_MAX_PHOTO_MEGAPIXELS"):
        decode(bomb, max_pixels=LIMIT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_the_pixel_limit_is_exact(kind: str) -> None:
    data = encoded(scene(), kind)

    assert decode(data, max_pixels=64 * 48).size == (64, 48)
    with pytest.raises(PhotoTooLargeError, match="64 × 48 pixels"):
        decode(data, max_pixels=64 * 48 - 1)


def test_the_limit_is_ours_and_not_a_global_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    # Above its limit Pillow would warn, and a warning is an error here.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)

    assert decode(encoded(scene(), "JPEG"), max_pixels=LIMIT).size == (64, 48)


def test_heic_stays_out_of_pillows_registry() -> None:
    decode(encoded(scene(), "HEIF"), max_pixels=LIMIT)

    assert "HEIF" not in Image.OPEN


def test_a_shortage_of_memory_is_not_blamed_on_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(self: ImageFile.ImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_memory)

    with pytest.raises(MemoryError):
        decode(encoded(scene(), "JPEG"), max_pixels=LIMIT)


def only_picture_or_photo_error(data: bytes) -> None:
    try:
        image = decode(data, max_pixels=1_000_000)
    except PhotoError as error:
        assert str(error).endswith(".")
    else:
        assert image.mode == "RGB"


@settings(max_examples=300, deadline=None)
@given(
    start=st.sampled_from(
        [b"", b"\xff\xd8\xff", PNG_MAGIC, b"RIFF\x40\0\0\0WEBP", b"\0\0\0\x18ftypheic"]
    ),
    rest=st.binary(max_size=400),
)
def test_random_bytes_never_escape(start: bytes, rest: bytes) -> None:
    only_picture_or_photo_error(start + rest)


VICTIMS = [
    encoded(scene(), "JPEG", exif=exif_with(6)),
    encoded(scene(), "JPEG", progressive=True),
    encoded(scene().convert("CMYK"), "JPEG"),
    encoded(scene(), "WEBP", exif=exif_with(6)),
    encoded(scene(), "PNG"),
    encoded(scene(), "HEIF"),
    encoded(scene(), "AVIF"),
]


@settings(max_examples=600, deadline=None)
@given(
    victim=st.sampled_from(VICTIMS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
    end=st.floats(0.1, 1),
)
def test_mutated_pictures_never_escape(
    victim: bytes, changes: list[tuple[float, int]], end: float
) -> None:
    data = bytearray(victim)
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    only_picture_or_photo_error(bytes(data[: int(end * len(data))]))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((4000, 3000), (320, 240)), ((100, 50), (100, 50)), ((5000, 2), (320, 1))],
)
def test_a_thumbnail_is_a_small_jpeg(size: tuple[int, int], expected: tuple[int, int]) -> None:
    with Image.open(BytesIO(thumbnail(scene(*size)))) as small:
        assert small.format == "JPEG"
        assert small.size == expected
        assert distance(small, scene(*size).resize(expected)) < 10


def test_a_thumbnail_carries_no_metadata_and_leaves_the_picture_alone() -> None:
    image = scene(640, 480)
    image.info["comment"] = b"12 rue de la Paix"

    assert b"Paix" not in thumbnail(image)
    assert image.size == (640, 480)
    assert image.info["comment"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("value", [1, 6])
def test_a_photo_is_decoded_no_larger_than_it_has_to_be(kind: str, value: int) -> None:
    stored = scene(640, 480) if value == 1 else scene(640, 480).transpose(UPRIGHT[8])
    data = encoded(stored, kind, exif=exif_with(value))

    decoded = decode_enough(data, 100, max_pixels=LIMIT)

    assert decoded.size == (640, 480)
    assert decoded.image.size == (160, 120)
    assert decoded.image.mode == "RGB"
    assert distance(decoded.image, scene(160, 120)) < 3


def test_a_photo_is_never_reduced_below_what_is_enough() -> None:
    data = encoded(scene(199, 300), "JPEG")

    assert decode_enough(data, 100, max_pixels=LIMIT).image.size == (199, 300)
    assert decode_enough(data, 99, max_pixels=LIMIT).image.size == (100, 150)
    assert decode_enough(data, None, max_pixels=LIMIT).image.size == (199, 300)


def test_what_is_reduced_is_near_the_mean_of_the_pixels() -> None:
    photo = scene(320, 240).effect_spread(40)
    lossless, jpeg = encoded(photo, "PNG"), encoded(photo, "JPEG", quality=95, subsampling=0)

    exact = decode_enough(lossless, 120, max_pixels=LIMIT).image
    near = decode_enough(jpeg, 120, max_pixels=LIMIT).image

    assert distance(exact, photo.reduce(2)) == 0
    assert distance(near, photo.reduce(2)) < 4


def test_a_large_jpeg_is_decoded_coarsely_and_a_truncated_one_refused() -> None:
    data = encoded(scene(1600, 1200), "JPEG")

    assert decode_enough(data, 100, max_pixels=LIMIT).image.size == (200, 150)
    with pytest.raises(UnreadablePhotoError, match="truncated"):
        decode_enough(data[: len(data) // 2], 100, max_pixels=LIMIT)


def test_transparency_is_not_reduced_before_it_is_white() -> None:
    clear = Image.new("RGBA", (400, 400), (0, 0, 0, 0))

    reduced = decode_enough(encoded(clear, "PNG"), 100, max_pixels=LIMIT).image

    assert reduced.getextrema() == ((255, 255),) * 3
    grey = Image.fromarray(np.tile(np.uint8([[0, 200], [0, 200]]), (200, 200)))
    reduced = decode_enough(encoded(grey, "PNG", transparency=0), 200, max_pixels=LIMIT).image
    assert reduced.getpixel((0, 0)) == pytest.approx((228,) * 3, abs=1)


@pytest.mark.parametrize(
    ("data", "kind", "limit"),
    [
        (webp_canvas(4_100, 4_000), "WebP", 16),
        (png_header(9_000, 7_000, interlace=1), "interlaced PNG", 62),
        (png_header(11_000, 10_000, depth=16, colour=0, interlace=1), "interlaced PNG", 104),
    ],
)
def test_what_cannot_be_decoded_in_parts_has_a_limit_of_its_own(
    data: bytes, kind: str, limit: int
) -> None:
    with pytest.raises(PhotoTooLargeError, match=rf"for {kind}, .* is {limit} megapixels"):
        open_picture(data, max_pixels=LIMIT, name="salon")


@pytest.mark.parametrize(("kind", "limit"), [("HEIF", 50), ("AVIF", 25)])
def test_phone_formats_have_limits_of_their_own(
    kind: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"HEIF": "HEIC"}.get(kind, kind)
    assert limits._WHOLE_BYTES / limits.WHOLE_PIXEL[name] == limit * 1e6
    monkeypatch.setattr(limits, "_WHOLE_BYTES", 1000)

    with pytest.raises(PhotoTooLargeError, match=f"limit for {name}"):
        decode(encoded(scene(), kind), max_pixels=LIMIT)


@pytest.mark.parametrize(("subsampling", "limit"), [(0, 42), (2, 83)])
@pytest.mark.parametrize("scans", ["progressive", "several"])
def test_a_jpeg_of_several_scans_is_held_whole(subsampling: int, limit: int, scans: str) -> None:
    progressive = scans == "progressive"
    data = encoded(scene(), "JPEG", subsampling=subsampling, progressive=progressive)
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    large = data[: frame + 5] + struct.pack(">HH", 10_000, 12_000) + data[frame + 9 :]
    if not progressive:
        open_picture(large, max_pixels=LIMIT, name="salon")  # decoded row by row
        scan = large.index(b"\xff\xda")
        large = large[:scan] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + large[scan + 14 :]

    with pytest.raises(PhotoTooLargeError, match=rf"progressive JPEG, .* is {limit} megapixels"):
        open_picture(large, max_pixels=LIMIT, name="salon")


def test_a_picture_for_an_engine_of_any_size_has_30_megapixels_at_most() -> None:
    data = encoded(Image.new("L", (8_000, 6_000)), "JPEG", quality=10)

    decoded = decode_enough(data, None, max_pixels=LIMIT)

    assert (decoded.size, decoded.image.size) == ((8_000, 6_000), (4_000, 3_000))
