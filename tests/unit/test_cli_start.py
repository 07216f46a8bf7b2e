from __future__ import annotations

import subprocess
import sys

import pytest


def test_command_line_starts_without_heavy_libraries() -> None:
    heavy = ("pandas", "sqlalchemy", "onnxruntime", "numpy", "pydantic", "redis", "psycopg")
    code = (
        f"import sys, photoqueue.faces.cli.app; print([m for m in {heavy!r} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["__main__", "__mp_main__"])
def test_commands_and_their_processes_look_for_garbage_rarely(name: str) -> None:
    code = (
        "import gc, runpy, sys\n"
        "sys.argv = ['photoqueue', '--version']\n"
        "try:\n"
        f"    runpy.run_module('photoqueue', run_name={name!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(gc.get_threshold()[0] > 5000)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[-1] == "True"
