"""How quick the workbench is while many jobs are tracked, and what it costs while nothing moves.

Starts servers of its own in a temporary folder and fills the tracking table with jobs and
attempts. ``python -m benchmarks.workbench --jobs 1000000``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import psutil
import psycopg
from PIL import Image

import photoqueue
from photoqueue import Settings, services
from photoqueue.client.metrics import figures
from photoqueue.faces.notebook.charts_view import PERIODS, ChartsView
from photoqueue.faces.notebook.review import PARTS, ReviewView
from photoqueue.installation import current, use
from photoqueue.jobs import INVENTORY_SYNC
from photoqueue.queue import tally
from photoqueue.queue.database import Database
from photoqueue.samples import SAMPLE_HOME

_FILL = (
    """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, user_id, attempts,
        max_attempts, budget, created_at, ready_at, started_at, finished_at, success,
        job_duration_ms, wait_ms, error_type, error_message)
    SELECT (lpad(to_hex((date_part('epoch', now() - n * interval '0.1 s') * 1000)::bigint), 12, '0')
            || '7000' || lpad(to_hex(n), 16, '0'))::uuid, 'photo-p' || n,
        CASE WHEN n % 20 = 0 THEN 'inventory-sync' ELSE 'photo-analyze' END,
        CASE WHEN n % 50 = 0 THEN 'failed' WHEN n % 500 = 1 THEN 'waiting' ELSE 'completed' END,
        '{{}}', 'p' || n, 'u1', 1 + n % 10 / 9, 4, 4, now() - n * interval '0.1 s',
        now() - n * interval '0.1 s',
        CASE WHEN n % 500 <> 1 THEN now() - n * interval '0.1 s' END,
        CASE WHEN n % 500 <> 1 THEN now() - n * interval '0.1 s' END,
        CASE WHEN n % 500 <> 1 THEN n % 50 > 0 END,
        20 + n % 977, 5 + n % 131,
        CASE WHEN n % 50 = 0 THEN 'RuntimeError' END, CASE WHEN n % 50 = 0 THEN 'no' END
    FROM generate_series(1, {jobs}) AS n
    """,
    """
    INSERT INTO job_attempts (job_id, attempt, outcome, wait_ms, started_at, ended_at,
        error_type, error_message)
    SELECT job_id, attempt, CASE WHEN attempt < attempts THEN 'error'
            WHEN state = 'failed' THEN 'error' ELSE 'completed' END,
        wait_ms, finished_at - job_duration_ms * interval '1 ms', finished_at,
        CASE WHEN attempt < attempts OR state = 'failed' THEN 'RuntimeError' END,
        CASE WHEN attempt < attempts OR state = 'failed' THEN 'no' END
    FROM jobs CROSS JOIN LATERAL generate_series(1, attempts) AS attempt
    WHERE finished_at IS NOT NULL
    """,
    """
    INSERT INTO ai_metrics (job_id, attempt, call, engine, model, latency_ms, success, created_at)
    SELECT job_id, attempts, 1, 'builtin', 'photoqueue-rooms-1', job_duration_ms, true, finished_at
    FROM jobs WHERE finished_at IS NOT NULL
    """,
    """
    INSERT INTO metric_submissions (queue_name, submitted, failed, created_at)
    SELECT queue_name, count(*), 0, min(created_at) FROM jobs
    GROUP BY queue_name, date_bin('1 min', created_at, 'epoch')
    """,
)
#: Where the page of jobs is among the tabs.
JOBS_TAB = 1
#: Edits whose times' median counts.
_EDITS = 11
#: Seconds over which an idle workbench is watched.
_IDLE_SECONDS = 20.0


def fill(database_url: str, jobs: int) -> None:
    """Track so many jobs, nearly all ended, with their attempts and AI calls, all counted."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in _FILL:
            connection.execute(statement.format(jobs=jobs))
        connection.execute("VACUUM ANALYZE")
        database = Database(database_url)
        with tally.counting(database, patience=tally.WORKER_PATIENCE) as counting:
            while counting.advance(most=tally.WORKER_ROWS):
                pass
        database.close()
        connection.execute("VACUUM ANALYZE")


def until(condition: Callable[[], object]) -> float:
    """Wait for a condition; return the seconds that it took."""
    begin = time.perf_counter()
    while not condition():
        time.sleep(0.002)
    return time.perf_counter() - begin


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Add up what processes have used of all cores."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def backends(home: Path) -> list[psutil.Process]:
    """Return the processes of the PostgreSQL that serves a home."""
    (status,) = [one for one in services.status(Settings(home=home)) if one.name == "PostgreSQL"]
    assert status.pid is not None
    server = psutil.Process(status.pid)
    return [server, *server.children(recursive=True)]


