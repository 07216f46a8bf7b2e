"""Scripted engines: the photo id says what happens to the photo.

``raise-…`` raises each time, ``permanent-…`` raises an error that is not retried,
``crash-…`` ends the process, ``poison-…`` kills its whole worker, if it can when another photo is
at its ``sleep-…`` beside it, ``quit-…`` ends the process as if all were well the first time,
``close-…`` closes all descriptors the first time, ``fork-…`` comes back in two processes,
``lock-…`` keeps Python's lock for 6 s, ``start-…`` starts two programs and hangs, ``leave-…``
starts them and ends the process,
``nothing-…`` returns no analysis, ``sleep-…`` takes as long as ``PQ_TEST_SLEEP`` says (0.3 s),
``flaky-…`` raises in its first attempt only, ``gate-…`` waits for the file ``PQ_TEST_GATE``.
Everything else finds a chair.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from PIL import Image

from photoqueue import Analysis, Hint, Item, PermanentError, Usage

CHAIR = Item(
    name="chair",
    category="furniture",
    key="chair",
    label="chair",
    score=0.9,
    box=(0.1, 0.2, 0.5, 0.6),
    volume=0.25,
)


class ScriptedEngine:
    """Does what the photo id says."""

    name = "scripted"
    model = "test"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        behaviour = hint.photo_id.split("-", 1)[0]
        run = self._count_run(hint.photo_id)
        if behaviour == "raise":
            raise RuntimeError("the engine does not like this photo")
        if behaviour == "permanent":
            raise PermanentError("this photo can never be analysed")
        if behaviour in _HARM:
            _HARM[behaviour](run)
        if behaviour == "quit" and run == 1:
            os._exit(0)
        if behaviour == "nothing":
            return None  # type: ignore[return-value]  # what a broken engine does
        if behaviour == "exit":
            sys.exit(3)
        _take_time(behaviour)
        if behaviour == "flaky" and run == 1:
            raise ConnectionError("try again")
        return Analysis(
            items=(CHAIR,), room_type="kitchen", confidence=0.9, room_type_confidence=0.8
        )

    def _count_run(self, photo_id: str) -> int:
        """Note this run where the test can count it; return how many there were."""
        log = os.environ.get("PQ_TEST_RUNS")
        if not log:
            return 1
        path = Path(log) / photo_id.replace("/", "_")
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return len(path.read_text().splitlines())


def _kill_worker(run: int) -> None:
    """Kill the worker when another photo is at its work; later there may be none."""
    deadline, runs = time.monotonic() + (60 if run == 1 else 1), Path(os.environ["PQ_TEST_RUNS"])
    while time.monotonic() < deadline and not any(
        len(path.read_text().splitlines()) >= run for path in runs.glob("sleep-*")
    ):
        time.sleep(0.02)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


def _start_programs(*, end: bool) -> None:
    """Start two programs, one in a session of its own unless the process ends; note their ids."""
    programs = [
        subprocess.Popen(["sleep", "3600"], start_new_session=apart) for apart in (False, not end)
    ]
    pids = " ".join(str(program.pid) for program in programs)
    (Path(os.environ["PQ_TEST_RUNS"]) / "programs").write_text(pids)
    if end:
        os._exit(42)
    time.sleep(3600)


def _take_time(behaviour: str) -> None:
    if behaviour == "sleep":
        time.sleep(float(os.environ.get("PQ_TEST_SLEEP", "0.3")))
    if behaviour == "hang":
        time.sleep(3600)
    if behaviour == "gate":
        while not Path(os.environ["PQ_TEST_GATE"]).exists():
            time.sleep(0.05)


def _close_all(run: int) -> None:
    if run == 1:
        os.closerange(3, 4096)


def _come_back_twice(run: int) -> None:
    if os.fork() == 0:
        raise RuntimeError("only its parent may record this job")


def _keep_the_lock(run: int) -> None:
    """Let no other Python code of the process run for longer than it may be silent."""
    ctypes.PyDLL(None).sleep(6)


#: What engines do to their process, given the number of the run.
_HARM: Final[dict[str, Callable[[int], None]]] = {
    "crash": lambda run: os._exit(42),
    "poison": _kill_worker,
    "close": _close_all,
    "fork": _come_back_twice,
    "lock": _keep_the_lock,
    "start": lambda run: _start_programs(end=False),
    "leave": lambda run: _start_programs(end=True),
}


class ByRoom(ScriptedEngine):
    """Raises for photos of the room "broken room" until the file ``PQ_TEST_MENDED`` is there."""

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        mended = os.environ.get("PQ_TEST_MENDED", "")
        if hint.room == "broken room" and not Path(mended).is_file():
            raise RuntimeError("the engine does not like this room")
        return super().analyse(image, hint)


class RoomEngine(ScriptedEngine):
    """Also looks at rooms: as many chairs as pictures and one totem; "bad …" raises.

    It is quite sure of its kinds of room, and of "told room" says what it was told.
    """

    name = "room-scripted"

    def analyse(self, image: Image.Image, hint: Hint) -> Analysis:
        return replace(super().analyse(image, hint), room_type_confidence=1.0)

    def analyse_room(self, images: Sequence[Image.Image], hint: Hint) -> Analysis:
        self._count_run(f"room {hint.room}")
        if hint.room == "bad room":
            raise PermanentError("this room can never be looked at")
        if hint.room == "told room":
            raise PermanentError(f"told that its kind is {hint.room_type}")
        if hint.room == "odd room":
            return None  # type: ignore[return-value]  # what a broken engine does
        chair = replace(CHAIR, box=None)
        totem = Item(name="Totem", category="art", volume=0.3, dismountable=True)
        return Analysis(
            items=(*[chair] * len(images), totem),
            room_type="kitchen",
            usage=Usage(tokens_in=100 * len(images), tokens_out=7, cost_usd=0.01),
        )


def room_scripted() -> RoomEngine:
    return RoomEngine()


def by_room() -> ByRoom:
    return ByRoom()


def scripted() -> ScriptedEngine:
    return ScriptedEngine()


def broken() -> ScriptedEngine:
    raise RuntimeError("this engine cannot be built")
