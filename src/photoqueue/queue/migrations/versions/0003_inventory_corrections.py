"""corrections of inventories by a person"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inventory_corrections",
        sa.Column("correction_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=True),
        sa.Column("dismountable", sa.Boolean(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("undone_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.CheckConstraint("count >= 0", name=op.f("inventory_corrections_count_check")),
        sa.CheckConstraint("volume >= 0", name=op.f("inventory_corrections_volume_check")),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("inventory_corrections_pkey")),
    )
    op.create_index(
        "inventory_corrections_project",
        "inventory_corrections",
        ["project_id", "correction_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("inventory_corrections_project", table_name="inventory_corrections")
    op.drop_table("inventory_corrections")
