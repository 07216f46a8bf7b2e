"""what a submission left out, photos by content, and names in one normal form"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: Names that callers wrote in either of Unicode's forms; ids of photos stay as they are.
_NAMES = {
    "batches": ("project_id", "user_id"),
    "photos": ("project_id", "user_id", "room", "room_type", "file_name"),
    "jobs": ("project_id", "user_id"),
    "inventory_corrections": ("project_id", "user_id", "room"),
}


def upgrade() -> None:
    op.create_index("photos_content", "photos", ["sha256"])
    if op.get_bind().scalar(sa.text("SHOW server_encoding")) == "UTF8":
        _normalize()
    # Last: whoever reads `batches` waits for this lock until all is committed.
    op.add_column("batches", sa.Column("left_out", JSONB))


def _normalize() -> None:
    for table, columns in _NAMES.items():
        values = ", ".join(f"{name} = normalize({name})" for name in columns)
        other = " OR ".join(f"{name} IS NOT NFC NORMALIZED" for name in columns)
        op.execute(f"UPDATE {table} SET {values} WHERE {other}")
    # Inventories are found by key, and hold the names of rooms that corrections refer to. One that
    # is unfinished keeps its key, which another may have.
    op.execute(
        """
        UPDATE jobs
        SET payload = normalize(payload::text)::jsonb, result = normalize(result::text)::jsonb,
            job_key = CASE WHEN success THEN normalize(job_key) ELSE job_key END
        WHERE queue_name = 'inventory-sync'
          AND (job_key IS NOT NFC NORMALIZED OR payload::text IS NOT NFC NORMALIZED
               OR result::text IS NOT NFC NORMALIZED)
        """
    )


def downgrade() -> None:
    op.drop_index("photos_content", "photos")
    op.drop_column("batches", "left_out")
