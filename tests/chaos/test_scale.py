"""The command that looks for limits runs to its end, with the statements as they are now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos import scale


def test_every_part_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scale, "_SECONDS", 1)
    monkeypatch.setattr(scale.signal, "signal", lambda *_: None)  # the tests have their own
    out = tmp_path / "scale.json"
    few = ["--at-once", "3000", "--connections", "2", "--rows", "150000", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["scale", *few])
    scale.main()
    found = {name: one["value"] for name, one in json.loads(out.read_text()).items()}
    assert found["few rows: claims and records, 2 connections"] > 0
    assert found["150,000 rows: claims and records, 4 connections"] > 0
    assert "150,000 rows, pruned: stats()" in found
