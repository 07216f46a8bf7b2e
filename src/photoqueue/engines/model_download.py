"""Downloading a model into ``PHOTOQUEUE_HOME``; only done when a user asks for it.

A download goes on where it stopped, also in a later process. What has arrived is in
``NAME.onnx.part``; a note beside it says which address and version (ETag) it came from, so
that parts of two versions, or of two servers' files, are never joined.
"""

from __future__ import annotations

import base64
import errno
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from photoqueue.addresses import masked
from photoqueue.engines.model_registry import (
    ModelEntry,
    checked,
    difference,
    megabytes,
    model_entry,
)
from photoqueue.errors import ConfigurationError, DownloadError, EngineUnavailableError, ModelError
from photoqueue.files import explained, make_private, open_lock, open_private, try_lock
from photoqueue.settings import Settings

#: Seconds to wait before each further try; after a try that brought more, counting restarts.
WAITS: Final = (1.0, 2.0, 4.0)
#: Seconds without a byte after which a connection is given up.
SILENCE: Final = 30.0
_CHUNK: Final = 2**18
#: HTTP statuses below 500 that may pass: time-out, too early, too many requests.
_PASSING: Final = frozenset((408, 425, 429))
#: Longest that a server's Retry-After is honoured, in seconds.
_LONGEST_WAIT: Final = 60.0


