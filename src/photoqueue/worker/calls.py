"""Calls of an engine, each put on record however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from photoqueue.tracking.ledger import AiCall

if TYPE_CHECKING:
    from photoqueue.analysis.engine import Analysis, Engine


def recorded(
    call: Callable[[], Analysis], engine: Engine, calls: list[AiCall], *, photo_id: str | None
) -> Analysis:
    """Make a call of an engine, and add what it took to the list."""
    error: BaseException | None = None
    usage = None
    start = time.perf_counter()
    try:
        analysis = call()
        usage = getattr(analysis, "usage", None)
        return analysis
    except BaseException as exc:
        error = exc
        raise
    finally:
        calls.append(
            AiCall(
                photo_id=photo_id,
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
