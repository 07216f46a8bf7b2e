"""The hot statements on a large table: each uses its index, none reads all jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from photoqueue.installation import Installation, current, use
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue import pages, projects, read
from photoqueue.queue.database import Database, load_statements
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.pages import JobQuery
from photoqueue.queue.submission import NewBatch, accept
from photoqueue.queue.webhooks import IN_ORDER
from photoqueue.settings import Settings
from photoqueue.words import JobState
from tests.integration.test_submission import make_job, make_photo

SUBMISSION = load_statements("submission.sql")
TRANSITIONS = load_statements("transitions.sql")
WEBHOOKS = load_statements("webhooks.sql")
WORKERS = load_statements("workers.sql")
WORKER = UUID(int=1)

# 20,000 jobs: most have ended, as in a table that is the truth for ever.
FILL = """
    INSERT INTO jobs (job_id, job_key, queue_name, state, payload, photo_id, project_id, user_id,
        max_attempts, budget, ready_at, started_at, finished_at, worker_id, slot, success,
        after_batch)
    SELECT
        lpad(to_hex(n), 32, '0')::uuid, 'photo-p' || n,
        CASE WHEN n % 50 = 0 THEN 'inventory-sync' ELSE 'photo-analyze' END,
        CASE WHEN n % 40 = 1 THEN 'waiting' WHEN n % 2000 = 2 THEN 'active'
             WHEN n % 500 = 3 THEN 'delayed' WHEN n % 30 = 4 THEN 'failed'
             ELSE 'completed' END,
        jsonb_build_object('sha256', lpad(n::text, 64, '0')), 'p' || n,
        'm' || n / 100, 'u1', 4, 4, now() - interval '1 hour',
        now() - interval '1 hour', now(), ('00000000-0000-0000-0000-' || lpad(to_hex(n % 7), 12,
        '0'))::uuid, 1, true, NULL
    FROM generate_series(1, 20000) AS n;
    INSERT INTO photos (photo_id, sha256, project_id, user_id)
    SELECT 'p' || n, lpad(n::text, 64, '0'), 'm' || n / 100, 'u1'
    FROM generate_series(1, 20000) AS n;
    INSERT INTO batches (batch_id, user_id)
    SELECT 'b-' || n, 'u1' FROM generate_series(0, 200) AS n;
    INSERT INTO batch_jobs (batch_id, position, job_id)
    SELECT 'b-' || n / 100, n % 100, lpad(to_hex(n), 32, '0')::uuid
    FROM generate_series(1, 20000) AS n;
    INSERT INTO job_attempts (job_id, attempt, outcome)
    SELECT job_id, 1, 'completed' FROM jobs WHERE state = 'completed';
    UPDATE webhooks SET happened_at = now(), due_at = NULL, delivered_at = now()
    WHERE subject <> 'b-1';
    INSERT INTO workers (worker_id, host, host_key, pid, process_started, queues, concurrency,
        last_seen_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'h', 'h', n, 0, '{photo-analyze}', 2,
        now() - interval '1 hour'
    FROM generate_series(0, 6) AS n;
    ANALYZE;
"""


@pytest.fixture(scope="module")
def _filled(shared: Settings) -> Settings:
    assert shared.database_url is not None
    with psycopg.connect(shared.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(FILL)
    return shared


@pytest.fixture
def database(_filled: Settings) -> Iterator[Database]:
    """The large tables, filled once: no test changes more than a row of them."""
    use(_filled)
    yield current().database
    use(None)


@pytest.fixture
def plans(database: Database) -> Iterator[psycopg.Connection]:
    """Open a connection that explains statements on the large tables."""
    with closing(psycopg.connect(database.libpq_url, autocommit=True)) as connection:
        yield connection


def explain(connection: psycopg.Connection, statement: str, parameters: dict[str, Any]) -> str:
    with connection.transaction(force_rollback=True):
        rows = connection.execute("EXPLAIN " + statement, parameters).fetchall()
    return "\n".join(row[0] for row in rows)


#: Two results, and two jobs to take.
TURN: dict[str, object] = {
    "job_id": [UUID(int=2002), UUID(int=4002)],
    "attempt": [0, 0],
    "result": ["{}", "{}"],
    "ran_ms": [1.0, 1.0],
    "ended_ms": [1.0, 0.0],
    "worker_id": WORKER,
    "slot": 1,
    "queue_name": PHOTO_ANALYZE,
    "next_jobs": [UUID(int=81), UUID(int=121)],
    "together": True,
}

LOOK = {"worker_id": WORKER, "host_key": "h/1", "lease": 10.0}
RENEWAL = {
    "worker_id": WORKER,
    "state": "running",
    "concurrency": 2,
    "led": True,
    "queues": ["photo-analyze", "inventory-sync"],
    "most": 9,
}
HOT: dict[str, tuple[str, dict[str, object], set[str]]] = {
    "claim": (
        TRANSITIONS["claim"],
        {
            "job_id": UUID(int=81),
            "queue_name": PHOTO_ANALYZE,
            "worker_id": WORKER,
            "slot": 1,
        },
        {"jobs_pkey"},
    ),
    "complete_and_claim": (TRANSITIONS["complete_and_claim"], TURN, {"jobs_pkey"}),
    "complete_one": (
        TRANSITIONS["complete_one"],
        {
            "job_id": UUID(int=2002),
            "attempt": 1,
            "worker_id": WORKER,
            "result": "{}",
            "ran_ms": 5.0,
            "ended_ms": 1.0,
        },
        {"jobs_pkey"},
    ),
    "held": (
        TRANSITIONS["held"],
        {"job_ids": [UUID(int=2002)], "worker_id": WORKER, "slot": 1},
        {"jobs_pkey", "jobs_active"},
    ),
    "give_back": (
        TRANSITIONS["give_back"],
        {
            "job_ids": [UUID(int=2002)],
            "kept_job": UUID(int=4002),
            "ran_ms": 5.0,
            "worker_id": WORKER,
            "slot": 1,
        },
        {"jobs_pkey", "jobs_active"},
    ),
    "due_waiting": (
        TRANSITIONS["due_waiting"],
        {
            "queue_name": PHOTO_ANALYZE,
            "after_rank": -(2**15),
            "after_turn": 0,
            "after_job": UUID(int=0),
            "limit": 100,
        },
        {"jobs_waiting"},
    ),
    "due_delayed": (
        TRANSITIONS["due_delayed"],
        {"queue_name": PHOTO_ANALYZE, "limit": 100},
        {"jobs_delayed", "jobs_state"},
    ),
    "release_blocked": (TRANSITIONS["release_blocked"], {}, {"jobs_blocked"}),
    "recover": (
        TRANSITIONS["recover"],
        {
            "worker_ids": [WORKER],
            "slot": None,
            "job_id": None,
            "attempt": None,
            "at": None,
            "outcome": "worker_lost",
            "error_message": "x",
        },
        {"jobs_active"},
    ),
    "release": (
        TRANSITIONS["release"],
        {"worker_id": WORKER},
        {"jobs_active"},
    ),
    "cancel": (TRANSITIONS["cancel"], {"job_ids": [UUID(int=81)]}, {"jobs_pkey"}),
    "retry": (
        TRANSITIONS["retry"],
        {"job_ids": [UUID(int=64)], "budget": 4},
        {"jobs_pkey"},
    ),
    "prioritise": (
        TRANSITIONS["prioritise"],
        {"job_ids": [UUID(int=81)], "priority": 20, "batch_id": None},
        {"jobs_pkey"},
    ),
    **{
        f"look at {index}": (WORKERS["look"], LOOK, {index, "jobs_state"})
        for index in ("jobs_active", "jobs_blocked", "jobs_waiting", "jobs_delayed")
    },
    "claim a webhook": (WEBHOOKS["claim"], {"lease": 120.0}, {"webhooks_due"}),
    "renewal": (WORKERS["renew"], RENEWAL, {"jobs_active"}),
    "renewal with what waits": (WORKERS["renew"], RENEWAL, {"jobs_waiting"}),
}


def test_end_of_a_batch_is_looked_for_from_where_it_was_and_no_further(database: Database) -> None:
    with database.begin(settings=IN_ORDER) as connection:
        rows = connection.exec_driver_sql("EXPLAIN " + WEBHOOKS["settle"])
        plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan on jobs" not in plan
    assert "Sort" not in plan
    assert plan.count("Index Scan using batch_jobs_pkey") == 2, plan


def test_end_of_a_first_batch_is_looked_for_by_ids(installation: Installation) -> None:
    # The planner has not seen yet that any job waits.
    jobs = [make_job(f"p{number}") for number in range(300)]
    accept(installation.database, jobs=jobs, batch=NewBatch(batch_id="b-1", user_id="u1"))
    with installation.database.begin(settings=IN_ORDER) as connection:
        rows = connection.exec_driver_sql("EXPLAIN " + WEBHOOKS["settle"])
        plan = "\n".join(row[0] for row in rows)
    assert plan.count("using jobs_pkey") == 3, plan
    assert "jobs_unfinished_key" not in plan, plan


def test_hot_statements_use_their_indexes(plans: psycopg.Connection) -> None:
    for name, (statement, parameters, indexes) in HOT.items():
        plan = explain(plans, statement, parameters)
        assert "Seq Scan on jobs" not in plan, f"{name}\n{plan}"
        assert any(f" {index} " in plan or f"{index}\n" in plan for index in indexes), (
            f"{name} uses none of {indexes}\n{plan}"
        )


def test_head_of_the_queue_is_looked_for_once_and_not_for_each_job(
    plans: psycopg.Connection,
) -> None:
    for name in ("due_delayed", "prioritise", "release_blocked", "retry"):
        statement, parameters, _ = HOT[name]
        plan = explain(plans, statement, parameters)
        assert "CTE head" in plan or "CTE last" in plan, f"{name}\n{plan}"


def test_retry_of_many_jobs_compares_none_of_them_with_all_others(
    plans: psycopg.Connection,
) -> None:
    # So many have failed at once that the planner's statistics know nothing of it.
    ended = "UPDATE jobs SET state = 'failed' WHERE state = 'completed' AND job_id < %s"
    ids = [UUID(int=number) for number in range(1, 3000)]
    options = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "
    with plans.transaction(force_rollback=True):
        plans.execute("DELETE FROM jobs WHERE state = 'failed'")
        plans.execute("ANALYZE jobs")
        plans.execute(ended, [UUID(int=3000)])
        cursor = plans.execute(options + TRANSITIONS["retry"], {"job_ids": ids, "budget": 4})
        (((explained,),),) = cursor.fetchall()
    compared, parts = 0, [explained["Plan"]]
    while parts:
        part = parts.pop()
        compared += part.get("Rows Removed by Join Filter", 0) * part["Actual Loops"]
        parts += part.get("Plans", [])
    assert compared < 2 * len(ids), json.dumps(explained, indent=1)


def test_worker_plans_by_indexes_also_while_the_tables_are_small(
    installation: Installation,
) -> None:
    # What is planned once must stay right when the table has grown.
    with closing(Ledger(installation.database, busy=True)) as ledger:
        rows = ledger.run("EXPLAIN " + TRANSITIONS["complete_and_claim"], **TURN)
        plan = "\n".join(row["QUERY PLAN"] for row in rows)
        assert "Seq Scan on jobs" not in plan and "jobs_pkey" in plan, plan
        assert "Hash Join" not in plan and "Merge Join" not in plan, plan
        # Jobs to claim are found by their ids: in an hour thousands may wait.
        for index in ("jobs_waiting", "jobs_turns", "jobs_delayed", "jobs_state"):
            assert index not in plan, plan


def test_looking_for_unfinished_keys_reads_no_table(
    plans: psycopg.Connection, database: Database, recorded: list[tuple[str, Any]]
) -> None:
    keys = json.dumps([f"photo-p{number}" for number in range(1, 20)])
    names = json.dumps([f"p{number}" for number in range(1, 20)])
    plan = explain(plans, SUBMISSION["known_photos"], {"names": names})
    assert "Seq Scan on photos" not in plan
    plan = explain(plans, SUBMISSION["standing_jobs"], {"asks_engine": True, "job_keys": keys})
    assert "Seq Scan on jobs" not in plan
    assert "jobs_key" in plan or "jobs_unfinished_key" in plan
    rows = dict.fromkeys(("photos", "jobs", "batches", "batch_jobs"), "[]")
    contents = {
        "contents": json.dumps([{"sha256": f"{n:064}", "project_id": "m1"} for n in range(20)])
    }
    turns = {"queue_name": PHOTO_ANALYZE, "priority": 0, "group_name": "u1"}
    parts = {"photo_ids": names, "job_keys": keys, **contents, **rows, **turns}
    plan = explain(plans, SUBMISSION["accept_new"], parts)
    assert "Seq Scan" not in plan
    assert "Sort" not in plan and "jobs_waiting" in plan and "jobs_turns" in plan, plan
    recorded.clear()
    new = make_job("x1", sha256=f"{9:064}", derived=True)
    accept(database, jobs=[new], photos=[make_photo("x1", sha256=f"{9:064}")])
    ((statement, parameters),) = recorded
    assert statement == SUBMISSION["accept_one"]
    assert "Seq Scan" not in explain(plans, statement, parameters)
    plan = explain(plans, SUBMISSION["same_contents"], contents)
    assert "Seq Scan" not in plan
    assert "photos_content" in plan
    plan = explain(
        plans,
        "SELECT job_id FROM jobs WHERE job_key = %(key)s "
        "AND state IN ('waiting', 'active', 'delayed')",
        {"key": "photo-p81"},
    )
    assert "jobs_unfinished_key" in plan


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Record the statements that are sent, through SQLAlchemy or beneath it."""
    statements: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def record(cursor: Any, statement: Any, parameters: Any = None, **options: Any) -> Any:
        text = statement.decode() if isinstance(statement, bytes) else str(statement)
        # ";" is how the pool asks whether a connection lives.
        if not text.startswith(("SET ", "EXPLAIN ", "BEGIN", "ROLLBACK", ";", "SELECT set_config")):
            statements.append((text, parameters))
        return execute(cursor, statement, parameters, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", record)
    return statements


def test_reads_of_one_job_batch_or_project_read_no_whole_table(
    plans: psycopg.Connection, database: Database, recorded: list[tuple[str, Any]]
) -> None:
    calls = {
        "snapshot": (lambda: read.snapshot(database, UUID(int=81)), "jobs_pkey"),
        "by key": (lambda: read.snapshot(database, "photo-p81"), "jobs_key"),
        "by id or key": (
            lambda: read.resolve_jobs(database, ["photo-p81", str(UUID(int=82))]),
            "jobs_key",
        ),
        "outcome": (lambda: read.outcome(database, UUID(int=81)), "jobs_pkey"),
        "attempts": (
            lambda: read.attempts(database, job_id=UUID(int=81)),
            "job_attempts_pkey",
        ),
        "batch counts": (lambda: read.batch_counts(database, "b-3"), "batch_jobs_pkey"),
        "batch": (lambda: read.batch_history(database, "b-3"), "batch_jobs_pkey"),
        "project": (lambda: projects.project_photos(database, "m3"), "photos_project"),
        "newest jobs": (lambda: read.history(database, limit=50), "jobs_pkey"),
        "active jobs": (
            lambda: read.history(database, queue=PHOTO_ANALYZE, states=[JobState.ACTIVE]),
            "jobs_state",
        ),
        "project's jobs": (lambda: read.history(database, project_id="m3"), "jobs_project"),
    }
    for name, (call, index) in calls.items():
        recorded.clear()
        call()
        ((statement, parameters),) = recorded
        plan = explain(plans, statement, parameters)
        assert "Seq Scan on jobs" not in plan, f"{name}\n{plan}"
        assert index in plan, f"{name}\n{plan}"


def test_pages_of_jobs_read_no_whole_table(
    plans: psycopg.Connection, database: Database, recorded: list[tuple[str, Any]]
) -> None:
    first = pages.job_page(database, JobQuery())
    queries = {
        "all jobs": (JobQuery(), "jobs_pkey"),
        "second page": (JobQuery(after=first.next), "jobs_pkey"),
        "last page": (JobQuery(before="end"), "jobs_pkey"),
        "batch": (JobQuery(batch_id="b-3"), "batch_jobs_pkey"),
        "project": (JobQuery(project_id="m3"), "jobs_project"),
        "failed": (JobQuery(states=(JobState.FAILED,)), "jobs_pkey"),
        "active": (JobQuery(states=(JobState.ACTIVE,)), "jobs_active"),
        "none of all": (JobQuery(states=(JobState.CANCELLED,)), "jobs_state"),
        "none of the queue": (
            JobQuery(queue=INVENTORY_SYNC, states=(JobState.CANCELLED,)),
            "jobs_state",
        ),
    }
    for name, (query, index) in queries.items():
        recorded.clear()
        page = pages.job_page(database, query)
        if name == "second page":
            assert page.previous is not None
            pages.rows_before(database, query, page.previous)
        for statement, parameters in recorded:
            plan = explain(plans, statement, parameters)
            assert "Seq Scan on jobs" not in plan, f"{name}\n{plan}"
            assert index in plan, f"{name}\n{plan}"
    for query in (JobQuery(batch_id="b-3"), JobQuery(project_id="m3")):
        recorded.clear()
        pages.job_counts(database, query)
        ((statement, parameters),) = recorded
        plan = explain(plans, statement, parameters)
        assert "Seq Scan on jobs" not in plan, plan


def test_statement_files_hold_what_the_code_runs() -> None:
    for file_name in ("transitions.sql", "workers.sql"):
        for name, statement in load_statements(file_name).items():
            assert statement.rstrip().endswith(";"), f"{file_name}: {name}"
    package = Path(read.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    for name in (*TRANSITIONS, *WORKERS):
        assert f'"{name}"' in code, f"{name} is run by nothing"


def test_ledger_claims_on_the_large_table(plans: psycopg.Connection, database: Database) -> None:
    with closing(Ledger(database)) as ledger:
        page = ledger.due_waiting(PHOTO_ANALYZE, limit=3)
        assert [message.job_id.int for message in page] == [1, 41, 81]
        assert ledger.claim(page[0].job_id, PHOTO_ANALYZE, worker_id=WORKER, slot=1) is not None
