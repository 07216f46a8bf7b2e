"""jobs of any type, not of two only"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


# Behind a transaction that reads for minutes (`pg_dump`) the lock is tried again and again: whoever
# waits for it for long has all workers wait behind it, until their leases have run out.
_LOCK = """
    DO $$
    BEGIN
        PERFORM set_config('lock_timeout', '500ms', true);
        FOR attempt IN 1..1200 LOOP
            BEGIN
                LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE;
                EXIT;
            EXCEPTION WHEN lock_not_available THEN
                IF attempt = 1200 THEN RAISE; END IF;
                PERFORM pg_sleep(0.5);
            END;
        END LOOP;
        PERFORM set_config('lock_timeout', '0', true);
    END $$
"""


# After the sums are filled: what needs `jobs` waits for this lock until all is committed.
def upgrade() -> None:
    op.execute(_LOCK)
    op.drop_constraint(op.f("jobs_queue_name_check"), "jobs", type_="check")


def downgrade() -> None:
    # Jobs of other types that are there stay.
    op.execute(
        "ALTER TABLE jobs ADD CONSTRAINT jobs_queue_name_check "
        "CHECK (queue_name IN ('photo-analyze', 'inventory-sync')) NOT VALID"
    )
