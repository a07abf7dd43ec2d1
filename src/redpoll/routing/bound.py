"""One connection that is one owner's alone, with all the commands that a shared one refuses.

It is never dialled again behind its owner's back: what the owner did to it, a watched key or a selected database, would
be gone. When the owner is done it takes note of what is to be put right before the next one may have it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from time import monotonic
from typing import Any, Final

from typing_extensions import override

from redpoll.errors import (
    AuthenticationFailed,
    ClientClosed,
    DecodeFailed,
    NoPermission,
    NotSent,
    OutcomeUnknown,
    ProtocolViolation,
    RedisError,
    ServerError,
    TransactionBroken,
    UsageError,
    WrongLoop,
)
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Feed, Group, Probe, Transaction
from redpoll.protocol.encode import encode
from redpoll.shapes import decoded
from redpoll.spec import Spec, token_of
from redpoll.transport.connection import Connection
from redpoll.transport.watch import Watch, fail
from redpoll.types import Arg

from . import blocking
from .hooks import Hooks
from .outbox import Outbox, new_probe

_TRANSACTION: Final = "a transaction is a batch that is sent in one write, not a command: use transaction()"
_OUT_OF_STEP: Final = "its replies would no longer come one for each command"
_REFUSED: Final = {
    **dict.fromkeys(("MULTI", "EXEC", "DISCARD"), _TRANSACTION),
    **dict.fromkeys(("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE"), _OUT_OF_STEP),
    **dict.fromkeys(("SUNSUBSCRIBE", "MONITOR", "CLIENT REPLY", "SYNC", "PSYNC", "REPLCONF"), _OUT_OF_STEP),
    **dict.fromkeys(("CLUSTER SYNCSLOTS", "QUIT"), _OUT_OF_STEP),
}
ALONE: Final = frozenset(("AUTH", "HELLO"))
"""Redis 8.2 and 8.6 never answer one that fails behind a command whose reply is not sent yet: all later replies shift."""

OTHER_USER: Final = ALONE | {"RESET"}
"""What changes the connection's user, and with that what it has proved."""

_UNPROVED: Final = "MULTI does not work on this connection, or its user changed behind WATCH"
_HARMLESS: Final = frozenset(("WAIT", "WAITAOF", "UNWATCH"))
_UNWATCH: Final[Spec[Any]] = Spec("UNWATCH", dedicated=True)
_SELECT: Final[Spec[Any]] = Spec("SELECT", dedicated=True)
_LOGINS: Final = frozenset(("AUTH", "HELLO", "RESET"))
_RESTORING: Final = 1.0  # seconds


