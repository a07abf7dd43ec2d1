"""One connection: an asyncio protocol around a ``Session``.

It hands received bytes to its session and the loss of the connection to its owner. It writes what it is given; large
payloads go out in pieces as the socket takes them, so that neither a copy of the whole nor one long stretch of work
holds the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any, Final, Literal, cast

from typing_extensions import override

from redpoll.credentials import ask
from redpoll.errors import ConnectionFailed, ProtocolViolation, RedisError
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Group
from redpoll.protocol.encode import encode
from redpoll.protocol.handshake import Ready, Step, judge, opening
from redpoll.protocol.session import Session
from redpoll.spec import Spec

from .liveness import Liveness
from .stream import dial, is_final, why

LARGE: Final = 64 << 10
"""Payloads from this many bytes on are written on their own, not joined with others."""

_PIECE: Final = 256 << 10
_YOUNGEST: Final = 0.8  # of ``max_connection_age``: the age from which on a connection may be replaced
_STRETCH: Final = 1 << 20  # bytes given to the socket before others get their turn
_HANDSHAKE: Final[Spec[Any]] = Spec("HELLO")
_PING: Final[Spec[Any]] = Spec("PING")
_BY_THE_SERVER: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
_PING_WIRE: Final = encode("PING", ("PING",))


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
        transactions: whether it has proved that MULTI and EXEC work; ``"asked"`` while a probe is under way.
        lost: the connection has ended.
        asked: when its credentials were asked for, by ``time.monotonic``.
        expires: when it is to be replaced by a younger one.
        hung_up: the server ended it.
        liveness: when it was last heard of, and so on. Have ``check`` called when ``due`` says so.
        on_read: called after every chunk that was received, where it is not None.
        on_resume: called when it may be written to again.
        on_lost: called once, with the calls that still wait and the reason.
        scripts: the digests of the scripts that the server behind it has said to have loaded.
        server: tells this run of the server from every other; None until somebody asked (``routing.identity``).
    """

    __slots__ = (
        "_alone",
        "_end",
        "_given_up",
        "_rest",
        "_settings",
        "_socket_full",
        "_transport",
        "asked",
        "expires",
        "hung_up",
        "liveness",
        "lost",
        "on_lost",
        "on_read",
        "on_resume",
        "paused",
        "ready",
        "scripts",
        "server",
        "session",
        "transactions",
    )

    def __init__(self, settings: Settings, on_push: Callable[[list[Any]], None] = _ignore_push) -> None:
        self.session: Session = Session(
            on_push, address=str(settings.address), max_reply_bytes=settings.max_reply_bytes
        )
        self.paused: bool = False
        self.transactions: Literal["unproved", "asked", "proved"] = "unproved"
        self.lost: bool = False
        self.hung_up: bool = False
        self.ready: Ready = Ready(2, {})
        self.server: object | None = None
        self.asked: float = monotonic()
        age = settings.max_connection_age
        self.expires: float = inf if age is None else self.asked + age * random.uniform(_YOUNGEST, 1.0)
        self.scripts: set[str] = set()
        self.liveness: Liveness = Liveness(settings.read_timeout, settings.write_timeout, settings.health_check)
        self.on_read: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] = _ignore
        self.on_lost: Callable[[Connection, list[Call], RedisError], None] = self._refuse
        self._settings = settings
        self._transport: asyncio.Transport | None = None
        self._socket_full = False
        self._rest: memoryview | None = None  # what is left of a large payload
        self._alone: deque[Call] | None = None  # calls that wait until all others are answered; None for none
        self._end: asyncio.Future[None] | None = None
        self._given_up: RedisError | None = None  # why it was closed from here

    # What asyncio calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.liveness.heard = monotonic()

    @override
    def data_received(self, data: bytes) -> None:
        """End the calls whose replies are whole."""
        self.liveness.heard = monotonic()
        try:
            self.session.feed(data)
        except ProtocolViolation as violation:
            self._given_up = violation
            self.abort()
        if self.on_read is not None:
            self.on_read()
        if self._alone is not None:
            self._next_alone()

    @override
    def eof_received(self) -> None:
        """Take note of who ends it; asyncio closes it now."""
        self.hung_up = True

    @override
    def pause_writing(self) -> None:
        """Stop: the socket's buffer is full."""
        self._socket_full = self.paused = True
        self.liveness.stops(monotonic(), self._unwritten())

    @override
    def resume_writing(self) -> None:
        """Go on: there is room again. Not at once: a write that fails in here ends asyncio's transport twice."""
        self._socket_full = False
        self.liveness.flows(monotonic())
        asyncio.get_running_loop().call_soon(self._write_rest)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Hand the calls that still wait to the owner."""
        self.lost = self.paused = True
        self._rest = None
        self._transport = None
        self.hung_up |= isinstance(exc, _BY_THE_SERVER)
        pending = self.session.lost()
        reason: RedisError
        if self._given_up is not None:
            reason = self._given_up
        else:
            reason = ConnectionFailed(f"the connection ended: {why(exc)}", address=str(self._settings.address))
            reason.final = is_final(exc)  # as TLS 1.3 tells only now that the server refuses our certificate
        alone, self._alone = self._alone or (), None
        for call in alone:
            if not call.given and not call.done():
                call.future.set_exception(ConnectionFailed(reason.message, address=str(self._settings.address)))
        self.on_lost(self, pending, reason)
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    # What its owner calls.

    def blocked(self) -> bool:
        """Return whether nothing can be written now."""
        return self.paused or self.closing

    @property
    def met(self) -> bool:
        """Whether the connection stands, TLS included, or stood."""
        return self.lost or self._transport is not None

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
        if not self.session.waiting:
            self.liveness.asked = monotonic()
        self.session.give(call)
        self.write(call.payload)

    def send_alone(self, call: Call) -> None:
        """Send a call once all others are answered, and none behind it until it is answered as well.

        Meanwhile the connection is ``paused``, and stays so if the call fails: its owner is to close it then. If it is
        lost before, the call ends with ``ConnectionFailed``.
        """
        if self._alone is None:
            self._alone = deque()
        self._alone.append(call)
        self.paused = True
        self._next_alone()

    def _next_alone(self) -> None:
        alone = self._alone
        if alone is None or self.session.waiting:
            return
        if alone and alone[0].given:
            future = alone.popleft().future
            if not future.cancelled() and future.exception() is not None:
                return
        if alone:
            self.send(alone[0])
        else:
            self._alone = None
            self._settle()

    def due(self, _now: float = 0.0) -> float | None:
        """Return when to ``wake`` it next; None for never."""
        return None if self.closing else self.liveness.due(bool(self.session.waiting))

    def wake(self, now: float) -> None:
        """Send a PING if it has been silent for long; close it if that was too long."""
        if self.closing:
            return
        liveness = self.liveness
        verdict = liveness.judge(now, bool(self.session.waiting), self._unwritten())
        if verdict == "ask" and not self.paused:
            if not self.session.waiting:
                liveness.asked = now
            liveness.pinged = now
            ping = Call()
            ping.fill(asyncio.get_running_loop(), _PING, _PING_WIRE)
            ping.future.cancel()  # whatever the answer is, it proves life: nobody waits for it
            self.send(ping)
        elif verdict == "mute":
            self.give_up(f"not a byte came for {now - max(liveness.heard, liveness.asked):.3g} s (option read_timeout)")
        elif verdict == "stuck":
            self.give_up(f"the server took nothing for {liveness.write_timeout:g} s (option write_timeout)")

    def give_up(self, why: str | RedisError) -> None:
        """Close at once; its calls are told why."""
        if isinstance(why, str):
            why = ConnectionFailed(f"the connection was closed: {why}", address=str(self._settings.address))
        if self._given_up is None:
            self._given_up = why
        self.abort()

    def _unwritten(self) -> int:
        rest = 0 if self._rest is None else len(self._rest)
        return rest + (0 if self._transport is None else self._transport.get_write_buffer_size())

    def read_on(self, on: bool) -> None:
        """Stop reading from the socket, or go on. While it stops, silence says nothing: have it not judged."""
        if self._transport is not None and not self._transport.is_closing():
            if on:
                self.liveness.heard = monotonic()
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

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
        wrapped = getattr(transport, "_ssl_protocol", None)  # TLS stands between
        transport = transport if wrapped is None else getattr(wrapped, "_transport", None)
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
        self._settle()

    def _settle(self) -> None:
        """Say whether it may be written to, after something has changed."""
        full = self._socket_full or self._rest is not None or self._alone is not None
        was_paused, self.paused = self.paused, self.lost or full
        if was_paused and not self.paused:
            self.on_resume()

    def _refuse(self, _connection: Connection, pending: list[Call], reason: RedisError) -> None:
        for call in pending:
            call.future.set_exception(reason)

    def ask(self, steps: Sequence[Step]) -> Group:
        """Send the steps of the handshake in one write; the group's result are their replies."""
        group = Group()
        payload = b"".join([encode(str(step.words[0]), step.words) for step in steps])
        group.fill(asyncio.get_running_loop(), _HANDSHAKE, payload)
        group.fill_group([True] * len(steps))
        self.send(group)
        return group


