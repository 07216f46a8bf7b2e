"""The lists of CONTRIBUTING: each addition is made in a copy of the package, in its files only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg
import pytest

from photoqueue.queue.tables import SCHEMA_REVISION
from photoqueue.services import Endpoints
from photoqueue.testing import with_database
from tests.conftest import REPOSITORY, settings_of
from tests.databases import new_name

PACKAGE = REPOSITORY / "src/photoqueue"
#: What becomes of a file; None is given for one that is new.
Edit = Callable[[str | None], str]


def listed() -> dict[str, set[str]]:
    """Return what is added → the files that CONTRIBUTING names for it."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| ([a-z ]+) \| (`[^|]+`) \|", text.partition("## What to touch")[2], re.M)
    return {what: set(re.findall(r"`([^`]+)`", files)) for what, files in rows}


def new(text: str) -> Edit:
    return lambda before: text


def after(place: str, added: str) -> Edit:
    """Write something behind a place that is there once."""

    def edit(before: str | None) -> str:
        assert before is not None
        assert before.count(place) == 1, place
        return before.replace(place, place + added)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(before: str | None) -> str:
        for one in edits:
            before = one(before)
        assert before is not None
        return before

    return edit


NEXT: Final = f"{int(SCHEMA_REVISION) + 1:04}"
COLUMN: Final[dict[str, Edit]] = {
    "queue/tables.py": both(
        lambda before: (before or "").replace(f'Final = "{SCHEMA_REVISION}"', f'Final = "{NEXT}"'),
        after('    sa.Column("after_batch", sa.Text),\n', '    sa.Column("origin", sa.Text),\n'),
    ),
    f"queue/migrations/versions/{NEXT}_origin.py": new(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision, down_revision = "{NEXT}", "{SCHEMA_REVISION}"\n\n\n'
        'def upgrade():\n    op.add_column("jobs", sa.Column("origin", sa.Text()))\n'
    ),
    "queue/submission.py": both(
        after("    after_batch: str | None = None\n", '    origin: str | None = "here"\n'),
        after(
            '        "after_batch": [job.after_batch for job in jobs],\n',
            '        "origin": [job.origin for job in jobs],\n',
        ),
    ),
    "queue/submission.sql": lambda before: (
        (before or "")
        .replace("user_id, batch_id, after_batch,", "user_id, batch_id, after_batch, origin,")
        .replace("after_batch text,", "after_batch text, origin text,")
        .replace("user_id, after_batch,", "user_id, after_batch, origin,")
        .replace("%(after_batch)s::text,", "%(after_batch)s::text, %(origin)s::text,")
    ),
    "records/snapshots.py": after(
        '    priority: Annotated[int, Column("Priority")]\n',
        '    origin: Annotated[str | None, Column("Origin", listed=True)]\n',
    ),
}
COLUMN_IS_SEEN: Final = """
import subprocess, sys
import photoqueue
from photoqueue.faces.notebook.jobs import JobsView
from photoqueue.queue.database import Database, migrate
from photoqueue.settings import load_settings
from tests.api_server import client_of
from tests.conftest import picture

settings = load_settings()
migrate(Database(settings.database_url.get_secret_value()))
job = photoqueue.submit_photo(picture(1), photo_id="p1")
photoqueue.submit_photos([picture(n) for n in range(2, 62)])  # by COPY
history = photoqueue.history()
assert set(history["origin"]) == {"here"} and len(history) == 61
assert job.poll().origin == "here"
view = JobsView()
view.refresh()
assert "Origin" in [column["title"] for column in view.columns]
assert view.page["rows"][0]["origin"] == "here"
with client_of(settings) as api:
    assert api.get("/api/jobs").json()["jobs"][0]["origin"] == "here"
    assert "origin" in api.get("/openapi.json").text
for command in (["jobs"], ["job", job.id]):
    done = subprocess.run(
        [sys.executable, "-m", "photoqueue", *command], capture_output=True, text=True, check=True
    )
    assert "origin" in done.stdout.lower() and "here" in done.stdout, done.stdout
"""

