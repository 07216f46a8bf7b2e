"""From a request to an answer that can be used: in turn, within the time, asked again twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from photoqueue.engines.contract import Throttle
from photoqueue.engines.llm.endpoint import FormatRefusedError, LlmAccess, LlmServer, ModelAnswer
from photoqueue.engines.llm.reply import Reply, UnusableReplyError, read_reply, repair_messages
from photoqueue.errors import (
    EngineTimeoutError,
    PermanentError,
    RateLimitedError,
    ThrottledError,
)


class Rung(StrEnum):
    """Ways to ask for JSON, from the best to the one that every server knows."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    #: Only the words of the prompt ask for it.
    PROMPT = "prompt"

    @property
    def next(self) -> Rung | None:
        """The rung below; ``None`` at the bottom."""
        rungs = list(Rung)
        below = rungs[rungs.index(self) + 1 :]
        return below[0] if below else None

    def response_format(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the request says about the form of its answer."""
        if self is Rung.PROMPT:
            return None
        if self is Rung.JSON_OBJECT:
            return {"type": "json_object"}
        return {
            "type": "json_schema",
            "json_schema": {"name": "inventory", "strict": True, "schema": schema},
        }


#: Server and model → the rung that it took, in this process.
_TAKEN: Final[dict[str, Rung]] = {}


class Ladder:
    """The rung on which one server and model are asked."""

    def __init__(self, access: LlmAccess) -> None:
        self._name = access.name
        chosen = access.response_format
        self._fixed = None if chosen == "auto" else Rung(chosen)
        self._rung = self._fixed or _TAKEN.get(self._name, Rung.JSON_SCHEMA)

    @property
    def rung(self) -> Rung:
        """Where the ladder stands."""
        return self._rung

    def step_down(self) -> bool:
        """Go one rung down; False at the bottom, or where the settings fix the rung."""
        below = None if self._fixed else self._rung.next
        if below is None:
            return False
        self._rung = below
        return True

    def remember(self) -> None:
        """Note that the server took this rung."""
        if self._fixed is None:
            _TAKEN[self._name] = self._rung


#: How often the model is asked again when its answer cannot be used.
MAX_REPAIRS: Final = 2
#: How often a server that asks for a short pause gets it within one attempt.
_MAX_PAUSES: Final = 3
#: Share of the time left that a request may wait for its turn; the rest is for the answer.
_PATIENCE: Final = 0.5
#: Seconds below which no request is begun.
_TOO_SHORT: Final = 0.02


class Conversation:
    """All that is said to the server about one photo or one room.

    Parameters
    ----------
    interval : float
        Seconds between two requests of all processes together.
    seconds : float
        Within which it must have ended.
    record : callable
        Told of each request once it has ended: its answer, if any, how long it took in
        seconds, and what was wrong with it.
    """

    def __init__(
        self,
        *,
        access: LlmAccess,
        server: LlmServer,
        throttle: Throttle,
        interval: float,
        seconds: float,
        record: Callable[[ModelAnswer | None, float, str | None], None],
    ) -> None:
        self._access = access
        self._server = server
        self._throttle = throttle
        self._interval = interval
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._record = record
        self._ladder = Ladder(access)

    def ask(self, messages: list[dict[str, Any]], schema: dict[str, Any]) -> Reply:
        """Return the model's reply; see :meth:`Server.ask` for what else can go wrong.

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
                return self._once([*messages, *added], schema)
            except FormatRefusedError as exc:
                if not self._ladder.step_down():
                    raise self._refused_request(exc) from None
            except _UnusableAnswer as exc:
                if repairs == MAX_REPAIRS:
                    raise self._unusable(exc) from None
                repairs += 1
                # Only the last answer: a picture of the whole talk would cost ever more.
                added = repair_messages(exc.answer.text, exc.problem)
            except RateLimitedError as exc:
                if isinstance(exc, ThrottledError):
                    raise
                # The other processes hear of it, too: they would be refused as well.
                self._throttle.hold(self._access.name, exc.seconds)
                if not exc.seconds or exc.seconds > self._patience() or pauses == _MAX_PAUSES:
                    raise
                pauses += 1

    def _once(self, messages: list[dict[str, Any]], schema: dict[str, Any]) -> Reply:
        """Make one request and read its answer; whatever comes of it is recorded."""
        self._wait_for_turn()
        left = self._left()
        start = time.monotonic()
        answer: ModelAnswer | None = None
        problem: str | None = None
        try:
            answer = self._server.ask(
                messages,
                response_format=self._ladder.rung.response_format(schema),
                seconds=left,
            )
            self._ladder.remember()
            return self._read(answer)
        except BaseException as exc:
            problem = f"{type(exc).__name__.removeprefix('_')}: {exc}"
            raise
        finally:
            self._record(answer, time.monotonic() - start, problem)

    def _read(self, answer: ModelAnswer) -> Reply:
        if answer.refusal is not None:
            raise PermanentError(
                f"{self._access.model!r} refuses to look at this photo: {answer.refusal[:500]} "
                "Look at the photo, or analyse it with another engine."
            )
        if answer.truncated:
            raise _UnusableAnswer(
                answer,
                "it was cut off at the limit on its length; be brief, and merge things alike",
            )
        try:
            return read_reply(answer.text)
        except UnusableReplyError as exc:
            raise _UnusableAnswer(answer, str(exc)) from None

    def _wait_for_turn(self) -> None:
        patience = self._patience()
        wait = self._throttle.take(self._access.name, interval=self._interval, patience=patience)
        if wait > patience:
            raise ThrottledError(
                f"{self._access.base_url} may be asked again in {wait:.3g} s only: the limit of "
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
                f"{self._access.model!r} of {self._access.base_url} gave no answer that can be "
                f"used within {self._seconds:.3g} s. It is tried again; raise "
                "PHOTOQUEUE_JOB_TIMEOUT_SECONDS if it is always so slow."
            )
        return left

    def _refused_request(self, exc: FormatRefusedError) -> PermanentError:
        return PermanentError(
            f"{self._access.base_url} does not take the request ({exc}). Check that "
            f"{self._access.model!r} sees pictures, and the PHOTOQUEUE_LLM_… settings."
        )

    def _unusable(self, exc: _UnusableAnswer) -> PermanentError:
        shown = " ".join(self._access.hide(exc.answer.text).split())[:200]
        advice = (
            "Raise PHOTOQUEUE_LLM_MAX_TOKENS, or the server's own limit"
            if exc.answer.truncated
            else "Retry the job, or use a model that keeps to a form"
        )
        return PermanentError(
            f"{self._access.model!r} was asked {1 + MAX_REPAIRS} times and gave no answer that "
            f"can be used: {exc.problem}. Its last one began {shown!r}. {advice}."
        )


class _UnusableAnswer(Exception):
    """An answer came, but not one of the form that was asked for."""

    def __init__(self, answer: ModelAnswer, problem: str) -> None:
        super().__init__(problem)
        self.answer = answer
        self.problem = problem
