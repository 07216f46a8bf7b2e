"""All requests about one photo: rate limit, time limit, and asking again for a usable answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from photoqueue.engines.contract import Analysis, Throttle
from photoqueue.engines.llm.access import LlmAccess, ResponseFormat
from photoqueue.engines.llm.endpoint import LlmServer, ModelAnswer
from photoqueue.engines.llm.failures import FormatRefusedError
from photoqueue.engines.llm.prompt import repair_messages
from photoqueue.engines.llm.reply import UnusableReplyError
from photoqueue.errors import (
    EngineTimeoutError,
    PermanentError,
    RateLimitedError,
    ThrottledError,
)

#: Ways to ask for JSON, from the best to the one that every server knows: in the last, only
#: the words of the prompt ask for it.
_FORMS: Final[tuple[ResponseFormat, ...]] = ("json_schema", "json_object", "prompt")
#: Server and model → the form that led to a list, in this process.
_ACCEPTED: Final[dict[str, ResponseFormat]] = {}
#: Servers that took a lesser form once, after what may have been a passing failure of a better
#: one: that is tried once more before it is given up.
_DOUBTED: Final[set[str]] = set()


def _response_format(form: ResponseFormat, schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a request says about the form of its answer."""
    if form == "json_schema":
        named = {"name": "inventory", "strict": True, "schema": schema}
        return {"type": "json_schema", "json_schema": named}
    return {"type": "json_object"} if form == "json_object" else None


#: How often the model is asked again when its answer cannot be used.
MAX_REPAIRS: Final = 2
#: How often a server that asks for a short pause gets it within one attempt.
_MAX_PAUSES: Final = 3
#: Share of the time left that a request may wait for its turn; the rest is for the answer.
_PATIENCE: Final = 0.5
#: Seconds below which no request is begun.
_TOO_SHORT: Final = 0.02


@dataclass(kw_only=True)
class Conversation:
    """The requests about one photo or one room."""

    access: LlmAccess
    server: LlmServer
    throttle: Throttle
    #: Seconds between two requests of all processes together.
    interval: float
    #: Seconds within which it must end.
    seconds: float
    #: Called with each request once it has ended: its answer, if any, how long it took in seconds,
    #: and what was wrong with it.
    record: Callable[[ModelAnswer | None, float, str | None], None]
    #: JSON schema of the answer.
    schema: dict[str, Any]
    #: Reads a text, as :func:`~photoqueue.engines.llm.reply.read_reply` does.
    read: Callable[..., Analysis]

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds
        chosen = self.access.response_format
        self._forms = list(_FORMS if chosen == "auto" else (chosen,))
        if chosen == "auto" and self.access.name in _ACCEPTED:
            self._forms = self._forms[self._forms.index(_ACCEPTED[self.access.name]) :]
        self._answer = ModelAnswer(text="")
        #: Whether a better form was left for something that may have had another cause.
        self._guessed = False

    def ask(self, messages: list[dict[str, Any]]) -> Analysis:
        """Return the model's reply; see :meth:`LlmServer.ask` for what else can go wrong.

        Raises
        ------
        PermanentError
            The model refuses, or its answers cannot be used.
        ThrottledError
            The next free moment is too far away; no request was made for it.
        """
        repairs = pauses = 0
        added: list[dict[str, Any]] = []
        while True:
            try:
                reply = self._once([*messages, *added])
            except FormatRefusedError as exc:
                if not self.server.learns(str(exc)) and not self._step_down(sure=exc.sure):
                    raise exc.error from None
            except UnusableReplyError as exc:
                repairs += 1
                added = self._correction(str(exc), repairs)
            except RateLimitedError as exc:
                if isinstance(exc, ThrottledError):
                    raise
                # The other processes wait as well: they would be refused, too.
                self.throttle.hold(self.access.name, exc.seconds)
                if not exc.seconds or exc.seconds > self._patience() or pauses == _MAX_PAUSES:
                    raise
                pauses += 1
            else:
                self._remember()
                return reply

    def _correction(self, problem: str, repairs: int) -> list[dict[str, Any]]:
        """Return what the model is told of its last answer: all of them would cost more each time.

        Raises
        ------
        PermanentError
            It was told so often enough.
        """
        if repairs > MAX_REPAIRS:
            raise self._unusable(problem) from None
        if not self._answer.truncated:
            self._step_down(sure=False)
        return repair_messages(self._answer.text, problem)

    def _step_down(self, *, sure: bool) -> bool:
        """Use the next form from now on, if there is one and this one is not known to work."""
        known = _ACCEPTED.get(self.access.name) == self._forms[0]
        if len(self._forms) == 1 or (known and not sure):
            return False
        del self._forms[0]
        self._guessed = self._guessed or not sure
        return True

    def _remember(self) -> None:
        name = self.access.name
        if self.access.response_format != "auto":
            return
        if self._guessed and name not in _DOUBTED:
            _DOUBTED.add(name)
        else:
            _ACCEPTED[name] = self._forms[0]

    def _once(self, messages: list[dict[str, Any]]) -> Analysis:
        """Make one request and read its answer; whatever comes of it is recorded."""
        self._wait_for_turn()
        left = self._left()
        start = time.monotonic()
        answer: ModelAnswer | None = None
        problem: str | None = None
        try:
            answer = self._answer = self.server.ask(
                messages,
                response_format=_response_format(self._forms[0], self.schema),
                seconds=left,
            )
            return self._read(answer)
        except BaseException as exc:
            problem = f"{type(exc).__name__}: {exc}"
            raise
        finally:
            self.record(answer, time.monotonic() - start, problem)

    def _read(self, answer: ModelAnswer) -> Analysis:
        if answer.refusal is not None:
            raise PermanentError(
                f"{self.access.model!r} refuses to look at this photo: {answer.refusal[:500]} "
                "Look at the photo, or analyse it with another engine."
            )
        try:
            return self.read(answer.text, truncated=answer.truncated)
        except UnusableReplyError:
            if answer.truncated:
                raise UnusableReplyError(
                    "it was cut off at the limit on its length; be brief, and merge things alike"
                ) from None
            raise

    def _wait_for_turn(self) -> None:
        patience = self._patience()
        wait = self.throttle.take(self.access.name, interval=self.interval, patience=patience)
        if wait > patience:
            raise ThrottledError(
                f"{self.access.base_url} may be asked again in {wait:.3g} s only: the limit of "
                "PHOTOQUEUE_LLM_REQUESTS_PER_MINUTE is used up, or the server asked for a pause. "
                "The job is put back until then.",
                seconds=wait,
            )
        if wait > 0:
            time.sleep(wait)

    def _patience(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0) * _PATIENCE

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left < _TOO_SHORT:
            raise EngineTimeoutError(
                f"{self.access.model!r} of {self.access.base_url} gave no answer that can be "
                f"used within {self.seconds:.3g} s. It is tried again; raise "
                "PHOTOQUEUE_JOB_TIMEOUT_SECONDS if it is always so slow."
            )
        return left

    def _unusable(self, problem: str) -> PermanentError:
        shown = " ".join(self.access.hide(self._answer.text).split())[:200]
        advice = (
            "Raise PHOTOQUEUE_LLM_MAX_TOKENS, or the server's own limit"
            if self._answer.truncated
            else "Retry the job, or use a model that follows the schema"
        )
        return PermanentError(
            f"{self.access.model!r} was asked {1 + MAX_REPAIRS} times and gave no answer that "
            f"can be used: {problem}. Its last one began {shown!r}. {advice}."
        )
