"""Edges of the SDK: forks, cancelled waits, clashing submissions, secrets in addresses."""

from __future__ import annotations

import contextlib
import copy
import json
import multiprocessing
import os
import pickle
import subprocess
import sys

import pytest

import photoqueue
from photoqueue import JobState, JobType, words
from photoqueue.client.observe import story
from photoqueue.errors import PhotoConflictError, StateError
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ledger import Ledger
from tests.conftest import picture, submit


def test_forked_process_has_connections_of_its_own(installation) -> None:
    job = submit("salon-1")
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                states = {job.poll().state for _ in range(20)}
                os._exit(0 if states == {JobState.WAITING} else 1)
            except BaseException:
                os._exit(2)
        children.append(child)
    assert [job.poll().state for _ in range(20)] == [JobState.WAITING] * 20
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4


def test_handles_are_the_same_when_they_are_copied_or_pickled(installation) -> None:
    job = submit("salon-1")
    batch = photoqueue.submit_photos([picture(1), picture(2)], project_id="m1")
    for handle in (job, batch):
        for back in (copy.copy(handle), copy.deepcopy(handle), pickle.loads(pickle.dumps(handle))):
            assert back == handle
            assert repr(back) == repr(handle)
            assert back.installation is installation
    assert pickle.loads(pickle.dumps(job)).queue.result is PHOTO_ANALYZE.result
    assert len(copy.deepcopy(batch)) == len(pickle.loads(pickle.dumps(batch)).poll()) == 2
    snapshot = job.poll()
    assert pickle.loads(pickle.dumps(snapshot)) == copy.deepcopy(snapshot) == snapshot


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_handles_work_in_a_pool_of_processes(installation, method: str) -> None:
    job = submit("salon-1")
    batch = photoqueue.submit_photos([picture(1), picture(2)], project_id="m1")
    with multiprocessing.get_context(method).Pool(1) as pool:
        # The settings of this process are not in its environment: the handles bring them along.
        assert pool.apply_async(photoqueue.Job.poll, (job,)).get(60).state is JobState.WAITING
        assert pool.apply_async(photoqueue.Batch.counts, (batch,)).get(60) == batch.counts()
        failed = pool.apply_async(photoqueue.Job.result, (job, 0.01))
        with pytest.raises(photoqueue.ResultTimeoutError):
            failed.get(60)


_FORKS = """
import faulthandler, os, threading, time
import photoqueue

first = threading.Thread(target=photoqueue.stats)
first.start()
children = []
while len(children) < (12 if first.is_alive() else 3):  # each child takes a connection
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(50, exit=True)
        photoqueue.stats()
        os._exit(0)
    children.append(child)
    time.sleep(0.03)
first.join()
print(*(os.waitpid(child, 0)[1] for child in children))
"""


def test_fork_while_a_thread_makes_its_first_call_gives_working_processes(settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKS],
        env={**os.environ, **settings.to_environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"0"}, done.stderr
    assert done.stderr == ""


#: Runs commands for an account that is not in the list of accounts, as containers do.
_HOMELESS = """
import json, os, pwd, runpy, sys, tempfile

def getpwuid(uid):
    raise KeyError("no such user")

pwd.getpwuid = getpwuid
os.environ.pop("HOME", None)
import photoqueue.faces.cli.app, photoqueue.client.submit  # once for all of them
ended = []
for arguments, changes in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as errors:
        child = os.fork()
        if child == 0:
            os.dup2(errors.fileno(), 1)
            os.dup2(errors.fileno(), 2)
            os.environ |= changes
            sys.argv = ["photoqueue", *arguments]
            runpy.run_module("photoqueue", run_name="__main__", alter_sys=True)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors.seek(0)
        ended.append((status, errors.read()))
print(json.dumps(ended))
"""


