"""Photos that can be analysed, but not well: too dark, blurred, too small.

Such a photo is analysed like any other, and its result says what is wrong with it, so that a
person can take it again. The limits were measured with DEIMv2 femto on 22 photos of rooms
(longest side 500…640 pixels), which it analyses with an F1 of 0.68 as they are:

=================  ====  ====  ====  ====  ====  ====
Gaussian blur, px  0     1     2     3     4     6
F1                 0.68  0.62  0.46  0.31  0.18  0.00
exposure ×         1     0.5   0.25  0.15  0.10  0.06
F1                 0.68  0.67  0.60  0.59  0.32  0.13
longest side, px   640   320   240   200   160   120
F1                 0.68  0.65  0.61  0.49  0.40  0.31
=================  ====  ====  ====  ====  ====  ====

None of the 22 is flagged; all are when blurred by 2 pixels or more, exposed a tenth or less,
or shrunk below 240 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from photoqueue.inventory.copies import BANDS, DIRECTIONS

if TYPE_CHECKING:
    from photoqueue.records.base import Box

#: Longest side, pixels, at which a picture is judged: sharpness depends on the size.
_STANDARD_SIDE: Final = 480
#: Longest side, pixels, below which a photo is too small.
_SMALLEST_SIDE: Final = 240
#: Brightness, 0…255, that the brightest twentieth of a picture must reach. Ordinary photos
#: reach 164 and more, a tenth of their exposure is 25 at most.
_DARK_LIMIT: Final = 28.0
#: Levels, of 255, between a picture's dark and bright parts below which there is nothing
#: to see in it: fog, a wall, a finger. Ordinary photos have 168 and more.
_CONTRAST_LIMIT: Final = 16.0
#: Sharpness below which a photo is blurred. Ordinary photos have 0.44 and more; blurred by
#: 2 pixels of 640 they have 0.11 at most.
_SHARPNESS_LIMIT: Final = 0.12


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Properties of a picture that do not depend on what it shows."""

    #: Pixels.
    width: int
    height: int
    #: 0…255: level that the brightest twentieth of the pixels reaches.
    brightness: float
    #: 0…255: levels between the darkest and the brightest hundredth.
    contrast: float
    #: How steep the steepest edges are for this contrast: the level of the Laplacian's magnitude
    #: that one pixel in 200 exceeds, divided by ``contrast``. An upper level instead of the usual
    #: variance, so that a tidy room with bare walls is not called blurred.
    sharpness: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know; empty for an ordinary photo."""
        found = []
        if max(self.width, self.height) < _SMALLEST_SIDE:
            found.append(f"too small: {self.width}×{self.height}")
        # One reason is enough: in the dark neither contrast nor sharpness can be measured.
        if self.brightness < _DARK_LIMIT:
            found.append("too dark")
        elif self.contrast < _CONTRAST_LIMIT:
            found.append("no contrast")
        elif self.sharpness < _SHARPNESS_LIMIT:
            found.append("blurred")
        return tuple(found)


def assess(image: Image.Image) -> Quality:
    """Judge an upright picture; takes a few milliseconds, whatever its size.

    Examples
    --------
    >>> assess(Image.new("RGB", (120, 80))).warnings
    ('too small: 120×80', 'too dark')
    """
    grey = _grey(image)
    low, bright, high = _levels(np.asarray(grey.histogram()), (0.01, 0.95, 0.99))
    contrast = high - low
    (steepest,) = _levels(np.bincount(_steepness(grey).ravel()), (0.995,))
    return Quality(
        width=image.width,
        height=image.height,
        brightness=bright,
        contrast=contrast,
        sharpness=steepest / contrast if contrast else 0.0,
    )


def _grey(image: Image.Image) -> Image.Image:
    """Return the picture in grey at standard size; smaller ones keep theirs."""
    # A cheap reduction first: converting 12 megapixels costs more than all the rest.
    factor = max(image.size) // (2 * _STANDARD_SIDE)
    grey = (image.reduce(factor) if factor > 1 else image).convert("L")
    scale = _STANDARD_SIDE / max(grey.size)
    if scale >= 1:
        return grey
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    return grey.resize(size, Image.Resampling.BOX)


def _levels(counts: npt.NDArray[np.integer], shares: Sequence[float]) -> list[float]:
    """Return the levels that these shares of the pixels, 0…1, do not exceed.

    Parameters
    ----------
    counts : ndarray of int, shape (levels,)
        How many pixels have each level. Counting is several times quicker than sorting.
    shares : sequence of float
    """
    below = counts.cumsum()
    return [float(np.searchsorted(below, share * below[-1])) for share in shares]


def _steepness(grey: Image.Image) -> npt.NDArray[np.int16]:
    """Return how much each pixel differs from its four neighbours; the border repeats."""
    levels = np.asarray(grey, dtype=np.int16)
    wide = np.pad(levels, 1, mode="edge")
    around = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return np.asarray(np.abs(4 * levels - around), dtype=np.int16)


def to_rgb(image: Image.Image) -> Image.Image:
    """Return the picture in RGB, without metadata; the argument is left alone.

    Transparency becomes white, 16 bits become 8, and inks become light with the picture's
    own colour profile where it has one.
    """
    if image.mode.startswith("I;16"):
        rgb = _from_16_bit(image).convert("RGB")
    elif image.mode == "CMYK":
        rgb = _from_cmyk(image)
    elif image.has_transparency_data:
        rgb = _on_white(image)
    else:
        rgb = image.convert("RGB")
    rgb.info = {}
    return rgb


def _from_16_bit(image: Image.Image) -> Image.Image:
    # Pillow's own conversion cuts off at 255, which makes nearly every picture white.
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    rgb = Image.new("RGB", image.size, "white")
    rgb.paste(rgba, mask=rgba.getchannel("A"))
    return rgb


def _from_cmyk(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a damaged profile costs some colour, not the photo
        if converted is not None:
            return converted
    return image.convert("RGB")


#: Pixels of the shorter side of the picture that is looked at; smaller details differ
#: between two views anyway.
_SHORT_SIDE: Final = 240
#: Share of a box left out on each side: the wall behind a thing is not the thing.
_MARGIN: Final = 0.12
#: Cells across and in each band of a box.
_ACROSS: Final = 12
_PER_BAND: Final = 3


class Looks:
    """One picture, prepared to describe the things in it.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, RGB.
    """

    def __init__(self, image: Image.Image) -> None:
        factor = min(image.size) // _SHORT_SIDE
        small = image.reduce(factor) if factor > 1 else image
        self._picture = small.convert("YCbCr")

    def of(self, box: Box) -> str | None:
        """Return the descriptor of a box in 0…1, as hexadecimal digits.

        ``None`` for a box that shows less than a pixel of the picture.
        """
        from PIL import Image

        x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in box)
        wide, high = (x1 - x0) * _MARGIN, (y1 - y0) * _MARGIN
        width, height = self._picture.size
        place = (
            (x0 + wide) * width,
            (y0 + high) * height,
            (x1 - wide) * width,
            (y1 - high) * height,
        )
        if place[2] - place[0] < 1 or place[3] - place[1] < 1:
            return None
        cells = self._picture.resize((_ACROSS, BANDS * _PER_BAND), Image.Resampling.BOX, box=place)
        return _described(np.asarray(cells, dtype=np.float32)).tobytes().hex()


def _described(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return the bytes for cells of shape (rows, columns, 3): Y, Cb, Cr."""
    bands = cells.reshape(BANDS, -1, 3)
    means = bands.mean(axis=1)
    spread = bands[..., 0].std(axis=1) * 2
    colour = cells.reshape(-1, 3)[:, 1:] - 128
    strength = np.hypot(colour[:, 0], colour[:, 1])
    turn = np.arctan2(colour[:, 1], colour[:, 0]) / (2 * np.pi) % 1
    sector = np.minimum((turn * DIRECTIONS).astype(int), DIRECTIONS - 1)
    # How strongly it is coloured in each direction of the colour circle, on average.
    wheel = np.bincount(sector, weights=strength, minlength=DIRECTIONS) / len(colour) * 4
    values = np.concatenate([means.ravel(), spread, wheel])
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


#: Differences of neighbours per row, and rows: 64 bits.
_SIDE: Final = 8
#: Grey levels, of 255, between the darkest and the brightest cell below which a picture has
#: no structure to go by: all such pictures would look like copies of one another.
_LEAST_RANGE: Final = 8


def perceptual_hash(image: Image.Image) -> str | None:
    """Return the 64-bit difference hash (dHash) of a picture, as 16 hexadecimal digits.

    The picture is scaled to 9 × 8 grey cells; each bit says whether a cell is brighter than
    its left neighbour. Another compression, size or brightness turns few bits. How many may
    differ between copies is ``SAME_PICTURE_BITS`` in :mod:`photoqueue.inventory.views`.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, RGB or grey.

    Returns
    -------
    str or None
        ``None`` for a picture of one colour, black for instance.
    """
    from PIL import Image

    cells = image.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BILINEAR)
    grey = np.asarray(cells, dtype=np.int16)
    if int(np.ptp(grey)) < _LEAST_RANGE:
        return None
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex()
