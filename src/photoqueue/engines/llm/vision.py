"""The engine ``llm``: pictures in, things of the catalogue out, each request recorded."""

from __future__ import annotations

import base64
import functools
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from photoqueue.engines.contract import Analysis, Call, Hint, Throttle, Usage
from photoqueue.engines.llm.access import LlmAccess, access_of
from photoqueue.engines.llm.conversation import Conversation
from photoqueue.engines.llm.endpoint import LlmServer, ModelAnswer
from photoqueue.engines.llm.prompt import reply_schema, request_text, system_prompt
from photoqueue.engines.llm.reply import Names, read_reply
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.settings import Settings

if TYPE_CHECKING:
    from PIL import Image


class LocalThrottle:
    """A :class:`~photoqueue.engines.contract.Throttle` of one process, for use without a worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def take(self, name: str, *, interval: float, patience: float) -> float:
        """Reserve the next request; return the seconds until it may be made."""
        with self._lock:
            now = time.monotonic()
            free_at = max(self._free_at.get(name, now), now)
            if free_at - now <= patience:
                self._free_at[name] = free_at + interval
            return free_at - now

    def hold(self, name: str, seconds: float) -> None:
        """Let no thread ask the service for this many seconds."""
        with self._lock:
            until = time.monotonic() + seconds
            self._free_at[name] = max(self._free_at.get(name, until), until)


#: JPEG quality: furniture is recognised at far less; below about 70 artefacts become visible.
_QUALITY: Final = 85
#: Photos of one room that are sent as large as a single one.
_FULL_SIZED: Final = 4
#: Longest side, in pixels, below which several pictures are not shrunk for their number.
_SMALLEST_SIDE: Final = 512


def picture_parts(
    images: Sequence[Image.Image], *, side: int, detail: str | None
) -> list[dict[str, Any]]:
    """Return pictures as parts of a chat message, each a ``data:`` URL of a JPEG.

    Parameters
    ----------
    side : int
        Longest side of one picture in pixels. More than four pictures are sent smaller, so
        that all together have as many pixels as four, but not below 512.
    detail : str or None
        ``low``, ``high`` or ``auto``; ``None`` leaves it out, as not every server takes it.
    """
    if len(images) > _FULL_SIZED:
        shrunk = round(side * math.sqrt(_FULL_SIZED / len(images)))
        side = min(side, max(shrunk, _SMALLEST_SIDE))
    return [_part(jpeg(image, side=side), detail) for image in images]


def jpeg(image: Image.Image, *, side: int) -> bytes:
    """Return an upright picture as JPEG, its longest side at most ``side`` pixels.

    Of the file that it came from, nothing is kept: no EXIF with place and time, no colour
    profile, no comment, no thumbnail.
    """
    from PIL import Image as Pillow

    rgb = image if image.mode == "RGB" else image.convert("RGB")
    size = sent_size(rgb.size, side)
    if size != rgb.size:
        rgb = rgb.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    # Pillow writes what it finds in `info`, a comment for one: only the pixels go on.
    bare = Pillow.new("RGB", rgb.size)
    bare.paste(rgb)
    buffer = BytesIO()
    bare.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def sent_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return width and height of a picture as it is sent: its longest side at most ``side``."""
    scale = min(side / max(size), 1.0)
    return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def _part(data: bytes, detail: str | None) -> dict[str, Any]:
    url = {"url": f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"}
    return {"type": "image_url", "image_url": url if detail is None else {**url, "detail": detail}}


#: Share of the caller's time that the engine uses: its own error comes before the process
#: is ended, so that the calls are recorded.
_SHARE_OF_TIME: Final = 0.9
_MILLION: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Prices:
    """US dollars per million tokens; ``None`` where the settings do not say."""

    tokens_in: float | None = None
    tokens_out: float | None = None

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """Return what tokens cost in US dollars; ``None`` unless all of it is known.

        >>> Prices(tokens_in=2.5, tokens_out=10.0).cost(1000, 200)
        0.0045
        """
        known = (tokens_in, tokens_out, self.tokens_in, self.tokens_out)
        if None in known:
            return None
        read, written, price_in, price_out = (float(value or 0) for value in known)
        return (read * price_in + written * price_out) / _MILLION


@dataclass(frozen=True, kw_only=True)
class _Bill:
    """Reports each request to the caller, and sums them up."""

    prices: Prices
    hint: Hint
    calls: list[Call] = field(default_factory=list)

    def record(self, answer: ModelAnswer | None, seconds: float, problem: str | None) -> None:
        """Note a request that has ended."""
        tokens_in = answer.tokens_in if answer else None
        tokens_out = answer.tokens_out if answer else None
        call = Call(
            latency_ms=seconds * 1000,
            success=problem is None,
            error=problem,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost_usd=self.prices.cost(tokens_in, tokens_out),
        )
        self.calls.append(call)
        self.hint.report(call)

    def total(self) -> Usage:
        """Return what all requests used together, as far as it is known."""
        return Usage(
            tokens_in=sum(call.tokens_in or 0 for call in self.calls),
            tokens_out=sum(call.tokens_out or 0 for call in self.calls),
            cost_usd=sum(call.cost_usd or 0.0 for call in self.calls),
        )


class LlmEngine:
    """Asks a vision model behind an OpenAI-compatible server what a mover moves.

    Parameters
    ----------
    interval : float
        Seconds between two requests of all processes together; 0 for no limit.
    seconds : float
        How long the caller waits for one analysis, at most.
    side : int
        Longest side, in pixels, of the pictures that are sent.

    Raises
    ------
    EngineUnavailableError
        The package ``openai`` is not installed.
    """

    name: Final = "llm"

    def __init__(
        self,
        access: LlmAccess,
        *,
        catalogue: Catalogue,
        prices: Prices | None = None,
        interval: float = 0.0,
        seconds: float = 300.0,
        side: int = 1280,
        detail: str | None = None,
    ) -> None:
        self.model = access.model
        self._access = access
        self._server = LlmServer(access)
        self._catalogue = catalogue
        self._names = Names(catalogue)
        self._prices = prices or Prices()
        self._interval = interval
        self._seconds = seconds
        self._side = side
        self._detail = detail
        self._throttle: Throttle = LocalThrottle()

    def __repr__(self) -> str:
        return f"LlmEngine({self.model!r} of {self._access.base_url!r})"

    def share(self, throttle: Throttle) -> None:
        """Share a rate limit with other processes from now on."""
        self._throttle = throttle

    def close(self) -> None:
        """Close the connection to the server."""
        self._server.close()

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        """List what a mover moves in an upright picture, and the kind of room.

        Raises
        ------
        PermanentError
            The model refuses, or answers nothing that can be used.
        EngineUnavailableError
            The server refuses the key, the model or the address.
        EngineServerError
            It cannot be reached, is late, broken or busy; another try may help.
        """
        return self._analyse([image], hint, room=False)

    def analyse_room(self, images: Sequence[Image.Image], hint: Hint) -> Analysis:
        """List the things of one room in one request, each once however many pictures show it.

        Six chairs are six items; the boxes of the items are ``None``. Raises as
        :meth:`analyse` does. A room without pictures has nothing in it, and nobody is asked.
        """
        if not images:
            return Analysis(room_type=hint.room_type or "other")
        return self._analyse(images, hint, room=True)

    def _analyse(self, images: Sequence[Image.Image], hint: Hint, *, room: bool) -> Analysis:
        given = self._seconds if hint.seconds is None else min(self._seconds, hint.seconds)
        bill = _Bill(prices=self._prices, hint=hint)
        conversation = Conversation(
            access=self._access,
            server=self._server,
            throttle=self._throttle,
            interval=self._interval,
            seconds=_SHARE_OF_TIME * given,
            record=bill.record,
            schema=reply_schema(boxes=not room),
            read=functools.partial(
                read_reply,
                names=self._names,
                hint=hint,
                size=None if room else sent_size(images[0].size, self._side),
                boxes=self._access.boxes,
            ),
        )
        analysis = conversation.ask(self._messages(images, hint, room=room))
        return replace(analysis, usage=bill.total())

    def _messages(
        self, images: Sequence[Image.Image], hint: Hint, *, room: bool
    ) -> list[dict[str, Any]]:
        text = request_text(hint, photos=len(images), room=room)
        pictures = picture_parts(images, side=self._side, detail=self._detail)
        return [
            {"role": "system", "content": system_prompt(self._catalogue, hint.language)},
            {"role": "user", "content": [{"type": "text", "text": text}, *pictures]},
        ]


def build_llm(settings: Settings, *, processes: int = 1) -> LlmEngine:
    """Return the engine that the settings ask for; no server is asked yet.

    Parameters
    ----------
    settings : Settings
    processes : int
        Worker processes of this machine; they share the rate limit, not the cores.

    Raises
    ------
    EngineUnavailableError
        A setting is missing or wrong, or the package ``openai`` is.
    """
    del processes
    rate = settings.llm_requests_per_minute
    return LlmEngine(
        access_of(settings),
        catalogue=Catalogue.for_settings(settings),
        prices=Prices(tokens_in=settings.llm_price_in, tokens_out=settings.llm_price_out),
        interval=60.0 / rate if rate else 0.0,
        seconds=settings.job_timeout_seconds,
        side=settings.llm_picture_side,
        detail=settings.llm_detail,
    )
