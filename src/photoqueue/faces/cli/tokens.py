"""``photoqueue tokens`` makes, lists and withdraws tokens of the HTTP API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from photoqueue.faces.cli.output import LABEL, NUMBER, AsJson, TableColumn, note, printed_json, show
from photoqueue.faces.cli.output import table as drawn
from photoqueue.format import NOTHING, line, moment
from photoqueue.words import TokenScope

app = typer.Typer(
    help="Make, list and withdraw tokens of the HTTP API.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name, such as that of the program that sends it.")
]


@app.command()
def make(
    name: _Name,
    scope: Annotated[
        TokenScope,
        typer.Option(
            help="What it allows: read, also to submit (photos, inventories, edits), or also to "
            "operate (retry, cancel, pause, resume).",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once: only its digest is stored.

    A scope is what may be done, in all projects: it does not separate customers from each other.
    """
    from photoqueue.client.identifiers import checked
    from photoqueue.client.observe import ask
    from photoqueue.queue.tokens import make_token

    name = checked("the name", name)
    token = ask(make_token, name, scope)
    if not printed_json(as_json, {"name": name, "scope": scope, "token": token}):
        note(f"The token {line(name)!r}, which is shown only now:")
        show(token)


@app.command("list")
def list_them(as_json: AsJson = False) -> None:
    """List the named tokens, withdrawn ones too."""
    from photoqueue.client.observe import ask
    from photoqueue.queue.tokens import list_tokens

    rows = [asdict(token) for token in ask(list_tokens)]
    if printed_json(as_json, rows):
        return
    if not rows:
        show("No token was made yet: photoqueue tokens make NAME --scope submit")
        return
    columns = (
        TableColumn("NAME", "name"),
        TableColumn("SCOPE", "scope"),
        TableColumn("MADE", "created_at", LABEL, moment),
        TableColumn("WITHDRAWN", "withdrawn_at", LABEL, moment),
    )
    show(drawn(columns, rows, style=lambda row: "dim" if row["withdrawn_at"] else None))


@app.command()
def withdraw(name: _Name) -> None:
    """Withdraw a token: servers refuse it within a second. It stays in the list."""
    from photoqueue.client.observe import ask
    from photoqueue.queue.tokens import withdraw_token

    ask(withdraw_token, name)
    show(f"Withdrew the token {line(name)!r}.")


@app.command()
def log(
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many operations to show.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest operations asked for over HTTP, and with which token.

    `photoqueue edit PROJECT --json` shows the token of each edit.
    """
    from photoqueue.client.observe import ask
    from photoqueue.queue.tokens import list_operations

    rows = [asdict(operation) for operation in ask(list_operations, limit)]
    if printed_json(as_json, rows):
        return
    if not rows:
        show("No operation was asked for over HTTP yet.")
        return
    columns = (
        TableColumn("WHEN", "asked_at", LABEL, moment),
        TableColumn("TOKEN", lambda row: line(row["token"] or NOTHING)),
        TableColumn("ACTION", "action"),
        TableColumn("OF", "target"),
        # None: the server died before it answered.
        TableColumn("STATUS", lambda row: str(row["status"] or NOTHING), NUMBER),
    )
    show(drawn(columns, rows))
