"""How many jobs a process takes at a time, and when others are kept waiting by one of them."""

from __future__ import annotations

from uuid import UUID

import pytest

from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.queue.ledger import Claim, Done
from photoqueue.worker.batching import LONGEST_SECONDS, PLANNED_SECONDS, Hand
from photoqueue.worker.board import MOST_JOBS


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hand(clock: Clock) -> Hand:
    return Hand(clock)


def claims(number: int) -> list[Claim]:
    return [
        Claim(UUID(int=n), PHOTO_ANALYZE, f"photo-{n}", {}, 1, 4, 4, 0.0, UUID(int=7))
        for n in range(number)
    ]


def done(*seconds: float) -> list[Done]:
    return [
        Done(claim, "{}", seconds=one)
        for claim, one in zip(claims(len(seconds)), seconds, strict=True)
    ]


def test_short_jobs_are_taken_by_more_and_more(hand: Hand) -> None:
    numbers = [hand.next_number(done(0.0001)) for _ in range(7)]
    assert numbers == [2, 4, 8, 16, MOST_JOBS, MOST_JOBS, MOST_JOBS]


def test_no_more_are_taken_than_are_done_in_time(hand: Hand) -> None:
    numbers = [hand.next_number(done(0.0001, PLANNED_SECONDS / 3.5)) for _ in range(4)]
    assert numbers == [2, 3, 3, 3]


@pytest.mark.parametrize("seconds", [PLANNED_SECONDS, 0.3, 60.0])
def test_after_a_long_job_one_is_taken(hand: Hand, seconds: float) -> None:
    for _ in range(6):
        hand.next_number(done(0.0))
    assert hand.next_number(done(0.0, seconds)) == 1
    assert hand.next_number(done(0.0)) == 2


def test_after_jobs_without_a_result_one_is_taken(hand: Hand) -> None:
    hand.next_number(done(0.0))
    assert hand.next_number([]) == 1


def test_jobs_are_begun_in_order_and_recorded_by_id(hand: Hand) -> None:
    taken = claims(3)[::-1]
    hand.fill(taken, together=True)
    begun = []
    while (claim := hand.begin()) is not None:
        begun.append(claim)
        hand.end(Done(claim, "{}"))
    assert begun == taken
    assert [one.claim for one in hand.take_done()] == taken[::-1]
    assert hand.take_done() == []


def test_only_jobs_that_were_taken_together_are_held_up(hand: Hand, clock: Clock) -> None:
    hand.fill(claims(1), together=False)
    hand.begin()
    clock.now += 3600
    assert not hand.is_held_up()
    hand.fill(claims(3), together=True)
    hand.begin()
    clock.now += LONGEST_SECONDS / 2
    assert not hand.is_held_up()
    clock.now += LONGEST_SECONDS
    assert hand.is_held_up()
    assert [claim.job_id.int for claim in hand.put_down()] == [1, 2]
    assert not hand.is_held_up() and hand.at == claims(1)[0]
