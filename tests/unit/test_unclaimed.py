"""What tells a job that is being done from one that its process does not know of."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

from photoqueue.tracking.register import Held
from photoqueue.worker.unclaimed import Unclaimed

JOB = Held(slot=1, job_id=UUID(int=1), attempt=1)


class Rounds:
    """A process that looks at its queue at given times, and the rounds of its supervisor."""

    def __init__(self) -> None:
        self.now = 0.0
        self.unclaimed = Unclaimed(clock=lambda: self.now)

    def find(self, now: float, *, looked: float, held: tuple[Held, ...] = (JOB,)) -> list[Held]:
        self.now = now
        child = SimpleNamespace(slot=1, board=SimpleNamespace(looked_at=looked))
        return self.unclaimed.find(held, [child])  # type: ignore[list-item]


def test_job_in_work_is_left_alone_however_long_it_takes() -> None:
    rounds = Rounds()
    assert [rounds.find(now, looked=9.0) for now in (10.0, 11.0, 500.0)] == [[], [], []]


def test_job_is_unclaimed_when_its_process_has_turned_to_its_queue_since() -> None:
    rounds = Rounds()
    assert rounds.find(10.0, looked=9.0) == []
    # Its record may have come between this look at the table and that at the process.
    assert rounds.find(11.0, looked=10.5) == []
    assert rounds.find(12.0, looked=11.5) == [JOB]


def test_job_that_ended_meanwhile_is_forgotten() -> None:
    rounds = Rounds()
    rounds.find(10.0, looked=9.0)
    rounds.find(11.0, looked=10.5, held=())
    assert rounds.find(12.0, looked=11.5) == []


def test_another_attempt_of_the_job_is_another_matter() -> None:
    rounds = Rounds()
    rounds.find(10.0, looked=9.0)
    rounds.find(11.0, looked=10.5)
    again = Held(slot=1, job_id=JOB.job_id, attempt=2)
    assert rounds.find(12.0, looked=11.5, held=(again,)) == []
