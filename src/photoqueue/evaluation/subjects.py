"""Which engines can be compared on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.analysis.registry import registered_engines
from photoqueue.evaluation.records import LeftOut
from photoqueue.settings import Settings

_BUILTIN: Final = "builtin"
_DETECTOR: Final = "detector"
_LLM: Final = "llm"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An engine to measure.

    Attributes
    ----------
    label : str
        What tables call it until it is built.
    settings : Settings
        Make :func:`photoqueue.analysis.registry.load_engine` build it, with one thread.
    """

    label: str
    settings: Settings


def chosen_subject(settings: Settings) -> Subject:
    """Return the engine that the settings name."""
    return _subject(settings, engine=settings.engine, model=settings.model)


def available_subjects(
    settings: Settings, *, model_folders: Iterable[Path], llm: bool = False
) -> tuple[list[Subject], list[LeftOut]]:
    """Find every engine that can run here.

    Parameters
    ----------
    settings : Settings
        Common to all. An engine of one's own that they name (``package.module:factory``)
        is compared too.
    model_folders : iterable of Path
        Folders of ONNX models for the detector; a model that lies in two counts once.
    llm : bool
        Whether to ask the configured LLM; it may cost money, so it is not asked otherwise.

    Returns
    -------
    list of Subject, list of LeftOut
        The built-in engine, detectors by name, the LLM, the engine of one's own; and what
        was left out.
    """
    registered = registered_engines()
    found: list[Subject] = []
    left: list[LeftOut] = []
    if _BUILTIN in registered:
        found.append(_subject(settings, engine=_BUILTIN, model=None))
    found.extend(
        _subject(settings, engine=_DETECTOR, model=str(file)) for file in _models(model_folders)
    )
    if llm:
        if _LLM not in registered or not (settings.llm_base_url and settings.llm_model):
            left.append(
                LeftOut(
                    what=_LLM,
                    reason="it is not configured: set PHOTOQUEUE_LLM_BASE_URL and "
                    "PHOTOQUEUE_LLM_MODEL",
                )
            )
        else:
            found.append(_subject(settings, engine=_LLM, model=None))
    if ":" in settings.engine:
        found.append(chosen_subject(settings))
    return found, left


def _subject(settings: Settings, *, engine: str, model: str | None) -> Subject:
    own = settings.model_copy(update={"engine": engine, "model": model, "threads": 1})
    return Subject(label=engine if model is None else f"{engine} {Path(model).stem}", settings=own)


def _models(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield the model files, each content once; the first folder gives it its name."""
    seen: set[str] = set()
    for folder in folders:
        for file in sorted(folder.glob("*.onnx")):
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            if digest not in seen:
                seen.add(digest)
                yield file
