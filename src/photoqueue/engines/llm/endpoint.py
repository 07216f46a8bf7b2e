"""The server: one request with a time limit, and its answer.

The client's own retries are off: each retry is an attempt of the job, which is recorded.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from photoqueue.engines.llm.access import LlmAccess
from photoqueue.engines.llm.failures import (
    FormatRefusedError,
    error_of,
    error_within,
    message_of,
)
from photoqueue.errors import EngineServerError, EngineTimeoutError, EngineUnavailableError

if TYPE_CHECKING:
    import openai

#: More tokens than any model reads; a higher count is wrong.
_MOST_TOKENS: Final = 10**9


@dataclass(frozen=True, kw_only=True)
class ModelAnswer:
    """One answer of the model."""

    #: As it came, to be read; empty where the model said nothing.
    text: str
    #: Why the model, or a filter before it, would not answer; without the key.
    refusal: str | None = None
    #: Whether it ended at the limit on tokens.
    truncated: bool = False
    #: As the server counted them.
    tokens_in: int | None = None
    tokens_out: int | None = None


def read_answer(
    access: LlmAccess, body: bytes, headers: Mapping[str, str] = MappingProxyType({})
) -> ModelAnswer:
    """Read the body of a successful answer.

    Raises
    ------
    EngineServerError
        It is not what an OpenAI-compatible server sends.
    FormatRefusedError
        It is empty.
    PhotoqueueError
        It holds an error; see :func:`~photoqueue.engines.llm.failures.error_of`.
    """
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    value = _first(value)
    if not isinstance(value, dict):
        shown = " ".join(access.hide(text).split())[:80]
        raise EngineServerError(
            f"{access.base_url} answered with something that is not JSON ({shown!r}). Check that "
            "PHOTOQUEUE_LLM_BASE_URL is the address of its API (most end in /v1)."
        )
    choice = _object(_first(value.get("choices")))
    message, used = _object(choice.get("message")), _object(value.get("usage"))
    reason = choice.get("finish_reason")
    error = value.get("error") or choice.get("error")
    if error or reason == "error":
        raise error_within(access, headers, error or "no reason given")
    if not message:
        nothing = EngineServerError(
            f"{access.base_url} answered without a choice ({access.hide(message_of(text))[:80]}). "
            f"It is tried again; if it stays so, check that {access.model!r} sees pictures."
        )
        raise FormatRefusedError(nothing, sure=False)
    refusal = _refusal(message, reason)
    return ModelAnswer(
        text=_words(message),
        refusal=None if refusal is None else access.hide(refusal),
        truncated=reason == "length",
        tokens_in=_tokens(used.get("prompt_tokens")),
        tokens_out=_tokens(used.get("completion_tokens")),
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _words(message: dict[str, Any]) -> str:
    """Return what the model said, wherever its server put it; its thoughts where that is all."""
    calls = message.get("tool_calls")
    called = [_object(call).get("function") for call in calls] if isinstance(calls, list) else []
    parts = [message.get("content"), *(_object(call).get("arguments") for call in called)]
    said = "\n".join(filter(str.strip, map(_text, parts)))
    thoughts = (_text(message.get(key)) for key in ("reasoning_content", "reasoning"))
    return said or next(filter(str.strip, thoughts), "")


def _text(content: object) -> str:
    """Return the text of a message, which some servers send in parts."""
    if isinstance(content, dict):
        return json.dumps(content)
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _refusal(message: dict[str, Any], reason: object) -> str | None:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return refusal.strip()
    if reason == "content_filter":
        return _text(message.get("content")).strip() or "its content filter stopped the answer"
    return None


def _tokens(count: object) -> int | None:
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count <= _MOST_TOKENS else None


#: Bytes of an answer that are read at most; a hundred items take some 20 kB.
_LARGEST_BODY: Final = 4 * 1024 * 1024
#: Seconds to reach the server; the rest of the time is for its answer.
_CONNECT_SECONDS: Final = 10.0
#: Names of the limit on tokens: the older, which most know, and the newer.
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
#: Words with which a parameter is refused, and not its value.
_REFUSING: Final = re.compile(
    r"unsupported|not (?:supported|permitted|allowed)|unknown|unrecognized|extra|instead",
    re.IGNORECASE,
)
#: Server and model → the name that it takes, in this process; the older one until it is refused.
_LIMIT_OF: Final[dict[str, str]] = {}


class LlmServer:
    """The server of one engine, with a client that keeps its connection.

    Raises
    ------
    EngineUnavailableError
        The package ``openai`` is not installed.
    """

    def __init__(self, access: LlmAccess) -> None:
        self._access = access
        self._client = _client(access)

    def __repr__(self) -> str:
        return f"Server({self._access.base_url!r})"

    def ask(
        self,
        messages: list[dict[str, Any]],
        *,
        response_format: dict[str, Any] | None,
        seconds: float,
    ) -> ModelAnswer:
        """Send one request and return what the model said.

        Parameters
        ----------
        seconds : float
            Within which the whole answer must be here; the engine's own limit counts, too.

        Raises
        ------
        FormatRefusedError
            The server does not take such a request, or may not.
        EngineUnavailableError
            It refuses the key, the model or the address.
        RateLimitedError
            It wants to be left alone for a while.
        EngineTimeoutError, EngineServerError
            It is late, cannot be reached, or is broken.
        PermanentError
            It refuses this request for good.
        """
        import httpx2
        import openai

        limit = min(seconds, self._access.timeout)
        try:
            return read_answer(self._access, *self._exchange(messages, response_format, limit))
        # None of these is chained: they hold the request, and the server's words as they came.
        except openai.APIStatusError as exc:
            status, headers = exc.response.status_code, exc.response.headers
            text = exc.response.text
        except (openai.APITimeoutError, httpx2.TimeoutException):
            raise self._too_late(limit) from None
        except (openai.APIConnectionError, httpx2.HTTPError) as exc:
            reason = self._access.hide(str(exc.__cause__ or exc)) or type(exc).__name__
            advice = (
                "Name the authority of its certificate in SSL_CERT_FILE."
                if "CERTIFICATE_VERIFY_FAILED" in reason
                else "Check PHOTOQUEUE_LLM_BASE_URL and that the server is running."
            )
            raise EngineServerError(
                f"{self._access.base_url} cannot be reached ({reason}). {advice}"
            ) from None
        raise error_of(self._access, status, headers, text)

    def learns(self, refusal: str) -> bool:
        """Whether a refusal is only of the limit's name; the other one is used from now on."""
        old, new = _LIMITS
        wrong = re.search(rf"\b{old}\b", refusal) and _REFUSING.search(refusal)
        if self._access.max_tokens is None or not wrong or self._access.name in _LIMIT_OF:
            return False
        _LIMIT_OF[self._access.name] = new
        return True

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _exchange(
        self, messages: list[dict[str, Any]], response_format: dict[str, Any] | None, limit: float
    ) -> tuple[bytes, Mapping[str, str]]:
        """Send the request and read the answer, which may come slowly."""
        import httpx2

        deadline = time.monotonic() + limit
        options: dict[str, Any] = {}
        if response_format is not None:
            options["response_format"] = response_format
        if self._access.max_tokens is not None:
            options[_LIMIT_OF.get(self._access.name, _LIMITS[0])] = self._access.max_tokens
        # Streamed, as the client's time limit is one on each piece and not on the whole.
        with self._client.chat.completions.with_streaming_response.create(
            model=self._access.model,
            messages=messages,  # type: ignore[arg-type]  # the client's TypedDicts, as built here
            timeout=httpx2.Timeout(limit, connect=min(limit, _CONNECT_SECONDS)),
            **options,
        ) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if time.monotonic() > deadline:
                    raise self._too_late(limit)
                if len(body) > _LARGEST_BODY:
                    raise EngineServerError(
                        f"{self._access.base_url} answered with more than "
                        f"{_LARGEST_BODY // 1024**2} MiB, which is no inventory. Check "
                        "PHOTOQUEUE_LLM_BASE_URL."
                    )
            return bytes(body), response.headers

    def _too_late(self, limit: float) -> EngineTimeoutError:
        return EngineTimeoutError(
            f"{self._access.model!r} of {self._access.base_url} did not answer within "
            f"{limit:.3g} s. It is tried again; raise PHOTOQUEUE_LLM_TIMEOUT_SECONDS and "
            "PHOTOQUEUE_JOB_TIMEOUT_SECONDS if it is always so slow."
        )


