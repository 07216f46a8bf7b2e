"""The application: addresses, and the layers around them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from photoqueue import __version__
from photoqueue.faces.http import problems
from photoqueue.faces.http.access import Access
from photoqueue.faces.http.answers import Problem
from photoqueue.faces.http.backend import Backend
from photoqueue.faces.http.guard import Guard
from photoqueue.faces.http.limits import BodyLimit, RateLimit
from photoqueue.faces.http.routes import (
    batches,
    board,
    health,
    jobs,
    metrics,
    photos,
    projects,
    queues,
)
from photoqueue.settings import Settings

_ROUTERS: Final = (
    queues.router,
    photos.router,
    jobs.router,
    projects.router,
    batches.router,
    health.router,
    metrics.router,
    board.router,
)
#: What any address may answer.
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "The request cannot be read."},
    401: {"model": Problem, "description": "The token is missing or wrong."},
    403: {"model": Problem, "description": "A page of another site asked."},
    404: {"model": Problem, "description": "There is no such thing."},
    409: {"model": Problem, "description": "The state of the thing does not allow it."},
    413: {"model": Problem, "description": "The body is too large."},
    415: {"model": Problem, "description": "The body is of another kind."},
    422: {"model": Problem, "description": "A value is not as expected."},
    429: {"model": Problem, "description": "Too many requests; see Retry-After."},
    500: {"model": Problem, "description": "A fault of the server."},
    503: {"model": Problem, "description": "A server is away or busy; see Retry-After."},
}


def create_app(settings: Settings) -> FastAPI:
    """Make the application.

    It works on the installation of the process (:func:`photoqueue.installation.current`), which
    it opens at the first request; ``settings`` says who may ask and how much.

    Examples
    --------
    >>> app = create_app(load_settings())  # doctest: +SKIP
    """
    app = FastAPI(
        title="photoqueue",
        version=__version__,
        description="Photos of rooms go in, tracked results come out.",
        # Their pages load scripts from other addresses.
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    app.state.backend = Backend(settings)
    for router in _ROUTERS:
        app.include_router(router)
    problems.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(
        BodyLimit, max_photo=round(settings.max_photo_mb * 2**20), uploads=photos.UPLOADS
    )
    app.add_middleware(Access, token=settings.api_token)
    app.add_middleware(RateLimit, per_second=settings.api_requests_per_second)
    app.add_middleware(Guard)
    app.openapi = lambda: _described(app, with_token=settings.api_token is not None)  # type: ignore[method-assign]  # FastAPI's own way
    return app


def _described(app: FastAPI, *, with_token: bool) -> dict[str, Any]:
    """Describe the API, with problems as what they are sent as."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for methods in made["paths"].values():
            for operation in methods.values():
                for answer in operation["responses"].values():
                    _as_problem(answer.get("content", {}))
        if with_token:
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema


def _as_problem(content: dict[str, Any]) -> None:
    schema = content.get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/Problem"):
        content[problems.MEDIA_TYPE] = content.pop("application/json")
