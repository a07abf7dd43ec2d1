"""Who a client is: user and password, fixed, asked for at each connect, or changed while connections stand.

``credentials=`` takes the two themselves, a function that gives them, or an object with ``get_credentials`` or
``get_credentials_async`` as redis-py's credential providers have them. An object that has ``subscribe`` too tells the
client when they have changed: it is called with a function and returns another one that ends the subscription. The
client then authenticates its standing connections anew. ``RotatingCredentials`` is such an object.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast

from typing_extensions import override

from .errors import AuthenticationFailed, ConnectionFailed, RedisError

_SHAPE: Final = "it must give user (or None) and password, or the password alone, as a tuple of str"


class Credentials(NamedTuple):
    """User (None: the default one) and password. Neither is shown by its repr."""

    username: str | None
    password: str

    @override
    def __repr__(self) -> str:
        return "Credentials(…)"


Given: TypeAlias = tuple[str | None, str] | tuple[str]
"""User (None: the default one) and password, or the default user's password."""


class Provider(Protocol):
    """Gives user and password; is asked for each connection."""

    def get_credentials(self) -> Given | Awaitable[Given]:
        """Return them."""
        ...


class AsyncProvider(Protocol):
    """Gives user and password; is asked for each connection."""

    async def get_credentials_async(self) -> Given:
        """Return them."""
        ...


Source: TypeAlias = Given | Callable[[], Given | Awaitable[Given]] | Provider | AsyncProvider
"""Where user and password come from."""


class RotatingCredentials:
    """User and password that change while clients use them.

    Example:
        >>> credentials = RotatingCredentials("app", "first")
        >>> r = Redis(credentials=credentials)
        >>> credentials.rotate("app", "second")  # standing connections authenticate anew, new ones by the second
    """

    __slots__ = ("_listeners", "_now")

    def __init__(self, username: str | None, password: str) -> None:
        self._now = Credentials(username, password)
        self._listeners: tuple[Callable[[], object], ...] = ()

    @override
    def __repr__(self) -> str:
        return "RotatingCredentials(…)"

    def get_credentials(self) -> Credentials:
        """Return what is valid now."""
        return self._now

    def rotate(self, username: str | None, password: str) -> None:
        """Take others from now on, and tell the clients. May be called from any thread."""
        self._now = Credentials(username, password)
        for listener in self._listeners:
            listener()

    def subscribe(self, changed: Callable[[], object], /) -> Callable[[], None]:
        """Have a function called after each change; return the function that ends this."""
        self._listeners = (*self._listeners, changed)

        def end() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not changed)

        return end


class _Misshapen(ValueError):
    """Says what credentials are to be like."""


def read(value: object) -> Credentials:
    """Return what a provider gave, checked.

    Raises:
        ValueError: it is not of that shape. The message says no more than what is wanted.
    """
    parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()
    username, password = (None, *parts) if len(parts) == 1 else parts if len(parts) == 2 else (None, None)
    if not isinstance(password, str) or not (username is None or isinstance(username, str)):
        raise _Misshapen(_SHAPE)
    if any("\ud800" <= character <= "\udfff" for character in f"{username or ''}{password}"):
        raise _Misshapen("it must give text that UTF-8 can encode")
    return Credentials(username or None, password)


async def ask(source: Any) -> Credentials:
    """Ask for user and password, as they may change between two connections.

    Raises:
        AuthenticationFailed: none came.
        ConnectionFailed: it took the provider too long, by its own measure.
    """
    failed: ConnectionFailed
    try:
        return read(await _give(source))
    except RedisError:
        raise
    except _Misshapen as error:
        failed = AuthenticationFailed(f"option 'credentials': {error}")
    except Exception as error:
        kind = ConnectionFailed if isinstance(error, TimeoutError) else AuthenticationFailed
        failed = kind(f"option 'credentials': it failed with {type(error).__name__}")
    # Raised out here, and with nothing at hand, as the provider's own error may carry a secret.
    raise failed


async def _give(source: Any) -> object:
    give = getattr(source, "get_credentials_async", None) or getattr(source, "get_credentials", source)
    given = give() if callable(give) else give
    return await given if inspect.isawaitable(given) else given
