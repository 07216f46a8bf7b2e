"""initial tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_metrics",
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("photo_id", sa.Text(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=True),
        sa.Column("tokens_out", sa.BigInteger(), nullable=True),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("job_id", "attempt", "call", name=op.f("ai_metrics_pkey")),
    )
    op.create_table(
        "batch_jobs",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("batch_jobs_pkey")),
    )
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("batches_pkey")),
    )
    op.create_table(
        "installation",
        sa.Column(
            "installation_id",
            sa.UUID(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("installation_id", name=op.f("installation_pkey")),
    )
    op.create_table(
        "job_attempts",
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("worker_id", sa.UUID(), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("wait_ms", sa.Double(), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "ended_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_traceback", sa.Text(), nullable=True),
        sa.Column("retry_delay_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('completed', 'error', 'timeout', 'worker_lost', 'released', 'cancelled')",
            name=op.f("job_attempts_outcome_check"),
        ),
        sa.PrimaryKeyConstraint("job_id", "attempt", name=op.f("job_attempts_pkey")),
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("job_key", sa.Text(), nullable=False),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("photo_id", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Text(), nullable=True),
        sa.Column("after_batch", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("budget", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.UUID(), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ready_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("wait_ms", sa.Double(), nullable=True),
        sa.Column("job_duration_ms", sa.Double(), nullable=True),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("error_type", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_traceback", sa.Text(), nullable=True),
        sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name=op.f("jobs_payload_check")),
        sa.CheckConstraint(
            "queue_name IN ('photo-analyze', 'inventory-sync')", name=op.f("jobs_queue_name_check")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'active', 'delayed', 'completed', 'failed', 'cancelled')",
            name=op.f("jobs_state_check"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("jobs_pkey")),
    )
    op.create_index(
        "jobs_active",
        "jobs",
        ["worker_id"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "jobs_blocked",
        "jobs",
        ["after_batch"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting' AND ready_at IS NULL"),
    )
    op.create_index(
        "jobs_delayed",
        "jobs",
        ["queue_name", "ready_at"],
        unique=False,
        postgresql_where=sa.text("state = 'delayed'"),
    )
    op.create_index("jobs_key", "jobs", ["job_key", "job_id"], unique=False)
    op.create_index(
        "jobs_project",
        "jobs",
        ["project_id"],
        unique=False,
        postgresql_where=sa.text("project_id IS NOT NULL"),
    )
    op.create_index("jobs_state", "jobs", ["queue_name", "state", "finished_at"], unique=False)
    op.create_index(
        "jobs_unfinished_key",
        "jobs",
        ["job_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'active', 'delayed')"),
    )
    op.create_index(
        "jobs_waiting",
        "jobs",
        ["queue_name", sa.literal_column("(-priority)"), "job_id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "photos",
        sa.Column("photo_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("room", sa.Text(), nullable=True),
        sa.Column("room_type", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("image_format", sa.Text(), nullable=True),
        sa.Column("byte_size", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("photos_pkey")),
    )
    op.create_index(
        "photos_project",
        "photos",
        ["project_id"],
        unique=False,
        postgresql_where=sa.text("project_id IS NOT NULL"),
    )
    op.create_table(
        "queues",
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("refused_messages", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("queue_name", name=op.f("queues_pkey")),
    )
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.UUID(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("host_key", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_started", sa.Double(), nullable=False),
        sa.Column("queues", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="starting", nullable=False),
        sa.Column(
            "started_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("workers_pkey")),
    )
    op.execute("INSERT INTO installation DEFAULT VALUES")
    op.execute("INSERT INTO queues (queue_name) VALUES ('photo-analyze'), ('inventory-sync')")


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_table("queues")
    op.drop_index(
        "photos_project", table_name="photos", postgresql_where=sa.text("project_id IS NOT NULL")
    )
    op.drop_table("photos")
    op.drop_index("jobs_waiting", table_name="jobs", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index(
        "jobs_unfinished_key",
        table_name="jobs",
        postgresql_where=sa.text("state IN ('waiting', 'active', 'delayed')"),
    )
    op.drop_index("jobs_state", table_name="jobs")
    op.drop_index(
        "jobs_project", table_name="jobs", postgresql_where=sa.text("project_id IS NOT NULL")
    )
    op.drop_index("jobs_key", table_name="jobs")
    op.drop_index("jobs_delayed", table_name="jobs", postgresql_where=sa.text("state = 'delayed'"))
    op.drop_index(
        "jobs_blocked",
        table_name="jobs",
        postgresql_where=sa.text("state = 'waiting' AND ready_at IS NULL"),
    )
    op.drop_index("jobs_active", table_name="jobs", postgresql_where=sa.text("state = 'active'"))
    op.drop_table("jobs")
    op.drop_table("job_attempts")
    op.drop_table("installation")
    op.drop_table("batches")
    op.drop_table("batch_jobs")
    op.drop_table("ai_metrics")
