"""one tally in place of four tables of sums"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Workers of the version before go on counting into the old tables, by the same marks: an
# attempt is counted by one of the two versions. What the old one counts is carried over to the
# tally by triggers, in the same transaction. Whoever counts reads the marks before any other
# table: this lock keeps all of them from counting until the tally is filled, holding nothing
# that is needed here. Jobs are submitted, claimed and recorded meanwhile.
_HOLD_MARKS = "LOCK TABLE metric_marks IN ACCESS EXCLUSIVE MODE"
# The names of failures and of minutes were others; completed attempts were in both tables of
# times. Of tokens it was not known of how many calls they are.
_CARRY = {
    "figure_bins": """
        SELECT CASE WHEN start = '-infinity' THEN 0 ELSE 3600 END AS seconds, name AS measure,
            start, queue_name, CASE WHEN failed THEN 'failed' ELSE 'completed' END AS outcome,
            '{{}}'::text[] AS labels, bin, count, NULL::float8 AS sum, least, most
        FROM {rows}
    """,
    "figure_times": """
        SELECT seconds,
            CASE name WHEN 'completed' THEN 'ended' WHEN 'failed' THEN 'failure' ELSE name END
                AS measure,
            start, queue_name,
            CASE WHEN name IN ('completed', 'failed') THEN name ELSE '' END AS outcome,
            CASE WHEN name = 'failed' THEN ARRAY[error_type] ELSE '{{}}' END AS labels, 0 AS bin,
            count, NULL::float8 AS sum,
            CASE WHEN name <> 'started' THEN date_part('epoch', first_at) END AS least,
            CASE WHEN name = 'started' THEN longest_wait_ms ELSE date_part('epoch', last_at) END
                AS most
        FROM {rows}
    """,
    "figure_calls": """
        SELECT CASE WHEN start = '-infinity' THEN 0 ELSE 3600 END AS seconds, measure, start,
            queue_name, outcome, ARRAY[engine, model] AS labels, place AS bin, number AS count,
            amount AS sum, low AS least, high AS most
        FROM {rows}
        CROSS JOIN LATERAL (
            VALUES
            ('call', CASE WHEN success THEN 'completed' ELSE 'error' END, bin, count,
             NULL::float8, least, most),
            ('cost', '', 0, priced, cost_usd, NULL, NULL),
            ('tokens_in', '', 0, 0, tokens_in, NULL, NULL),
            ('tokens_out', '', 0, 0, tokens_out, NULL, NULL)
        ) AS carried (measure, outcome, place, number, amount, low, high)
        WHERE number <> 0 OR amount <> 0
    """,
    "metric_minutes": """
        SELECT level.seconds,
            CASE WHEN name IN ('failed', 'retried') THEN name
                 WHEN starts_with(name, 'ai_') THEN 'called' ELSE 'ended' END AS measure,
            date_bin(level.seconds * interval '1 s', minute, 'epoch') AS start, queue_name,
            CASE WHEN name IN ('failed', 'retried') THEN '' ELSE replace(name, 'ai_', '') END
                AS outcome,
            '{{}}'::text[] AS labels, 0 AS bin, count, NULL::float8 AS sum,
            NULL::float8 AS least, NULL::float8 AS most
        FROM {rows} CROSS JOIN (VALUES (60), (3600)) AS level (seconds)
        WHERE name <> 'completed'
    """,
}
#: Columns that are added to; of a row that was changed, the difference is carried over.
_SUMS = {"count", "cost_usd", "priced", "tokens_in", "tokens_out"}
_ADD = """
    INSERT INTO tally AS kept
        (seconds, measure, start, queue_name, outcome, labels, bin, count, sum, least, most)
    SELECT seconds, measure, start, queue_name, outcome, labels, bin, sum(count), sum(sum),
        min(least), max(most)
    FROM ({rows}) AS carried
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (seconds, measure, start, queue_name, outcome, labels, bin) DO UPDATE
    SET count = kept.count + excluded.count, sum = kept.sum + excluded.sum,
        least = least(kept.least, excluded.least), most = greatest(kept.most, excluded.most)
"""
_TRIGGER = """
    CREATE FUNCTION carry_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN {add}; RETURN NULL; END $$;
    CREATE TRIGGER carry AFTER INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION carry_{table}();
"""


def upgrade() -> None:
    op.execute(_HOLD_MARKS)
    op.create_table(
        "tally",
        sa.Column("seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("start", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("queue_name", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("bin", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("sum", sa.Double(), nullable=True),
        sa.Column("least", sa.Double(), nullable=True),
        sa.Column("most", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            *("seconds", "measure", "start", "queue_name", "outcome", "labels", "bin"),
            name=op.f("tally_pkey"),
        ),
    )
    inspector = sa.inspect(op.get_bind())
    for table, carry in _CARRY.items():
        names = [column["name"] for column in inspector.get_columns(table)]
        values = ", ".join(
            f"NEW.{name} - coalesce(OLD.{name}, 0) AS {name}" if name in _SUMS else f"NEW.{name}"
            for name in names
        )
        one = _ADD.format(rows=carry.format(rows=f"(SELECT {values}) AS changed"))
        op.execute(_TRIGGER.format(table=table, add=one))
        op.execute(_ADD.format(rows=carry.format(rows=table)))


def downgrade() -> None:
    for table in _CARRY:
        op.execute(f"DROP TRIGGER carry ON {table}; DROP FUNCTION carry_{table}()")
    op.drop_table("tally")
