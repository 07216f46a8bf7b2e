"""``photoqueue webhooks`` lists what was told to the receiver, and sends it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final
from uuid import UUID

import typer

from photoqueue.faces.cli.output import (
    NUMBER,
    REST,
    WHOLE,
    AsJson,
    TableColumn,
    name,
    narrow,
    note,
    printed_json,
    show,
    wide,
)
from photoqueue.faces.cli.output import table as drawn
from photoqueue.format import NOTHING, counted, foreign, moment
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
    rows, more = rows[:limit], len(rows) > limit
    columns = [
        TableColumn("ID", "webhook_id", WHOLE, str),  # whole, to be given to resend
        TableColumn("EVENT", "event", WHOLE),
        TableColumn("STATE", lambda row: row["state"].replace("_", " "), WHOLE),
    ]
    if not narrow():
        columns.append(TableColumn("HAPPENED", "happened_at", WHOLE, moment))
        columns.append(TableColumn("ATTEMPTS", "attempts", NUMBER))
    if wide():
        columns.insert(2, TableColumn("OF", "subject", WHOLE, name))
        columns.append(TableColumn("ERROR", lambda row: foreign(row["error"] or NOTHING), REST))
    show(drawn(columns, rows, style=lambda row: _STYLES.get(row["state"])))
    if not wide():
        for error in dict.fromkeys(row["error"] for row in rows if row["error"]):
            show(f"! {foreign(error)}", style="yellow")
    if more:
        note(f"Only the newest {limit:,}; --limit shows more.")


@app.command()
def resend(
    webhook_ids: Annotated[
        list[UUID] | None,
        typer.Argument(metavar="ID", help="Ids of webhooks.", show_default=False),
    ] = None,
    given_up: Annotated[bool, typer.Option("--given-up", help="All that were given up.")] = False,
    days: Annotated[
        float | None,
        typer.Option(min=0, help="With --given-up: only what happened in the last so many days."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send webhooks again under their ids, with all attempts anew; workers do it at once."""
    from photoqueue.client.observe import ask
    from photoqueue.queue.webhooks import resend as send_again

    if bool(webhook_ids) == given_up or (webhook_ids and days is not None):
        raise typer.BadParameter("Name webhooks, or give --given-up; one of them.")
    number = ask(send_again, webhook_ids or None, days=days)
    if not printed_json(as_json, {"resent": number}):
        show(f"{counted(number, 'webhook')} to be sent again.")
