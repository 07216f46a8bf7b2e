"""Access through fsspec: addresses, time limits, and its errors translated."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from photoqueue.addresses import without_query_secrets
from photoqueue.errors import (
    ConfigurationError,
    PhotoNotFoundError,
    PhotoqueueError,
    StorageError,
)
from photoqueue.photos.limits import check_bytes

#: Seconds without an answer after which an HTTP server is given up.
HTTP_SILENCE_S: Final = 30.0
#: Seconds for a whole HTTP download, so that a slow server does not block the caller.
HTTP_TOTAL_S: Final = 300.0

_CHUNK: Final = 2**20
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
#: What a ``file://`` address has before its path; ``::`` begins a chain of fsspec.
_LOCAL: Final = re.compile(r"(?i:file|local):(?://(?:localhost(?=/))?|(?=/))(?!.*::)")
_EXTRAS: Final = {"http": "http", "https": "http", "s3": "s3", "s3a": "s3"}
#: HTTP states that may pass: too early, too many requests, time-out, and all of 5xx.
_PASSING: Final = frozenset((408, 425, 429))


def is_url(text: str) -> bool:
    """Whether the text is an address for fsspec rather than a local path."""
    return _URL.match(text) is not None and _LOCAL.match(text) is None


def local_path(text: str) -> str:
    """Return the path of a ``file://`` address, which :meth:`pathlib.Path.as_uri` encodes."""
    path = _LOCAL.sub("", text, count=1)
    # Written by hand, it may have a name with a per cent sign that encodes nothing.
    if path == text or os.path.lexists(path):
        return path
    return unquote(path, errors="surrogateescape")


def scheme(url: str) -> str:
    """Kind of address: ``s3`` of ``s3://bucket/key``."""
    return url.partition("://")[0].lower()


def masked(url: str) -> str:
    """Return the address without passwords; of the web, without its query: often a signature."""
    # Up to the last "@" before a slash: a password may itself contain one, or a slash; a port not.
    login = r"(?<=://)([^/]*|[^/:@]*:(?!:|\d{1,5}/)[^@]*)@"
    without_login = re.sub(login, "***@", url)
    return without_query_secrets(re.sub(r"(https?://[^?]*)\?.+", r"\1?…", without_login))


def file_name(url: str) -> str:
    """Return the last part of an address, decoded."""
    if scheme(url) in ("http", "https"):
        return unquote(urlsplit(url).path.rsplit("/", 1)[-1])
    return masked(url).partition("::")[0].rsplit("/", 1)[-1]


def filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of an address, and the path within it.

    Raises
    ------
    ConfigurationError
        The package for this kind of address is not installed, or there is none.
    """
    import fsspec
    from fsspec.core import url_to_fs

    kind = scheme(url)
    try:
        fsspec.get_filesystem_class(kind)
    except ImportError as exc:
        extra = _EXTRAS.get(kind)
        needed = f'pip install "photoqueue[{extra}]"' if extra else str(exc)
        raise ConfigurationError(
            "Addresses of the kind {kind}:// need a package that is not installed: {needed}.",
            kind=kind,
            needed=needed,
        ) from exc
    except ValueError as exc:
        raise ConfigurationError(
            "Addresses of the kind {kind}:// are not known. Use a path, https://, s3://, or "
            "another address of fsspec.",
            kind=kind,
        ) from exc
    options: dict[str, Any] = {}
    if kind in ("http", "https"):
        from aiohttp import ClientTimeout

        options["client_kwargs"] = {
            "timeout": ClientTimeout(
                total=HTTP_TOTAL_S, sock_connect=HTTP_SILENCE_S, sock_read=HTTP_SILENCE_S
            )
        }
    with translated(url):
        file_system, path = url_to_fs(url, **options)
        return file_system, path


def read_url(url: str, *, max_bytes: int) -> bytes:
    """Read a photo from an address, at most ``max_bytes``.

    Raises
    ------
    PhotoNotFoundError, PhotoTooLargeError, StorageError, ConfigurationError
        As their names say; time-outs and network errors are a ``StorageError``.
    """
    name = masked(url)
    file_system, path = filesystem(url)
    with translated(url):
        info = file_system.info(path)
        if info.get("type") == "directory":
            raise PhotoNotFoundError("{path} is a folder. submit_photos takes folders.", path=name)
        size = info.get("size")
        if size is not None:
            check_bytes(size, limit=max_bytes, name=name)
        if size == 0:
            return b""  # S3 refuses to read a range of an empty object
        if scheme(url) in ("http", "https"):
            data = _read_stream(file_system, path, size=size, limit=max_bytes + 1)
        else:
            data = bytes(file_system.cat_file(path, start=0, end=max_bytes + 1))
    check_bytes(len(data), limit=max_bytes, name=name, exact=False)
    return data


def _read_stream(file_system: Any, path: str, *, size: int | None, limit: int) -> bytes:
    """Read an HTTP body up to ``limit``, whatever length the server claims or conceals."""
    # `block_size=0` asks for one stream instead of ranges, which servers may ignore; a
    # `size` of any kind saves asking the server for it a second time.
    parts: list[bytes] = []
    missing = limit
    with file_system.open(path, "rb", block_size=0, size=size or 1) as stream:
        while missing > 0 and (part := stream.read(min(_CHUNK, missing))):
            parts.append(part)
            missing -= len(part)
    return b"".join(parts)


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn what fsspec and its back ends raise into photoqueue's errors."""
    try:
        yield
    except PhotoqueueError:
        raise
    except Exception as exc:
        error = _translate(exc, url)
        # The original message often repeats the address: it is dropped where that has a secret.
        raise error from (exc if masked(url) == url else None)


def _translate(exc: Exception, url: str) -> PhotoqueueError:
    name = masked(url)
    chain = list(_causes(exc))
    status = next((s for e in chain if isinstance(s := getattr(e, "status", None), int)), None)
    if status is not None:
        if status in _PASSING or status >= 500:
            return StorageError(
                "{name} answers {status}. The server is at fault; try again.",
                name=name,
                status=status,
            )
        return PhotoNotFoundError(
            "{name} answers {status}. Open the address in a browser: it may be wrong, expired or "
            "private.",
            name=name,
            status=status,
        )
    if any(type(e).__name__ in ("InvalidURL", "NonHttpUrlClientError") for e in chain):
        return PhotoNotFoundError("{name} is not a valid address. Correct it.", name=name)
    if any(isinstance(e, TimeoutError) for e in chain):
        return StorageError("{name} did not answer in time. Try again.", name=name)
    # fsspec calls every HTTP failure "file not found", with the true reason as its cause.
    unreachable = any(type(e).__module__.startswith("aiohttp") for e in chain)
    if isinstance(exc, FileNotFoundError) and not unreachable:
        return PhotoNotFoundError("{name} does not exist. Check the address.", name=name)
    if isinstance(exc, PermissionError):
        return StorageError("Access to {name} is denied. Check the credentials.", name=name)
    detail = type(exc).__name__ if name != url else f"{type(exc).__name__}: {exc}"
    return StorageError(
        "{name} cannot be reached ({detail}). Check network and credentials, and try again.",
        name=name,
        detail=detail,
    )


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__
