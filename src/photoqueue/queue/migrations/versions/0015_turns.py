"""turns: among jobs of one priority the submitters take turns; before, they ran by age"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Jobs that wait, and those that the version before submits, have turn 0: they run first, by age.
    op.add_column(
        "jobs", sa.Column("turn", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("jobs", sa.Column("group_name", sa.Text))
    op.add_column("batches", sa.Column("group_name", sa.Text))
    op.drop_index("jobs_waiting")
    _index("jobs_waiting", "turn", "job_id", ready=True)
    _index("jobs_turns", sa.text("coalesce(group_name, user_id)"), "turn", ready=True)


def downgrade() -> None:
    op.drop_index("jobs_turns")
    op.drop_index("jobs_waiting")
    _index("jobs_waiting", "job_id", ready=False)
    op.drop_column("batches", "group_name")
    op.drop_column("jobs", "group_name")
    op.drop_column("jobs", "turn")


def _index(name: str, *columns: str | sa.TextClause, ready: bool) -> None:
    op.create_index(
        name,
        "jobs",
        ["queue_name", sa.text("(-priority)"), *columns],
        postgresql_where=sa.text(f"state = 'waiting'{' AND ready_at IS NOT NULL' * ready}"),
    )
