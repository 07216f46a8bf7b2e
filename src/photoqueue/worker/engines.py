"""Engines at work: built with the limits they share, each of their calls put on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from photoqueue.errors import ThrottledError
from photoqueue.tracking.ledger import AiCall
from photoqueue.tracking.rate_limits import RateLimits

if TYPE_CHECKING:
    from photoqueue.analysis.engine import Analysis, Call, Engine, Hint, RoomEngine
    from photoqueue.installation import Installation


def build_engine(installation: Installation, *, processes: int) -> Engine:
    """Build the engine of an installation; its rate limit is that of all workers.

    Raises
    ------
    EngineUnavailableError
        The engine cannot be built as configured.
    """
    from photoqueue.analysis.registry import load_engine

    engine = load_engine(installation.settings, processes=processes)
    _share(engine, installation)
    return engine


def build_room_engine(installation: Installation) -> RoomEngine:
    """Build an engine that looks at all photos of a room together.

    Raises
    ------
    EngineUnavailableError
        None is configured, or it cannot be built as configured.
    """
    from photoqueue.analysis.registry import load_room_engine

    engine = load_room_engine(installation.settings)
    _share(engine, installation)
    return engine


def _share(engine: Engine, installation: Installation) -> None:
    """Let an engine with limits keep them together with all workers."""
    from photoqueue.analysis.engine import SharedEngine

    if isinstance(engine, SharedEngine):
        engine.share(RateLimits(installation.database))


def measured(
    engine: Engine,
    hint: Hint,
    calls: list[AiCall],
    look: Callable[[Hint], Analysis],
) -> Analysis:
    """Let an engine look, and record its calls whether or not it succeeds.

    Parameters
    ----------
    calls : list of AiCall
        The rows are added to it.
    look : callable
        Takes the hint to give to the engine, and returns what the engine returns.
    """
    from photoqueue.analysis.engine import SharedEngine

    reported: list[Call] = []
    error: BaseException | None = None
    usage = None
    start = time.perf_counter()
    try:
        analysis = look(replace(hint, report=reported.append))
        usage = getattr(analysis, "usage", None)
        return analysis
    except BaseException as exc:
        error = exc
        raise
    finally:
        calls.extend(_row(engine, hint, call) for call in reported)
        # An engine that reports its calls and reported none has asked nobody, nor has one
        # that waits for its turn.
        asked_nobody = isinstance(engine, SharedEngine) or isinstance(error, ThrottledError)
        if not reported and not asked_nobody:
            calls.append(
                AiCall(
                    photo_id=hint.photo_id or None,
                    engine=engine.name,
                    model=engine.model,
                    latency_ms=(time.perf_counter() - start) * 1000,
                    success=error is None,
                    error=None if error is None else f"{type(error).__name__}: {error}",
                    tokens_in=usage.tokens_in if usage else None,
                    tokens_out=usage.tokens_out if usage else None,
                    cost_usd=usage.cost_usd if usage else None,
                )
            )


def _row(engine: Engine, hint: Hint, call: Call) -> AiCall:
    return AiCall(
        photo_id=hint.photo_id or None,
        engine=engine.name,
        model=engine.model,
        latency_ms=call.latency_ms,
        success=call.success,
        error=call.error,
        tokens_in=call.tokens_in,
        tokens_out=call.tokens_out,
        cost_usd=call.cost_usd,
    )
