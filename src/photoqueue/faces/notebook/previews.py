"""The cards and thumbnails of a page, as the front end takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Final

from photoqueue.client.gallery import PhotoCard, Preview, photo_preview

#: Thumbnails fetched at a time: enough to hide the delay of a bucket.
_READERS: Final = 8


class Previews:
    """The thumbnails of the photos of one page; each is fetched once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[PhotoCard, Preview]] = {}

    def __getitem__(self, photo_id: str) -> Preview:
        return self._known[photo_id][1]

    def look_up(self, cards: Sequence[PhotoCard]) -> None:
        """Fetch what the store has for photos that are new on the page or whose job moved on.

        Thumbnails of other photos are forgotten.
        """
        here = {card.photo_id for card in cards}
        self._known = {photo: known for photo, known in self._known.items() if photo in here}
        self._fetch([card for card in cards if self._outdated(card)], make=False)

    def make(self, cards: Iterable[PhotoCard]) -> list[str]:
        """Make the thumbnails that finished photos lack; return the ids of these photos.

        Those of other photos come from the worker that analyses them.
        """
        lacking = [
            card for card in cards if card.state.finished and self[card.photo_id] == Preview(None)
        ]
        self._fetch(lacking, make=True)
        return [card.photo_id for card in lacking]

    def _outdated(self, card: PhotoCard) -> bool:
        known, preview = self._known.get(card.photo_id, (None, None))
        if known is None or preview is None or known.sha256 != card.sha256:
            return True
        return preview.jpeg is None and (known.job_id, known.state) != (card.job_id, card.state)

    def _fetch(self, cards: Sequence[PhotoCard], *, make: bool) -> None:
        def preview(card: PhotoCard) -> Preview:
            return photo_preview(card, make=make)

        if not cards:
            return
        with ThreadPoolExecutor(min(len(cards), _READERS)) as pool:
            for card, found in zip(cards, pool.map(preview, cards), strict=True):
                self._known[card.photo_id] = (card, found)


def shown(card: PhotoCard, reason: str = "") -> dict[str, Any]:
    """Return a card as plain values; ``reason`` says why it has no thumbnail."""
    return {
        **asdict(card),
        "state": str(card.state),
        "items": [{**asdict(item), "box": item.box and list(item.box)} for item in card.items],
        "warnings": list(card.warnings),
        "can_retry": card.can_retry,
        "reason": reason,
    }
