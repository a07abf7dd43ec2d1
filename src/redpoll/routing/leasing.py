"""Commands that must not share a connection: those that block, and those that end what blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

from redpoll.errors import DecodeFailed, OutcomeUnknown, ProtocolViolation, RedisError, ServerError
from redpoll.options import Settings
from redpoll.protocol.calls import Call
from redpoll.protocol.encode import encode
from redpoll.spec import Spec
from redpoll.transport.connection import Connection, connect
from redpoll.transport.pool import Leases
from redpoll.transport.watch import Watch, fail
from redpoll.types import Arg


class Leasing:
    """Runs one command each on connections leased for the call.

    Attributes:
        running: the calls on their connections.
    """

    __slots__ = ("_address", "_leases", "_settings", "_spawn", "_watch", "running")

    def __init__(
        self,
        settings: Settings,
        watch: Watch,
        spawn: Callable[[Coroutine[Any, Any, Connection]], asyncio.Task[Connection]],
    ) -> None:
        """Begin with no connection.

        Args:
            settings: the client's settings.
            watch: ends calls whose time is up.
            spawn: runs a coroutine as a task that no caller's cancellation reaches.
        """
        self._settings = settings
        self._address = str(settings.address)
        self._watch = watch
        self._spawn = spawn
        self._leases = Leases(settings.max_leased, self._address, self._dial)
        self.running: dict[Connection, Call] = {}

    async def run(self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None) -> Any:
        """Run one command; return its raw reply.

        A blocking command may take as long as it blocks, and ``limit`` seconds on top. If the call is cancelled or its
        time is up, the connection is closed: what the server would still answer must reach nobody else, and what it
        would still take from a list must not be taken.

        Args:
            spec: the command's facts.
            words: the command.
            text: whether the reply is read as str.
            limit: seconds to wait for a connection, and for the reply beside the block time; None for no limit.

        Raises:
            PoolTimeout: ``max_leased`` connections were in use for ``limit`` seconds.
            ConnectionFailed: no connection could be made.
            OutcomeUnknown: the connection was lost.
            CommandTimeout: the time is up.
        """
        call = Call(loop=asyncio.get_running_loop())
        call.payload = encode(spec.name, words)
        block = None if spec.blocking is None else spec.blocking.seconds(words)
        call.spec, call.text, call.replay, call.given, call.batch = spec, text and spec.text, False, 0, None
        call.timeout = None if block == 0 or limit is None else limit + (block or 0.0)
        connection = await self._leases.acquire(spec.name, limit)
        in_step = False
        try:
            self.running[connection] = call
            connection.on_lost = self._lost
            if call.timeout is not None:
                call.deadline = monotonic() + call.timeout
                self._watch.add(call)
            connection.send(call)
            reply = await call
            in_step = True
            return reply
        except (ServerError, DecodeFailed):
            in_step = True
            raise
        finally:
            self.running.pop(connection, None)
            if in_step:
                self._leases.release(connection)
            else:
                self._leases.discard(connection)

    def abandon(self) -> list[Connection]:
        """Take out the idle connections without closing them; return them."""
        return self._leases.abandon()

    async def _dial(self) -> Connection:
        dialing = self._spawn(connect(self._settings))
        try:
            return await asyncio.shield(dialing)
        except asyncio.CancelledError:
            dialing.cancel()
            dialing.add_done_callback(_close_unwanted)
            raise

    def _lost(self, _connection: Connection, pending: Sequence[Call], reason: RedisError) -> None:
        kind = ProtocolViolation if isinstance(reason, ProtocolViolation) else OutcomeUnknown
        for call in pending:
            fail(call, kind, reason.message, self._address)


def _close_unwanted(dialing: asyncio.Task[Connection]) -> None:
    if not dialing.cancelled() and dialing.exception() is None:
        dialing.result().abort()