TYPE: Final[dict[str, Edit]] = {
    "jobs/floor_plan.py": new(
        "from photoqueue.words import JobType\n\n"
        'FLOOR_PLAN = JobType("floor-plan", handler="photoqueue.jobs.floor_plan:make")\n\n\n'
        'def make(workplace):\n    return lambda data, calls: {"drawn": data["name"]}\n'
    ),
    "jobs/__init__.py": both(
        lambda before: (before or "").replace(
            "in (PHOTO_ANALYZE, INVENTORY_SYNC):", "in (PHOTO_ANALYZE, INVENTORY_SYNC, FLOOR_PLAN):"
        ),
        after(
            "from photoqueue.errors import ConfigurationError\n",
            "from photoqueue.jobs.floor_plan import FLOOR_PLAN\n",
        ),
    ),
}
TYPE_IS_DONE: Final = """
import photoqueue
from photoqueue.installation import current
from photoqueue.jobs import types_to_run
from photoqueue.jobs.floor_plan import FLOOR_PLAN
from photoqueue.queue.database import Database, migrate
from photoqueue.settings import load_settings
from tests.bench import Bench

migrate(Database(load_settings().database_url.get_secret_value()))
assert FLOOR_PLAN in types_to_run()
job = photoqueue.submit(FLOOR_PLAN, {"name": "move-42"})
assert Bench(current())(job) == {"drawn": "move-42"}
assert photoqueue.stats()["floor-plan"].completed == 1
"""

ENGINE: Final[dict[str, Edit]] = {
    "engines/cardboard.py": new(
        "from photoqueue.engines.contract import Analysis\n\n\n"
        "class Cardboard:\n"
        '    name, model = "cardboard", "v1"\n\n'
        "    def analyse(self, image, hint):\n"
        '        return Analysis(items=(), room_type="box", confidence=1.0)\n\n\n'
        "def build(settings, *, processes):\n    return Cardboard()\n"
    ),
    "engines/registry.py": after(
        "_REGISTERED: Final[dict[str, _Registered]] = {\n",
        '    "cardboard": _Registered(\n'
        '        factory="photoqueue.engines.cardboard:build",\n'
        '        library="json",\n'
        '        extra="detect",\n'
        "        check=lambda settings: None,\n"
        "    ),\n",
    ),
}
ENGINE_IS_OFFERED: Final = """
from photoqueue import Hint, Settings
from photoqueue.engines.registry import available_engines, checked_engine, load_engine

settings = Settings(engine="cardboard")
assert load_engine(settings).analyse(None, Hint(photo_id="p")).room_type == "box"
assert checked_engine("cardboard") == "cardboard"
assert {one.name: one.available for one in available_engines(settings)}["cardboard"]
"""

SETTING: Final[dict[str, Edit]] = {
    "settings.py": after(
        '    broker: Literal["auto", "postgres"] = "auto"\n',
        '    #: Size of paper that plans are drawn on.\n    paper: Literal["a3", "a4"] = "a4"\n',
    )
}
SETTING_IS_READ: Final = """
import os, sys
sys.path.insert(0, "docs/extensions")
os.environ["PHOTOQUEUE_PAPER"] = "a3"
from parts.environment import markdown
from photoqueue.settings import load_settings

assert load_settings().paper == load_settings().to_environment()["PHOTOQUEUE_PAPER"] == "a3"
assert "| `PHOTOQUEUE_PAPER` | `a4` | `a3`, `a4` | Size of paper that plans are" in markdown()
"""

