"""Procrastinate over PostgreSQL. Worked off by two of its workers, one job at a time each."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

import procrastinate
import psycopg

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ["BENCH_PG_DSN"])
)


@app.task(queue="bench", name="nothing")
def nothing() -> None:
    """Do nothing."""


def _wait(connection: psycopg.Connection, job_id: int) -> None:
    """Wait for a job, of which it keeps no result: look at its row."""
    while True:
        row = connection.execute(
            "SELECT status FROM procrastinate_jobs WHERE id = %s", (job_id,)
        ).fetchone()
        if row is not None and row[0] == "succeeded":
            return
        time.sleep(0.0005)


def main() -> None:
    """Do as the command line says."""
    verb, number = sys.argv[1], int(sys.argv[2])
    with psycopg.connect(os.environ["BENCH_PG_DSN"], autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
    synchronous = procrastinate.SyncPsycopgConnector(conninfo=os.environ["BENCH_PG_DSN"])
    with app.replace_connector(synchronous) as here, here.open():
        if found == (None,):
            with contextlib.suppress(Exception):
                here.schema_manager.apply_schema()
        task = here.tasks["nothing"]
        if verb == "submit":
            task.defer()
            began = time.perf_counter()
            for start in range(0, number, 1000):
                task.batch_defer(*({} for _ in range(min(1000, number - start))))
            print(json.dumps(time.perf_counter() - began))
        else:
            took = []
            with psycopg.connect(os.environ["BENCH_PG_DSN"], autocommit=True) as connection:
                for n in range(-20, number):
                    began = time.perf_counter()
                    _wait(connection, task.defer())
                    if n >= 0:
                        took.append((time.perf_counter() - began) * 1000)
                    time.sleep(0.01)
            print(json.dumps(took))


if __name__ == "__main__":
    main()
