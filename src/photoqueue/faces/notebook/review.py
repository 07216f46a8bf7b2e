"""Review: the photos of a project, what they show, and what a person puts right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import traitlets

from photoqueue.client.control import retry
from photoqueue.client.gallery import photo_items, photo_picture, photo_preview
from photoqueue.client.identifiers import checked, checked_user
from photoqueue.client.observe import ask
from photoqueue.client.review_head import catalogue_page, head_page
from photoqueue.client.review_page import Json, RoomPages, photo_title
from photoqueue.client.review_reading import ProjectReader, ProjectReading
from photoqueue.client.submit_job import submit_inventory
from photoqueue.client.verbs import Part, act, replace
from photoqueue.errors import (
    PayloadError,
    PhotoqueueError,
    ServiceError,
    StateError,
)
from photoqueue.faces.notebook.pages import script, style
from photoqueue.faces.notebook.system import start_one
from photoqueue.faces.notebook.view import READ_ONLY, LiveView, Message, Paced, Scope
from photoqueue.faces.report.words import ReportWords
from photoqueue.format import size
from photoqueue.installation import current
from photoqueue.inventory.catalogue_file import CATEGORIES, LANGUAGES
from photoqueue.inventory.export import export_inventory, free_name
from photoqueue.inventory.wording import Wording
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.phrases import in_language, phrase
from photoqueue.queue.projects import list_projects
from photoqueue.queue.read import batch_row
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGY_TEXTS

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.records.edits import Edit
    from photoqueue.records.results import InventoryResult

#: Modules of the page, in the order in which they are joined.
_SCRIPTS: Final = (
    *("words", "review_edits", "review_queue", "review_pictures", "review_store"),
    *("review_boxes", "review_name", "review_same", "review_parts"),
    *("review_view", "review_gestures", "review_stage", "review_head", "review_list"),
    *("review_photos", "review_keys", "review"),
)
#: Traits that the rooms are shared out to: a changed room sends a sixteenth of all.
PARTS: Final = 16
#: Largest photo that may come through the browser, in bytes: servers of notebooks take 10 MiB.
_MOST_BYTES: Final = 8 * 2**20
#: Pictures that are read at once: enough to hide the latency of a bucket.
_SMALL_READERS, _FULL_READERS = 4, 2
#: Seconds for which the list of projects is not read again.
_PROJECTS_SECONDS: Final = 5.0


class ReviewView(LiveView):
    """Review of a project: rooms, photos with boxes, things and lines, in one widget.

    Everything that a message asks for is done in threads: edits one after the other, pictures
    beside them. So the kernel is never held up, and edits do not wait for pictures.

    Parameters
    ----------
    scope : Scope or None
        Names the project, or a batch of it; if neither, the user chooses.
    actions : bool
        Whether to allow edits.
    user_id : str or None
        Who edits; default is the login name.
    lang : str or None
        ``en`` or ``fr``: language of the names; default is that of the settings.

    Attributes
    ----------
    head, rooms, part_0 … part_15 : dict, list
        What :mod:`photoqueue.client.review_page` makes of the project; room n is in part n % 16.
    lang : str
        ``en`` or ``fr``.
    selected : tuple of str
        Ids of the photos selected among all photos of the project.

    Examples
    --------
    >>> view = ReviewView(Scope(project="move-42"))  # doctest: +SKIP
    >>> view.export("xlsx")  # doctest: +SKIP
    """

    _esm = script(*_SCRIPTS)
    _css = style("review_stage", "review")

    head = traitlets.Dict().tag(sync=True)
    rooms: traitlets.List[Json] = traitlets.List().tag(sync=True)
    #: Things that can be named.
    catalogue: traitlets.List[Json] = traitlets.List().tag(sync=True)
    #: Categories of a new thing, each with its name in the language of the page.
    categories: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)
    lang = traitlets.Enum(LANGUAGES, default_value="en").tag(sync=True)
    #: The user's choice if the scope names no project.
    project = traitlets.Unicode("").tag(sync=True)
    #: The file that was written last.
    exported = traitlets.Unicode("").tag(sync=True)
    selected = traitlets.Tuple().tag(sync=True)
    #: The photo to show next: ``photo``, and a ``number`` that differs each time.
    target = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        scope: Scope | None = None,
        *,
        actions: bool = True,
        user_id: str | None = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        self.user_id = checked_user(user_id)
        self._speaks = lang is not None
        self._reader: ProjectReader | None = None
        self._reading: ProjectReading | None = None
        self._pages: RoomPages | None = None
        self._shown: tuple[object, ...] = ()
        self._refreshing = threading.Lock()
        self._projects = Paced(lambda: ask(list_projects), least=_PROJECTS_SECONDS)
        self._editor = ThreadPoolExecutor(1, "photoqueue-edits")
        self._readers = {
            "small": ThreadPoolExecutor(_SMALL_READERS, "photoqueue-small"),
            "full": ThreadPoolExecutor(_FULL_READERS, "photoqueue-full"),
        }
        self._waits: list[Future[None]] = []
        self._asked: Future[None] | None = None
        if lang is not None:
            traits["lang"] = lang
        self.add_traits(**{f"part_{n}": traitlets.List().tag(sync=True) for n in range(PARTS)})
        super().__init__(scope, actions=actions, **traits)

    # -- reading

    def refresh(self) -> None:
        """Read the project again, and show what is new.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used.
        """
        with self._refreshing:
            self._refresh()

    def _refresh(self) -> None:
        here = current()
        if not self._speaks:
            self._speaks, self.lang = True, here.settings.language
        wording = Wording.of(self.lang, here.settings)
        fixed = self._scoped_project()
        project = fixed or self.project
        chosen: Json = {"fixed": bool(fixed), "projects": [] if fixed else self._choices()}
        if not project:
            self._reader = self._reading = self._pages = None
            self._show((), chosen, [], [])
            self._fill_catalogue(wording)
            return
        reader = self._reader
        if reader is None or (reader.project_id, reader.installation) != (project, here):
            self._reader = reader = ProjectReader(checked("project_id", project), here)
            self._pages = None
        reading = reader.read(wording.catalogue, self.lang)
        counts = here.counts.read()
        taken = {queue: bool(one.workers) and not one.paused for queue, one in counts.items()}
        head = head_page(
            reading,
            wording,
            self.user_id,
            worker=taken[PHOTO_ANALYZE],
            adds_up=taken[INVENTORY_SYNC],
        )
        rests_on = (reading.done, reading.rows, self.lang)
        self._reading = reading
        if any(a is not b for a, b in zip(rests_on, self._shown or (None,) * 3, strict=True)):
            pages = self._pages = RoomPages(reading, wording, self._pages)
            rooms = pages.rooms()
            shown = [pages.room(room["name"]) for room in rooms]
            self._show(rests_on, head | chosen, rooms, shown)
        else:
            self.head = head | chosen
        self._fill_catalogue(wording)

    def _show(
        self, rests_on: tuple[object, ...], head: Json, rooms: list[Json], shown: list[Json]
    ) -> None:
        with self.hold_sync():
            for part in range(PARTS):
                self.set_trait(f"part_{part}", shown[part::PARTS])
            self.rooms = rooms
            self.head = _EMPTY | {"user": self.user_id} | head
        self._shown = rests_on

    def _fill_catalogue(self, wording: Wording) -> None:
        if not self.catalogue:
            self.catalogue = catalogue_page(wording.catalogue)
        category = ReportWords(self.lang).category
        self.categories = {name: category(name) for name in CATEGORIES}

    def _choices(self) -> list[Json]:
        return [
            {"id": row.project_id, "photos": row.photos, "rooms": row.rooms}
            for row in self._projects.of()
        ]

    def _scoped_project(self) -> str:
        if self.scope.project or not self.scope.batch:
            return str(self.scope.project)
        return ask(batch_row, self.scope.batch)["project_id"] or ""

    @property
    def result(self) -> InventoryResult | None:
        """The inventory shown; None before the first photo is analysed."""
        reading = self._reading
        return reading.result if reading and (reading.analysed or reading.result.lines) else None

    def look_at(self, photo_id: str, project_id: str = "") -> None:
        """Show a photo; of another project only where the scope names none."""
        if project_id and not self._scoped_project():
            self.project = project_id
        self.target = {"photo": photo_id, "number": self.target.get("number", 0) + 1}

    def selected_frame(self) -> pd.DataFrame:
        """Return what engines found in the selected photos: one row each, with box and volume."""
        return photo_items(self.selected, lang=self.lang)

    def export(self, kind: str = "xlsx", path: str | Path | None = None) -> Path:
        """Write the inventory to a new file; existing files are never overwritten.

        Parameters
        ----------
        kind
            ``xlsx`` or ``csv``.
        path
            Default: ``inventory-<project>`` in the working directory, numbered if that exists.

        Raises
        ------
        StateError
            There is no inventory, or the file exists or cannot be written.
        ConfigurationError
            The library that writes Excel files is not installed.
        """
        if self.result is None:
            self.refresh()
        result = self.result
        if result is None:
            raise StateError("There is nothing to export: no photo is analysed yet.")
        target = Path(path) if path else free_name(Path.cwd(), result.project_id, kind)
        written = export_inventory(result, kind, target, Wording.of(self.lang, current().settings))
        self.exported = str(written)
        return written

    # -- messages

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything that was asked for so far is done."""
        while self._waits:
            self._waits.pop(0).result(timeout)

    def close(self) -> None:
        """Close the widget; what was asked for before is still done."""
        for pool in (self._editor, *self._readers.values()):
            pool.shutdown(wait=False)
        super().close()

    def _received(self, _widget: object, message: Message, buffers: Sequence[Any]) -> None:
        # Buffers are only valid during this call.
        copied = [bytes(buffer) for buffer in buffers]
        self._waits = [one for one in self._waits if not one.done()]
        kind = message.get("kind")
        if kind == "refresh":
            if self._asked is None or self._asked.done():  # so that none pile up in an outage
                self._asked = self._later(self._editor, self._handle, message, copied)
            return
        if kind != "pictures":
            self._later(self._editor, self._handle, message, copied)
            return
        wanted = "full" if message.get("size") == "full" else "small"
        for photo in map(str, _listed(message, "photos")):
            self._later(self._readers[wanted], self._send_picture, photo, wanted)

    def _later(
        self, pool: ThreadPoolExecutor, work: Callable[..., None], *given: Any
    ) -> Future[None] | None:
        with suppress(RuntimeError):  # closed: the page is gone, and keeps what is not saved
            self._waits.append(pool.submit(work, *given))
            return self._waits[-1]
        return None

    def _handle(self, message: Message, buffers: list[bytes]) -> None:
        """Do what a message asks for; what goes wrong is said, whatever it is."""
        try:
            if message.get("kind") not in ("edit", "replace"):
                super()._received(self, message, buffers)
                return
            self._answer(message, buffers)
            self.notice = ""
            self.chosen()
        except Exception as exc:
            self.notice = self.told(_unforeseen(exc))

    def _answer(self, message: Message, buffers: list[bytes]) -> None:
        """Store an edit; say beside what was clicked what went wrong."""
        try:
            self._store(message, buffers)
        except PhotoqueueError as exc:
            self._refuse(message, exc)
        except Exception as exc:
            self._refuse(message, _unforeseen(exc))

    def told(self, error: PhotoqueueError) -> str:
        """Return what to say of an error, in the language of the page."""
        return error.said(self.lang)

    def _refuse(self, message: Message, error: PhotoqueueError) -> None:
        again = isinstance(error, ServiceError)
        answer = {"kind": "refused", "ref": message.get("ref"), "again": again}
        self.send(answer | {"error": self.told(error)})

    def _store(self, message: Message, buffers: list[bytes]) -> None:
        if not self.actions:
            raise StateError(READ_ONLY)
        ref = checked("ref", message.get("ref"))
        # The page names the project of an edit that it sends again later.
        project = str(message.get("project") or "") or self._shown_project
        if message.get("kind") == "replace":
            made = self._replaced(project, message, buffers, ref)
        else:
            parts = [_part(one) for one in _listed(message, "edits") or [message]]
            made = act(project, parts, user_id=self.user_id, ref=ref)
        rows = self._reading.rows if self._reading else ()
        titles = {row.photo_id: photo_title(row) for row in rows}
        words = made.words(Wording.of(self.lang, current().settings), titles)
        self.send({"kind": "saved", "ref": ref, "number": made.number, "words": words})

    def _replaced(self, project: str, message: Message, buffers: list[bytes], ref: str) -> Edit:
        photo = str(message.get("photo"))
        data = b"".join(buffers)
        if not data:
            raise PayloadError("No picture came with that. Choose the file again.")
        if len(data) > _MOST_BYTES:
            raise PayloadError(
                "The picture has {size}; {most} can come through the browser. In a cell: "
                "review({project!r}).replace({photo!r}, 'the file.jpg')",
                size=size(len(data)),
                most=size(_MOST_BYTES),
                project=project,
                photo=photo,
            )
        name = str(message.get("name") or "") or None
        return replace(project, photo, data, file_name=name, user_id=self.user_id, ref=ref)

    def _send_picture(self, photo: str, wanted: str) -> None:
        jpeg, reason = b"", ""
        try:
            rows = {row.photo_id: row for row in self._reading.rows} if self._reading else {}
            if photo not in rows:
                reason = phrase(self.lang, "This photo is not in the project.")
            elif wanted == "full":
                jpeg = photo_picture(rows[photo])
            else:
                preview = photo_preview(rows[photo])
                jpeg, reason = (
                    preview.jpeg or b"",
                    in_language(self.lang, preview.reason),
                )
        except PhotoqueueError as exc:
            reason = self.told(exc)
        except Exception as exc:  # whoever asked waits for an answer
            reason = self.told(_unforeseen(exc))
        told = {"kind": "picture", "photo": photo, "size": wanted, "reason": reason}
        self.send(told, buffers=[jpeg] if jpeg else [])

    @property
    def _shown_project(self) -> str:
        project = self._scoped_project() or self.project
        if not project:
            raise StateError("Choose a project first.")
        return project

    def _choose(self, message: Message) -> None:
        self.project = str(message.get("project") or "")
        self.exported = ""

    def _speak(self, message: Message) -> None:
        language = str(message.get("language"))
        if language not in LANGUAGES:
            raise StateError(
                "No names in {language!r:.10}; choose one of {known}.",
                language=language,
                known=", ".join(LANGUAGES),
            )
        self.lang = language

    def _count_by(self, message: Message) -> None:
        strategy = str(message.get("strategy"))
        submit_inventory(self._shown_project, user_id=self.user_id, strategy=strategy)

    def _retry(self, message: Message) -> None:
        wanted = set(map(str, _listed(message, "photos")))
        rows = self._reading.rows if self._reading else ()
        jobs = [str(row.job_id) for row in rows if row.photo_id in wanted and row.can_retry]
        if not jobs or not retry(jobs):
            raise StateError("A retry cannot help here. Replace the photo, or exclude it.")

    def _report(self, message: Message) -> None:
        # Late: the template and its libraries are loaded for a report only.
        from photoqueue.faces.report.document import report

        project, kind = self._shown_project, str(message.get("format"))
        made = report(project, lang=self.lang)
        self.exported = str(made.save(free_name(Path.cwd(), project, kind, "report")))

    def _start(self, _message: Message) -> None:
        start_one()

    looking = frozenset({"project", "language", "pictures"})
    verbs: ClassVar = {
        "project": _choose,
        "language": _speak,
        "strategy": _count_by,
        "retry": _retry,
        "export": lambda self, message: self.export(str(message.get("format"))),
        "report": _report,
        "start": _start,
    }


