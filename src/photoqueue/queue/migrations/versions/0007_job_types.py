"""jobs of any type, not of two only"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


# After the sums are filled: what needs `jobs` waits for this lock until all is committed.
def upgrade() -> None:
    op.drop_constraint(op.f("jobs_queue_name_check"), "jobs", type_="check")


def downgrade() -> None:
    # Jobs of other types that are there stay.
    op.execute(
        "ALTER TABLE jobs ADD CONSTRAINT jobs_queue_name_check "
        "CHECK (queue_name IN ('photo-analyze', 'inventory-sync')) NOT VALID"
    )
