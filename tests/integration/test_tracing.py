"""Spans from the submission to the engine, in one trace; and nothing at all unless asked for."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_trace_id

import photoqueue
from photoqueue import tracing
from photoqueue.installation import Installation
from photoqueue.jobs import PHOTO_ANALYZE
from photoqueue.jobs.handling import Workplace, load_handler
from photoqueue.queue.ledger import Ledger
from photoqueue.queue.read import submitted_as
from photoqueue.worker.logs import JsonFormatter
from photoqueue.worker.runner import Runner
from tests.conftest import Worker, submit


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Trace into memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def work(installation: Installation, job: photoqueue.Job) -> None:
    """Do a job in this process, as a process of a worker does."""
    with closing(Ledger(installation.database)) as ledger:
        runner = Runner(
            ledger=ledger,
            broker=installation.broker,
            settings=installation.settings,
            queue=PHOTO_ANALYZE,
            handler=load_handler(
                PHOTO_ANALYZE, Workplace(installation.settings, installation.database)
            ),
            worker_id=UUID(int=7),
            slot=1,
        )
        assert runner.run(UUID(job.id)) is not None


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name.removeprefix("photoqueue."): span for span in exporter.get_finished_spans()}


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def test_one_trace_leads_from_the_submission_to_the_engine(
    installation: Installation, exporter: InMemorySpanExporter
) -> None:
    job = submit("ok-1")
    work(installation, job)
    spans = by_name(exporter)
    assert set(spans) == {"submit", "enqueue", "job", "claim", "work", "engine", "record"}
    assert len({span.context.trace_id for span in spans.values()}) == 1
    names = {span.context.span_id: name for name, span in spans.items()}
    parents = {name: names.get(parent_of(span) or 0) for name, span in spans.items()}
    assert parents == {
        "submit": None,
        "enqueue": "submit",
        "job": "submit",
        "claim": "job",
        "work": "job",
        "engine": "work",
        "record": "job",
    }
    assert spans["job"].attributes is not None
    assert spans["job"].attributes["photoqueue.job"] == job.id
    assert spans["job"].attributes["photoqueue.state"] == "completed"
    assert spans["claim"].start_time == spans["job"].start_time


def test_an_engine_that_fails_marks_its_span(
    installation: Installation, exporter: InMemorySpanExporter
) -> None:
    work(installation, submit("raise-1"))
    spans = by_name(exporter)
    assert spans["engine"].status.is_ok is False
    assert spans["record"].status.is_ok
    assert spans["job"].attributes is not None
    assert spans["job"].attributes["photoqueue.state"] == "delayed"


def test_a_forged_traceparent_begins_a_trace_of_its_own(exporter: InMemorySpanExporter) -> None:
    with tracing.span("photoqueue.job", parent="00-nonsense\r\n"):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def test_log_lines_name_their_trace(exporter: InMemorySpanExporter) -> None:
    record = logging.LogRecord("photoqueue", logging.INFO, "", 0, "completed", None, None)
    with tracing.span("photoqueue.job"):
        line = json.loads(JsonFormatter().format(record))
    (span,) = exporter.get_finished_spans()
    assert line["trace_id"] == format_trace_id(span.context.trace_id)
    assert len(line["span_id"]) == 16
    assert "trace_id" not in json.loads(JsonFormatter().format(record))


def test_untraced_jobs_carry_nothing(installation: Installation) -> None:
    job = submit("ok-1")
    assert "traceparent" not in submitted_as(installation.database, UUID(job.id))[0]
    assert tracing.traceparent() is None


def test_a_span_that_nobody_asked_for_costs_next_to_nothing() -> None:
    def seconds(make: Callable[[], AbstractContextManager[object]]) -> float:
        """Processor time of this thread, the best of several: others do not count."""
        best = float("inf")
        for _ in range(5):
            start = time.thread_time()
            for _ in range(2_000):
                with make():
                    pass
            best = min(best, time.thread_time() - start)
        return best

    spans = seconds(lambda: tracing.span("photoqueue.job"))
    assert spans < 20 * seconds(contextlib.nullcontext)


class Collector:
    """A collector of OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") is None:
                    collector.take(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.update({span.name: span.trace_id.hex() for span in scope.spans})

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_a_worker_sends_its_spans_by_otlp_before_it_ends(
    installation: Installation,
    start_worker: Callable[..., Worker],
    exporter: InMemorySpanExporter,
) -> None:
    with closing(Collector()) as collector:
        job = submit("ok-1")
        traced = installation.settings.model_copy(update={"tracing": True})
        endpoint = f"http://127.0.0.1:{collector.server.server_port}"
        worker = start_worker(
            "--queue",
            "photo-analyze",
            settings=traced,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        )
        job.result(timeout=60)
        worker.process.terminate()
        assert worker.wait() == 0, worker.log
        submitted = by_name(exporter)["submit"].context.trace_id
        assert collector.spans["photoqueue.engine"] == format_trace_id(submitted), worker.log
