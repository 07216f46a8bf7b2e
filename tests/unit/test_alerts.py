"""What counts as wrong, by thresholds."""

from __future__ import annotations

import pytest

from photoqueue.client.alerts import judge
from photoqueue.client.observe import Stats
from photoqueue.jobs import INVENTORY_SYNC, PHOTO_ANALYZE
from photoqueue.queue.incidents import Severity
from photoqueue.queue.tally import WindowCount
from photoqueue.records.snapshots import QueueStats
from photoqueue.settings import Settings

QUEUE = "photo-analyze"


def alerts(
    counted: dict[str, WindowCount] | None = None,
    *,
    oldest: float | None = None,
    workers: int = 1,
    paused: bool = False,
) -> list[str]:
    stats = QueueStats(name=QUEUE, oldest_waiting_s=oldest, workers=workers, paused=paused)
    found = judge(
        Stats({PHOTO_ANALYZE: stats}),
        {(name, QUEUE): number for name, number in (counted or {}).items()},
        Settings(),
    )
    assert all(alert.message.startswith(f"{QUEUE}: ") for alert in found)
    return [alert.name for alert in found]


@pytest.mark.parametrize(
    ("expected", "counted"),
    [
        ([], {}),
        ([], {"failed": WindowCount(4), "completed": WindowCount(0)}),
        ([], {"failed": WindowCount(2), "completed": WindowCount(8)}),
        (["failure-rate"], {"failed": WindowCount(3), "completed": WindowCount(8)}),
        (["failure-rate"], {"failed": WindowCount(5)}),
        ([], {"worker_lost": WindowCount(4, 99)}),
        (["recovery-busy"], {"worker_lost": WindowCount(5)}),
        ([], {"retried": WindowCount(9)}),
        ([], {"retried": WindowCount(20, 10)}),
        (["retries-rising"], {"retried": WindowCount(21, 10)}),
        ([], {"ai_error": WindowCount(1), "ai_completed": WindowCount(9)}),
        (["ai-errors"], {"ai_error": WindowCount(9), "ai_completed": WindowCount(9)}),
    ],
)
def test_what_was_counted(expected: list[str], counted: dict[str, WindowCount]) -> None:
    assert alerts(counted) == expected


def test_what_waits() -> None:
    assert alerts(oldest=1) == []
    assert alerts(oldest=601) == ["oldest-waiting"]
    assert alerts(oldest=1, workers=0) == ["no-worker"]
    assert alerts(oldest=None, workers=0) == []
    assert alerts(oldest=9999, workers=0, paused=True) == []


def test_the_worst_comes_first() -> None:
    stats = {
        INVENTORY_SYNC: QueueStats(name="inventory-sync", oldest_waiting_s=9999, workers=1),
        PHOTO_ANALYZE: QueueStats(name=QUEUE, oldest_waiting_s=1, workers=0),
    }
    found = judge(Stats(stats), {}, Settings())
    assert [alert.severity for alert in found] == [Severity.CRITICAL, Severity.WARNING]
