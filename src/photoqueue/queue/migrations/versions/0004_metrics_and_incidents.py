"""metrics that only grow, and incidents"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTED_TABLES = ("job_attempts", "ai_metrics")

# What is there already is counted here, once, and stays without a number. The tables of what
# is counted are locked: nothing is written to them meanwhile, and what is written afterwards has
# a number and is counted later. `jobs` is not locked: workers of the last release write to it in
# each round, before they renew their leases. Ends of attempts wait, and are recorded then.
_LOCK = """
    LOCK TABLE ai_metrics IN ACCESS EXCLUSIVE MODE;
    LOCK TABLE job_attempts IN ACCESS EXCLUSIVE MODE;
"""
_COUNT_JOBS = """
    INSERT INTO metric_totals (name, queue_name, count)
    SELECT 'submitted', queue_name, count(*) FROM jobs GROUP BY queue_name
"""
# Edges belong to the bucket below them, as Prometheus has it.
_BUCKET = """
    CASE WHEN {value} IS NOT NULL THEN coalesce(
        CASE WHEN {edges}[width_bucket({value}, {edges})] = {value} THEN {value}
             ELSE {edges}[width_bucket({value}, {edges}) + 1] END,
        'infinity'
    ) END
"""
# One pass over the rows; they come down to a few hundred groups.
_COUNT_ATTEMPTS = f"""
    WITH grouped AS MATERIALIZED (
        SELECT
            coalesce(queue_name, 'unknown') AS queue_name, job_attempts.outcome,
            coalesce(
                job_attempts.outcome = 'error' AND retry_delay_ms IS NULL
                OR job_attempts.outcome IN ('timeout', 'worker_lost')
                    AND state = 'failed' AND attempts = attempt,
                false
            ) AS failed,
            {_BUCKET.format(value="wait", edges="wait_edges")} AS wait_le,
            {_BUCKET.format(value="run", edges="run_edges")} AS run_le,
            count(*) AS count, sum(wait) AS wait, sum(run) AS run
        FROM job_attempts
        LEFT JOIN jobs USING (job_id)
        CROSS JOIN LATERAL (
            SELECT
                job_attempts.wait_ms / 1000 AS wait,
                date_part('epoch', ended_at - job_attempts.started_at) AS run,
                '{{0.01,0.05,0.1,0.5,1,2.5,5,10,30,60,300,1800,7200}}'::float8[] AS wait_edges,
                '{{0.01,0.05,0.1,0.25,0.5,1,2.5,5,10,30,60,120,300}}'::float8[] AS run_edges
        ) AS measured
        GROUP BY 1, 2, 3, 4, 5
    )
    INSERT INTO metric_totals (name, queue_name, outcome, le, count, sum)
    SELECT 'wait', queue_name, '', wait_le, sum(count), sum(wait)
    FROM grouped WHERE wait_le IS NOT NULL GROUP BY queue_name, wait_le
    UNION ALL
    SELECT 'run', queue_name, outcome, run_le, sum(count), sum(run)
    FROM grouped WHERE run_le IS NOT NULL GROUP BY queue_name, outcome, run_le
    UNION ALL
    SELECT 'ended', queue_name, outcome, 'infinity', sum(count), 0
    FROM grouped GROUP BY queue_name, outcome
    UNION ALL
    SELECT CASE WHEN failed THEN 'failed' ELSE 'retried' END, queue_name, '', 'infinity', sum(count), 0
    FROM grouped WHERE failed OR outcome IN ('error', 'timeout', 'worker_lost')
    GROUP BY failed, queue_name
"""
_COUNT_REFUSED_PHOTOS = """
    INSERT INTO metric_totals AS totals (name, queue_name, count)
    SELECT 'failed', queue_name, count(*) FROM jobs WHERE state = 'failed' AND attempts = 0
    GROUP BY queue_name
    ON CONFLICT (name, queue_name, outcome, engine, model, le) DO UPDATE
    SET count = totals.count + excluded.count
