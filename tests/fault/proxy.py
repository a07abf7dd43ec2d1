"""A TCP proxy that does harm on request: cuts, holds, drips, corrupts, delays, stops reading, refuses.

    with FaultProxy(server.host, server.port) as proxy:
        proxy.to_server.cut_after(0)                 # the next byte that the client sends reaches nobody
        ...
        assert proxy.to_server.arrived(b"INCR") == 1 and proxy.to_server.passed(b"INCR") == 0

It runs on a loop and thread of its own. Faults may be set at any time and from any thread; when the call returns they
are in force. They count bytes from that moment on. ``which`` says for what connections: those that are ``"open"`` now,
the ``"next"`` one, or ``"all"``, those open and those to come.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

from tests.fault.background import Background, settle, stop_accepting, turns
from tests.fault.links import Flow, How, Link

Which: TypeAlias = Literal["open", "next", "all"]

_REBIND = 200  # attempts, 10 ms apart, to listen again on the same port


class Direction:
    """The faults and records of one direction, ``proxy.to_server`` or ``proxy.to_client``."""

    def __init__(self, proxy: FaultProxy, flow_of: Callable[[Link], Flow]) -> None:
        self._proxy = proxy
        self._flow_of = flow_of

    def cut_after(self, count: int, *, how: How = "rst", which: Which = "open") -> None:
        """Cut as soon as exactly ``count`` more bytes have passed; 0: when the next byte comes, which does not pass."""

        def set_(flow: Flow) -> None:
            flow.cut_in, flow.cut_how = count, how

        self._each(set_, which)

    def hold(self, *, which: Which = "open") -> None:
        """Take all bytes and keep them, without limit, until ``release``."""
        self._each(lambda flow: setattr(flow, "held", True), which)

    def release(self) -> None:
        """Give on what was held, and hold no more."""
        self._each(lambda flow: setattr(flow, "held", False), "open")

    def drip(self, size: int, interval: float, *, which: Which = "open") -> None:
        """Give on at most ``size`` bytes every ``interval`` seconds."""
        self._each(lambda flow: setattr(flow, "drip", (size, interval)), which)

    def delay(self, seconds: float, *, which: Which = "open") -> None:
        """Give on what comes from now on so many seconds later, in order."""
        self._each(lambda flow: setattr(flow, "delay", seconds), which)

    def corrupt(self, after: int, *, flip: int = 0xFF, which: Which = "open") -> None:
        """XOR one byte with ``flip``: the one that comes after ``after`` more bytes."""
        self._each(lambda flow: flow.corrupt.__setitem__(flow.arrived + after, flip), which)

    def stop_reading(self, *, which: Which = "open") -> None:
        """Read nothing more, so that the sender's buffers fill up."""
        self._each(lambda flow: setattr(flow, "stalled", True), which)

    def read_again(self) -> None:
        """Read again."""
        self._each(lambda flow: setattr(flow, "stalled", False), "open")

    def arrived(self, pattern: bytes) -> int:
        """Return how often ``pattern`` is in what the proxy read, over all connections (the last MiB of each)."""
        return self._proxy.call(lambda: sum(flow.arrived_record.count(pattern) for flow in self._flows()))

    def passed(self, pattern: bytes) -> int:
        """Return how often ``pattern`` is in what the proxy gave on."""
        return self._proxy.call(lambda: sum(flow.passed_record.count(pattern) for flow in self._flows()))

    def arrived_bytes(self) -> int:
        """Return how many bytes the proxy read, over all connections."""
        return self._proxy.call(lambda: sum(flow.arrived for flow in self._flows()))

    def passed_bytes(self) -> int:
        """Return how many bytes the proxy gave on."""
        return self._proxy.call(lambda: sum(flow.passed for flow in self._flows()))

    def passed_record(self, connection: int = -1) -> bytes:
        """Return what passed on one connection, by its number (the last MiB of it)."""
        return self._proxy.call(lambda: bytes(self._flow_of(self._proxy.links[connection]).passed_record))

    async def wait_bytes(self, count: int) -> None:
        """Wait until the proxy has read ``count`` bytes in all."""
        what = f"{count} bytes"
        await self._proxy.until(lambda: sum(flow.arrived for flow in self._flows()) >= count, what)

    async def wait_arrived(self, pattern: bytes, count: int = 1) -> None:
        """Wait until ``pattern`` has come ``count`` times; given on or not."""

        def enough() -> bool:
            return sum(flow.arrived_record.count(pattern) for flow in self._flows()) >= count

        await self._proxy.until(enough, f"{count} times {pattern!r}")

    async def wait_passed(self, pattern: bytes, count: int = 1) -> None:
        """Wait until ``pattern`` has been given on ``count`` times."""

        def enough() -> bool:
            return sum(flow.passed_record.count(pattern) for flow in self._flows()) >= count

        await self._proxy.until(enough, f"{count} times {pattern!r} given on")

    def _flows(self) -> list[Flow]:
        return [self._flow_of(link) for link in self._proxy.links]

    def _each(self, change: Callable[[Flow], None], which: Which) -> None:
        def apply(link: Link) -> None:
            flow = self._flow_of(link)
            change(flow)
            flow.pump()

        self._proxy.apply(apply, which)


