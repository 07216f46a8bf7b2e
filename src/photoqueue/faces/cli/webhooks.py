"""``photoqueue webhooks`` lists what was told to the receiver, and sends it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final
from uuid import UUID

import typer

from photoqueue.faces.cli.output import (
    LABEL,
    NUMBER,
    REST,
    WHOLE,
    AsJson,
    TableColumn,
    note,
    printed_json,
    show,
)
from photoqueue.faces.cli.output import table as drawn
from photoqueue.format import NOTHING, counted, foreign, line, moment
from photoqueue.words import WebhookState

app = typer.Typer(
    help="List what the receiver of PHOTOQUEUE_WEBHOOK_URL was told, and send it again.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_STYLES: Final = {WebhookState.GIVEN_UP: "red", WebhookState.WAITING: "yellow"}


@app.command("list")
def list_them(
    state: Annotated[WebhookState | None, typer.Option(help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what happened and whether the receiver accepted it, newest first."""
    from photoqueue.client.observe import ask
    from photoqueue.queue.webhooks import list_webhooks

    rows = [asdict(one) for one in ask(list_webhooks, state=state, limit=limit + 1)]
    if printed_json(as_json, rows[:limit]):
        return
    if not rows:
        show("No webhook is in this state." if state else "Nothing happened yet to be told of.")
        return
    columns = (
        TableColumn("ID", "webhook_id", WHOLE, str),
        TableColumn("EVENT", "event", WHOLE),
        TableColumn("OF", "subject", LABEL, line),
        TableColumn("HAPPENED", "happened_at", LABEL, moment),
        TableColumn("STATE", lambda row: row["state"].replace("_", " "), WHOLE),
        TableColumn("ATTEMPTS", "attempts", NUMBER),
        TableColumn("ERROR", lambda row: foreign(row["error"] or NOTHING), REST),
    )
    show(drawn(columns, rows[:limit], style=lambda row: _STYLES.get(row["state"])))
    if len(rows) > limit:
        note(f"Only the newest {limit:,}; --limit shows more.")


@app.command()
def resend(
    webhook_ids: Annotated[
        list[UUID] | None,
        typer.Argument(metavar="ID", help="Ids of webhooks.", show_default=False),
    ] = None,
    given_up: Annotated[bool, typer.Option("--given-up", help="All that were given up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send webhooks again under their ids, with all attempts anew; workers do it at once."""
    from photoqueue.client.observe import ask
    from photoqueue.queue.webhooks import resend as send_again

    if bool(webhook_ids) == given_up:
        raise typer.BadParameter("Name webhooks, or give --given-up; one of them.")
    number = ask(send_again, webhook_ids or None)
    if not printed_json(as_json, {"resent": number}):
        show(f"{counted(number, 'webhook')} to be sent again.")
