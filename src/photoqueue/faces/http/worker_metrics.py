"""What a worker's own port measures: itself, beside the whole installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from photoqueue.faces.http.metrics import CONTENT_TYPE, InstallationCollector, exposition
from photoqueue.faces.http.probe import Answer
from photoqueue.worker.pulse import Pulse


class WorkerCollector(Collector):
    """The metrics of one worker, by queue."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """Look at the processes."""
        processes = GaugeMetricFamily(
            "photoqueue_processes", "Processes of this worker that take jobs.", labels=("queue",)
        )
        busy = GaugeMetricFamily(
            "photoqueue_processes_busy",
            "Processes of this worker that are at a job.",
            labels=("queue",),
        )
        fetched = GaugeMetricFamily(
            "photoqueue_last_fetch_seconds",
            "Seconds since a process of this worker last asked the broker for a job.",
            labels=("queue",),
        )
        healthy = GaugeMetricFamily(
            "photoqueue_worker_healthy", "Whether this worker's processes move, as /healthz says."
        )
        healthy.add_metric((), float(not self._pulse.problems()))
        for found in self._pulse.queues():
            processes.add_metric((str(found.queue),), found.ready)
            busy.add_metric((str(found.queue),), found.busy)
            if found.fetched_s is not None:
                fetched.add_metric((str(found.queue),), found.fetched_s)
        yield from (processes, busy, fetched, healthy)


def worker_metrics(pulse: Pulse) -> Callable[[], Answer]:
    """Return what answers ``/metrics`` of a worker."""
    collectors = (InstallationCollector(), WorkerCollector(pulse))
    return lambda: (200, CONTENT_TYPE, exposition(*collectors))
