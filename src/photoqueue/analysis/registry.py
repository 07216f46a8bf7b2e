"""Which engine analyses the photos: a registered name, or anybody's ``package.module:factory``."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from typing import Any, Final

from photoqueue.analysis.engine import Engine, RoomEngine
from photoqueue.errors import EngineUnavailableError, PhotoqueueError
from photoqueue.settings import Settings


def _detector(settings: Settings, processes: int) -> Engine:
    """Build the engine ``detector``."""
    # Late: numpy is not wanted where another engine is used.
    from photoqueue.analysis.detector import build_detector

    return build_detector(settings, processes=processes)


#: Name → what builds the engine from the settings and the number of worker processes.
_FACTORIES: Final[dict[str, Callable[[Settings, int], Engine]]] = {"detector": _detector}


def registered_engines() -> tuple[str, ...]:
    """Names that ``PHOTOQUEUE_ENGINE`` can have, besides ``package.module:factory``."""
    return tuple(sorted(_FACTORIES))


def load_engine(settings: Settings, *, processes: int = 1) -> Engine:
    """Build the engine that the settings name.

    Parameters
    ----------
    settings : Settings
        ``engine`` is a registered name or ``package.module:factory``. Such a factory is
        called with the settings if it takes a parameter, else without; it returns the engine.
    processes : int
        Worker processes that share this machine's cores.

    Raises
    ------
    EngineUnavailableError
        The engine cannot be built as configured.
    ModelError
        The engine's model file cannot be used.
    """
    if ":" in settings.engine:
        return _plugin(settings)
    if settings.engine not in _FACTORIES:
        raise EngineUnavailableError(_unknown(settings.engine))
    return _FACTORIES[settings.engine](settings, processes)


def load_room_engine(settings: Settings) -> RoomEngine:
    """Build an engine that can look at all photos of a room together.

    That is the configured engine, where it is a plug-in that can; else the registered
    engine ``llm``.

    Raises
    ------
    EngineUnavailableError
        There is none, or it cannot be built as configured.
    """
    tried = settings.engine
    if ":" in settings.engine:
        engine: Engine = _plugin(settings)
        if isinstance(engine, RoomEngine):
            return engine
    if "llm" in _FACTORIES:
        tried = "llm"
        engine = load_engine(settings.model_copy(update={"engine": "llm"}))
        if isinstance(engine, RoomEngine):
            return engine
    raise EngineUnavailableError(
        f"The engine {tried!r} cannot look at all photos of a room together, which the "
        "inventory strategy 'llm' needs. Set PHOTOQUEUE_LLM_BASE_URL and PHOTOQUEUE_LLM_MODEL, "
        "or PHOTOQUEUE_ENGINE to a package.module:factory whose engine has "
        "analyse_room(images, hint), or submit the inventory with another strategy."
    )


def _unknown(name: str) -> str:
    """Return the message for a name that is not registered."""
    near = difflib.get_close_matches(name, _FACTORIES, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"There is no engine {name!r}.{meant} Set PHOTOQUEUE_ENGINE to one of "
        f"{', '.join(registered_engines())}, or to package.module:factory."
    )


def _plugin(settings: Settings) -> Engine:
    """Build an engine from outside the package."""
    spec = settings.engine
    factory = _factory(spec)
    try:
        engine = factory(settings) if _takes_a_parameter(factory) else factory()
    except PhotoqueueError:
        raise  # it already says what to do
    except Exception as exc:
        raise EngineUnavailableError(
            f"The factory of the engine {spec!r} raised {type(exc).__name__}: {exc}. "
            "Correct the factory, or set PHOTOQUEUE_ENGINE to another engine."
        ) from exc
    missing = _missing_members(engine)
    if missing:
        raise EngineUnavailableError(
            f"The factory {spec!r} returned a {type(engine).__name__}, which is not an engine: "
            f"it lacks {', '.join(missing)}. An engine has name: str, model: str and "
            "analyse(image, hint)."
        )
    return engine  # type: ignore[no-any-return]  # checked just above


def _factory(spec: str) -> Callable[..., Any]:
    """Import what ``package.module:factory`` names."""
    module_name, _, attribute = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as exc:
        raise EngineUnavailableError(
            f"The engine {spec!r} cannot be imported: {exc}. Install its package in this "
            "environment, or correct PHOTOQUEUE_ENGINE."
        ) from exc
    factory: Callable[..., Any] | None = getattr(module, attribute, None)
    if factory is None or not callable(factory):
        raise EngineUnavailableError(
            f"The module {module_name!r} has no factory {attribute!r}. Set PHOTOQUEUE_ENGINE to "
            "package.module:factory, where factory is a function that returns the engine."
        )
    return factory


def _takes_a_parameter(factory: Callable[..., Any]) -> bool:
    """Whether the factory can be called with one positional argument."""
    try:
        inspect.signature(factory).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _missing_members(engine: object) -> list[str]:
    """Return what the object lacks of the engine contract."""
    missing = [
        f"{name}: str" for name in ("name", "model") if not isinstance(_get(engine, name), str)
    ]
    if not callable(_get(engine, "analyse")):
        missing.append("analyse(image, hint)")
    return missing


def _get(engine: object, name: str) -> object:
    """Return an attribute, or ``None``."""
    return getattr(engine, name, None)
