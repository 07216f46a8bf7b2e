"""Look at an installation without starting or migrating it.

The client's verbs open an installation, which starts its servers. What tells how things are
must not, and must tell it also when they are broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from photoqueue import services
from photoqueue.services import Endpoints, ServerStatus

if TYPE_CHECKING:
    from photoqueue.installation import Installation
    from photoqueue.settings import Settings
    from photoqueue.tracking.queue_stats import QueueStats


class Survey:
    """What can be told of an installation from outside.

    Parameters
    ----------
    settings
        The installation; its servers may be away.
    opened
        The same, where this process has it open: its connections are used, and left open.
    """

    def __init__(self, settings: Settings, *, opened: Installation | None = None) -> None:
        self.settings = settings
        self._opened = opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._opened is None and "_installation" in self.__dict__:
            self._installation.close()

    @cached_property
    def servers(self) -> tuple[ServerStatus, ServerStatus]:
        """How PostgreSQL and Redis are, in this order."""
        postgres, redis = services.status(self.settings)
        return postgres, redis

    @property
    def database_runs(self) -> bool:
        """Whether PostgreSQL can be asked: it is configured, or runs already."""
        return self.servers[0].running is not False

    @cached_property
    def _installation(self) -> Installation:
        from photoqueue.installation import Installation

        if self._opened is not None:
            return self._opened
        postgres, _ = self.servers
        url = self.settings.database_url or SecretStr(postgres.where)
        return Installation(
            self.settings,
            Endpoints(
                database_url=url,
                redis_url=self.settings.redis_url,
                embedded_database=postgres.embedded,
                embedded_redis=False,
            ),
        )

    def database_version(self) -> str:
        """Ask PostgreSQL for its version."""
        return self._installation.database.server_version()

    def revision(self) -> str | None:
        """Read the revision of the tracking tables; None where there are none."""
        return self._installation.database.revision()

    def queues(self) -> Mapping[str, QueueStats]:
        """Count jobs and live workers."""
        from photoqueue.tracking.queue_stats import stats

        counts = stats(self._installation.database, self.settings.lease_seconds)
        return {str(queue): found for queue, found in counts.items()}

    def ping_redis(self) -> str:
        """Ask the configured Redis for its version."""
        from photoqueue.broker.broker import Broker

        if self._opened is not None:
            return self._opened.broker.ping().removeprefix("Redis ")
        assert self.settings.redis_url is not None
        url = self.settings.redis_url.get_secret_value()
        broker = Broker(url, database_url="", namespace="doctor")
        try:
            return broker.ping().removeprefix("Redis ")
        finally:
            broker.close()
