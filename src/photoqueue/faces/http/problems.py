"""Errors as ``application/problem+json`` (RFC 9457).

One table gives the status, type and title of each photoqueue error.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from photoqueue import errors
from photoqueue.errors import PhotoqueueError

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
#: Seconds after which to retry a request that could not be served.
_RETRY_SECONDS: Final = 2
#: Most faults listed for one request.
_MOST_FAULTS: Final = 20


class ProblemType(NamedTuple):
    """Status, type and title of one kind of problem."""

    status: int
    slug: str
    title: str


KINDS: Final[Mapping[type[PhotoqueueError], ProblemType]] = {
    errors.PhotoqueueError: ProblemType(500, "internal", "The request could not be carried out"),
    errors.ConfigurationError: ProblemType(
        500, "configuration", "A setting of the server is wrong"
    ),
    errors.EngineUnavailableError: ProblemType(500, "engine", "The engine cannot be built"),
    errors.ServiceError: ProblemType(503, "service", "A server cannot be used"),
    errors.DatabaseUnavailableError: ProblemType(503, "database", "The database cannot be used"),
    errors.BrokerUnavailableError: ProblemType(503, "broker", "The broker cannot be used"),
    errors.SchemaMismatchError: ProblemType(503, "schema", "The tables do not match this version"),
    errors.EngineServerError: ProblemType(502, "engine-server", "The engine's server failed"),
    errors.EngineTimeoutError: ProblemType(
        504, "engine-timeout", "The engine's server did not answer"
    ),
    errors.RateLimitedError: ProblemType(503, "engine-busy", "The engine's server is busy"),
    errors.ThrottledError: ProblemType(503, "engine-limit", "The engine's rate limit is used up"),
    errors.StorageError: ProblemType(503, "storage", "The photo store cannot be used"),
    errors.DownloadError: ProblemType(502, "download", "A model could not be fetched"),
    errors.NotFoundError: ProblemType(404, "not-found", "There is no such thing"),
    errors.UnknownJobError: ProblemType(404, "unknown-job", "There is no such job"),
    errors.UnknownBatchError: ProblemType(404, "unknown-batch", "There is no such batch"),
    errors.UnknownProjectError: ProblemType(404, "unknown-project", "There is no such project"),
    errors.PermanentError: ProblemType(422, "refused", "The request cannot be carried out"),
    errors.PayloadError: ProblemType(422, "invalid", "A value is not possible"),
    errors.PhotoError: ProblemType(422, "photo", "The photo cannot be used"),
    errors.PhotoNotFoundError: ProblemType(404, "unknown-photo", "There is no such photo"),
    errors.UnreadablePhotoError: ProblemType(422, "unreadable-photo", "The photo cannot be read"),
    errors.PhotoTooLargeError: ProblemType(413, "too-large", "The photo is too large"),
    errors.PhotoConflictError: ProblemType(409, "photo-conflict", "The photo id is in use"),
    errors.ModelError: ProblemType(500, "model", "The model cannot be used"),
    errors.MessageRefusedError: ProblemType(500, "message", "A message was refused"),
    errors.StateError: ProblemType(409, "state", "The state does not allow it"),
    errors.TooSlowError: ProblemType(422, "too-slow", "There are too many jobs for that"),
    errors.NoWorkerError: ProblemType(503, "no-worker", "No worker is running"),
    errors.ResultTimeoutError: ProblemType(504, "timeout", "It did not finish in time"),
    errors.JobError: ProblemType(409, "job", "The job has no result"),
    errors.JobFailedError: ProblemType(409, "job-failed", "The job failed"),
    errors.JobCancelledError: ProblemType(409, "job-cancelled", "The job was cancelled"),
}


class ProblemError(Exception):
    """A request that the HTTP API itself refuses."""

    def __init__(
        self, status: int, slug: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = ProblemType(status, slug, HTTPStatus(status).phrase)
        self.headers = dict(headers or {})


def busy(detail: str) -> ProblemError:
    """Return the 503 for exceeded capacity."""
    return ProblemError(503, "busy", detail, headers={"Retry-After": str(_RETRY_SECONDS)})


def problem(
    kind: ProblemType, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Build a problem response."""
    content = {
        "type": f"urn:photoqueue:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        **members,
    }
    return Response(
        json.dumps(content).encode(), kind.status, media_type=MEDIA_TYPE, headers=headers
    )


def answer_for(exc: Exception) -> Response:
    """Build the response for an exception; details of an unexpected one go only to the log."""
    if isinstance(exc, ProblemError):
        return problem(exc.kind, str(exc), headers=exc.headers)
    if isinstance(exc, PhotoqueueError):
        kind = next(KINDS[cls] for cls in type(exc).__mro__ if cls in KINDS)
        headers = {"Retry-After": str(_RETRY_SECONDS)} if kind.status == 503 else None
        if kind.status >= 500:
            logger.warning("%s: %s", type(exc).__name__, exc)
        return problem(kind, str(exc), headers=headers)
    reference = secrets.token_hex(4)
    logger.error("internal error %s", reference, exc_info=exc)
    return problem(
        ProblemType(500, "internal", "Internal error"),
        f"This is a fault of the server. Its log has the details under {reference}; "
        "report it to the operator.",
    )


def install(app: FastAPI, routes: Sequence[APIRoute]) -> None:
    """Make an application with these routes turn exceptions into problem responses."""
    app.state.routes = routes
    app.add_exception_handler(PhotoqueueError, _own)
    app.add_exception_handler(ProblemError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _own(_: Request, exc: Exception) -> Response:
    return answer_for(exc)


async def _invalid(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    found = exc.errors()
    faults = [
        {"where": ".".join(map(str, fault["loc"]))[:200], "problem": str(fault["msg"])[:200]}
        for fault in found[:_MOST_FAULTS]
    ]
    if any(fault["type"] == "json_invalid" for fault in found):
        return problem(
            ProblemType(400, "malformed", "Malformed JSON"),
            "The body is not JSON. Send a JSON object as /openapi.json describes it.",
            errors=faults,
        )
    said = "; ".join(f"{fault['where']}: {fault['problem']}" for fault in faults[:3])
    return problem(
        ProblemType(422, "invalid", "The request is not as the API expects it"),
        f"{said}. Correct it; /openapi.json describes what is expected.",
        errors=faults,
    )


#: Advice for errors that the framework raises.
_ADVICE: Final = {
    400: "Send what /openapi.json describes.",
    404: "There is nothing at this address; /openapi.json lists the addresses.",
    405: "This address does not answer to this method; /openapi.json lists those it does.",
}


async def _http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    phrase = HTTPStatus(exc.status_code).phrase
    headers = dict(exc.headers or {})
    if exc.status_code == 405 and (allowed := _methods(request)):
        headers["Allow"] = ", ".join(allowed)
    said = "" if exc.detail == phrase else f"{exc.detail}. "
    return problem(
        ProblemType(exc.status_code, phrase.lower().replace(" ", "-"), phrase),
        f"{said}{_ADVICE.get(exc.status_code, 'Correct the request.')}",
        headers=headers,
    )


def _methods(request: Request) -> list[str]:
    """Return the methods of an address; the framework names those of the first route alone."""
    routes = request.app.state.routes
    here = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    # An id may hold slashes: "/api/jobs/j/retry" is what one does to j rather than a job "j/retry".
    closest = max((len(route.path_format) for route in here), default=0)
    return sorted(
        {method for route in here if len(route.path_format) == closest for method in route.methods}
    )
