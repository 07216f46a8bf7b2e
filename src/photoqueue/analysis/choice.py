"""What ``PHOTOQUEUE_ENGINE=auto`` means here: the best engine that is configured.

A configured LLM, else a detector whose model is there, else the built-in model. Nothing is
fetched for it, and no file's content is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from photoqueue.analysis.model_files import present_models
from photoqueue.analysis.model_registry.known import RECOMMENDED, megabytes, published_models
from photoqueue.settings import Settings

AUTO: Final = "auto"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which engine analyses the photos, and why.

    Attributes
    ----------
    settings : Settings
        Those that were given, with the engine, and the detector's model, named.
    reason : str
        Why this one; empty where ``PHOTOQUEUE_ENGINE`` names it.
    advice : str or None
        How to get a better one.
    """

    settings: Settings
    reason: str = ""
    advice: str | None = None

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self.settings.engine


def choose_engine(settings: Settings) -> Choice:
    """Return the engine that the settings mean.

    Raises
    ------
    ConfigurationError
        A file that registers models is malformed.
    """
    if settings.engine != AUTO:
        return Choice(settings=settings)
    if settings.llm_model and settings.llm_base_url:
        return _chosen(settings, "llm", f"PHOTOQUEUE_LLM_MODEL is {settings.llm_model}")
    if settings.model is not None:
        return _chosen(settings, "detector", f"PHOTOQUEUE_MODEL is {settings.model}")
    entry = next(present_models(settings.home), None)
    if entry is not None:
        better = not entry.own and entry.classes != "objects365"
        return _chosen(
            settings.model_copy(update={"model": entry.name}),
            "detector",
            f"the model {entry.name} is in {entry.file(settings.home).parent}",
            f"{pull_command()}, which names cabinets, desks and lamps too" if better else None,
        )
    return _chosen(
        settings,
        "builtin",
        "no LLM is configured and no detector's model is here",
        f"{pull_command()}; or set PHOTOQUEUE_LLM_MODEL with PHOTOQUEUE_LLM_BASE_URL",
    )


def _chosen(settings: Settings, engine: str, reason: str, advice: str | None = None) -> Choice:
    return Choice(
        settings=settings.model_copy(update={"engine": engine}),
        reason=reason,
        advice=advice,
    )


def pull_command() -> str:
    """Return the command that fetches the detector to recommend."""
    size = next(entry.size for entry in published_models() if entry.name == RECOMMENDED)
    return f"photoqueue models pull {RECOMMENDED} ({megabytes(size)})"
