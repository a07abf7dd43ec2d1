"""Subscriptions: ``async with r.subscribe("news") as sub: async for message in sub``.

All subscriptions of a client share one connection of their own. It is made again after a loss, whatever is subscribed is
subscribed again, and each subscription is told of the gap before later messages. No time limit ends one that is quiet:
that its connection stands is found out by health checks.

A message that matches a channel and a pattern of one subscription comes once for each, as the server has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Generic, Literal, NoReturn, Self, TypeAlias, cast

from typing_extensions import TypeVar, override

from .errors import (
    ClientClosed,
    CommandTimeout,
    ConnectionFailed,
    ConnectionLost,
    DecodeFailed,
    Overloaded,
    UsageError,
)
from .protocol.encode import plain
from .records.pubsub import Gap, KeyEvent, Message, MessageKind, keyevent, keyspace
from .routing.desk import HANDLED, Desk
from .routing.inbox import End, Inbox, Item, Overflow
from .routing.reconcile import Kind, Name
from .routing.standalone import Core
from .routing.subscriptions import Feed
from .types import Key, Many, S

__all__ = ["Gap", "GapSubscription", "KeyEvent", "Message", "Subscription", "keyevent", "keyspace"]

M = TypeVar("M", covariant=True)
Gaps: TypeAlias = Literal["ignore", "raise", "yield"]
"""What the iteration does with a gap."""

_OVERFLOWS: Final = ("drop_oldest", "drop_newest", "wait", "close")
_GAPS: Final = ("ignore", "raise", "yield")
_MOST: Final = 2**31 - 1
_ENDING: Final = 1.0  # seconds that closing waits for a handler


class _Base(Generic[M, S]):
    """What both kinds of subscriptions have in common."""

    __slots__ = ("__weakref__", "_core", "_desk", "_gaps", "_inbox", "_names", "_owner", "_timeout")

    def __init__(
        self,
        core: Core,
        owner: object,
        names: list[Name],
        *,
        text: bool,
        timeout: float | None,
        buffer: int,
        overflow: Overflow,
        gaps: Gaps,
        on_gap: Callable[[Gap], object] | None,
    ) -> None:
        """Begin without anything subscribed; see ``Redis.subscribe``."""
        _check_buffer(buffer)
        _one_of("overflow", overflow, _OVERFLOWS)
        _one_of("gaps", gaps, _GAPS)
        self._core = core
        self._owner = owner  # so that the client is in use as long as this is
        self._names = names
        self._timeout = timeout
        self._gaps = gaps
        self._desk = Desk(lambda: Inbox(text, buffer, overflow), on_gap, gaps == "ignore" and on_gap is None)
        self._inbox = self._desk.inbox

    # Life.

    async def __aenter__(self) -> Self:
        """Subscribe, and wait until the server has confirmed it.

        Raises:
            NoPermission: the user may not subscribe to one of the channels or patterns.
            ConnectionFailed: there is no connection to be had.
            CommandTimeout: the server did not confirm in time.
        """
        desk = self._desk
        if desk.feed is not None or desk.closed:
            raise UsageError("a subscription is entered once: make another one")
        desk.feed = self._core.feed
        try:
            await self._add(self._names)
        except BaseException:
            desk.close()
            raise
        desk.begun = True
        desk.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Unsubscribe and end the iteration; what was not read is dropped. A second time does nothing."""
        desk = self._desk
        if not desk.closed:
            desk.close()
            pump = desk.pump
            if pump is not None and pump is not asyncio.current_task():
                pump.cancel()
                await asyncio.wait({pump}, timeout=_ENDING)

    @property
    def closed(self) -> bool:
        """Whether it has ended: closed, by itself or with its client, or failed."""
        return self._inbox.end is not None

    def __del__(self) -> None:
        desk: Desk | None = getattr(self, "_desk", None)
        if desk is not None and desk.begun and not desk.closed and desk.inbox.end is None:
            message = f"unclosed subscription at {self._core.address}: use `async with`, or await its aclose()"
            warnings.warn(message, ResourceWarning, source=self, stacklevel=2)

    @override
    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<{type(self).__name__} {self._core.address} of {len(self._desk.names)} names{state}>"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a subscription cannot be pickled or copied: it holds a connection")

    # What is subscribed.

    async def add(self, *channels: Key, patterns: Many[Key] = (), shards: Many[Key] = ()) -> None:
        """Subscribe to more, and wait until the server has confirmed it. If it refuses one of them, none is added.

        Args:
            channels: channels.
            patterns: glob-style patterns of channels.
            shards: shard channels.

        Raises:
            NoPermission: the user may not subscribe to one of them.
            ConnectionFailed: there is no connection to be had.
            CommandTimeout: the server did not confirm in time.
            ClientClosed: the subscription has ended.
        """
        self._check()
        await self._add(names_of(channels, patterns, shards))

    async def remove(self, *channels: Key, patterns: Many[Key] = (), shards: Many[Key] = ()) -> None:
        """Unsubscribe from some of it. Messages that wait to be read stay; what is not subscribed is passed over.

        Args:
            channels: channels.
            patterns: glob-style patterns of channels.
            shards: shard channels.

        Raises:
            CommandTimeout: the server did not confirm in time. No message comes from them any more all the same.
            ClientClosed: the subscription has ended.
        """
        feed = self._check()
        names = [name for name in names_of(channels, patterns, shards) if name in self._desk.names]
        self._desk.let_go(names)
        with contextlib.suppress(ConnectionFailed, ConnectionLost):  # then nothing is subscribed there
            await self._settled(feed, names)

    async def _add(self, names: list[Name]) -> None:
        desk, feed = self._desk, self._core.feed
        fresh = [name for name in dict.fromkeys(names) if name not in desk.names]
        desk.take_names(feed, fresh)
        try:
            self._refuse_ended()
            await self._settled(feed, names)
            self._refuse_ended()
        except BaseException:
            desk.let_go(fresh)
            raise

    async def _settled(self, feed: Feed, names: Iterable[Name]) -> None:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                await feed.settled(self._desk, names)
        except TimeoutError:
            if not limit.expired():
                raise
            address, why = self._core.address, feed.why_not()
            if why is not None:
                message = f"no connection within {self._timeout:g} s: {why}"
                raise ConnectionFailed(message, outcome="not_run", address=address, command="SUBSCRIBE") from None
            message = f"no confirmation within {self._timeout:g} s"
            raise CommandTimeout(message, address=address, command="SUBSCRIBE") from None

    def _check(self) -> Feed:
        feed = self._core.feed
        if self._desk.feed is None:
            raise UsageError("nothing is subscribed yet: enter it with `async with`")
        self._refuse_ended()
        if feed is not self._desk.feed:
            raise ClientClosed("the subscription belongs to an event loop that is closed", address=self._core.address)
        return feed

    def _refuse_ended(self) -> None:
        end = self._inbox.end
        if end is not None:
            raise end.error or ClientClosed("the subscription was closed", address=self._core.address)

    # Handlers.

    def on(self, name: Key, handler: Callable[[Message[S]], object], *, kind: MessageKind = "message") -> None:
        """Have the messages of one channel or pattern given to a function; the iteration gets the others.

        One at a time, in their order, by a task of the subscription's own: a coroutine function is awaited before the
        next call. What a handler raises is logged and ends nothing. Messages that wait for handlers have a buffer like
        that of the iteration. A later call takes the place of the one before.

        Args:
            name: a channel or pattern of this subscription.
            handler: is called with each message.
            kind: ``"pmessage"`` for a pattern, ``"smessage"`` for a shard channel.

        Raises:
            UsageError: it is not subscribed, or no function.
            ClientClosed: the subscription has ended.
        """
        self._refuse_ended()
        found: Name = (HANDLED[kind], _word(name))
        if found not in (self._names if self._desk.feed is None else self._desk.names):
            raise UsageError("a handler is for a channel or pattern of its subscription: add it first")
        if not callable(handler):
            raise UsageError("a handler is a function of a message")
        self._desk.handle(found, handler)

    # Messages.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> M:
        item: M = self._inbox.get()  # every message passes here
        if item.__class__ is not Message:
            item = await self._further(cast("Item | None", item))
        return item

    async def get_message(self, timeout: float | None = None) -> M | None:  # noqa: ASYNC109  # as redis-py has it
        """Wait for the next message.

        Args:
            timeout: seconds to wait; None for no limit, 0 for not at all.

        Returns:
            The message, or None where none came in time.

        Raises:
            ClientClosed: the subscription was closed.
        """
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self.__anext__()
        except StopAsyncIteration:
            raise ClientClosed("the subscription was closed", address=self._core.address) from None
        except TimeoutError:
            if not limit.expired():
                raise
            return None

    async def _further(self, item: Item | None) -> Any:
        """Go on from something that is no message, to a message or what else the iteration gives."""
        while True:
            if item is None:
                _ = self._check()
                item = await self._inbox.next()
            if isinstance(item, Message):
                return item
            if isinstance(item, End):
                if item.error is not None and not self._desk.closed:
                    raise item.error.with_traceback(None)
                raise StopAsyncIteration
            if isinstance(item, DecodeFailed):
                item.address = self._core.address
                raise item
            if self._passes(item):
                return item
            item = self._inbox.get()

    def _passes(self, gap: Gap) -> bool:
        """Do with a gap what is to be done; return whether the iteration gives it."""
        if gap.cause == "overflow":
            self._desk.told(gap)
        if self._gaps == "raise":
            kind = Overloaded if gap.cause == "overflow" else ConnectionLost
            raise kind(f"messages may have been lost: {gap.reason}", address=self._core.address)
        return self._gaps == "yield"

    @property
    def dropped(self) -> int:
        """How many messages were dropped as the subscriber was too slow."""
        return self._desk.dropped

    @property
    def gaps(self) -> int:
        """How many gaps there were."""
        return self._desk.gaps


