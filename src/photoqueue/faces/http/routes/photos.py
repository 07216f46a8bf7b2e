"""``/api/photos/{id}``: the pictures of photos."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response

from photoqueue.client.gallery import photo_picture, photo_preview
from photoqueue.faces.http.backend import TheBackend

router = APIRouter(prefix="/api/photos", tags=["photos"])

#: The longest side that JPEG knows.
_FULL: Final = 65_500
_JPEG: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The upright picture as JPEG, without metadata.",
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/{photo_id:path}/picture", response_class=Response, responses=_JPEG)
async def picture(
    photo_id: str,
    backend: TheBackend,
    size: Annotated[
        Literal["small", "full"], Query(description="A thumbnail, or all pixels.")
    ] = "full",
) -> Response:
    """Return the picture of a photo, upright and without metadata."""
    return Response(await backend.calls(_picture, photo_id, size), media_type="image/jpeg")


def _picture(photo_id: str, size: str) -> bytes:
    if size == "full":
        return photo_picture(photo_id, side=_FULL)
    from photoqueue.photos.pixels import LONGEST_SIDE

    # Without a thumbnail, the other raises why.
    return photo_preview(photo_id).jpeg or photo_picture(photo_id, side=LONGEST_SIDE)
