"""How jobs use engines: shared rate limits, and a record of each call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from photoqueue import tracing
from photoqueue.errors import PermanentError, ThrottledError
from photoqueue.queue.rate_limits import RateLimits
from photoqueue.records.results import FOR_TRYING_OUT as FOR_TRYING_OUT  # for its users
from photoqueue.records.results import FoundItem
from photoqueue.records.snapshots import AiCall
from photoqueue.samples import sample_hashes

if TYPE_CHECKING:
    from photoqueue.engines.contract import Analysis, Engine, Hint
    from photoqueue.queue.database import Database


def is_for_trying_out(engine: str | None, sha256: str) -> bool:
    """Whether the built-in model analysed a photo that is not of a sample home."""
    return engine == "builtin" and sha256 not in sample_hashes()


def share(engine: Engine, database: Database) -> None:
    """Give an engine with rate limits the limits that all workers share."""
    from photoqueue.engines.contract import SharedEngine

    if isinstance(engine, SharedEngine):
        engine.share(RateLimits(database))


def measured(
    engine: Engine,
    hint: Hint,
    calls: list[AiCall],
    look: Callable[[Hint], Analysis],
) -> Analysis:
    """Run an engine, and record its calls whether or not it succeeds.

    Parameters
    ----------
    calls : list of AiCall
        The calls are appended to it.
    look : callable
        Calls the engine with the hint that it is given, and returns the engine's result.
    """
    from photoqueue.engines.contract import Call, SharedEngine

    reported: list[Call] = []
    error: BaseException | None = None
    usage = None
    start = time.perf_counter()
    try:
        with tracing.span(
            "photoqueue.engine",
            {"photoqueue.engine": engine.name, "photoqueue.model": engine.model},
        ):
            analysis = look(replace(hint, report=reported.append))
        usage = getattr(analysis, "usage", None)
        return analysis
    except BaseException as exc:
        error = exc
        raise
    finally:
        # An engine that reports its calls and reported none has made none; neither has one
        # that was throttled before its first request.
        asked_nobody = isinstance(engine, SharedEngine) or isinstance(error, ThrottledError)
        if not reported and not asked_nobody:
            reported.append(
                Call(
                    latency_ms=(time.perf_counter() - start) * 1000,
                    success=error is None,
                    error=None if error is None else f"{type(error).__name__}: {error}",
                    tokens_in=usage.tokens_in if usage else None,
                    tokens_out=usage.tokens_out if usage else None,
                    cost_usd=usage.cost_usd if usage else None,
                )
            )
        calls.extend(
            AiCall(
                photo_id=hint.photo_id or None,
                engine=engine.name,
                model=engine.model,
                **asdict(call),
            )
            for call in reported
        )


def found_item(item: Any) -> FoundItem:
    """Return the fields of an engine's item that are stored in a result."""
    return FoundItem(
        name=item.name,
        category=item.category,
        dismountable=item.dismountable,
        key=item.key,
        label=item.label,
        score=None if item.score is None else round(float(item.score), 4),
        box=item.box,
        volume=item.volume,
        alternatives=dict(item.alternatives) or None,
        merged=item.merged or None,
    )


def no_analysis(method: str, engine: Engine, exc: Exception) -> PermanentError:
    """Return the error for an engine that did not return an analysis."""
    return PermanentError(
        f"Engine {engine.name!r} returned something that is not an Analysis: {exc}. "
        f"Correct the engine: {method}() returns photoqueue.Analysis with photoqueue.Item."
    )