def measure(home: Path, jobs: int) -> list[tuple[str, str]]:
    """Open a workbench and use it; return what was measured, in words."""
    begin = time.perf_counter()
    workbench = photoqueue.Workbench()
    made = time.perf_counter() - begin
    page = made + until(lambda: workbench.review.head)
    workbench.widget.children[-1].selected_index = JOBS_TAB
    table = until(lambda: workbench.jobs.page.get("rows"))
    counted = table + until(lambda: workbench.jobs.counts)
    time.sleep(3)
    job = photoqueue.submit_photo(Image.new("RGB", (8, 8)), user_id="u1")
    appeared = until(lambda: workbench.jobs.page["rows"][0]["job_id"] == job.id)
    photoqueue.cancel(job)
    changed = until(lambda: workbench.jobs.page["rows"][0]["state"] == "cancelled")
    time.sleep(30)  # what is dear is read anew, then nothing moves
    watched = [psutil.Process(), *backends(home)]
    before = cpu_seconds(watched)
    time.sleep(_IDLE_SECONDS)
    idle = (cpu_seconds(watched) - before) / _IDLE_SECONDS
    workbench.close()
    return [
        ("jobs tracked", f"{jobs:,}"),
        ("Workbench() returns", f"{made:.2f} s"),
        ("first page", f"{page:.2f} s"),
        ("a page of jobs, once its tab is chosen", f"{table:.2f} s"),
        ("its counts", f"{counted:.2f} s"),
        ("a new job is in the table", f"{appeared:.2f} s"),
        ("a change of state is in the table", f"{changed:.2f} s"),
        ("idle, notebook and PostgreSQL together", f"{idle:.1%} of a core"),
    ]


def _contains(view: ReviewView, number: int) -> bool:
    return bool(view.head["newest"] >= number)


def measure_edits() -> list[tuple[str, str]]:
    """Set counts on the Review page of three photos; return what was measured, in words."""
    photos = SAMPLE_HOME / "living room"
    worker = photoqueue.start_worker()
    batch = photoqueue.submit_photos(photos, project_id="edited", room="salon", user_id="u1")
    batch.wait(600)
    photoqueue.submit_inventory("edited", user_id="u1").wait(600)
    worker.stop()
    workbench = photoqueue.Workbench(project="edited")
    page = until(lambda: workbench.review.rooms and workbench.review.head.get("volume"))
    view, told = workbench.review, []
    view.send = lambda content, buffers=None: told.append(content)
    thing = next(line for part in range(PARTS) for room in getattr(view, f"part_{part}")
                 for line in room["lines"])  # fmt: skip
    saved, shown = [], []
    for count in range(2, 2 + _EDITS):
        named = {"room": "salon", "item": thing["key"] or thing["name"], "count": count}
        edit = {"kind": "edit", "ref": f"edit-{count}", "verb": "count", "named": named}
        begin = time.perf_counter()
        view._received(view, edit, [])
        until(lambda: told)
        saved.append(time.perf_counter() - begin)
        answer = told.pop()
        assert answer["kind"] == "saved", answer
        until(partial(_contains, view, answer["number"]))
        shown.append(time.perf_counter() - begin)
    workbench.close()
    return [
        ("Review of three photos", f"{page:.2f} s"),
        ("an edit is saved", f"{median(saved):.3f} s"),
        ("an edit is in the data of the page", f"{median(shown):.3f} s"),
    ]


def measure_charts() -> list[tuple[str, str]]:
    """Show the overview charts of each period; return what reading and drawing took, in words."""
    view = ChartsView()
    view.driven_by(lambda: None)  # refreshed here, when the clock runs
    view.prepare()  # as the workbench does once the first table is there
    found = []
    for period, length in PERIODS.items():
        for queue in ("", str(INVENTORY_SYNC)):
            view.period, view.queue = period, queue
            begin = time.perf_counter()
            view.refresh()
            whole = time.perf_counter() - begin
            begin = time.perf_counter()
            figures(
                queue=queue or None, since=None if length is None else datetime.now(UTC) - length
            )
            read = time.perf_counter() - begin
            found.append(
                (
                    f"overview charts, {period}{' of ' + queue if queue else ''}",
                    f"{whole:.2f} s, of which read {read:.2f} s",
                )
            )
    return found


def import_seconds() -> float:
    """Return the best of five imports of photoqueue, each in a process of its own."""
    program = (
        "import time; t = time.perf_counter(); import photoqueue; print(time.perf_counter() - t)"
    )
    return min(
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        )
        for _ in range(5)
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="pq-"))
    try:
        use(Settings(home=home))
        fill(current().database.libpq_url, options.jobs)
        print(f"{'import photoqueue':42}{import_seconds():.2f} s")
        for what, figure in (
            *measure_charts(),
            *measure(home, options.jobs),
            *measure_edits(),
        ):
            print(f"{what:42}{figure}")
    finally:
        use(None)
        services.down(Settings(home=home))
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
