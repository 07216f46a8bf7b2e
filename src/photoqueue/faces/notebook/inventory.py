"""The inventory of a project: rooms, lines, volumes, lorry and corrections."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import traitlets
from pydantic import TypeAdapter

from photoqueue.client.corrections import (
    correct,
    list_corrections,
    read_inventory,
    undo_correction,
)
from photoqueue.client.identifiers import checked
from photoqueue.client.observe import ask
from photoqueue.client.submit_job import submit_inventory
from photoqueue.client.system import is_worked_on
from photoqueue.errors import NotFoundError, StateError
from photoqueue.faces.notebook.view import LiveView, Message, Paced, Scope, script, style
from photoqueue.installation import current
from photoqueue.inventory.catalogue_file import CATEGORIES, LANGUAGES
from photoqueue.inventory.export import FORMATS, export_inventory, free_name
from photoqueue.inventory.volumes import lorry_for
from photoqueue.inventory.wording import Wording
from photoqueue.jobs import INVENTORY_SYNC
from photoqueue.queue.projects import ProjectStanding, list_projects, project_standing
from photoqueue.queue.read import batch_row
from photoqueue.records.base import DEFAULT_STRATEGY, STRATEGIES, STRATEGY_TEXTS, Record
from photoqueue.records.results import Correction, InventoryLine, InventoryResult
from photoqueue.words import JobState

if TYPE_CHECKING:
    from photoqueue.queue.projects import ProjectRow

Json = dict[str, Any]
_STANDING: Final = TypeAdapter(ProjectStanding)

_WORDS: Final = {
    None: "Not added up yet.",
    JobState.WAITING: "Waiting for a worker …",
    JobState.ACTIVE: "Adding up …",
    JobState.DELAYED: "Adding up failed; it will be retried soon …",
    JobState.COMPLETED: "Added up",
    JobState.FAILED: "Adding up failed.",
    JobState.CANCELLED: "Adding up was cancelled.",
}


def project_choices(projects: Iterable[ProjectRow]) -> list[Json]:
    """Return the options of a project selector."""
    return [
        {
            "id": row.project_id,
            "photos": row.photos,
            "rooms": row.rooms,
            "addedUp": row.newest_inventory is not None,
        }
        for row in projects
    ]


def standing_page(standing: ProjectStanding, *, taken: bool) -> Json:
    """Describe the progress of a project.

    Parameters
    ----------
    standing : ProjectStanding
    taken : bool
        Whether a live worker takes inventory jobs.
    """
    words = _WORDS[standing.state]
    if standing.state is JobState.WAITING:
        if standing.waits_for_batch:
            words = "Waiting until the photos of its batch are analysed …"
        elif not taken:
            words = (
                "Waiting: no live worker takes inventory jobs. Start a worker in the System tab."
            )
    running = standing.state is not None and not standing.state.finished
    shown: Json = _STANDING.dump_python(standing, mode="json")
    return {**shown, "words": words, "running": running}


def inventory_page(result: InventoryResult, wording: Wording) -> Json:
    """Return totals and rooms of an inventory, with the names of its JSON."""
    usual, highest = lorry_for(result.total_volume), lorry_for(result.total_volume_max)
    rooms: dict[str, list[InventoryLine]] = {room: [] for room in result.rooms}
    for line in result.lines:
        rooms.setdefault(line.room, []).append(line)
    return {
        **_json(result, exclude={"lines", "seen_lines"}),
        "lorry": usual.words(wording.language),
        "largerLorry": None if highest == usual else highest.words(wording.language),
        "engine": result.made_by,
        "review": sum(line.review for line in result.lines),
        "rooms": [_room(room, lines, wording) for room, lines in rooms.items()],
    }


def corrections_page(corrections: Iterable[Correction], wording: Wording) -> list[Json]:
    """Return corrections, newest first."""
    return [
        # Named as in lines, so that a line finds its correction.
        {**_json(made), "item": made.key or made.name, "name": wording.item(made.key, made.name)}
        for made in sorted(corrections, key=lambda made: -made.correction_id)
    ]


def _room(room: str, lines: list[InventoryLine], wording: Wording) -> Json:
    kind = wording.room_type(lines[0].room_type) if lines else ""
    return {
        "name": room,
        "kind": "" if kind.casefold() == room.casefold() else kind,
        "items": sum(line.count for line in lines),
        "volume": round(sum(line.volume for line in lines), 3),
        "lines": [
            {
                **_json(line),
                # What a correction names: the key, else the thing's own name and category.
                "item": line.key or line.name,
                "category": None if line.key else line.category,
                "name": wording.item(line.key, line.name),
            }
            for line in lines
        ],
    }


def _json(record: Record, exclude: set[str] | None = None) -> Json:
    return record.model_dump(mode="json", by_alias=True, exclude=exclude)


#: Seconds for which the list of projects is not read again.
_PROJECTS_SECONDS: Final = 5.0


class InventoryView(LiveView):
    """Shows the newest inventory of a project; users can correct it.

    Parameters
    ----------
    scope : Scope or None
        Names the project, or a batch of it; if neither, the user chooses.
    actions : bool
        Whether to allow corrections, adding up and export.
    user_id : str or None
        Author of corrections; default: the login name.

    Attributes
    ----------
    result : InventoryResult or None
        The inventory shown.
    lang : str
        ``en`` or ``fr``: language of the names.
    strategy : str
        How things in several photos of a room are counted when it is added up again.

    Examples
    --------
    >>> view = InventoryView(Scope(project="move-42"))  # doctest: +SKIP
    >>> view.export("xlsx")  # doctest: +SKIP
    """

    _esm = script("inventory")
    _css = style("inventory")

    page = traitlets.Dict().tag(sync=True)
    #: Names in the catalogue, as suggestions.
    things = traitlets.List(traitlets.Unicode()).tag(sync=True)
    lang = traitlets.Enum(LANGUAGES, default_value="en").tag(sync=True)
    strategy = traitlets.Enum(STRATEGIES, default_value=DEFAULT_STRATEGY).tag(sync=True)
    #: The user's choice if the scope names no project.
    project = traitlets.Unicode("").tag(sync=True)
    #: The file that was written last.
    exported = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        scope: Scope | None = None,
        *,
        actions: bool = True,
        user_id: str | None = None,
        **traits: Any,
    ) -> None:
        self.user_id = user_id
        self.result: InventoryResult | None = None
        self._named_for: str | None = None
        self._projects = Paced(lambda: project_choices(ask(list_projects)), least=_PROJECTS_SECONDS)
        super().__init__(scope, actions=actions, **traits)

    def refresh(self) -> None:
        """Read the project's inventory, corrections and progress again."""
        words = Wording.of(self.lang, current().settings)
        if self._named_for != self.lang:
            self.things = sorted(item.name(self.lang) for item in words.catalogue.items)
            self._named_for = self.lang
        named = self._scoped_project()
        page: dict[str, Any] = {
            "fixed": bool(named),
            "projects": [] if named else self._projects.of(),
            "project": named or self.project,
            "strategies": STRATEGY_TEXTS,
            "categories": list(CATEGORIES),
            "inventory": None,
        }
        result = None
        if page["project"]:
            standing = ask(project_standing, checked("project_id", page["project"]))
            page["standing"] = standing_page(standing, taken=is_worked_on(INVENTORY_SYNC))
            listed = list_corrections(page["project"], undone=True)
            page["corrections"] = corrections_page(listed, words)
            result = self._read(page["project"])
            if result is not None:
                page["inventory"] = inventory_page(result, words)
        self.result = result
        self.page = page

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
        if self.result is None:
            raise StateError("There is no inventory to export. Add the project up first.")
        if kind not in FORMATS:
            raise StateError(f"Unknown format {kind!r:.40}; choose {' or '.join(FORMATS)}.")
        target = Path(path) if path else free_name(Path.cwd(), self.result.project_id, kind)
        written = export_inventory(
            self.result, kind, target, Wording.of(self.lang, current().settings)
        )
        self.exported = str(written)
        return written

    def _scoped_project(self) -> str:
        if self.scope.project or not self.scope.batch:
            return str(self.scope.project)
        return ask(batch_row, self.scope.batch)["project_id"] or ""

    def _read(self, project: str) -> InventoryResult | None:
        try:
            return read_inventory(project)
        except NotFoundError:
            return None  # the page shows which, from its standing

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
            raise StateError(f"No names in {language!r:.10}; choose {' or '.join(LANGUAGES)}.")
        self.lang = language

    def _add_up(self, message: Message) -> None:
        strategy = str(message.get("strategy") or self.strategy)
        submit_inventory(self._shown_project, user_id=self.user_id, strategy=strategy)
        self.set_trait("strategy", strategy)

    def _correct(self, message: Message) -> None:
        count: Any = message.get("count")  # checked by the verb
        correct(
            self._shown_project,
            room=str(message.get("room") or ""),
            item=str(message.get("item") or ""),
            count=count,
            volume=message.get("volume"),
            dismountable=message.get("dismountable"),
            category=message.get("category") or None,
            new_room=bool(message.get("newRoom")),
            user_id=self.user_id,
        )

    def _undo(self, message: Message) -> None:
        number: Any = message.get("correction")  # checked by the verb
        undo_correction(number, user_id=self.user_id)

    looking = frozenset({"refresh", "project", "language"})
    verbs: ClassVar = {
        "refresh": lambda self, message: None,
        "project": _choose,
        "language": _speak,
        "add-up": _add_up,
        "correct": _correct,
        "undo": _undo,
        "export": lambda self, message: self.export(str(message.get("format"))),
    }
