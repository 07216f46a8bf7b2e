"""a rate limit that all workers share"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_rate_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("ai_rate_limits_pkey")),
    )


def downgrade() -> None:
    op.drop_table("ai_rate_limits")
