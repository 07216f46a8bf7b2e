"""Memory that a small file of very many pixels takes; to decode one takes seconds."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib

import pytest

from tests.unit.test_photos_decode import PNG_MAGIC, png_chunk

# VmHWM: the peak of getrusage() includes that of the process of pytest, which forked.
PEAK = """
import sys
from pathlib import Path
from photoqueue.photos.pixels import decode_enough
decoded = decode_enough(sys.stdin.buffer.read(), None, max_pixels=120_000_000)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(*decoded.size, *decoded.image.size, status["VmHWM"].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells the peak on Linux only")
@pytest.mark.parametrize(("colour", "samples", "more"), [(6, 4, b""), (0, 1, b"\0\0")])
def test_a_small_file_of_120_megapixels_needs_less_than_400_mib(
    colour: int, samples: int, more: bytes
) -> None:
    """Rows of RGBA, or of grey with a transparent level, that compress to half a megabyte."""
    some = (b"\0" + bytes([200]) * 12_000 * samples) * 100
    packer = zlib.compressobj(6, wbits=-15)
    packed, checked = packer.compress(some) + packer.flush(zlib.Z_FULL_FLUSH), 1
    for _ in range(100):
        checked = zlib.adler32(some, checked)
    # To pack all of them takes longer than to decode them.
    rows = b"\x78\x9c" + packed * 100 + b"\x03\0" + struct.pack(">I", checked)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 10_000, 8, colour, 0, 0, 0))
    clear = png_chunk(b"tRNS", more) if more else b""
    data = PNG_MAGIC + header + clear + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")

    done = subprocess.run([sys.executable, "-c", PEAK], input=data, capture_output=True, check=True)

    *sizes, peak = map(int, done.stdout.split())
    assert sizes == [12_000, 10_000, 6_000, 5_000]
    assert peak < 400 * 1024
