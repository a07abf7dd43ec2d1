"""One server: one multiplexed connection for all callers, and leased ones for the commands that must not share it.

Calls queue up and go out together, one write a turn of the event loop. What decides their fate is where they are when
the connection is lost: in the queue they have not run, and go out on the next connection; given to the connection they
may have run, and go out again only where that does no harm. Connections are dialled by tasks of the core's own, in an
empty context, so that a caller who gives up takes nobody with them.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import get_running_loop
from collections import deque
from collections.abc import Coroutine, Sequence
from threading import get_ident
from time import monotonic
from typing import Any, Final, TypeVar

from redpoll.errors import (
    AuthenticationFailed,
    ClientClosed,
    ConnectionFailed,
    NotSent,
    OutcomeUnknown,
    ProtocolViolation,
    RedisError,
    WrongLoop,
)
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Group
from redpoll.protocol.encode import encode
from redpoll.spec import Spec
from redpoll.transport.connection import LARGE, Connection, connect
from redpoll.transport.reconnect import AT_ONCE_OR_NOT, Reconnect
from redpoll.transport.watch import Watch, fail
from redpoll.types import Arg

from .hooks import Hooks, hooks_of
from .leasing import Leasing

_T = TypeVar("_T")
_MANY: Final = 4096  # calls in the queue that are looked at at once
_JOINED: Final = 256 << 10  # bytes that one write joins
_STRETCH: Final = 1 << 20  # bytes written before others get their turn
_ATTEMPTS: Final = 3  # how often a call is given to a connection, where each is lost
_CLOSING: Final = 1.0  # seconds that closing waits for what is in flight
_FOR_EVER: Final = float("inf")


class Core:
    """The connections to one server, shared by all views of a client. Used on one event loop at a time.

    Attributes:
        settings: the client's settings.
        address: the server's address, for errors.
        default_timeout: seconds a call may take unless it says otherwise; None for no limit.
        hooks: observer and middleware; None where there are none.
    """

    __slots__ = (
        "_closing",
        "_connection",
        "_crowded",
        "_default",
        "_dialer",
        "_held",
        "_leasing",
        "_loop",
        "_now",
        "_queue",
        "_reconnect",
        "_tasks",
        "_thread",
        "_watch",
        "address",
        "default_timeout",
        "hooks",
        "settings",
    )

    def __init__(self, settings: Settings, reconnect: Reconnect = AT_ONCE_OR_NOT) -> None:
        self.settings = settings
        self.address = str(settings.address)
        self.default_timeout = settings.command_timeout
        self.hooks: Hooks | None = hooks_of(settings)
        self._reconnect = reconnect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._closing: asyncio.Task[None] | bool = False
        self._reset()

    def _reset(self) -> None:
        self._connection: Connection | None = None
        self._dialer: asyncio.Task[None] | None = None
        self._queue: deque[Call] = deque()
        self._held = False  # writing is scheduled for this turn already
        self._now = 0.0  # when this turn began
        self._crowded = False  # several calls were in flight after the last write: more will come in this turn
        self._watch = Watch(self.address, self._on_expired)
        self._default = self._watch.default
        self._tasks: set[asyncio.Task[Any]] = set()
        self._leasing = Leasing(self.settings, self._watch, self._spawn)

    # Calls.

    def submit(self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, timeout: float | None, replay: bool) -> Call:
        """Queue one command on the shared connection; await the result for its raw reply.

        Args:
            spec: the command's facts.
            words: the command.
            text: whether the reply is read as str.
            timeout: seconds it may take; None for no limit.
            replay: run it again if the connection is lost, whatever the spec says.

        Raises:
            UsageError: a word cannot be sent.
            ClientClosed: the client was closed.
            WrongLoop: it belongs to another event loop.
        """
        if get_ident() != self._thread:
            self.loop()
        payload = encode(spec.name, words)
        if not self._held:
            self._begin_turn()
        call = Call(loop=self._loop)
        call.payload = payload
        call.spec = spec
        call.text = text and spec.text
        call.replay = replay or spec.replay
        call.given = 0
        call.batch = None
        call.timeout = timeout
        if timeout is not None:
            call.deadline = self._now + timeout
            if timeout == self.default_timeout:
                self._default.append(call)
            else:
                self._watch.add(call)
        self._queue.append(call)
        if not self._held:
            self._kick()
        return call

    def submit_group(
        self,
        spec: Spec[Any],
        payload: bytes,
        texts: list[bool],
        *,
        timeout: float | None,
        replay: bool,
        batch: object,
    ) -> Group:
        """Queue several commands as one whole on the shared connection; await the result for the list of replies.

        Args:
            spec: stands for all of them in errors.
            payload: their bytes.
            texts: for each of them whether its reply is read as str.
            timeout: seconds they may take together; None for no limit.
            replay: run them again if the connection is lost.
            batch: what the group is a piece of. Once a piece of it may have run and is not run again, those still in
                the queue do not run either.

        Raises:
            ClientClosed: the client was closed.
            WrongLoop: it belongs to another event loop.
        """
        loop = self.loop()
        group = Group(loop=loop)
        group.spec, group.payload, group.texts = spec, payload, texts
        group.replay, group.given, group.batch, group.timeout = replay, 0, batch, timeout
        group.again()
        if not self._held:
            self._begin_turn()
        if timeout is not None:
            group.deadline = self._now + timeout
            if timeout == self.default_timeout:
                self._default.append(group)
            else:
                self._watch.add(group)
        self._queue.append(group)
        if not self._held:
            self._kick()
        return group

    async def lease(self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None) -> Any:
        """Run one command on a connection leased for it; return its raw reply. See ``Leasing.run``."""
        self.loop()
        return await self._leasing.run(spec, words, text, limit)

    def _begin_turn(self) -> None:
        """What need not be done for every call of one turn of the event loop."""
        self.loop()
        self._now = monotonic()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop, bound to this core from now on.

        In a turn whose writing is scheduled already `submit` checks no more than the thread: asking for the running
        loop costs more than all else it does, and no other loop can run in this thread before the turn ends.

        Raises:
            ClientClosed: the client was closed.
            WrongLoop: the core belongs to another event loop.
        """
        loop = get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        return loop

    @property
    def connected(self) -> bool:
        """Whether the shared connection stands."""
        return self._connection is not None

    @property
    def closed(self) -> bool:
        """Whether the core was closed, or is being closed."""
        return self._closing is not False

    # Event loops.

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closing is not False:
            raise ClientClosed("the client was closed", address=self.address)
        if self._loop is not None:
            if not self._loop.is_closed():
                message = "the client is used on another event loop, which is still open; make one client for each loop"
                raise WrongLoop(message, address=self.address)
            self._drop()
        self._loop = loop
        self._thread = get_ident()

    def _drop(self) -> None:
        """Let go of what belongs to an event loop that is closed."""
        connections = [*self._leasing.running, *self._leasing.abandon()]
        if self._connection is not None:
            connections.append(self._connection)
        for connection in connections:
            connection.forget()
        self._loop = None
        self._thread = 0
        self._reset()

    def _spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Writing.

    def _kick(self) -> None:
        if not self._watch.armed:
            self._watch.arm()
        connection = self._connection
        if connection is None:
            if self._dialer is None:
                self._dialer = self._spawn(self._dial())
        elif not connection.blocked():  # else it goes on by itself, or its loss is about to be told
            if self._crowded or connection.session.waiting:
                self._schedule()
            else:
                # A single caller gains from a write at once; many gain from one write for all of them.
                self._flush()

    def _schedule(self) -> None:
        self._held = True
        get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._held = False
        if not self._watch.armed:
            self._watch.arm()  # the turn's first call may have had no deadline, a later one has
        connection = self._connection
        if connection is None or connection.blocked():
            return
        if len(self._queue) > _MANY or not self._flush_at_once(connection):
            self._flush_by_pieces(connection)
        self._crowded = len(connection.session.waiting) > 1

    def _flush_at_once(self, connection: Connection) -> bool:
        """Write all that is queued in one write, as nearly always; return False where it is too much for that."""
        calls = [call for call in self._queue if not call.done()]
        payloads = [call.payload for call in calls]
        if sum(map(len, payloads)) >= LARGE:
            return False
        self._queue.clear()
        for call in calls:
            call.given += 1
        connection.session.waiting.extend(calls)
        if calls:
            connection.write(payloads[0] if len(payloads) == 1 else b"".join(payloads))
        return True

    def _flush_by_pieces(self, connection: Connection) -> None:
        total = 0
        while self._queue and not connection.blocked():
            total += self._write_some(connection)
            if total >= _STRETCH and self._queue and not connection.blocked():
                self._schedule()
                return

    def _write_some(self, connection: Connection) -> int:
        """Write the next large payload, or as many small ones as one write joins; return how many bytes that were."""
        queue = self._queue
        waiting = connection.session.waiting
        joined: list[bytes] = []
        size = 0
        while queue and size < _JOINED:
            call = queue.popleft()
            if call.done():
                continue
            payload = call.payload
            if len(payload) >= LARGE and joined:
                queue.appendleft(call)
                break
            call.given += 1
            waiting.append(call)
            joined.append(payload)
            size += len(payload)
            if len(payload) >= LARGE:
                if not call.replay:
                    call.payload = b""  # it will not be sent again
                break
        if joined:
            connection.write(joined[0] if len(joined) == 1 else b"".join(joined))
        return size

    # Connections.

    async def _dial(self) -> None:
        failures = 0
        reason: RedisError | None = None
        try:
            while True:
                try:
                    self._use(await connect(self.settings))
                    return
                except RedisError as error:
                    failures += 1
                    reason = error.with_traceback(None)
                    delay = None if isinstance(error, AuthenticationFailed) else self._reconnect.delay(failures)
                    if delay is None:
                        return
                await asyncio.sleep(delay)
        except Exception as error:
            reason = ConnectionFailed(f"cannot connect: {type(error).__name__}", address=self.address)
            raise
        finally:
            self._dialer = None
            if self._connection is None:
                self._refuse_queue(reason)

    def _use(self, connection: Connection) -> None:
        if connection.closing:
            raise ConnectionFailed("the connection ended right after the handshake", address=self.address)
        connection.on_lost = self._on_lost
        connection.on_read = self._watch.sweep
        connection.on_resume = self._flush
        self._connection = connection
        self._crowded = False
        self._flush()

    def _on_lost(self, _connection: Connection, pending: Sequence[Call], reason: RedisError) -> None:
        self._connection = None
        again: list[Call] = []
        broken: set[int] = set()
        for call in pending:
            if call.replay and call.given < _ATTEMPTS and not isinstance(reason, ProtocolViolation) and not self.closed:
                call.again()
                again.append(call)
                continue
            if call.batch is not None:
                broken.add(id(call.batch))
            kind = ProtocolViolation if isinstance(reason, ProtocolViolation) else OutcomeUnknown
            fail(call, kind, reason.message, self.address)
        if broken:
            for call in self._queue:
                if id(call.batch) in broken and not call.done():
                    message = f"an earlier piece of the batch was lost: {reason.message}"
                    fail(call, NotSent, message, self.address)
        self._queue = deque([*again, *(call for call in self._queue if not call.done())])
        if self.closed:
            self._refuse_queue(reason)
        elif self._queue and self._dialer is None:
            self._dialer = self._spawn(self._dial())

    def _refuse_queue(self, reason: RedisError | None) -> None:
        """Fail all that is queued, as there is no connection and none to come."""
        queue, self._queue = self._queue, deque()
        kind: type[RedisError]
        for call in queue:
            if call.done():
                continue
            if reason is None or self.closed:
                kind, message = NotSent, "the client was closed" if self.closed else "connecting was cancelled"
            else:
                kind, message = type(reason), reason.message
            if call.given:
                fail(call, OutcomeUnknown, f"the connection was lost, and then: {message}", self.address)
            else:
                fail(call, kind, message, self.address, "not_run")

    def _on_expired(self) -> None:
        if self._connection is None:
            self._queue = deque(call for call in self._queue if not call.done())

    # Closing.

    async def aclose(self) -> None:
        """Close all connections. What is in flight gets a second to finish, what is queued fails with ``NotSent``."""
        closing = self._closing
        if closing is True:
            return
        if closing is False:
            loop = get_running_loop()
            if self._loop is not None and self._loop is not loop:
                if not self._loop.is_closed():
                    raise WrongLoop("close the client on the event loop it is used on", address=self.address)
                self._drop()
            if self._loop is None:
                self._closing = True
                return
            self._closing = closing = self._spawn(self._close())
        await asyncio.shield(closing)

    async def _close(self) -> None:
        self._loop = None  # from now on every call finds the core closed
        self._thread = 0
        if self._dialer is not None:
            self._dialer.cancel()
        self._refuse_queue(None)
        ending = self._leasing.abandon()
        pending: list[Call] = [call for call in self._leasing.running.values() if not call.done()]
        connection = self._connection
        if connection is not None:
            pending += [call for call in connection.session.waiting if not call.done()]
        if pending:
            await asyncio.wait(pending, timeout=_CLOSING)
        ending += [*self._leasing.abandon(), *self._leasing.running, *([] if connection is None else [connection])]
        for each in ending:
            each.abort()
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_CLOSING)
        await asyncio.gather(*(each.ended() for each in ending))
        self._watch.stop()
        self._closing = True
