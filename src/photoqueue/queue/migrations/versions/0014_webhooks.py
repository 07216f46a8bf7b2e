"""webhooks: what is to be told of the ends of batches and inventories, and of reports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: Written with the batch or job, by whichever version of the code; its end is awaited.
_TRIGGERS = """
    CREATE FUNCTION photoqueue_await_batch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO webhooks (event, subject, project_id)
            VALUES ('batch.ended', NEW.batch_id, NEW.project_id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER batches_webhook AFTER INSERT ON batches
        FOR EACH ROW EXECUTE FUNCTION photoqueue_await_batch();
    CREATE FUNCTION photoqueue_await_inventory() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO webhooks (event, subject, project_id)
            VALUES ('inventory.ended', NEW.job_id::text, NEW.project_id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER jobs_webhook AFTER INSERT ON jobs
        FOR EACH ROW WHEN (NEW.queue_name = 'inventory-sync')
        EXECUTE FUNCTION photoqueue_await_inventory();
"""


def upgrade() -> None:
    time = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", UUID, server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text),
        sa.Column("created_at", time, nullable=False, server_default=sa.func.now()),
        sa.Column("checked", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("happened_at", time),
        sa.Column("due_at", time, server_default=sa.func.now()),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text),
        sa.Column("delivered_at", time),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("webhooks_pkey")),
    )
    awaited = sa.text("happened_at IS NULL")
    op.create_index(
        "webhooks_awaited", "webhooks", ["event", "subject"], unique=True, postgresql_where=awaited
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("webhooks_due", "webhooks", ["due_at"], postgresql_where=due)
    op.create_index("webhooks_happened", "webhooks", ["happened_at", "webhook_id"])
    op.execute(_TRIGGERS)


def downgrade() -> None:
    op.execute(
        """
        DROP TRIGGER batches_webhook ON batches;
        DROP TRIGGER jobs_webhook ON jobs;
        DROP FUNCTION photoqueue_await_batch;
        DROP FUNCTION photoqueue_await_inventory;
        DROP TABLE webhooks;
        """
    )
