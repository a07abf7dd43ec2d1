"""Iterators over SCAN, HSCAN, SSCAN and ZSCAN: ``async for key in r.scan_iter(match="user:*")``.

A cursor means something to the run of the server that gave it and to no other: taken to a replica that was promoted, it
would pass over keys. So a step counts only where it is certain which server answered it, and where that is another one
than before, the scan begins anew: what was given already may then be given again, and nothing is missed. The promise is
the server's own else: what is there from the beginning to the end is given, some of it more than once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, get_args, overload

from .commands import Commands
from .errors import ScanInterrupted, UsageError
from .routing.identity import identity
from .routing.link import Link
from .types import Key, Pattern, S, Value

T = TypeVar("T")

OnInterrupt: TypeAlias = Literal["restart", "raise"]
"""What a scan does when another server takes the place of the one it goes over: begin anew, or ``ScanInterrupted``."""

_REPLACED: Final = "another server answers than the one that gave the cursor: scan again from the beginning"


async def _steps(
    link: Link,
    limit: float | None,
    name: str,
    step: Callable[[int], Awaitable[tuple[int, Iterable[T]]]],
    on_interrupt: OnInterrupt,
) -> AsyncGenerator[T]:
    """Yield what the steps of a scan find.

    Args:
        link: what ``step`` runs its command on.
        limit: seconds that asking for the server may take; None for no limit.
        name: the command, for errors.
        step: runs the command with a cursor; gives the next one and what was found.
        on_interrupt: see ``OnInterrupt``.
    """
    cursor, origin = 0, None
    while True:
        connection, server = await identity(link, limit)
        if cursor and server != origin:
            if on_interrupt == "raise":
                raise ScanInterrupted(_REPLACED, command=name, address=link.address)
            cursor = 0
        origin = server
        following, found = await step(cursor)
        if link.connection is not connection:
            continue  # who answered is not known
        for each in found:
            yield each
        cursor = following
        if not cursor:
            return


class ScanIterators(Commands[S], Generic[S]):
    """The iterators that a client has beside its commands.

    An iterator sends a step when what the one before found is used up, and holds nothing in between: it may be left at
    any time. It raises what its command does; a step whose connection is lost goes out again.
    """

    __slots__ = ()

    _core: Link
    _text: bool
    _timeout: float | None

    def _view(self, text: bool, timeout: float | None, replay: bool) -> Self:
        raise NotImplementedError

    def _scan(
        self, name: str, step: Callable[[Self, int], Awaitable[tuple[int, Iterable[T]]]], on_interrupt: OnInterrupt
    ) -> AsyncGenerator[T]:
        if on_interrupt not in get_args(OnInterrupt):
            raise UsageError("on_interrupt is 'restart' or 'raise'", command=name)
        view = self._view(self._text, self._timeout, True)
        return _steps(self._core, self._timeout, name, lambda cursor: step(view, cursor), on_interrupt)

    def scan_iter(
        self,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        type: Value | None = None,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[S]:
        """Iterate over the keys of the database.

        Args:
            match: a glob-style pattern.
            count: about how many keys the server looks at in one step; it takes 10 by default.
            type: only keys of this type, such as ``"hash"``.
            on_interrupt: what happens when another server takes over: ``"restart"`` begins anew there, so keys may come
                again; ``"raise"`` raises.

        Raises:
            ScanInterrupted: another server took over, and ``on_interrupt`` is ``"raise"``.
        """
        return self._scan("SCAN", lambda r, at: r.scan(at, match=match, count=count, type=type), on_interrupt)

    @overload
    def hscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        novalues: Literal[True],
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[S]: ...
    @overload
    def hscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        novalues: Literal[False] = False,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[tuple[S, S]]: ...
    @overload
    def hscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        novalues: bool = False,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[S] | AsyncGenerator[tuple[S, S]]: ...
    def hscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        novalues: bool = False,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[Any]:
        """Iterate over the fields of a hash with their values, or over its fields alone.

        Args:
            key: the hash.
            match: a glob-style pattern of fields.
            count: about how many fields the server looks at in one step.
            novalues: give the fields only. Since Redis 7.4, Valkey 8.0.
            on_interrupt: as in ``scan_iter``.

        Raises:
            ScanInterrupted: as in ``scan_iter``.
        """

        async def step(r: Self, at: int) -> tuple[int, Iterable[Any]]:
            if novalues:
                return await r.hscan(key, at, match=match, count=count, novalues=True)
            cursor, found = await r.hscan(key, at, match=match, count=count)
            return cursor, found.items()

        return self._scan("HSCAN", step, on_interrupt)

    def sscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[S]:
        """Iterate over the members of a set.

        Args:
            key: the set.
            match: a glob-style pattern of members.
            count: about how many members the server looks at in one step.
            on_interrupt: as in ``scan_iter``.

        Raises:
            ScanInterrupted: as in ``scan_iter``.
        """
        return self._scan("SSCAN", lambda r, at: r.sscan(key, at, match=match, count=count), on_interrupt)

    @overload
    def zscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        noscores: Literal[True],
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[S]: ...
    @overload
    def zscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        noscores: Literal[False] = False,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[tuple[S, float]]: ...
    @overload
    def zscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        noscores: bool = False,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[S] | AsyncGenerator[tuple[S, float]]: ...
    def zscan_iter(
        self,
        key: Key,
        /,
        match: Pattern | None = None,
        count: int | None = None,
        *,
        noscores: bool = False,
        on_interrupt: OnInterrupt = "restart",
    ) -> AsyncGenerator[Any]:
        """Iterate over the members of a sorted set with their scores, in no order, or over its members alone.

        Args:
            key: the sorted set.
            match: a glob-style pattern of members.
            count: about how many members the server looks at in one step.
            noscores: give the members only. Since Valkey 8.0, not in Redis.
            on_interrupt: as in ``scan_iter``.

        Raises:
            ScanInterrupted: as in ``scan_iter``.
        """
        return self._scan(
            "ZSCAN", lambda r, at: r.zscan(key, at, match=match, count=count, noscores=noscores), on_interrupt
        )
