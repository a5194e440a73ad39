"""A small TCP proxy between a station and its hub that can do what networks do."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from urllib.parse import urlsplit


class FaultyProxy:
    """Passes bytes to the hub and back. ``url`` is where the station connects.

    ``lose_answers()``: requests arrive, answers do not. ``cut()``: nobody is there. ``mute()``: connections open
    and stay silent. ``heal()``: as if nothing had been.
    """

    def __init__(self, hub_url: str) -> None:
        parts = urlsplit(hub_url)
        self._to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._mode = "pass"
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._do(self._listen())
        self.lost = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut():
            writer.close()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        pair = (writer, up_writer)
        if self._is_cut():  # while it was on its way there
            for end in pair:
                end.transport.abort()
            return
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._up(reader, up_writer), self._down(up_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._pairs.discard(pair)
            for end in pair:
                end.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self._mode == "lose":
                self.lost += 1
                break
            if self._mode == "mute":
                continue
            writer.write(data)
            await writer.drain()
        writer.close()

    def _is_cut(self) -> bool:
        return self._mode == "cut"

    def lose_answers(self) -> None:
        self._mode = "lose"

    def mute(self) -> None:
        self._mode = "mute"

    def cut(self) -> None:
        self._mode = "cut"
        self._do(self._drop())

    def heal(self) -> None:
        self._mode = "pass"

    def point_at(self, hub_url: str) -> None:
        """Another hub (the same one after a restart) from now on."""
        parts = urlsplit(hub_url)
        self._to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._do(self._drop())

    async def _drop(self) -> None:
        for pair in list(self._pairs):
            for end in pair:
                end.transport.abort()

    def close(self) -> None:
        async def stop() -> None:
            self._mode = "cut"
            if self._server is not None:
                self._server.close()
            me = asyncio.current_task()
            for _ in range(200):  # who was just connecting is dropped in the next round
                await self._drop()
                await asyncio.sleep(0.01)  # transports say goodbye in the loop's next rounds
                if not [task for task in asyncio.all_tasks() if task is not me]:
                    break

        try:
            self._do(stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=20)
            self._loop.close()

    def __enter__(self) -> FaultyProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
