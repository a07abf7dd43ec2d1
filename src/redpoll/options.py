"""What a client can be told: its options, where its server stands, and the URL that says both.

``Options`` types the keyword arguments of ``Redis(...)`` and ``Redis.from_url(...)``; ``settings`` and ``parse_url``
check them and give one immutable ``Settings``. Everything refused is a ``UsageError`` that names the option and its
limit and never a credential.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from typing_extensions import override

from . import checks
from .checks import timeout as timeout
from .credentials import Source
from .errors import RedisError, ServerError, UsageError
from .events import Middleware, Observer
from .keepalive import Keepalive
from .reconnect import Reconnect
from .tls import TLS, Contexts

if TYPE_CHECKING:
    from urllib.parse import SplitResult

VERSION: Final = "0.1.0"
"""The package's version, as the server's CLIENT LIST shows it."""

DEFAULT_PORT: Final = 6379
_USUAL: Final = Reconnect()
_KEEPALIVE: Final = Keepalive()
_ENCRYPTED: Final = ("rediss", "valkeys")
_SCHEMES: Final = ("redis", "valkey", *_ENCRYPTED, "unix")
_LATER_SCHEMES: Final = ("redis+sentinel", "valkey+sentinel", "redis+cluster", "valkey+cluster")


class Options(TypedDict, total=False):
    """The options of a client beside its host, its port and ``decode_responses``.

    Attributes:
        db: number of the database; 0 by default, and 0 is never selected.
        username: ACL user; without it a password is the default user's.
        password: password of the user.
        credentials: gives user (or None) and password, asked for each connection; instead of username and password. A
            function, an object with ``get_credentials``, or the two themselves; see ``redpoll.credentials``.
        tls: True encrypts and verifies by the system's authorities; a ``TLS`` says more. None, as by default, does not.
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
        keepalive: when the kernel gives up a peer that is gone: a ``Keepalive``, True (as by default) for the usual one, or
            False.
        max_connection_age: seconds after which a connection is replaced, or up to a fifth earlier, so that not all are at
            once; no command is lost by that. None, as by default, for never.
        health_check: seconds of silence after which a connection is checked by a PING; 5 by default, None for never.
        reconnect: when to dial again: a ``Reconnect``, True (as by default) for the usual one, or False: a client whose
            shared connection was lost stays without it. Connections that are leased are made when they are asked for.
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
    credentials: Source | None
    tls: TLS | bool | None
    path: str | None
    protocol: Literal[2, 3]
    client_name: str | None
    key_prefix: str | bytes | None
    connect_timeout: float
    command_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    keepalive: Keepalive | bool
    max_connection_age: float | None
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
    credentials: Source | None = field(default=None, repr=False)
    tls: Contexts | None = None
    protocol: Literal[2, 3] = 3
    client_name: str | None = None
    key_prefix: str | bytes | None = None
    connect_timeout: float = 5.0
    command_timeout: float | None = 5.0
    read_timeout: float | None = 10.0
    write_timeout: float | None = 10.0
    keepalive: Keepalive | None = _KEEPALIVE
    max_connection_age: float | None = None
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
    if path is not None and (host, port) != ("localhost", DEFAULT_PORT):
        raise UsageError("option 'path' stands instead of host and port; give one of them")
    if path is None:
        address = Address(checks.text("host", host), checks.whole("port", port, 1, 65535))
    else:
        address = Address(path=checks.text("path", path))
    checked = {name: _CHECKS[name](name, value) for name, value in given.items()}
    if checked.get("username") is not None and checked.get("password") is None:
        raise UsageError("option 'username' needs a password")
    if checked.get("credentials") is not None and checked.get("password") is not None:
        raise UsageError("option 'credentials' stands instead of username and password; give one of them")
    if checked.get("tls") is not None and path is not None:
        raise UsageError("option 'tls' does not go with 'path': servers do not encrypt on a Unix socket")
    return Settings(address, **checked)


def parse_url(url: str, options: Options) -> Settings:
    """Read a URL such as ``redis://user:password@host:6379/0?client_name=web``.

    ``valkey://`` means the same; ``rediss://`` and ``valkeys://`` are encrypted; ``unix:///run/redis.sock?db=1`` names a
    Unix socket. The query takes the options that are text or numbers, and on ``rediss://`` those of ``TLS``, as
    ``tls_ca_file`` and so on or by redis-py's names (``ssl_ca_certs`` …). An option that is given as an argument too must
    not be in the URL.

    Args:
        url: the URL; user and password percent-encoded.
        options: further keyword arguments.

    Raises:
        UsageError: the scheme is unknown or not supported yet, or a part is malformed, unknown or out of its limits.
    """
    scheme = _scheme(url)
    parts, query = _split(url)
    host, user, password = parts.hostname, parts.username, parts.password
    if parts.fragment or "#" in url:
        raise UsageError("the URL has a fragment; percent-encode # as %23")
    read: dict[str, Any] = {}
    encryption: dict[str, Any] = {}
    if user:
        read["username"] = _decoded(user)
    if password is not None:
        read["password"] = _decoded(password)
    if scheme == "unix":
        if host or not _decoded(parts.path).strip("/"):
            raise UsageError("a unix:// URL names the socket's absolute path: unix:///run/redis.sock?db=0")
        read["path"] = _decoded(parts.path)
    elif (database := _decoded(parts.path).strip("/")) != "":
        read["db"] = _number("db", database)
    _read_query(query, read, encryption)
    if (encrypted := _encryption(scheme, encryption, options.get("tls"))) is not None:
        read["tls"] = encrypted
    for name, value in options.items():
        if name in read and not (name == "tls" and value is None):
            raise UsageError(f"option {name!r} is given twice: in the URL and as an argument")
        read.setdefault(name, value)
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
        if not url.isprintable():
            raise ValueError  # urlsplit would drop line breaks and tabs, and with them a part of a password
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
        if parts.port is None or parts.port > 0:
            return parts, query
    # Raised out here as the library's own error may quote the URL, and with it a password.
    raise UsageError("the URL is malformed: check its port (1 to 65535), brackets, percent-encoding and query")


