"""Every notebook runs, and shows what is stored in it: with nbmake, then with nbval."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.surroundings import NOTEBOOKS, processes_of, surroundings

# Not imported: each process that collects the tests would spend seconds on it.
for name in ("nbmake", "nbval", "voila"):
    if find_spec(name) is None:
        pytest.skip(f"needs {name}", allow_module_level=True)

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
NAMES = [path.stem for path in ALL]

#: Seconds that one cell may take.
CELL_SECONDS = 120


def run_pytest(*arguments: str | Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        # Plain pytest: what Jupyter's own code warns of is not the notebooks' affair.
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", NOTEBOOKS),
            *("-p", "no:cacheprovider", "-p", "nbmake.pytest_plugin", "-p", "nbval.plugin", "-q"),
            *arguments,
        ],
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_notebook_runs_twice_and_shows_what_is_stored_in_it(path: Path) -> None:
    before = path.read_bytes()
    if b"report.pdf" in before and find_library("pangoft2-1.0") is None:
        pytest.skip("needs libpango-1.0-0 and libpangoft2-1.0-0")
    # One process a queue is enough for a notebook that does not show how many there are.
    fewer = {} if b"concurrency" in before else {"QUEUE_CONCURRENCY": "1"}
    with surroundings(**fewer) as (folder, environment):
        run_pytest(
            *("--nbmake", f"--nbmake-timeout={CELL_SECONDS}"),
            *("--nbval", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}"),
            *("--nbval-sanitize-with", NOTEBOOKS / "sanitize.cfg", path),
            environment=environment,
        )
    assert processes_of(folder) == []
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_stored_notebook_is_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"].keys() == {"kernelspec"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    cells = notebook["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert all(cell["metadata"].keys() <= {"tags"} for cell in cells)
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert {output["output_type"] for output in outputs} <= {
        "execute_result",
        "display_data",
        "stream",
    }
    assert all(output.get("name") != "stderr" for output in outputs)
    assert "widget-view" not in text
    # Nothing of the machine or the moment that it ran in; pictures are letters by chance.
    shown = "\n".join(_texts(outputs))
    assert re.search(r"0x[0-9a-f]{6}|/tmp/|\d\d:\d\d:\d\d", shown) is None
    assert not any(str(place) in shown for place in (NOTEBOOKS.parent, sys.prefix))


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_notebook_explains_its_steps_and_is_short(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    words = sum(len("".join(cell["source"]).split()) for cell in cells)
    assert words < 1000  # five minutes, at 200 words a minute
    assert all(len(source.splitlines()) <= 20 for source in code)


def test_notebooks_are_the_documented_ones() -> None:
    assert NAMES == [
        "01_quickstart",
        "02_batch_workbench",
        "03_inventory",
        "04_operations",
        "05_production",
        "06_report",
        "dashboard",
    ]


def _texts(outputs: list[dict[str, Any]]) -> Iterator[str]:
    for output in outputs:
        yield "".join(output.get("text", ""))
        for kind, data in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield "".join(data)
