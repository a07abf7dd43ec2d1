"""An event loop in a thread of its own, for peers that must go on while the tested client's loop is blocked.

Everything a test asks of such a peer runs on its loop and is done when the call returns. A peer that does not answer in
time is reported as such, so a blocked peer is never mistaken for a blocked client.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import fcntl
import socket
import struct
import sys
import termios
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

PATIENCE = 10.0  # seconds until a peer counts as blocked, or an event as not coming
_DRAIN_POLL = 0.001  # seconds between two looks at the kernel's send buffer


class Background:
    """Base of the peers: runs ``_open`` and ``_close`` on a loop of its own, from start to end of its context."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[tuple[Callable[[], bool], concurrent.futures.Future[None]]] = []
        self._problems: list[str] = []

    async def _open(self) -> None:
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        started: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._main, args=(started,), name=self._name, daemon=True)
        self._thread.start()
        self._loop = started.result(PATIENCE)
        try:
            self.run(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self._close())
        finally:
            self._stop()
        if error is None and self._problems:
            raise AssertionError(f"{self._name}: {'; '.join(self._problems)}")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the peer's loop and return its result."""
        assert self._loop is not None, "used outside its context"
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(PATIENCE)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise AssertionError(f"the thread of {self._name} was blocked for {PATIENCE:g} s") from None

    def call(self, function: Callable[[], T]) -> T:
        """Run a function on the peer's loop and return its result."""

        async def work() -> T:
            result = function()
            self.changed()
            return result

        return self.run(work())

    async def until(self, true: Callable[[], bool], what: str, limit: float = PATIENCE) -> None:
        """Wait, on the caller's loop, until something is true on the peer's.

        Args:
            true: is asked on the peer's loop after each of its events.
            what: names it in the error.
            limit: seconds to wait.
        """
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.call(lambda: self._waiters.append((true, future)))
        try:
            async with asyncio.timeout(limit):
                await asyncio.wrap_future(future)
        except TimeoutError:
            raise AssertionError(f"{self._name}: {what} did not happen within {limit:g} s; {self.state()}") from None

    def state(self) -> str:
        """Say where the peer is, for errors."""
        return ""

    def changed(self) -> None:
        """Look whether somebody waited for what is true now. Called on the peer's loop after each event."""
        still = []
        for true, future in self._waiters:
            if future.done():
                continue
            if not true():
                still.append((true, future))
            elif future.set_running_or_notify_cancel():
                future.set_result(None)
        self._waiters = still

    def _main(self, started: concurrent.futures.Future[asyncio.AbstractEventLoop]) -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(self._on_problem)
        loop.call_soon(started.set_result, loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _on_problem(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._problems.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        assert loop is not None
        assert thread is not None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"the thread of {self._name} did not end"


async def stop_accepting(listener: asyncio.Server) -> None:
    """Close a listener when each connection that it accepted has its transport.

    asyncio makes it in a task of its own, two turns after; on a listener that is closed meanwhile that fails without a
    word, and the socket is left open.
    """
    loop = asyncio.get_running_loop()
    for sock in listener.sockets:
        loop.remove_reader(sock.fileno())
    await turns()
    listener.close()


async def turns() -> None:
    """Let what is under way on the loop go on a little."""
    for _ in range(5):
        await asyncio.sleep(0)


async def settle(transports: list[asyncio.Transport], protocols_ended: Callable[[], bool]) -> None:
    """Abort transports and wait until their sockets are closed."""
    for transport in transports:
        transport.abort()
    while not protocols_ended():  # noqa: ASYNC110  # a few turns of the loop; an event would need an owner
        await asyncio.sleep(0)


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST. What the kernel has not delivered is lost; see ``delivered``."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def delivered(transport: asyncio.Transport) -> None:
    """Wait until the other end's kernel has all that was written, as far as this system tells."""
    # Polled, as the kernel tells nobody when its buffer is empty.
    while not transport.is_closing() and (  # noqa: ASYNC110
        transport.get_write_buffer_size() or _unacknowledged(transport)
    ):
        await asyncio.sleep(_DRAIN_POLL)


def _unacknowledged(transport: asyncio.Transport) -> int:
    if not sys.platform.startswith("linux"):
        return 0
    sock = transport.get_extra_info("socket")
    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder)