def _decoded(part: str) -> str:
    from urllib.parse import unquote

    with contextlib.suppress(UnicodeDecodeError):
        return unquote(part, errors="strict")
    raise UsageError("the URL is malformed: what is percent-encoded must be UTF-8")


def _encryption(scheme: str, parts: dict[str, Any], given: object) -> TLS | None:
    """Return what the URL says of TLS; None where it says nothing, or leaves it to the argument."""
    if scheme not in _ENCRYPTED:
        if parts:
            raise UsageError("options of TLS in the URL need rediss:// or valkeys://")
        return None
    if given is False:
        raise UsageError(f"option 'tls' is False, and {scheme}:// is encrypted")
    return TLS(**parts) if parts or given is None else None


def _read_query(query: list[tuple[str, str]], read: dict[str, Any], encryption: dict[str, Any]) -> None:
    for name, value in query:
        if name in _VERIFIED:
            if value.lower() != _VERIFIED[name]:
                hint = "or trust anybody, with tls_insecure_skip_verification=true"
                raise UsageError(
                    f"option {name!r} in the URL can only be {_VERIFIED[name]}; see tls_server_name, {hint}"
                )
            continue
        if name in _TLS_FROM_TEXT:
            part, convert = _TLS_FROM_TEXT[name]
            if part in encryption:
                raise UsageError(f"option 'tls.{part}' is given twice in the URL")
            encryption[part] = convert(name, value)
            continue
        if name not in _FROM_TEXT:
            hint = "; pass it as an argument" if name in (*Options.__annotations__, "decode_responses") else ""
            known = ", ".join(sorted((*_FROM_TEXT, *(name for name in _TLS_FROM_TEXT if name.startswith("tls_")))))
            raise UsageError(f"unknown option {_cut(name)!r} in the URL{hint}; the URL takes {known}")
        if name in read:
            raise UsageError(f"option {name!r} is given twice in the URL")
        read[name] = _FROM_TEXT[name](name, value)


def _cut(name: str) -> str:
    return name if len(name) <= 32 and name.isidentifier() else "…"


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise UsageError(f"option {name!r} in the URL must be a whole number")
    return int(value)


def _fraction(name: str, value: str) -> float:
    digits = value.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise UsageError(f"option {name!r} in the URL must be a number of seconds")
    return float(value)


def _version(_name: str, value: str) -> str:
    return value.lower().removeprefix("tlsv").replace("_", ".")


def _plain(_name: str, value: str) -> str:
    return value


def _yes_or_no(name: str, value: str) -> bool:
    if value.lower() not in {"true", "false", "1", "0"}:
        raise UsageError(f"option {name!r} in the URL must be true or false")
    return value.lower() in {"true", "1"}


_CHECKS: Final[dict[str, Callable[[str, object], Any]]] = {
    "db": checks.between(0, 2**31 - 1),
    "username": checks.secret,
    "password": checks.secret,
    "protocol": checks.protocol,
    "client_name": checks.client_name,
    "key_prefix": checks.key_prefix,
    "connect_timeout": checks.timeout,
    "command_timeout": checks.optional_timeout,
    "credentials": checks.credentials,
    "read_timeout": checks.optional_timeout,
    "write_timeout": checks.optional_timeout,
    "health_check": checks.optional_timeout,
    "reconnect": checks.reconnect,
    "reconnect_on_error": checks.codes,
    "offline": checks.one_of("wait", "fail"),
    "max_inflight": checks.between(1, 2**31 - 1),
    "max_queue": checks.between(1, 2**31 - 1),
    "max_queue_bytes": checks.between(1, 2**62),
    "overflow": checks.one_of("wait", "fail"),
    "on_connect": checks.function,
    "on_disconnect": checks.function,
    "on_error": checks.function,
    "tls": checks.tls,
    "keepalive": checks.keepalive,
    "max_connection_age": checks.optional_timeout,
    "max_leased": checks.between(1, 65535),
    "max_reply_bytes": checks.between(1024, 2**40),
    "observer": checks.observer,
    "middleware": checks.middleware,
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
    "keepalive": _yes_or_no,
    "max_connection_age": _fraction,
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

_VERIFIED: Final = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
"""Options of redis-py that could switch the verification off, and what is the case here."""

_TLS_FROM_TEXT: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    **{
        f"tls_{name}": (name, _plain)
        for name in ("ca_file", "ca_path", "ca_data", "cert_file", "key_file", "key_password", "server_name", "ciphers")
    },
    "tls_minimum_version": ("minimum_version", _version),
    "tls_insecure_skip_verification": ("insecure_skip_verification", _yes_or_no),
    "ssl_ca_certs": ("ca_file", _plain),
    "ssl_ca_path": ("ca_path", _plain),
    "ssl_ca_data": ("ca_data", _plain),
    "ssl_certfile": ("cert_file", _plain),
    "ssl_keyfile": ("key_file", _plain),
    "ssl_password": ("key_password", _plain),
    "ssl_ciphers": ("ciphers", _plain),
    "ssl_min_version": ("minimum_version", _version),
}
