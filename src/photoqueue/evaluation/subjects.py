"""Which engines can be compared on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.engines.model_files import present_models
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
        Make :func:`photoqueue.engines.registry.load_engine` build it, with one thread.
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
        Folders of ONNX models for the detector, besides the registered models that are
        here; a model that lies in two places counts once.
    llm : bool
        Whether to ask the configured LLM; it may cost money, so it is not asked otherwise.

    Returns
    -------
    list of Subject, list of LeftOut
        The built-in engine, detectors by name, the LLM, the engine of one's own; and what
        was left out.
    """
    found = [_subject(settings, engine=_BUILTIN, model=None)]
    left: list[LeftOut] = []
    found.extend(
        _subject(settings, engine=_DETECTOR, model=model)
        for model in _models(settings.home, model_folders)
    )
    if llm:
        if settings.llm_model and (settings.llm_base_url or settings.llm_api_key):
            found.append(_subject(settings, engine=_LLM, model=None))
        else:
            left.append(
                LeftOut(
                    what=_LLM,
                    reason="it is not configured: set PHOTOQUEUE_LLM_MODEL with "
                    "PHOTOQUEUE_LLM_BASE_URL or PHOTOQUEUE_LLM_API_KEY",
                )
            )
    if ":" in settings.engine:
        found.append(chosen_subject(settings))
    return found, left


def _subject(settings: Settings, *, engine: str, model: str | None) -> Subject:
    own = settings.model_copy(update={"engine": engine, "model": model, "threads": 1})
    return Subject(label=engine if model is None else f"{engine} {Path(model).name}", settings=own)


def _models(home: Path, folders: Iterable[Path]) -> Iterator[str]:
    """Yield the models, each content once: registered ones by name, other files by path."""
    seen: set[str] = set()
    named = [(entry.name, entry.file(home)) for entry in present_models(home)]
    others = [(str(file), file) for folder in folders for file in sorted(folder.glob("*.onnx"))]
    for model, file in (*named, *others):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest not in seen:
            seen.add(digest)
            yield model
