"""The Chromium that the browser tests drive: a program of the system, never a download.

Run as a module it says whether there is one, for make.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Final

#: Names of the program, by distribution.
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

MISSING: Final = (
    "There is no Chromium, so the browser tests cannot run. Install it (Debian, Ubuntu: "
    "apt-get install chromium), or name one: PHOTOQUEUE_CHROMIUM=/path/to/chromium"
)

# Read on import: the other tests run without any variable of photoqueue.
_NAMED = os.environ.get("PHOTOQUEUE_CHROMIUM")


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None where there is none."""
    for name in (_NAMED,) if _NAMED else _NAMES:
        found = shutil.which(name)
        if found:
            return found
    return None


if __name__ == "__main__":
    if find_chromium() is None:
        sys.exit(MISSING)
