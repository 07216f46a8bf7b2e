"""Reading a table of a million jobs: ``history()``, ``stats()`` and the charts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pandas as pd
import psycopg

import photoqueue
from benchmarks.servers import Servers
from benchmarks.workbench import fill
from photoqueue.installation import use
from photoqueue.queue.read import FRAME_COLUMNS, WITH_PHOTOS

JOBS = 1_000_000


def prepare(servers: Servers, scale: float) -> None:
    """Fill the tables, unless they are."""
    url = servers.installation.database.libpq_url
    wanted = round(JOBS * scale)
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM jobs").fetchone()
    if row is None or row[0] != wanted:
        fill(url, wanted)
    use(servers.settings)


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def history(servers: Servers, scale: float) -> dict[str, float]:
    """Read every job into a DataFrame."""
    return {"s": _seconds(photoqueue.history)}


def read_sql(servers: Servers, scale: float) -> dict[str, float]:
    """Read the same rows by ``pandas.read_sql``, over the same connection."""
    import sqlalchemy as sa

    query = sa.select(*FRAME_COLUMNS).select_from(WITH_PHOTOS)
    query = query.order_by(FRAME_COLUMNS[0].desc())

    def read() -> None:
        with servers.installation.database.begin() as connection:
            pd.read_sql(query, connection)

    return {"s": _seconds(read)}


def stats(servers: Servers, scale: float) -> dict[str, float]:
    """Count the jobs by queue and state: the first time in a process, and after that."""
    use(servers.settings)
    first = _seconds(photoqueue.stats)
    again = statistics.median(_seconds(photoqueue.stats) for _ in range(20))
    return {"first ms": first * 1000, "ms": again * 1000}


def charts(servers: Servers, scale: float) -> dict[str, float]:
    """Read the figures of the overview charts."""
    from photoqueue.client.metrics import figures

    return {"s": _seconds(figures)}
