"""What tells a job that is being done from one that its process does not know of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from photoqueue.queue.workers import Held
from photoqueue.worker.board import MOST_JOBS, StatusBoard
from photoqueue.worker.supervisor import Unclaimed

JOB = Held(slot=1, job_id=UUID(int=1), attempt=1)


OTHER = UUID(int=2)


class Rounds:
    """A process that is sure of its job at given times, and the rounds of its supervisor."""

    def __init__(self) -> None:
        self.now = 0.0
        self.unclaimed = Unclaimed(clock=lambda: self.now)

    def find(
        self,
        now: float,
        *,
        settled: float,
        has: UUID | None = None,
        held: tuple[Held, ...] = (JOB,),
    ) -> list[Held]:
        self.now = now
        child: Any = SimpleNamespace(
            slot=1, board=SimpleNamespace(settled_at=settled, job_ids={has})
        )
        return self.unclaimed.find(held, [child])


def test_job_in_work_is_left_alone_however_long_it_takes() -> None:
    rounds = Rounds()
    times = (10.0, 11.0, 12.0, 500.0)
    assert [rounds.find(now, settled=10.5, has=JOB.job_id) for now in times] == [[], [], [], []]


def test_job_whose_claim_is_under_way_is_left_alone_however_long_it_takes() -> None:
    # Claimed together with the end of another job, and the answer is on its way
    rounds = Rounds()
    assert [rounds.find(now, settled=9.0, has=OTHER) for now in (10.0, 11.0, 12.0)] == [[], [], []]
    assert rounds.find(13.0, settled=12.5, has=JOB.job_id) == []


def test_job_is_unclaimed_when_its_process_has_none_since() -> None:
    rounds = Rounds()
    assert rounds.find(10.0, settled=9.0) == []
    # Its record may have come between this look at the table and that at the process.
    assert rounds.find(11.0, settled=10.5) == []
    assert rounds.find(12.0, settled=11.5) == [JOB]


def test_job_is_unclaimed_when_its_process_goes_from_job_to_job_without_it() -> None:
    rounds = Rounds()
    assert rounds.find(10.0, settled=9.0, has=OTHER) == []
    assert rounds.find(11.0, settled=10.5, has=UUID(int=3)) == []
    assert rounds.find(12.0, settled=11.5, has=UUID(int=4)) == [JOB]


def test_job_that_is_still_held_for_a_process_that_has_ended_is_unclaimed() -> None:
    # It was recovered when the process ended; this claim was committed after that.
    unclaimed = Unclaimed(clock=lambda: 10.0)
    assert unclaimed.find((JOB,), []) == []
    assert unclaimed.find((JOB,), []) == [JOB]


def test_job_that_ended_meanwhile_is_forgotten() -> None:
    rounds = Rounds()
    rounds.find(10.0, settled=9.0)
    rounds.find(11.0, settled=10.5, held=())
    assert rounds.find(12.0, settled=11.5) == []


def test_another_attempt_of_the_job_is_another_matter() -> None:
    rounds = Rounds()
    rounds.find(10.0, settled=9.0)
    rounds.find(11.0, settled=10.5)
    again = Held(slot=1, job_id=JOB.job_id, attempt=2)
    assert rounds.find(12.0, settled=11.5, held=(again,)) == []


def test_board_tells_which_jobs_a_process_has() -> None:
    board = StatusBoard()
    assert (board.job_ids, board.settled_at) == (frozenset(), 0.0)
    most = [UUID(int=number) for number in range(1, MOST_JOBS + 1)]
    board.set_jobs(most)
    settled = board.settled_at
    assert board.job_ids == set(most) and settled > 0
    board.set_jobs([OTHER])
    assert board.job_ids == {OTHER}
    board.set_jobs([])
    assert board.job_ids == frozenset() and board.settled_at >= settled


def test_board_tells_which_job_is_worked_on() -> None:
    board = StatusBoard()
    assert (board.at, board.busy_since) == (None, 0.0)
    board.set_busy(OTHER)
    assert board.at == OTHER and board.busy_since > 0
    board.set_busy(None)
    assert (board.at, board.busy_since) == (None, 0.0)
