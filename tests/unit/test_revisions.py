"""Migrations: one chain, whoever adds the next."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

VERSIONS = REPOSITORY / "src" / "photoqueue" / "queue" / "migrations" / "versions"


def test_revisions_are_one_chain_named_by_their_files() -> None:
    before = None
    for number, file in enumerate(sorted(VERSIONS.glob("[0-9]*.py")), start=1):
        text = file.read_text()
        told = dict(re.findall(r'^(revision|down_revision)[^=\n]*= (?:"(\w+)"|None)', text, re.M))
        assert told["revision"] == f"{number:04}" == file.name[:4], file.name
        assert (told["down_revision"] or None) == before, file.name
        before = told["revision"]