class Subscription(_Base[Message[S], S], Generic[S]):
    """Messages of channels and patterns. Made by ``r.subscribe(...)``, and entered once.

    Several tasks may read from one: each message goes to one of them.
    """

    __slots__ = ()


class GapSubscription(_Base["Message[S] | Gap", S], Generic[S]):
    """A subscription whose iteration gives a ``Gap`` where messages may have been lost."""

    __slots__ = ()


def names_of(channels: Iterable[Key], patterns: Many[Key], shards: Many[Key]) -> list[Name]:
    """Return what is to be subscribed.

    Raises:
        UsageError: one of them cannot be sent, or stands where several are wanted.
    """
    several: tuple[tuple[str, object], ...] = (("patterns", patterns), ("shards", shards))
    for option, value in several:
        if isinstance(value, str | bytes):
            raise UsageError(f"option {option!r} must be a list of them, not a {type(value).__name__}")
    given: tuple[tuple[Kind, Iterable[Key]], ...] = (("", channels), ("p", patterns), ("s", shards))
    return [(kind, _word(word)) for kind, words in given for word in words]


def _word(word: Key) -> bytes:
    sent = plain("SUBSCRIBE", (word,))[0]
    if isinstance(sent, bytes):
        return sent
    try:
        return str(sent).encode()
    except UnicodeEncodeError:
        pass
    raise UsageError("a channel is text with a lone surrogate, which UTF-8 cannot encode", command="SUBSCRIBE")


def _check_buffer(buffer: object) -> None:
    if isinstance(buffer, bool) or not isinstance(buffer, int) or not 1 <= buffer <= _MOST:
        raise UsageError(f"option 'buffer' must be a whole number from 1 to {_MOST}")


def _one_of(option: str, value: str, words: tuple[str, ...]) -> None:
    if value not in words:
        raise UsageError(f"option {option!r} must be {', '.join(map(repr, words[:-1]))} or {words[-1]!r}")
