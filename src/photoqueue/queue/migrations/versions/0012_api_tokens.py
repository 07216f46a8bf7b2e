"""named tokens of the HTTP API, and the operations that were asked for with them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    # A server of the version before knows PHOTOQUEUE_API_TOKEN only.
    op.create_table(
        "api_tokens",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("withdrawn_at", _TIME),
        sa.PrimaryKeyConstraint("name", name=op.f("api_tokens_pkey")),
        sa.UniqueConstraint("digest", name="api_tokens_digest"),
        sa.CheckConstraint(
            "scope IN ('read', 'submit', 'operate')", name=op.f("api_tokens_scope_check")
        ),
    )
    op.create_table(
        "api_operations",
        sa.Column("operation_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("token", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("asked_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("status", sa.Integer),
        sa.PrimaryKeyConstraint("operation_id", name=op.f("api_operations_pkey")),
    )


def downgrade() -> None:
    op.drop_table("api_operations")
    op.drop_table("api_tokens")
