"""What befalls PostgreSQL, Redis and the HTTP API: strikes, and what heals them."""

from __future__ import annotations

import contextlib
import random
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import httpx
import psutil

from chaos.engine import runs_in
from chaos.load import photo
from chaos.servers import CLEAN
from chaos.stage import Stage
from photoqueue.services.lifecycle import EmbeddedServer

Strike = Callable[[Stage, random.Random], str]
Heal = Callable[[Stage], None]

#: Connections that say nothing, uploads that stop in the middle, and the address that they come
#: from: another one than that of the client that must be served beside them, within so long.
_SILENT: Final = 1000
_STALLED: Final = 16
_STRANGER: Final = "127.0.0.2"
_UPLOAD_SECONDS: Final = 30.0


def stopping(name: str) -> Strike:
    """Stop a server cleanly."""
    return lambda stage, chance: stage.servers.stop(_of(stage, name), CLEAN[name]) or ""


def killing(name: str) -> Strike:
    """Kill a server: PostgreSQL recovers from its log, Redis may forget a second."""
    return lambda stage, chance: stage.servers.stop(_of(stage, name), signal.SIGKILL) or ""


def kill_pooler(stage: Stage, chance: random.Random) -> str:
    """Cut all connections through the pooler, and accept no more."""
    assert stage.servers.pooler is not None
    stage.servers.pooler.stop()
    return ""


def start(stage: Stage) -> None:
    """Start what does not run."""
    stage.servers.start()


def freeze(processes: Iterable[psutil.Process]) -> None:
    """Let processes do nothing, and answer nothing."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()


def thaw(processes: Iterable[psutil.Process]) -> None:
    """Let processes go on."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def freezing(name: str) -> Strike:
    """Freeze a server: connections stay, nothing is answered."""
    return lambda stage, chance: freeze(_of(stage, name).processes()) or ""


def thaw_servers(stage: Stage) -> None:
    """Let both go on."""
    thaw(stage.servers.postgres.processes() + stage.servers.redis.processes())


def replacing(name: str, *, keep: bool) -> Strike:
    """Put a replica in charge, to which the address does not lead yet.

    One that is kept is a replica from now on: whoever is connected to it can read, not write.
    """

    def replace(stage: Stage, chance: random.Random) -> str:
        servers = stage.servers
        (servers.replace_redis if name == "Redis" else servers.replace_postgres)(keep=keep)
        return ""

    return replace


def lead(stage: Stage) -> None:
    """Lead new connections to the servers in charge."""
    stage.servers.lead()


def empty_redis(stage: Stage, chance: random.Random) -> str:
    """Make Redis forget everything."""
    with stage.servers.client() as client:
        client.flushall()
    return ""


def limit_redis(stage: Stage, chance: random.Random) -> str:
    """Leave Redis no memory to write with."""
    _set_memory(stage, 1)
    return ""


def free_redis(stage: Stage) -> None:
    """Let Redis have all the memory that it wants."""
    _set_memory(stage, 0)


def fill_store(stage: Stage, chance: random.Random) -> str:
    """Leave no room in the photo store."""
    return _fill(stage.store)


def fill_servers(stage: Stage, chance: random.Random) -> str:
    """Leave the servers no room on their disk."""
    return _fill(stage.servers.home)


def free_disks(stage: Stage) -> None:
    """Make room again, and start what has ended for want of it."""
    for folder in (stage.store, stage.servers.home):
        (folder / "filler").unlink(missing_ok=True)
    stage.servers.start()


def move_servers(stage: Stage, chance: random.Random) -> str:
    """Make the clock of both servers jump by hours, while the workers' stays."""
    hours = chance.choice([-24, -3, -1, 1, 3, 24])
    stage.servers.clock.write_text(f"{hours * 3600:+d}")
    return f"{hours:+d} h"


def set_servers_clock(stage: Stage) -> None:
    """Make the clock of both servers jump back to what is right."""
    stage.servers.clock.write_text("+0")


def backing_up(name: str) -> Strike:
    """Take a backup of a server."""
    return lambda stage, chance: stage.servers.back_up(_of(stage, name)) or ""


def restoring(name: str) -> Heal:
    """Bring a server back to its backup.

    Of Redis nothing is missed. With PostgreSQL, what was submitted since then is forgotten, and
    what was done since then is done again: both are left out of what must hold.
    """

    def restore(stage: Stage) -> None:
        with stage.load.lock:
            stage.servers.restore(_of(stage, name))
            if name == "PostgreSQL":
                _forget(stage)

    return restore


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


def _of(stage: Stage, name: str) -> EmbeddedServer:
    return stage.servers.redis if name == "Redis" else stage.servers.postgres


def _set_memory(stage: Stage, size: int) -> None:
    with stage.servers.client() as client:
        client.config_set("maxmemory", size)


def _fill(folder: Path) -> str:
    filled = 0
    with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while written := file.write(bytes(2**20)):
            filled += written
    return f"with {filled / 2**20:.0f} MiB"


def _forget(stage: Stage) -> None:
    """Expect nothing of what a restored PostgreSQL does not know of."""
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
