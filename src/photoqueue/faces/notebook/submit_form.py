"""The form that submits photos: one line once it has done so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import traitlets

from photoqueue.addresses import expanded
from photoqueue.client.handles import Batch, Job
from photoqueue.client.identifiers import checked_user, optional
from photoqueue.client.intake import Request
from photoqueue.client.observe import ask, history
from photoqueue.client.submit import preview, submit_batch
from photoqueue.client.submit_job import submit_inventory
from photoqueue.client.system import engines_at_work
from photoqueue.engines.registry import EngineChoice, available_engines
from photoqueue.errors import PayloadError, PhotoqueueError
from photoqueue.faces.notebook.pages import script, style
from photoqueue.faces.notebook.upload import Upload
from photoqueue.faces.notebook.view import Background
from photoqueue.installation import settings_in_use
from photoqueue.inventory.catalogue_file import LANGUAGES
from photoqueue.inventory.wording import ROOM_TYPES, canonical_room_type
from photoqueue.jobs.engine_calls import FOR_TRYING_OUT
from photoqueue.photos.finding import left_out_words
from photoqueue.phrases import InBoth, counted_in, in_language, phrase
from photoqueue.queue.database import storable
from photoqueue.queue.projects import recent_batches
from photoqueue.queue.standing import asked_strategy
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGY_TEXTS
from photoqueue.records.snapshots import JobSnapshot
from photoqueue.samples import SAMPLE_HOME
from photoqueue.words import JobState

FOLDER: Final = "Folder"
UPLOAD: Final = "Upload"
SAMPLE: Final = "Sample home"

#: What to say of the job that adds up what was submitted, by its state.
_ADDING_UP: Final = {
    JobState.WAITING: "{project} is added up when they are done",
    JobState.ACTIVE: "{project} is being added up",
    JobState.DELAYED: "adding up {project} failed; it will be retried soon",
    JobState.COMPLETED: "{project} is added up",
    JobState.FAILED: "{project} could not be added up: {error}",
    JobState.CANCELLED: "adding up {project} was cancelled",
}
#: Fields that a person fills; each is a trait.
_FIELDS: Final = ("source", "folder", "project", "room", "room_type", "engine", "add_up")
#: Fields that hold an identifier, and its name in messages.
_IDENTIFIERS: Final = {"project": "project_id", "room": "room", "room_type": "room_type"}
#: Batches among which known projects are looked for.
_RECENT: Final = 50


class SubmitForm(Upload):
    """A form for submitting photos.

    What a person typed stays in the browser until it was submitted, also while the kernel or the
    servers are away. A project belongs to the source that it was given for: with another source the
    form asks before it submits to it, too.

    Parameters
    ----------
    submitted
        Called with the batch, in the thread that submitted it.
    project
        Initial value of the project field.
    folded
        Whether it is a line with a button at first.

    Attributes
    ----------
    source : str
        ``Folder``, ``Upload`` or ``Sample home``.
    folder, project, room, room_type, engine : str
        The fields; empty is not given.
    add_up : bool
        Whether the project is added up afterwards.
    folded : bool
        Whether it is a line with a button that shows the fields.
    said : str
        What was submitted last, in one line, and how far its inventory is.
    lang : str
        ``en`` or ``fr``: language of the form.
    errors, hints : dict
        Texts by field; of no field (``""``) those of the whole form.
    question : str
        What has to be answered before anything is submitted; empty if nothing.
    """

    _esm = script("words", "choice", "sender", "upload", "submit_form")
    _css = style("submit_form")

    source = traitlets.Enum([FOLDER, UPLOAD, SAMPLE], FOLDER).tag(sync=True)
    folder = traitlets.Unicode("").tag(sync=True)
    project = traitlets.Unicode("").tag(sync=True)
    room = traitlets.Unicode("").tag(sync=True)
    room_type = traitlets.Unicode("").tag(sync=True)
    engine = traitlets.Unicode("").tag(sync=True)
    add_up = traitlets.Bool(True).tag(sync=True)
    folded = traitlets.Bool(False).tag(sync=True)
    lang = traitlets.Enum(LANGUAGES, default_value="en").tag(sync=True)

    #: Whether there is something to submit, and what.
    ready = traitlets.Bool(False).tag(sync=True)
    found = traitlets.Unicode("").tag(sync=True)
    question = traitlets.Unicode("").tag(sync=True)
    #: What is being done; empty if nothing.
    busy = traitlets.Unicode("").tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    #: How often something was submitted: what was typed before is no longer kept.
    submissions = traitlets.Int(0).tag(sync=True)
    errors = traitlets.Dict().tag(sync=True)
    hints = traitlets.Dict().tag(sync=True)
    #: Whether no photo was submitted to this installation yet.
    first = traitlets.Bool(False).tag(sync=True)
    sources = traitlets.List([FOLDER, UPLOAD, SAMPLE]).tag(sync=True)
    engines: traitlets.List[tuple[str, str]] = traitlets.List().tag(sync=True)
    projects: traitlets.List[str] = traitlets.List().tag(sync=True)
    room_types = traitlets.List(list(ROOM_TYPES)).tag(sync=True)
    #: Names the form for the browser, which keeps what was typed.
    kept_as = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, submitted: Callable[[Batch], None], *, project: str = "", folded: bool = False
    ) -> None:
        self._submitted = submitted
        settings = settings_in_use()
        self.work = Background(self._say)
        #: The source that the project was given for; None if it was given with the form.
        self._project_for: tuple[str, str] | None = None
        #: The project that the form itself filled in; empty after it was submitted to.
        self._filled = ""
        #: What was submitted last, and the job that adds it up or why there is none.
        self._last: tuple[Batch, Job | str | None] | None = None
        #: The state of that job when it was last read.
        self._adding: JobSnapshot | None = None
        kept_as = hashlib.sha256(f"{settings.home}\x00{project}".encode()).hexdigest()[:16]
        super().__init__(
            settings, project=project, folded=folded, engines=self._engines("en"), kept_as=kept_as
        )
        self.observe(self._source_chosen, ["source", "folder", "state"])
        self.observe(self._project_given, "project")
        self.observe(self._look, ["room", "room_type", "engine", "folded"])
        self.observe(self._speak, "lang")
        self._look()
        self._look_at_projects()

    @property
    def photos(self) -> Path | None:
        """The chosen folder; None if there is none."""
        if self.source == UPLOAD:
            return self.uploaded
        if self.source == SAMPLE:
            return SAMPLE_HOME
        text = self.folder.strip()
        return expanded(text) if text else None

    def submit(self) -> None:
        """Submit the chosen photos in a thread; ``busy``, ``said`` and ``errors`` tell of it."""
        if self.work.busy:
            return
        folder, (request, self.errors) = self.photos, self._request()
        if folder is None or self.errors:
            return
        uploaded, engine = self.source == UPLOAD, self.engine or None
        not_sent = self.left_out if uploaded else []
        add_up = self.add_up

        def work() -> str:
            batch = submit_batch(str(folder), request, engine=engine, left_out=not_sent)
            self._filled = ""
            if uploaded:
                self.clear()
            self._adding, self._last = None, (batch, self._add_up(batch) if add_up else None)
            self._submitted(batch)
            self.folded = True
            self.submissions += 1
            return self._words()

        self.busy = self._t("Storing the photos …")
        self.work.run(work, before="", after=self._ended)

    def _request(self) -> tuple[Request, dict[str, str]]:
        """Return what is said of all photos, and what is wrong with it by field."""
        values, errors = {}, {}
        if self.photos is None:
            errors["source"] = self._t("Choose photos first.")
        for field, name in _IDENTIFIERS.items():
            try:
                values[name] = optional(name, getattr(self, field).strip() or None)
            except PayloadError as exc:
                errors[field] = exc.said(self.lang)
        if self.question:
            text = "Say first whether these photos belong to this project."
            errors["project"] = self._t(text)
        return Request(source=None, user_id=checked_user(None), **values), errors

    def _add_up(self, batch: Batch) -> Job | str | None:
        """Submit the inventory of the batch's project, or say why that is not added up."""
        if not batch.project_id:
            return "without a project nothing is added up"
        try:
            return submit_inventory(batch.project_id, after=batch)
        except PhotoqueueError as exc:
            # The photos are submitted all the same.
            why = InBoth(str(exc), french=exc.said("fr"))
            text = "{project} is not added up afterwards: {error}"
            self.errors = {"": self._t(text, project=batch.project_id, error=why)}
            return None

    #: Read with the views of a board; nothing here becomes outdated with time alone.
    ages: Final = False

    def refresh(self) -> None:
        """Say anew what was submitted last, as long as its inventory is not there.

        Raises
        ------
        PhotoqueueError
            The servers cannot be used.
        """
        if not self._last or (self._adding and self._adding.state.finished):
            return
        if isinstance(self._last[1], Job):
            self._adding = self._last[1].poll()
            self.said = self._words()

    def _words(self) -> str:
        """Say what was submitted last, and how far its inventory is."""
        if self._last is None:
            return ""
        batch, inventory = self._last
        left_out = left_out_words(batch.left_out.itertuples(index=False, name=None), self.lang)
        adding = self._t(inventory) if isinstance(inventory, str) else ""
        if isinstance(inventory, Job):
            state = self._adding.state if self._adding else JobState.WAITING
            error = (self._adding and self._adding.error_message) or ""
            adding = self._t(_ADDING_UP[state], project=batch.project_id, error=error)
        return " · ".join(filter(None, [_submitted_words(batch, self.lang), left_out, adding]))

    def _speak(self, _change: object = None) -> None:
        """Say everything in another language."""
        self.engines = self._engines(self.lang)
        self.said = self._words()
        self._look()
        if self.question:
            self.question = self._asked()

    def _t(self, text: str, **values: Any) -> str:
        return phrase(self.lang, text, **values)

    def told(self, error: PhotoqueueError) -> str:
        """Return what to say of an error, in the language of the form."""
        return error.said(self.lang)

    def _ended(self) -> None:
        self.busy = ""
        self._look()
        self._look_at_projects()

    def _say(self, text: str, urgent: bool) -> None:
        if urgent:
            self.errors = {**self.errors, "": text}
        elif text:
            self.said = text

    def _received(self, widget: object, message: dict[str, Any], buffers: list[Any]) -> None:
        match message.get("kind"):
            case "submit":
                # With all fields: a click may overtake what was typed before it.
                with suppress(traitlets.TraitError):
                    self.set_fields(message.get("fields"))
                self.submit()
            case "keep":
                self.keep_project()
            case _:
                super()._received(widget, message, buffers)

    def set_fields(self, values: Any) -> None:
        """Fill the fields."""
        if isinstance(values, dict):
            for name in _FIELDS:
                if name in values:
                    setattr(self, name, values[name])

    def keep_project(self) -> None:
        """Submit to this project from the present source, too."""
        self._project_for = self._here()
        self.question = ""
        self.errors = {}

    def _here(self) -> tuple[str, str]:
        """Return the present source: its kind, and which one of this kind it is."""
        which = {FOLDER: self.folder.strip(), UPLOAD: self._upload, SAMPLE: ""}
        return self.source, which[self.source]

    def _project_given(self, _change: object = None) -> None:
        self._project_for, self._filled, self.question = self._here(), "", ""
        self.errors = {}
        self._look()

    def _source_chosen(self, _change: object = None) -> None:
        """Look at what was chosen; ask whether it belongs to the project."""
        if self.project and self.project == self._filled and self.source != SAMPLE:
            self.project = ""
        if self.source == SAMPLE and not self.project:
            self.project = SAMPLE_HOME.name
            self._filled = self.project
        self.errors = {}
        self._look()
        self.question = self._asked() if self.ready else ""

    def _asked(self) -> str:
        here, given = self._here(), self._project_for
        if not self.project or given == here:
            return ""
        if given is None:
            # Given with the form: for whatever photos a person has, and not for the sample's.
            words = InBoth("other photos") if self.source == SAMPLE else ""
        elif given[0] == here[0] and not given[1]:
            words = ""  # typed before the folder was
        else:
            words = {
                FOLDER: InBoth("the folder {path}", path=given[1])
                if given[1]
                else InBoth("a folder"),
                UPLOAD: InBoth("an earlier upload" if self.source == UPLOAD else "uploaded photos"),
                SAMPLE: InBoth("the sample home"),
            }[given[0]]
        if not words:
            self._project_for = here
            return ""
        text = "{project} was for {what}. Submit these photos to it too?"
        return self._t(text, project=self.project, what=words)

    def _look(self, change: Any = None) -> None:
        """Show what would be submitted, and what would analyse it."""
        errors = {at: text for at, text in self.errors.items() if not change or at != change.name}
        self.hints = {
            "room_type": self._room_type_hint(),
            "engine": self._engine_hint(),
            "add_up": self._strategy_hint(),
        }
        folder, found, error = self.photos, "", ""
        if folder is not None:
            try:
                not_sent = self.left_out if self.source == UPLOAD else ()
                room = self.room.strip() or None
                seen = preview(str(folder), room=room, left_out=not_sent, lang=self.lang)
                found = f"{seen}."
            except PhotoqueueError as exc:
                error = self.told(exc)
        with self.hold_sync():
            self.found, self.ready = found, bool(found)
            self.errors = {**errors, "source": error} if error else errors

    def _look_at_projects(self) -> None:
        with suppress(PhotoqueueError):
            batches = ask(recent_batches, _RECENT)
            self.projects = list(dict.fromkeys(b.project_id for b in batches if b.project_id))
            self.first = not batches and history(limit=1).empty

    def _engine_hint(self) -> str:
        """Say which engine will analyse the photos."""
        name, told = self.engine, ""
        if not name:
            with suppress(PhotoqueueError):
                name = engines_at_work() or ""
            told = self._t(
                "Live workers run {name}." if name else "No worker is running yet.", name=name
            )
        choices = available_engines(settings_in_use())
        chosen = next((one for one in choices if one.name == name), None)
        if chosen is not None and self.engine:
            name, told = chosen.engine, in_language(self.lang, InBoth(chosen.reason))
        if name == "builtin" and self.source != SAMPLE:
            note = self._t("Note: {what}.", what=InBoth(FOR_TRYING_OUT))
            told = f"{told} {note}".strip()
        return told

    def _strategy_hint(self) -> str:
        """Say how the project will be added up: in the way that was chosen last."""
        asked = None
        with suppress(PhotoqueueError):
            asked = ask(asked_strategy, storable(self.project.strip()))
        texts = {str(name): text for name, text in STRATEGY_TEXTS.items()}
        return self._t(texts.get(asked or "", texts[DEFAULT_STRATEGY]))

    def _room_type_hint(self) -> str:
        text = self.room_type.strip()
        if not text or canonical_room_type(text) is not None:
            return ""
        return self._t(
            "{name!r} is not a known kind of room; it is kept as you wrote it. Known kinds are "
            "{known}, in French too.",
            name=text[:40],
            known=", ".join(ROOM_TYPES),
        )

    def _engines(self, lang: str) -> list[tuple[str, str]]:
        """List the engines with display names; unavailable ones are marked."""
        return [
            (phrase(lang, "the worker's own"), ""),
            *((_engine(one, lang), one.name) for one in available_engines(settings_in_use())),
        ]

    def __repr__(self) -> str:
        told = self.busy or self.said or self.found or "nothing chosen"
        return f"<{type(self).__name__}: {told}>"


def _submitted_words(batch: Batch, lang: str) -> str:
    count, known = len(batch), batch.known
    said = counted_in(lang, count, "1 photo submitted", "{n} photos submitted")
    if not known:
        return said
    if known == count:
        return said + counted_in(lang, known, ", known already", ", all of them known already")
    return said + counted_in(lang, known, ", 1 was known already", ", {n} were known already")


def _engine(choice: EngineChoice, lang: str) -> str:
    if not choice.available:
        return phrase(lang, "{engine} (not set up here)", engine=choice.name)
    return choice.name if choice.engine == choice.name else f"{choice.name} ({choice.engine})"