class Bound(Outbox):
    """A connection of one owner's own, with a queue in front of it as the shared one has.

    Attributes:
        hooks: observer and middleware; None where there are none.
        taken: it is, or was, somebody's.
    """

    __slots__ = (
        "_blocking",
        "_dirty",
        "_gone",
        "_horizon",
        "_loop",
        "_on_finish",
        "_process",
        "_watch",
        "_watching",
        "hooks",
        "taken",
    )

    def __init__(self, settings: Settings, hooks: Hooks | None) -> None:
        """Begin without a connection.

        Args:
            settings: the client's settings.
            hooks: observer and middleware.
        """
        super().__init__(settings)
        self.hooks: Hooks | None = hooks
        limits = (settings.read_timeout, settings.write_timeout, settings.health_check)
        self._horizon = min((limit for limit in limits if limit is not None), default=math.inf)
        self.taken: bool = False
        self._watch: Watch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_finish: Callable[[bool], None] | None = None
        self._blocking = 0  # commands that block
        self._process = 0
        self._watching = False  # there was a WATCH, and no RESET behind it
        self._dirty: set[str] = set()  # the commands that changed the connection's state
        self._gone: tuple[type[RedisError], str] = UsageError, "there is no connection yet: enter it with `async with`"

    def bind(self, connection: Connection, watch: Watch, on_finish: Callable[[bool], None] | None = None) -> None:
        """Take a connection that is in step, with nothing in flight.

        Args:
            connection: the connection.
            watch: ends calls whose time is up.
            on_finish: called once, when the owner is done; its argument says whether another one may have the
                connection. If not, it is being closed.
        """
        self.taken = True
        self._loop = asyncio.get_running_loop()
        self._process = os.getpid()
        self._watch = watch
        self._on_finish = on_finish
        self._connection = connection
        connection.on_lost = self._on_lost
        connection.on_resume = self._flush
        self._heed(connection)

    # The owner's commands.

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None

    @property
    def closed(self) -> bool:
        """Whether the connection was lost or returned."""
        return self._connection is None

    @property
    def returned(self) -> bool:
        """Whether the owner parted with the connection."""
        return self.taken and self._on_finish is None

    def admit(self, spec: Spec[Any]) -> None:
        """Refuse what would get replies out of step, and take note of what changes the connection's state.

        Raises:
            UsageError: why it is refused.
        """
        if spec.dedicated:
            if (reason := _REFUSED.get(spec.name)) is not None:
                raise UsageError(reason, command=spec.name)
            self.taint(spec.name)
            if spec.name in OTHER_USER and self._connection is not None:
                self._connection.transactions = "unproved"
                self._watching = self._watching and spec.name != "RESET"
            elif spec.name == "WATCH" and not self._watching:
                self._watching = True
                self._probe()

    def _probe(self) -> None:
        # Now, as a probe behind WATCH would end it.
        if self._connection is not None and self._connection.transactions == "unproved":
            self._mixed = True
            self._put(new_probe(), None)

    @override
    def _prepare_for_multi(self, connection: Connection, call: Transaction | Probe) -> bool:
        if self._watching and isinstance(call, Transaction) and connection.transactions != "proved":
            fail(call, TransactionBroken, _UNPROVED, self.address)
            return False
        return super()._prepare_for_multi(connection, call)

    @property
    def is_another_user(self) -> bool:
        """Whether the owner has authenticated the connection as somebody else, or may have."""
        return not self._dirty.isdisjoint(_LOGINS)

    def taint(self, command: str) -> None:
        """Take note of a command that changes the connection's state, or may do so."""
        if command not in _HARMLESS:
            self._dirty.add(command)

    def submit(
        self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, timeout: float | None, replay: bool
    ) -> asyncio.Future[Any]:
        """Queue one command; await the result for its raw reply.

        Args:
            spec: the command's facts.
            words: the command.
            text: whether the reply is read as str.
            timeout: seconds it may take; None for no limit.
            replay: as for a core; nothing is ever run again here.

        Raises:
            UsageError: a word cannot be sent, or there is no connection yet.
            ClientClosed: the connection was returned.
            NotSent: it was lost.
            WrongLoop: it belongs to another event loop or process.
        """
        loop = self._check(spec.name)
        if spec.name in ALONE and self._connection is not None and not self._at_rest(self._connection):
            raise UsageError("it must be the only command under way on its connection", command=spec.name)
        call = Call()
        call.fill(loop, spec, encode(spec.name, words), text=text and spec.text, replay=replay)
        self._put(call, timeout)
        return call.future

    def submit_group(
        self,
        spec: Spec[Any],
        payload: bytes,
        texts: list[bool],
        *,
        timeout: float | None,
        replay: bool,
        batch: object,
        sizes: Sequence[int] | None = None,
        refusable: bool = False,
        atomic: bool = False,
    ) -> Group:
        """Queue several commands as one whole; its future gives the list of replies. See ``Core.submit_group``."""
        loop = self._check(spec.name)
        group = Transaction() if atomic else Group()
        group.fill(loop, spec, payload, replay=replay)
        group.fill_group(texts)
        self._mixed = True
        self._put(group, timeout)
        return group

    def feed(self, spec: Spec[Any], words: tuple[Arg, ...], on_reply: Callable[[bytes], None]) -> asyncio.Future[Any]:
        """Send a command that turns the connection into a feed; nothing else may be sent on it then.

        Args:
            spec: the command's facts.
            words: the command.
            on_reply: gets each reply behind the first that begins with a digit, as MONITOR's do. Others answer PINGs.

        Returns:
            What ends with the feed: with the error reply or the loss that ended it, cancelled as the client is closed.
        """

        def take(reply: Any) -> None:
            if isinstance(reply, bytes) and reply[:1].isdigit():
                on_reply(reply)
            elif self._connection is not None and len(self._connection.session.waiting) > 1:
                del self._connection.session.waiting[1]  # a PING's answer, which came here

        loop = self._check(spec.name)
        self.taint(spec.name)
        feed = Feed()
        feed.fill(loop, spec, encode(spec.name, words), text=False)
        feed.fill_feed(take)
        self._put(feed, None)
        return feed.future

    async def lease(
        self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None, replay: bool
    ) -> Any:
        """Run a command that may block, or that ends what blocks; return its raw reply.

        A blocking one may take as long as it blocks, and ``limit`` seconds on top. If the call is cancelled or its time
        is up, the connection is closed: what the server would still take from a list must not be taken.

        Args:
            spec: the command's facts.
            words: the command.
            text: whether the reply is read as str.
            limit: seconds beside the block time; None for no limit.
            replay: as for ``submit``.

        Raises:
            OutcomeUnknown: the connection was lost.
            CommandTimeout: the time is up.
        """
        if spec.blocking is None or spec.blocking.seconds(words) is None:
            connection = self._connection
            try:
                return await self.submit(spec, words, text, limit, replay)
            except OutcomeUnknown:
                if connection is None or not connection.hung_up or not _shuts_down(spec, words):
                    raise
                return "OK" if text else b"OK"
        with self.silence():
            try:
                return await self._block(spec, words, text, limit)
            except (ServerError, DecodeFailed, ProtocolViolation, UsageError):
                raise
            except BaseException:
                self.break_off("it was closed as a blocking command on it was given up")
                raise

    @contextlib.contextmanager
    def silence(self) -> Generator[None, None, None]:
        """Have the connection's silence not judged meanwhile: a server that blocks is silent, and answers no PING."""
        self._blocking += 1
        self._let_be(self._connection)
        try:
            yield
        finally:
            self._blocking -= 1
            if self._connection is not None:
                self._heed(self._connection)

    async def _block(self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None) -> Any:
        block = blocking.block_seconds(spec, words)
        fixed = await self.fixed(spec, words, limit) if block == math.inf and blocking.in_slices(spec) else None
        if fixed is None or spec.blocking is None:
            timeout = None if block is None or block == math.inf or limit is None else block + limit
            return await self.submit(spec, words, text, timeout, False)
        timeout = blocking.SLICE + (blocking.GRACE if limit is None else limit)
        while True:
            begin = monotonic()
            part = spec.blocking.with_seconds(fixed, blocking.SLICE)
            reply = await self.submit(spec, part, text, timeout, False)
            if not blocking.slice_passed(reply, monotonic() - begin):
                return reply
            fixed = blocking.after_a_slice(spec, fixed)

    async def fixed(self, spec: Spec[Any], words: tuple[Arg, ...], limit: float | None) -> tuple[Arg, ...] | None:
        """Return the words of an XREAD with an id wherever ``$`` stands; None where the user may not ask for it."""
        for at in blocking.from_now_on(spec, words):
            ask: tuple[Arg, ...] = ("XREVRANGE", blocking.key_of(spec, words, at), "+", "-", "COUNT", 1)
            try:
                last = decoded(blocking.LAST, await self.submit(blocking.LAST, ask, False, limit, True), self.address)
            except NoPermission:
                return None
            except RedisError as error:
                error.command = spec.name  # which is what the caller asked for
                raise
            words = blocking.replaced(words, at, last)
        return words

    # Life.

    async def restore(self) -> None:
        """Undo what the owner did to the connection, where that can be done; else it will be closed."""
        dirty, connection = self._dirty, self._connection
        if connection is None or not dirty or not dirty <= {"WATCH", "SELECT"} or not self._at_rest(connection):
            return
        try:
            if "WATCH" in dirty:
                await self.submit(_UNWATCH, ("UNWATCH",), False, _RESTORING, True)
            if "SELECT" in dirty:
                await self.submit(_SELECT, ("SELECT", self.settings.db), False, _RESTORING, True)
        except RedisError:
            return
        dirty.clear()

    def finish(self) -> None:
        """Part with the connection. A second time does nothing."""
        connection, self._connection = self._connection, None
        done, self._on_finish = self._on_finish, None
        self._let_be(connection)
        self._gone = ClientClosed, "the connection was returned"
        keep = False
        if connection is not None:
            keep = not self._dirty and not connection.closing and self._at_rest(connection)
            if keep:
                _release(connection)
            else:
                self._end_queue("the connection was returned before the command was sent")
                connection.abort()  # its calls are told by `_on_lost`
        if done is not None:
            done(keep)

    def hand_over(self) -> None:
        """Part with the connection in whatever state the owner brought it. It goes on without him."""
        if self._connection is not None:
            self._let_be(self._connection)
            _release(self._connection)
            self._connection = None
        self._gone = ClientClosed, "the connection was handed over"
        self._end_queue("the connection was handed over before the command was sent")

    def close(self) -> None:
        """Refuse commands from now on, as the client is closed. What is in flight goes on, but for a feed."""
        self._gone = ClientClosed, "the client was closed"
        self._end_queue("the client was closed")
        for call in self.calls():
            if isinstance(call, Feed):
                call.future.cancel()

    def break_off(self, why: str) -> None:
        """Close the connection."""
        connection = self._connection
        if connection is not None:
            self._let_be(connection)
            self._connection = None
            self._gone = NotSent, f"the connection is gone: {why}"
            self._end_queue(why)
            connection.abort()

    async def aclose(self) -> None:
        """Return the connection as it was, or close it."""
        try:
            await self.restore()
        finally:
            self.finish()

    def calls(self) -> list[Call]:
        """Return the calls in flight."""
        connection = self._connection
        return [] if connection is None else [call for call in connection.session.waiting if not call.done()]

    def _heed(self, connection: Connection) -> None:
        """Have the connection's silence judged."""
        watch = self._watch
        if watch is not None and not self._blocking and connection not in watch.sources:
            watch.sources.append(connection)
            watch.arm(connection.due() or math.inf)

    def _let_be(self, connection: Connection | None) -> None:
        """Have its silence judged no more."""
        if self._watch is not None and connection in self._watch.sources:
            self._watch.sources.remove(connection)

    def _at_rest(self, connection: Connection) -> bool:
        return not connection.session.waiting and not any(not call.done() for call in self._queue)

    def _check(self, command: str) -> asyncio.AbstractEventLoop:
        if self._connection is None or self._gone[0] is ClientClosed:
            kind, message = self._gone
            raise kind(message, address=self.address, command=command, outcome="not_run")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            raise WrongLoop("the connection belongs to another event loop", address=self.address, command=command)
        if os.getpid() != self._process:
            message = "the connection belongs to the process that this one was forked from"
            raise WrongLoop(message, address=self.address, command=command)
        return loop

    def _put(self, call: Call, timeout: float | None) -> None:
        call.timeout = timeout
        if self._watch is not None:
            now = monotonic()
            if timeout is not None:
                call.deadline = now + timeout
                self._watch.add(call)
            if now + self._horizon < self._watch.at:
                self._watch.arm(now + self._horizon)
        self._queue.append(call)
        connection = self._connection
        if self._held or connection is None:
            return
        if connection.blocked():  # it goes on by itself
            if self._sheds:
                self._shed()
        elif connection.session.waiting:
            self._schedule()
        else:
            self._flush()

    def _end_queue(self, why: str, kind: type[RedisError] = NotSent) -> None:
        queue, self._queue = self._queue, deque()
        for call in queue:
            if not call.done():
                fail(call, kind, why, self.address)

    def _on_lost(self, _connection: Connection, pending: Sequence[Call], reason: RedisError) -> None:
        why = reason.message if self._connection is not None else self._gone[1]
        unsent = AuthenticationFailed if isinstance(reason, AuthenticationFailed) else NotSent
        if self._connection is not None:
            self._let_be(self._connection)
            self._connection = None
            if self._gone[0] is not ClientClosed:
                self._gone = unsent, f"the connection is gone: {why}"
        kind = ProtocolViolation if isinstance(reason, ProtocolViolation) else OutcomeUnknown
        for call in pending:
            fail(call, kind, why, self.address)
        self._end_queue(why, unsent)


def _shuts_down(spec: Spec[Any], words: Sequence[Arg]) -> bool:
    return spec.name == "SHUTDOWN" and all(token_of(word) != "ABORT" for word in words)


def _release(connection: Connection) -> None:
    connection.on_lost, connection.on_resume, connection.on_read = _nothing_lost, _nothing, None


def _nothing() -> None:
    pass


def _nothing_lost(_connection: Connection, _pending: Sequence[Call], _reason: RedisError) -> None:
    pass
