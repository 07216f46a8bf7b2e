"""The submit form of the workbench."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import ipywidgets as widgets

from photoqueue.addresses import expanded
from photoqueue.client.handles import Batch
from photoqueue.client.identifiers import checked_user, optional
from photoqueue.client.intake import Request
from photoqueue.client.submit import preview, submit_batch
from photoqueue.client.submit_job import submit_inventory
from photoqueue.client.system import engines_at_work
from photoqueue.engines.registry import EngineChoice, available_engines
from photoqueue.errors import PhotoqueueError
from photoqueue.faces.notebook.upload import Upload
from photoqueue.faces.notebook.view import Background, Words
from photoqueue.format import counted
from photoqueue.installation import settings_in_use
from photoqueue.inventory.wording import ROOM_TYPES, canonical_room_type
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT
from photoqueue.photos.finding import left_out_words
from photoqueue.samples import SAMPLE_HOME

FOLDER: Final = "Folder"
UPLOAD: Final = "Upload"
SAMPLE: Final = "Sample home"

_WIDE: Final = {"description_width": "76px"}
_OWN_ENGINE: Final = "the worker's own"


class SubmitForm:
    """Widgets for submitting photos; ``widget`` is the one to display.

    Parameters
    ----------
    submitted
        Called with the batch, in the thread that submitted it.
    project
        Initial value of the project field.
    """

    def __init__(self, submitted: Callable[[Batch], None], *, project: str = "") -> None:
        self._submitted = submitted
        self.source = widgets.Dropdown(
            options=[FOLDER, UPLOAD, SAMPLE],
            description="Source",
            style=_WIDE,
        )
        self.folder = widgets.Text(
            description="Folder",
            placeholder="photos/move-42",
            continuous_update=False,
            style=_WIDE,
        )
        self.upload = Upload(settings_in_use())
        self.project = widgets.Text(
            value=project, description="Project", placeholder="move-42", style=_WIDE
        )
        self.room = widgets.Text(
            description="Room",
            placeholder="default: the sub-folder's name",
            continuous_update=False,
            style=_WIDE,
        )
        self.room_type = widgets.Combobox(
            options=list(ROOM_TYPES), description="Room type", placeholder="guessed", style=_WIDE
        )
        self.engine = widgets.Dropdown(options=_engines(), description="Engine", style=_WIDE)
        self.add_up = widgets.Checkbox(
            value=True, description="Add the project up afterwards", indent=False
        )
        self.button = widgets.Button(description="Submit", button_style="primary", disabled=True)
        self.found, self.hint, self.engine_hint, self.words = (Words() for _ in range(4))
        self.work = Background(self.words.say)
        self._part = widgets.VBox()
        self.widget = widgets.VBox(
            [
                self.source,
                self._part,
                self.found,
                self.project,
                self.room,
                self.room_type,
                self.hint,
                self.engine,
                self.engine_hint,
                self.add_up,
                self.button,
                self.words,
            ],
            layout=widgets.Layout(width="320px", flex="0 0 auto", padding="0 12px 0 0"),
        )
        self.source.observe(lambda _: self._source_chosen(), "value")
        for field in (self.folder, self.room):
            field.observe(lambda _: self._look(), "value")
        self.upload.observe(lambda _: self._look(), "state")
        self.room_type.observe(lambda _: self._look_at_room_type(), "value")
        self.engine.observe(lambda _: self._look_at_engine(), "value")
        self.button.on_click(lambda _: self.submit())
        self._source_chosen()

    @property
    def photos(self) -> Path | None:
        """The chosen folder; None if there is none."""
        if self.source.value == UPLOAD:
            return self.upload.folder
        if self.source.value == SAMPLE:
            return SAMPLE_HOME
        text = self.folder.value.strip()
        return expanded(text) if text else None

    def submit(self) -> None:
        """Submit the chosen photos in a thread; the text below the button shows the progress."""
        folder = self.photos
        if folder is None:
            self.words.say("Choose photos first.", urgent=True)
            return
        project, room = _given(self.project.value), _given(self.room.value)
        room_type, engine = _given(self.room_type.value), self.engine.value or None
        uploaded = self.source.value == UPLOAD
        self.button.disabled = True

        def work() -> str:
            common = Request(
                source=None,
                user_id=checked_user(None),
                project_id=optional("project_id", project),
                room=optional("room", room),
                room_type=optional("room_type", room_type),
            )
            not_sent = self.upload.left_out if uploaded else ()
            batch = submit_batch(str(folder), common, engine=engine, left_out=not_sent)
            said = f"Submitted {counted(len(batch), 'photo')}."
            if left_out := left_out_words(batch.left_out.itertuples(index=False, name=None)):
                said += f" {left_out}."
            if uploaded:
                self.upload.clear()
            if self.add_up.value and batch.project_id:
                submit_inventory(batch.project_id, after=batch)
                said += f" {batch.project_id} is added up when they are done."
            elif self.add_up.value:
                said += " No project is given, so nothing is added up."
            self._submitted(batch)
            return said

        self.work.run(work, before="Storing the photos …", after=self._look)

    def close(self) -> None:
        """Remove photos that were uploaded and not submitted."""
        self.upload.close()

    def _source_chosen(self) -> None:
        part = {FOLDER: (self.folder,), UPLOAD: (self.upload,), SAMPLE: ()}
        self._part.children = part[self.source.value]
        self._look()

    def _look(self) -> None:
        """Show what would be submitted, and what would analyse it."""
        self._look_at_engine()
        folder = self.photos
        if folder is None:
            self.button.disabled = True
            self.found.say("")
            return
        try:
            not_sent = self.upload.left_out if self.source.value == UPLOAD else ()
            found = preview(str(folder), room=_given(self.room.value), left_out=not_sent)
        except PhotoqueueError as exc:
            self.button.disabled = True
            self.found.say(str(exc), urgent=True)
            return
        self.button.disabled = False
        self.found.say(f"{found}.")
        if self.source.value == SAMPLE and not self.project.value:
            self.project.value = SAMPLE_HOME.name

    def _look_at_engine(self) -> None:
        """Show which engine will analyse the photos."""
        name, told = self.engine.value, ""
        if not name:
            with suppress(PhotoqueueError):
                name = engines_at_work() or ""
            told = f"Live workers run {name}." if name else "No worker is running yet."
        choices = available_engines(settings_in_use())
        chosen = next((one for one in choices if one.name == name), None)
        if chosen is not None and self.engine.value:
            name, told = chosen.engine, chosen.reason
        if name == "builtin" and self.source.value != SAMPLE:
            told = f"{told} Note: {FOR_TRYING_OUT}.".strip()
        self.engine_hint.say(told)

    def _look_at_room_type(self) -> None:
        text = self.room_type.value.strip()
        if not text or canonical_room_type(text) is not None:
            self.hint.say("")
            return
        self.hint.say(
            f"{text[:40]!r} is not a known kind of room; it is kept as you wrote it. "
            f"Known kinds are {', '.join(ROOM_TYPES)}, in French too."
        )


def _given(text: str) -> str | None:
    """Return the input; None if it is blank."""
    return text.strip() or None


def _engines() -> list[tuple[str, str]]:
    """List the engines with display names; unavailable ones are marked."""
    return [
        (_OWN_ENGINE, ""),
        *((_engine(choice), choice.name) for choice in available_engines(settings_in_use())),
    ]


def _engine(choice: EngineChoice) -> str:
    if not choice.available:
        return f"{choice.name} (not set up here)"
    return choice.name if choice.engine == choice.name else f"{choice.name} ({choice.engine})"
