"""The messages of one subscription between the connection and whoever reads them: bounded, with gaps in their place.

Every message of every subscriber passes ``take`` and ``next``, so their usual case is short: no gap stands in front,
the inbox is not full, nobody waits.
"""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from redpoll.errors import DecodeFailed, Overloaded, RedisError
from redpoll.records.pubsub import Gap, Message, MessageKind

Overflow: TypeAlias = Literal["drop_oldest", "drop_newest", "wait", "close"]
"""What is done where a subscriber is too slow."""

_KINDS: Final[dict[bytes, MessageKind]] = {b"message": "message", b"pmessage": "pmessage", b"smessage": "smessage"}
_Make: TypeAlias = Callable[[type[Message[Any]], tuple[Any, ...]], Message[Any]]
# What a named tuple's own constructor ends in, at a third of its time. It is generic of what is not known.
_new: Final = cast("_Make", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]


class End:
    """How a subscription ended.

    Attributes:
        error: why; None where it was closed as usual.
    """

    __slots__ = ("error",)

    def __init__(self, error: RedisError | None) -> None:
        self.error: RedisError | None = error


Item: TypeAlias = Message[Any] | Gap | DecodeFailed | End
"""What is read."""

_NO_MESSAGE: Final = frozenset((Gap, End, type(None)))


class Inbox:
    """What has come and was not read yet.

    Attributes:
        end: how it ended; None while it goes on. What is in it may still be read.
        dropped: how many messages it had no room for, in all.
        on_full: called with True as it is full and wants nothing more, with False as it has room again; ``"wait"`` only.
        on_over: called with the error that ends it, as it has no room; ``"close"`` only.
    """

    __slots__ = (
        "_before",
        "_full",
        "_items",
        "_limit",
        "_missed",
        "_odd",
        "_overflow",
        "_text",
        "_waiting",
        "dropped",
        "end",
        "on_full",
        "on_over",
    )

    def __init__(self, text: bool, limit: int, overflow: Overflow) -> None:
        """Begin empty.

        Args:
            text: whether channels and data are read as str.
            limit: how many messages it holds.
            overflow: what is done with more of them.
        """
        self.end: End | None = None
        self.dropped: int = 0
        self.on_full: Callable[[bool], None] = _ignore
        self.on_over: Callable[[RedisError], None] = _ignore
        self._text = text
        self._limit = limit
        self._overflow = overflow
        self._items: deque[Sequence[bytes] | Gap] = deque()  # messages as they came
        self._before: Gap | None = None  # a loss whose place was dropped: comes first
        self._missed = 0  # messages dropped, and not told yet
        self._odd = False  # there is more to do than to take the next item
        self._full = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    # What comes.

    def take(self, push: Sequence[bytes]) -> None:
        """Take a message as it came."""
        items = self._items
        if (len(items) >= self._limit or self._odd) and not self._make_room():
            return
        items.append(push)
        if self._waiting:
            self._wake()

    def gap(self, gap: Gap) -> None:
        """Take a gap, to be told before what comes from now on."""
        if self._items and self._items[-1].__class__ is Gap:
            _ = self._items.pop()  # nothing came between the two
        self._items.append(gap)
        self._wake()

    def finish(self, error: RedisError | None) -> None:
        """Take nothing more. What is there can be read, and then the end."""
        if self.end is None:
            self.end = End(error)
            self._has_room()
            for turn in self._waiting:
                if not turn.done():
                    turn.set_result(None)

    def clear(self) -> None:
        """Forget what was not read."""
        self._items.clear()
        self._before, self._missed, self._odd = None, 0, False
        self._has_room()

    def _make_room(self) -> bool:
        """Do what is to be done before another message; return whether there is room for it now."""
        if self.end is not None:
            return False
        if len(self._items) < self._limit:
            if self._missed and self._overflow == "drop_newest":
                self._items.append(self._told())
            return True
        if self._overflow == "wait":
            if not self._full:
                self._full = self._odd = True
                self.on_full(True)
            return True  # what was read from the socket already
        if self._overflow == "close":
            self.on_over(Overloaded(f"the subscriber is too slow: {self._limit} messages wait (option buffer)"))
            return False
        self._odd = True
        self.dropped += 1
        self._missed += 1
        if self._overflow == "drop_newest":
            return False
        oldest = self._items.popleft()
        if isinstance(oldest, Gap):
            self._before = oldest
            if self._items:
                _ = self._items.popleft()
        return True

    # What is read.

    def get(self) -> Any:
        """Return the next ``Item``, without waiting; None where there is none. Of any type, as a cast costs."""
        items = self._items
        item: Any = items.popleft() if items and not self._odd else self._get_odd()
        if item.__class__ in _NO_MESSAGE:
            return item
        if len(item) == 3:
            kind, channel, data = item
            pattern = None
        else:
            kind, pattern, channel, data = item
        if not self._text:
            return _new(Message, (channel, data, pattern, _KINDS[kind]))
        try:
            word = None if pattern is None else pattern.decode()
            return _new(Message, (channel.decode(), data.decode(), word, _KINDS[kind]))
        except UnicodeDecodeError:
            return DecodeFailed("a message is not UTF-8 text; subscribe through the client's `binary` view")

    async def next(self) -> Item:
        """Wait for the next item. Being cancelled loses nothing."""
        while True:
            item: Item | None = self.get()
            if item is not None:
                return item
            turn: asyncio.Future[None] = get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._wake()  # it was this one's turn: let another one have it
                elif turn in self._waiting:
                    self._waiting.remove(turn)
                raise

    def _get_odd(self) -> Sequence[bytes] | Gap | End | None:
        items = self._items
        if self._before is not None:
            gap, self._before = self._before, None
            return gap
        if self._missed and (self._overflow == "drop_oldest" or not items):
            return self._told()
        if items:
            item = items.popleft()
            if self._full and len(items) <= self._limit // 2:
                self._has_room()
            return item
        self._odd = False
        return self.end

    def _told(self) -> Gap:
        missed, self._missed = self._missed, 0
        self._odd = self._full
        return Gap("overflow", missed, f"the subscriber was too slow: {self._limit} messages waited (option buffer)")

    def _has_room(self) -> None:
        if self._full:
            self._full = False
            self._odd = bool(self._missed)
            self.on_full(False)

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _ignore(_: object) -> None:
    pass
