"""One try to fetch a file over HTTP, going on where an earlier one stopped."""

from __future__ import annotations

import base64
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from photoqueue.engines.model_registry.part import Part, Source

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
