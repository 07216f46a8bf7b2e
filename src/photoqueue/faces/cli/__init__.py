"""The command line: ``photoqueue --help`` lists the commands."""

from __future__ import annotations

import atexit
import gc
from typing import Final

#: New objects after which Python looks for garbage among them; its own 700 are for small programs.
_NEW_OBJECTS: Final = 10_000


def spare_garbage_collection() -> None:
    """Let this process look for garbage rarely, and not once more when it ends.

    A command loads a thousand modules that live as long as it does. To look through them again
    and again while they are loaded, and at the end, is up to a third of what a short command takes.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command line; what goes wrong is one sentence, not a traceback."""
    spare_garbage_collection()
    from photoqueue.faces.cli.app import run

    run()
