"""Processes killed in mid-job: nothing is lost, nothing has two effects."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

import photoqueue
from chaos.workers import children_of, template_of
from photoqueue import JobState
from tests.chaos.conftest import assert_one_effect, wait_active
from tests.conftest import eventually, picture, submit

pytestmark = pytest.mark.chaos


def busy_child(worker, job) -> psutil.Process:
    """The process of a worker with one process that is at the job."""
    wait_active(job)
    (child,) = children_of(worker.pid)
    return child


def renewed_at(database):
    """When the only worker last renewed its lease, which it does once a round."""
    with database.begin() as connection:
        return connection.exec_driver_sql("SELECT last_seen_at FROM workers").scalar_one()


def test_killed_child_has_its_job_delivered_again_at_once(start_worker, installation):
    # With such a lease, only the death of the process itself can be the reason.
    settings = installation.settings.model_copy(update={"lease_seconds": 3600})
    worker = start_worker(
        "--queue", "photo-analyze", "--concurrency", "1", settings=settings, PQ_TEST_SLEEP="1"
    )
    job = submit("sleep-1")
    busy_child(worker, job).kill()

    assert job.result(120).items
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["worker_lost", "completed"]
    assert "SIGKILL" in attempts["error_message"][0]
    assert "recovered" in worker.log
    assert worker.process.poll() is None


def test_killed_supervisor_takes_its_processes_along_and_the_next_worker_recovers(start_worker):
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "2", PQ_TEST_SLEEP="60")
    job = submit("sleep-1")
    wait_active(job)
    children = children_of(worker.pid)
    assert len(children) == 2
    children.append(template_of(worker.pid))

    worker.signal(signal.SIGKILL)
    worker.wait()
    eventually(lambda: not any(child.is_running() for child in children))

    start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0")
    assert job.result(120).items
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["worker_lost", "completed"]
    # Seen to be dead by its neighbour, which did not wait for the lease.
    assert attempts["error_message"][0] == "its worker died"


def test_job_that_was_claimed_for_a_process_that_never_heard_of_it_is_delivered_again(
    start_worker, database
):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    photoqueue.pause()
    job = submit("salon-1")
    with database.begin() as connection:
        # A claim that reached PostgreSQL when its process had given the connection up.
        connection.exec_driver_sql(
            "UPDATE jobs SET state = 'active', attempts = attempts + 1, slot = 1, "
            "worker_id = (SELECT worker_id FROM workers), started_at = clock_timestamp(), "
            "wait_ms = 0"
        )
    photoqueue.resume()
    assert job.result(120).items
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["worker_lost", "completed"]
    assert "never reached its process" in attempts["error_message"][0]


def test_claim_that_is_committed_after_its_process_was_recovered_is_delivered_again(
    start_worker, database
):
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
    photoqueue.pause()
    job = submit("salon-1")
    with database.begin() as late:
        # What PostgreSQL was still at for a process when that was killed.
        late.exec_driver_sql(
            "UPDATE jobs SET state = 'active', attempts = attempts + 1, slot = 1, "
            "worker_id = (SELECT worker_id FROM workers), started_at = clock_timestamp(), "
            "wait_ms = 0"
        )
        (child,) = children_of(worker.pid)
        child.kill()
        eventually(lambda: "process ended" in worker.log, worker=worker)
        recovered = renewed_at(database)
        eventually(lambda: renewed_at(database) > recovered, worker=worker)
    photoqueue.resume()
    assert job.result(120).items
    assert list(job.attempts()["outcome"]) == ["worker_lost", "completed"]


def test_killed_process_group_loses_nothing(start_worker, runs, tmp_path):
    several = ("--queue", "photo-analyze", "--concurrency", "2")
    variables = {"PQ_TEST_SLEEP": "0.1", "PQ_TEST_GATE": str(tmp_path / "gate")}
    worker = start_worker(*several, **variables)
    # One is at its job whenever a worker is killed, however quickly the others are done.
    held = submit("gate-1")
    jobs = [held, *(submit(f"sleep-{number}") for number in range(40))]
    for kills in range(3):
        # Not when it is claimed: having lost two workers it waits for its turn to be alone.
        eventually(lambda kills=kills: runs("gate-1") > kills)
        worker.kill_group()
        worker = start_worker(*several, **variables)
    (tmp_path / "gate").touch()
    for job in jobs:
        job.result(120)
    assert_one_effect(jobs)
    assert list(held.attempts()["outcome"]) == ["worker_lost"] * 3 + ["completed"]


def test_worker_of_another_host_is_lost_when_its_lease_runs_out(start_worker, database):
    worker = start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="60")
    job = submit("sleep-1")
    wait_active(job)
    worker.kill_group()
    with database.begin() as connection:
        # As seen from elsewhere: its processes cannot be looked up.
        connection.exec_driver_sql("UPDATE workers SET host_key = 'another host'")

    start_worker("--queue", "photo-analyze", PQ_TEST_SLEEP="0")
    assert job.result(120).items
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["worker_lost", "completed"]
    assert "not seen for 2 s" in attempts["error_message"][0]


def test_frozen_worker_cannot_overwrite_the_one_that_took_over(start_worker, database, runs):
    frozen = start_worker("--queue", "photo-analyze", "--concurrency", "1", PQ_TEST_SLEEP="1")
    job = submit("sleep-1")
    eventually(lambda: runs("sleep-1") == 1)
    group = [psutil.Process(frozen.pid), *psutil.Process(frozen.pid).children(recursive=True)]
    for process in group:
        process.suspend()

    second = start_worker("--queue", "photo-analyze", "--concurrency", "1", PQ_TEST_SLEEP="0")
    result = job.result(120)
    finished = job.poll()
    second.signal(signal.SIGTERM)
    second.wait()

    for process in reversed(group):
        process.resume()
    # The frozen process ends its analysis and finds its write fenced off.
    eventually(lambda: "result discarded" in frozen.log, worker=frozen)
    assert runs("sleep-1") == 2
    assert job.poll() == finished
    assert job.result() == result
    assert_one_effect([job])
    # It goes on as a worker in good standing.
    assert submit("salon-2").result(120).items


def test_photo_that_crashes_its_process_fails_after_the_budget_and_holds_nobody_up(
    start_worker,
):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    crash = submit("crash-1")
    behind = [submit(f"salon-{number}") for number in range(3)]

    error = crash.exception(120)
    assert isinstance(error, photoqueue.PhotoqueueError)
    assert "worker_lost" in str(error)
    attempts = crash.attempts()
    assert list(attempts["outcome"]) == ["worker_lost"] * 4
    assert "status 42" in attempts["error_message"][0]
    assert crash.poll().attempts == 4
    for job in behind:
        job.result(120)
    assert_one_effect(behind)


def test_photo_that_ends_its_whole_worker_takes_no_other_along_in_the_end(
    start_worker, installation, runs
):
    settings = installation.settings.model_copy(update={"max_retries": 1})
    photoqueue.use(settings)
    jobs = poison, other = submit("poison-1"), submit("sleep-1")
    several = ("--queue", "photo-analyze", "--concurrency", "2")
    workers = []

    def over() -> bool:
        return all(job.done() for job in jobs)

    while not over():
        workers.append(start_worker(*several, wait=False, settings=settings, PQ_TEST_SLEEP="2"))
        eventually(lambda: over() or workers[-1].process.poll() is not None)
    assert list(poison.attempts()["outcome"]) == ["worker_lost"] * 2
    # Lost once beside it; not begun when the worker was lost, if the other's turn came first.
    outcomes = list(other.attempts()["outcome"])
    assert [one for one in outcomes if one != "released"] == ["worker_lost", "completed"]
    assert_one_effect([other])
    assert len(workers) == 3


def test_job_that_is_cancelled_while_it_waits_to_be_alone_does_not_run(
    start_worker, database, runs, tmp_path
):
    gate = tmp_path / "gate"
    worker = start_worker("--concurrency", "2", PQ_TEST_GATE=str(gate))
    at_work = submit("gate-1")
    eventually(lambda: runs("gate-1") == 1)
    photoqueue.pause()
    suspect = submit("salon-1")
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE jobs SET attempts = 2, error_type = 'worker_lost' WHERE state = 'waiting'"
        )
    photoqueue.resume()
    wait_active(suspect)
    assert photoqueue.cancel(suspect) == 1
    eventually(lambda: "cancelled or taken over" in worker.log, worker=worker)
    gate.touch()
    assert at_work.result(120).items
    assert submit("salon-2").result(120).items
    assert runs("salon-1") == 0


def test_process_that_ends_with_status_zero_in_mid_job_has_it_recovered_too(start_worker, runs):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    job = submit("quit-1")
    assert job.result(120).items
    assert list(job.attempts()["outcome"]) == ["worker_lost", "completed"]
    assert runs("quit-1") == 2


def test_crash_and_exception_are_paid_from_one_budget(start_worker):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    raising, crashing = submit("raise-1"), submit("crash-1")
    for job in (raising, crashing):
        job.wait(120)
        assert job.poll().state is JobState.FAILED
        assert len(job.attempts()) == 4


def test_job_beyond_its_time_limit_is_ended_and_tried_again(start_worker, installation):
    settings = installation.settings.model_copy(
        update={"job_timeout_seconds": 0.5, "max_retries": 1}
    )
    photoqueue.use(settings)
    start_worker("--queue", "photo-analyze", "--concurrency", "1", settings=settings)
    job = submit("hang-1")
    error = job.exception(120)
    assert "PHOTOQUEUE_JOB_TIMEOUT_SECONDS" in str(error)
    assert list(job.attempts()["outcome"]) == ["timeout", "timeout"]


def programs_of(tmp_path):
    """Find the programs that an engine started, once it has."""
    noted = tmp_path / "runs" / "programs"
    eventually(lambda: noted.exists() and len(noted.read_text().split()) == 2)
    return [psutil.Process(int(pid)) for pid in noted.read_text().split()]


def assert_gone(processes):
    eventually(lambda: not any(one.is_running() and one.status() != "zombie" for one in processes))


def test_programs_of_an_engine_end_with_the_attempt_that_ran_too_long(
    start_worker, installation, runs, tmp_path
):
    settings = installation.settings.model_copy(
        update={"job_timeout_seconds": 1.5, "max_retries": 0}
    )
    photoqueue.use(settings)
    start_worker("--queue", "photo-analyze", "--concurrency", "1", settings=settings)
    job = submit("start-1")
    programs = programs_of(tmp_path)
    assert "PHOTOQUEUE_JOB_TIMEOUT_SECONDS" in str(job.exception(120))
    assert_gone(programs)


@pytest.mark.parametrize("name", ["cancelled", "killed", "stopped", "its own end"])
def test_programs_of_an_engine_end_with_its_process(
    start_worker, installation, runs, tmp_path, name
):
    settings = installation.settings.model_copy(update={"grace_seconds": 0.1, "max_retries": 0})
    photoqueue.use(settings)
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1", settings=settings)
    job = submit("leave-1" if name == "its own end" else "start-1")
    programs = programs_of(tmp_path)
    if name == "cancelled":
        photoqueue.cancel(job)
    elif name != "its own end":
        worker.signal(signal.SIGKILL if name == "killed" else signal.SIGTERM)
        worker.wait()
    assert_gone(programs)


def test_engine_that_closes_the_descriptors_of_its_process_loses_its_attempt_only(
    start_worker, runs
):
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "1")
    job = submit("close-1")
    assert job.result(120).items
    attempts = job.attempts()
    assert list(attempts["outcome"]) == ["worker_lost", "completed"]
    assert "closed descriptors" in attempts["error_message"][0]
    assert "Traceback" not in worker.log


def test_fork_of_an_engine_that_comes_back_records_nothing(start_worker, runs):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    jobs = [submit(f"fork-{number}") for number in range(3)]
    for job in jobs:
        assert job.result(120).items
        assert list(job.attempts()["outcome"]) == ["completed"]


def take_behind(database, job, key):
    """Have the process that is at a job hold another, as if it had taken them together."""
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE jobs SET state = 'active', attempts = jobs.attempts + 1, slot = at.slot, "
            "worker_id = at.worker_id, started_at = clock_timestamp() "
            "FROM jobs AS at WHERE at.job_id = %(at)s AND jobs.job_key = %(key)s",
            {"at": job.id, "key": key},
        )


def test_nothing_waits_behind_a_job_that_lets_its_process_do_nothing_else(start_worker, database):
    start_worker("--queue", "photo-analyze", "--concurrency", "2")
    job = submit("hang-1")
    wait_active(job)
    photoqueue.pause()
    behind = submit("salon-1")
    take_behind(database, job, behind.key)
    photoqueue.resume()
    assert behind.result(120).items
    assert list(behind.attempts()["outcome"]) == ["released", "completed"]
    assert job.state is JobState.ACTIVE


def test_cancelled_job_frees_its_process_also_from_those_that_wait_behind_it(
    start_worker, database
):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    job = submit("hang-1")
    wait_active(job)
    photoqueue.pause()
    behind = submit("salon-1")
    take_behind(database, job, behind.key)
    assert photoqueue.cancel(job) == 1
    photoqueue.resume()
    assert behind.result(120).items
    assert list(behind.attempts()["outcome"]) == ["released", "completed"]


def test_cancelled_running_job_frees_its_process(start_worker):
    start_worker("--queue", "photo-analyze", "--concurrency", "1")
    job = submit("hang-1")
    wait_active(job)
    assert photoqueue.cancel(job) == 1
    assert submit("salon-1").result(120).items
    assert job.poll().state is JobState.CANCELLED
    assert list(job.attempts()["outcome"]) == ["cancelled"]


def test_thousand_jobs_pass_through_two_workers_once_each(start_worker, runs, installation):
    photoqueue.pause()
    for _ in range(2):
        start_worker("--queue", "photo-analyze", "--concurrency", "2")
    batch = photoqueue.submit_photos(
        [{"photo": picture(number), "photo_id": f"room-{number}"} for number in range(1000)]
    )
    photoqueue.resume()
    frame = photoqueue.collect(batch, timeout=150)
    assert list(frame["state"].unique()) == ["completed"]
    outcomes = photoqueue.attempts()["outcome"]
    assert set(outcomes) <= {"completed", "released"}  # short ones that a longer one held up
    assert (outcomes == "completed").sum() == 1000
    assert all(runs(f"room-{number}") == 1 for number in range(1000))
    with installation.database.begin() as connection:
        workers = connection.exec_driver_sql("SELECT DISTINCT worker_id FROM job_attempts")
        assert len(list(workers)) == 2
    assert installation.broker.size(photoqueue.jobs.PHOTO_ANALYZE) == 0


def test_tests_leave_no_worker_behind(start_worker):
    worker = start_worker("--queue", "photo-analyze", "--concurrency", "2")
    children = children_of(worker.pid)
    assert len(children) == 2
    children.append(template_of(worker.pid))
    os.killpg(worker.pid, signal.SIGTERM)
    assert worker.wait() == 0
    assert not any(child.is_running() for child in children)
