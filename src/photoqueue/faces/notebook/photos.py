"""The photos of a project or batch: pages of thumbnails with the findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import traitlets

from photoqueue.client.control import retry
from photoqueue.client.gallery import (
    PAGE_SIZE,
    PhotoPreview,
    photo_counts,
    photo_items,
    photo_page,
    photo_picture,
    photo_preview,
    photo_row,
)
from photoqueue.client.observe import as_state
from photoqueue.errors import (
    NotFoundError,
    PhotoError,
    StorageError,
    UnknownBatchError,
)
from photoqueue.faces.notebook.palette import CATEGORY_LOOKS
from photoqueue.faces.notebook.view import LiveView, Message, Scope, script, style
from photoqueue.format import shorten
from photoqueue.installation import current
from photoqueue.inventory.wording import Wording
from photoqueue.queue.projects import PhotoChoice, PhotoRow

if TYPE_CHECKING:
    import pandas as pd

#: Fields of a photo that are shown as they are.
_SHOWN: Final = ("photo_id", "title", "file_name", "room", "error_type", "can_retry")
#: Characters of an error message.
_MESSAGE_LENGTH: Final = 300
#: Thumbnails fetched concurrently: enough to hide the latency of a bucket.
_READERS: Final = 8


class Previews:
    """The thumbnails of the photos of one page; each is fetched once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[PhotoRow, PhotoPreview]] = {}

    def __getitem__(self, photo_id: str) -> PhotoPreview:
        return self._known[photo_id][1]

    def look_up(self, cards: Sequence[PhotoRow]) -> None:
        """Fetch stored thumbnails of photos that are new on the page or whose job has changed.

        Thumbnails of other photos are dropped.
        """
        here = {card.photo_id for card in cards}
        self._known = {photo: known for photo, known in self._known.items() if photo in here}
        self._fetch([card for card in cards if self._outdated(card)], make=False)

    def make(self, cards: Iterable[PhotoRow]) -> list[str]:
        """Make missing thumbnails of finished photos; return the ids of these photos.

        For other photos, the worker that analyses them makes the thumbnail.
        """
        lacking = [
            card
            for card in cards
            if card.state.finished and self[card.photo_id] == PhotoPreview(None)
        ]
        self._fetch(lacking, make=True)
        return [card.photo_id for card in lacking]

    def _outdated(self, card: PhotoRow) -> bool:
        known, preview = self._known.get(card.photo_id, (None, None))
        if known is None or preview is None or known.sha256 != card.sha256:
            return True
        return preview.jpeg is None and (known.job_id, known.state) != (card.job_id, card.state)

    def _fetch(self, cards: Sequence[PhotoRow], *, make: bool) -> None:
        def preview(card: PhotoRow) -> PhotoPreview:
            return photo_preview(card, make=make)

        if not cards:
            return
        with ThreadPoolExecutor(min(len(cards), _READERS)) as pool:
            for card, found in zip(cards, pool.map(preview, cards), strict=True):
                self._known[card.photo_id] = (card, found)


def shown(row: PhotoRow, wording: Wording, reason: str = "") -> dict[str, Any]:
    """Return a photo and its findings as plain values, with names in the reader's language.

    Parameters
    ----------
    reason
        Why it has no thumbnail.
    """
    result = row.result or {}
    room_type = result.get("roomType") or row.room_type
    return {
        **{name: getattr(row, name) for name in _SHOWN},
        "room_type": room_type and wording.room_type(room_type),
        "state": str(row.state),
        "width": result.get("width") or row.width,
        "height": result.get("height") or row.height,
        "items": [
            {
                "name": wording.item(item.get("key"), item["name"]),
                "category": item["category"],
                "score": item.get("score"),
                "box": item.get("box"),
                "merged": item.get("merged"),
                "volume": item.get("volume"),
                "alternatives": wording.alternatives(item.get("alternatives")),
            }
            for item in result.get("items", ())
        ],
        "warnings": list(result.get("warnings", ())),
        "error_message": row.error_message and shorten(row.error_message, _MESSAGE_LENGTH),
        "reason": reason,
    }