CHART: Final[dict[str, Edit]] = {
    "records/figures.py": both(
        after(
            "        return cls(\n            durations=Durations.of(rows),\n",
            "            arrivals=Arrivals.of(rows),\n",
        ),
        after("    durations: Durations\n    waits: Waits\n", "    arrivals: Arrivals\n"),
        lambda before: (before or "").replace(
            "@dataclass(frozen=True, slots=True, kw_only=True)\nclass Figures:",
            "@dataclass(frozen=True, slots=True, kw_only=True)\nclass Arrivals:\n"
            "    count: int = 0\n\n"
            "    @classmethod\n"
            "    def of(cls, rows):\n"
            '        return cls(count=sum(r.count for r in rows if r.measure == "submitted"))\n\n\n'
            "@dataclass(frozen=True, slots=True, kw_only=True)\nclass Figures:",
        ),
    ),
    "faces/notebook/charts/arrivals.py": new(
        "from photoqueue.faces.notebook.charts.canvas import Chart, Table\n"
        "from photoqueue.records.figures import Arrivals\n\n\n"
        "arrivals = Chart(\n"
        '    title="Arrivals", nothing="none yet",\n'
        "    reduce=lambda frame: Arrivals(count=len(frame)),\n"
        "    has_data=lambda record: record.count,\n"
        "    paint=lambda record, sheet: sheet.write(0.5, 0.5, str(record.count)),\n"
        '    say=lambda record: f"{record.count} jobs came in.",\n'
        '    find=lambda record: f"{record.count} jobs came in",\n'
        '    table=lambda record: Table(("jobs",), ((str(record.count),),)),\n'
        ")\n"
    ),
    "faces/notebook/charts/__init__.py": both(
        after(
            "from photoqueue.faces.notebook.charts.ai import ai\n",
            "from photoqueue.faces.notebook.charts.arrivals import arrivals\n",
        ),
        after('    "ai": ai,\n', '    "arrivals": arrivals,\n'),
    ),
}
CHART_IS_DRAWN: Final = """
import photoqueue
from photoqueue.faces.notebook.charts_view import ChartsView
from photoqueue.queue.database import Database, migrate
from photoqueue.settings import load_settings
from tests.conftest import picture

migrate(Database(load_settings().database_url.get_secret_value()))
photoqueue.submit_photo(picture(1), photo_id="p1")
view = ChartsView()
view.refresh()
assert "arrivals" in view.names
assert (view.arrivals["alt"], view.arrivals["rows"]) == ("1 jobs came in.", [["1"]])
assert view.arrivals["png"].startswith(b"\\x89PNG")
"""

COMMAND: Final[dict[str, Edit]] = {
    "faces/cli/greet.py": new('def greet() -> None:\n    """Say hello."""\n    print("hello")\n'),
    "faces/cli/app.py": both(
        after("    doctor,\n", "    greet,\n"),
        lambda before: (before or "").replace("models.evaluate)", "models.evaluate, greet.greet)"),
    ),
}
COMMAND_IS_THERE: Final = """
import subprocess, sys
sys.path.insert(0, "docs/extensions")
from parts.commands import every_command

def shell(*words):
    done = [sys.executable, "-m", "photoqueue", *words]
    return subprocess.run(done, capture_output=True, text=True, check=True).stdout

assert shell("greet") == "hello\\n"
assert "Say hello." in shell("--help")
assert "photoqueue greet" in [name for name, _ in every_command()]
"""

TRIALS: Final = {
    "column of a job": (COLUMN, COLUMN_IS_SEEN),
    "job type": (TYPE, TYPE_IS_DONE),
    "engine": (ENGINE, ENGINE_IS_OFFERED),
    "setting": (SETTING, SETTING_IS_READ),
    "chart": (CHART, CHART_IS_DRAWN),
    "command": (COMMAND, COMMAND_IS_THERE),
}


@pytest.mark.parametrize("what", TRIALS)
def test_addition_touches_what_is_listed_and_is_seen(
    what: str, servers: Endpoints, tmp_path: Path
) -> None:
    edits, program = TRIALS[what]
    named = {file if (PACKAGE / file).exists() else _pattern(file) for file in edits}
    assert named == listed()[what]
    copy = tmp_path / "photoqueue"
    # Linked: only what is edited becomes a file of its own.
    shutil.copytree(
        PACKAGE, copy, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__")
    )
    for file, edit in edits.items():
        there = (PACKAGE / file).read_text() if (PACKAGE / file).exists() else None
        changed = edit(there)
        assert changed != there
        (copy / file).unlink(missing_ok=True)
        (copy / file).write_text(changed)
    admin = servers.database_url.get_secret_value()
    name = new_name()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    settings = settings_of(servers, with_database(admin, name), tmp_path / "home")
    path = os.pathsep.join((str(tmp_path), str(REPOSITORY)))
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=REPOSITORY,
            env={**os.environ, **settings.to_environment(), "PYTHONPATH": path, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=150,
        )
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert done.returncode == 0, done.stderr


def _pattern(file: str) -> str:
    """Name a new file as the lists do."""
    folder, _, name = file.rpartition("/")
    return f"{folder}/{'NUMBER_NAME' if name[0].isdigit() else 'NAME'}.py"


def test_every_list_has_its_trial_and_names_files_that_exist() -> None:
    assert listed().keys() == TRIALS.keys()
    for files in listed().values():
        for file in files:
            there = file if "NAME" not in file else file.rpartition("/")[0]
            assert (PACKAGE / there).exists(), file