class PullWatcher:
    """Receives what happens during a download; does nothing by itself."""

    def waiting(self) -> None:
        """Another process downloads the same model; this one waits for it."""

    def progress(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes have arrived."""

    def trying_again(self, reason: str, seconds: float) -> None:
        """Another try begins in ``seconds``, as the last one failed for ``reason``."""


def pull(
    settings: Settings, name: str, *, watcher: PullWatcher | None = None
) -> tuple[ModelEntry, bool]:
    """Download a model unless its file exists, check it, and move it into place.

    Parameters
    ----------
    settings : Settings
        ``model_mirror`` replaces the published addresses.

    Returns
    -------
    tuple
        The model, checked, and whether it had to be downloaded.

    Raises
    ------
    EngineUnavailableError
        There is no such model, or it has no address.
    DownloadError
        The download failed; what has arrived is kept for the next time.
    ModelError
        The file that exists, or that was downloaded, is not the model.
    ConfigurationError
        The folder cannot be written, or the disk is full.
    """
    entry = model_entry(settings.home, name)
    folder = entry.path.parent
    watcher = watcher or PullWatcher()
    if entry.exists():
        return checked(entry), False
    addresses = _addresses(entry, settings)
    if not addresses:
        raise EngineUnavailableError(
            f"The model {name!r} has no address to download it from. Put its file at {entry.path}, "
            f"or add an address in {entry.source}."
        )
    with explained(f"The model cannot be stored in {folder}; what has arrived is kept"):
        make_private(folder)
        with _locked(folder / f".{entry.path.name}.lock", watcher.waiting):
            if entry.exists():
                return checked(entry), False
            _from_any([_Download(one, entry, watcher) for one in addresses], entry)
    return entry, True


def _addresses(entry: ModelEntry, settings: Settings) -> tuple[str, ...]:
    """Return where to download a model; a mirror replaces all published addresses."""
    if entry.own or settings.model_mirror is None:
        return entry.addresses
    mirror = settings.model_mirror.get_secret_value().rstrip("/")
    if not mirror.startswith(("https://", "http://")):
        raise ConfigurationError(
            f"PHOTOQUEUE_MODEL_MIRROR is {masked(mirror)}, which is no address. Set it to one "
            "that begins with https:// or http://, under which NAME.onnx can be found."
        )
    return (f"{mirror}/{entry.name}.onnx",)


def _from_any(downloads: Sequence[_Download], entry: ModelEntry) -> None:
    """Put the model into place, from the first address that has it."""
    failures, wrong = [], False
    for download in downloads:
        try:
            download.run()
        except _TransferError as exc:
            failures.append(f"{download.shown}: {exc}")
            continue
        problem = difference(entry, download.part)
        if problem is None:
            download.part.replace(entry.path)
            download.remove()
            return
        download.remove()
        wrong = True
        failures.append(f"{download.shown}: what it sent is another file ({problem}), now removed")
    kind = ModelError if wrong else DownloadError
    raise kind(
        f"The model {entry.name!r} ({megabytes(entry.size)}) could not be downloaded. "
        f"{'; '.join(failures)}. Run the command again to go on, or bring the file by hand: "
        f"download it where there is a network, put it at {entry.path}, and run "
        f"`photoqueue models verify {entry.name}`. "
        "PHOTOQUEUE_MODEL_MIRROR names a server of your own."
    )


class _TransferError(Exception):
    """A try failed; another one may succeed where ``passing``, after ``retry_after`` seconds."""

    def __init__(self, reason: str, *, passing: bool, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.passing = passing
        self.retry_after = retry_after


class _Download:
    """A model on its way from one address, and what has arrived of it.

    The address may hold a login (``https://user:password@…``), which only its server is sent.
    """

    def __init__(self, address: str, entry: ModelEntry, watcher: PullWatcher) -> None:
        self.shown = masked(address)
        self.part = entry.path.with_name(f"{entry.path.name}.part")
        self._note = self.part.with_name(f"{self.part.name}.json")
        self._address = address
        self._size = entry.size
        self._has_digest = bool(entry.sha256)
        self._watcher = watcher

    def run(self) -> None:
        """Try until the file is complete, or several tries in a row brought nothing new.

        Raises
        ------
        _TransferError
            It is not complete; what has arrived stays in the part file.
        OSError
            The part file cannot be written, or the disk has no room for it.
        """
        self._check_space()
        best, left = self._arrived(), iter(WAITS)
        while True:
            try:
                self._try_once()
                return
            except _TransferError as exc:
                if self._arrived() > best:
                    best, left = self._arrived(), iter(WAITS)
                wait = next(left, None)
                if wait is None or not exc.passing:
                    raise
                seconds = max(wait, exc.retry_after)
                self._watcher.trying_again(f"{self.shown}: {exc}", seconds)
                time.sleep(seconds)

    def remove(self) -> None:
        """Remove the part file and its note."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _arrived(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _check_space(self) -> None:
        missing = (self._size or 0) - self._arrived()
        free = shutil.disk_usage(self.part.parent).free
        if missing > free:
            raise OSError(
                errno.ENOSPC,
                f"{megabytes(missing)} are needed and {megabytes(free)} are free",
                str(self.part.parent),
            )

    def _resume_from(self) -> tuple[int, str | None]:
        """Return how many bytes can be kept, and their ETag; remove a part that cannot be."""
        have = self._arrived()
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            same, etag = note["address"] == self.shown, note["etag"]
        except (OSError, ValueError, KeyError, TypeError):
            same, etag = False, None
        # A digest is checked at the end, so a server then need not prove that it goes on with
        # the file that was begun.
        known = same and (etag is not None or self._has_digest)
        if have and (not known or (self._size is not None and have > self._size)):
            self.remove()
            return 0, None
        return have, etag

    def _try_once(self) -> None:
        have, etag = self._resume_from()
        if have and have == self._size:
            return
        request = _request(self._address)
        if have:
            request.add_header("Range", f"bytes={have}-")
            if etag is not None:
                # If there is another version meanwhile, it is sent whole.
                request.add_header("If-Range", etag)
        try:
            with _network():
                response = urllib.request.urlopen(request, timeout=SILENCE)
        except urllib.error.HTTPError as exc:
            with exc:
                if exc.code != 416:
                    raise _refusal(exc) from None
                if self._size is None and exc.headers.get("Content-Range") == f"bytes */{have}":
                    return  # nothing is missing
                self.remove()
                raise _TransferError("the server has less than was sent", passing=True) from None
        with response:
            self._receive(response, have)

    def _receive(self, response: http.client.HTTPResponse, have: int) -> None:
        """Write a body behind what has arrived, or in its place."""
        first, total = _extent(response)
        if first not in (0, have):
            self.remove()
            raise _TransferError("the server sent another part than was asked for", passing=True)
        if total is not None and self._size is not None and total != self._size:
            raise _TransferError(
                f"the file there has {total:,} bytes instead of {self._size:,}", passing=False
            )
        if not first:
            etag = response.headers.get("ETag")
            # A weak ETag does not promise the same bytes.
            strong = etag if etag and not etag.startswith("W/") else None
            self.remove()
            with open_private(self._note, "w") as note:
                note.write(json.dumps({"address": self.shown, "etag": strong}).encode())
        total = total if self._size is None else self._size
        done = first
        with open_private(self.part, "a") as file:
            while True:
                with _network():
                    chunk = response.read1(_CHUNK)
                if not chunk:
                    break
                done += len(chunk)
                if total is not None and done > total:
                    raise _TransferError(
                        f"the server sends more than {total:,} bytes", passing=False
                    )
                file.write(chunk)
                self._watcher.progress(done, total)
            file.flush()
            os.fsync(file.fileno())
        if total is not None and done < total:
            raise _TransferError(f"the connection ended after {done:,} bytes", passing=True)


def _request(address: str) -> urllib.request.Request:
    """Return the request, with the login apart from the address."""
    parts = urlsplit(address)
    login, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(
        urlunsplit(parts._replace(netloc=host)), headers={"User-Agent": "photoqueue"}
    )
    if login:
        token = base64.b64encode(unquote(login).encode()).decode()
        # Not sent on with a redirect: another server must not learn the login.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return where the body begins in the file (-1 if not said), and the size of the whole file."""
    if response.status != 206:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    first = span.partition("-")[0]
    return (int(first) if first.isdigit() else -1, int(total) if total.isdigit() else None)


def _refusal(exc: urllib.error.HTTPError) -> _TransferError:
    wait = exc.headers.get("Retry-After", "")
    return _TransferError(
        f"the server answers {exc.code} {exc.reason}".rstrip(),
        passing=exc.code in _PASSING or exc.code >= 500,
        retry_after=min(float(wait), _LONGEST_WAIT) if wait.isdigit() else 0.0,
    )


@contextmanager
def _network() -> Iterator[None]:
    """Turn the errors of a connection into one."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as exc:
        raise _TransferError(f"it cannot be reached ({exc.reason})", passing=True) from exc
    except TimeoutError as exc:
        raise _TransferError("the server sent nothing more", passing=True) from exc
    except (OSError, http.client.HTTPException) as exc:
        raise _TransferError(
            f"the connection was lost ({str(exc) or type(exc).__name__})", passing=True
        ) from exc


@contextmanager
def _locked(file: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold a lock file; call ``busy`` before waiting for another process."""
    descriptor = open_lock(file)
    try:
        if not try_lock(descriptor):
            busy()
            try_lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)
