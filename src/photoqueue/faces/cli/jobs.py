"""``photoqueue jobs`` and ``photoqueue job``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from photoqueue.faces.cli import words
from photoqueue.faces.cli.options import AsJson, QueueName, StateName
from photoqueue.faces.cli.output import coloured, note, print_json, records, show, table


def jobs(
    state: Annotated[
        list[StateName] | None, typer.Option(help="Only jobs in this state; may be repeated.")
    ] = None,
    queue: Annotated[QueueName | None, typer.Option(help="Only jobs of this queue.")] = None,
    project: Annotated[str | None, typer.Option(help="Only jobs of this project.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only jobs of this batch.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many jobs.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    import photoqueue

    # One more than is shown tells whether there are more.
    found = photoqueue.history(
        queue=queue, state=state, project_id=project, batch=batch, limit=limit + 1
    )
    rows = records(found.head(limit))
    if as_json:
        print_json(rows)
        return
    if not rows:
        chosen = any((state, queue, project, batch))
        show("No such jobs." if chosen else "No jobs yet. Submit photos: photoqueue submit FOLDER")
        return

    from photoqueue.faces.cli.views import job_table

    show(job_table(rows))
    if len(found) > limit:
        note(f"The newest {limit:,} only; --limit shows more.")


def job(
    job_id: Annotated[
        str, typer.Argument(metavar="JOB", help="Job id, or key such as photo-salon-1.")
    ],
    as_json: AsJson = False,
) -> None:
    """Tell everything about one job: its attempts, its result, its error."""
    import photoqueue
    from photoqueue.client.observe import details

    handle = photoqueue.job(job_id)
    row = details(handle)
    attempts = records(handle.attempts())
    if as_json:
        print_json({**row, "attempt_history": attempts})
        return

    from photoqueue.faces.cli.views import attempt_table

    show(f"Job {words.line(row['job_key'])}", style="bold")
    show(_facts(row))
    if attempts:
        show()
        show(attempt_table(attempts))
    if row["result"]:
        show()
        _show_result(row["result"])
    if not words.missing(row["error_type"]):
        show()
        show(f"{words.line(row['error_type'])}: {words.text(row['error_message'])}", style="red")
    if row["error_traceback"]:
        show()
        show("In the worker:", style="bold")
        show(words.text(row["error_traceback"].rstrip()))
    if row["state"] in ("failed", "cancelled"):
        show()
        show(f"Start it anew with: photoqueue retry {row['job_id']}")


def _facts(row: dict[str, Any]) -> Any:
    facts: list[tuple[str, Any]] = [
        ("id", row["job_id"]),
        ("state", coloured(row["state"])),
        ("queue", row["queue_name"]),
        ("photo", row["photo_id"]),
        ("file", row["file_name"]),
        ("room", row["room"]),
        ("project", row["project_id"]),
        ("batch", row["batch_id"]),
        ("user", row["user_id"]),
        ("submitted", words.moment(row["created_at"])),
        ("finished", words.moment(row["finished_at"])),
        ("waited", words.duration(row["wait_ms"])),
        ("ran", words.duration(row["job_duration_ms"])),
        ("attempts", f"{row['attempts']} of {row['max_attempts']}"),
    ]
    drawn = table(header=False)
    drawn.add_column(style="dim", no_wrap=True)
    # Folded, not cut: every character of an id counts.
    drawn.add_column(overflow="fold")
    for label, value in facts:
        if not words.missing(value) and value != words.NOTHING:
            drawn.add_row(label, words.line(value) if isinstance(value, str) else value)
    return drawn


def _show_result(result: dict[str, Any]) -> None:
    from photoqueue.faces.cli.views import inventory_table, item_table

    if "lines" in result:
        from photoqueue.words import InventoryResult

        show(inventory_table(InventoryResult.model_validate(result)))
        return
    sure = words.share(result.get("roomTypeConfidence"))
    show(f"Room: {words.line(result['roomType'])} (confidence {sure})")
    if result.get("warnings"):
        told = "; ".join(map(words.line, result["warnings"]))
        show(f"! A poor photo ({told}): there may be more than was found.", style="yellow")
    if result["items"]:
        from photoqueue.inventory.wording import Wording

        show(item_table(result["items"], Wording.of(None)))
    else:
        show("Nothing was found in this photo.")
