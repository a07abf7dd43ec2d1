"""Keeps standing connections up to date: authenticated by the credentials of now, and not too old.

AUTH goes out alone, once all that was sent before it is answered, and what comes after it waits for its reply: Redis 8.2
and 8.6 never answer one that fails behind a command whose reply is not sent yet. A connection on which it fails is
closed, as nobody knows for how long the server would still take it for the user of before.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Coroutine, Iterable
from math import inf
from time import monotonic
from typing import Any, Final, Protocol

from redpoll.credentials import Credentials, ask
from redpoll.errors import AuthenticationFailed, RedisError, ServerError, UsageError
from redpoll.options import Settings
from redpoll.protocol.calls import Call
from redpoll.protocol.encode import encode
from redpoll.protocol.handshake import login, refused
from redpoll.spec import Spec
from redpoll.transport.connection import Connection

_AUTH: Final[Spec[Any]] = Spec("AUTH", dedicated=True)
_AGAIN: Final = 1.0  # seconds until another try to replace an old connection


class Owner(Protocol):
    """Whose connections are kept up to date."""

    @property
    def connection(self) -> Connection | None:
        """Return the shared connection."""
        ...

    def others(self) -> Iterable[Connection]:
        """Return the other connections that the client has authenticated."""
        ...

    def replace(self) -> None:
        """Make another shared connection, and close this one once it is answered."""
        ...

    def failed(self, error: RedisError, /) -> None:
        """Take note of a failure."""
        ...


class Rotation:
    """The credentials and the age of one client's connections."""

    __slots__ = ("__weakref__", "_end", "_owner", "_settings", "_since", "_spawn", "_turn")

    def __init__(
        self, settings: Settings, owner: Owner, spawn: Callable[[Coroutine[Any, Any, RedisError | None]], object]
    ) -> None:
        """Begin.

        Args:
            settings: the client's settings.
            owner: whose connections they are.
            spawn: runs a coroutine as a task.
        """
        self._settings = settings
        self._owner = owner
        self._spawn = spawn
        self._since = -inf  # credentials that were asked for before are those of before
        self._turn = asyncio.Lock()
        self._end: Callable[[], object] | None = None

    # Age.

    def due(self, _now: float) -> float | None:
        """Return when the shared connection is too old."""
        connection = self._owner.connection
        return None if connection is None or connection.expires == inf else connection.expires

    def wake(self, now: float) -> None:
        """Have it replaced, if it is."""
        connection = self._owner.connection
        if connection is not None and now >= connection.expires:
            connection.expires = now + _AGAIN  # where that fails
            self._owner.replace()

    # Credentials.

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the provider tell of changes, if it can. It may do so from any thread."""
        subscribe = getattr(self._settings.credentials, "subscribe", None)
        if not callable(subscribe):
            return
        me = weakref.ref(self)

        def changed() -> None:
            rotation = me()
            if rotation is not None:
                with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
                    loop.call_soon_threadsafe(rotation.begin)

        end: Any = subscribe(changed)
        self._end = end if callable(end) else None

    def stop(self) -> None:
        """Have the provider tell nothing more."""
        end, self._end = self._end, None
        if end is not None:
            end()

    def begin(self) -> None:
        """Authenticate all connections anew; failures go to the owner."""
        self._spawn(self.run())

    async def run(self) -> RedisError | None:
        """Authenticate all connections anew; return what went wrong with the shared one.

        A connection that is busy follows once what is under way on it is answered; only the shared one is waited for.
        """
        self._since = monotonic()
        async with self._turn:
            credentials = await self._ask()
            if isinstance(credentials, RedisError):
                return credentials
            for each in self._owner.others():
                self._spawn(self._authenticate(each, credentials))
            current = self._owner.connection
            return None if current is None else await self._authenticate(current, credentials)

    def took(self, connection: Connection) -> None:
        """Take note of a new connection: the credentials may have changed while it was dialled."""
        if connection.asked < self._since:
            self._spawn(self._catch_up(connection))

    async def _catch_up(self, connection: Connection) -> RedisError | None:
        async with self._turn:  # or what was asked for first may go out last
            credentials = await self._ask()
            if isinstance(credentials, RedisError):
                return credentials
            return await self._authenticate(connection, credentials)

    async def _ask(self) -> Credentials | RedisError:
        settings, error = self._settings, None
        if settings.credentials is None:
            if settings.password is None:
                return UsageError("the client has no credentials to authenticate with")
            return Credentials(settings.username, settings.password)
        try:
            async with asyncio.timeout(settings.connect_timeout):
                return await ask(settings.credentials)
        except RedisError as raised:
            error = raised.with_traceback(None)
        except TimeoutError:
            error = AuthenticationFailed(f"option 'credentials': none within {settings.connect_timeout:g} s")
        self._owner.failed(error)
        return error

    async def _authenticate(self, connection: Connection, credentials: Credentials) -> RedisError | None:
        if connection.closing:
            return None
        call = Call()
        words = encode("AUTH", login(credentials.username, credentials.password, connection.ready.protocol))
        call.fill(asyncio.get_running_loop(), _AUTH, words)
        del words  # as a traceback may show what is here
        connection.asked = monotonic()
        connection.send_alone(call)
        try:
            await call.future
        except ServerError as error:
            failed = refused(error.message, credentials.username, credentials.password)
            failed.address = error.address
        except RedisError:
            return None  # it was lost meanwhile, and the next one begins with the credentials of then
        else:
            return None
        finally:
            call.payload = b""
        connection.give_up(failed)
        self._owner.failed(failed)
        return failed
