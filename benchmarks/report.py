"""What was measured as a table (Markdown, and in the terminal) and as a chart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import chart
from benchmarks.goals import verdicts
from benchmarks.peers.registry import all_peers
from benchmarks.plan import measures
from benchmarks.store import Store
from benchmarks.summary import summarise, table


def write(store: Store, folder: Path) -> None:
    """Write ``report.md`` and ``chart.png`` into the folder, and print the report."""
    text = markdown(store)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(text)
    print(text)
    chart.draw(store.values, folder / "chart.png")
    print(f"{folder}/report.md, {folder}/chart.png, {folder}/figures.json")


def markdown(store: Store) -> str:
    """Write the report."""
    parts = [_machine(store.about), *_goals(store), *_tables(store)]
    if store.skipped:
        lines = [f"* {name}: {reason}" for name, reason in store.skipped.items()]
        parts.append("Not measured:\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _machine(about: dict[str, Any]) -> str:
    servers = about.get("servers", {})
    known = {"date", "cores", "processor", "memory", "system", "python", "node", "load before"}
    about = {**dict.fromkeys(known, "?"), **about}
    told = [
        f"{about['date']}: {about['cores']} cores of {about['processor']}",
        f"{about['memory']} of memory, {about['system']}",
        f"Python {about['python']}, Node {about['node']}",
        f"load before: {about['load before']}",
    ]
    durability = (
        f"Redis {servers.get('redis', '?')} (appendonly {servers.get('appendonly', '?')}, "
        f"fsync {servers.get('appendfsync', '?')}), PostgreSQL "
        f"{servers.get('server_version', '?')} (fsync {servers.get('fsync', '?')}, "
        f"synchronous_commit {servers.get('synchronous_commit', '?')}), both over Unix sockets"
    )
    if about.get("scale", 1.0) != 1.0:
        told.append(f"{about['scale']:g} of the jobs of a whole run")
    return f"{'; '.join(told)}.\n{durability}.\nMedians, with the least and the greatest."


def _goals(store: Store) -> Iterator[str]:
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [
        (one.what, one.goal, one.found or "–", words[one.reached]) for one in verdicts(store.values)
    ]
    yield table(("goal", "wanted", "found", "reached"), rows)


def _tables(store: Store) -> Iterator[str]:
    tracks = {peer.name: peer.tracks for peer in all_peers().values()}
    for name, measure in measures().items():
        contenders = store.values.get(name, {})
        if not contenders:
            continue
        units = list(dict.fromkeys(unit for named in contenders.values() for unit in named))
        rows = []
        for contender, named in contenders.items():
            cells = [str(summarise(named[unit])) if unit in named else "–" for unit in units]
            times = max(len(values) for values in named.values())
            rows.append((contender, *cells, tracks.get(contender, "–"), str(times)))
        yield f"### {measure.title}\n\n" + table(("", *units, "keeps of a job", "times"), rows)
