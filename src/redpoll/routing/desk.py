"""What the connection knows of one subscription: its messages, its handlers, its gaps.

Whoever subscribed holds a face of it; the connection holds this. So a face that is forgotten is noticed.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from redpoll.errors import DecodeFailed, RedisError
from redpoll.protocol.calls import as_bytes
from redpoll.records.pubsub import Gap, Message, MessageKind

from .inbox import End, Inbox
from .reconcile import Kind, Name
from .subscriptions import Feed

_log: Final = logging.getLogger("redpoll")
HANDLED: Final[dict[MessageKind, Kind]] = {"message": "", "pmessage": "p", "smessage": "s"}
"""What kind of name a message came by."""


class Desk:
    """One subscription, as the connection knows it.

    Attributes:
        inbox: for the iteration.
        names: what is subscribed.
        on_gap: is told of gaps.
        gaps: how many there were.
        silent: nobody looks at them.
        begun: it has been subscribed.
        closed: its owner is done with it.
    """

    __slots__ = (
        "_handled",
        "_handlers",
        "_make",
        "begun",
        "closed",
        "feed",
        "gaps",
        "inbox",
        "names",
        "on_gap",
        "pump",
        "silent",
    )

    def __init__(self, make: Callable[[], Inbox], on_gap: Callable[[Gap], object] | None, silent: bool) -> None:
        self._make = make
        self.inbox: Inbox = self._furnished()
        self.names: set[Name] = set()
        self.on_gap: Callable[[Gap], object] | None = on_gap
        self.gaps: int = 0
        self.silent: bool = silent
        self.begun: bool = False
        self.closed: bool = False
        self.feed: Feed | None = None
        self.pump: asyncio.Task[None] | None = None
        self._handled: Inbox | None = None
        self._handlers: dict[Name, Callable[[Message[Any]], object]] = {}

    @property
    def dropped(self) -> int:
        """How many messages there was no room for."""
        return self.inbox.dropped + (0 if self._handled is None else self._handled.dropped)

    # What the connection calls.

    def interrupted(self, gap: Gap) -> None:
        """Take note of a loss."""
        if self.begun:
            self.inbox.gap(gap)
            self.told(gap)

    def finish(self, error: RedisError | None) -> None:
        """Take note of the end."""
        self.inbox.finish(error)
        if self._handled is not None:
            self._handled.finish(error)

    # What its owner calls.

    def take_names(self, feed: Feed, names: list[Name]) -> None:
        """Have the messages of some names come, to their handlers where there are."""
        self.feed = feed
        self.names.update(names)
        feed.add(self, [name for name in names if name not in self._handlers], self.inbox.take)
        if self._handled is not None:
            feed.add(self, [name for name in names if name in self._handlers], self._handled.take)

    def let_go(self, names: Iterable[Name]) -> None:
        """Have the messages of some names come no more."""
        names = list(names)
        self.names.difference_update(names)
        if self.feed is not None:
            self.feed.drop(self, names)

    def handle(self, name: Name, handler: Callable[[Message[Any]], object]) -> None:
        """Have the messages of a name given to a function."""
        self._handlers[name] = handler
        if self._handled is None:
            self._handled = self._furnished()
        if self.feed is not None:
            self.feed.add(self, [name], self._handled.take)
            self.start()

    def start(self) -> None:
        """Begin to call handlers, where there are."""
        if self._handled is not None and self.feed is not None and self.pump is None:
            self.pump = self.feed.spawn(self._call_handlers(self._handled))

    def close(self) -> None:
        """End it."""
        self.closed = True
        if self.feed is not None:
            self.feed.forget(self, list(self.names))
        self.finish(None)
        for inbox in (self.inbox, self._handled):
            if inbox is not None:
                inbox.clear()

    def told(self, gap: Gap) -> None:
        """Count a gap and tell ``on_gap`` of it."""
        self.gaps += 1
        if self.on_gap is not None and self.feed is not None:
            try:
                result = self.on_gap(gap)
            except Exception:
                _log.exception("on_gap failed; the subscription goes on")
                return
            if inspect.isawaitable(result):
                _ = self.feed.spawn(_rest(result, "on_gap failed; the subscription goes on"))

    def _furnished(self) -> Inbox:
        inbox = self._make()

        def full(is_full: bool) -> None:
            if self.feed is not None:
                self.feed.full(inbox, is_full)

        def over(error: RedisError) -> None:
            self.finish(error)
            if self.feed is not None:
                self.feed.forget(self, list(self.names))

        inbox.on_full, inbox.on_over = full, over
        return inbox

    async def _call_handlers(self, handled: Inbox) -> None:
        while not isinstance(item := await handled.next(), End):
            if isinstance(item, Gap):
                self.told(item)
            elif isinstance(item, DecodeFailed):
                _log.error("a message for a handler cannot be read: %s", item.message)
            else:
                name = as_bytes(item.channel if item.pattern is None else item.pattern)
                handler = self._handlers[HANDLED[item.kind], name]
                problem = f"the handler of {name!r} failed; the subscription goes on"
                try:
                    result = handler(item)
                except Exception:
                    _log.exception(problem)
                else:
                    if inspect.isawaitable(result):
                        await _rest(result, problem)


async def _rest(work: Awaitable[object], problem: str) -> None:
    try:
        await work
    except Exception:
        _log.exception(problem)
