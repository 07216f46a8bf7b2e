"""What an engine is: the plug-in contract, with no dependency on any model library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from PIL import Image

    from photoqueue.models import Box


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What the caller said about a photo.

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
    """

    photo_id: str = ""
    room: str | None = None
    room_type: str | None = None
    language: str = "en"


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
    """

    items: tuple[Item, ...] = field(default=())
    room_type: str = "other"
    confidence: float = 0.0
    room_type_confidence: float | None = None
    usage: Usage | None = None


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
class RoomEngine(Engine, Protocol):
    """An engine that can also look at all photos of one room together."""

    def analyse_room(self, images: Sequence[Image.Image], hint: Hint) -> Analysis:
        """List the things of one room, each once however many pictures show it.

        Six chairs are six items; the boxes of the items are ``None``.
        """
        ...
