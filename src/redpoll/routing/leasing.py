"""Connections that are leased: for a command that blocks, for one that ends what blocks, for an owner of its own."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Coroutine
from copy import copy
from dataclasses import replace
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias

from redpoll.errors import (
    Ask,
    ConnectionFailed,
    ConnectionLost,
    Moved,
    NotSent,
    ReadOnly,
    RedisError,
    Refused,
    ServerError,
    Unblocked,
    UsageError,
)
from redpoll.options import Settings
from redpoll.protocol.calls import Call
from redpoll.protocol.encode import encode
from redpoll.spec import Spec
from redpoll.transport.connection import Connection, connect
from redpoll.transport.pool import Bounds, Lease, Leases
from redpoll.transport.watch import Watch
from redpoll.types import Arg

from . import blocking
from .bound import Bound
from .dialing import Gate

_ATTEMPTS: Final = 3  # how often a command is given to a connection, where each is lost
_SHORTEST: Final = 0.005  # seconds until a refused command goes out again
_LONGEST: Final = 0.5
_ANSWER: Final = 1.0  # seconds that an idle connection gets to prove that it stands
_PING: Final[Spec[Any]] = Spec("PING", replay=True)
_Prepare: TypeAlias = Callable[[Connection], Awaitable[None]]
_URGENT: Final = 4  # connections for the commands that end what blocks, beside those that it blocks


def _nobody(_connection: Connection) -> None:
    pass


class _Again(NamedTuple):
    """How a command goes out again.

    Attributes:
        delay: seconds to wait before.
        anew: on another connection.
        blocked: it may have blocked for a while, so only the rest of its time is left.
    """

    delay: float
    anew: bool
    blocked: bool


class _Tries:
    """Says whether one command that failed goes out again."""

    __slots__ = ("_lost", "_moved", "_refused", "_replay", "_settings", "_spec", "_until")

    def __init__(self, settings: Settings, spec: Spec[Any], replay: bool, until: float) -> None:
        """Begin.

        Args:
            settings: the client's settings.
            spec: the command's facts.
            replay: run it again if its connection is lost, whatever the spec says.
            until: the moment from which on a refusal is told.
        """
        self._settings = settings
        self._spec = spec
        self._replay = replay or spec.replay
        self._until = until
        self._lost = self._refused = 0
        self._moved = False

    def judge(self, error: RedisError, words: tuple[Arg, ...], now: float) -> _Again | None:
        """Return how to go on after an error; None to raise it."""
        if isinstance(error, ConnectionLost):
            self._lost += 1
            again = self._replay or error.outcome == "not_run"
            return _Again(0.0, True, True) if again and self._lost < _ATTEMPTS else None
        if isinstance(error, Unblocked):
            # "From now on" would be another now, and what came meanwhile be missed.
            again = blocking.by_role_change(error) and not blocking.from_now_on(self._spec, words)
            return _Again(0.0, True, True) if again else None
        if not isinstance(error, Refused) or isinstance(error, Moved | Ask):
            return None
        if isinstance(error, ReadOnly):
            moved, self._moved = self._moved, True
            return None if moved or self._settings.reconnect is None else _Again(0.0, True, False)
        self._refused += 1
        delay = random.uniform(0.5, 1.0) * min(_LONGEST, _SHORTEST * 2.0 ** min(self._refused, 16))
        return _Again(delay, False, False) if now + delay < self._until else None


class Leasing:
    """The leased connections of one client."""

    __slots__ = (
        "_closed",
        "_dialling",
        "_filling",
        "_gate",
        "_leases",
        "_out",
        "_settings",
        "_spawn",
        "_took",
        "_urgent",
        "_watch",
    )

    def __init__(
        self,
        settings: Settings,
        watch: Watch,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        prepare: _Prepare | None = None,
        took: Callable[[Connection], object] = _nobody,
        gate: Gate | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Begin with no connection.

        Args:
            settings: the client's settings.
            watch: ends calls whose time is up.
            spawn: runs a coroutine as a task that no caller's cancellation reaches.
            prepare: is awaited with each new connection before anybody else has it, but for those that end what blocks.
            took: is told of each connection that is leased.
            gate: says when not to dial.
            bounds: how many there may be; by default as many as ``max_leased``.
        """
        self._settings = settings
        self._watch = watch
        self._spawn = spawn
        self._took = took
        self._gate = gate or Gate()
        address = str(settings.address)
        bounds = bounds or Bounds(settings.max_leased)
        self._leases = Leases(bounds, address, lambda: self._dial(settings, prepare), self._stands)
        # What ends others works in any database. A server that runs a script refuses SELECT, but not these commands.
        plain = replace(settings, db=0)
        self._urgent = Leases(Bounds(_URGENT), address, lambda: self._dial(plain, None), self._stands)
        self._out: dict[Bound, Lease] = {}
        self._dialling: set[asyncio.Task[Connection]] = set()
        self._filling: asyncio.Task[None] | None = None
        self._leases.on_missing = self._refill
        self._closed = False

    # Commands.

    async def run(self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None, replay: bool) -> Any:
        """Run one command on a connection leased for it; return its raw reply.

        A blocking command may take as long as it blocks, and ``limit`` seconds on top. If the call is cancelled or its
        time is up, the connection is closed: what the server would still answer must reach nobody else, and what it
        would still take from a list must not be taken. Where the server ends a block as its role changes, the command
        goes out again on a new connection for the rest of its time.

        Args:
            spec: the command's facts.
            words: the command.
            text: whether the reply is read as str.
            limit: seconds to wait for a connection, and for the reply beside the block time; None for no limit.
            replay: run it again if its connection is lost.

        Raises:
            PoolTimeout: ``max_leased`` connections were in use for ``limit`` seconds.
            ConnectionFailed: no connection could be made.
            OutcomeUnknown: the connection was lost.
            CommandTimeout: the time is up.
        """
        encode(spec.name, words)  # a word that cannot be sent needs no connection
        leases = self._urgent if spec.blocking is None else self._leases
        block = blocking.block_seconds(spec, words)
        now = monotonic()
        end = math.inf if block is None else now + block
        tries = _Tries(self._settings, spec, replay, math.inf if limit is None else now + limit)
        bound = Bound(self._settings, None)
        await self._lease(bound, leases, spec.name, limit)
        try:
            if block == math.inf and blocking.in_slices(spec):
                words = await bound.fixed(spec, words, limit) or words
            while True:
                try:
                    return await bound.lease(spec, words, text, limit, replay)
                except (ServerError, ConnectionLost) as error:
                    again = None if self._closed else tries.judge(error, words, monotonic())
                    if again is None:
                        raise
                    if again.blocked and end <= monotonic():
                        if isinstance(error, Unblocked):
                            return None  # the server would have said no more than that
                        raise
                await asyncio.sleep(again.delay)
                if again.blocked and spec.blocking is not None and end != math.inf:
                    words = spec.blocking.with_seconds(words, end - monotonic())
                if again.anew:
                    await self._renew(bound, spec.name, limit)
        finally:
            bound.finish()

    async def checkout(self, bound: Bound, command: str, limit: float | None) -> None:
        """Lease a connection for an owner of its own, until ``bound.finish()``.

        Args:
            bound: takes the connection.
            command: who asks, for errors.
            limit: seconds to wait for it; None for no limit.

        Raises:
            PoolTimeout: ``max_leased`` connections were in use for ``limit`` seconds.
            ConnectionFailed: no connection could be made.
            UsageError: it has, or had, a connection.
        """
        if bound.taken:
            raise UsageError("a dedicated connection is entered once: ask for another one", address=bound.address)
        bound.taken = True
        try:
            await self._lease(bound, self._leases, command, limit)
        except BaseException:
            bound.taken = False
            raise

    async def _lease(self, bound: Bound, leases: Leases, command: str, limit: float | None) -> None:
        lease = await leases.acquire(command, limit)
        if self._closed:
            lease.end(keep=False)
            raise NotSent("the client was closed", address=bound.address, command=command)
        self._out[bound] = lease
        self._bind(bound, lease)

    async def _renew(self, bound: Bound, command: str, limit: float | None) -> None:
        bound.break_off("it was closed for another one")
        lease = self._out[bound]
        await lease.renew(command, limit)
        self._bind(bound, lease)

    def _bind(self, bound: Bound, lease: Lease) -> None:
        def finished(keep: bool) -> None:
            self._out.pop(bound, None)
            lease.end(keep=keep)

        bound.bind(lease.connection, self._watch, finished)
        self._took(lease.connection)

    # Connections.

    async def _dial(self, settings: Settings, prepare: _Prepare | None) -> Connection:
        if self._closed:
            raise NotSent("the client was closed")
        if (refusal := self._gate.refusal()) is not None:
            raise copy(refusal)
        dialling = self._spawn(_connect(settings, prepare))
        self._dialling.add(dialling)
        dialling.add_done_callback(self._dialling.discard)
        try:
            return await asyncio.shield(dialling)
        except RedisError as error:
            self._gate.shut(error)
            raise
        except asyncio.CancelledError:
            if dialling.cancelled() and self._closed:
                raise NotSent("the client was closed") from None
            dialling.cancel()
            dialling.add_done_callback(_close_unwanted)
            raise

    async def _stands(self, connection: Connection, limit: float) -> bool:
        """Say within some seconds whether the server still answers on an idle connection; an error is an answer."""
        bound = Bound(self._settings, None)
        bound.bind(connection, self._watch)
        try:
            await bound.submit(_PING, ("PING",), False, min(_ANSWER, limit), True)
        except ServerError:
            return True
        except RedisError:
            return False
        finally:
            bound.hand_over()
        return True

    @property
    def leases(self) -> Leases:
        """The places of the leased connections."""
        return self._leases

    async def fill(self) -> None:
        """Open the connections that are to be there though nobody has them.

        Raises:
            ConnectionFailed: one could not be dialled.
            NotSent: the client was closed meanwhile.
        """
        self._refill()
        if self._filling is not None:
            await asyncio.shield(self._filling)

    def _refill(self) -> None:
        if self._filling is None and self._leases.missing:
            self._filling = self._spawn(self._leases.fill())
            self._filling.add_done_callback(self._filled)

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled():
            task.exception()  # whoever asks for a connection is told what is wrong, or on_error was

    def connections(self) -> list[Connection]:
        """Return all connections, leased and idle."""
        leased = [bound.connection for bound in self._out if bound.connection is not None]
        return [*leased, *self._leases.idle, *self._urgent.idle]

    def authenticated(self) -> list[Connection]:
        """Return all connections but those whose owners have authenticated them as somebody else."""
        own = {bound.connection for bound in self._out if bound.is_another_user}
        return [connection for connection in self.connections() if connection not in own]

    def abandon(self) -> list[Connection]:
        """Take out all connections without closing them; return them."""
        found = self.connections()
        self._leases.abandon()
        self._urgent.abandon()
        return found

    def close(self) -> list[Call]:
        """Refuse commands from now on; end those that wait for a connection; return the calls in flight."""
        self._closed = True
        for leases in (self._leases, self._urgent):
            leases.close()
        for dialling in self._dialling:
            dialling.cancel()
        calls: list[Call] = []
        for bound in self._out:
            bound.close()
            calls += bound.calls()
        return calls


async def _connect(settings: Settings, prepare: _Prepare | None) -> Connection:
    """Dial until it succeeds or the client's policy has it given up."""
    failures = 0
    while True:
        try:
            return await (connect(settings) if prepare is None else connect(settings, prepare=prepare))
        except ConnectionFailed as error:
            failures += 1
            policy = None if error.final or settings.offline == "fail" else settings.reconnect
            delay = None if policy is None else policy.delay(failures)
            if delay is None:
                raise
        await asyncio.sleep(delay)


def _close_unwanted(dialling: asyncio.Task[Connection]) -> None:
    if not dialling.cancelled() and dialling.exception() is None:
        dialling.result().abort()
