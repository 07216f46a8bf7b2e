"""OpenTelemetry spans; off unless ``PHOTOQUEUE_TRACING`` is set.

A submission stores its trace context in the job data (``traceparent``, W3C Trace Context), and
the worker continues it: one trace covers a job from the caller to the engine. Broker messages
are the same with and without tracing.

Spans: ``photoqueue.submit`` with ``photoqueue.enqueue`` in it; ``photoqueue.job`` (one attempt)
with ``photoqueue.claim``, ``photoqueue.work``, ``photoqueue.engine`` and ``photoqueue.record``.
"""

from __future__ import annotations

import contextlib
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from photoqueue.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

#: Milliseconds that an exiting process waits for its last spans to be sent.
_FLUSH_MS: Final = 2000

_lock = threading.Lock()
_tracer: Tracer | None = None


#: A span while tracing is off.
_NOTHING: Final = contextlib.nullcontext()


def set_up(wanted: bool) -> None:
    """Turn tracing on if ``wanted``; never turns it off.

    Spans go to the application's tracer provider if it has one, else by OTLP over HTTP to the
    endpoint that OpenTelemetry's variables name (``OTEL_EXPORTER_OTLP_ENDPOINT`` and so on).

    Raises
    ------
    ConfigurationError
        The packages of the extra ``tracing`` are not installed.
    """
    global _tracer
    if not wanted:
        return
    with _lock:
        if _tracer is None:
            _tracer = _make_tracer()


def is_on() -> bool:
    """Whether tracing is on."""
    return _tracer is not None


def span(
    name: str,
    attributes: dict[str, str | int] | None = None,
    *,
    parent: str | None = None,
    start_ns: int | None = None,
) -> AbstractContextManager[object]:
    """Return a span for a ``with`` block; an exception that leaves the block marks it as failed.

    Parameters
    ----------
    parent : str or None
        A value of :func:`traceparent`; None is the current span, if any.
    start_ns : int or None
        Start time in nanoseconds since the epoch; None is now.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.start_as_current_span(
        name, context=_context(parent), attributes=attributes, start_time=start_ns
    )


def note(name: str, value: str) -> None:
    """Add an attribute to the current span, if any."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attribute(name, value)


def past_span(name: str, start_ns: int, end_ns: int) -> None:
    """Record an ended span as a child of the current one; nanoseconds since the epoch."""
    if _tracer is not None:
        _tracer.start_span(name, start_time=start_ns).end(end_ns)


def traceparent() -> str | None:
    """Return the current span as the value of a ``traceparent`` header; None without a span."""
    if _tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def log_fields() -> dict[str, str]:
    """Return ``trace_id`` and ``span_id`` of the current span; empty without a span."""
    if _tracer is None:
        return {}
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {
        "trace_id": format_trace_id(context.trace_id),
        "span_id": format_span_id(context.span_id),
    }


def flush() -> None:
    """Send the remaining spans before a process exits; waits at most two seconds."""
    if _tracer is None:
        return
    from opentelemetry.trace import get_tracer_provider

    send = getattr(get_tracer_provider(), "force_flush", None)
    if send is not None:
        send(_FLUSH_MS)


def _make_tracer() -> Tracer:
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"PHOTOQUEUE_TRACING needs the package {exc.name}. Install it: "
            "pip install 'photoqueue[tracing]'; or unset the variable."
        ) from exc
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        # OTEL_SERVICE_NAME, if set, overrides this name.
        provider = TracerProvider(resource=_resource(Resource))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    return trace.get_tracer("photoqueue")


def _resource(resource: Any) -> Any:
    found = resource.create()
    named = not str(found.attributes.get("service.name", "")).startswith("unknown_service")
    return found if named else resource.create({"service.name": "photoqueue"})


def _context(parent: object) -> Any:
    """Return the context of a ``traceparent``; an invalid one starts a new trace."""
    if not isinstance(parent, str):  # job data may be forged
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})
