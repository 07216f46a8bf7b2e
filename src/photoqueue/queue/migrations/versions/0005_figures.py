"""sums that charts of many jobs are made of"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# For the sorts and hash tables of a million attempts; compiling takes longer than it saves.
_SETTINGS = "SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"
# What is counted already is added up here; what is not is added up when it is counted. The
# lock keeps the marks where they are until then, and nothing else waits for it.
_HOLD_MARKS = "SELECT source FROM metric_marks FOR UPDATE"
_ATTEMPTS = """
    CREATE TEMPORARY TABLE counted_attempts ON COMMIT DROP AS
    SELECT coalesce(queue_name, 'unknown') AS queue_name, outcome, attempt,
        job_attempts.started_at, ended_at, job_attempts.wait_ms,
        CASE WHEN outcome IN ('error', 'timeout', 'worker_lost')
            THEN coalesce(job_attempts.error_type, 'unknown') END AS error_type,
        date_part('epoch', ended_at - job_attempts.started_at) * 1000 AS run_ms,
        floor(log(greatest(date_part('epoch', ended_at - job_attempts.started_at) * 1000, 0.1))
            * 120 + 1e-9)::int AS ran,
        floor(log(greatest(job_attempts.wait_ms, 0.1)) * 120 + 1e-9)::int AS waited
    FROM job_attempts
    LEFT JOIN jobs USING (job_id)
    CROSS JOIN (SELECT counted_below AS mark FROM metric_marks WHERE source = 'attempts') AS marks
    WHERE recorded_xid IS NULL OR recorded_xid < mark
"""
# In two steps, from hours to everything and from minutes to hours: fewer rows to sort. Null
# where there is nothing to measure: greatest() would take the other one.
_BINS = """
    CREATE TEMPORARY TABLE bins_by_hour ON COMMIT DROP AS
    SELECT date_bin('1 hour', ended_at, 'epoch') AS start, queue_name, name,
        outcome <> 'completed' AS failed, bin, count(*), min(value) AS least, max(value) AS most
    FROM counted_attempts
    CROSS JOIN LATERAL (
        VALUES
        ('run', CASE WHEN run_ms IS NOT NULL THEN ran END, run_ms),
        ('wait', CASE WHEN run_ms IS NOT NULL AND wait_ms IS NOT NULL THEN waited END, wait_ms),
        ('cell', CASE WHEN run_ms IS NOT NULL AND wait_ms IS NOT NULL
            THEN (floor(waited / 12.0)::int + 1000) * 10000 + floor(ran / 12.0)::int + 1000 END,
            NULL),
        ('attempt', CASE WHEN outcome = 'completed' THEN attempt END, NULL)
    ) AS measure (name, bin, value)
    WHERE bin IS NOT NULL AND outcome NOT IN ('released', 'cancelled')
    GROUP BY 1, 2, 3, 4, 5;
    INSERT INTO figure_bins (start, queue_name, name, failed, bin, count, least, most)
    SELECT '-infinity', queue_name, name, failed, bin, sum(count), min(least), max(most)
    FROM bins_by_hour GROUP BY 2, 3, 4, 5
    UNION ALL
    SELECT * FROM bins_by_hour WHERE start > now() - interval '8 days'
"""
_TIMES = """
    CREATE TEMPORARY TABLE times_by_minute ON COMMIT DROP AS
    SELECT date_bin('1 minute', at, 'epoch') AS start, queue_name, name, kind, count(*),
        min(at) AS first_at, max(at) AS last_at, max(longest) AS longest_wait_ms
    FROM counted_attempts
    CROSS JOIN LATERAL (
        VALUES
        ('completed', '', ended_at, NULL, outcome = 'completed'),
        ('failed', error_type, ended_at, NULL, error_type IS NOT NULL),
        ('started', '', started_at, wait_ms, started_at IS NOT NULL AND wait_ms IS NOT NULL)
    ) AS event (name, kind, at, longest, applies)
    WHERE applies
    GROUP BY 1, 2, 3, 4;
    INSERT INTO figure_times
        (seconds, start, queue_name, name, error_type, count, first_at, last_at, longest_wait_ms)
    SELECT 3600, date_bin('1 hour', start, 'epoch'), queue_name, name, kind, sum(count),
        min(first_at), max(last_at), max(longest_wait_ms)
    FROM times_by_minute GROUP BY 2, 3, 4, 5
    UNION ALL
    SELECT 60, * FROM times_by_minute WHERE start > now() - interval '8 days'
