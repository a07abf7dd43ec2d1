"""The consumer of one or several streams, as its user sees it: an iterator of entries, or a row of handlers at work."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Generic, Self, TypeAlias, cast

from redpoll.errors import (
    CommandTimeout,
    ConnectionFailed,
    ConnectionLost,
    NoGroup,
    Overloaded,
    PoolTimeout,
    RedisError,
    Refused,
    ServerError,
    Unblocked,
    UsageError,
)
from redpoll.reconnect import Reconnect
from redpoll.routing.link import Link
from redpoll.types import S

from .entries import Delivered, StreamEntry
from .membership import Membership

_log: Final = logging.getLogger("redpoll")
_GONE: Final = (NoGroup, Unblocked)
_PASSING: Final = (ConnectionLost, ConnectionFailed, CommandTimeout, Overloaded, PoolTimeout, Refused)
_RENEWALS: Final = 3  # within the time after which others take an entry over

Handler: TypeAlias = Callable[[StreamEntry[S]], Awaitable[object]]
_Buffer: TypeAlias = deque[tuple[Delivered, StreamEntry[S]]]


class Consumer(Generic[S]):
    """A consumer of streams. Made by ``client.consumer()``.

    Each entry is handled at least once: iterate and ``ack()`` each, or let ``run`` do it. Its own pending entries come
    first, then those of consumers that died, then new ones. It outlives lost connections, failovers, and the loss of
    its streams and groups, which it makes again; all of that is logged. What cannot pass, such as a missing permission or
    a key of another type, is raised. When the client is closed it ends.

    Iterating, an entry is its holder's for ``min_idle`` seconds; one that is not acknowledged by then comes again, here
    or at another consumer. ``run`` keeps entries for as long as their handlers take.
    """

    __slots__ = ("_buffer", "_fetching", "_link", "_membership", "_pause", "_running", "_stopped", "_text")

    def __init__(self, link: Link, membership: Membership, text: bool) -> None:
        """Begin; nothing is sent yet. See ``Redis.consumer``."""
        self._link = link
        self._membership = membership
        self._text = text
        self._pause = link.settings.reconnect or Reconnect()
        self._buffer: _Buffer[S] = deque()
        self._running: dict[tuple[bytes, bytes], Delivered] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._stopped = False

    # Iterating.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEntry[S]:
        while not self._stopped:
            while self._buffer:
                delivered, entry = self._buffer.popleft()
                if self._membership.holds(delivered):  # else it lay here for too long, and comes again
                    return entry
            await self._refill()
        await self._give_back()
        raise StopAsyncIteration

    def stop(self) -> None:
        """End iterations, and ``run`` once what is being handled is done.

        Entries that were fetched and not handled stay pending, as if they had not been delivered: whoever looks for
        idle entries next gets them.
        """
        self._stopped = True
        if self._fetching is not None:
            self._fetching.cancel()

    # Handling.

    async def run(self, handler: Handler[S], *, concurrency: int = 1) -> None:
        """Have all entries handled, until ``stop()``.

        An entry is acknowledged when its handler returns. One that raises is logged and leaves the entry pending: it
        comes again after ``min_idle`` seconds. Cancelling ``run`` cancels the handlers.

        Args:
            handler: is awaited with each entry.
            concurrency: how many are handled at once, at most. Above 1 their order is lost.

        Raises:
            RedisError: what cannot pass by itself; after the running handlers are done.
        """
        if concurrency < 1:
            raise UsageError(f"concurrency must be at least 1, not {concurrency}")
        renewing = asyncio.create_task(self._renew())
        failed: RedisError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                room = asyncio.Semaphore(concurrency)
                try:
                    await self._hand_out(handler, group, room)
                except RedisError as error:
                    failed = error
            await self._give_back()
        finally:
            self._buffer.clear()
            renewing.cancel()
            await asyncio.wait([renewing])
        if failed is not None:
            raise failed

    async def _hand_out(self, handler: Handler[S], group: asyncio.TaskGroup, room: asyncio.Semaphore) -> None:
        while True:
            await room.acquire()
            while not self._buffer and not self._stopped:
                await self._refill()
            if self._stopped:
                return
            delivered, entry = self._buffer.popleft()
            if not self._membership.holds(delivered):
                room.release()
                continue
            self._running[delivered.place] = delivered
            task = group.create_task(self._handle(handler, entry))
            task.add_done_callback(partial(self._handled, delivered, room))

    def _handled(self, delivered: Delivered, room: asyncio.Semaphore, _task: asyncio.Task[None]) -> None:
        self._running.pop(delivered.place, None)
        room.release()

    async def _handle(self, handler: Handler[S], entry: StreamEntry[S]) -> None:
        try:
            await handler(entry)
        except Exception:
            _log.exception("a handler failed at entry %s, delivery %d: it stays pending", entry.id, entry.deliveries)
            return
        try:
            await entry.ack()
        except RedisError as error:
            _log.warning("entry %s was handled but not acknowledged, and may come again: %s", entry.id, _told(error))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._membership.plan.min_idle / _RENEWALS)
            try:
                await self._membership.renew([*self._running.values(), *(delivered for delivered, _ in self._buffer)])
            except RedisError as error:
                _log.warning("entries in hand could not be renewed: %s", _told(error))

    async def _give_back(self) -> None:
        rest = [delivered for delivered, _ in self._buffer]
        self._buffer.clear()
        try:
            await self._membership.give_back(rest)
        except RedisError as error:
            _log.warning("entries that were not handled could not be given back: %s", _told(error))

    # Fetching.

    async def _refill(self) -> None:
        """Fetch entries into the buffer; ``stop`` ends it."""
        if self._fetching is not None:
            raise UsageError("the consumer is being iterated or run already")
        self._fetching = asyncio.create_task(self._fetch())
        try:
            await self._fetching
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if not self._stopped or (me is not None and me.cancelling()):
                raise
        finally:
            self._fetching = None

    async def _fetch(self) -> None:
        failures = 0
        while not self._buffer:
            try:
                found = await self._membership.fetch()
            except RedisError as error:
                if self._link.closed:
                    self._stopped = True
                    return
                if isinstance(error, _GONE):
                    self._membership.leave()
                elif not self._passes(error):
                    raise
                failures += 1
                _log.warning("a consumer could not read, and goes on: %s", _told(error))
                await asyncio.sleep(self._pause.delay(failures) or self._pause.max)
            else:
                failures = 0
                self._buffer.extend((each, entry) for each in found if (entry := self._entry(each)) is not None)

    def _passes(self, error: RedisError) -> bool:
        """Tell whether an error may be over soon."""
        final = isinstance(error, ConnectionFailed) and error.final
        return isinstance(error, _PASSING) and not final and self._link.settings.reconnect is not None

    def _entry(self, delivered: Delivered) -> StreamEntry[S] | None:
        acknowledge = partial(self._membership.acknowledge, delivered)
        parts: Any = (delivered.stream, delivered.id, delivered.fields)
        if self._text:
            try:
                fields = {name.decode(): value.decode() for name, value in delivered.fields.items()}
                parts = (delivered.stream.decode(), delivered.id.decode(), fields)
            except UnicodeDecodeError:
                _log.error("entry %s is not UTF-8 text, and stays pending: use a client of bytes", delivered.id)
                return None
        return StreamEntry(*cast("tuple[S, S, dict[S, S]]", parts), delivered.deliveries, acknowledge)


def _told(error: RedisError) -> str:
    """Return an error as it may be logged: some of the servers' messages quote keys."""
    return error.code if isinstance(error, ServerError) else str(error)
