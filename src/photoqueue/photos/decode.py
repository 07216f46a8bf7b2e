"""From untrusted bytes to a picture that an engine can look at."""

from __future__ import annotations

from PIL import Image

from photoqueue.photos.colour import to_rgb
from photoqueue.photos.opening import decoder_errors, open_picture
from photoqueue.photos.orientation import UPRIGHT


def decode(data: bytes, *, max_pixels: int, name: str = "The photo") -> Image.Image:
    """Decode a photo: upright, RGB, the first frame of an animation, without metadata.

    Parameters
    ----------
    data
        A JPEG, PNG, WebP or HEIC file.
    max_pixels
        Largest width × height; compared with the header before anything is decoded.
    name
        What to call the photo in an error.

    Raises
    ------
    UnreadablePhotoError
        The bytes are no such file, or are damaged or truncated.
    PhotoTooLargeError
        The picture has more than ``max_pixels``.

    Examples
    --------
    >>> image = decode(Path("salon.jpg").read_bytes(), max_pixels=120_000_000)  # doctest: +SKIP
    """
    opened = open_picture(data, max_pixels=max_pixels, name=name)
    with decoder_errors(data, opened.format, name):
        opened.image.load()
        rgb = to_rgb(opened.image)
    turn = UPRIGHT.get(opened.orientation)
    return rgb if turn is None else rgb.transpose(turn)
