"""What persons said of a move outlives restarts of the servers and of the kernel."""

from __future__ import annotations

import signal

import pytest

from photoqueue import PhotoResult, read_inventory, review, submit_inventory, use
from photoqueue.records.results import FoundItem
from photoqueue.samples import SAMPLE_HOME, found_things, read_home
from tests.bench import Bench
from tests.conftest import submit

pytestmark = pytest.mark.chaos


def test_home_brought_to_its_truth_stays_so_after_restarts(own_servers, installation):
    home = read_home(SAMPLE_HOME)
    bench = Bench(installation)
    for room in home.rooms:
        # The engine finds one thing of each room, takes it for another, and sees one too many.
        found = [room.items[0].key, "piano"]
        items = tuple(
            FoundItem(name=key, category="furniture", dismountable=False, key=key) for key in found
        )
        result = PhotoResult(photo_id="", items=items, room_type=room.room_type, confidence=0.5)
        for view in room.views:
            job = submit(view.photo, project_id="m1", room=f"{room.room} (old)")
            answer = result.model_copy(update={"photo_id": view.photo}).to_json()
            bench(job, lambda analyse, answer=answer: lambda claim, calls: answer)
    bench(submit_inventory("m1"))
    ana = review("m1", user_id="ana")
    for row in ana.items().itertuples():
        ana.remove(row.item_id)
    for room in home.rooms:
        for item in [one for one in room.items for _ in range(one.count)]:
            added = ana.add(room.views[0].photo, item.key)
            ana.apart(f"e{added.number}")
        ana.rename_room(f"{room.room} (old)", room.room)
    before = read_inventory("m1")
    assert found_things(before) == home.true_things()

    own_servers.stop("PostgreSQL", signal.SIGKILL)
    own_servers.stop("Redis")
    own_servers.start()
    use(installation.settings)  # as a kernel that was restarted

    assert read_inventory("m1") == before
    again = review("m1", user_id="ana")
    again.undo()
    assert read_inventory("m1") != before
    again.redo()
    assert read_inventory("m1") == before