def test_account_without_a_home_needs_none_with_servers_of_its_own(settings, tmp_path) -> None:
    variables = settings.to_environment() | {
        "PHOTOQUEUE_HOME": "",
        "PHOTOQUEUE_PHOTO_STORE": str(tmp_path / "photos"),
    }
    (tmp_path / "salon.jpg").write_bytes(picture(1))

    submit = ["submit", str(tmp_path / "salon.jpg")]
    without: list[tuple[list[str], dict[str, str]]] = [
        ([*submit, "--resubmit"], {"PHOTOQUEUE_PHOTO_STORE": ""}),
        ([*submit, "--resubmit"], {"DATABASE_URL": ""}),
    ]
    done = subprocess.run(
        [sys.executable, "-c", _HOMELESS],
        env={**os.environ, **variables},
        input=json.dumps([(submit, {}), (["status", "--json"], {}), *without]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    submitted, status, without_store, without_home = json.loads(done.stdout)
    assert (submitted[0], status[0]) == (0, 0), done.stdout
    # Without them it is told what to set
    for (failed, said), variable in (
        (without_store, "PHOTOQUEUE_PHOTO_STORE"),
        (without_home, "PHOTOQUEUE_HOME"),
    ):
        assert failed != 0
        assert variable in said
        assert "Traceback" not in said


def test_inventory_that_still_waits_takes_over_a_later_submission(installation) -> None:
    submit("salon-1", project_id="m1")
    batch = photoqueue.submit_photos([picture(1)], project_id="m1")
    first = photoqueue.submit_inventory("m1")
    second = photoqueue.submit_inventory("m1", after=batch, strategy="sum")
    assert second == first
    assert second.poll().ready_at is None
    photoqueue.cancel(batch)
    found = story(second)
    assert (found.payload["strategy"], found.after_batch) == ("sum", batch.id)


def test_inventory_started_again_waits_for_nothing_more(installation) -> None:
    # Given an inventory that waited for a batch, and was cancelled and started again
    batch = photoqueue.submit_photos([picture(1)], project_id="m1")
    inventory = photoqueue.submit_inventory("m1", after=batch)
    photoqueue.cancel(inventory)
    photoqueue.retry(inventory)
    # Then neither its row nor its data name the batch
    found = story(inventory)
    assert (found.after_batch, batch.id in str(found.payload)) == (None, False)
    # And a submission that names no batch asks for the same, also while it runs
    with contextlib.closing(Ledger(installation.database)) as ledger:
        ledger.claim(inventory._uuid, inventory.queue, worker_id=inventory._uuid, slot=1)
    assert photoqueue.submit_inventory("m1") == inventory


def test_running_inventory_is_not_handed_back_for_another_question(installation) -> None:
    submit("salon-1", project_id="m1")
    running = photoqueue.submit_inventory("m1")
    ledger = Ledger(installation.database)
    ledger.claim(running._uuid, running.queue, worker_id=running._uuid, slot=1)
    assert photoqueue.submit_inventory("m1") == running
    with pytest.raises(StateError, match="is already running"):
        photoqueue.submit_inventory("m1", strategy="sum")
    ledger.close()


def test_key_of_a_type_that_this_process_does_not_know_finds_its_job(installation) -> None:
    job = photoqueue.submit(JobType("floor-plan", key="plan-{project_id}"), {"project_id": "m1"})
    words._KNOWN["floor-plan"] = JobType("floor-plan")  # as other processes know it
    assert photoqueue.job("plan-m1") == job
    assert photoqueue.cancel(["plan-m1"]) == 1


def test_photo_id_stays_in_its_project(installation) -> None:
    submit("mv", project_id="a")
    with pytest.raises(PhotoConflictError, match="belongs to project 'a'"):
        submit("mv", project_id="b")


def test_secret_in_an_address_is_not_kept(installation) -> None:
    batch = photoqueue.submit_photos(["http://127.0.0.1:9/x.jpg?token=SECRET&sig=SECRET"])
    row = batch.poll().iloc[0]
    assert (row["state"], row["file_name"]) == ("failed", "x.jpg")
    assert "SECRET" not in batch.poll().to_csv()
    assert "could not be tried" in str(next(iter(batch)).exception(1))
    assert photoqueue.retry(batch) == 0


def test_handles_stay_with_their_installation(installation, settings, tmp_path) -> None:
    job = submit("salon-1")
    photoqueue.use(settings.model_copy(update={"home": tmp_path / "elsewhere"}))
    assert photoqueue.cancel(job) == 1
    assert job.poll().state is JobState.CANCELLED
    job.installation.close()  # connected anew by its handle


@pytest.mark.parametrize("broker", ["auto", "postgres"])
def test_messages_of_cancelled_jobs_do_not_pile_up(installation, settings, broker) -> None:
    photoqueue.use(settings.model_copy(update={"broker": broker}))
    batch = photoqueue.submit_photos([picture(number) for number in range(5)])
    kept = submit("salon-1")
    assert photoqueue.cancel(batch) == 5
    carried = photoqueue.installation.current().broker
    assert carried.size(PHOTO_ANALYZE) == 1
    assert str(carried.take(PHOTO_ANALYZE)) == kept.id
