"""The HTTP API as an application, and the server that runs it."""

from __future__ import annotations

import logging
import signal
import socket
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from photoqueue import __version__
from photoqueue.addresses import listen, origin
from photoqueue.errors import ConfigurationError, PhotoqueueError
from photoqueue.faces.http import access, problems
from photoqueue.faces.http.answers import Problem
from photoqueue.faces.http.backend import ApiBackend
from photoqueue.faces.http.connections import Connection
from photoqueue.faces.http.idempotency import KEY, Idempotency
from photoqueue.faces.http.middleware import BodyLimit, Guard, RateLimit
from photoqueue.faces.http.routes import batches, jobs, projects, submissions, system
from photoqueue.installation import current
from photoqueue.settings import Settings
from photoqueue.words import TokenScope

_ROUTERS: Final = (
    submissions.router,
    jobs.router,
    batches.router,
    projects.router,
    projects.reviews,
    system.router,
)
#: In the order in which they are asked whether they are meant.
API_ROUTES: Final = [
    route for router in _ROUTERS for route in router.routes if isinstance(route, APIRoute)
]
#: Problem responses that any route may give.
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Problem, "description": description}
    for status, description in {
        400: "The request cannot be read.",
        401: "The token is missing or wrong.",
        403: "The token's scope, or a page of another site, does not allow it.",
        404: "There is no such thing.",
        409: "The state of the thing does not allow it.",
        413: "The body is too large.",
        415: "The body has an unsupported media type.",
        422: "A value is not as expected.",
        429: "Too many requests; see Retry-After.",
        500: "A fault of the server.",
        503: "A server is unavailable or busy; see Retry-After.",
    }.items()
}

_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": f"^{KEY}$"},
    "description": "A name that no other request has. Sent again under it within a day, the "
    "request is not carried out again, but answered as the first time.",
}


def create_app(settings: Settings) -> FastAPI:
    """Make the application.

    It uses the installation of the process (:func:`photoqueue.installation.current`), opened at the
    first request; ``settings`` provides the token and the limits.

    Examples
    --------
    >>> app = create_app(load_settings())  # doctest: +SKIP
    """
    app = FastAPI(
        title="photoqueue",
        version=__version__,
        description="Submit photos of rooms and read the tracked results.",
        # These pages would load scripts from other sites.
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    backend = app.state.backend = ApiBackend(settings)
    for router in _ROUTERS:
        app.include_router(router)
    problems.install(app, API_ROUTES)
    # The middleware added last sees a request first.
    app.add_middleware(access.OperationLog, backend=backend)
    app.add_middleware(Idempotency, backend=backend)
    app.add_middleware(BodyLimit, max_photo=round(settings.max_photo_mb * 2**20))
    app.add_middleware(access.AccessCheck, backend=backend, routes=API_ROUTES)
    app.add_middleware(RateLimit, per_second=settings.api_requests_per_second)
    app.add_middleware(Guard)
    app.openapi = lambda: _described(app, with_token=settings.api_token is not None)  # type: ignore[method-assign]  # FastAPI's own way
    return app


def _described(app: FastAPI, *, with_token: bool) -> dict[str, Any]:
    """Describe the API; problems get their own media type."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        if with_token:
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for route in (one for one in API_ROUTES if one.include_in_schema):
            needed = access.needed_by(route)
            for method in route.methods or ():
                operation = made["paths"][route.path_format][method.lower()]
                for answer in operation["responses"].values():
                    content = answer.get("content", {})
                    if "/Problem'" in str(content.get("application/json")):
                        content[problems.MEDIA_TYPE] = content.pop("application/json")
                if method == "POST" and needed is not TokenScope.READ:
                    operation.setdefault("parameters", []).append(_KEY)
                if with_token and route.path_format not in access.OPEN:
                    operation["security"] = [{"token": [needed]}]
        app.openapi_schema = made
    return app.openapi_schema


logger = logging.getLogger(__name__)

#: Seconds for open requests to finish after SIGTERM or Ctrl-C.
_GRACE_SECONDS: Final = 5


class ApiServer(uvicorn.Server):
    """A server that shuts down cleanly, with status 0, on SIGTERM and Ctrl-C."""

    def __init__(self, config: uvicorn.Config, backend: ApiBackend) -> None:
        super().__init__(config)
        self._backend = backend

    async def on_tick(self, counter: int) -> bool:
        """Once a second, end the connections that take too long."""
        if counter % 10 == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.end_if_overdue()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to shut down; a second Ctrl-C exits at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        # Not recorded as in uvicorn, which would raise the signal again after the shutdown.

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down; event streams end first."""
        self._backend.stopping.set()
        await super().shutdown(sockets)


def run(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C.

    The API also starts while PostgreSQL or Redis is down; responses then say what is wrong.

    Raises
    ------
    ConfigurationError
        The address must not or cannot be used, or a setting is wrong.
    """
    check_token(settings, host)
    listening = listen(host, port, host_option="--host", port_option="--port")
    try:
        current()
    except ConfigurationError:
        listening.close()
        raise
    except PhotoqueueError as exc:
        logger.warning("not ready: %s", exc)
    server = make_server(settings)
    logger.info("serving on %s", origin(host, listening.getsockname()[1]))
    server.run(sockets=[listening])
    logger.info("ended")


def make_server(settings: Settings) -> ApiServer:
    """Make a server that does not listen yet."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        # Sets the client of a request from a trusted proxy to the one that the proxy names.
        proxy_headers=bool(settings.api_trusted_proxies),
        forwarded_allow_ips=list(settings.api_trusted_proxies),
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        lifespan="off",
    )
    return ApiServer(config, app.state.backend)


def check_token(settings: Settings, host: str) -> None:
    """Make sure that the API is not open to the network without a token.

    Raises
    ------
    ConfigurationError
        The address is not a loopback one and there is no token, or it is too short.
    """
    advice = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if settings.api_token is None:
        if not access.is_loopback(host):
            raise ConfigurationError(
                f"{host} can be reached from other machines, so PHOTOQUEUE_API_TOKEN must be set, "
                f"which callers then send. {advice}"
            )
    elif len(settings.api_token.get_secret_value()) < access.MIN_TOKEN:
        raise ConfigurationError(
            f"PHOTOQUEUE_API_TOKEN is shorter than {access.MIN_TOKEN} characters. {advice}"
        )
