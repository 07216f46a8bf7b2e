"""until when photos can be added to a batch; before, none could be added later"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("closed_at", sa.TIMESTAMP(timezone=True)))
    op.add_column("batches", sa.Column("engine", sa.Text))
    op.add_column(
        "batches",
        sa.Column("priority", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    )
    op.execute("UPDATE batches SET closed_at = created_at")
    # The version before names no time: its batches are closed from the beginning.
    op.alter_column("batches", "closed_at", nullable=False, server_default=sa.func.now())


def downgrade() -> None:
    for column in ("closed_at", "engine", "priority"):
        op.drop_column("batches", column)
