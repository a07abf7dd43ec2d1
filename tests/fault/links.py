"""What the fault proxy does with one connection: two flows of bytes, each with the faults that stand in its way."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Literal, Protocol, TypeAlias, cast

from tests.fault.background import delivered, reset

How: TypeAlias = Literal["rst", "fin"]

RECORD = 1 << 20  # bytes kept of each flow; older ones are forgotten
_PIECE = 64 << 10  # bytes that one write forwards


class Owner(Protocol):
    """The proxy, as its links see it."""

    target: tuple[str, int]

    def accepted(self, link: Link, /) -> None: ...

    def changed(self) -> None: ...


class Flow:
    """One direction of one connection: what arrived, what passed, and what faults stand in between.

    Attributes:
        arrived: how many bytes were read from its source.
        passed: how many bytes were given on.
    """

    def __init__(self, link: Link, name: str) -> None:
        self.arrived = self.passed = 0
        self.arrived_record, self.passed_record = bytearray(), bytearray()
        self.cut_in: int | None = None
        self.cut_how: How = "rst"
        self.held = self.stalled = self.swallow = False
        self.drip: tuple[int, float] | None = None
        self.delay = 0.0
        self.corrupt: dict[int, int] = {}  # absolute offset in the flow → what the byte is XORed with
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None
        self.full = False  # the sink takes nothing now
        self._link = link
        self._name = name
        self._pending: deque[tuple[float, bytes]] = deque()
        self.eof = False  # the source has sent its last byte
        self.finished = False  # and the sink has been told
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        if self.corrupt:
            damaged = bytearray(data)
            for offset in [o for o in self.corrupt if self.arrived <= o < self.arrived + len(data)]:
                damaged[offset - self.arrived] ^= self.corrupt.pop(offset)
            data = bytes(damaged)
        self.arrived += len(data)
        _record(self.arrived_record, data)
        if not self.swallow:
            self._pending.append((asyncio.get_running_loop().time() + self.delay, data))
            self.pump()

    def end(self) -> None:
        """The source has sent its last byte."""
        self.eof = True
        self.pump()

    def pump(self) -> None:
        """Give on what may be given on now."""
        loop = asyncio.get_running_loop()
        while self._pending and self._free() and self._timer is None:
            due, data = self._pending.popleft()
            if self.cut_in == 0:
                self._link.cut(self.cut_how)
                return
            if due > loop.time():
                self._pending.appendleft((due, data))
                self._timer = loop.call_at(due, self._again)
                break
            size = min(len(data), _PIECE, *(() if self.cut_in is None else (self.cut_in,)))
            if self.drip is not None:
                size = min(size, self.drip[0])
                self._timer = loop.call_later(self.drip[1], self._again)
            if size < len(data):
                self._pending.appendleft((due, data[size:]))
            self._give(data[:size])
            if self.cut_in == 0:
                self._link.cut(self.cut_how)
                return
        if self.eof and not self.finished and not self._pending and self._free() and self._link.open:
            assert self.sink is not None
            self.finished = True
            _finish(self.sink)
            self._link.finish()
        self.flow_control()

    def flow_control(self) -> None:
        """Read from the source unless told not to, or the sink is full; what is held is read and kept."""
        if self.source is None or self.source.is_closing() or self.eof:
            return
        if self.stalled or self.full or (self.sink is None and not self.swallow):
            self.source.pause_reading()
        else:
            self.source.resume_reading()

    def drop(self) -> None:
        """Forget what is pending: the link is being cut."""
        self._pending.clear()
        self.swallow = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _free(self) -> bool:
        return not (self.held or self.full or self.sink is None or self.sink.is_closing())

    def _again(self) -> None:
        self._timer = None
        self.pump()

    def _give(self, data: bytes) -> None:
        assert self.sink is not None
        self.passed += len(data)
        if self.cut_in is not None:
            self.cut_in -= len(data)
        _record(self.passed_record, data)
        self.sink.write(data)
        self._link.proxy.changed()


class _Side(asyncio.Protocol):
    """One socket of a link: the source of one flow, the sink of the other."""

    def __init__(self, link: Link, outgoing: Flow, incoming: Flow) -> None:
        self.link, self.source_of, self.sink_of = link, outgoing, incoming
        self.ended = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(0)  # full is full: the kernel alone holds what passed
        self.source_of.source = self.sink_of.sink = self.transport
        self.link.made(self)

    def data_received(self, data: bytes) -> None:
        self.source_of.feed(data)
        self.link.proxy.changed()

    def eof_received(self) -> bool:
        self.source_of.end()
        self.link.proxy.changed()
        return self.link.open and not self.link.silent  # keep the other direction open

    def pause_writing(self) -> None:
        self.sink_of.full = True
        self.sink_of.flow_control()

    def resume_writing(self) -> None:
        self.sink_of.full = False
        self.sink_of.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.link.lost(exc)
        self.link.proxy.changed()


class Link:
    """One client's connection and the one made for it to the target."""

    def __init__(self, proxy: Owner, silent: bool) -> None:
        self.proxy = proxy
        self.silent = silent
        self.to_server, self.to_client = Flow(self, "to_server"), Flow(self, "to_client")
        self.client = _Side(self, self.to_server, self.to_client)
        self.server = _Side(self, self.to_client, self.to_server)
        self.closing = False
        self.work: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return not self.closing

    def made(self, side: _Side) -> None:
        assert side.transport is not None
        loop = asyncio.get_running_loop()
        if side is self.client:
            self.proxy.accepted(self)
            if self.silent:
                self.to_server.swallow = True
            elif self.open:
                self.work = loop.create_task(self._reach())
            self.to_server.flow_control()
        elif self.open:
            self.to_client.flow_control()
            self.to_server.pump()
        else:
            side.transport.abort()

    async def _reach(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, *self.proxy.target)
        except OSError:
            self.cut("rst")

    def cut(self, how: How) -> None:
        """End the connection: towards the client by RST or FIN, towards the server always by FIN.

        What passed before the cut still arrives: an RST to the server could overtake it.
        """
        if self.closing:
            return
        self.closing = True
        self.to_server.drop()
        self.to_client.drop()
        loop = asyncio.get_running_loop()
        for transport in (self.client.transport, self.server.transport):
            if transport is not None:
                transport.resume_reading()  # what still comes is swallowed; unread, it would turn a FIN into an RST
        if self.work is not None:
            self.work.cancel()
        self.work = loop.create_task(self._end(how))

    async def _end(self, how: How) -> None:
        server, client = self.server.transport, self.client.transport
        if server is not None:
            server.close() if self.to_client.eof else _finish(server)
        if client is not None:
            if how == "rst":
                await delivered(client)
                reset(client)
            else:
                client.close() if self.to_server.eof else _finish(client)
        self.proxy.changed()

    def finish(self) -> None:
        """One direction is finished: close both sockets if the other one is, too."""
        if self.to_server.finished and self.to_client.finished:
            self.closing = True
            for transport in self.transports():
                transport.close()

    def lost(self, exc: Exception | None) -> None:
        """One side has ended: let the other follow, with the same kind of end."""
        self.cut("fin" if exc is None else "rst")

    @property
    def gone(self) -> bool:
        """Whether the client's side has ended, or the client will send no more."""
        return self.client.ended or self.to_server.eof

    def transports(self) -> list[asyncio.Transport]:
        return [side.transport for side in (self.client, self.server) if side.transport is not None]

    def ended(self) -> bool:
        return all(side.ended for side in (self.client, self.server) if side.transport is not None)


def _finish(sink: asyncio.Transport) -> None:
    if not sink.is_closing():
        with contextlib.suppress(OSError):
            sink.write_eof()


def _record(record: bytearray, data: bytes) -> None:
    record += data
    if len(record) > RECORD:
        del record[: len(record) - RECORD]
