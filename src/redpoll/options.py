"""What a client can be told: its options, where its server stands, and the URL that says both.

``Options`` types the keyword arguments of ``Redis(...)`` and ``Redis.from_url(...)``; ``settings`` and ``parse_url``
check them and give one immutable ``Settings``. Everything refused is a ``UsageError`` that names the option and its
limit and never a credential.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict, cast

from typing_extensions import override

from .errors import RedisError, ServerError, UsageError
from .events import Middleware, Observer
from .reconnect import Reconnect

if TYPE_CHECKING:
    from urllib.parse import SplitResult

VERSION: Final = "0.1.0"
"""The package's version, as the server's CLIENT LIST shows it."""

DEFAULT_PORT: Final = 6379
_USUAL: Final = Reconnect()
_SCHEMES: Final = ("redis", "valkey", "unix")
_LATER_SCHEMES: Final = ("rediss", "valkeys", "redis+sentinel", "valkey+sentinel", "redis+cluster", "valkey+cluster")


Credentials: TypeAlias = tuple[str | None, str]
"""User (None: the default one) and password."""


class Options(TypedDict, total=False):
    """The options of a client beside its host, its port and ``decode_responses``.

    Attributes:
        db: number of the database; 0 by default, and 0 is never selected.
        username: ACL user; without it a password is the default user's.
        password: password of the user.
        credentials: gives user (or None) and password, asked for each connection; instead of username and password.
        path: path of a Unix socket, instead of host and port.
        protocol: 3 (default; a server that does not know it is spoken to in 2) or 2.
        client_name: name of the connections in CLIENT LIST.
        key_prefix: str or bytes that stands before the name of every key: it is put on keys, and on the patterns of
            KEYS, SCAN and SORT, and taken off keys that come back. Channels and the arguments of scripts have none.
            A ``{`` in it would put all keys of a cluster into one slot.
        connect_timeout: seconds for connecting and the handshake together; 5 by default.
        command_timeout: seconds from a call to its reply; 5 by default, None for no limit.
        read_timeout: seconds without a byte from the server, while something is outstanding, after which a connection is
            closed; 10 by default, None for no limit.
        write_timeout: seconds for which a connection takes none of what is to be written before it is closed; 10 by
            default, None for no limit.
        health_check: seconds of silence after which a connection is checked by a PING; 5 by default, None for never.
        reconnect: when to dial again: a ``Reconnect``, True (as by default) for the usual one, or False: a client whose
            connection was lost stays without.
        reconnect_on_error: on which refusals to dial anew and try again there: codes, or a function of the error; by
            default READONLY, as a server says that is not the primary any more.
        offline: what calls do while there is no connection: ``"wait"`` (default) for one within their time, or
            ``"fail"`` as soon as dialling has failed.
        max_inflight: commands that are sent and not answered; 16,384 by default. More wait in the queue.
        max_queue: commands that wait in the queue; 65,536 by default. See ``overflow``.
        max_queue_bytes: their bytes; 256 MiB by default. A lone command may be longer.
        overflow: what calls do where the queue is full: ``"wait"`` (default) in order within their time, as long as
            there is a connection, or ``"fail"`` with ``Overloaded``. Without a connection they always fail.
        max_leased: how many connections blocking commands may hold at a time; 64 by default.
        max_reply_bytes: bytes of the longest reply taken; 512 MiB and a little by default.
        on_connect: is called with a client of each new connection, whose commands run before any that wait.
        on_disconnect: is called with the reason after a connection was lost.
        on_error: is called with each failure to connect, and with what on_connect and on_disconnect raise.
        observer: is told of every command's start and end.
        middleware: wraps every command, the first one outermost.
    """

    db: int
    username: str | None
    password: str | None
    credentials: Callable[[], Credentials | Awaitable[Credentials]] | None
    path: str | None
    protocol: Literal[2, 3]
    client_name: str | None
    key_prefix: str | bytes | None
    connect_timeout: float
    command_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    health_check: float | None
    reconnect: Reconnect | bool
    reconnect_on_error: Collection[str] | Callable[[ServerError], bool]
    offline: Literal["wait", "fail"]
    max_inflight: int
    max_queue: int
    max_queue_bytes: int
    overflow: Literal["wait", "fail"]
    max_leased: int
    max_reply_bytes: int
    on_connect: Callable[[Any], object] | None
    on_disconnect: Callable[[RedisError], object] | None
    on_error: Callable[[Exception], object] | None
    observer: Observer | None
    middleware: Sequence[Middleware]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: host and port, or the path of a Unix socket."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str | None = None

    @override
    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked options of one client. Times are seconds, sizes bytes; the credentials stay out of its repr."""

    address: Address = Address()
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    credentials: Callable[[], Any] | None = field(default=None, repr=False)
    protocol: Literal[2, 3] = 3
    client_name: str | None = None
    key_prefix: str | bytes | None = None
    connect_timeout: float = 5.0
    command_timeout: float | None = 5.0
    read_timeout: float | None = 10.0
    write_timeout: float | None = 10.0
    health_check: float | None = 5.0
    reconnect: Reconnect | None = _USUAL
    reconnect_on_error: Collection[str] | Callable[[ServerError], bool] = frozenset(("READONLY",))
    offline: Literal["wait", "fail"] = "wait"
    max_inflight: int = 16384
    max_queue: int = 65536
    max_queue_bytes: int = 256 << 20
    overflow: Literal["wait", "fail"] = "wait"
    max_leased: int = 64
    max_reply_bytes: int = (512 << 20) + (64 << 10)
    on_connect: Callable[[Any], object] | None = None
    on_disconnect: Callable[[RedisError], object] | None = None
    on_error: Callable[[Exception], object] | None = None
    observer: Observer | None = None
    middleware: tuple[Middleware, ...] = ()


def settings(host: str, port: int, options: Options) -> Settings:
    """Check the options of a client.

    Args:
        host: name or address of the server.
        port: its port.
        options: the keyword arguments, as given.

    Raises:
        UsageError: an option is unknown or out of its limits.
    """
    given: dict[str, Any] = dict(options)
    for name in given:
        if name not in Options.__annotations__:
            raise UsageError(f"unknown option {name!r}; there are {', '.join(sorted(Options.__annotations__))}")
    path = given.pop("path", None)
    if path is None:
        address = Address(_text("host", host), _whole("port", port, 1, 65535))
    else:
        address = Address(path=_text("path", path))
    checked = {name: _CHECKS[name](name, value) for name, value in given.items()}
    if checked.get("username") is not None and checked.get("password") is None:
        raise UsageError("option 'username' needs a password")
    if checked.get("credentials") is not None and checked.get("password") is not None:
        raise UsageError("option 'credentials' stands instead of username and password; give one of them")
    return Settings(address, **checked)


def timeout(name: str, value: object) -> float:
    """Check a number of seconds above 0.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise UsageError(f"option {name!r} must be a number of seconds above 0, not {_shown(value)}")
    return float(value)


def key_prefix(name: str, value: object) -> str | bytes | None:
    """Check what stands before every key; an empty one is none.

    Raises:
        UsageError: it is neither str nor bytes, or text that UTF-8 cannot encode.
    """
    if value is not None and not isinstance(value, str | bytes):
        raise UsageError(f"option {name!r} must be str, bytes or None, not {_shown(value)}")
    if isinstance(value, str):
        _encodable(name, value)
    return value or None


def parse_url(url: str, options: Options) -> Settings:
    """Read a URL such as ``redis://user:password@host:6379/0?client_name=web``.

    ``valkey://`` means the same; ``unix:///run/redis.sock?db=1`` names a Unix socket. The query takes the options that
    are text or numbers. An option that is given as an argument too must not be in the URL.

    Args:
        url: the URL; user and password percent-encoded.
        options: further keyword arguments.

    Raises:
        UsageError: the scheme is unknown or not supported yet, or a part is malformed, unknown or out of its limits.
    """
    from urllib.parse import unquote

    scheme = _scheme(url)
    parts, query = _split(url)
    host, user, password = parts.hostname, parts.username, parts.password
    if parts.fragment or "#" in url:
        raise UsageError("the URL has a fragment; percent-encode # as %23")
    read: dict[str, Any] = {}
    if user:
        read["username"] = unquote(user)
    if password is not None:
        read["password"] = unquote(password)
    if scheme == "unix":
        if host or not unquote(parts.path).strip("/"):
            raise UsageError("a unix:// URL names the socket's absolute path: unix:///run/redis.sock?db=0")
        read["path"] = unquote(parts.path)
    elif (database := unquote(parts.path).strip("/")) != "":
        read["db"] = _number("db", database)
    _read_query(query, read)
    for name, value in options.items():
        if name in read:
            raise UsageError(f"option {name!r} is given twice: in the URL and as an argument")
        read[name] = value
    # Options' keys are checked in `settings`.
    return settings(host or "localhost", DEFAULT_PORT if parts.port is None else parts.port, read)  # type: ignore[arg-type]


def _scheme(url: object) -> str:
    scheme, found, _ = url.partition("://") if isinstance(url, str) else ("", "", "")
    scheme = scheme.lower()
    known = ", ".join(f"{each}://" for each in _SCHEMES)
    if found and scheme in _LATER_SCHEMES:
        raise UsageError(f"{scheme}:// is not supported yet; a server's URL begins with one of {known}")
    if not found or scheme not in _SCHEMES:
        raise UsageError(f"a server's URL begins with one of {known}")
    return scheme


def _split(url: str) -> tuple[SplitResult, list[tuple[str, str]]]:
    from urllib.parse import parse_qsl, urlsplit

    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
        if parts.port is None or parts.port > 0:
            return parts, query
    # Raised out here as the library's own error may quote the URL, and with it a password.
    raise UsageError("the URL is malformed: check its port (1 to 65535), brackets, percent-encoding and query")


def _read_query(query: list[tuple[str, str]], read: dict[str, Any]) -> None:
    for name, value in query:
        if name not in _FROM_TEXT:
            hint = "; pass it as an argument" if name in (*Options.__annotations__, "decode_responses") else ""
            known = ", ".join(sorted(_FROM_TEXT))
            raise UsageError(f"unknown option {_cut(name)!r} in the URL{hint}; the URL takes {known}")
        if name in read:
            raise UsageError(f"option {name!r} is given twice in the URL")
        read[name] = _FROM_TEXT[name](name, value)


def _cut(name: str) -> str:
    return name if len(name) <= 32 and name.isidentifier() else "…"


def _shown(value: object) -> str:
    return repr(value) if value is None or isinstance(value, int | float) else f"a {type(value).__name__}"


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise UsageError(f"option {name!r} in the URL must be a whole number")
    return int(value)


def _fraction(name: str, value: str) -> float:
    digits = value.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise UsageError(f"option {name!r} in the URL must be a number of seconds")
    return float(value)


def _plain(_name: str, value: str) -> str:
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise UsageError(f"option {name!r} must be a non-empty str without NUL")
    return value


def _whole(name: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"option {name!r} must be a whole number from {least} to {most}, not {_shown(value)}")
    return value


def _between(least: int, most: int) -> Callable[[str, object], int]:
    return lambda name, value: _whole(name, value, least, most)


def _secret(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UsageError(f"option {name!r} must be a str or None")
    if value is not None:
        _encodable(name, value)
    return value


def _encodable(name: str, value: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise UsageError(f"option {name!r} must be text that UTF-8 can encode")


def _protocol(name: str, value: object) -> Literal[2, 3]:
    if value == 2 or value == 3:
        return 3 if value == 3 else 2
    raise UsageError(f"option {name!r} must be 2 or 3, not {_shown(value)}")


def _client_name(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or not all("!" <= character <= "~" for character in value):
        raise UsageError(f"option {name!r} must be printable ASCII without spaces, or None")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _optional_timeout(name: str, value: object) -> float | None:
    return None if value is None else timeout(name, value)


def _observer(name: str, value: object) -> Any:
    if value is not None and not (hasattr(value, "started") and hasattr(value, "finished")):
        raise UsageError(f"option {name!r} must have the methods started and finished, or be None")
    return value


def _middleware(name: str, value: object) -> tuple[Any, ...]:
    given = tuple(cast("tuple[Any, ...]", value)) if isinstance(value, list | tuple) else (None,)
    if not all(map(callable, given)):
        raise UsageError(f"option {name!r} must be a list or tuple of callables")
    return given


def _one_of(*words: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise UsageError(f"option {name!r} must be {' or '.join(map(repr, words))}")
        return value

    return check


def _yes_or_no(name: str, value: str) -> bool:
    if value.lower() not in {"true", "false", "1", "0"}:
        raise UsageError(f"option {name!r} in the URL must be true or false")
    return value.lower() in {"true", "1"}


def _reconnect(name: str, value: object) -> Reconnect | None:
    if isinstance(value, bool):
        return Reconnect() if value else None
    if not isinstance(value, Reconnect):
        raise UsageError(f"option {name!r} must be a Reconnect, True or False, not {_shown(value)}")
    for part, seconds in (("initial", value.initial), ("max", value.max)):
        if not _is_number(seconds) or not 0 <= seconds < math.inf:
            raise UsageError(f"option '{name}.{part}' must be a number of seconds, 0 or above, not {_shown(seconds)}")
    if value.attempts is not None:
        _whole(f"{name}.attempts", value.attempts, 0, 2**31 - 1)
    return value


def _codes(name: str, value: object) -> Any:
    if callable(value):
        return value
    codes: list[object] = [None]
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        codes = list(cast("Collection[object]", value))
    if not all(isinstance(code, str) and code for code in codes):
        raise UsageError(f"option {name!r} must be a collection of error codes such as 'READONLY', or a function")
    return frozenset(codes)


def _function(name: str, value: object) -> Any:
    if value is not None and not callable(value):
        raise UsageError(f"option {name!r} must be a function or None, not {_shown(value)}")
    return value


_CHECKS: Final[dict[str, Callable[[str, object], Any]]] = {
    "db": _between(0, 2**31 - 1),
    "username": _secret,
    "password": _secret,
    "protocol": _protocol,
    "client_name": _client_name,
    "key_prefix": key_prefix,
    "connect_timeout": timeout,
    "command_timeout": _optional_timeout,
    "credentials": _function,
    "read_timeout": _optional_timeout,
    "write_timeout": _optional_timeout,
    "health_check": _optional_timeout,
    "reconnect": _reconnect,
    "reconnect_on_error": _codes,
    "offline": _one_of("wait", "fail"),
    "max_inflight": _between(1, 2**31 - 1),
    "max_queue": _between(1, 2**31 - 1),
    "max_queue_bytes": _between(1, 2**62),
    "overflow": _one_of("wait", "fail"),
    "on_connect": _function,
    "on_disconnect": _function,
    "on_error": _function,
    "max_leased": _between(1, 65535),
    "max_reply_bytes": _between(1024, 2**40),
    "observer": _observer,
    "middleware": _middleware,
}

_FROM_TEXT: Final[dict[str, Callable[[str, str], Any]]] = {
    "db": _number,
    "username": _plain,
    "password": _plain,
    "protocol": _number,
    "client_name": _plain,
    "key_prefix": _plain,
    "connect_timeout": _fraction,
    "command_timeout": _fraction,
    "read_timeout": _fraction,
    "write_timeout": _fraction,
    "health_check": _fraction,
    "reconnect": _yes_or_no,
    "offline": _plain,
    "max_inflight": _number,
    "max_queue": _number,
    "max_queue_bytes": _number,
    "overflow": _plain,
    "max_leased": _number,
    "max_reply_bytes": _number,
}
