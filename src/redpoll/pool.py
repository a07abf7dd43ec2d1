"""A pool of connections, each lent to one owner at a time.

Most programs need none: a client's one connection serves all callers at once. A pool is for commands that belong to a
connection: SELECT, WATCH, CLIENT TRACKING, or many long blocking reads.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, NoReturn, Self, cast, overload

from typing_extensions import Unpack, override

from .base import Owner
from .dedicated import Dedicated
from .errors import UsageError
from .options import DEFAULT_PORT, Options, Settings, parse_url, settings, timeout
from .routing.prefix import prefix_of
from .routing.standalone import Core
from .transport.pool import Bounds
from .types import S

_MOST = 65535


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The figures of a pool at one moment.

    Attributes:
        size: connections that are open or being opened for somebody: ``idle + in_use``.
        idle: those that nobody has.
        in_use: those that are lent, or being opened for somebody.
        waiting: how many wait for one.
        opened_total: connections opened so far.
        closed_total: connections closed or lost so far.
        timeouts_total: how often nobody gave one back in time.
    """

    size: int
    idle: int
    in_use: int
    waiting: int
    opened_total: int
    closed_total: int
    timeouts_total: int


class Pool(Generic[S]):
    """A bounded number of connections to one server, lent one at a time, in the order of asking.

    A connection comes back as it was, if what was done to it can be undone by UNWATCH and SELECT; else it is closed and
    another one takes its place.

    Example:
        >>> async with Pool("localhost", max_size=20) as pool:
        ...     async with pool.connection() as c:
        ...         await c.select(1)
        ...         await c.set("greeting", "hello")
    """

    __slots__ = ("__weakref__", "_core", "_owner", "_text", "_wait")

    @overload
    def __init__(
        self: Pool[str],
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        *,
        decode_responses: Literal[True] = True,
        min_size: int = 2,
        max_size: int = 10,
        max_idle: float | None = 60.0,
        wait_timeout: float | None = 5.0,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Pool[bytes],
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        *,
        decode_responses: Literal[False],
        min_size: int = 2,
        max_size: int = 10,
        max_idle: float | None = 60.0,
        wait_timeout: float | None = 5.0,
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        *,
        decode_responses: bool = True,
        min_size: int = 2,
        max_size: int = 10,
        max_idle: float | None = 60.0,
        wait_timeout: float | None = 5.0,
        **options: Any,
    ) -> None:
        """Make a pool; nothing is opened yet.

        Args:
            host: the server's name or address.
            port: its port.
            decode_responses: give the server's strings as str; else as bytes.
            min_size: connections that are kept open though nobody has them.
            max_size: connections there may be at most.
            max_idle: seconds that those beyond ``min_size`` stay open unused; None for ever.
            wait_timeout: seconds to wait for a connection, opening it included; None for no limit.
            options: see ``redpoll.options.Options``; ``max_size`` stands for ``max_leased``.

        Raises:
            UsageError: an option is unknown or out of its limits.
        """
        bounds = _bounds(min_size, max_size, max_idle, options)
        self._begin(settings(host, port, cast("Options", options)), decode_responses, bounds, wait_timeout)

    @overload
    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        decode_responses: Literal[True] = True,
        min_size: int = 2,
        max_size: int = 10,
        max_idle: float | None = 60.0,
        wait_timeout: float | None = 5.0,
        **options: Unpack[Options],
    ) -> Pool[str]: ...
    @overload
    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        decode_responses: Literal[False],
        min_size: int = 2,
        max_size: int = 10,
        max_idle: float | None = 60.0,
        wait_timeout: float | None = 5.0,
        **options: Unpack[Options],
    ) -> Pool[bytes]: ...
    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        decode_responses: bool = True,
        min_size: int = 2,
        max_size: int = 10,
        max_idle: float | None = 60.0,
        wait_timeout: float | None = 5.0,
        **options: Any,
    ) -> Any:
        """Make a pool of connections to the server that a URL names.

        Args:
            url: see ``redpoll.options.parse_url``.
            decode_responses: as for the class, and so are the others.
            min_size: connections that are kept open though nobody has them.
            max_size: connections there may be at most.
            max_idle: seconds that those beyond ``min_size`` stay open unused; None for ever.
            wait_timeout: seconds to wait for a connection; None for no limit.
            options: further options; what is in the URL must not be here.

        Raises:
            UsageError: the URL is malformed, or an option unknown or out of its limits.
        """
        pool = cls.__new__(cls)
        bounds = _bounds(min_size, max_size, max_idle, options)
        pool._begin(parse_url(url, cast("Options", options)), decode_responses, bounds, wait_timeout)
        return pool

    def _begin(self, checked: Settings, decode_responses: object, bounds: Bounds, wait: object) -> None:
        if not isinstance(decode_responses, bool):
            raise UsageError("option 'decode_responses' must be True or False")
        self._wait = None if wait is None else timeout("wait_timeout", wait)
        self._core = core = Core(checked, bounds)
        self._owner = Owner(core)
        self._text = decode_responses

    # Connections.

    def connection(self) -> Dedicated[S]:
        """Borrow a connection for a block: ``async with pool.connection() as c: await c.select(1)``.

        Entering raises what ``acquire`` does.
        """
        core = self._core
        limit, prefix = core.settings.command_timeout, prefix_of(core.settings.key_prefix)
        return Dedicated(core, self._owner, self._text, limit, replay=False, prefix=prefix, wait=self._wait)

    async def acquire(self) -> Dedicated[S]:
        """Borrow a connection, to be given to ``release``.

        Raises:
            PoolTimeout: none was given back within ``wait_timeout``.
            CommandTimeout: one could not be opened within it.
            ConnectionFailed: one could not be opened.
            ClientClosed: the pool was closed.
        """
        connection = self.connection()
        return await connection.__aenter__()

    async def release(self, connection: Dedicated[S]) -> None:
        """Give a connection back. A second time does nothing but warn.

        Raises:
            UsageError: it is another pool's.
        """
        if not connection.leased_from(self._core):
            raise UsageError("the connection was not borrowed from this pool")
        if connection.returned:
            warnings.warn("a connection was released twice", RuntimeWarning, stacklevel=2)
        await connection.aclose()

    @property
    def stats(self) -> PoolStats:
        """How many connections there are, and how they were used."""
        leases = self._core.places
        idle, in_use = len(leases.idle), leases.used
        return PoolStats(idle + in_use, idle, in_use, leases.waiting, leases.opened, leases.closed, leases.timeouts)

    # Life.

    async def __aenter__(self) -> Self:
        """Open ``min_size`` connections.

        Raises:
            ConnectionFailed: one could not be opened.
        """
        try:
            await self._core.leasing.fill()
        except BaseException:
            await self._core.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. What is in flight gets a second to finish. A second time does nothing."""
        await self._core.aclose()

    @override
    def __repr__(self) -> str:
        core = self._core
        return f"<Pool {core.address} db={core.settings.db}{' closed' if core.closed else ''}>"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a Pool cannot be pickled or copied: it holds connections; make another one")


def _bounds(least: object, most: object, max_idle: object, options: dict[str, Any]) -> Bounds:
    """Check the options that only a pool has."""
    if "max_leased" in options:
        raise UsageError("option 'max_leased' is called 'max_size' in a pool")
    top = _count("max_size", most, 1)
    low = _count("min_size", least, 0)
    if low > top:
        raise UsageError(f"option 'min_size' must not be above 'max_size': {low} > {top}")
    idle = None if max_idle is None else timeout("max_idle", max_idle)
    return Bounds(top, low, idle, "max_size")


def _count(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
        shown = value if isinstance(value, int | float) or value is None else f"a {type(value).__name__}"
        raise UsageError(f"option {name!r} must be a whole number from {least} to {_MOST}, not {shown}")
    return value
