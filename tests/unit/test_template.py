"""Processes forked from a template behave as if each had an interpreter of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from photoqueue import Settings
from photoqueue.worker.template import template

PROGRAM = """
import atexit, json, multiprocessing, os, random, secrets, signal, sys, tempfile, time, uuid
from multiprocessing.sharedctypes import RawValue
from photoqueue.worker.board import StatusBoard
from photoqueue.worker.template import _PATIENCE, HELD_BACK, name_process, template


def describe(folder, slot, board):
    import numpy as np

    global temporary
    temporary = [temporary, tempfile.TemporaryDirectory(dir=folder, prefix="of-process-")]
    board.set_jobs([uuid.UUID(int=slot + 7)])
    atexit.register(lambda: open(f"{folder}/ended-{slot}", "w").close())
    name_process("inventory-sync", f"-{slot + 9}")
    told = {
        "name": open("/proc/self/comm").read(),
        "threads": len(os.listdir("/proc/self/task")),
        "random": [random.random(), secrets.token_hex(), str(uuid.uuid4()), np.random.random()],
        "stdin": sys.stdin.read(),
        "open": [os.readlink(f"/proc/self/fd/{fd}").partition(":")[0] for fd in range(3, 30)
                 if os.path.exists(f"/proc/self/fd/{fd}")],
        "parent": os.getppid(),
        "parent lives": multiprocessing.parent_process().is_alive(),
        "group": os.getpgid(0),
        "threads of OpenBLAS": os.environ["OPENBLAS_NUM_THREADS"],
        "held back": signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set(HELD_BACK),
    }
    with open(f"{folder}/told-{slot}", "w") as file:
        json.dump(told, file)


def end(status):
    sys.exit(status)


def fail():
    raise RuntimeError("told so")


def wait(pipe):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    pipe.recv_bytes()


folder = sys.argv[1]
atexit.register(lambda: print("the worker's own end", os.getpid()))
temporary = tempfile.TemporaryDirectory(dir=folder, prefix="of-worker-")
print("written before")  # is in a buffer
with template() as forks:
    boards = [RawValue(StatusBoard) for _ in range(2)]
    processes = [
        forks.process(target=describe, args=(folder, slot, board))
        for slot, board in enumerate(boards)
    ]
    processes += [forks.process(target=end, args=(78,)), forks.process(target=fail)]
    ends = [multiprocessing.Pipe(duplex=False) for _ in range(3)]
    processes += [forks.process(target=wait, args=(reader,)) for reader, _ in ends]
    for process in processes:
        process.start()
    *_, killed, terminated, left = processes
    killed.kill()
    while killed.is_alive():
        multiprocessing.connection.wait([killed.sentinel])
    os.kill(forks.pid, signal.SIGSTOP)
    try:
        forks.process(target=end, args=(0,)).start()
    except OSError as exc:
        frozen = type(exc).__name__
    os.kill(forks.pid, signal.SIGKILL)
    terminated.terminate()
    ends[-1][1].close()
    for process in processes:
        process.join()
    lost = forks.process(target=end, args=(0,))
    try:
        lost.start()
    except OSError as exc:
        error = str(exc)
del os.pidfd_open
with template() as forks:
    without = forks is None
print(json.dumps({
    "worker": [os.getpid(), os.getpgid(0)],
    "statuses": [process.exitcode for process in processes],
    "jobs": [[job.int for job in board.job_ids] for board in boards],
    "error": error,
    "frozen": [frozen, _PATIENCE],
    "temporary": [name for name in os.listdir(folder) if name.startswith("of-")],
    "without pidfd_open": without,
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the program once; what it printed, and what two of its processes told."""
    folder = tmp_path_factory.mktemp("template")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env={name: value for name, value in os.environ.items() if "OPENBLAS" not in name},
        input="not for them",
        capture_output=True,
        text=True,
        timeout=60,
        # As a parent may leave it: then the system forgets how processes have ended.
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert done.returncode == 0, done.stderr
    before, printed, after = done.stdout.splitlines()
    ended = sorted(path.name for path in folder.glob("ended-*"))
    told = [json.loads((folder / f"told-{slot}").read_text()) for slot in range(2)]
    shown = {"shown": (before, after), "errors": done.stderr, "told": told, "ended": ended}
    return {**json.loads(printed), **shown}


def test_worker_sees_how_each_ends_also_after_the_template_was_killed(seen: dict[str, Any]) -> None:
    assert seen["statuses"] == [0, 0, 78, 1, -9, -15, 1]
    assert "RuntimeError: told so" in seen["errors"]


def test_processes_share_memory_with_the_worker_and_are_its_children(seen: dict[str, Any]) -> None:
    assert seen["jobs"] == [[7], [8]]
    assert [[told["parent"], told["group"]] for told in seen["told"]] == [seen["worker"]] * 2
    assert [told["parent lives"] for told in seen["told"]] == [True] * 2


def test_processes_have_randomness_input_and_handlers_of_their_own(seen: dict[str, Any]) -> None:
    one, other = (told["random"] for told in seen["told"])
    assert all(mine != yours for mine, yours in zip(one, other, strict=True)), (one, other)
    assert [told["stdin"] for told in seen["told"]] == ["", ""]
    assert seen["ended"] == ["ended-0", "ended-1"]
    # Neither text in a buffer nor a handler of the worker is there twice.
    assert seen["shown"] == ("written before", f"the worker's own end {seen['worker'][0]}")
    # Temporary folders of the processes have gone, and that of the worker has not.
    assert [name.rpartition("-")[0] for name in seen["temporary"]] == ["of-worker"]


def test_processes_have_one_thread_and_no_socket_and_lose_no_signal(seen: dict[str, Any]) -> None:
    for told in seen["told"]:
        assert told["threads"] == 1
        assert "socket" not in told["open"] and "pipe" not in told["open"]
        assert told["threads of OpenBLAS"] == "1"
        # Until run_child() has its handlers.
        assert told["held back"]


def test_name_shows_the_number_of_a_process_however_long(seen: dict[str, Any]) -> None:
    assert [told["name"] for told in seen["told"]] == ["inventory-syn-9\n", "inventory-sy-10\n"]


def test_template_that_is_gone_is_an_error(seen: dict[str, Any]) -> None:
    assert seen["error"]


def test_frozen_template_is_given_up_within_a_tenth_of_the_lease(seen: dict[str, Any]) -> None:
    name, seconds = seen["frozen"]
    # Meanwhile the worker neither renews its lease nor looks after its other processes.
    assert name == "TimeoutError" and seconds <= Settings().lease_seconds / 10


def test_python_without_process_descriptors_makes_no_template(seen: dict[str, Any]) -> None:
    assert seen["without pidfd_open"]


def test_process_with_threads_makes_no_template() -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with template() as forks:
            assert forks is None
    finally:
        over.set()
        other.join()
