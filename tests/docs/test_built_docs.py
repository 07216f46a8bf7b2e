"""The documentation builds without a warning, and leaves nothing out that the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import photoqueue
from photoqueue.settings import Settings, variable_of
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module", autouse=True)
def _parts() -> Iterator[None]:
    """Make the package that writes the reference importable."""
    sys.path.insert(0, str(DOCS / "extensions"))
    yield
    sys.path.remove(str(DOCS / "extensions"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation once, as ``make docs`` does."""
    built = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(DOCS), str(built)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return built


def page(built: Path, name: str) -> str:
    return (built / name).read_text(encoding="utf-8")


@pytest.mark.timeout(900)
def test_docs_build_without_a_warning_and_load_nothing_from_elsewhere(shared: Path) -> None:
    pages = list(shared.rglob("*.html"))
    assert len(pages) > 20
    loaded = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"(https?:)?//")
    assert [one.name for one in pages if loaded.search(one.read_text(encoding="utf-8"))] == []


def modules_in_pages() -> set[str]:
    """Return the modules that the documentation tells its readers to import, or to name."""
    sources = [REPOSITORY / "README.md", *DOCS.rglob("*.md"), *(DOCS / "examples").glob("*.py")]
    named = re.compile(r"(?:from |import |pytest_plugins = \[\")(photoqueue\.[\w.]+)")
    found = {name for one in sources for name in named.findall(one.read_text(encoding="utf-8"))}
    # Parts of the workbench are for notebooks, and described where these are.
    return {name for name in found if not name.startswith("photoqueue.faces.notebook")}


@pytest.mark.timeout(900)
def test_docs_have_every_variable_command_name_and_address(shared: Path) -> None:
    from parts.api import public_modules
    from parts.commands import every_command
    from parts.http_api import description

    environment = page(shared, "reference/environment.html")
    missing = [name for name in Settings.model_fields if variable_of(name) not in environment]
    commands = page(shared, "reference/commands.html")
    missing += [name for name, _ in every_command() if f">{name}<" not in commands]
    python = page(shared, "reference/python.html")
    errors = page(shared, "reference/errors.html")
    missing += [
        name
        for name in photoqueue.__all__
        if f'id="photoqueue.{name}"' not in python and name not in errors
    ]
    told = {module.__name__ for module in public_modules()} | {"photoqueue.errors"}
    missing += sorted(modules_in_pages() - told)
    missing += [
        f"{module.__name__}.{name}"
        for module in public_modules()
        for name in module.__all__
        if f'id="{module.__name__}.{name}"' not in python
    ]
    http = page(shared, "reference/http.html")
    missing += [path for path in description()["paths"] if path not in http]
    assert missing == []


@pytest.mark.timeout(900)
def test_docs_name_no_path_of_the_machine_that_built_them(shared: Path) -> None:
    places = (str(REPOSITORY), str(Path.home()))
    found = [
        one.name
        for one in shared.rglob("*.html")
        if any(place in one.read_text(encoding="utf-8") for place in places if len(place) > 1)
    ]
    assert found == []
