"""What an engine is: the plug-in contract, with no dependency on any model library."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.records.base import Box

#: Pixels of the shorter side below which no photo is reduced for an engine: its thumbnail
#: and its quality are computed from the same picture.
LEAST_SIDE: Final = 480
#: Digits kept of scores and box corners: a ten-thousandth of the picture is below a pixel
#: of most photos, and results stay short.
DIGITS: Final = 4


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request of an engine to a service, answered or not; it may have cost money.

    Attributes
    ----------
    latency_ms : float
        From the request to its answer or failure.
    success : bool
        Whether the answer could be used.
    error : str or None
        Why not; without secrets.
    tokens_in, tokens_out : int or None
        As the service counted them; ``None`` where it did not say.
    cost_usd : float or None
        ``None`` where the price is not known.
    """

    latency_ms: float
    success: bool
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


def _ignore(call: Call) -> None:
    """Drop a report that nobody asked for."""


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What the caller said about a photo, and how the engine reports to it.

    Attributes
    ----------
    photo_id : str
        The photo being analysed.
    room : str or None
        The caller's name of the room ("bedroom 2").
    room_type : str or None
        The caller's kind of room, as given ("salon"); engines need not guess it then.
    language : str
        ``en`` or ``fr``: language of the item names.
    seconds : float or None
        How long the caller can wait; ``None`` leaves it to the engine.
    report : callable
        Takes a :class:`Call` as soon as it has ended, so that each request is recorded, also
        of an engine that fails after some. One that reports nothing is recorded as one call.
    """

    photo_id: str = ""
    room: str | None = None
    room_type: str | None = None
    language: str = "en"
    seconds: float | None = None
    report: Callable[[Call], None] = field(default=_ignore, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing found in a photo.

    Attributes
    ----------
    name, category, dismountable
        As in the contract: display name, catalogue category, whether movers take it apart.
    key : str or None
        Catalogue key, where the thing is in the catalogue.
    label : str or None
        The model's own class name.
    score : float or None
        0…1.
    box : tuple of float or None
        x0, y0, x1, y1 in 0…1 of the upright picture.
    volume : float or None
        Usual moving volume of one, in m³.
    alternatives : mapping of str to float
        Other catalogue keys that it may be, with their probability, 0…1; empty where the
        engine has no doubt about the kind of thing.
    merged : tuple of tuple of float
        Boxes of other findings that were taken for this one thing.
    """

    name: str
    category: str
    dismountable: bool = False
    key: str | None = None
    label: str | None = None
    score: float | None = None
    box: Box | None = None
    volume: float | None = None
    alternatives: Mapping[str, float] = field(default_factory=dict)
    merged: tuple[Box, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one call to a paid model used: tokens, and cost in US dollars."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What an engine found in one photo.

    Attributes
    ----------
    items : tuple of Item
        Only what a mover moves; people, pets and fixtures are left out.
    room_type : str
        The kind of room; the caller's own word when the hint carries one.
    confidence : float
        0…1: mean score of the items; 0 when nothing was found.
    room_type_confidence : float or None
        0…1: how sure the kind of room is; 1 when the caller named it.
    usage : Usage or None
        Tokens and cost, for engines that pay per call.
    warnings : tuple of str
        What the engine saw and could not use, or is not sure of; shown beside the photo.
    """

    items: tuple[Item, ...] = field(default=())
    room_type: str = "other"
    confidence: float = 0.0
    room_type_confidence: float | None = None
    usage: Usage | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        items: Sequence[Item],
        hint: Hint,
        *,
        room_type: str,
        certainty: float | None,
        usage: Usage | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Self:
        """Return the analysis of these items; a room type in the hint is certain."""
        scores = [item.score for item in items if item.score is not None]
        return cls(
            items=tuple(items),
            room_type=hint.room_type or room_type,
            confidence=round(math.fsum(scores) / len(scores), DIGITS) if scores else 0.0,
            room_type_confidence=1.0 if hint.room_type else certainty,
            usage=usage,
            warnings=warnings,
        )


@runtime_checkable
class Engine(Protocol):
    """Anything with a name, a model and ``analyse``; built once per worker process."""

    @property
    def name(self) -> str:
        """The engine's registered name."""
        ...

    @property
    def model(self) -> str:
        """The model it runs, as shown in tables."""
        ...

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """Find the items in an upright RGB picture."""
        ...


@runtime_checkable
class ScaledEngine(Engine, Protocol):
    """An engine that needs only so many pixels: it may be given large photos reduced."""

    @property
    def sufficient_side(self) -> int:
        """Pixels of the shorter side beyond which a larger picture makes no difference.

        A photo of twice that or more is reduced once, for all that look at it, but never to a
        shorter side below this.
        """
        ...


@runtime_checkable
class RoomEngine(Engine, Protocol):
    """An engine that can also look at all photos of one room together."""

    def analyse_room(self, images: Sequence[Image.Image], hint: Hint) -> Analysis:
        """List the things of one room, each once however many pictures show it.

        Six chairs are six items; the boxes of the items are ``None``.
        """
        ...


class Throttle(Protocol):
    """A rate limit that all processes of an installation share, on whatever host they run."""

    def take(self, name: str, *, interval: float, patience: float) -> float:
        """Reserve the next request to the service ``name``.

        Parameters
        ----------
        interval : float
            Seconds between two requests of all processes together; 0 for no limit.
        patience : float
            Seconds that the caller can wait. Where the next free moment is later,
            nothing is reserved.

        Returns
        -------
        float
            Seconds until the request may be made; above ``patience``, it may not.
        """
        ...

    def hold(self, name: str, seconds: float) -> None:
        """Let no process ask the service for this many seconds, as it requested."""
        ...


@runtime_checkable
class SharedEngine(Engine, Protocol):
    """An engine that asks a service whose limits it shares with other processes."""

    def share(self, throttle: Throttle) -> None:
        """Ask this throttle before each request from now on."""
        ...


def sufficient_side(engine: Engine) -> int | None:
    """Return the pixels of the shorter side that are enough to analyse a photo with an engine.

    ``None`` where the engine wants the full size, of 30 megapixels at most.
    """
    return max(LEAST_SIDE, engine.sufficient_side) if isinstance(engine, ScaledEngine) else None
