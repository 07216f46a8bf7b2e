"""edits of a project, which corrections of inventories are a kind of"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: Numbers the edits of a project in the order of their commits: whoever adds one holds a lock of
#: the project until then. Values of a sequence become visible in another order.
_NUMBER = """
    CREATE FUNCTION photoqueue_number_edit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('photoqueue.edits ' || NEW.project_id, 0));
        SELECT coalesce(max(number), 0) + 1 INTO NEW.number
            FROM edits WHERE project_id = NEW.project_id;
        RETURN NEW;
    END $$;
    CREATE TRIGGER edits_number BEFORE INSERT ON edits
        FOR EACH ROW EXECUTE FUNCTION photoqueue_number_edit();
"""
_CARRY_OVER = """
    INSERT INTO edits (edit_id, project_id, kind, user_id, created_at, undone_at, undone_by, what)
    SELECT correction_id, project_id, 'count', user_id, created_at, undone_at, undone_by,
           jsonb_strip_nulls(jsonb_build_object('room', room, 'count', count,
               'dismountable', dismountable, 'thing', jsonb_build_object(
                   'key', key, 'name', name, 'category', category, 'volume', volume)))
    FROM inventory_corrections ORDER BY correction_id;
    SELECT setval(pg_get_serial_sequence('edits', 'edit_id'),
        nextval(pg_get_serial_sequence('inventory_corrections', 'correction_id')), false);
    DROP TABLE inventory_corrections;
"""
#: What the version before reads and writes while both run: its corrections are edits.
_VIEW = """
    CREATE VIEW inventory_corrections AS
    SELECT edit_id AS correction_id, project_id, what ->> 'room' AS room,
           what #>> '{thing,key}' AS key, what #>> '{thing,name}' AS name,
           what #>> '{thing,category}' AS category, (what ->> 'count')::integer AS count,
           (what #>> '{thing,volume}')::double precision AS volume,
           (what ->> 'dismountable')::boolean AS dismountable,
           user_id, created_at, undone_at, undone_by
    FROM edits WHERE kind = 'count';
    CREATE FUNCTION photoqueue_correct() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            DELETE FROM edits WHERE project_id = OLD.project_id;
            RETURN OLD;
        ELSIF TG_OP = 'UPDATE' THEN
            UPDATE edits SET undone_at = NEW.undone_at, undone_by = NEW.undone_by
                WHERE edit_id = OLD.correction_id;
            INSERT INTO edits (project_id, kind, user_id, what)
                SELECT project_id, 'undo', NEW.undone_by, jsonb_build_object('of', number)
                FROM edits WHERE edit_id = OLD.correction_id;
            RETURN NEW;
        END IF;
        INSERT INTO edits (project_id, kind, user_id, what)
        VALUES (NEW.project_id, 'count', NEW.user_id,
            jsonb_strip_nulls(jsonb_build_object('room', NEW.room, 'count', NEW.count,
                'dismountable', NEW.dismountable, 'thing', jsonb_build_object('key', NEW.key,
                    'name', NEW.name, 'category', NEW.category, 'volume', NEW.volume))))
        RETURNING edit_id, created_at INTO NEW.correction_id, NEW.created_at;
        RETURN NEW;
    END $$;
    CREATE TRIGGER inventory_corrections_edit INSTEAD OF INSERT OR UPDATE OR DELETE
        ON inventory_corrections FOR EACH ROW EXECUTE FUNCTION photoqueue_correct();
"""


def upgrade() -> None:
    # Nobody corrects meanwhile; inventories are read again at once.
    op.execute("LOCK TABLE inventory_corrections IN ACCESS EXCLUSIVE MODE")
    op.create_table(
        "edits",
        sa.Column("edit_id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("undone_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("undone_by", sa.Text),
        sa.Column("what", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("edit_id", name=op.f("edits_pkey")),
        sa.UniqueConstraint("project_id", "number", name="edits_of_project"),
        sa.CheckConstraint("(what ->> 'count')::integer >= 0", name=op.f("edits_count_check")),
        sa.CheckConstraint(
            "(what #>> '{thing,volume}')::double precision >= 0", name=op.f("edits_volume_check")
        ),
    )
    for statements in (_NUMBER, _CARRY_OVER, _VIEW):
        op.execute(statements)


def downgrade() -> None:
    op.execute(
        """
        CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM inventory_corrections;
        DROP VIEW inventory_corrections;
        DROP FUNCTION photoqueue_correct;
        CREATE TABLE inventory_corrections (
            correction_id bigint GENERATED ALWAYS AS IDENTITY,
            project_id text NOT NULL, room text NOT NULL, key text, name text NOT NULL,
            category text NOT NULL, count integer NOT NULL, volume double precision,
            dismountable boolean, user_id text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(), undone_at timestamptz, undone_by text,
            CONSTRAINT inventory_corrections_pkey PRIMARY KEY (correction_id),
            CONSTRAINT inventory_corrections_count_check CHECK (count >= 0),
            CONSTRAINT inventory_corrections_volume_check CHECK (volume >= 0)
        );
        INSERT INTO inventory_corrections (correction_id, project_id, room, key, name, category,
                count, volume, dismountable, user_id, created_at, undone_at, undone_by)
            OVERRIDING SYSTEM VALUE
            SELECT correction_id, project_id, room, key, name, category, count, volume,
                   dismountable, user_id, created_at, undone_at, undone_by FROM kept;
        SELECT setval(pg_get_serial_sequence('inventory_corrections', 'correction_id'),
                      nextval(pg_get_serial_sequence('edits', 'edit_id')), false);
        CREATE INDEX inventory_corrections_project
            ON inventory_corrections (project_id, correction_id);
        DROP TABLE edits;
        DROP FUNCTION photoqueue_number_edit;
        """
    )
