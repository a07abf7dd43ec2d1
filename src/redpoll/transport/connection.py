"""One connection: an asyncio protocol around a ``Session``.

It hands received bytes to its session and the loss of the connection to its owner. It writes what it is given; large
payloads go out in pieces as the socket takes them, so that neither a copy of the whole nor one long stretch of work
holds the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from typing_extensions import override

from redpoll.errors import ConnectionFailed, ProtocolViolation, RedisError
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Group
from redpoll.protocol.encode import encode
from redpoll.protocol.handshake import Ready, Step, judge, opening
from redpoll.protocol.session import Session
from redpoll.spec import Spec

from .stream import dial, why

LARGE: Final = 64 << 10
"""Payloads from this many bytes on are written on their own, not joined with others."""

_PIECE: Final = 256 << 10
_STRETCH: Final = 1 << 20  # bytes given to the socket before others get their turn
_HANDSHAKE: Final[Spec[Any]] = Spec("HELLO")


def _ignore() -> None:
    pass


def _ignore_push(_push: list[Any]) -> None:
    pass


def _ignore_loss(_connection: Connection, _pending: list[Call], _reason: RedisError) -> None:
    pass


class Connection(asyncio.Protocol):
    """One connection to a server.

    Attributes:
        session: its replies in step.
        paused: nothing more must be written now; ``on_resume`` says when it may again.
        ready: the outcome of the handshake.
        lost: the connection has ended.
        on_read: called after every chunk that was received.
        on_resume: called when it may be written to again.
        on_lost: called once, with the calls that still wait and the reason.
    """

    __slots__ = (
        "_end",
        "_rest",
        "_settings",
        "_socket_full",
        "_transport",
        "_violation",
        "lost",
        "on_lost",
        "on_read",
        "on_resume",
        "paused",
        "ready",
        "session",
    )

    def __init__(self, settings: Settings, on_push: Callable[[list[Any]], None] = _ignore_push) -> None:
        self.session = Session(on_push, address=str(settings.address), max_reply_bytes=settings.max_reply_bytes)
        self.paused = False
        self.lost = False
        self.ready = Ready(2, {})
        self.on_read: Callable[[], None] = _ignore
        self.on_resume: Callable[[], None] = _ignore
        self.on_lost: Callable[[Connection, list[Call], RedisError], None] = self._refuse
        self._settings = settings
        self._transport: asyncio.Transport | None = None
        self._socket_full = False
        self._rest: memoryview | None = None  # what is left of a large payload
        self._end: asyncio.Future[None] | None = None
        self._violation: ProtocolViolation | None = None

    # What asyncio calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        """End the calls whose replies are whole."""
        try:
            self.session.feed(data)
        except ProtocolViolation as violation:
            self._violation = violation
            self.abort()
        self.on_read()

    @override
    def pause_writing(self) -> None:
        """Stop: the socket's buffer is full."""
        self._socket_full = self.paused = True

    @override
    def resume_writing(self) -> None:
        """Go on: there is room again. Not at once: a write that fails in here ends asyncio's transport twice."""
        self._socket_full = False
        asyncio.get_running_loop().call_soon(self._write_rest)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Hand the calls that still wait to the owner."""
        self.lost = self.paused = True
        self._rest = None
        self._transport = None
        pending = self.session.lost()
        reason: RedisError
        if self._violation is not None:
            reason = self._violation
        else:
            reason = ConnectionFailed(f"the connection ended: {why(exc)}", address=str(self._settings.address))
        self.on_lost(self, pending, reason)
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    # What its owner calls.

    def blocked(self) -> bool:
        """Return whether nothing can be written now."""
        return self.paused or self.closing

    @property
    def closing(self) -> bool:
        """Whether what is written now would go nowhere."""
        return self._transport is None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Give bytes to the socket. Not to be called while ``paused``."""
        if len(data) <= _PIECE and self._transport is not None:
            self._transport.write(data)
        else:
            self._rest = memoryview(data)
            self._write_rest()

    def send(self, call: Call) -> None:
        """Give one call to the connection."""
        call.given += 1
        self.session.waiting.append(call)
        self.write(call.payload)

    def abort(self) -> None:
        """Close at once, dropping what is not written yet."""
        if self._transport is not None:
            self._transport.abort()

    async def ended(self) -> None:
        """Wait until the connection has ended; ``abort`` it before."""
        if not self.lost:
            self._end = asyncio.get_running_loop().create_future()
            await self._end

    def forget(self) -> None:
        """Close the socket of a connection whose event loop is closed.

        ``abort`` cannot: it leaves the work to the loop. What it would have the loop call is private, but the same in
        all versions; a transport that lacks it (uvloop's) was closed together with its loop.
        """
        transport, self.on_lost = self._transport, _ignore_loss
        finish = getattr(transport, "_call_connection_lost", None)
        if finish is not None:
            with contextlib.suppress(Exception):
                finish(None)
        self.connection_lost(None)

    def _write_rest(self) -> None:
        stretch = 0
        while (rest := self._rest) is not None and not self._socket_full and self._transport is not None:
            if stretch >= _STRETCH:
                asyncio.get_running_loop().call_soon(self._write_rest)
                break
            self._transport.write(rest[:_PIECE])
            self._rest = rest[_PIECE:] if len(rest) > _PIECE else None
            stretch += _PIECE
        was_paused, self.paused = self.paused, self.lost or self._socket_full or self._rest is not None
        if was_paused and not self.paused:
            self.on_resume()

    def _refuse(self, _connection: Connection, pending: list[Call], reason: RedisError) -> None:
        for call in pending:
            call.set_exception(reason)

    def ask(self, steps: Sequence[Step]) -> Group:
        """Send the steps of the handshake in one write; the group's result are their replies."""
        group = Group(loop=asyncio.get_running_loop())
        group.spec, group.payload = _HANDSHAKE, b"".join([encode(str(s.words[0]), s.words) for s in steps])
        group.texts = [True] * len(steps)
        group.replay, group.given, group.batch = False, 0, None
        group.again()
        self.send(group)
        return group


async def connect(settings: Settings, on_push: Callable[[list[Any]], None] = _ignore_push) -> Connection:
    """Dial a server and shake hands, both within ``connect_timeout``.

    Raises:
        AuthenticationFailed: the server refused the credentials, or wants some.
        ConnectionFailed: it cannot be reached, is too slow, or refuses.
        ProtocolViolation: it does not speak RESP.
    """
    connection = Connection(settings, on_push)
    address = str(settings.address)
    limit = asyncio.timeout(settings.connect_timeout)
    done = False
    try:
        async with limit:
            await dial(settings.address, lambda: connection)
            outcome: Ready | list[Step] = opening(settings)
            while isinstance(outcome, list):
                outcome = judge(settings, outcome, await connection.ask(outcome))
            connection.ready = outcome
            done = True
    except TimeoutError as error:
        reason = f"no connection within {settings.connect_timeout:g} s" if limit.expired() else why(error)
        raise ConnectionFailed(f"cannot connect: {reason}", address=address) from None
    except RedisError as error:
        error.address = address
        raise
    finally:
        if not done:
            connection.abort()
    return connection
