"""``photoqueue serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from photoqueue.faces.cli.worker import LogFormatName


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    log_format: Annotated[
        LogFormatName, typer.Option(help="Form of the log.")
    ] = LogFormatName.TEXT,
) -> None:
    """Serve the HTTP API and the board, until SIGTERM or Ctrl-C.

    PHOTOQUEUE_API_TOKEN is what callers must send as a bearer token; without one, only this
    machine can ask.
    """
    from photoqueue.errors import ConfigurationError
    from photoqueue.settings import load_settings
    from photoqueue.worker.logs import configure_logging

    try:
        from photoqueue.faces.http.server import run
    except ModuleNotFoundError as exc:
        if (exc.name or "photoqueue").startswith("photoqueue"):
            raise
        raise ConfigurationError(
            f"The HTTP API needs the package {exc.name}. Install it: "
            "pip install 'photoqueue[server]'"
        ) from exc
    configure_logging("json" if log_format is LogFormatName.JSON else "text")
    run(load_settings(), host=host, port=port)
