"""which worker leads recovery; before, an advisory lock of its session said so"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A worker of the version before goes on taking its lock: two that announce do no harm.
    op.add_column("installation", sa.Column("leader", UUID))
    op.add_column("installation", sa.Column("leads_until", sa.TIMESTAMP(timezone=True)))
    op.add_column("installation", sa.Column("led_at", sa.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    for column in ("leader", "leads_until", "led_at"):
        op.drop_column("installation", column)
