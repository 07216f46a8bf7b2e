"""The tracking tables.

``jobs`` holds one row per job, which decides its state; ``job_attempts`` one row per *ended*
attempt (the running one is in the ``jobs`` row, so that an attempt costs a single insert). Times
are those of PostgreSQL's clock, so that a worker's wrong clock does no harm.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, UUID

from photoqueue.words import UNFINISHED, JobState, Outcome, TokenScope

#: Revision that this code reads and writes; equal to the newest migration.
SCHEMA_REVISION: Final = "0015"

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "ix_%(column_0_label)s",
    }
)


def _one_of(column: str, values: type[JobState | Outcome | TokenScope]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _recorded_xid() -> sa.Column[int | None]:
    """Return the column with the transaction that wrote a row; null once the row is counted.

    A 64-bit transaction number of PostgreSQL, which does not wrap around. With it rows can be
    counted later, each exactly once: see ``tally.sql``.
    """
    return sa.Column(
        "recorded_xid",
        sa.BigInteger,
        server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
    )


def _time(name: str, **options: Any) -> sa.Column[object]:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), **options)


def _by_time(name: str, column: str) -> sa.Index:
    """Return a BRIN index for a table that is written in the order of time.

    It stores the range of times of each few pages: small, and enough to read only the last hour.
    """
    return sa.Index(
        name,
        column,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )


def _partial(
    name: str, condition: str, *columns: str | sa.TextClause, unique: bool = False
) -> sa.Index:
    """Return an index on the rows for which a condition holds."""
    return sa.Index(name, *columns, unique=unique, postgresql_where=sa.text(condition))


_UNFINISHED: Final = f"state IN ({', '.join(repr(str(state)) for state in UNFINISHED)})"
_READY: Final = "state = 'waiting' AND ready_at IS NOT NULL"
_UNCOUNTED: Final = "recorded_xid IS NOT NULL"
_RANDOM_ID: Final = sa.text("gen_random_uuid()")

#: One row: the identity of this installation, which names its keys in a shared Redis.
installation = sa.Table(
    "installation",
    metadata,
    sa.Column("installation_id", UUID(as_uuid=True), primary_key=True, server_default=_RANDOM_ID),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    #: The worker that announces waiting jobs, until when it does unless it says so again, and when
    #: a worker last did all of it.
    sa.Column("leader", UUID(as_uuid=True)),
    _time("leads_until"),
    _time("led_at"),
)

queues = sa.Table(
    "queues",
    metadata,
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
    #: Messages in the broker that photoqueue did not write.
    sa.Column("refused_messages", sa.BigInteger, nullable=False, server_default=sa.text("0")),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("worker_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    #: Identifies machine, boot and process namespace: pids can be compared only within one.
    sa.Column("host_key", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    #: When the process started, on a clock of its host; tells a reused pid apart.
    sa.Column("process_started", sa.Double, nullable=False),
    sa.Column("queues", ARRAY(sa.Text), nullable=False),
    sa.Column("concurrency", sa.Integer, nullable=False),
    sa.Column("engine", sa.Text),
    #: ``starting``, ``running``, ``draining`` or ``stopped``.
    sa.Column("state", sa.Text, nullable=False, server_default="starting"),
    _time("started_at", nullable=False, server_default=sa.func.now()),
    #: The lease: a running worker renews it; when it expires, the worker's jobs are recovered.
    _time("last_seen_at", nullable=False, server_default=sa.func.now()),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("project_id", sa.Text),
    sa.Column("user_id", sa.Text, nullable=False),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    #: Until when photos can be added; an open batch has a time to come, which each addition puts
    #: off. A batch that is submitted as a whole is closed from the beginning.
    _time("closed_at", nullable=False, server_default=sa.func.now()),
    #: Engine, priority and group of the photos that are added.
    sa.Column("engine", sa.Text),
    sa.Column("priority", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("group_name", sa.Text),
    #: Files that were handed in and not taken: a list of ``[file, reason]``.
    sa.Column("left_out", JSONB),
)

photos = sa.Table(
    "photos",
    metadata,
    sa.Column("photo_id", sa.Text, primary_key=True),
    #: Content address in the photo store; null when the source could not be read.
    sa.Column("sha256", sa.Text),
    sa.Column("project_id", sa.Text),
    sa.Column("room", sa.Text),
    sa.Column("room_type", sa.Text),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("asset_id", sa.Text),
    sa.Column("file_name", sa.Text),
    sa.Column("image_format", sa.Text),
    sa.Column("byte_size", sa.BigInteger),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    _partial("photos_project", "project_id IS NOT NULL", "project_id"),
    sa.Index("photos_content", "sha256"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    #: UUIDv7: ordered by creation, and unique across installations.
    sa.Column("job_id", UUID(as_uuid=True), primary_key=True),
    #: ``photo-<photoId>`` or ``inventory-<projectId>``; unique among unfinished jobs.
    sa.Column("job_key", sa.Text, nullable=False),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    #: Higher runs first.
    sa.Column("priority", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    #: Lower runs first among jobs of one priority; see ``turns.sql``.
    sa.Column("turn", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    #: Whose turn it is; null is the user's.
    sa.Column("group_name", sa.Text),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("result", JSONB),
    sa.Column("photo_id", sa.Text),
    sa.Column("project_id", sa.Text),
    sa.Column("user_id", sa.Text, nullable=False),
    #: The batch that first submitted the job.
    sa.Column("batch_id", sa.Text),
    #: The job may not start before this batch has ended.
    sa.Column("after_batch", sa.Text),
    #: Attempts started; also the fencing token of every write.
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    #: The attempt number at which the budget is spent.
    sa.Column("max_attempts", sa.Integer, nullable=False),
    #: Attempt budget given when the job was submitted or last retried by a person.
    sa.Column("budget", sa.Integer, nullable=False),
    sa.Column("worker_id", UUID(as_uuid=True)),
    #: Which process of the worker holds the job; never used twice by one worker.
    sa.Column("slot", sa.Integer),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    #: Since when it may start; null while it waits for a batch.
    _time("ready_at"),
    _time("started_at"),
    _time("finished_at"),
    #: Milliseconds that the last attempt waited from ``ready_at`` to its start. Null before the
    #: first attempt, and while a claimed one may not have begun: see ``complete_and_claim``.
    sa.Column("wait_ms", sa.Double),
    #: Milliseconds the last attempt ran.
    sa.Column("job_duration_ms", sa.Double),
    #: Null until the job has ended.
    sa.Column("success", sa.Boolean),
    sa.Column("error_type", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("error_traceback", sa.Text),
    sa.CheckConstraint(_one_of("state", JobState), name="state"),
    sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload"),
    _partial("jobs_unfinished_key", _UNFINISHED, "job_key", unique=True),
    sa.Index("jobs_key", "job_key", "job_id"),
    _partial("jobs_waiting", _READY, "queue_name", sa.text("(-priority)"), "turn", "job_id"),
    _partial(
        "jobs_turns",
        _READY,
        "queue_name",
        sa.text("(-priority)"),
        sa.text("coalesce(group_name, user_id)"),
        "turn",
    ),
    _partial("jobs_delayed", "state = 'delayed'", "queue_name", "ready_at"),
    _partial("jobs_blocked", "state = 'waiting' AND ready_at IS NULL", "after_batch"),
    _partial("jobs_active", "state = 'active'", "worker_id"),
    _partial("jobs_project", "project_id IS NOT NULL", "project_id"),
    sa.Index("jobs_state", "queue_name", "state", "finished_at"),
    #: What charts show of failed jobs, without reading the table.
    _partial("jobs_failed", "state = 'failed'", "queue_name", "attempts", "finished_at"),
)

#: Which jobs belong to which batch; a job can be in several, because submitting a photo again
#: returns the existing job.
batch_jobs = sa.Table(
    "batch_jobs",
    metadata,
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("job_id", UUID(as_uuid=True), nullable=False),
)

job_attempts = sa.Table(
    "job_attempts",
    metadata,
    sa.Column("job_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("worker_id", UUID(as_uuid=True)),
    sa.Column("slot", sa.Integer),
    sa.Column("wait_ms", sa.Double),
    _time("started_at"),
    _time("ended_at", nullable=False, server_default=sa.func.now()),
    sa.Column("error_type", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("error_traceback", sa.Text),
    #: Milliseconds of back-off before the next attempt; null when there is none.
    sa.Column("retry_delay_ms", sa.BigInteger),
    _recorded_xid(),
    sa.CheckConstraint(_one_of("outcome", Outcome), name="outcome"),
    _partial("job_attempts_recorded", _UNCOUNTED, "recorded_xid"),
    _by_time("job_attempts_ended", "ended_at"),
)

ai_metrics = sa.Table(
    "ai_metrics",
    metadata,
    sa.Column("job_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    #: Number of the call within the attempt; with it a record written twice is one row.
    sa.Column("call", sa.Integer, primary_key=True),
    sa.Column("photo_id", sa.Text),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("latency_ms", sa.Double, nullable=False),
    sa.Column("tokens_in", sa.BigInteger),
    sa.Column("tokens_out", sa.BigInteger),
    sa.Column("cost_usd", sa.Double),
    sa.Column("success", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    _recorded_xid(),
    _partial("ai_metrics_recorded", _UNCOUNTED, "recorded_xid"),
    _by_time("ai_metrics_created", "created_at"),
)

#: When any worker may send the next request to each service that engines use.
ai_rate_limits = sa.Table(
    "ai_rate_limits",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _time("free_at", nullable=False),
)

#: What persons said about projects; undone edits stay on record. The view
#: ``inventory_corrections`` shows those of kind ``count`` to the version before.
edits = sa.Table(
    "edits",
    metadata,
    #: Of a ``count``, the id of its correction.
    sa.Column("edit_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("project_id", sa.Text, nullable=False),
    #: From 1, in the order of commits; a trigger gives it, holding a lock of the project.
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    #: When it was undone; null while it holds.
    _time("undone_at"),
    sa.Column("undone_by", sa.Text),
    #: The other fields of :class:`photoqueue.records.edits.Edit`, as JSON.
    sa.Column("what", JSONB, nullable=False),
    sa.UniqueConstraint("project_id", "number", name="edits_of_project"),
    sa.CheckConstraint("(what ->> 'count')::integer >= 0", name="count"),
    sa.CheckConstraint("(what #>> '{thing,volume}')::double precision >= 0", name="volume"),
)

#: Tokens of the HTTP API besides ``PHOTOQUEUE_API_TOKEN``. Rows stay: operations and edits name
#: them, and a name means one token for ever.
api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    #: SHA-256 of the token, which is random: nobody finds it by trying.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    #: Since when it opens nothing any more; null while it does.
    _time("withdrawn_at"),
    sa.CheckConstraint(_one_of("scope", TokenScope), name="scope"),
    sa.UniqueConstraint("digest", name="api_tokens_digest"),
)

#: Operations asked for over HTTP, and by which token.
api_operations = sa.Table(
    "api_operations",
    metadata,
    sa.Column("operation_id", sa.BigInteger, sa.Identity(), primary_key=True),
    #: Name of the token; null where none is needed.
    sa.Column("token", sa.Text),
    #: Name of the operation in OpenAPI, such as ``retry_job``, and what it is done to.
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    _time("asked_at", nullable=False, server_default=sa.func.now()),
    #: HTTP status of the answer; null until then, and if the server died before.
    sa.Column("status", sa.Integer),
)

#: Requests over HTTP with an ``Idempotency-Key``, and their answers, for a day.
api_answers = sa.Table(
    "api_answers",
    metadata,
    #: Name of the token; empty where none is needed.
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    #: SHA-256 of address, content type and body; null until all of an upload was received.
    sa.Column("digest", sa.LargeBinary),
    #: Who carries it out, until when unless it is renewed.
    sa.Column("claim", UUID(as_uuid=True), nullable=False),
    sa.Column("ref", UUID(as_uuid=True), nullable=False, server_default=_RANDOM_ID),
    _time("held_until", nullable=False),
    _time("expires_at", nullable=False, server_default=sa.text("now() + interval '1 day'")),
    #: HTTP status; null until it is answered.
    sa.Column("status", sa.Integer),
    #: As it was sent: ``json`` keeps the text.
    sa.Column("answer", JSON),
    sa.UniqueConstraint("claim", name="api_answers_claim"),
    sa.Index("api_answers_expiry", "expires_at"),
)

#: Counters and histogram buckets since the installation began, a few rows. They only grow, so
#: that no counter falls when history is deleted.
metric_totals = sa.Table(
    "metric_totals",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("queue_name", sa.Text, primary_key=True),
    #: Empty if the metric has no such label.
    sa.Column("outcome", sa.Text, primary_key=True, server_default=""),
    sa.Column("engine", sa.Text, primary_key=True, server_default=""),
    sa.Column("model", sa.Text, primary_key=True, server_default=""),
    #: Upper edge of the bucket of a histogram, in seconds; infinity for anything else.
    sa.Column("le", sa.Double, primary_key=True, server_default=sa.text("'infinity'")),
    sa.Column("count", sa.BigInteger, nullable=False),
    #: Sum of the values: seconds, US dollars or tokens.
    sa.Column("sum", sa.Double, nullable=False, server_default=sa.text("0")),
)

#: How far each source is counted; the counting process holds the lock of its row.
metric_marks = sa.Table(
    "metric_marks",
    metadata,
    #: ``attempts``, ``ai_calls`` or ``submissions``.
    sa.Column("source", sa.Text, primary_key=True),
    #: Rows of transactions below this number are counted.
    sa.Column("counted_below", sa.BigInteger, nullable=False),
)

#: Submissions that are not in ``metric_totals`` yet; counted rows are deleted.
metric_submissions = sa.Table(
    "metric_submissions",
    metadata,
    sa.Column("submission_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("queue_name", sa.Text, nullable=False),
    sa.Column("submitted", sa.BigInteger, nullable=False),
    #: Jobs among them that failed at once, because the photo could not be read.
    sa.Column("failed", sa.BigInteger, nullable=False),
    _time("created_at", nullable=False, server_default=sa.func.now()),
)


#: Sums from which charts and alerts are made. They hold no names of customers or projects, and
#: are kept when the rows that they sum up are deleted.
tally = sa.Table(
    "tally",
    metadata,
    #: 60 for a minute, 3600 for an hour, 0 for all time.
    sa.Column("seconds", sa.Integer, primary_key=True, autoincrement=False),
    #: Those of :class:`photoqueue.records.figures.Row`, and for alerts ``failed`` (jobs),
    #: ``retried`` (attempts) and ``called`` (engine calls).
    sa.Column("measure", sa.Text, primary_key=True),
    #: Start of the minute or hour; ``-infinity`` for all time.
    _time("start", primary_key=True),
    sa.Column("queue_name", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, primary_key=True),
    #: Error type of a failure; engine and model of a call.
    sa.Column("labels", ARRAY(sa.Text), primary_key=True),
    sa.Column("bin", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    #: Sum of costs or tokens; null for other measures.
    sa.Column("sum", sa.Double),
    #: Extremes: ms of durations; of events the first and last time, in seconds since 1970.
    sa.Column("least", sa.Double),
    sa.Column("most", sa.Double),
)

#: Tables that only the version before reads and writes; triggers copy what it counts there to
#: ``tally`` while it runs. The next release drops them.
RETIRED_TABLES: Final = frozenset({"figure_bins", "figure_times", "figure_calls", "metric_minutes"})

#: Incidents: alerts with their beginning and end, and whether ``PHOTOQUEUE_ALERT_URL`` has them.
incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("incident_id", UUID(as_uuid=True), primary_key=True, server_default=_RANDOM_ID),
    #: Name of the alert.
    sa.Column("name", sa.Text, nullable=False),
    #: Empty if the alert does not concern a single queue.
    sa.Column("queue_name", sa.Text, nullable=False, server_default=""),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    _time("began_at", nullable=False, server_default=sa.func.now()),
    #: When its beginning and its end were reported; null before.
    _time("told_at"),
    _time("ended_at"),
    _time("end_told_at"),
    _partial("incidents_open", "ended_at IS NULL", "name", "queue_name", unique=True),
    _partial("incidents_untold", "told_at IS NULL OR end_told_at IS NULL", "began_at"),
)

#: What the receiver of ``PHOTOQUEUE_WEBHOOK_URL`` is told. Triggers write the rows of batches and
#: inventories, whose end is then awaited.
webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("webhook_id", UUID(as_uuid=True), primary_key=True, server_default=_RANDOM_ID),
    #: Values of :class:`photoqueue.queue.webhooks.WebhookEvent`.
    sa.Column("event", sa.Text, nullable=False),
    #: Id of the batch, of the job of the inventory, or of the project of the report.
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("project_id", sa.Text),
    _time("created_at", nullable=False, server_default=sa.func.now()),
    #: Place in the batch of the first job that was unfinished, within a thousand.
    sa.Column("checked", sa.Integer, nullable=False, server_default=sa.text("0")),
    #: Null while it is awaited.
    _time("happened_at"),
    #: When to look whether it has happened, or to send it; null once it is delivered or given up.
    #: While it is sent, the end of the sender's lease.
    _time("due_at", server_default=sa.func.now()),
    #: Attempts begun; also the fencing token of a failed one.
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("error", sa.Text),
    _time("delivered_at"),
    _partial("webhooks_awaited", "happened_at IS NULL", "event", "subject", unique=True),
    _partial("webhooks_due", "due_at IS NOT NULL", "due_at"),
    sa.Index("webhooks_happened", "happened_at", "webhook_id"),
)