class FaultProxy(Background):
    """The proxy, as a context manager.

    Attributes:
        host: where it listens, 127.0.0.1.
        port: its port; the same for its whole life.
        target: host and port that it forwards to; may be changed.
        to_server: faults and records of what clients send.
        to_client: faults and records of what the target sends.
        links: all connections so far, in their order. Read it through ``call``.
    """

    host = "127.0.0.1"

    def __init__(self, host: str, port: int, *, receive_buffer: int | None = None) -> None:
        """Prepare a proxy to ``host``:``port``; its context runs it.

        Args:
            host: the target.
            port: the target's port.
            receive_buffer: bytes of the kernel's receive buffer towards clients, so that ``stop_reading`` is felt early.
        """
        super().__init__("fault proxy")
        self.target = (host, port)
        self.port = 0
        self.links: list[Link] = []
        self.to_server = Direction(self, lambda link: link.to_server)
        self.to_client = Direction(self, lambda link: link.to_client)
        self._receive_buffer = receive_buffer
        self._listener: asyncio.Server | None = None
        self._standing: list[Callable[[Link], None]] = []
        self._for_next: list[Callable[[Link], None]] = []
        self._silent = False

    # Faults of whole connections.

    def cut(self, how: How = "rst") -> None:
        """Cut all open connections now."""
        self.apply(lambda link: link.cut(how), "open")

    def cut_next(self, how: How = "rst") -> None:
        """Cut the next connection as soon as it is accepted."""
        self.apply(lambda link: link.cut(how), "next")

    def refuse(self) -> None:
        """Let new connections be refused; those that stand go on."""
        self.run(self._unlisten())

    def accept(self) -> None:
        """Accept new connections again, on the same port."""
        self.run(self._listen())

    def silence(self, silent: bool = True) -> None:
        """Accept new connections but connect them to nobody: what they send is read and dropped."""
        self.call(lambda: setattr(self, "_silent", silent))

    def heal(self) -> None:
        """Take back all faults, and give on what they kept. What is cut or silent stays so."""

        def heal() -> None:
            self._standing.clear()
            self._for_next.clear()
            self._silent = False
            for link in self.links:
                for flow in (link.to_server, link.to_client):
                    flow.cut_in, flow.held, flow.stalled, flow.drip, flow.delay = None, False, False, None, 0.0
                    flow.corrupt.clear()
                    if link.open:
                        flow.pump()

        self.call(heal)
        if self.call(lambda: self._listener is None):
            self.accept()

    # What was seen.

    def connections(self) -> int:
        """Return how many connections were accepted so far."""
        return self.call(lambda: len(self.links))

    def open_connections(self) -> int:
        """Return how many connections have not ended, seen from the client's side."""
        return self.call(lambda: sum(not link.gone for link in self.links))

    async def wait_connections(self, count: int) -> None:
        """Wait until ``count`` connections were accepted in all."""
        await self.until(lambda: len(self.links) >= count, f"{count} connections")

    async def wait_closed(self) -> None:
        """Wait until no connection is open on the client's side."""
        await self.until(lambda: all(link.gone for link in self.links), "the end of all connections")

    def state(self) -> str:
        """Say what has passed so far."""
        return self.call(
            lambda: "; ".join(
                f"connection {n}: {link.to_server.arrived} of it to the server ({link.to_server.passed} passed), "
                f"{link.to_client.arrived} to the client ({link.to_client.passed} passed)"
                for n, link in enumerate(self.links)
            )
            or "no connection"
        )

    # Its own machinery.

    def apply(self, action: Callable[[Link], None], which: Which) -> None:
        """Do something to connections; see the head of this module for ``which``."""

        def apply() -> None:
            if which == "next":
                self._for_next.append(action)
                return
            if which == "all":
                self._standing.append(action)
            for link in self.links:
                if link.open:
                    action(link)

        self.call(apply)

    def accepted(self, link: Link) -> None:
        """Take note of a new connection and set its faults."""
        self.links.append(link)
        actions, self._for_next = [*self._standing, *self._for_next], []
        for action in actions:
            action(link)
        self.changed()

    async def _open(self) -> None:
        await self._listen()

    async def _listen(self) -> None:
        assert self._listener is None, "it accepts already"
        for attempt in range(_REBIND):
            sock = socket.socket()
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if self._receive_buffer is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
                sock.bind((self.host, self.port))
                break
            except OSError:
                sock.close()
                if attempt == _REBIND - 1:
                    raise
                await asyncio.sleep(0.01)
        self.port = sock.getsockname()[1]
        make = partial(Link, self)
        self._listener = await asyncio.get_running_loop().create_server(lambda: make(self._silent).client, sock=sock)

    async def _unlisten(self) -> None:
        assert self._listener is not None, "it refuses already"
        listener, self._listener = self._listener, None
        await stop_accepting(listener)

    async def _close(self) -> None:
        if self._listener is not None:
            await self._unlisten()
        work = [link.work for link in self.links if link.work is not None]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await turns()  # a connection to the target may just have been made
        for link in self.links:
            link.closing = True
            link.to_server.drop()
            link.to_client.drop()
        transports = [transport for link in self.links for transport in link.transports()]
        await settle(transports, lambda: all(link.ended() for link in self.links))
