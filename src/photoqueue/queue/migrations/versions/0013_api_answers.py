"""answers to requests of the HTTP API that carry an Idempotency-Key"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, UUID

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    # A server of the version before ignores the header, as it did.
    op.create_table(
        "api_answers",
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary),
        sa.Column("claim", UUID, nullable=False),
        sa.Column("ref", UUID, nullable=False, server_default=sa.text("gen_random_uuid()")),
        sa.Column("held_until", _TIME, nullable=False),
        sa.Column(
            "expires_at", _TIME, nullable=False, server_default=sa.text("now() + interval '1 day'")
        ),
        sa.Column("status", sa.Integer),
        sa.Column("answer", JSON),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("api_answers_pkey")),
        sa.UniqueConstraint("claim", name="api_answers_claim"),
    )
    op.create_index("api_answers_expiry", "api_answers", ["expires_at"])


def downgrade() -> None:
    op.drop_table("api_answers")
