"""What came back from the server: the model's words, and what they cost in tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from photoqueue.analysis.llm.access import Access
from photoqueue.analysis.llm.statuses import message_of
from photoqueue.errors import EngineServerError

#: More tokens than any model reads; a count above it is nonsense.
_MOST_TOKENS: Final = 10**9


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of the model.

    Attributes
    ----------
    text : str
        As it came, to be read; empty where the model said nothing.
    refusal : str or None
        Why the model, or a filter before it, would not answer; without the key.
    truncated : bool
        Whether it ended at the limit on tokens.
    tokens_in, tokens_out : int or None
        As the server counted them.
    """

    text: str
    refusal: str | None = None
    truncated: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None


def read_answer(access: Access, body: bytes) -> Answer:
    """Read the body of a successful answer.

    Raises
    ------
    EngineServerError
        It is not what an OpenAI-compatible server sends.
    """
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shown = " ".join(access.hide(text).split())[:80]
        raise EngineServerError(
            f"{access.base_url} answered with something that is not JSON ({shown!r}). Check that "
            "PHOTOQUEUE_LLM_BASE_URL is the address of its API (most end in /v1)."
        )
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        said = access.hide(message_of(text))[:300] if value.get("error") else "no reason given"
        raise EngineServerError(
            f"{access.base_url} answered without a choice ({said}). It is tried again; if it "
            f"stays so, check that {access.model!r} sees pictures."
        )
    reason = choice.get("finish_reason")
    refusal = _refusal(message, reason)
    used = value.get("usage")
    return Answer(
        text=_text(message.get("content")),
        refusal=None if refusal is None else access.hide(refusal),
        truncated=reason == "length",
        tokens_in=_tokens(used, "prompt_tokens"),
        tokens_out=_tokens(used, "completion_tokens"),
    )


def _text(content: object) -> str:
    """Return the text of a message, which some servers send in parts."""
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


def _tokens(used: object, name: str) -> int | None:
    count = used.get(name) if isinstance(used, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count <= _MOST_TOKENS else None
