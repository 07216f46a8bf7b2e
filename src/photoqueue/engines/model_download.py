"""Fetching a model into ``PHOTOQUEUE_HOME``, only ever because somebody asked for it."""

from __future__ import annotations

import base64
import errno
import fcntl
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from photoqueue.addresses import masked
from photoqueue.engines.model_files import checked, difference
from photoqueue.engines.model_registry import ModelEntry, megabytes, model_entry
from photoqueue.errors import ConfigurationError, DownloadError, EngineUnavailableError, ModelError
from photoqueue.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a file comes from, and what is known of it.

    Attributes
    ----------
    address : str
        May hold a login (``https://user:password@…``), which only this server is told.
    size : int or None
        Bytes of the file.
    known_content : bool
        Whether its digest is checked afterwards, so that a server need not prove that a
        continued file is the one that was begun.
    silence : float
        Seconds without a byte after which the server is given up.
    """

    address: str
    size: int | None = None
    known_content: bool = False
    silence: float = 30.0

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return masked(self.address)


@dataclass(frozen=True)
class Part:
    """What has arrived of a file, and the note beside it."""

    path: Path

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self, source: Source) -> tuple[bool, str | None]:
        """Tell whether a file from this source can be gone on with, and its ETag."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            same, etag = note["address"] == source.shown, note["etag"]
        except (OSError, ValueError, KeyError, TypeError):
            return False, None
        return same and (etag is not None or source.known_content), etag

    def begin(self, source: Source, etag: str | None) -> None:
        """Note what is about to arrive."""
        # A weak ETag does not promise the same bytes.
        strong = etag if etag and not etag.startswith("W/") else None
        self.remove()
        self._note.write_text(
            json.dumps({"address": source.shown, "etag": strong}), encoding="utf-8"
        )

    def remove(self) -> None:
        """Take the file and its note away."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Put the complete file in its place, in one step."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)


#: Called with the bytes that are there, and those of the whole file where they are known.
Progress = Callable[[int, int | None], None]

_CHUNK: Final = 2**18
#: HTTP states that may pass: time-out, too early, too many requests, and all of 5xx.
_PASSING: Final = frozenset((408, 425, 429))
_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
#: Longest that a server's Retry-After is honoured, in seconds.
_LONGEST_WAIT: Final = 60.0


class TransferError(Exception):
    """A try failed.

    Attributes
    ----------
    passing : bool
        Whether another try may do better.
    retry_after : float
        Seconds that the server asks to wait; 0 where it does not.
    """

    def __init__(self, reason: str, *, passing: bool, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.passing = passing
        self.retry_after = retry_after


def transfer(source: Source, part: Part, progress: Progress) -> None:
    """Fetch what is missing of a file; returns when it is complete.

    Raises
    ------
    TransferError
        It is not complete; what has arrived stays in the part file.
    OSError
        The part file cannot be written.
    """
    have = part.size()
    can_go_on, etag = part.validator(source)
    if have and (not can_go_on or (source.size is not None and have > source.size)):
        part.remove()
        have = 0
    if have and have == source.size:
        return
    with _asked(source, part, have, etag) as response:
        if response is None:
            return
        first, total = _extent(response)
        if response.status != 206:
            first = 0
        elif first != have:
            part.remove()
            raise TransferError("the server sent another part than was asked for", passing=True)
        if total is not None and source.size is not None and total != source.size:
            raise TransferError(
                f"the file there has {total:,} bytes instead of {source.size:,}", passing=False
            )
        if not first:
            part.begin(source, response.headers.get("ETag"))
        _receive(response, part, first, total if source.size is None else source.size, progress)


def _receive(
    response: http.client.HTTPResponse,
    part: Part,
    have: int,
    total: int | None,
    progress: Progress,
) -> None:
    """Write a body behind what is there."""
    with part.path.open("ab") as file:
        while True:
            with _network():
                chunk = response.read1(_CHUNK)
            if not chunk:
                break
            have += len(chunk)
            if total is not None and have > total:
                raise TransferError(f"the server sends more than {total:,} bytes", passing=False)
            file.write(chunk)
            progress(have, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and have < total:
        raise TransferError(f"the connection ended after {have:,} bytes", passing=True)


@contextmanager
def _asked(
    source: Source, part: Part, have: int, etag: str | None
) -> Iterator[http.client.HTTPResponse | None]:
    """Ask the server; ``None`` when it says that nothing is missing."""
    request = _request(source)
    if have:
        request.add_header("Range", f"bytes={have}-")
        if etag is not None:
            # Another version in the meantime is then sent whole.
            request.add_header("If-Range", etag)
    try:
        with _network():
            response = urllib.request.urlopen(request, timeout=source.silence)
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code == 416:
                match = _RANGE.fullmatch(exc.headers.get("Content-Range", ""))
                if match and match[2] == str(have) and source.size is None:
                    yield None
                    return
                part.remove()
                raise TransferError("the server has less than was fetched", passing=True) from None
            raise _refusal(exc) from None
    with response:
        yield response


def _request(source: Source) -> urllib.request.Request:
    """Return the request, its login apart from the address."""
    parts = urlsplit(source.address)
    login, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(
        urlunsplit(parts._replace(netloc=host)), headers={"User-Agent": "photoqueue"}
    )
    if login:
        token = base64.b64encode(unquote(login).encode()).decode()
        # Unredirected: a server that the file was moved to must not learn it.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _extent(response: http.client.HTTPResponse) -> tuple[int | None, int | None]:
    """Return where the body begins in the file, and the size of the whole file."""
    if response.status == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or match[1] is None:
            return None, None
        return int(match[1]), int(match[2]) if match[2].isdigit() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _refusal(exc: urllib.error.HTTPError) -> TransferError:
    wait = exc.headers.get("Retry-After", "")
    return TransferError(
        f"the server answers {exc.code} {exc.reason}".rstrip(),
        passing=exc.code in _PASSING or exc.code >= 500,
        retry_after=min(float(wait), _LONGEST_WAIT) if wait.isdigit() else 0.0,
    )


@contextmanager
def _network() -> Iterator[None]:
    """Turn what the network does to a connection into one error."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as exc:
        raise TransferError(f"it cannot be reached ({exc.reason})", passing=True) from exc
    except TimeoutError as exc:
        raise TransferError("the server fell silent", passing=True) from exc
    except (OSError, http.client.HTTPException) as exc:
        raise TransferError(
            f"the connection was lost ({str(exc) or type(exc).__name__})", passing=True
        ) from exc


@contextmanager
def exclusive(file: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file; the kernel takes it back from a process that is killed.

    Parameters
    ----------
    file : pathlib.Path
        Made if it does not exist, and left behind: taking it away would let two processes
        hold locks on two files of one name.
    busy : callable
        Called once before waiting for another process.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            # Root may work on the home of a user, who must be able to open the file later.
            owner = file.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