async def connect(
    settings: Settings,
    on_push: Callable[[list[Any]], None] = _ignore_push,
    prepare: Callable[[Connection], Awaitable[None]] | None = None,
) -> Connection:
    """Dial a server and shake hands, both within ``connect_timeout``.

    Args:
        settings: the client's settings.
        on_push: gets the pushes.
        prepare: is awaited with the new connection before anybody else has it, within the same time.

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
            if settings.credentials is not None:
                given = await ask(settings.credentials)
                settings = replace(settings, username=given.username, password=given.password, credentials=None)
            await dial(settings, lambda: connection)
            outcome: Ready | list[Step] = opening(settings)
            while isinstance(outcome, list):
                outcome = judge(settings, outcome, await connection.ask(outcome).future)
            connection.ready = outcome
            if prepare is not None:
                await prepare(connection)
            done = True
    except TimeoutError as error:
        reason = f"no connection within {settings.connect_timeout:g} s" if limit.expired() else type(error).__name__
        if settings.tls is not None and not connection.met:
            reason += ", nor TLS agreed on: is this the server's port for TLS?"
        raise ConnectionFailed(f"cannot connect: {reason}", address=address) from None
    except RedisError as error:
        error.address = address
        raise
    finally:
        if not done:
            connection.abort()
    return connection