def _client(access: LlmAccess) -> openai.OpenAI:
    try:
        import openai
    except ImportError:
        raise EngineUnavailableError(
            "The engine 'llm' needs the package openai. Run `pip install 'photoqueue[llm]'`."
        ) from None
    return openai.OpenAI(
        base_url=access.base_url,
        api_key=access.api_key.get_secret_value(),
        max_retries=0,
        # A redirect would take the photo, and some the key, to a server that nobody named.
        # A server of this site is not asked by way of a proxy.
        http_client=openai.DefaultHttpxClient(
            follow_redirects=False,
            timeout=access.timeout,
            trust_env=not access.local,
            verify=_trusted(),
        ),
    )


def _trusted() -> ssl.SSLContext:
    """Return whose certificates are trusted: what ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name.

    Also for servers of this site, whose authorities are mostly its own, and both together. The
    client reads them for other servers only, and one of them.
    """
    import httpx2

    folder = os.environ.get("SSL_CERT_DIR")
    try:
        context = httpx2.create_ssl_context()
        if folder and os.environ.get("SSL_CERT_FILE"):
            context.load_verify_locations(capath=folder)
    except OSError as exc:  # also of the contents
        raise EngineUnavailableError(
            f"The certificates of SSL_CERT_FILE cannot be read ({exc.strerror or exc}). Name a "
            "file of certificates in PEM format, or unset it."
        ) from exc
    return context
