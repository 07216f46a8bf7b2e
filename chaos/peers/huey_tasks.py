"""Raw Huey: ``huey_consumer chaos.peers.huey_tasks.huey -k process -w 2``."""

from __future__ import annotations

import os
import sys

from huey import RedisHuey
from redis import ConnectionPool

from chaos.peers.effects import work

huey = RedisHuey(
    "chaos", connection_pool=ConnectionPool.from_url(os.environ["CHAOS_REDIS_URL"]), results=False
)


@huey.task(retries=3, retry_delay=5, retry_backoff=4)
def job(name: str) -> None:
    """Do the work."""
    work(name)


def main() -> None:
    """Submit as many jobs as asked for, or tell how many are queued."""
    if sys.argv[1] == "submit":
        for number in range(int(sys.argv[2])):
            job(f"job-{number}")
    else:
        print(huey.pending_count() + huey.scheduled_count())


if __name__ == "__main__":
    main()
