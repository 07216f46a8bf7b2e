"""Which engine analyses the photos: a registered name, or a ``package.module:factory``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any, Final

from photoqueue.engines.contract import Engine, RoomEngine
from photoqueue.engines.model_registry import (
    did_you_mean,
    locate_model,
    present_models,
    pull_command,
)
from photoqueue.errors import (
    ConfigurationError,
    EngineUnavailableError,
    PayloadError,
    PhotoqueueError,
)
from photoqueue.settings import Settings

AUTO: Final = "auto"


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """Which engine analyses the photos, and why."""

    #: What was asked for: ``auto``, or an engine.
    name: str
    #: Those that were given, with the engine, and the detector's model, named.
    settings: Settings
    #: Whether it can work with the settings of this process, as far as that was examined. A worker
    #: elsewhere has settings and models of its own.
    available: bool = True
    #: One line: why ``auto`` takes this one, and what an engine that is not available lacks; empty
    #: when there is nothing to say.
    reason: str = ""
    #: How to get a better one.
    advice: str | None = None

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self.settings.engine

    @property
    def model(self) -> str | None:
        """The model that the settings name for it; None if the engine has only one."""
        named = {"llm": self.settings.llm_model, "detector": self.settings.model}
        return named.get(self.engine)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.engine, self.model)))


def choose_engine(settings: Settings) -> EngineChoice:
    """Return the engine that the settings mean.

    Raises
    ------
    ConfigurationError
        A file that registers models is malformed.
    """
    if settings.engine != AUTO:
        return EngineChoice(name=settings.engine, settings=settings)
    if settings.llm_model and settings.llm_base_url:
        return _chosen(settings, "llm", f"PHOTOQUEUE_LLM_MODEL is {settings.llm_model}")
    if settings.model is not None:
        return _chosen(settings, "detector", f"PHOTOQUEUE_MODEL is {settings.model}")
    pull = pull_command(settings.home)
    entry = next(present_models(settings.home), None)
    if entry is None:
        reason = "no LLM is configured and no detector's model is here"
        advice = f"{pull}; or set PHOTOQUEUE_LLM_MODEL with PHOTOQUEUE_LLM_BASE_URL"
        return _chosen(settings, "builtin", reason, advice)
    better = not entry.own and entry.classes != "objects365"
    return _chosen(
        settings.model_copy(update={"model": entry.name}),
        "detector",
        f"the model {entry.name} is in {entry.path.parent}",
        f"{pull}, which names cabinets, desks and lamps too" if better else None,
    )


def _chosen(
    settings: Settings, engine: str, reason: str, advice: str | None = None
) -> EngineChoice:
    named = settings.model_copy(update={"engine": engine})
    return EngineChoice(name=AUTO, settings=named, reason=reason, advice=advice)


@dataclass(frozen=True, kw_only=True)
class _Registered:
    """An engine of the package."""

    #: ``package.module:factory``, called with the settings and the number of worker processes.
    #: Imported when it is used: each engine brings libraries of its own.
    factory: str
    #: What it needs, and the extra that installs it.
    library: str
    extra: str
    #: Raises ConfigurationError where the settings keep it from working.
    check: Callable[[Settings], object]


def _check_llm(settings: Settings) -> None:
    from photoqueue.engines.llm.access import access_of

    access_of(settings)


_REGISTERED: Final[dict[str, _Registered]] = {
    "builtin": _Registered(
        factory="photoqueue.engines.builtin:build_builtin",
        library="onnxruntime",
        extra="detect",
        check=lambda settings: None,
    ),
    "detector": _Registered(
        factory="photoqueue.engines.detector:build_detector",
        library="onnxruntime",
        extra="detect",
        check=locate_model,
    ),
    "llm": _Registered(
        factory="photoqueue.engines.llm.vision:build_llm",
        library="openai",
        extra="llm",
        check=_check_llm,
    ),
}


def registered_engines() -> tuple[str, ...]:
    """Names that ``PHOTOQUEUE_ENGINE`` can have, besides ``package.module:factory``."""
    return (AUTO, *sorted(_REGISTERED))


def available_engines(settings: Settings) -> tuple[EngineChoice, ...]:
    """Return the engines that a submission can name, ``auto`` first, for a select box.

    Quick: loads no model or web library, reads no model file and asks no server. A damaged
    file, or a server that is away, shows only when a job uses it.

    Examples
    --------
    >>> [one.name for one in available_engines(Settings()) if one.available]  # doctest: +SKIP
    ['auto', 'builtin']
    """
    return tuple(_examined(settings, name) for name in registered_engines())


def _examined(settings: Settings, name: str) -> EngineChoice:
    asked = settings.model_copy(update={"engine": name})
    choice, problem = EngineChoice(name=name, settings=asked), ""
    try:
        choice = choose_engine(asked)
        engine = _REGISTERED[choice.engine]
        engine.check(choice.settings)
        if find_spec(engine.library) is None:
            problem = (
                f"it needs {engine.library}, which is not installed. "
                f"Run: pip install 'photoqueue[{engine.extra}]'"
            )
    except ConfigurationError as exc:
        problem = str(exc)
    told = " ".join("; ".join(filter(None, (choice.reason, problem))).split())
    return replace(choice, available=not problem, reason=told)


def checked_engine(name: str) -> str:
    """Return a name that a job may have as its engine, or say what is wrong with it.

    Raises
    ------
    PayloadError
        It is not registered. A ``package.module:factory`` is none of them: whoever can write
        job data would choose what code the workers import.
    """
    if name in registered_engines():
        return name
    names = ", ".join(registered_engines())
    if ":" in name:
        raise PayloadError(
            f"The engine {name!r:.80} cannot be chosen by a job: job data must not name code that "
            "workers import. Set PHOTOQUEUE_ENGINE of the workers to it and submit without an "
            f"engine, or submit with one of {names}."
        )
    raise PayloadError(
        f"There is no engine {name!r:.80}.{did_you_mean(name, registered_engines())} Submit with "
        f"one of {names}, or without an engine: workers then use their own (PHOTOQUEUE_ENGINE)."
    )


def load_engine(settings: Settings, *, processes: int = 1) -> Engine:
    """Build the engine that the settings name.

    Parameters
    ----------
    settings : Settings
        ``engine`` is ``auto``, a registered name, or ``package.module:factory``. Such a
        factory is called with the settings if it takes a parameter, else without; it returns
        the engine.
    processes : int
        Worker processes that share this machine's cores.

    Raises
    ------
    EngineUnavailableError
        The engine cannot be built as configured.
    ModelError
        The engine's model file cannot be used.
    """
    settings = choose_engine(settings).settings
    if ":" in settings.engine:
        return _plugin(settings)
    if settings.engine not in _REGISTERED:
        names = registered_engines()
        raise EngineUnavailableError(
            f"There is no engine {settings.engine!r}.{did_you_mean(settings.engine, names)} Set "
            f"PHOTOQUEUE_ENGINE to one of {', '.join(names)}, or to package.module:factory."
        )
    return _registered(settings, processes)


def load_room_engine(settings: Settings) -> RoomEngine:
    """Build an engine that can look at all photos of a room together.

    That is the configured engine, where it is a plug-in that can; else the engine ``llm``,
    whatever analyses the single photos.

    Raises
    ------
    EngineUnavailableError
        There is none, or it cannot be built as configured.
    """
    if ":" in settings.engine:
        engine = _plugin(settings)
        if isinstance(engine, RoomEngine):
            return engine
    try:
        engine = load_engine(settings.model_copy(update={"engine": "llm"}))
    except EngineUnavailableError as exc:
        raise EngineUnavailableError(
            "The inventory strategy 'llm' needs an engine that looks at all photos of a room "
            f"together. {exc} Or submit the inventory with another strategy."
        ) from exc
    if not isinstance(engine, RoomEngine):
        raise EngineUnavailableError(
            f"The engine {engine.name!r} cannot look at all photos of a room together, which "
            "the inventory strategy 'llm' needs: it lacks analyse_room(images, hint). Submit "
            "the inventory with another strategy."
        )
    return engine


def _registered(settings: Settings, processes: int) -> Engine:
    """Build an engine of the package."""
    name = settings.engine
    try:
        build: Callable[..., Engine] = resolve_name(_REGISTERED[name].factory)
    except ImportError as exc:
        raise EngineUnavailableError(
            f"The engine {name!r} cannot be loaded: {exc}. Run: pip install "
            f"'photoqueue[{_REGISTERED[name].extra}]', or set PHOTOQUEUE_ENGINE to another engine."
        ) from exc
    return build(settings, processes=processes)


def _plugin(settings: Settings) -> Engine:
    """Build an engine from outside the package."""
    spec = settings.engine
    factory = _factory(spec)
    try:
        engine: Engine = factory(settings) if _takes_a_parameter(factory) else factory()
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
    return engine


def _factory(spec: str) -> Callable[..., Any]:
    """Import what ``package.module:factory`` names."""
    module_name, _, attribute = spec.partition(":")
    try:
        module = import_module(module_name)
    except (ImportError, ValueError) as exc:
        raise EngineUnavailableError(
            f"The engine {spec!r} cannot be imported: {exc}. Install its package in this "
            "environment, or correct PHOTOQUEUE_ENGINE."
        ) from exc
    factory: Callable[..., Any] | None = getattr(module, attribute, None)
    if not callable(factory):
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
        f"{name}: str"
        for name in ("name", "model")
        if not isinstance(getattr(engine, name, None), str)
    ]
    if not callable(getattr(engine, "analyse", None)):
        missing.append("analyse(image, hint)")
    return missing
