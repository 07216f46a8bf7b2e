"""Any picture as 8-bit RGB, the one form that engines see."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms


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
