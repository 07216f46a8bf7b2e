"""What a status of the server means for the job: wait, try again, correct a setting, give up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from photoqueue.analysis.llm.access import Access
from photoqueue.analysis.llm.retry_after import retry_after
from photoqueue.errors import (
    EngineServerError,
    EngineUnavailableError,
    PermanentError,
    RateLimitedError,
)

#: How much of what a server says is passed on, in characters.
_SHOWN: Final = 300
#: Statuses below 500 that pass by themselves.
_PASSING: Final = frozenset((408, 409, 425))


class FormatRefusedError(Exception):
    """The server does not take a request of this form; another form may do."""


def error_of(access: Access, status: int, headers: Mapping[str, str], body: str) -> Exception:
    """Return the error that a status other than success means."""
    said = _said(access, body)
    if status in (400, 422):
        return FormatRefusedError(f"status {status}{said}")
    wait = retry_after(headers)
    if status == 429 or (status == 503 and wait is not None):
        asked = "" if wait is None else f", and asks to be left alone for {wait:.3g} s"
        return RateLimitedError(
            f"{access.base_url} has too much to do (status {status}){asked}{said}. It is asked "
            "again later; set PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE to what it allows.",
            seconds=wait or 0.0,
        )
    if status >= 500 or status in _PASSING:
        return EngineServerError(
            f"{access.base_url} answered with status {status}{said}. It is tried again; if it "
            "stays so, look at the log of that server."
        )
    problem = _problem(access, status)
    if problem is not None:
        return EngineUnavailableError(problem.format(said=said))
    return PermanentError(
        f"{access.base_url} refused the request with status {status}{said}. "
        "Correct what it says, then retry the job."
    )


def _problem(access: Access, status: int) -> str | None:
    """Return what is wrong with the settings, where the status says so; ``{said}`` in it."""
    server, model = (text.replace("{", "{{").replace("}", "}}") for text in _names(access))
    if 300 <= status < 400:
        return (
            f"{server} sends requests on to another address, which is not followed{{said}}. Set "
            "PHOTOQUEUE_LLM_BASE_URL to the address itself."
        )
    return {
        401: f"{server} does not accept the key{{said}}. Correct PHOTOQUEUE_LLM_API_KEY.",
        402: f"{server} wants to be paid first{{said}}. Look at the account of the key.",
        403: f"{server} does not allow {model} with this key{{said}}. Correct "
        "PHOTOQUEUE_LLM_API_KEY or PHOTOQUEUE_LLM_MODEL.",
        404: f"{server} has no model {model}, or is not the address of its API{{said}}. Correct "
        "PHOTOQUEUE_LLM_MODEL, or PHOTOQUEUE_LLM_BASE_URL (most end in /v1).",
        413: f"{server} finds the pictures too large{{said}}. Lower PHOTOQUEUE_LLM_PICTURE_SIDE.",
    }.get(status)


def _names(access: Access) -> tuple[str, str]:
    return access.base_url, repr(access.model)


def _said(access: Access, body: str) -> str:
    """Return what the server says of it, on one line and without the key; it may be empty."""
    text = " ".join(access.hide(message_of(body)).split())
    if not text:
        return ""
    return f": {text[:_SHOWN]}…" if len(text) > _SHOWN else f": {text.rstrip('.')}"


def message_of(body: str) -> str:
    """Return the message in the body of an error, in whichever form servers write it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "" if body.lstrip()[:1] == "<" else body  # a page of a proxy says nothing useful
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
