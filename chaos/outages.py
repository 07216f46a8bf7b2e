"""What befalls servers, disks, clocks and the HTTP API, and what makes it good."""

from __future__ import annotations

import contextlib
import random
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx
import psutil

from chaos.engine import runs_in
from chaos.load import photo
from chaos.stage import Stage

#: The servers, and how the probe calls them.
SERVERS: Final = {"Redis": "broker", "PostgreSQL": "schema"}
#: Connections that say nothing, uploads that stop in the middle, and the address that they come
#: from: another one than that of the client that must be served beside them, within so long.
_SILENT: Final = 1000
_STALLED: Final = 16
_STRANGER: Final = "127.0.0.2"
_UPLOAD_SECONDS: Final = 30.0


def freeze(processes: Iterable[psutil.Process]) -> None:
    """Let processes do nothing, and answer nothing."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()


def limit(stage: Stage, size: int) -> None:
    """Let Redis have no more memory to write with; 0 sets no limit."""
    with stage.servers.client() as client:
        client.config_set("maxmemory", size)


def fill(disk: Path) -> str:
    """Leave no room on a small disk."""
    if not disk.is_mount():
        raise RuntimeError(f"{disk} is no disk of its own")
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(2**20)):
            pass
        return ""
    return f"with {(disk / 'filler').stat().st_size / 2**20:.0f} MiB"


def mend(stage: Stage) -> None:
    """Thaw what is frozen, make room, set the clocks, start servers and lead clients to them."""
    servers = stage.servers
    frozen = [*servers.postgres.processes(), *servers.redis.processes()]
    frozen += [process for worker in stage.workers.living for process in worker.family()]
    for process in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    for disk in (stage.store, servers.home):
        (disk / "filler").unlink(missing_ok=True)
    servers.clock.write_text("+0")
    servers.start()
    limit(stage, 0)


def set_back(stage: Stage) -> None:
    """Make it good where the clock was wrong, as ``docs/explanation/failures.md`` says."""
    mend(stage)
    with stage.servers.connect() as connection:
        connection.execute(
            "UPDATE jobs SET ready_at = now() WHERE state = 'delayed' AND started_at > now()"
        )


def restore(stage: Stage, name: str) -> None:
    """Bring a server back to its backup.

    Of Redis nothing is missed. With PostgreSQL, what was submitted since then is forgotten, and
    what was done since then is done again: neither is expected any more.
    """
    with stage.load.lock:
        stage.servers.restore(name)
        if name == "PostgreSQL":
            _forget(stage)


def stall_uploads(stage: Stage, chance: random.Random) -> str:
    """Open connections to the API that say nothing, or stop in the middle of a photo."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    place = httpx.URL(stage.api())
    head = (
        "POST /api/photos HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        'Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n\xff'
    )
    for number in range(_SILENT + _STALLED):
        with contextlib.suppress(OSError):  # refused: a limit for each client
            one = socket.create_connection((place.host, place.port), 5, (_STRANGER, 0))
            stage.strangers.append(one)
            if number >= _SILENT:
                one.sendall(head.encode("latin-1"))
    return f"{len(stage.strangers)} connections"


def upload_beside_stalled(stage: Stage) -> None:
    """Have a photo accepted while the stalled connections are open; then close these."""
    good = photo("ok")
    try:
        begin = time.monotonic()
        httpx.post(
            f"{stage.api()}/api/photos",
            files={"photo": ("a.jpg", good["photo"])},  # type: ignore[dict-item]  # bytes
            data={"userId": "chaos", "photoId": good["photo_id"]},
            timeout=_UPLOAD_SECONDS,
        ).raise_for_status()
        stage.load.accepted.photos.add(str(good["photo_id"]))
        stage.recovered[stage.fault].append(time.monotonic() - begin)
    except httpx.HTTPError as exc:
        raise RuntimeError(f"no photo can be uploaded beside stalled connections: {exc!r}") from exc
    finally:
        while stage.strangers:
            stage.strangers.pop().close()
        stage.services.kill()


def _forget(stage: Stage) -> None:
    known = dict(stage.rows("SELECT photo_id, attempts FROM jobs WHERE photo_id IS NOT NULL"))
    accepted = stage.load.accepted
    accepted.photos &= known.keys()
    accepted.refused.clear()
    query = "SELECT count(*) FROM jobs WHERE queue_name = 'inventory-sync'"
    accepted.inventories = stage.rows(query)[0][0]
    runs = runs_in(stage.runs)
    stage.forgotten = Counter(
        {one: max(0, len(tokens) - known.get(one, 0)) for one, tokens in runs.items()}
    )
