"""The work of the kills: 50 ms, with its beginning and its end put on file at once."""

from __future__ import annotations

import os
import time

#: File to which every process appends.
EFFECTS_VARIABLE = "CHAOS_EFFECTS"
#: Seconds that a job works, the same for every contender.
WORK_SECONDS = 0.05


def work(name: str) -> None:
    """Do one job."""
    note("start", name)
    time.sleep(WORK_SECONDS)
    note("end", name)


def note(event: str, name: str) -> None:
    """Append a line in one write, so that a kill leaves no half one."""
    line = f"{event} {name} {time.time():.6f}\n".encode()
    file = os.open(os.environ[EFFECTS_VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)
