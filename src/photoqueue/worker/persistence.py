"""Statements that are to reach PostgreSQL, however long it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from photoqueue.errors import DatabaseUnavailableError

logger = logging.getLogger(__name__)

#: Seconds between tries to reach a PostgreSQL that is away.
_RECONNECT_SECONDS: Final = 0.5
_T = TypeVar("_T")


def until_reached(statement: Callable[[], _T]) -> tuple[_T, bool]:
    """Run a statement; while PostgreSQL is away, wait and run it again.

    Returns
    -------
    tuple
        What the statement returned, and whether a connection broke on the way: it may
        then have been committed by the time it was first tried. The statements are
        fenced, so that a second time changes nothing.
    """
    disturbed = False
    while True:
        try:
            return statement(), disturbed
        except DatabaseUnavailableError as exc:
            if not disturbed:
                logger.warning("waiting for PostgreSQL: %s", exc)
                disturbed = True
            time.sleep(_RECONNECT_SECONDS)
