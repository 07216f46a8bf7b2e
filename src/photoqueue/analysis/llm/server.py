"""One request to the server: sent once, read within its time, its failures told apart.

The client's own retries are switched off: a retry is an attempt of the job, counted and
recorded, or it is not made.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from photoqueue.analysis.llm.access import Access
from photoqueue.analysis.llm.answer import Answer, read_answer
from photoqueue.analysis.llm.statuses import error_of
from photoqueue.errors import EngineServerError, EngineTimeoutError, EngineUnavailableError

if TYPE_CHECKING:
    import openai

#: Bytes of an answer that are read at most; a hundred items take some 20 kB.
_LARGEST_BODY: Final = 4 * 1024 * 1024
#: Seconds to reach the server; the rest of the time is for its answer.
_CONNECT_SECONDS: Final = 10.0
#: Servers that call the limit on tokens by its newer name, and refuse the older.
_NEWER_LIMIT: Final = frozenset(("api.openai.com",))


class Server:
    """The server of one engine, over a client that keeps its connection.

    Raises
    ------
    EngineUnavailableError
        The package ``openai`` is not installed.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client = _client(access)
        newer = (urlsplit(access.base_url).hostname or "") in _NEWER_LIMIT
        self._limit_name = "max_completion_tokens" if newer else "max_tokens"

    def __repr__(self) -> str:
        return f"Server({self._access.base_url!r})"

    def ask(
        self,
        messages: list[dict[str, Any]],
        *,
        response_format: dict[str, Any] | None,
        seconds: float,
    ) -> Answer:
        """Send one request and return what the model said.

        Parameters
        ----------
        seconds : float
            Within which the whole answer must be here; the engine's own limit counts, too.

        Raises
        ------
        FormatRefusedError
            The server does not take such a request: status 400 or 422.
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
            return read_answer(self._access, self._exchange(messages, response_format, limit))
        # None of these is chained: they hold the request, and the server's words as they came.
        except openai.APIStatusError as exc:
            status, headers = exc.response.status_code, exc.response.headers
            text = exc.response.text
        except (openai.APITimeoutError, httpx2.TimeoutException):
            raise self._too_late(limit) from None
        except (openai.APIConnectionError, httpx2.HTTPError) as exc:
            reason = self._access.hide(str(exc.__cause__ or exc)) or type(exc).__name__
            raise EngineServerError(
                f"{self._access.base_url} cannot be reached ({reason}). Check "
                "PHOTOQUEUE_LLM_BASE_URL and that the server is running."
            ) from None
        raise error_of(self._access, status, headers, text)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _exchange(
        self, messages: list[dict[str, Any]], response_format: dict[str, Any] | None, limit: float
    ) -> bytes:
        """Send the request and read the answer, which may come in drops."""
        import httpx2

        deadline = time.monotonic() + limit
        options: dict[str, Any] = {}
        if response_format is not None:
            options["response_format"] = response_format
        if self._access.max_tokens is not None:
            options[self._limit_name] = self._access.max_tokens
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
                        f"{_LARGEST_BODY // 1024**2} MiB, which is no list of things. Check "
                        "PHOTOQUEUE_LLM_BASE_URL."
                    )
            return bytes(body)

    def _too_late(self, limit: float) -> EngineTimeoutError:
        return EngineTimeoutError(
            f"{self._access.model!r} of {self._access.base_url} did not answer within "
            f"{limit:.3g} s. It is tried again; raise PHOTOQUEUE_LLM_TIMEOUT_SECONDS and "
            "PHOTOQUEUE_JOB_TIMEOUT_SECONDS if it is always so slow."
        )


def _client(access: Access) -> openai.OpenAI:
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
            follow_redirects=False, timeout=access.timeout, trust_env=not access.local
        ),
    )
