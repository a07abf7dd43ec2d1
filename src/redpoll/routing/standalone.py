"""One server: one multiplexed connection for all callers, and leased ones for the commands that must not share it."""

from __future__ import annotations

import asyncio
import os
import weakref
from asyncio import Future, get_running_loop
from collections.abc import Callable, Sequence
from math import inf
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from redpoll.errors import ClientClosed, NotSent, UsageError, WrongLoop
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Group, Transaction
from redpoll.protocol.encode import encode
from redpoll.spec import Spec
from redpoll.transport.connection import Connection
from redpoll.transport.pool import Bounds, Leases
from redpoll.types import Arg

from .hooks import Hooks, hooks_of
from .leasing import Leasing
from .raw import DEDICATED
from .shared import CLOSED, Shared

if TYPE_CHECKING:
    from .subscriptions import Feed

_CLOSING: Final = 1.0  # seconds that closing waits for what is in flight


class Core(Shared):
    """The connections to one server, shared by all views of a client. Used on one event loop at a time.

    Attributes:
        hooks: observer and middleware; None where there are none.
    """

    __slots__ = (
        "__weakref__",
        "_bounds",
        "_closing",
        "_feed",
        "_forked",
        "_horizon",
        "_leasing",
        "_loop",
        "_now",
        "_runs",
        "_thread",
        "hooks",
    )

    def __init__(self, settings: Settings, bounds: Bounds | None = None) -> None:
        """Begin without a connection.

        Args:
            settings: the client's settings.
            bounds: how many leased connections there may be; by default as many as ``max_leased``.
        """
        self._bounds = bounds
        self.hooks: Hooks | None = hooks_of(settings)
        limits = (settings.command_timeout, settings.read_timeout, settings.write_timeout, settings.health_check)
        self._horizon = min((limit for limit in limits if limit is not None), default=inf)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runs: Callable[[], bool] = _never
        self._thread = 0
        self._forked = False
        self._closing: asyncio.Task[None] | None = None
        super().__init__(settings)
        _cores.add(self)

    @override
    def _empty(self) -> None:
        super()._empty()
        self._now = 0.0  # when this turn began
        prepare = None if self.settings.on_connect is None else self._prepare
        rotation, gate = self._rotation, self._gate
        self._leasing = Leasing(self.settings, self._watch, self._spawn, prepare, rotation.took, gate, self._bounds)
        self._feed: Feed | None = None

    # Calls.

    def submit(
        self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, timeout: float | None, replay: bool
    ) -> Future[Any]:
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
        # In a turn whose writing is scheduled already it is enough to know that the loop runs, and in this thread: to
        # ask for the running loop costs more than all else that is done here.
        if not self._held or get_ident() != self._thread or not self._runs():
            self._begin_turn()
        payload = encode(spec.name, words)
        call = Call()
        future: Future[Any] = Future(loop=self._loop)
        call.future = future
        call.payload = payload
        call.spec = spec
        call.text = text and spec.text
        call.replay = replay or spec.replay
        call.given = 0
        call.batch = None
        call.timeout = timeout
        if timeout is not None:
            call.deadline = self._now + timeout
            if timeout != self.default_timeout:
                self._watch.add(call)
        self._queue.append(call)
        if not self._held:
            self._kick(call)
        return future

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
        """Queue several commands as one whole on the shared connection; await its future for the list of replies.

        Args:
            spec: stands for all of them in errors.
            payload: their bytes.
            texts: for each of them whether its reply is read as str.
            timeout: seconds they may take together; None for no limit.
            replay: run them again if the connection is lost.
            batch: what the group is a piece of. Once a piece of it may have run and is not run again, those still in
                the queue do not run either.
            sizes: for each command its bytes in the payload.
            refusable: the last commands are tried again if the server refuses them before it runs them, and nothing of
                the batch was sent behind them. There must be no script among them.
            atomic: they are a transaction, from MULTI to EXEC.

        Raises:
            ClientClosed: the client was closed.
            WrongLoop: it belongs to another event loop.
        """
        self._begin_turn()
        group = Transaction() if atomic else Group()
        group.fill(get_running_loop(), spec, payload, replay=replay)
        group.fill_group(texts, sizes)
        group.batch, group.timeout = batch, timeout
        if refusable:
            group.judge = self._on_answered
        if timeout is not None:
            group.deadline = self._now + timeout
            if timeout != self.default_timeout:
                self._watch.add(group)
        self._mixed = True
        self._queue.append(group)
        if not self._held:
            self._kick(group)
        return group

    def admit(self, spec: Spec[Any]) -> None:
        """Refuse a command that changes the state of its connection.

        Raises:
            UsageError: it does.
        """
        if spec.dedicated:
            raise UsageError(DEDICATED, command=spec.name)

    async def lease(
        self, spec: Spec[Any], words: tuple[Arg, ...], text: bool, limit: float | None, replay: bool
    ) -> Any:
        """Run one command on a connection leased for it; return its raw reply. See ``Leasing.run``."""
        return await self.leasing.run(spec, words, text, limit, replay)

    @property
    def leasing(self) -> Leasing:
        """The leased connections, for owners of their own.

        Raises:
            ClientClosed: the client was closed.
            WrongLoop: it belongs to another event loop.
        """
        self.loop()
        return self._leasing

    @property
    def places(self) -> Leases:
        """The places of the leased connections, to be counted."""
        return self._leasing.leases

    @property
    def feed(self) -> Feed:
        """The subscriptions.

        Raises:
            ClientClosed: the client was closed.
            WrongLoop: it belongs to another event loop.
        """
        self.loop()
        if self._feed is None:
            from .subscriptions import Feed  # a program that does not subscribe needs none of it

            prepare = None if self.settings.on_connect is None else self._prepare
            self._feed = Feed(self.settings, self._watch, self._spawn, self._listeners, prepare, self._gate)
        return self._feed

    def _subscribed(self) -> Connection | None:
        """Return the connection of the subscriptions."""
        return None if self._feed is None else self._feed.connection

    def _begin_turn(self) -> None:
        """What need not be done for every call of one turn of the event loop."""
        self.loop()
        if not self._held:
            self._now = now = monotonic()
            if now + self._horizon < self._watch.at:
                self._watch.arm(now + self._horizon)

    def _kick(self, call: Call) -> None:
        """See to it that the call queued last is sent some time, or fails."""
        connection = self._connection
        if connection is None:
            reason = self._dialer.ensure(self._spawn)
            if reason is not None:
                _ = self._queue.pop()
                self._refuse_call(call, reason)
            else:
                self._admit_offline(call)
        elif connection.blocked():  # it goes on by itself, or its loss is about to be told
            if self._sheds:
                self._schedule()  # the queue is looked through once a turn, not for each call
        elif self._crowded or connection.session.waiting:
            self._schedule()
        else:
            # A single caller gains from a write at once; many gain from one write for all of them.
            self._flush()

    # Credentials.

    async def reauthenticate(self) -> None:
        """Ask for the credentials anew and authenticate the connections with them; see ``Redis.reauthenticate``."""
        self.loop()
        error = await asyncio.shield(self._spawn(self._rotation.run()))
        if error is not None:
            raise error

    @override
    def others(self) -> list[Connection]:
        """Return the leased connections that are authenticated as the shared one is."""
        others = self._leasing.authenticated()
        feed = self._subscribed()
        if feed is not None and feed.ready.protocol == 3:  # in RESP2 one that is subscribed takes no AUTH
            others.append(feed)
        return others

    # Event loops.

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop, bound to this core from now on.

        Raises:
            ClientClosed: the client was closed.
            WrongLoop: the core belongs to another event loop, or to the process that this one was forked from.
        """
        loop = get_running_loop()
        if loop is not self._loop:
            self._bind(loop)
        return loop

    @property
    def connected(self) -> bool:
        """Whether a connection stands: shared, leased or subscribed."""
        return not self._forked and bool(
            self._connection is not None or self._subscribed() is not None or self._leasing.connections()
        )

    @property
    def closed(self) -> bool:
        """Whether the core was closed, or is being closed."""
        return self._stopped

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._stopped:
            raise ClientClosed(CLOSED, address=self.address)
        self._refuse_fork()
        if self._loop is not None:
            if not self._loop.is_closed():
                message = "the client is used on another event loop, which is still open; make one client for each loop"
                raise WrongLoop(message, address=self.address)
            self._drop()
        self._loop = loop
        self._runs = loop.is_running
        self._thread = get_ident()
        self._rotation.listen(loop)

    def _refuse_fork(self) -> None:
        if self._forked:
            message = "the client belongs to the process that this one was forked from; make one after the fork"
            raise WrongLoop(message, address=self.address)

    def forked(self) -> None:
        """Become useless, in a process that was forked: the sockets and the event loop are the parent's.

        Nothing is closed, as even that would reach what both share: the list of sockets that the parent waits for.
        """
        if self._loop is not None:
            self._forked = True
            self._loop = None
            self._thread = 0

    def _drop(self) -> None:
        """Let go of what belongs to an event loop that is closed."""
        self._rotation.stop()
        for connection in (*self._leasing.abandon(), *self._unsubscribed(), *self._connections()):
            connection.forget()
        self._loop = None
        self._thread = 0
        self._empty()

    def _unsubscribed(self) -> list[Connection]:
        return [] if self._feed is None else self._feed.abandon()

    # Closing.

    async def aclose(self) -> None:
        """Close all connections. What is in flight gets a second to finish, what is queued fails with ``NotSent``."""
        if not self._stopped:
            loop = get_running_loop()
            self._refuse_fork()
            if self._loop is not None and self._loop is not loop:
                if not self._loop.is_closed():
                    raise WrongLoop("close the client on the event loop it is used on", address=self.address)
                self._drop()
            self._stopped = True
            if self._loop is not None:
                self._closing = self._spawn(self._close())
        if self._closing is not None:
            me = asyncio.current_task()
            if me is not None:
                self._tasks.discard(me)  # a listener that closes its client is not cancelled by that
            await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._loop = None  # from now on every call finds the core closed
        self._thread = 0
        self._held = False
        self._dialer.stop()
        self._rotation.stop()
        self._refusals.go_on()
        self.refuse(NotSent(CLOSED))
        if self._feed is not None:
            self._feed.close()
        pending: list[Call] = self._leasing.close()
        own = self._connections()
        for connection in own:
            pending += [call for call in connection.session.waiting if not call.done()]
        if pending:
            await asyncio.wait([call.future for call in pending], timeout=_CLOSING)
        ending = [*self._leasing.abandon(), *self._unsubscribed(), *own]
        for each in ending:
            each.abort()
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_CLOSING)
        await asyncio.gather(*(each.ended() for each in ending))
        self._watch.stop()
        self._closing = None


def _never() -> bool:
    return False


_cores: Final[weakref.WeakSet[Core]] = weakref.WeakSet()


def _after_fork() -> None:
    for core in tuple(_cores):
        core.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
