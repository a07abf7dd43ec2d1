"""What the scenarios ask of a call: that it ends in time, and with which error."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from redpoll.errors import CommandTimeout, ConnectionFailed, ConnectionLost, Outcome, RedisError
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer

T = TypeVar("T")
E = TypeVar("E", bound=RedisError)

AT_ONCE_OR_NOT = Reconnect(attempts=0)  # what cannot be dialled is told at once

BOUND = 5.0  # seconds within which anything that is to happen soon happens, on a busy machine too

PROMPT = 2.0
"""Seconds within which happens what no timer is needed for: shorter than any of the client's own waits by default."""


async def within(call: Awaitable[T], seconds: float = BOUND) -> T:
    """Return a call's result, or fail if it hangs. Its own timeout errors pass through."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await call
    except TimeoutError as error:
        if limit.expired() and not isinstance(error, RedisError):
            raise AssertionError(f"still waiting after {seconds:g} s") from None
        raise


async def failure(call: Awaitable[Any], kind: type[E], outcome: Outcome, seconds: float = BOUND) -> E:
    """Return the error of a call, which must be of a kind, say that outcome, and come in time."""
    try:
        result = await within(call, seconds)
    except RedisError as error:
        return checked(error, kind, outcome)
    raise AssertionError(f"expected {kind.__name__}, got the result {result!r:.100}")


async def results(calls: Iterable[Awaitable[Any]], seconds: float = BOUND) -> list[Any]:
    """Return the results and errors of calls that run at once."""
    return await within(asyncio.gather(*calls, return_exceptions=True), seconds)


def checked(error: object, kind: type[E], outcome: Outcome) -> E:
    """Return an error that is of a kind and says that outcome; fail otherwise."""
    assert isinstance(error, kind), f"expected {kind.__name__}, got {error!r:.200}"
    assert error.outcome == outcome, f"expected {outcome}, got {error!r}"
    return error


def lost_or_late(error: object, outcome: Outcome) -> RedisError:
    """Return an error that says that there was no connection, or no time left to make one; fail otherwise."""
    assert isinstance(error, CommandTimeout | ConnectionFailed | ConnectionLost), f"got {error!r:.200}"
    assert error.outcome == outcome, f"expected {outcome}, got {error!r}"
    return error


async def blocked(server: EmbeddedServer, count: int) -> None:
    """Wait until so many clients of a server are blocked."""
    async with asyncio.timeout(10):
        while f"blocked_clients:{count}\r" not in server.call("INFO", "clients"):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.001)


def resident() -> int:
    """Return how many bytes of memory this process holds; 0 where the system does not tell."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0


async def turns(count: int = 10) -> None:
    """Let the event loop turn, so that what was started has written what it can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def eventually(call: Callable[[], Awaitable[T]], meanwhile: type[RedisError]) -> T:
    """Return a call's result once it succeeds; until then it may fail with one kind of error."""

    async def tries() -> T:
        while True:
            try:
                return await call()
            except meanwhile:
                await asyncio.sleep(0.02)

    return await within(tries())
