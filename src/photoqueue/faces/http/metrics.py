"""Prometheus metrics; all their names and labels are defined here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from photoqueue import __version__
from photoqueue.client.metrics import Reading, RecentMetrics
from photoqueue.jobs import job_types
from photoqueue.queue.tally import EDGES, Total
from photoqueue.words import JobState, Outcome

#: Media type of the answer.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_AI: Final = ("queue", "engine", "model")


class InstallationCollector(Collector):
    """Collects the metrics of the whole installation, the same in every process.

    Parameters
    ----------
    read
        Reads the figures.
    """

    def __init__(self, read: Callable[[], Reading] | None = None) -> None:
        self._read = read or RecentMetrics()

    def collect(self) -> Iterator[Metric]:
        """Read the metrics."""
        yield from families(self._read())

    def describe(self) -> list[Metric]:
        """Return nothing: registering must not need PostgreSQL."""
        return []


def exposition(*collectors: Collector) -> bytes:
    """Return the response to a scrape.

    Raises
    ------
    PhotoqueueError
        A server cannot be reached.
    """
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def families(reading: Reading) -> Iterator[Metric]:
    """Yield all metric families of a reading."""
    info = InfoMetricFamily("photoqueue", "The version of what answers.")
    info.add_metric([], {"version": __version__})
    yield info
    yield from _counters(reading)
    yield _histogram(
        reading,
        "wait",
        "photoqueue_job_wait_seconds",
        "How long attempts waited from when they could start to their start.",
        ("queue",),
    )
    yield _histogram(
        reading,
        "run",
        "photoqueue_attempt_run_seconds",
        "How long attempts ran, by how they ended.",
        ("queue", "outcome"),
    )
    yield _histogram(
        reading,
        "ai",
        "photoqueue_ai_call_seconds",
        "How long calls of engines took, by whether they succeeded.",
        (*_AI, "outcome"),
    )
    yield from _gauges(reading)


def _counters(reading: Reading) -> Iterator[Metric]:
    for source, name, help_text in (
        ("submitted", "photoqueue_jobs_submitted", "Jobs that were submitted."),
        ("failed", "photoqueue_jobs_failed", "Jobs that failed for good."),
        ("retried", "photoqueue_attempts_retried", "Failed attempts that were followed by another"),
    ):
        yield _per_queue(name, help_text, _counts(reading, source))
    for outcome, name, help_text in (
        (Outcome.COMPLETED, "photoqueue_jobs_completed", "Jobs that ended with a result."),
        (
            Outcome.WORKER_LOST,
            "photoqueue_attempts_recovered",
            "Attempts that were taken back from a worker that died or was not seen any more.",
        ),
    ):
        yield _per_queue(name, help_text, _counts(reading, "ended", outcome))
    attempts = CounterMetricFamily(
        "photoqueue_attempts", "Attempts that ended, by how.", labels=("queue", "outcome")
    )
    by_outcome = {outcome: _counts(reading, "ended", outcome) for outcome in Outcome}
    for queue in dict.fromkeys((*map(str, job_types()), *itertools.chain(*by_outcome.values()))):
        for outcome, counts in by_outcome.items():
            attempts.add_metric((queue, str(outcome)), counts.get(queue, 0))
    yield attempts
    yield _per_queue(
        "photoqueue_messages_refused",
        "Broker messages that photoqueue did not write.",
        {name: queue.refused_messages for name, queue in reading.queues.items()},
    )
    yield _sums(reading, {"cost": ()}, "photoqueue_ai_cost_usd", "Known cost of calls, in USD.", ())
    yield _sums(
        reading,
        {"tokens_in": ("in",), "tokens_out": ("out",)},
        "photoqueue_ai_tokens",
        "Tokens that calls of engines took in and gave out.",
        ("direction",),
    )


def _gauges(reading: Reading) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("photoqueue_jobs", "Jobs by state.", labels=("queue", "state"))
    oldest = GaugeMetricFamily(
        "photoqueue_oldest_waiting_seconds",
        "For how long the oldest job that could start has been waiting; 0 when none is.",
        labels=("queue",),
    )
    workers = GaugeMetricFamily(
        "photoqueue_workers", "Live workers: their lease is valid.", labels=("queue",)
    )
    paused = GaugeMetricFamily(
        "photoqueue_queue_paused", "Whether workers leave the queue alone.", labels=("queue",)
    )
    seen = GaugeMetricFamily(
        "photoqueue_worker_last_seen_seconds",
        "Seconds since a worker of the queue last renewed its lease; absent when none ever did.",
        labels=("queue",),
    )
    for name, queue in reading.queues.items():
        for state in JobState:
            jobs.add_metric((name, str(state)), getattr(queue, str(state)))
        oldest.add_metric((name,), max(queue.oldest_waiting_s or 0.0, 0.0))
        workers.add_metric((name,), queue.workers)
        paused.add_metric((name,), float(queue.paused))
    for name, seconds in reading.last_seen_s.items():
        seen.add_metric((name,), seconds)
    return iter((jobs, oldest, workers, paused, seen))


def _counts(reading: Reading, name: str, outcome: str = "") -> dict[str, int]:
    return {
        total.queue_name: total.count
        for total in reading.totals
        if total.name == name and total.outcome == outcome
    }


def _per_queue(name: str, help_text: str, counts: dict[str, int]) -> Metric:
    """Make a counter; a queue without any counted event has 0."""
    family = CounterMetricFamily(name, help_text, labels=("queue",))
    for queue in dict.fromkeys((*map(str, job_types()), *counts)):
        family.add_metric((queue,), counts.get(queue, 0))
    return family


def _sums(
    reading: Reading,
    sources: dict[str, tuple[str, ...]],
    name: str,
    help_text: str,
    labels: tuple[str, ...],
) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=(*_AI, *labels))
    for total in reading.totals:
        if total.name in sources:
            key = (total.queue_name, total.engine, total.model, *sources[total.name])
            family.add_metric(key, total.sum)
    return family


def _histogram(
    reading: Reading, source: str, name: str, help_text: str, labels: tuple[str, ...]
) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=labels)
    rows = sorted((total for total in reading.totals if total.name == source), key=_series)
    # Also empty ones: a bucket that first appears with a value has no rate for it.
    edges = sorted({*EDGES[source], *(total.le for total in rows), math.inf})
    for series, members in itertools.groupby(rows, key=_series):
        found = {total.le: total for total in members}
        values = dict(zip(("queue", "engine", "model", "outcome"), series, strict=True))
        counts = (found[edge].count if edge in found else 0 for edge in edges)
        family.add_metric(
            [values[label] for label in labels],
            buckets=[
                (_edge(edge), count)
                for edge, count in zip(edges, itertools.accumulate(counts), strict=True)
            ],
            sum_value=sum(total.sum for total in found.values()),
        )
    return family


def _series(total: Total) -> tuple[str, str, str, str]:
    return (total.queue_name, total.engine, total.model, total.outcome)


def _edge(seconds: float) -> str:
    return "+Inf" if math.isinf(seconds) else repr(seconds)


def names(collected: Iterable[Metric]) -> set[str]:
    """Return the metric names for use in queries."""
    found: set[str] = set()
    for metric in collected:
        suffixes = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_sum", "_count"),
            "info": ("_info",),
        }.get(metric.type, ("",))
        found.update(metric.name + suffix for suffix in suffixes)
    return found
