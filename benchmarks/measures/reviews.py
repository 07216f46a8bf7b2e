"""A move under review: what an edit, its items and its inventory take, beside bare statements.

The move has 200 photos of 12 rooms, 10 things in each, and 300 edits of all kinds. Bare is one
prepared INSERT with its commit, and one SELECT that fetches the same results and edits.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from benchmarks.peers.registry import clear
from benchmarks.servers import Servers
from photoqueue import PhotoResult, read_inventory, review
from photoqueue.installation import use
from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.merge import add_up
from photoqueue.inventory.overlay import anchors
from photoqueue.jobs.inventory_sync import completed
from photoqueue.queue import edit_log, projects
from photoqueue.queue.ids import new_uuid
from photoqueue.records.edits import Anchor, NamedThing
from photoqueue.records.results import FoundItem

_PROJECT: Final = "reviewed"
_PHOTOS, _ROOMS, _ITEMS, _EDITS = 200, 12, 10, 300
_TIMES: Final = 20
KINDS: Final = ("rename", "remove", "add", "redraw", "apart", "stays", "same", "move", "count")
_PHOTO: Final = (
    "INSERT INTO photos (photo_id, project_id, room, sha256, user_id) VALUES (%s, %s, %s, %s, 'u1')"
)
_JOB: Final = (
    "INSERT INTO jobs (job_id, job_key, queue_name, state, payload, result, photo_id, project_id,"
    " user_id, max_attempts, budget, finished_at)"
    " VALUES (%s, %s, %s, 'completed', %s, %s, %s, %s, 'u1', 4, 4, now())"
)
_INSERT: Final = (
    "INSERT INTO edits (project_id, kind, user_id, what) VALUES ('bare', 'stays', 'u1', %s)"
)
_SELECT: Final = (
    "SELECT photo_id, room, job_id, result FROM photos JOIN jobs USING (photo_id)"
    " WHERE photos.project_id = %s"
)


def prepare(servers: Servers, scale: float) -> None:
    """Fill the tables with the move and its edits."""
    clear(servers)
    database = servers.installation.database
    chance = random.Random(7)
    keys = [entry.key for entry in Catalogue.load().items][:40]
    with psycopg.connect(database.libpq_url) as connection:
        connection.execute("DELETE FROM edits")
        for number in range(max(_ROOMS, round(_PHOTOS * scale))):
            photo, sha256 = f"reviewed-{number}", f"{number:064x}"
            row = (photo, _PROJECT, _room(photo), sha256)
            connection.execute(_PHOTO, row)
            found = _result(photo, keys, chance).to_json()
            payload = json.dumps({"photoId": photo, "userId": "u1", "sha256": sha256})
            row = (new_uuid(), f"photo-{photo}", "photo-analyze", payload, found, photo, _PROJECT)
            connection.execute(_JOB, row)
        inventory = add_up(_PROJECT, [], Catalogue.load()).to_json()
        key = f"inventory-{_PROJECT}"
        row = (new_uuid(), key, "inventory-sync", "{}", inventory, None, _PROJECT)
        connection.execute(_JOB, row)
    photos = completed(projects.project_photos(database, _PROJECT))
    known = list(anchors(photos, ()).values())
    chance.shuffle(known)
    with edit_log.editing(database, _PROJECT) as log:
        for number in range(max(len(KINDS), round(_EDITS * scale))):
            kind: Any = KINDS[number % len(KINDS)]
            log.add(kind, "u1", **_said(kind, known, number))
    with psycopg.connect(database.libpq_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE photos, jobs, edits")


def _result(photo: str, keys: list[str], chance: random.Random) -> PhotoResult:
    items = []
    for key in chance.sample(keys, _ITEMS):
        x, y = chance.uniform(0, 0.7), chance.uniform(0, 0.7)
        item = FoundItem(
            name=key,
            category="furniture",
            dismountable=False,
            key=key,
            label=key,
            score=round(chance.uniform(0.3, 1), 4),
            box=(round(x, 4), round(y, 4), round(x + 0.25, 4), round(y + 0.25, 4)),
            volume=0.5,
            appearance=chance.randbytes(24).hex(),
        )
        items.append(item)
    return PhotoResult(
        photo_id=photo,
        items=tuple(items),
        room_type="salon",
        confidence=0.7,
        engine="detector",
        model="bench",
        phash=chance.randbytes(8).hex(),
    )


def _said(kind: str, known: list[Anchor], number: int) -> dict[str, Any]:
    """Return what an edit says; each is of items that no other is about."""
    if kind == "same":
        pair = next(
            (one, other)
            for one, other in itertools.combinations(known, 2)
            if one.key == other.key
            and one.photo_id != other.photo_id
            and _room(one.photo_id) == _room(other.photo_id)
        )
        known[:] = [one for one in known if one not in pair]
        return {"items": pair}
    one = known.pop()
    thing = NamedThing(key="piano_upright", name="upright piano", category="furniture")
    said: dict[str, Any] = {
        "rename": {"items": (one,), "thing": thing},
        "remove": {"items": (one,)},
        "add": {"photo_id": one.photo_id, "thing": thing, "job_id": one.item_id.split(".")[0]},
        "redraw": {"items": (one,), "box": (0.1, 0.1, 0.5, 0.5)},
        "apart": {"items": (one,)},
        "stays": {"items": (one,)},
        "move": {"photo_id": one.photo_id, "to_room": _room(one.photo_id)},
        "count": {"room": f"room {number % _ROOMS}", "thing": thing, "count": 2},
    }
    return said[kind]


def _room(photo: str) -> str:
    return f"room {int(photo.rpartition('-')[2]) % _ROOMS}"


def own(servers: Servers, scale: float) -> dict[str, float]:
    """Edit and read by the SDK."""
    use(servers.settings)
    try:
        editor = review(_PROJECT, user_id="u1")
        items = list(editor.items()["item_id"])
        return {
            "edit ms": _median(lambda n: editor.stays(items[n])),
            "items ms": _median(lambda _: editor.items()),
            "inventory ms": _median(lambda _: read_inventory(_PROJECT)),
        }
    finally:
        use(None)


def bare(servers: Servers, scale: float) -> dict[str, float]:
    """Insert an edit, and fetch results and edits, by single statements."""
    url = servers.installation.database.libpq_url
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:

        def fetch(_: int) -> None:
            connection.execute(_SELECT, (_PROJECT,)).fetchall()
            connection.execute("SELECT * FROM edits WHERE project_id = %s", (_PROJECT,)).fetchall()

        read = _median(fetch)
        inserted = _median(lambda n: connection.execute(_INSERT, ('{"photos": []}',)))
        return {"edit ms": inserted, "items ms": read, "inventory ms": read}


def _median(do: Callable[[int], object]) -> float:
    """Return the milliseconds that a call takes in the middle."""
    took = []
    for number in range(_TIMES):  # the first one loads what the others have
        began = time.perf_counter()
        do(number)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