"""
_CALLS = """
    INSERT INTO figure_calls (start, queue_name, engine, model, success, bin, count, least, most,
        cost_usd, priced, tokens_in, tokens_out)
    SELECT start, coalesce(queue_name, 'unknown'), engine, model, ai_metrics.success,
        floor(log(greatest(latency_ms, 0.1)) * 120 + 1e-9)::int, count(*),
        min(latency_ms), max(latency_ms), coalesce(sum(cost_usd), 0), count(cost_usd),
        coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0)
    FROM ai_metrics
    LEFT JOIN jobs USING (job_id)
    CROSS JOIN (SELECT counted_below AS mark FROM metric_marks WHERE source = 'ai_calls') AS marks
    CROSS JOIN LATERAL (
        VALUES ('-infinity'), (date_bin('1 hour', ai_metrics.created_at, 'epoch'))
    ) AS level (start)
    WHERE (recorded_xid IS NULL OR recorded_xid < mark)
        AND (start = '-infinity' OR start > now() - interval '8 days')
    GROUP BY 1, 2, 3, 4, 5, 6
"""
# In the order in which they are written. Nobody submits while these are counted, so that each
# job is either counted here or in a row that is not counted yet.
_LOCK = """
    LOCK TABLE ai_metrics IN SHARE MODE;
    LOCK TABLE jobs IN SHARE MODE;
    LOCK TABLE job_attempts IN SHARE MODE;
    LOCK TABLE metric_submissions IN SHARE MODE;
"""
_SUBMISSIONS = """
    INSERT INTO figure_times (seconds, start, queue_name, name, count, first_at, last_at)
    SELECT seconds, date_bin(seconds * interval '1 s', created_at, 'epoch'), queue_name,
        'submitted', sum(number), min(created_at), max(created_at)
    FROM (
        SELECT queue_name, created_at, 1 AS number FROM jobs
        UNION ALL SELECT queue_name, created_at, -submitted FROM metric_submissions
    ) AS made
    CROSS JOIN (VALUES (60), (3600)) AS level (seconds)
    WHERE seconds = 3600 OR created_at > now() - interval '8 days'
    GROUP BY 1, 2, 3 HAVING sum(number) <> 0
"""
_BY_TIME = {"pages_per_range": 32, "autosummarize": "on"}


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=False)


def upgrade() -> None:
    op.create_table(
        "figure_bins",
        _time("start"),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("least", sa.Double(), nullable=True),
        sa.Column("most", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "start", "queue_name", "name", "failed", "bin", name=op.f("figure_bins_pkey")
        ),
    )
    op.create_table(
        "figure_times",
        sa.Column("seconds", sa.Integer(), nullable=False),
        _time("start"),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("error_type", sa.Text(), server_default="", nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        _time("first_at"),
        _time("last_at"),
        sa.Column("longest_wait_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "seconds", "start", "queue_name", "name", "error_type", name=op.f("figure_times_pkey")
        ),
    )
    op.create_table(
        "figure_calls",
        _time("start"),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("least", sa.Double(), nullable=False),
        sa.Column("most", sa.Double(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.Column("priced", sa.BigInteger(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "start",
            "queue_name",
            "engine",
            "model",
            "success",
            "bin",
            name=op.f("figure_calls_pkey"),
        ),
    )
    for statement in (
        _SETTINGS,
        _HOLD_MARKS,
        _ATTEMPTS,
        _BINS,
        _TIMES,
        _CALLS,
        _LOCK,
        _SUBMISSIONS,
    ):
        op.execute(statement)
    op.create_index(
        "jobs_failed",
        "jobs",
        ["queue_name", "attempts", "finished_at"],
        unique=False,
        postgresql_where=sa.text("state = 'failed'"),
    )
    for name, table, column in (
        ("job_attempts_ended", "job_attempts", "ended_at"),
        ("ai_metrics_created", "ai_metrics", "created_at"),
    ):
        op.create_index(
            name,
            table,
            [column],
            unique=False,
            postgresql_using="brin",
            postgresql_with=_BY_TIME,
        )


def downgrade() -> None:
    for name, table in (
        ("ai_metrics_created", "ai_metrics"),
        ("job_attempts_ended", "job_attempts"),
        ("jobs_failed", "jobs"),
    ):
        op.drop_index(name, table_name=table)
    for table in ("figure_calls", "figure_times", "figure_bins"):
        op.drop_table(table)
