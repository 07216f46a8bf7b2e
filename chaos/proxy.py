"""A socket before a server: it leads elsewhere, or cuts connections to PostgreSQL in a statement.

Three ways of being cut, which a client cannot tell apart:

``before``
    the statement never reaches the server;
``after``
    the server executes it, its answer is lost;
``late``
    the client is cut at once, and the server receives the statement a second later, when
    the client may already have tried it again over another connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Final, Literal

Cut = Literal["before", "after", "late"]
CUTS: Final[tuple[Cut, ...]] = ("before", "after", "late")
#: Seconds by which a late statement is late: more than a worker waits before it tries again.
_LATE_SECONDS: Final = 1.2
#: First bytes of what a client sends with a statement: a query, or a prepared one's parse or bind.
_STATEMENTS: Final = (b"Q", b"P", b"B")


class Proxy:
    """Passes connections on to a Unix socket, until told to cut them."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.folder = Path(tempfile.mkdtemp(prefix="pq-"))
        self._path = self.folder / target.name
        self._cuts: list[Cut] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def cut_statements(self, cuts: list[Cut]) -> None:
        """Cut the connections that send the next statements, each in its way."""
        self._loop.call_soon_threadsafe(self._cuts.extend, cuts)

    def lead_to(self, target: Path) -> None:
        """Lead new connections to another server; those that are open stay where they are."""
        self._target = target

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        self._loop.call_soon_threadsafe(self._close_writers)

    def close(self) -> None:
        """Stop listening, cut everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_unix_server(self._serve, str(self._path))
        )
        self._path.chmod(0o777)
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._close_writers()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def _close_writers(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, forth}
        answers = asyncio.create_task(self._pass_answers(back, writer))
        try:
            await self._pass_statements(reader, writer, forth)
        except asyncio.CancelledError:
            pass  # the proxy is closed
        finally:
            answers.cancel()
            for side in (writer, forth):
                self._writers.discard(side)
                side.transport.abort()

    async def _pass_answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await back.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def _pass_statements(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        forth: asyncio.StreamWriter,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self._cuts and data.startswith(_STATEMENTS):
                    await self._cut(self._cuts.pop(0), data, writer, forth)
                    return
                forth.write(data)
                await forth.drain()

    async def _cut(
        self, how: Cut, data: bytes, writer: asyncio.StreamWriter, forth: asyncio.StreamWriter
    ) -> None:
        if how == "late":
            writer.transport.abort()
            await asyncio.sleep(_LATE_SECONDS)
        if how != "before":
            forth.write(data)
            with contextlib.suppress(OSError):
                await forth.drain()
            if how == "after":
                writer.transport.abort()
            # The server gets the time to execute it before it sees the connection end.
            await asyncio.sleep(0.2)
