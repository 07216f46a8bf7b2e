"""The SDK in a real Jupyter kernel: progress, await, and a worker that goes with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from photoqueue import Settings
from photoqueue.installation import Installation
from tests.conftest import REPOSITORY, eventually, picture

# Not imported: each process that collects the tests would spend seconds on it.
for name in ("ipykernel", "nbclient"):
    if find_spec(name) is None:
        pytest.skip(f"needs {name}", allow_module_level=True)

#: Runs cells in a kernel, in a process of its own: what Jupyter warns of is its own affair. The
#: kernel is killed at the end.
RUN_CELLS = """
import json, os, signal, sys
import nbclient, nbformat
cells = json.load(sys.stdin)
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True)
with client.setup_kernel():
    for number, cell in enumerate(notebook.cells):
        client.execute_cell(cell, number)
    os.kill(client.km.provisioner.pid, signal.SIGKILL)
json.dump([cell.outputs for cell in notebook.cells], sys.stdout)
"""


def run_python(program: str, stdin: str, settings: Settings) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=stdin,
        cwd=REPOSITORY,
        env={
            **os.environ,
            **settings.to_environment(),
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        },
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def run_cells(settings: Settings, *cells: str) -> list[list[dict[str, Any]]]:
    """Run a notebook; return the outputs of each cell."""
    outputs = json.loads(run_python(RUN_CELLS, json.dumps(cells), settings))
    for cell, produced in zip(cells, outputs, strict=True):
        for output in produced:
            assert output["output_type"] != "error", f"{cell}\n" + "\n".join(output["traceback"])
    return outputs


def mime_types(outputs: list[dict[str, Any]]) -> set[str]:
    return {kind for output in outputs for kind in output.get("data", {})}


def text(outputs: list[dict[str, Any]]) -> str:
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


@pytest.mark.timeout(240)
def test_notebook_submits_watches_and_awaits_and_takes_its_worker_along(
    installation: Installation, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "salon"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(picture(number))
    outputs = run_cells(
        installation.settings,
        "import sys, photoqueue\nprint([m for m in ('ipywidgets', 'pandas') if m in sys.modules])",
        "worker = photoqueue.start_worker()\nworker.running",
        f"batch = photoqueue.submit_photos({str(folder.parent)!r}, project_id='m1')\nbatch",
        "frame = photoqueue.collect(batch, 120)",
        "frame.state.tolist()",
        "photoqueue.collect(batch, 120, progress='none').room.tolist()",
        "silent = photoqueue.collect(batch, 120, progress='none')",
        "job = photoqueue.submit_inventory('m1')\n(await job).total_items",
        "job",
        "photoqueue.stats()",
        "worker.stop()\nworker.running",
        "import psutil\n"
        "worker = photoqueue.start_worker(queue='photo-analyze', concurrency=1)\n"
        "children = [p.pid for p in psutil.Process(worker.pid).children(recursive=True)]\n"
        "print(worker.pid, *children)",
    )
    imported, started, batch, watched, states, rooms, silent, total, job, stats, *end = outputs
    stopped, left = end
    assert text(imported).strip() == "[]"
    assert text(started) == "True"
    # A batch and a job show themselves as cards and as text.
    for shown in (batch, job, stats):
        assert mime_types(shown) == {"text/plain", "text/html"}
    assert text(batch).startswith("<Batch b-")
    # Waiting shows a widget, and nothing where none is wanted.
    assert "application/vnd.jupyter.widget-view+json" in mime_types(watched)
    assert silent == []
    assert mime_types(rooms) == {"text/plain"}
    assert text(states) == "['completed', 'completed', 'completed']"
    assert text(rooms) == "['salon', 'salon', 'salon']"
    assert text(total) == "1"
    assert text(stopped) == "False"
    # Nothing was written to standard error by any cell.
    assert [o for cell in outputs for o in cell if o.get("name") == "stderr"] == []
    # A worker goes with its kernel, which was killed.
    pids = [int(pid) for pid in text(left).split()]
    assert len(pids) >= 2
    eventually(lambda: not any(_runs(pid) for pid in pids), timeout=30)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
