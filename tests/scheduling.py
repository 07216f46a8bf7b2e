"""Which tests run in one process when several run them: those that share something costly.

pytest-xdist's own groups do nothing with pytest 9.2, whose node ids it cannot extend.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests share servers, or must not disturb each other.
SHARED = ("tests/browser/", "tests/notebooks/")
#: Those that take long: nothing of them is to be left at the end.
LONG = (*SHARED, "tests/chaos/", "tests/integration/test_cli_processes.py")


def scope_of(nodeid: str) -> str:
    """Name what a test shares: its folder where that is costly, else its file."""
    return next((folder for folder in SHARED if nodeid.startswith(folder)), nodeid.split("::")[0])


class SharedScheduling(LoadScopeScheduling):
    """Gives a scope to a process as a whole, in the order of collection: long ones come first."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
