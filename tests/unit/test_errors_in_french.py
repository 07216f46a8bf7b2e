"""What a person can do wrong on the Review page and in the form is said in French, too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import pytest

from photoqueue.errors import PayloadError, StateError
from photoqueue.phrases import FRENCH, InBoth
from tests.conftest import REPOSITORY

#: Modules behind the page and the form, each with the functions that neither of them calls.
MODULES: Final[dict[str, set[str]]] = {
    "faces/notebook/review.py": set(),
    "faces/notebook/submit_form.py": set(),
    "faces/notebook/upload.py": set(),
    "client/verbs.py": set(),
    "client/review.py": set(),
    "client/project_state.py": set(),
    "client/identifiers.py": {"checked_priority"},
    "client/corrections.py": {"undo_correction", "read_inventory", "_inventory"},
    "client/gallery.py": {"photo_row"},
    "inventory/export.py": {"write_coco"},
    "photos/finding.py": set(),
    "photos/limits.py": set(),
    "photos/opening.py": set(),
    "photos/sources.py": {"_read", "_read_open"},
    "photos/remote.py": set(),
    "queue/projects.py": set(),
    # What is wrong when an installation is opened is said before there is a page.
    "queue/database.py": {"parsed", "begin_within", "check_schema", "newer_schema"},
}


def errors(module: str) -> Iterator[tuple[int, ast.expr]]:
    """Give the line and the message of every error of a module that can reach a person."""
    tree = ast.parse((REPOSITORY / "src" / "photoqueue" / module).read_text(encoding="utf-8"))
    away = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in MODULES[module]
    ]
    unreachable = {id(node) for function in away for node in ast.walk(function)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith("Error")
            and node.args
            and id(node) not in unreachable
        ):
            yield node.lineno, node.args[0]


def texts(message: ast.expr) -> list[str] | None:
    """Return the texts that a message can be; None if they are made up where it is raised."""
    if isinstance(message, ast.Constant):
        return [str(message.value)]
    if isinstance(message, ast.IfExp):
        both = (texts(message.body), texts(message.orelse))
        return None if None in both else [text for one in both for text in one or ()]
    return None


@pytest.mark.parametrize("module", MODULES)
def test_every_error_has_a_french_text(module: str) -> None:
    found = list(errors(module))
    said = {line: texts(message) for line, message in found}
    made_up = [
        line
        for line, message in found
        # a text of another name is one of the texts of this module
        if said[line] is None and not isinstance(message, ast.Name | ast.Attribute)
    ]
    assert not made_up
    assert not [text for some in said.values() for text in some or () if text not in FRENCH]


def test_error_is_said_in_the_language_of_the_reader() -> None:
    error = StateError(
        "Edit {number} ({words}) is not about one item.",
        number=3,
        words=InBoth("chair is desk", french="chaise : c’est bureau"),
    )
    assert str(error) == "Edit 3 (chair is desk) is not about one item."
    assert error.said("en") == str(error)
    assert error.said("fr") == (
        "La modification 3 (chaise : c’est bureau) ne porte pas sur un seul objet."
    )


def test_error_without_french_is_said_as_it_is() -> None:
    assert PayloadError("A text with {braces}.").said("fr") == "A text with {braces}."
