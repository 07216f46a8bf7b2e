"""Run the notebooks anew and store what they show: ``python -m tests.notebooks.execute``.

Names of notebooks may follow; all of them are run otherwise. What is stored holds no clock,
no widget state and nothing of the machine, so that the next run changes a file only where a
notebook shows something else.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat

from tests.notebooks.surroundings import NOTEBOOKS, surroundings

_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
}
#: A saved notebook has no kernel that could show the widget.
_WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path: Path) -> None:
    """Run one notebook and store its outputs."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(_METADATA)
    with surroundings() as (_, environment):
        client = nbclient.NotebookClient(
            notebook, timeout=300, kernel_name="python3", record_timing=False
        )
        client.execute(cwd=str(path.parent), env={**os.environ, **environment})
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _is_stored(output)]
    nbformat.write(notebook, path)


def _is_stored(output: Any) -> bool:
    data = output.get("data", {})
    if "image/jpeg" in data:
        data.pop("image/png", None)  # the same picture, ten times as large
    return _WIDGET not in data


def main(names: list[str]) -> None:
    """Run the named notebooks, or all of them."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not names or path.stem in names:
            print(path.name, flush=True)
            execute(path)


if __name__ == "__main__":
    main(sys.argv[1:])
