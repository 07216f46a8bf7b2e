"""The documentation leaves nothing out that the code has; tests/docs builds it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

import photoqueue
from photoqueue.jobs import job_types
from photoqueue.queue.tables import metadata
from photoqueue.settings import Settings, variable_of
from photoqueue.words import TRANSITIONS, JobState
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module", autouse=True)
def _parts() -> Iterator[None]:
    """Make the package that writes the reference importable."""
    sys.path.insert(0, str(DOCS / "extensions"))
    yield
    sys.path.remove(str(DOCS / "extensions"))


def test_docs_say_what_each_variable_means() -> None:
    from parts.environment import meaning

    assert [name for name in Settings.model_fields if not meaning(name)] == []


def test_docs_say_what_each_table_and_column_means() -> None:
    from parts.tables import markdown, sentences

    written = markdown()
    missing = [
        f"{table.name}.{name}"
        for table in metadata.sorted_tables
        for name in ("table", *(column.name for column in table.columns))
        if not sentences().get(table.name, {}).get(name) or f"## {table.name}\n" not in written
    ]
    assert missing == []


def test_docs_say_what_each_key_of_job_data_and_results_means() -> None:
    from parts.data import MODELS, meaning

    fields = [(model, name) for model in MODELS for name in model.model_fields]
    assert [(model.__name__, name) for model, name in fields if not meaning(model, name)] == []


def test_picture_of_the_states_is_that_of_the_code() -> None:
    """Draw it anew: ``cd docs/extensions && python -m parts.job_states``."""
    from parts.job_states import PICTURE, draw

    drawn = draw()
    assert PICTURE.read_text(encoding="utf-8") == drawn
    assert all(f">{state}</text>" in drawn for state in JobState)
    assert drawn.count("<path") == sum(map(len, TRANSITIONS.values()))


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"^[a-z/-]+$", (DOCS / "index.md").read_text(), re.MULTILINE))
    pages = {str(one.relative_to(DOCS).with_suffix("")) for one in DOCS.rglob("*.md")}
    assert pages - {"index"} == listed


def test_docs_use_variables_commands_and_queues_that_exist() -> None:
    from parts.commands import every_command

    variables = {variable_of(name) for name in Settings.model_fields}
    commands = {name.split()[1] for name, _ in every_command()}
    pages = [REPOSITORY / "README.md", *DOCS.rglob("*.md")]
    text = {one: one.read_text(encoding="utf-8") for one in pages}
    wrong = [
        (one.name, word)
        for one, content in text.items()
        for word in re.findall(r"\b(?:PHOTOQUEUE|QUEUE)_[A-Z_]+[A-Z]\b", content)
        if word not in variables
    ]
    wrong += [
        (one.name, word)
        for one, content in text.items()
        for word in re.findall(r"^\$ photoqueue ([a-z]+)", content, re.MULTILINE)
        if word not in commands
    ]
    wrong += [
        (one.name, word)
        for one, content in text.items()
        for word in re.findall(r"--queue ([a-z-]+)", content)
        # a page may declare one
        if word not in {*job_types(), *re.findall(r'JobType\(\s*"([a-z-]+)"', content)}
    ]
    assert wrong == []


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []
    # Benchmarks, accuracy and settings belong into the documentation.
    assert len(re.findall(r"[A-Za-zÀ-ÿ0-9_.-]+", text)) <= 1000


def test_readme_imports_names_of_the_public_api() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    named = [
        name.strip()
        for names in re.findall(r"^from photoqueue import (.+)$", text, re.MULTILINE)
        for name in names.split(",")
    ]
    assert named
    assert [name for name in named if name not in photoqueue.__all__] == []
