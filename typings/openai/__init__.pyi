"""What is used of openai, as it declares it.

mypy would read two thousand modules for it, a third of all its work.
tests/unit/test_typings.py holds this against the package.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypedDict

import httpx2

class OpenAIError(Exception): ...
class APIError(OpenAIError): ...

class APIStatusError(APIError):
    response: httpx2.Response
    status_code: int

class APIConnectionError(APIError): ...
class APITimeoutError(APIConnectionError): ...
class DefaultHttpxClient(httpx2.Client): ...

class OpenAI:
    def __init__(
        self, *, api_key: str, base_url: str, max_retries: int, http_client: httpx2.Client
    ) -> None: ...
    @property
    def chat(self) -> _Chat: ...
    def close(self) -> None: ...

class _Chat:
    @property
    def completions(self) -> _Completions: ...

class _Completions:
    @property
    def with_streaming_response(self) -> _Streaming: ...

class _Streaming:
    def create(
        self,
        *,
        messages: Iterable[_Message],
        model: str,
        timeout: float | httpx2.Timeout | None = ...,
        **options: Any,
    ) -> AbstractContextManager[_Response]: ...

# One of six kinds, each with keys of its own.
class _Message(TypedDict): ...

class _Response:
    @property
    def headers(self) -> httpx2.Headers: ...
    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]: ...
