"""The shared connection: how it comes, what becomes of the calls when it goes, and when another takes its place.

What decides a call's fate is where it is when the connection is lost: in the queue it has not run, and goes out on the
next connection; given to the connection it may have run, and goes out again only where that does no harm. A call that
the server refused before running it goes out again, too. All of this within the call's own time.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from asyncio import get_running_loop
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from math import inf
from time import monotonic
from typing import Any, Final, TypeVar

from hiredis import ReplyError
from typing_extensions import override

from redpoll.errors import (
    ConnectionFailed,
    NotSent,
    OutcomeUnknown,
    ProtocolViolation,
    RedisError,
    ServerError,
    exec_error,
)
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Group
from redpoll.transport.connection import Connection, connect
from redpoll.transport.watch import Watch, fail

from .bound import Bound
from .dialing import Dialer, Gate
from .hooks import Listeners
from .outbox import Outbox
from .refusals import Refusals, refused_tail
from .rotation import Rotation

_T = TypeVar("_T")
_ATTEMPTS: Final = 20  # how often a call is given to a connection, where each is lost
_ANSWERING: Final = 1.0  # seconds that writes wait for the answers of the connection before
_EPOCH: Final = 1.0  # seconds within which a refusal makes for one new connection at most
CLOSED: Final = "the client was closed"
"""What is said of calls that come too late."""


class Shared(Outbox):
    """One connection that all callers share, dialled when somebody wants it.

    Attributes:
        default_timeout: seconds a call may take unless it says otherwise; None for no limit.
        face: makes what ``on_connect`` gets out of a new connection.
    """

    __slots__ = (
        "_behind",
        "_dialer",
        "_gate",
        "_listeners",
        "_redialled",
        "_redialling",
        "_refusals",
        "_retiring",
        "_rotation",
        "_stopped",
        "_tasks",
        "_watch",
        "default_timeout",
        "face",
    )

    def __init__(self, settings: Settings) -> None:
        self.default_timeout: float | None = settings.command_timeout
        self.face: Callable[[Bound], Any] = _itself
        self._stopped = False  # the client was closed, or is being closed
        self._listeners = Listeners(settings, self._spawn)
        super().__init__(settings)

    @override
    def _empty(self) -> None:
        super()._empty()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._gate = Gate()
        self._dialer = Dialer(self.settings, self, self._gate)
        self._refusals = Refusals(self._put_first)
        self._redialling: asyncio.Task[None] | None = None
        self._redialled = -inf  # when a refusal made for a new connection last
        self._behind: list[Call] = []  # what was on the way when that began
        self._retiring: set[Connection] = set()  # the connections before, until they have answered
        self._watch = Watch(self.address, self._on_expired, self.default_timeout, self._flows)
        self._watch.on_late = self._on_late
        self._watch.sources.append(self._refusals)
        self._rotation = Rotation(self.settings, self, self._spawn)
        self._watch.sources.append(self._rotation)

    def _connections(self) -> list[Connection]:
        return [*self._retiring, *([] if self._connection is None else [self._connection])]

    def _spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Time.

    def _flows(self) -> Iterable[Iterable[Call]]:
        return [*(each.session.waiting for each in self._connections()), self._refusals.calls(), self._queue]

    def _on_late(self, calls: list[Call]) -> None:
        """Word the end of calls whose time is up, where there is more to say than that."""
        refused = {id(call): error for call, error in self._refusals.parked}
        reason = None if self._connection is not None else self._dialer.reason
        queued: set[int] = set() if reason is None else set(map(id, self._queue))
        for call in calls:
            if call.done():
                continue
            if id(call) in refused:
                call.future.set_exception(refused[id(call)])
            elif reason is not None and id(call) in queued:
                message = f"no connection within {call.timeout:g} s: {reason.message}"
                if call.given:
                    fail(call, OutcomeUnknown, message, self.address)
                else:
                    kind = NotSent if isinstance(reason, NotSent) else ConnectionFailed
                    fail(call, kind, message, self.address, "not_run")

    def _on_expired(self) -> None:
        if self._connection is None:
            self._tidy()

    # Connections. The dialler calls the first five.

    async def dial(self) -> Connection:
        """Make one connection, and let ``on_connect`` prepare it."""
        if self.settings.on_connect is None:
            return await connect(self.settings)
        return await connect(self.settings, prepare=self._prepare)

    async def _prepare(self, connection: Connection) -> None:
        bound = Bound(self.settings, None)
        bound.bind(connection, self._watch)
        try:
            await self._listeners.connected(lambda: self.face(bound))
        finally:
            bound.hand_over()
        if connection.closing:
            raise ConnectionFailed("the connection ended during on_connect")

    def use(self, connection: Connection) -> None:
        """Take a new connection and send on it what waits."""
        connection.on_lost = self._on_lost
        connection.on_resume = self._on_resumed
        connection.session.on_error = self._on_error_reply
        self._watch.sources.append(connection)
        self._connection = connection
        self._crowded = False
        if (due := connection.due()) is not None:
            self._watch.arm(due)
        self._watch.arm(connection.expires)
        self._rotation.took(connection)
        if connection.lost:  # right after the handshake, before anybody could be told
            self._on_lost(connection, [], ConnectionFailed("the connection ended right after the handshake"))
        else:
            self._flush()

    def refuse(self, reason: RedisError) -> None:
        """Fail what waits for a connection."""
        queue, self._queue = self._queue, deque()
        self._bytes = 0
        for call in queue:
            if not call.done():
                self._refuse_call(call, reason)

    def wants(self) -> bool:
        """Tell whether anybody waits for a connection."""
        return any(not call.done() for call in self._queue)

    def failed(self, error: RedisError) -> None:
        """Take note of a failure to connect."""
        self._listeners.failed(error)

    def _refuse_call(self, call: Call, reason: RedisError) -> None:
        if call.given:
            fail(call, OutcomeUnknown, f"the connection was lost, and then: {reason.message}", self.address)
        else:
            fail(
                call,
                type(reason),
                reason.message,
                self.address,
                "not_run",
                isinstance(reason, ConnectionFailed) and reason.final,
            )

    def _on_resumed(self) -> None:
        if self._connection is not None and (due := self._connection.due()) is not None:
            self._watch.arm(due)
        self._flush()

    def _on_lost(self, connection: Connection, pending: Sequence[Call], reason: RedisError) -> None:
        self._watch.sources.remove(connection)
        self._retiring.discard(connection)
        current = connection is self._connection
        if current:
            self._connection = None
            self._dialer.lost(connection, reason)
        again = self._settle_lost(pending, reason)
        self._queue.extendleft(reversed(again))
        self._mixed = True
        if current:
            self._tidy()
            if self._redialling is not None and not self._retiring:
                _ = self._redialling.cancel()  # the dialler makes another one
            if self._stopped:
                self.refuse(NotSent(CLOSED))
            elif self._queue and (refused := self._dialer.ensure(self._spawn)) is not None:
                self.refuse(refused)
        elif again:
            self._flush()
        if not self._stopped:
            self._listeners.disconnected(reason)

    def _settle_lost(self, pending: Sequence[Call], reason: RedisError) -> list[Call]:
        """Fail the calls that may have run; return those that may run again."""
        again: list[Call] = []
        broken: set[int] = set()
        violation = isinstance(reason, ProtocolViolation)
        for call in pending:
            if call.replay and call.given < _ATTEMPTS and not violation and not self._stopped:
                call.again()
                again.append(call)
                self._watch_again(call)
                continue
            if call.batch is not None:
                broken.add(id(call.batch))
            fail(call, ProtocolViolation if violation else OutcomeUnknown, reason.message, self.address)
        self._end_batches(broken, f"an earlier piece of the batch was lost: {reason.message}")
        return again

    def _end_batches(self, broken: set[int], why: str) -> None:
        """Fail what was not sent yet of some batches, given by their ids."""
        if broken:
            for call in (*self._refusals.calls(), *self._queue):
                if id(call.batch) in broken and not call.done():
                    fail(call, NotSent, why, self.address)

    def _watch_again(self, call: Call) -> None:
        """Watch a call's deadline apart, as it will stand behind younger ones."""
        if call.timeout is not None:
            self._watch.add(call)

    # Refusals.

    def _on_error_reply(self, call: Call, error: ServerError) -> bool:
        """Take an error reply; return True where the call does not end with it."""
        if self._stopped:
            return False
        now = monotonic()
        elsewhere = False
        if self._is_of_before(call):
            if not self._holding:
                return False  # later writes have gone out already
        elif self._moves(error):
            if not self._replace_connection(now):
                return False
            elsewhere = True
        if not self._refusals.park(call, error, now, elsewhere=elsewhere):
            return False
        self._watch_again(call)
        if self._refusals.resume_at is not None:
            self._watch.arm(self._refusals.resume_at)
        return True

    def _moves(self, error: ServerError) -> bool:
        """Tell whether an error is to be met with a new connection."""
        rule = self.settings.reconnect_on_error
        if not callable(rule):
            return error.code in rule
        try:
            return bool(rule(error))
        except Exception as broken:
            self._listeners.broken("reconnect_on_error", broken)
            return False

    def _is_of_before(self, call: Call) -> bool:
        return any(each.session.waiting and each.session.waiting[0] is call for each in self._retiring)

    def _replace_connection(self, now: float) -> bool:
        """See to it that another connection is made before this one is given up; return False if it just was."""
        if not self._holding:
            if self.settings.reconnect is None or now - self._redialled < _EPOCH:
                return False
            self._redialled = now
            self._begin_redial()
            self._holding = self._mixed = True
            self._behind = [] if self._connection is None else list(self._connection.session.waiting)
        return True

    def replace(self) -> None:
        """Make another connection before this one is given up, as it is old."""
        if not self._stopped:
            self._begin_redial()

    def _begin_redial(self) -> None:
        if self._redialling is None:
            self._redialling = self._spawn(self._redial())
            self._redialling.add_done_callback(self._let_writes_go)

    def others(self) -> list[Connection]:
        """Return the other connections that are authenticated as this one is."""
        return []

    async def _redial(self) -> None:
        try:
            connection = await self.dial()
        except RedisError as error:
            self.failed(error)
            return
        before = self._connection
        if before is None or self._stopped:
            connection.abort()  # the dialler makes another one, or nobody wants one
            return
        self._retire(before)
        self._holding = self._mixed = True  # until what was sent on that one is answered
        self.use(connection)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERING):
                await before.ended()

    def _let_writes_go(self, _redial: asyncio.Task[None]) -> None:
        """Send what was refused and what waited behind it."""
        self._redialling = None
        overtaken = self._refusals.overtaken(self._behind)
        self._end_batches(
            {id(call.batch) for call in overtaken if call.batch is not None},
            "an earlier piece of the batch was refused",
        )
        self._holding, self._behind = False, []
        for call in self._queue:  # reads have overtaken it
            self._watch_again(call)
        self._refusals.go_on()
        self._flush()

    def _retire(self, connection: Connection) -> None:
        """Close a connection as soon as all that was given to it is answered."""
        self._retiring.add(connection)

        def end() -> None:
            if not connection.session.waiting:
                connection.give_up("another one took its place")

        connection.on_read = end
        end()

    def _on_answered(self, group: Group) -> bool:
        tail = refused_tail(group)
        if tail is None:
            return False
        behind = [call for call in self._queue if call.batch is group.batch and not call.done()]
        for flow in self._flows():
            if any(call.batch is group.batch and call is not group and call not in behind for call in flow):
                return False
        start, error = tail
        if not self._on_error_reply(group, error):
            return False
        group.keep(start)
        if behind and (group.spec.replay or not self._holding):
            self._queue = deque([call for call in self._queue if call.batch is not group.batch])
            self._refusals.follow(behind)
        return True

    @override
    def _on_executed(self, connection: Connection, transaction: Group) -> bool:
        # Nothing is tried again here: what the server refused is told. But it may mean that the server is another now.
        if connection is self._connection and not self._stopped and not transaction.applied():
            for reply in transaction.replies:
                if reply.__class__ is ReplyError and self._moves(exec_error(str(reply), address=self.address)):
                    self._replace_connection(monotonic())
                    break
        return super()._on_executed(connection, transaction)

    def _put_first(self, calls: list[Call]) -> None:
        self._queue.extendleft(reversed(calls))
        self._mixed = True
        if self._connection is not None:
            if not self._held:
                self._schedule()
        elif (reason := self._dialer.ensure(self._spawn)) is not None:
            self.refuse(reason)


def _itself(bound: Bound) -> Bound:
    return bound
