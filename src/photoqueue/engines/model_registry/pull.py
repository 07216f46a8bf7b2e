"""Fetching a model into ``PHOTOQUEUE_HOME``, only ever because somebody asked for it."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photoqueue.addresses import masked
from photoqueue.engines.model_registry.content import checked, difference
from photoqueue.engines.model_registry.entry import ModelEntry
from photoqueue.engines.model_registry.known import megabytes, model_entry
from photoqueue.engines.model_registry.lock import exclusive
from photoqueue.engines.model_registry.part import Part, Source
from photoqueue.engines.model_registry.transfer import TransferError, transfer
from photoqueue.errors import ConfigurationError, DownloadError, EngineUnavailableError, ModelError
from photoqueue.settings import Settings

#: Seconds to wait before each further try; a try that brought the file on begins anew.
_WAITS: Final = (1.0, 2.0, 4.0)
#: Seconds without a byte after which a server is given up.
_SILENCE: Final = 30.0


@dataclass(frozen=True)
class Pulled:
    """A model's file, checked, and whether it had to be fetched."""

    entry: ModelEntry
    path: Path
    fetched: bool


class PullWatcher:
    """Told of what happens while a model is fetched; does nothing by itself."""

    def waiting(self) -> None:
        """Another process fetches the same model; this one waits for it."""

    def progress(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes are there."""

    def trying_again(self, reason: str, seconds: float) -> None:
        """Another try begins in ``seconds``; ``reason`` tells what became of the last one."""


def pull(
    settings: Settings,
    name: str,
    *,
    watcher: PullWatcher | None = None,
    waits: Sequence[float] = _WAITS,
    silence: float = _SILENCE,
) -> Pulled:
    """Fetch a model unless it is there, check it, and put it in its place.

    Parameters
    ----------
    settings : Settings
        ``model_mirror`` is asked instead of the address of a model that photoqueue knows.
    name : str
        A registered model.
    watcher : PullWatcher or None
    waits : sequence of float
        Seconds before each further try.
    silence : float
        Seconds without a byte after which a server is given up.

    Raises
    ------
    EngineUnavailableError
        There is no such model, or no address to fetch it from.
    DownloadError
        It could not be fetched; what has arrived is kept for the next time.
    ModelError
        What is there, or what was fetched, is not the model.
    ConfigurationError
        The folder cannot be written, or is full.
    """
    entry = model_entry(settings.home, name)
    target = entry.file(settings.home)
    watcher = watcher or PullWatcher()
    if target.is_file():
        return Pulled(entry, checked(entry, target), fetched=False)
    addresses = _addresses(entry, settings)
    if not addresses:
        raise EngineUnavailableError(
            f"The model {name!r} has no address to fetch it from. Put its file at {target}, or "
            f"add an address in {entry.source}."
        )
    with _explained(target.parent):
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(target.with_name(f".{target.name}.lock"), watcher.waiting):
            if target.is_file():
                return Pulled(entry, checked(entry, target), fetched=False)
            part = Part(target.with_name(f"{target.name}.part"))
            sources = [
                Source(
                    address=address,
                    size=entry.size,
                    known_content=bool(entry.sha256),
                    silence=silence,
                )
                for address in addresses
            ]
            _fetch_from_any(sources, entry, target, part, watcher, waits)
            part.finish(target)
    return Pulled(entry, target, fetched=True)


def _addresses(entry: ModelEntry, settings: Settings) -> tuple[str, ...]:
    """Return where to fetch a model; a mirror stands for all published addresses."""
    if entry.own or settings.model_mirror is None:
        return entry.addresses
    mirror = settings.model_mirror.get_secret_value().rstrip("/")
    if not mirror.startswith(("https://", "http://")):
        raise ConfigurationError(
            f"PHOTOQUEUE_MODEL_MIRROR is {masked(mirror)}, which is no address. Set it to one "
            "that begins with https:// or http://, under which NAME.onnx lies."
        )
    return (f"{mirror}/{entry.name}.onnx",)


def _fetch_from_any(
    sources: Sequence[Source],
    entry: ModelEntry,
    target: Path,
    part: Part,
    watcher: PullWatcher,
    waits: Sequence[float],
) -> None:
    """Fill the part file with the model, from the first source that has it."""
    failures, wrong = [], False
    for source in sources:
        _check_space(part, source, target)
        try:
            _persist(source, part, watcher, waits)
        except TransferError as exc:
            failures.append(f"{source.shown}: {exc}")
            continue
        problem = difference(entry, part.path)
        if problem is None:
            return
        part.remove()
        wrong = True
        failures.append(f"{source.shown}: what it sent is another file ({problem}), now removed")
    size = megabytes(entry.size)
    kind = ModelError if wrong else DownloadError
    raise kind(
        f"The model {entry.name!r} ({size}) could not be fetched. {'; '.join(failures)}. "
        "Run the command again to go on, or bring the file by hand: download it where there is "
        f"a network, put it at {target}, and run `photoqueue models verify {entry.name}`. "
        "PHOTOQUEUE_MODEL_MIRROR names a server of your own."
    )


def _persist(source: Source, part: Part, watcher: PullWatcher, waits: Sequence[float]) -> None:
    """Try until the file is complete, or several tries in a row brought nothing new."""
    best, left = part.size(), iter(waits)
    while True:
        try:
            transfer(source, part, watcher.progress)
            return
        except TransferError as exc:
            if part.size() > best:
                best, left = part.size(), iter(waits)
            wait = next(left, None)
            if wait is None or not exc.passing:
                raise
            seconds = max(wait, exc.retry_after)
            watcher.trying_again(f"{source.shown}: {exc}", seconds)
            time.sleep(seconds)


def _check_space(part: Part, source: Source, target: Path) -> None:
    """Find out before the download that it will not fit."""
    missing = (source.size or 0) - part.size()
    free = shutil.disk_usage(target.parent).free
    if missing > free:
        raise OSError(
            errno.ENOSPC,
            f"{megabytes(missing)} are needed and {megabytes(free)} are free",
            str(target.parent),
        )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except OSError as exc:
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ConfigurationError(
            f"The model cannot be stored in {folder}: {exc.strerror or exc}. "
            f"{'Free some space there, or set' if full else 'Set'} PHOTOQUEUE_HOME to a folder "
            "that you can write to; what was fetched is kept."
        ) from exc
