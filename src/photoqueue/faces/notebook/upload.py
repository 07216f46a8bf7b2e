"""Photos from the person's own computer, sent to the notebook server piece by piece."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from photoqueue.errors import PayloadError, PhotoqueueError
from photoqueue.faces.notebook.front_end import script, style
from photoqueue.faces.notebook.reception import CHUNK_BYTES, Reception, clear_abandoned
from photoqueue.photos.opening import PICTURE_EXTENSIONS
from photoqueue.settings import Settings, load_settings


class Upload(anywidget.AnyWidget):
    """Choose or drop photos or a folder; they arrive in a temporary folder on the server.

    The next piece is sent only when the last one was taken, so a kernel that is busy gets
    them later, and no message is larger than a front end carries.

    Parameters
    ----------
    settings : Settings or None
        Name the data directory and the largest photo; None reads the environment.
    on_complete : callable or None
        Called with the folder once all photos are there, in the kernel's main thread.

    Attributes
    ----------
    folder : Path or None
        Where the photos are, in sub-folders that are their rooms; None until all are there.
        It is removed by :meth:`clear`, by the next upload, and when the widget closes; what
        a killed process left is removed when the next upload widget is made.
    files : int
        Photos in the folder.
    state : str
        ``idle``, ``receiving`` or ``ready``.

    Examples
    --------
    >>> upload = Upload(on_complete=lambda folder: print(folder))  # doctest: +SKIP
    >>> submit_photos(upload.folder, project_id="move-42")  # doctest: +SKIP
    >>> upload.clear()  # doctest: +SKIP
    """

    _esm = script("choice", "sender", "upload")
    _css = style("upload")

    #: Names this widget to its script, which keeps the files that a browser lends it.
    token = traitlets.Unicode("").tag(sync=True)
    max_bytes = traitlets.Int(0).tag(sync=True)
    chunk_bytes = traitlets.Int(CHUNK_BYTES).tag(sync=True)
    extensions = traitlets.List(list(PICTURE_EXTENSIONS)).tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    files = traitlets.Int(0).tag(sync=True)
    notice = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        on_complete: Callable[[Path], None] | None = None,
        **traits: Any,
    ) -> None:
        settings = settings or load_settings()
        self.on_complete = on_complete
        self._home = settings.home
        clear_abandoned(self._home)
        self._reception: Reception | None = None
        #: The upload that runs; what an earlier one still sends is not for it.
        self._upload = ""
        super().__init__(
            token=secrets.token_hex(8), max_bytes=round(settings.max_photo_mb * 2**20), **traits
        )
        self.on_msg(self._received)

    @property
    def folder(self) -> Path | None:
        """Where the photos are; None until all of them are there."""
        return self._reception.folder if self._reception and self.state == "ready" else None

    def clear(self) -> None:
        """Remove what was uploaded, as after it was submitted."""
        if self._reception is not None:
            self._reception.discard()
        self._reception, self._upload = None, ""
        self.files = 0
        self.state = "idle"

    def close(self) -> None:
        """Close the widget, and remove what was uploaded."""
        self.clear()
        super().close()

    def _received(self, _widget: object, message: dict[str, Any], buffers: list[Any]) -> None:
        try:
            match message.get("kind"):
                case "begin":
                    self._begin(str(message["upload"]), int(message["count"]))
                case "piece":
                    self._take(message, buffers)
                case "cancel" if message.get("upload") == self._upload:
                    self.clear()
                case "clear":
                    self.clear()
        except PhotoqueueError as exc:
            self._give_up(str(exc))
        except (KeyError, ValueError, TypeError) as exc:
            self._give_up(f"The browser sent what is no upload ({exc!r:.80}). Upload again.")

    def _begin(self, upload: str, count: int) -> None:
        self.clear()
        self.notice = ""
        self._reception = Reception(self._home, count=count, max_bytes=self.max_bytes)
        self._upload = upload
        self.state = "receiving"
        self.send({"kind": "taken", "upload": upload})

    def _take(self, message: dict[str, Any], buffers: list[Any]) -> None:
        if self._reception is None or message["upload"] != self._upload:
            return  # of an upload that was cancelled
        if len(buffers) != 1:
            raise PayloadError("A piece of a photo came without its bytes. Upload again.")
        self._reception.take(
            int(message["number"]),
            str(message["path"]),
            int(message["size"]),
            int(message["offset"]),
            bytes(buffers[0]),
        )
        if self._reception.complete:
            self.files = self._reception.count
            self.state = "ready"
        self.send({"kind": "taken", "upload": self._upload})
        if self.folder is not None and self.on_complete is not None:
            self._call_back(self.folder)

    def _call_back(self, folder: Path) -> None:
        try:
            self.on_complete and self.on_complete(folder)
        except Exception as exc:
            # Whose code it is does not matter: an error that nobody sees helps nobody.
            self.notice = f"{type(exc).__name__}: {exc}"

    def _give_up(self, reason: str) -> None:
        upload = self._upload
        self.clear()
        self.notice = reason
        self.send({"kind": "refused", "upload": upload, "reason": reason})

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.state}, {self.files} files>"
