"""How the server of a vision model is reached: its address, key and model."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from photoqueue.addresses import masked
from photoqueue.errors import EngineUnavailableError
from photoqueue.settings import Settings

ResponseFormat = Literal["auto", "json_schema", "json_object", "prompt"]

#: Sent where the server needs no key; the client refuses to send none.
_NO_KEY: Final = "no-key"
#: Keys by their form: a router shows errors of servers that it asks with keys of its own.
_KEYS: Final = re.compile(r"\b(?:sk|key|pk)-[\w*.-]{6,}|(?<=Bearer )\S{6,}")
#: Ends of host names that never leave a site.
_SITE_SUFFIXES: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, kw_only=True)
class LlmAccess:
    """How the server is reached; shows no key."""

    #: Without a login, a query or a slash at its end.
    base_url: str
    model: str
    api_key: SecretStr
    #: Whether the server is on this machine or this site, where keys are not usual and proxies not
    #: wanted.
    local: bool
    #: Seconds within which one request must be answered.
    timeout: float
    max_tokens: int | None = None
    response_format: ResponseFormat = "auto"
    boxes: str = "auto"

    @property
    def name(self) -> str:
        """Name of the server and model together, as rate limits and memory know it."""
        return f"{self.base_url} {self.model}"[:500]

    def hide(self, text: str) -> str:
        """Return a text of the server without keys, which some repeat in their errors."""
        key = self.api_key.get_secret_value()
        return _KEYS.sub("***", text.replace(key, "***") if key and key != _NO_KEY else text)


def access_of(settings: Settings) -> LlmAccess:
    """Return how the settings say that the server is reached.

    Raises
    ------
    EngineUnavailableError
        A setting is missing or wrong; the message names its variable.
    """
    base_url = _base_url(settings.llm_base_url)
    local = is_local(urlsplit(base_url).hostname or "")
    model = (settings.llm_model or "").strip()
    if not model:
        raise EngineUnavailableError(
            f"The engine 'llm' does not know which model of {base_url} to ask. Set "
            "PHOTOQUEUE_LLM_MODEL to the name of one that sees pictures."
        )
    key = settings.llm_api_key.get_secret_value().strip() if settings.llm_api_key else ""
    if not key and not local:
        raise EngineUnavailableError(
            f"The engine 'llm' has no key for {base_url}. Set PHOTOQUEUE_LLM_API_KEY; only "
            "servers on this machine or network are asked without one."
        )
    if not (key.isascii() and key.isprintable()):
        raise EngineUnavailableError(
            "PHOTOQUEUE_LLM_API_KEY holds a character that no key has, such as a line break. "
            "Copy the key again."
        )
    return LlmAccess(
        base_url=base_url,
        model=model,
        api_key=SecretStr(key or _NO_KEY),
        local=local,
        timeout=settings.llm_timeout_seconds,
        max_tokens=settings.llm_max_tokens,
        response_format=settings.llm_response_format,
        boxes=settings.llm_boxes,
    )


def is_local(host: str) -> bool:
    """Whether a host is this machine or of this site: loopback, private, or without a domain.

    >>> is_local("ollama"), is_local("192.168.1.7"), is_local("api.example.com")
    (True, True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_SITE_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def _base_url(given: SecretStr | None) -> str:
    """Check the address of the server."""
    wanted = (
        "Set PHOTOQUEUE_LLM_BASE_URL to the address of an OpenAI-compatible server, such as "
        "http://localhost:11434/v1 (Ollama) or https://api.openai.com/v1."
    )
    address = given.get_secret_value().strip().rstrip("/") if given else ""
    if not address:
        raise EngineUnavailableError(f"The engine 'llm' has no server to ask. {wanted}")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, an IPv6 address without its bracket
        usable = False
    if not usable:
        raise EngineUnavailableError(
            f"PHOTOQUEUE_LLM_BASE_URL is not an address ({masked(address)!r}). {wanted}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise EngineUnavailableError(
            "PHOTOQUEUE_LLM_BASE_URL holds a login or a query. Give the bare address there, "
            "and the key in PHOTOQUEUE_LLM_API_KEY."
        )
    return address