#: The head before a project is read.
_EMPTY: Final[Json] = {
    "project": "",
    "engine": "",
    "banner": "",
    "analysis": dict.fromkeys(("total", "completed", "failed", "waiting", "active"), 0)
    | {"secondsLeft": None, "worker": False},
    "things": 0,
    "volume": None,
    "volumeMin": None,
    "volumeMax": None,
    "lorry": None,
    "weight": None,
    "check": {"left": 0, "of": 0},
    "strategy": DEFAULT_STRATEGY,
    "strategies": dict(STRATEGY_TEXTS),
    "warnings": [],
    "inventory": {"words": "", "running": False},
    "undo": None,
    "redo": None,
    "newest": 0,
    "others": [],
    "unplaced": [],
}


def _unforeseen(exc: Exception) -> PhotoqueueError:
    error = f"{type(exc).__name__}: {exc}"
    return PhotoqueueError("That did not work: {error}", error=error)


def _listed(message: Message, name: str) -> list[Any]:
    found = message.get(name)
    return list(found) if isinstance(found, list | tuple) else []


def _part(message: object) -> Part:
    """Return one edit of a message."""
    said = message if isinstance(message, dict) else {}
    named = said.get("named")
    given = named.items() if isinstance(named, dict) else ()
    return (
        str(said.get("verb")),
        _listed(said, "values"),
        {str(name): value for name, value in given if value is not None},
    )
