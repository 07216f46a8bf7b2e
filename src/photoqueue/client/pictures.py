"""The bytes of photos, for people: thumbnails, and pictures of a size for the screen."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple

from photoqueue.client.gallery import photo_card
from photoqueue.client.photo_cards import PhotoCard
from photoqueue.errors import PhotoError, PhotoNotFoundError, StorageError
from photoqueue.installation import Installation, current

if TYPE_CHECKING:
    from PIL import Image

_JPEG_QUALITY: Final = 85


class Preview(NamedTuple):
    """A thumbnail as JPEG, or the reason why there is none."""

    jpeg: bytes | None
    reason: str = ""


def photo_thumbnail(photo: PhotoCard | str) -> bytes | None:
    """Return the thumbnail of a photo as JPEG; None where there is no picture to make it of.

    Parameters
    ----------
    photo
        A card, or a photo id.

    Raises
    ------
    NotFoundError
        There is no such photo.
    """
    return photo_preview(photo).jpeg


def photo_preview(photo: PhotoCard | str, *, make: bool = True) -> Preview:
    """Return the thumbnail of a photo, or the reason why there is none.

    Parameters
    ----------
    photo
        A card, or a photo id.
    make
        Whether one that is missing is made again from the original, and stored.

    Raises
    ------
    NotFoundError
        There is no such photo.
    """
    from photoqueue.photos.thumbnails import thumbnail

    card = photo_card(photo) if isinstance(photo, str) else photo
    installation = current()
    try:
        kept = None if card.sha256 is None else installation.photo_store.get_thumbnail(card.sha256)
        if kept is not None or not make:
            return Preview(kept)
        jpeg = thumbnail(_decoded(installation, card))
    except (PhotoError, StorageError) as exc:
        return Preview(None, str(exc))
    with suppress(StorageError):  # a store that is full can still be looked at
        installation.photo_store.put_thumbnail(str(card.sha256), jpeg)
    return Preview(jpeg)


def photo_picture(photo: PhotoCard | str, longest: int = 1600) -> bytes:
    """Return a photo upright, as JPEG without metadata.

    Parameters
    ----------
    photo
        A card, or a photo id.
    longest
        Pixels of the longest side at most; smaller photos keep their size.

    Raises
    ------
    NotFoundError
        There is no such photo.
    PhotoError
        There is no original, or it is damaged; the message says which.
    StorageError
        The photo store cannot be read.
    """
    from PIL import Image

    card = photo_card(photo) if isinstance(photo, str) else photo
    image = _decoded(current(), card)
    factor = max(image.size) // (2 * longest)
    small = image.reduce(factor) if factor > 1 else image
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = BytesIO()
    small.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()


def _decoded(installation: Installation, card: PhotoCard) -> Image.Image:
    from photoqueue.photos.decode import decode

    if card.sha256 is None:
        raise PhotoNotFoundError(
            f"There is no original of {card.title}: it could not be read when it was submitted. "
            "Submit it again."
        )
    return decode(
        installation.photo_store.get(card.sha256),
        max_pixels=round(installation.settings.max_photo_megapixels * 1e6),
        name=card.title,
    )
