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

# What is there already is counted here, once, and stays without a number. The tables are
# locked: nothing is written meanwhile, and what is written afterwards has a number and is
# counted later.
_LOCK = """
    LOCK TABLE ai_metrics IN ACCESS EXCLUSIVE MODE;
    LOCK TABLE jobs IN SHARE MODE;
    LOCK TABLE job_attempts IN ACCESS EXCLUSIVE MODE;
"""
_COUNT_JOBS = """
    INSERT INTO metric_totals (name, queue_name, count)
    SELECT 'submitted', queue_name, count(*) FROM jobs GROUP BY queue_name
"""
_COUNT_ATTEMPTS = """
    INSERT INTO metric_totals (name, queue_name, outcome, le, count, sum)
    SELECT
        name, coalesce(queue_name, 'unknown'), measure.outcome,
        coalesce((SELECT min(edge) FROM unnest(edges) AS edge WHERE edge >= value), 'infinity'),
        count(*), coalesce(sum(value), 0)
    FROM job_attempts
    LEFT JOIN jobs USING (job_id)
    CROSS JOIN LATERAL (
        SELECT job_attempts.outcome = 'error' AND retry_delay_ms IS NULL
            OR job_attempts.outcome IN ('timeout', 'worker_lost')
                AND state = 'failed' AND attempts = attempt AS failed
    ) AS last
    CROSS JOIN LATERAL (
        VALUES
        ('wait', '', job_attempts.wait_ms / 1000,
         '{0.01,0.05,0.1,0.5,1,2.5,5,10,30,60,300,1800,7200}'::float8[],
         job_attempts.wait_ms IS NOT NULL),
        ('run', outcome, date_part('epoch', ended_at - job_attempts.started_at),
         '{0.01,0.05,0.1,0.25,0.5,1,2.5,5,10,30,60,120,300}'::float8[],
         job_attempts.started_at IS NOT NULL),
        ('ended', outcome, NULL, '{}', true),
        ('failed', '', NULL, '{}', failed),
        ('retried', '', NULL, '{}',
         outcome IN ('error', 'timeout', 'worker_lost') AND NOT coalesce(failed, false))
    ) AS measure (name, outcome, value, edges, applies)
    WHERE applies
    GROUP BY 1, 2, 3, 4
"""
_COUNT_REFUSED_PHOTOS = """
    INSERT INTO metric_totals AS totals (name, queue_name, count)
    SELECT 'failed', queue_name, count(*) FROM jobs WHERE state = 'failed' AND attempts = 0
    GROUP BY queue_name
    ON CONFLICT (name, queue_name, outcome, engine, model, le) DO UPDATE
    SET count = totals.count + excluded.count
"""
_COUNT_AI_CALLS = """
    INSERT INTO metric_totals (name, queue_name, outcome, engine, model, le, count, sum)
    SELECT
        name, coalesce(queue_name, 'unknown'), measure.outcome, engine, model,
        coalesce((SELECT min(edge) FROM unnest(edges) AS edge WHERE edge >= value), 'infinity'),
        count(*), sum(value)
    FROM ai_metrics
    LEFT JOIN jobs USING (job_id)
    CROSS JOIN LATERAL (
        VALUES
        ('ai', CASE WHEN ai_metrics.success THEN 'completed' ELSE 'error' END, latency_ms / 1000,
         '{0.05,0.1,0.25,0.5,1,2.5,5,10,20,40,60,120}'::float8[]),
        ('cost', '', cost_usd, '{}'),
        ('tokens_in', '', tokens_in, '{}'),
        ('tokens_out', '', tokens_out, '{}')
    ) AS measure (name, outcome, value, edges)
    WHERE value IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6
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
