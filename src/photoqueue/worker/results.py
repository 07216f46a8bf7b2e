"""From what an engine returns to the results that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from photoqueue.errors import PermanentError
from photoqueue.jobs.photo_analyze import PhotoPayload
from photoqueue.records.results import FoundItem, PhotoResult

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.engines.contract import Engine


def photo_result(
    payload: PhotoPayload,
    image: Image.Image,
    analysis: Any,
    engine: Engine,
    *,
    size: tuple[int, int] | None = None,
) -> PhotoResult:
    """Return the result of a photo, from what an engine made of its upright picture.

    Parameters
    ----------
    size : tuple of int, optional
        Width and height of the photo, where the picture is a smaller one.

    Raises
    ------
    PermanentError
        The engine did not return an ``Analysis``.
    """
    from photoqueue.photos.measures import Looks, assess, perceptual_hash

    looks = Looks(image)
    grey = image.convert("L")  # once for both that look at it
    width, height = size or image.size
    try:
        return PhotoResult(
            photo_id=payload.photo_id,
            items=tuple(
                item.model_copy(update={"appearance": looks.of(item.box)}) if item.box else item
                for item in map(_found_item, analysis.items)
            ),
            room_type=payload.room_type or analysis.room_type,
            confidence=round(float(analysis.confidence), 4),
            room_type_confidence=1.0 if payload.room_type else analysis.room_type_confidence,
            engine=engine.name,
            model=engine.model,
            width=width,
            height=height,
            phash=perceptual_hash(grey),
            warnings=assess(grey).warnings,
        )
    except (AttributeError, TypeError, ValueError) as exc:
        raise _no_analysis("analyse", engine, exc) from exc


def room_items(analysis: Any, engine: Engine) -> tuple[FoundItem, ...]:
    """Return the items that an engine found in all photos of a room together.

    Raises
    ------
    PermanentError
        The engine returned something that is not an analysis.
    """
    try:
        return tuple(map(_found_item, analysis.items))
    except (AttributeError, TypeError, ValueError) as exc:
        raise _no_analysis("analyse_room", engine, exc) from exc


def _found_item(item: Any) -> FoundItem:
    return FoundItem(
        name=item.name,
        category=item.category,
        dismountable=item.dismountable,
        key=item.key,
        label=item.label,
        score=None if item.score is None else round(float(item.score), 4),
        box=item.box,
        volume=item.volume,
        alternatives=dict(item.alternatives) or None,
    )


def _no_analysis(method: str, engine: Engine, exc: Exception) -> PermanentError:
    return PermanentError(
        f"Engine {engine.name!r} returned something that is not an Analysis: {exc}. "
        f"Mend the engine: {method}() returns photoqueue.Analysis with photoqueue.Item."
    )