class PhotosView(LiveView):
    """Photos as thumbnails with boxes, a page at a time, and each one enlarged.

    Each photo of the page has a numbered slot with a trait for its card and one for its thumbnail.
    Only changed traits are sent: a photo that stays on the page keeps its slot, and its picture is
    sent once.

    Attributes
    ----------
    room : str or None
        Only photos of this room; an empty text means photos without a room.
    state : str
        Only photos whose newest job is in this state; empty is no limit.
    text : str
        Only photos with this text in their id, name, room or things.
    boxes : bool
        Whether boxes are drawn.
    min_score : float
        0…1: things with a lower score are hidden.
    selected : tuple of str
        Ids of the selected photos, on all pages.

    Examples
    --------
    >>> view = PhotosView(Scope(project="move-42"))  # doctest: +SKIP
    >>> view.selected_frame()  # what the selected photos show  # doctest: +SKIP
    """

    _esm = script("boxes", "tiles", "picture", "photos")
    _css = style("photos")

    room = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    state = traitlets.Unicode("").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    boxes = traitlets.Bool(True).tag(sync=True)
    min_score = traitlets.Float(0.0).tag(sync=True)
    selected = traitlets.Tuple().tag(sync=True)

    categories = traitlets.Dict().tag(sync=True)
    #: Slots in the order of the page.
    order: traitlets.List[int] = traitlets.List().tag(sync=True)
    #: Page number, counted from 1, and whether there are pages before and after.
    place = traitlets.Dict({"page": 1, "previous": False, "next": False}).tag(sync=True)
    #: Numbers of photos: all, matching the filter, by room and by state.
    counted = traitlets.Dict().tag(sync=True)
    #: What to do if there is nothing to show.
    empty = traitlets.Unicode("").tag(sync=True)
    #: The opened photo, its card, and the id of the photo whose bytes are in ``picture``.
    opened = traitlets.Unicode("").tag(sync=True)
    opened_card = traitlets.Dict().tag(sync=True)
    picture = traitlets.Bytes(b"").tag(sync=True)
    picture_of = traitlets.Unicode("").tag(sync=True)
    picture_reason = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        scope: Scope | None = None,
        *,
        actions: bool = True,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        self._lang = lang
        #: ``after`` or ``before`` of the page; empty for the first one.
        self._cursor: dict[str, Any] = {}
        self._page = 1
        #: Which photo of the next page to open: the ``first``, the ``last`` or none.
        self._open_edge = ""
        self._beside: dict[str, str | None] = {"previous": None, "next": None}
        self._cards: dict[str, PhotoRow] = {}
        self._slots: dict[str, int] = {}
        self._previews = Previews()
        self.add_traits(
            **{f"card_{n}": traitlets.Dict().tag(sync=True) for n in range(PAGE_SIZE)},
            **{f"thumb_{n}": traitlets.Bytes(b"").tag(sync=True) for n in range(PAGE_SIZE)},
        )
        looks = {name: asdict(look) for name, look in CATEGORY_LOOKS.items()}
        super().__init__(scope, actions=actions, categories=looks, **traits)
        self.observe(self._restart, names=["room", "state", "text"])
        self.scope.observe(self._leave, names=["project", "batch"])

    def selected_frame(self) -> pd.DataFrame:
        """Return the things in the selected photos: one row each, with box and volume."""
        return photo_items(self.selected, lang=self._lang)

    def refresh(self) -> None:
        """Read the page again, and pictures that the front end does not have yet.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used.
        """
        self._wording = Wording.of(self._lang, current().settings)
        if not self._open_edge:
            self._show_opened()  # first, because the user waits for it
        try:
            self._read_page()
        except UnknownBatchError as exc:
            self._cards = {}
            with self.hold_sync():
                self.order, self.counted, self.empty = [], {}, str(exc)
            return
        if self._open_edge and self._cards:
            ids = list(self._cards)
            self.opened = ids[0 if self._open_edge == "first" else -1]
        self._open_edge = ""
        self._show_opened()
        for photo in self._previews.make(self._cards.values()):
            self._fill(photo)

    def _turn(self, message: Message) -> None:
        side = "previous" if message.get("to") == "previous" else "next"
        if message.get("open"):
            self._open_edge = "last" if side == "previous" else "first"
        cursor = self._beside[side]
        if cursor is not None:
            self._cursor = {"after" if side == "next" else "before": cursor}
            self._page = max(1, self._page + (1 if side == "next" else -1))

    def _open(self, message: Message) -> None:
        self.opened = str(message.get("photo", ""))

    def _retry(self, message: Message) -> None:
        retry(str(self._card_of(str(message.get("photo", ""))).job_id))

    looking = frozenset({"turn", "open", "close"})
    verbs: ClassVar = {"turn": _turn, "open": _open, "close": _open, "retry": _retry}

    def _restart(self, _change: object = None) -> None:
        """Go to the first page, after a change of the filter."""
        self._cursor, self._page = {}, 1
        self.chosen()

    def _leave(self, _change: object) -> None:
        """Reset what belonged to the previous project or batch."""
        self.opened, self.selected = "", ()
        with self.hold_trait_notifications():
            self.room, self.state, self.text = None, "", ""
        self._restart()

    def _read_page(self) -> None:
        every = PhotoChoice(project=self.scope.project or None, batch=self.scope.batch or None)
        choice = replace(
            every,
            room=self.room,
            state=as_state(self.state) if self.state else None,
            text=self.text.strip(),
        )
        page = photo_page(choice, **self._cursor, lang=self._lang)
        if not page.rows and self._cursor:
            # The photos of this page no longer match, as after a retry of all failed ones.
            self._cursor = {}
            page = photo_page(choice, lang=self._lang)
        if page.previous is None:
            self._page = 1
        everything = photo_counts(every, lang=self._lang)
        meant = everything if choice == every else photo_counts(choice, lang=self._lang)
        self._beside = {"previous": page.previous, "next": page.next}
        self._cards = {card.photo_id: card for card in page.rows}
        self._previews.look_up(page.rows)
        with self.hold_sync():
            self._fill_slots()
            self.place = {
                "page": self._page,
                "previous": page.previous is not None,
                "next": page.next is not None,
            }
            self.counted = {
                "total": everything.total,
                "meant": meant.total,
                "complete": meant.complete,
                "rooms": list(map(list, everything.rooms.items())),
                "states": {str(state): count for state, count in everything.states.items()},
            }
            self.empty = "" if page.rows else self._what_to_do(everything.total)

    def _what_to_do(self, total: int) -> str:
        if total:
            return "No photo matches. Choose another room or state, or clear the filters."
        where = self.scope.batch or self.scope.project
        none = f"There are no photos in {where!r} yet." if where else "There are no photos yet."
        if not self.actions:
            return f"{none} Once some are submitted, they appear here."
        return f"{none} Choose a folder and submit it{'' if where else ', or try a sample home'}."

    def _fill_slots(self) -> None:
        """Give every photo of the page a slot; photos that had one keep it."""
        kept = {photo: slot for photo, slot in self._slots.items() if photo in self._cards}
        free = iter(sorted(set(range(PAGE_SIZE)) - set(kept.values())))
        self._slots = {photo: kept[photo] if photo in kept else next(free) for photo in self._cards}
        for photo in self._cards:
            self._fill(photo)
        for slot in free:
            self.set_trait(f"card_{slot}", {})
            self.set_trait(f"thumb_{slot}", b"")
        self.order = list(self._slots.values())

    def _fill(self, photo: str) -> None:
        slot, preview = self._slots[photo], self._previews[photo]
        self.set_trait(f"card_{slot}", shown(self._cards[photo], self._wording, preview.reason))
        self.set_trait(f"thumb_{slot}", preview.jpeg or b"")

    def _card_of(self, photo: str) -> PhotoRow:
        return self._cards.get(photo) or photo_row(photo)

    def _show_opened(self) -> None:
        photo = self.opened
        if not photo:
            with self.hold_sync():
                self.opened_card, self.picture, self.picture_of = {}, b"", ""
            return
        try:
            card = self._card_of(photo)
        except NotFoundError as exc:
            self.opened, self.notice = "", str(exc)
            return
        if self.picture_of == photo:
            self.opened_card = shown(card, self._wording)
            return
        try:
            picture, reason = photo_picture(card), ""
        except (PhotoError, StorageError) as exc:
            picture, reason = b"", str(exc)
        with self.hold_sync():
            self.opened_card = shown(card, self._wording)
            self.picture, self.picture_of, self.picture_reason = picture, photo, reason
