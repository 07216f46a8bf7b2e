"""What the refusals and failures of a server mean, as a status, in a 200 or in a choice."""

from __future__ import annotations

import contextlib
import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from photoqueue.errors import (
    EngineServerError,
    EngineUnavailableError,
    PermanentError,
    RateLimitedError,
)

if TYPE_CHECKING:
    from photoqueue.engines.llm.access import LlmAccess


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; ``None`` where it asks for nothing.

    It is a number of seconds or an HTTP date. ``retry-after-ms``, which some servers send
    as well, is finer and takes precedence.

    >>> retry_after({"retry-after": "20"})
    20.0
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with contextlib.suppress(ValueError):
            seconds = float(headers.get(name) or "") / unit
            if math.isfinite(seconds):
                return max(seconds, 0.0)  # a moment that has passed may be negative
    until, now = _moment(headers.get("retry-after")), _moment(headers.get("date"))
    if until is None:
        return None
    # From the server's own clock where it shows it, else from ours.
    return max(until - (time.time() if now is None else now), 0.0)


def _moment(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


#: How much of what a server says is passed on, in characters.
_SHOWN: Final = 300
#: Statuses below 500 that pass by themselves.
_PASSING: Final = frozenset((408, 409, 425))
#: Statuses with which servers refuse a form of request, and those that may mean that as well as
#: something else, as all from 500 on: some fall over a schema or run out of time, and routers find
#: nobody who takes one.
_FORM: Final = frozenset((400, 422))
_MAYBE_FORM: Final = frozenset((404, 405, 406, 415))
#: Words in the code or type of an error within a successful answer → its status.
_STATUS_OF: Final = {
    "quota": 402,
    "billing": 402,
    "rate_limit": 429,
    "exhausted": 429,
    "overloaded": 529,
    "api_key": 401,
    "auth": 401,
    "permission": 403,
    "not_found": 404,
    "invalid_request": 400,
}


class FormatRefusedError(Exception):
    """The server does not take a request of this form, or may not; another form may do."""

    def __init__(self, error: Exception, *, sure: bool) -> None:
        super().__init__(str(error))
        #: What it means where no other form is left.
        self.error = error
        #: Whether it can mean nothing else.
        self.sure = sure


def error_of(
    access: LlmAccess, status: int, headers: Mapping[str, str], body: str, *, inside: bool = False
) -> Exception:
    """Return the error that a status other than success means.

    Parameters
    ----------
    inside : bool
        Whether it came within a successful answer: then the form of the request was taken.
    """
    if status == 429 and "insufficient_quota" in body:
        status = 402  # OpenAI: waiting does not help
    error = _meaning(access, status, retry_after(headers) or 0.0, _said(access, body))
    if isinstance(error, RateLimitedError):
        return error
    if status in _FORM or (not inside and (status >= 500 or status in _MAYBE_FORM)):
        return FormatRefusedError(error, sure=status in _FORM)
    return error


def error_within(access: LlmAccess, headers: Mapping[str, str], error: object) -> Exception:
    """Return what the ``error`` of a successful answer or of its choice means."""
    told = json.dumps({"error": error})
    status = 400 if "response_format" in told else 502  # a router's, where the model's server fails
    if isinstance(error, dict):
        words = " ".join(str(error.get(key) or "") for key in ("code", "status", "type")).casefold()
        number = re.search(r"\b[45]\d\d\b", words)
        named = (known for word, known in _STATUS_OF.items() if word in words)
        status = int(number[0]) if number else next(named, status)
    return error_of(access, status, headers, told, inside=True)


def _meaning(access: LlmAccess, status: int, wait: float, said: str) -> Exception:
    """Return the error of a status, whatever the form of the request."""
    if status == 429 or (wait and (status >= 500 or status in _PASSING)):
        asked = f", and asks to be left alone for {wait:.3g} s" if wait else ""
        return RateLimitedError(
            f"{access.base_url} has too much to do (status {status}){asked}{said}. It is asked "
            "again later; set PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE to what it allows.",
            seconds=wait,
        )
    if status >= 500 or status in _PASSING:
        return EngineServerError(
            f"{access.base_url} answered with status {status}{said}. It is tried again; if it "
            "stays so, look at the log of that server."
        )
    server, model = access.base_url, repr(access.model)
    wrong_settings = {
        300: (
            f"{server} redirects requests to another address, which is not followed",
            "Set PHOTOQUEUE_LLM_BASE_URL to the address itself.",
        ),
        401: (f"{server} does not accept the key", "Correct PHOTOQUEUE_LLM_API_KEY."),
        402: (f"{server} asks for payment first", "Check the account of the key."),
        403: (
            f"{server} does not allow {model} with this key",
            "Correct PHOTOQUEUE_LLM_API_KEY or PHOTOQUEUE_LLM_MODEL.",
        ),
        404: (
            f"{server} has no model {model}, or is not the address of its API",
            "Correct PHOTOQUEUE_LLM_MODEL, or PHOTOQUEUE_LLM_BASE_URL (most end in /v1).",
        ),
        413: (f"{server} finds the pictures too large", "Lower PHOTOQUEUE_LLM_PICTURE_SIDE."),
    }
    known = wrong_settings.get(status if status >= 400 else 300)
    if known is not None:
        return EngineUnavailableError(f"{known[0]}{said}. {known[1]}")
    return PermanentError(
        f"{server} refused the request with status {status}{said}. Check that {model} sees "
        "pictures, and the PHOTOQUEUE_LLM_… settings; then retry the job."
    )


def _said(access: LlmAccess, body: str) -> str:
    """Return what the server says of it, on one line and without the key; it may be empty."""
    text = " ".join(access.hide(message_of(body)).split())
    if not text:
        return ""
    return f": {text[:_SHOWN]}…" if len(text) > _SHOWN else f": {text.rstrip('.')}"


def message_of(body: str) -> str:
    """Return the message in the body of an error, in whichever form servers write it.

    Routers say that the model's server failed, and what it said under ``metadata``.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip()[:1] == "<" else body  # a page of a proxy says nothing useful
    if isinstance(value, list) and value:  # Gemini
        value = value[0]
    cause = ""
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            metadata = value.get("metadata")
            if isinstance(metadata, dict) and metadata.get("raw"):
                raw = metadata["raw"]
                cause = message_of(raw if isinstance(raw, str) else json.dumps(raw))
            value = value[key]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text} ({cause})" if cause else text
