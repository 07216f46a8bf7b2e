"""``photoqueue submit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from photoqueue.faces.cli.output import AsJson, StrategyName, print_json, records, show
from photoqueue.format import counted, line, number

if TYPE_CHECKING:
    import pandas as pd

    from photoqueue.client.handles import Batch, Job


def submit(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Photos, folders, globs or URLs.", show_default=False),
    ],
    project: Annotated[str | None, typer.Option(help="The move that the photos belong to.")] = None,
    room: Annotated[
        str | None, typer.Option(help="The room (default: the sub-folder's name).")
    ] = None,
    room_type: Annotated[
        str | None, typer.Option(help="The kind of room (default: the engine's guess).")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who submits (default: you).")] = None,
    group: Annotated[
        str | None, typer.Option(help="Who takes turns with others (default: the user).")
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(help="Higher is taken first (default: 0; 10 for a single photo)."),
    ] = None,
    inventory: Annotated[
        bool, typer.Option("--inventory", help="Add the project up once the photos are done.")
    ] = False,
    strategy: Annotated[
        StrategyName | None,
        typer.Option(help="How to count things seen in several photos (--inventory)."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the results and show them.")] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What analyses them: auto, builtin, detector or llm; the worker's own when left "
            "out.",
        ),
    ] = None,
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="Analyse again what was analysed before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Submit photos for analysis; several, or a folder, become a batch."""
    import photoqueue

    if inventory and project is None:
        raise typer.BadParameter("--inventory needs --project.")
    if strategy is not None and not inventory:
        raise typer.BadParameter("--strategy needs --inventory.")
    options: dict[str, Any] = {
        "project_id": project,
        "room": room,
        "room_type": room_type,
        "user_id": user,
        "group": group,
        "engine": engine,
        "resubmit": resubmit,
    }
    if priority is not None:
        options["priority"] = priority
    handle: Job | Batch
    if _is_photo(paths) and not inventory:
        handle = photoqueue.submit_photo(paths[0], **options)
    else:
        handle = photoqueue.submit_photos(paths[0] if len(paths) == 1 else paths, **options)
    adding_up = (
        photoqueue.submit_inventory(
            str(project),
            user_id=user,
            group=group,
            after=handle,
            strategy=strategy,
        )
        if inventory and isinstance(handle, photoqueue.Batch)
        else None
    )
    if as_json:
        _report_as_json(handle, adding_up, wait=wait)
    else:
        _report(handle, adding_up, wait=wait)


def _is_photo(paths: list[str]) -> bool:
    """Whether the arguments name a single photo, not a folder, a glob or several photos."""
    from photoqueue.photos.finding import find_photos

    return len(paths) == 1 and [one.source for one in find_photos(paths[0])[0]] == paths


def _report(handle: Job | Batch, adding_up: Job | None, *, wait: bool) -> None:
    import photoqueue
    from photoqueue.faces.cli.views import result_table, show_inventory
    from photoqueue.records.results import InventoryResult

    _announce(handle, adding_up)
    if not wait:
        _advise(handle)
        return
    results = photoqueue.collect(handle)
    show()
    show(result_table(records(results)))
    if adding_up is not None:
        inventory = adding_up.result()
        assert isinstance(inventory, InventoryResult)
        show()
        show_inventory(inventory)
    _end(handle, results)


def _report_as_json(handle: Job | Batch, adding_up: Job | None, *, wait: bool) -> None:
    import photoqueue

    jobs = [handle] if isinstance(handle, photoqueue.Job) else list(handle)
    report: dict[str, Any] = {
        "batch_id": handle.id if isinstance(handle, photoqueue.Batch) else None,
        "jobs": [{"job_id": job.id, "job_key": job.key, "photo_id": job.photo_id} for job in jobs],
        "known": handle.known if isinstance(handle, photoqueue.Batch) else None,
        "left_out": records(handle.left_out) if isinstance(handle, photoqueue.Batch) else [],
        "inventory": None
        if adding_up is None
        else {"job_id": adding_up.id, "job_key": adding_up.key},
    }
    results = None
    try:
        if wait:
            results = photoqueue.collect(handle)
            report["results"] = records(results)
            if adding_up is not None:
                inventory = adding_up.result()
                report["inventory"]["result"] = inventory.model_dump(mode="json", by_alias=True)
    finally:
        # Also if waiting failed: the jobs are submitted, and the caller needs their ids.
        print_json(report)
    if results is not None and (results["state"] != "completed").any():
        raise typer.Exit(1)


def _announce(handle: Job | Batch, adding_up: Job | None) -> None:
    import photoqueue
    from photoqueue.client.waiting import summary
    from photoqueue.photos.finding import left_out_words

    if isinstance(handle, photoqueue.Batch):
        again = handle.known
        known = f", {number(again)} known already" if again else ""
        told = f"{counted(len(handle), 'photo')}{known} ({summary(handle.counts())})"
        show(f"Batch {handle.id}: {told}")
        left_out = left_out_words(handle.left_out.itertuples(index=False, name=None))
        if left_out:
            show(f"! {line(left_out)}", style="yellow")
    else:
        show(f"Job {line(handle.key)}: {handle.state}")
        show(f"id {handle.id}")
    if adding_up is not None:
        show(f"Job {line(adding_up.key)}: runs when the batch has ended")


def _advise(handle: Job | Batch) -> None:
    """Show the next commands."""
    import photoqueue

    one = isinstance(handle, photoqueue.Job)
    follow = f"photoqueue job {handle.id}" if one else f"photoqueue jobs --batch {handle.id}"
    show(f"Look at {'it' if one else 'them'}: {follow}")
    if not photoqueue.stats()["photo-analyze"].workers:
        show("! No worker is running. Start one: photoqueue worker", style="yellow")


def _end(handle: Job | Batch, results: pd.DataFrame) -> None:
    """Exit with status 1 if a photo has no result."""
    import photoqueue

    failed = int((results["state"] != "completed").sum())
    if not failed:
        return
    batch = isinstance(handle, photoqueue.Batch)
    again = f"photoqueue retry {f'--batch {handle.id}' if batch else handle.id}"
    show()
    show(
        f"{failed:,} of {counted(len(results), 'photo')} without a result. "
        f"Once the cause is fixed: {again}",
        style="red",
    )
    raise typer.Exit(1)
