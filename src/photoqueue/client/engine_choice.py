"""Which engine a submission names: checking it, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from photoqueue.client.identifiers import checked
from photoqueue.installation import settings_in_use

if TYPE_CHECKING:
    from photoqueue.settings import Settings


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine that a submission can name.

    Attributes
    ----------
    name : str
        What to give as ``engine``.
    available : bool
        Whether it can work with the settings of this process. A worker elsewhere has settings
        and models of its own.
    takes : str
        The engine that works then: for ``auto`` the one chosen, else ``name`` itself.
    reason : str
        One line: why ``auto`` takes that one, and what an engine that is not available lacks;
        empty when there is nothing to say.
    advice : str or None
        How ``auto`` would find a better one.
    """

    name: str
    available: bool
    takes: str
    reason: str = ""
    advice: str | None = None


def available_engines(settings: Settings | None = None) -> tuple[EngineChoice, ...]:
    """Return the engines that a submission can name, ``auto`` first, for a select box.

    Quick: loads no model or web library, reads no model file and starts no server. So a
    file that is damaged, or a server that is away, shows only once a job asks for it.

    Parameters
    ----------
    settings
        None are those of the installation in use.

    Raises
    ------
    ConfigurationError
        A setting of the environment is malformed.

    Examples
    --------
    >>> [choice.name for choice in available_engines() if choice.available]  # doctest: +SKIP
    ['auto', 'builtin']
    """
    from photoqueue.engines.registry import registered_engines

    chosen = settings or settings_in_use()
    return tuple(_choice(chosen, name) for name in registered_engines())


def optional_engine(engine: str | None) -> str | None:
    """Return the engine that a submission names, or say what is wrong with it.

    Raises
    ------
    PayloadError
        There is no engine of this name, or it is a ``package.module:factory``.
    """
    from photoqueue.engines.registry import checked_engine

    return None if engine is None else checked_engine(checked("engine", engine))


def _choice(settings: Settings, name: str) -> EngineChoice:
    from photoqueue.engines.registry import choose_engine
    from photoqueue.errors import ConfigurationError

    takes, reasons, advice = name, [], None
    try:
        choice = choose_engine(settings.model_copy(update={"engine": name}))
        takes, advice = choice.engine, choice.advice
        reasons.append(choice.reason)
        problem = _PROBLEMS[takes](choice.settings)
    except ConfigurationError as exc:
        problem = str(exc)
    reasons.append(problem)
    return EngineChoice(
        name=name,
        available=not problem,
        takes=takes,
        reason=" ".join("; ".join(filter(None, reasons)).split()),
        advice=advice,
    )


def _builtin_problem(settings: Settings) -> str:
    return _missing("onnxruntime", "detect")


def _detector_problem(settings: Settings) -> str:
    from photoqueue.engines.model_files import locate_model, present_models
    from photoqueue.engines.registry import pull_command

    if settings.model is None and next(present_models(settings.home), None) is None:
        return f"it has no model here. Run: {pull_command()}"
    locate_model(settings)  # raises with what to do
    return _missing("onnxruntime", "detect")


def _llm_problem(settings: Settings) -> str:
    from photoqueue.engines.llm.endpoint import access_of

    access_of(settings)  # raises with the variable to set
    return _missing("openai", "llm")


def _missing(package: str, extra: str) -> str:
    """Return what to do when a package is not installed; it is not imported."""
    if find_spec(package) is not None:
        return ""
    return f"it needs {package}, which is not installed. Run: pip install 'photoqueue[{extra}]'"


#: Engine → what keeps it from working here; returned, or raised as ConfigurationError.
_PROBLEMS: Final[dict[str, Callable[[Settings], str]]] = {
    "builtin": _builtin_problem,
    "detector": _detector_problem,
    "llm": _llm_problem,
}
