"""Processes of tests: several that do the same at once, and those that are left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil

from tests import warm
from tests.conftest import REPOSITORY

# One interpreter imports what the program does and forks: several would spend a second of
# processor time each, and begin one after the other.
_FORK: Final = """
import json, os, sys, traceback
program, number = sys.argv[1], int(sys.argv[2])
del sys.argv[1:3]
exec("\\n".join(line for line in program.splitlines() if line.startswith(("import ", "from "))))
ends = []
for index in range(number):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 1)
        status = 1
        try:
            exec(program, {"__name__": "__main__", "INDEX": index})
            sys.stdout.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    ends.append((pid, reader))
outputs = [os.fdopen(reader).read() for _, reader in ends]
failed = [pid for pid, _ in ends if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0]
sys.exit(f"{len(failed)} failed" if failed else print(json.dumps(outputs)))
"""


def at_once(program: str, number: int, *arguments: str, cold: bool = False) -> list[str]:
    """Run a program in so many processes at once; return what each wrote.

    They are forks of a warm interpreter, or of a cold one that has imported nothing else.

    Parameters
    ----------
    program : str
        Python code; it finds the arguments in ``sys.argv[1:]``, and which process it is in
        ``INDEX``. Its lines that begin with ``import`` or ``from`` are run before, once for all.
    """
    told = (program, str(number), *arguments)
    if cold:
        done = subprocess.run(
            [sys.executable, "-c", _FORK, *told],
            cwd=REPOSITORY,
            env={**os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
    else:
        done = warm.interpreter().run(*told, environment=os.environ, timeout=170, program=_FORK)
    assert done.returncode == 0, done.stderr
    outputs: list[str] = json.loads(done.stdout)
    return outputs


def processes_of(folder: Path) -> list[str]:
    """List the processes whose command or folder names a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            places = [*process.cmdline(), process.cwd(), process.environ().get("PHOTOQUEUE_HOME")]
        except psutil.Error:
            continue
        if any(str(folder) in (place or "") for place in places):
            found.append(f"{process.pid} {process.name()}")
    return found
