"""Engines at work: built with the limits they share, each of their calls put on record."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from photoqueue import tracing
from photoqueue.errors import ConfigurationError, EngineUnavailableError, ThrottledError
from photoqueue.queue.ledger import AiCall
from photoqueue.queue.rate_limits import RateLimits

if TYPE_CHECKING:
    from photoqueue.engines.contract import Analysis, Call, Engine, Hint, RoomEngine
    from photoqueue.installation import Installation
    from photoqueue.settings import Settings

logger = logging.getLogger(__name__)


class Engines:
    """The engines of one process: its own, and those that jobs ask for by name.

    Its own is built at once, the others when the first job asks for them; their rate
    limits are those of all workers.

    Parameters
    ----------
    processes : int
        Worker processes that share this machine's cores.

    Raises
    ------
    EngineUnavailableError
        Its own cannot be built as configured.
    ModelError
        The model file of its own cannot be used.
    """

    def __init__(self, installation: Installation, *, processes: int) -> None:
        from photoqueue.engines.registry import choose_engine

        self._installation = installation
        self._processes = processes
        settings = choose_engine(installation.settings).settings
        #: What was chosen → the engine. One name is one engine: its model is that of the
        #: settings, which do not change while the process lives.
        self._built = {settings.engine: self._build(settings)}
        self._own = settings.engine
        #: What ``auto`` means here, once a job has asked for it.
        self._best: Settings | None = None

    def __call__(self, name: str | None) -> Engine:
        """Return the engine of this name; None is the process's own.

        Raises
        ------
        PayloadError
            The name is not registered: not even ``submit_photo`` wrote this job.
        EngineUnavailableError
            This worker cannot build it as configured.
        ModelError
            Its model file cannot be used.
        """
        from photoqueue.engines.registry import checked_engine

        if name is None:
            return self._built[self._own]
        checked_engine(name)
        try:
            settings = self._settings_of(name)
            if settings.engine not in self._built:
                self._built[settings.engine] = self._build(settings)
                self._tell(settings.engine)
        except ConfigurationError as exc:
            # Ends the job at once: waiting does not bring a model or a key here, nor does a
            # retry choose a worker that has them, and whoever submitted should hear of it
            # now. Nothing is kept of the failure: once it is mended, the next job that asks
            # has its engine, in this very process.
            raise EngineUnavailableError(
                f"This worker does not have the engine {name!r} that the job asks for. {exc} "
                "Then retry the job; or submit the photo with another engine, or without one."
            ) from exc
        return self._built[settings.engine]

    def _settings_of(self, name: str) -> Settings:
        from photoqueue.engines.registry import AUTO, choose_engine

        settings = self._installation.settings.model_copy(update={"engine": name})
        if name != AUTO:
            return settings
        if self._best is None:
            self._best = choose_engine(settings).settings
        return self._best

    def _build(self, settings: Settings) -> Engine:
        from photoqueue.engines.registry import load_engine

        engine = load_engine(settings, processes=self._processes)
        _share(engine, self._installation)
        return engine

    def _tell(self, name: str) -> None:
        engine = self._built[name]
        fields = {"engine": engine.name, "model": engine.model}
        logger.info("engine built for a job", extra={"fields": fields})


def build_room_engine(installation: Installation) -> RoomEngine:
    """Build an engine that looks at all photos of a room together.

    Raises
    ------
    EngineUnavailableError
        None is configured, or it cannot be built as configured.
    """
    from photoqueue.engines.registry import load_room_engine

    engine = load_room_engine(installation.settings)
    _share(engine, installation)
    return engine


def _share(engine: Engine, installation: Installation) -> None:
    """Let an engine with limits keep them together with all workers."""
    from photoqueue.engines.contract import SharedEngine

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
    from photoqueue.engines.contract import SharedEngine

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