"""
_COUNT_AI_CALLS = f"""
    WITH grouped AS MATERIALIZED (
        SELECT
            coalesce(queue_name, 'unknown') AS queue_name, engine, model, ai_metrics.success,
            {_BUCKET.format(value="latency", edges="edges")} AS le,
            count(*) AS count, sum(latency) AS latency,
            count(cost_usd) AS costs, sum(cost_usd) AS cost,
            count(tokens_in) AS ins, sum(tokens_in) AS tokens_in,
            count(tokens_out) AS outs, sum(tokens_out) AS tokens_out
        FROM ai_metrics
        LEFT JOIN jobs USING (job_id)
        CROSS JOIN LATERAL (
            SELECT
                latency_ms / 1000 AS latency,
                '{{0.05,0.1,0.25,0.5,1,2.5,5,10,20,40,60,120}}'::float8[] AS edges
        ) AS measured
        GROUP BY 1, 2, 3, 4, 5
    )
    INSERT INTO metric_totals (name, queue_name, outcome, engine, model, le, count, sum)
    SELECT
        'ai', queue_name, CASE WHEN success THEN 'completed' ELSE 'error' END, engine, model, le,
        sum(count), sum(latency)
    FROM grouped GROUP BY queue_name, success, engine, model, le
    UNION ALL
    SELECT name, queue_name, '', engine, model, 'infinity', sum(measure.count), sum(measure.sum)
    FROM grouped
    CROSS JOIN LATERAL (
        VALUES ('cost', costs, cost), ('tokens_in', ins, tokens_in), ('tokens_out', outs, tokens_out)
    ) AS measure (name, count, sum)
    WHERE measure.count > 0
    GROUP BY name, queue_name, engine, model
"""
_MARK = """
    INSERT INTO metric_marks (source, counted_below)
    SELECT source, 0 FROM unnest('{attempts,ai_calls,submissions}'::text[]) AS source
"""


def upgrade() -> None:
    op.execute(_LOCK)
    for table in _COUNTED_TABLES:
        # First without a default, so that the rows that are there have none.
        op.add_column(table, sa.Column("recorded_xid", sa.BigInteger(), nullable=True))
        op.alter_column(
            table, "recorded_xid", server_default=sa.text("(pg_current_xact_id()::text)::bigint")
        )
        op.create_index(
            f"{table}_recorded",
            table,
            ["recorded_xid"],
            unique=False,
            postgresql_where=sa.text("recorded_xid IS NOT NULL"),
        )
    op.create_table(
        "metric_totals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("engine", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("le", sa.Double(), server_default=sa.text("'infinity'"), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("sum", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint(
            "name",
            "queue_name",
            "outcome",
            "engine",
            "model",
            "le",
            name=op.f("metric_totals_pkey"),
        ),
    )
    op.create_table(
        "metric_minutes",
        sa.Column("minute", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "name", "queue_name", name=op.f("metric_minutes_pkey")),
    )
    op.create_table(
        "metric_marks",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("counted_below", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("metric_marks_pkey")),
    )
    op.create_table(
        "metric_submissions",
        sa.Column("submission_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("submitted", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("metric_submissions_pkey")),
    )
    op.create_table(
        "incidents",
        sa.Column(
            "incident_id",
            postgresql.UUID(as_uuid=True),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queue_name", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "began_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("told_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("end_told_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("incidents_pkey")),
    )
    op.create_index(
        "incidents_open",
        "incidents",
        ["name", "queue_name"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "incidents_untold",
        "incidents",
        ["began_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NULL OR end_told_at IS NULL"),
    )
    for statement in (_COUNT_JOBS, _COUNT_ATTEMPTS, _COUNT_REFUSED_PHOTOS, _COUNT_AI_CALLS, _MARK):
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "incidents",
        "metric_submissions",
        "metric_marks",
        "metric_minutes",
        "metric_totals",
    ):
        op.drop_table(table)
    for table in _COUNTED_TABLES:
        op.drop_index(f"{table}_recorded", table_name=table)
        op.drop_column(table, "recorded_xid")
