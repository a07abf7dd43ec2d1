"""What the scenarios ask of a call: that it ends in time, and with which error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from redpoll.errors import Outcome, RedisError
from redpoll.reconnect import Reconnect

T = TypeVar("T")
E = TypeVar("E", bound=RedisError)

AT_ONCE_OR_NOT = Reconnect(attempts=0)  # what cannot be dialled is told at once

BOUND = 5.0  # seconds within which anything that is to happen soon happens, on a busy machine too


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
