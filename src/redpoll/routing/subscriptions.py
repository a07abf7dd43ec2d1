"""The connection that all subscriptions of one client share, and what each of them gets from it.

A subscribed connection falls under the server's output limit for pub/sub, and a large reply would have the server close
it: so it is one of its own, dialled with the client's settings when somebody subscribes, and again as the client's policy
says while anybody does. However many subscribe to a channel here, the server knows of one subscription.

After a loss everything that is wanted is subscribed again. What comes before all of it is confirmed waits, so that each
subscription is told of its gap at a moment from which on it misses nothing, and before any later message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol

from redpoll.errors import (
    Ask,
    ConnectionFailed,
    Moved,
    NotSent,
    RedisError,
    Refused,
    server_error,
)
from redpoll.options import Settings
from redpoll.protocol.calls import Call, Change, as_bytes
from redpoll.protocol.encode import encode
from redpoll.records.pubsub import Gap
from redpoll.spec import Spec
from redpoll.transport.connection import Connection, connect
from redpoll.transport.watch import Watch

from .dialing import Dialer, Gate
from .hooks import Listeners
from .reconcile import Name, Reconciler, Step

_log: Final = logging.getLogger("redpoll")
_PING: Final = encode("PING", ("PING",))
_SPECS: Final[dict[str, Spec[Any]]] = {}
_AGAIN: Final = 0.1  # seconds until a change that the server refuses for now goes out again
_IDLE: Final = 10.0  # seconds for which a connection without subscriptions is kept
_MOST_HELD: Final = 65536  # messages that wait for the end of a resubscription

Take = Callable[[Sequence[bytes]], None]
"""Gets each message as it came: kind, pattern where there is one, channel, data."""


class Subscriber(Protocol):
    """Whom a subscription belongs to.

    Attributes:
        silent: nobody looks at its gaps.
    """

    silent: bool

    def interrupted(self, gap: Gap, /) -> None:
        """Take note of messages that may be lost."""
        ...

    def finish(self, error: RedisError | None, /) -> None:
        """Take note of the end; None where the client was closed."""
        ...


class _Waiter:
    """Somebody who waits until the server has confirmed some names."""

    __slots__ = ("future", "names", "who")

    def __init__(self, who: Subscriber, names: set[Name]) -> None:
        self.who: Subscriber = who
        self.names: set[Name] = names
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Feed:
    """The subscriptions of one client.

    Attributes:
        connection: the connection; None while there is none.
        spawn: runs a coroutine as a task of the client's.
    """

    __slots__ = (
        "_again",
        "_closed",
        "_dialer",
        "_early",
        "_full",
        "_idle",
        "_interrupted",
        "_listeners",
        "_lost",
        "_prepare",
        "_routes",
        "_settings",
        "_state",
        "_takers",
        "_waiting",
        "_watch",
        "_watched",
        "connection",
        "spawn",
    )

    def __init__(
        self,
        settings: Settings,
        watch: Watch,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        listeners: Listeners,
        prepare: Callable[[Connection], Awaitable[None]] | None,
        gate: Gate,
    ) -> None:
        """Begin without a connection.

        Args:
            settings: the client's settings.
            watch: has the connection's silence judged.
            spawn: runs a coroutine as a task that no caller's cancellation reaches.
            listeners: are told of losses and failures.
            prepare: is awaited with each new connection before it is used.
            gate: says when not to dial.
        """
        self._settings = settings
        self._watch = watch
        self.spawn: Final = spawn
        self._listeners = listeners
        self._prepare = prepare
        # Subscriptions that stand wait for a connection whatever calls would do.
        self._dialer = Dialer(replace(settings, offline="wait"), self, gate)
        self.connection: Connection | None = None
        self._state = Reconciler()
        self._takers: dict[Name, dict[Subscriber, Take]] = {}
        self._routes: dict[bytes, dict[bytes, Take]] = {b"message": {}, b"pmessage": {}, b"smessage": {}}
        self._waiting: dict[Name, list[_Waiter]] = {}
        self._interrupted: dict[Subscriber, None] = {}  # were subscribed when a connection was lost
        self._early: list[list[bytes]] | None = None  # messages that came before all was subscribed again
        self._full: set[object] = set()  # for whom reading has stopped
        self._lost = ""  # why the last connection was
        self._watched = False
        self._again: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    # What subscriptions ask for.

    def add(self, who: Subscriber, names: Iterable[Name], take: Take) -> None:
        """Have a subscriber get the messages of some names, or get them by another function."""
        fresh: list[Name] = []
        for name in names:
            takers = self._takers.setdefault(name, {})
            if not takers:
                fresh.append(name)
            takers[who] = take
            self._route(name)
        if fresh:
            self._state.want(fresh)
            self._reconcile()

    def drop(self, who: Subscriber, names: Iterable[Name]) -> None:
        """Let a subscriber get the messages of some names no more."""
        gone: list[Name] = []
        for name in names:
            takers = self._takers.get(name)
            if takers is not None and takers.pop(who, None) is not None:
                self._route(name)
                if not takers:
                    del self._takers[name]
                    gone.append(name)
        if gone:
            self._state.drop(gone)
            self._reconcile()

    def forget(self, who: Subscriber, names: Iterable[Name]) -> None:
        """Part with a subscriber."""
        self._interrupted.pop(who, None)
        self.drop(who, names)

    async def settled(self, who: Subscriber, names: Iterable[Name]) -> None:
        """Wait until the server has done what is wanted of some names.

        Raises:
            ServerError: it refuses one of them.
            ConnectionFailed: there is no connection, and none is to come.
        """
        waiter = _Waiter(who, {name for name in names if not self._state.is_settled(name)})
        if not waiter.names:
            return
        for name in waiter.names:
            self._waiting.setdefault(name, []).append(waiter)
        try:
            await waiter.future
        finally:
            for name in waiter.names:
                left = [each for each in self._waiting.pop(name, ()) if each is not waiter]
                if left:
                    self._waiting[name] = left

    def why_not(self) -> str | None:
        """Say why there is no connection; None where there is one, or none was tried."""
        reason = self._dialer.reason
        return None if self.connection is not None or reason is None else reason.message

    def full(self, who: object, is_full: bool) -> None:
        """Stop reading while somebody has no room for more; all others wait with him."""
        before = bool(self._full)
        (self._full.add if is_full else self._full.discard)(who)
        if self.connection is not None and bool(self._full) != before:
            self.connection.read_on(before)
            self._heed(before)

    # The dialler calls the next five.

    async def dial(self) -> Connection:
        """Make a connection."""
        connection = await connect(self._settings, prepare=self._prepare)
        connection.session.subscribe(self._on_push, as_arrays=connection.ready.protocol == 2)
        return connection

    def use(self, connection: Connection) -> None:
        """Take a new connection, and subscribe on it."""
        connection.on_lost = self._on_lost
        connection.on_resume = self._reconcile
        self.connection = connection
        if self._interrupted:
            self._early = []
            connection.session.subscribe(self._on_early_push, as_arrays=connection.ready.protocol == 2)
        if self._full:
            connection.read_on(False)
        else:
            self._heed(True)
        if connection.lost:
            self._on_lost(connection, [], ConnectionFailed("the connection ended right after the handshake"))
        else:
            self._reconcile()

    def refuse(self, reason: RedisError) -> None:
        """End all subscriptions: no connection is to come."""
        everybody, names = self._everybody(), list(self._takers)
        self._takers.clear()
        self._interrupted.clear()
        for routes in self._routes.values():
            routes.clear()
        self._state.drop(names)
        for who in everybody:
            who.finish(_copy(reason))
        self._fail_waiters(reason)

    def wants(self) -> bool:
        """Tell whether anybody is subscribed."""
        return bool(self._takers)

    def failed(self, error: RedisError) -> None:
        """Take note of a failure to connect."""
        self._listeners.failed(error)
        if self._settings.offline == "fail":
            self._fail_waiters(error)

    # Life.

    def close(self) -> None:
        """End all subscriptions, as the client is closed."""
        self._closed = True
        self._dialer.stop()
        for timer in (self._again, self._idle):
            if timer is not None:
                timer.cancel()
        for who in self._everybody():
            who.finish(None)
        self._fail_waiters(NotSent("the client was closed", address=str(self._settings.address)))

    def abandon(self) -> list[Connection]:
        """Give away the connection without closing it; nothing is subscribed any more."""
        self._closed = True
        self._heed(False)
        connection, self.connection = self.connection, None
        return [] if connection is None else [connection]

    def _everybody(self) -> list[Subscriber]:
        return list({who: None for takers in self._takers.values() for who in takers})

    def _fail_waiters(self, error: RedisError) -> None:
        for waiter in {waiter for waiters in self._waiting.values() for waiter in waiters}:
            if not waiter.future.done():
                waiter.future.set_exception(_copy(error))

    # Changes.

    def _route(self, name: Name) -> None:
        kind, word = name
        routes = self._routes[f"{kind}message".encode()]
        takers = self._takers[name]
        if takers:
            routes[word] = _to_all(tuple(takers.values()))
        else:
            routes.pop(word, None)

    def _reconcile(self) -> None:
        """Send the changes that are due, or see to it that there is a connection for them."""
        connection = self.connection
        if self._closed:
            return
        if connection is None:
            self._dial_again()
            return
        self._watch_idle()
        while not connection.blocked():
            step = self._state.next_step()
            if step is None:
                break
            self._send(connection, step)
        if (due := connection.due()) is not None and self._watched:
            self._watch.arm(due)
        self._on_settled()

    def _dial_again(self) -> None:
        if self._takers:
            reason = self._dialer.ensure(self.spawn)
            if reason is not None:
                self.refuse(reason)
        else:
            self._tell_waiters(list(self._waiting))

    def _send(self, connection: Connection, step: Step) -> None:
        command = step.command
        change = Change()
        spec = _SPECS.setdefault(command, Spec(command))
        payload = encode(command, (command, *step.words)) + _PING
        change.fill(asyncio.get_running_loop(), spec, payload, text=False)
        change.kind = command.lower().encode()
        change.again()
        change.future.add_done_callback(partial(self._on_changed, step))
        connection.send(change)

    def _on_changed(self, step: Step, future: asyncio.Future[Any]) -> None:
        """Take the server's answer to a change."""
        if future.cancelled() or self._closed:
            return
        failure, answer = future.exception(), None
        if failure is None:
            answer = future.result()
        if isinstance(answer, list):
            self._state.confirmed(step)
        else:
            error = server_error(str(answer or failure), command=step.command, address=str(self._settings.address))
            if isinstance(error, Refused) and not isinstance(error, Moved | Ask):
                self._state.put_off(step)
                if self._again is None:
                    self._again = asyncio.get_running_loop().call_later(_AGAIN, self._go_on)
                return
            for name in self._state.refused(step):
                self._refuse_name(name, str(answer or failure), step.command)
        self._tell_waiters(step.names)
        self._reconcile()

    def _go_on(self) -> None:
        self._again = None
        self._reconcile()

    def _refuse_name(self, name: Name, why: str, command: str) -> None:
        """Tell those who want a name that the server refuses it: who waits for it, or else the subscription ends."""
        waiters = {waiter.who: waiter for waiter in self._waiting.get(name, ())}
        for who in tuple(self._takers.get(name, ())):
            error = server_error(why, command=command, address=str(self._settings.address))
            waiter = waiters.get(who)
            self.drop(who, [name])
            if waiter is None:
                self._end(who, error)
            elif not waiter.future.done():
                waiter.future.set_exception(error)

    def _end(self, who: Subscriber, reason: RedisError) -> None:
        who.finish(_copy(reason))
        names = [name for name, takers in self._takers.items() if who in takers]
        for waiter in {each for name in names for each in self._waiting.get(name, ()) if each.who is who}:
            if not waiter.future.done():
                waiter.future.set_exception(_copy(reason))
        self.forget(who, names)

    def _tell_waiters(self, names: Iterable[Name]) -> None:
        for name in names:
            if name in self._waiting and (self.connection is None or self._state.is_settled(name)):
                for waiter in self._waiting.pop(name):
                    waiter.names.discard(name)
                    if not waiter.names and not waiter.future.done():
                        waiter.future.set_result(None)

    def _watch_idle(self) -> None:
        """Close the connection some time after the last subscription."""
        if self._takers:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
        elif self._idle is None:
            self._idle = asyncio.get_running_loop().call_later(_IDLE, self._close_idle)

    def _close_idle(self) -> None:
        self._idle = None
        if self.connection is not None and not self._takers:
            self.connection.give_up("nothing is subscribed any more")

    # What the connection brings.

    def _on_push(self, push: list[Any]) -> None:
        # Every message passes here.
        try:
            take = self._routes[push[0]][push[1]]
        except KeyError:
            self._on_other_push(push, self._on_push)
        else:
            take(push)

    def _on_early_push(self, push: list[Any]) -> None:
        early = self._early
        if push[0] in self._routes and early is not None:
            early.append(push)
            if len(early) >= _MOST_HELD:
                self._resume()
        else:
            self._on_other_push(push, self._on_early_push)

    def _on_other_push(self, push: list[Any], again: Callable[[list[Any]], None]) -> None:
        """Take a push that was read as text, as a PING was outstanding; or one that ends a subscription."""
        if isinstance(push[0], str):
            again([as_bytes(word) if isinstance(word, str) else word for word in push])
        elif push[0] == b"sunsubscribe" and isinstance(push[1], bytes):
            name: Name = ("s", push[1])  # its slot has moved
            self._state.taken(name)
            if not self._state.settled:
                self._lost = "the server ended subscriptions of a slot"
                self._interrupted.update(dict.fromkeys(self._takers.get(name, ())))
                self._reconcile()

    def _on_settled(self) -> None:
        if (self._interrupted or self._early is not None) and self._state.settled:
            self._resume()

    def _resume(self) -> None:
        """Tell of the gap now that all is subscribed again, and go on."""
        connection, reason = self.connection, self._lost
        interrupted, self._interrupted = self._interrupted, {}
        early, self._early = self._early or [], None
        if connection is not None:
            connection.session.subscribe(self._on_push, as_arrays=connection.ready.protocol == 2)
        if any(who.silent for who in interrupted):
            _log.warning("subscriptions at %s were interrupted: %s", self._settings.address, reason)
        for who in interrupted:
            who.interrupted(Gap("connection", None, reason))
        for push in early:
            self._on_push(push)

    def _on_lost(self, connection: Connection, pending: Sequence[Call], reason: RedisError) -> None:
        self._heed(False)
        for call in pending:
            call.future.cancel()
        if connection is not self.connection:
            return
        self.connection = None
        if self._early:
            self._resume()
        self._early, self._lost = None, reason.message
        self._dialer.lost(connection, reason)
        self._interrupted.update(dict.fromkeys(self._everybody()))
        self._state.lost()
        if self._takers:
            self._listeners.disconnected(reason)
        self._reconcile()

    def _heed(self, heed: bool) -> None:
        """Have the connection's silence judged, or not."""
        connection = self.connection
        if connection is not None and heed != self._watched:
            self._watched = heed
            if heed:
                self._watch.sources.append(connection)
                if (due := connection.due()) is not None:
                    self._watch.arm(due)
            else:
                self._watch.sources.remove(connection)


def _to_all(takers: tuple[Take, ...]) -> Take:
    """Return one function for several."""
    if len(takers) == 1:
        return takers[0]

    def take(push: Sequence[bytes]) -> None:
        for each in takers:
            each(push)

    return take


def _copy(error: RedisError) -> RedisError:
    """Return an error of the same kind for one more waiter."""
    return type(error)(error.message, outcome=error.outcome, address=error.address, command=error.command)
