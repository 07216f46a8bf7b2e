"""The embedded servers: a real PostgreSQL and a real Redis under ``PHOTOQUEUE_HOME``.

They start on first use, are shared by every process of that home, outlive the process
that started them, listen on Unix sockets only, and stop with :func:`down`::

    endpoints = ensure(load_settings())
    endpoints.database_url.get_secret_value()  # postgresql://photoqueue@/photoqueue?host=…

A configured ``DATABASE_URL`` or ``REDIS_URL`` takes the place of its embedded server.
"""

from __future__ import annotations

from photoqueue.services.embedded import Endpoints, ServerStatus, down, ensure, status

__all__ = ["Endpoints", "ServerStatus", "down", "ensure", "status"]
