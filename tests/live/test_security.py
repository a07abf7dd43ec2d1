"""No secret in what a failing call leaves behind: its error, what led to it, logs, warnings, pickles.

The canary is a password, a user or a value; each way to fail is gone through with all of them. What a hostile server may
do to a client's memory and time is in tests/fault (test_parsing.py).
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
import traceback
import warnings
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from redpoll import (
    TLS,
    AuthenticationFailed,
    CommandTimeout,
    ConnectionFailed,
    Credentials,
    DecodeFailed,
    NotSent,
    OutcomeUnknown,
    Overloaded,
    Redis,
    RedisError,
    RotatingCredentials,
    ServerError,
    UsageError,
    WrongType,
)
from redpoll.testing import EmbeddedServer
from tests.fault.fake_server import NOPROTO, Close, FakeServer, Nothing

USER, PASSWORD, VALUE = "canary-user", "canary-password", "canary-value"


def told(error: BaseException, *, locals_too: bool) -> str:
    """Return all that an error tells, with what led to it: as logs, error trackers and other processes would see it.

    Args:
        error: the error.
        locals_too: the local variables of this library's functions as well, as error trackers collect them.
    """
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        if isinstance(seen, RedisError):
            parts += [repr(pickle.dumps(seen)), repr(vars(copy.copy(seen)))]
        seen = seen.__cause__ or seen.__context__
    parts += traceback.format_exception(error)
    if locals_too:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        ours = [frame for frame in frames if "/src/redpoll/" in frame.filename]
        parts += [json.dumps(frame.locals) for frame in ours]
    return "\n".join(parts)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Fail a test in which a canary is logged, at any level, or in a warning. What is in the list is looked at, too."""
    caplog.set_level(logging.DEBUG)
    more: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield more
    said = "\n".join([caplog.text, *(str(each.message) for each in warned), *more])
    assert "canary" not in said, said


Kind: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]


async def fails(call: Any, kind: Kind, *, locals_too: bool = True) -> None:
    asyncio.get_running_loop().set_debug(True)
    with pytest.raises(kind) as caught:
        await call
    said = told(caught.value, locals_too=locals_too)
    assert "canary" not in said, said


def wrong_credentials() -> list[dict[str, Any]]:
    def provider() -> tuple[str, str]:
        return USER, PASSWORD

    return [
        {"username": USER, "password": PASSWORD},
        {"password": PASSWORD},
        {"credentials": provider},
        {"credentials": Credentials(USER, PASSWORD)},
        {"credentials": RotatingCredentials(USER, PASSWORD)},
    ]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("number", range(5))
async def test_refused_credentials(valkey: EmbeddedServer, quiet: list[str], protocol: Any, number: int) -> None:
    def heard(error: Exception) -> None:
        quiet.append(told(error, locals_too=True))

    with EmbeddedServer(valkey.binary, options={"requirepass": "other"}) as server:
        async with Redis(
            server.host, server.port, protocol=protocol, on_error=heard, **wrong_credentials()[number]
        ) as r:
            await fails(r.get("k"), AuthenticationFailed)
            await fails(r.blpop("k", timeout=1), AuthenticationFailed)
            await fails(r.dedicated().__aenter__(), AuthenticationFailed)
            await fails(r.batch(lambda p: (p.get("k"),)), AuthenticationFailed)
            quiet.append(f"{r!r}{r}{r._core.settings!r}")
            with pytest.raises(TypeError):
                pickle.dumps(r)
    assert quiet


QUOTES = [
    b"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'canary-user' 'canary-password' \r\n",
    b"-ERR what is canary-user and canary-password?\r\n",
    b"-WRONGPASS canary-password is not it\r\n",
    b"-NOAUTH canary-password\r\n",
]


@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize("step", ["HELLO", "AUTH", "SELECT"])
async def test_a_server_that_quotes_what_it_was_sent(quiet: list[str], step: str, quote: bytes) -> None:
    def heard(error: Exception) -> None:
        quiet.append(told(error, locals_too=True))

    answers: dict[str, Any] = {"HELLO": [NOPROTO], "AUTH": [b"+OK\r\n"], step: [quote]}
    if step == "HELLO":
        answers["AUTH"] = [quote]
    with FakeServer(answers=answers) as server:
        options: Any = {"username": USER, "password": PASSWORD, "command_timeout": 0.3}
        async with Redis(server.host, server.port, db=1, on_error=heard, **options) as r:
            await fails(r.get("k"), ConnectionFailed)
            await fails(r.blpop("k", timeout=1), (ConnectionFailed, CommandTimeout))


async def test_reauthentication_that_is_refused(valkey: EmbeddedServer, quiet: list[str]) -> None:
    def heard(error: Exception) -> None:
        quiet.append(told(error, locals_too=True))

    valkey.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
    credentials = RotatingCredentials("app", "one")
    async with Redis(valkey.host, valkey.port, credentials=credentials, on_error=heard) as r, r.dedicated() as c:
        await r.ping()
        credentials.rotate(USER, PASSWORD)
        await asyncio.sleep(0.05)
        await fails(r.get("k"), AuthenticationFailed)
        await fails(c.get("k"), AuthenticationFailed)
    assert len(quiet) >= 2


async def test_a_replacement_that_is_refused(valkey: EmbeddedServer, quiet: list[str]) -> None:
    def heard(error: Exception) -> None:
        quiet.append(told(error, locals_too=True))

    valkey.call("ACL", "SETUSER", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all")
    async with Redis(
        valkey.host, valkey.port, username=USER, password=PASSWORD, on_error=heard, max_connection_age=0.05
    ) as r:
        await r.ping()
        valkey.call("ACL", "SETUSER", USER, "resetpass", ">other")
        async with asyncio.timeout(5):
            while not quiet:  # noqa: ASYNC110  # the client tells it by and by
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "provided", [RuntimeError(PASSWORD), TimeoutError(PASSWORD), (USER, PASSWORD, 1), [USER, PASSWORD], (1, PASSWORD)]
)
async def test_a_provider_that_fails(valkey: EmbeddedServer, quiet: list[str], provided: Any) -> None:
    async def provider() -> Any:
        if isinstance(provided, Exception):
            raise provided
        return provided

    options: Any = {"connect_timeout": 0.2, "command_timeout": 0.4, "credentials": provider}
    async with Redis(valkey.host, valkey.port, **options) as r:
        await fails(r.get("k"), ConnectionFailed)
        await fails(r.reauthenticate(), ConnectionFailed)


async def test_tls_that_fails(redis7: EmbeddedServer, quiet: list[str]) -> None:
    options: Any = {
        "username": USER,
        "password": PASSWORD,
        "tls": TLS(),
        "connect_timeout": 0.1,
        "command_timeout": 0.3,
    }
    async with Redis(redis7.host, redis7.port, **options) as r:
        await fails(r.get("k"), ConnectionFailed)


@pytest.mark.parametrize("end", [Close("rst"), Close("fin"), Nothing()])
async def test_handshakes_that_end(quiet: list[str], end: Any) -> None:
    options: Any = {"username": USER, "password": PASSWORD, "connect_timeout": 0.1, "command_timeout": 0.3}
    with FakeServer(answers={"HELLO": [end]}) as server:
        async with Redis(server.host, server.port, **options) as r:
            await fails(r.get("k"), ConnectionFailed)


# Values.


async def test_commands_that_fail(server: EmbeddedServer, quiet: list[str]) -> None:
    async with Redis(server.host, server.port, command_timeout=0.3) as r:

        async def fails_with(call: Any, kind: Kind) -> None:
            await fails(call, kind, locals_too=False)  # a frame that was given the value has it

        await r.set("k", b"\xff" + VALUE.encode())
        await fails_with(r.lpush("k", VALUE), WrongType)
        await fails_with(r.get("k"), DecodeFailed)
        await fails_with(r.execute("NO-SUCH", VALUE, VALUE), ServerError)
        await fails_with(r.execute("SET", "k", VALUE, "EX", VALUE), ServerError)
        await fails_with(r.set(VALUE, "x" + VALUE + "\ud800"), UsageError)
        await fails_with(r.eval("return redis.call('LPUSH', KEYS[1], ARGV[1])", 1, "k", VALUE), ServerError)
        await fails_with(r.batch(lambda p: (p.lpush("k", VALUE), p.set("l", VALUE))), WrongType)
        async with r.dedicated() as c:
            await fails_with(c.auth(PASSWORD, username=USER), ServerError)
        await fails_with(r.execute("AUTH", USER, PASSWORD), UsageError)
        await fails_with(r.execute("HELLO", 3, "AUTH", USER, PASSWORD), UsageError)
        server.pause()
        try:
            await fails_with(r.set("k", VALUE), CommandTimeout)
            await fails_with(r.blpop(VALUE, timeout=0.01), RedisError)
        finally:
            server.resume()
        lost = asyncio.create_task(r.append("k", VALUE))
        server.call("CLIENT", "PAUSE", 100, "WRITE")
        await asyncio.sleep(0)
        server.call("CLIENT", "KILL", "TYPE", "normal")
        await asyncio.wait([lost])
        if lost.exception() is not None:
            await fails_with(lost, OutcomeUnknown)


async def test_calls_that_are_never_sent(quiet: list[str]) -> None:
    options: Any = {"offline": "fail", "reconnect": False}
    async with Redis("127.0.0.1", 1, **options) as r:
        await fails(r.set("k", VALUE), ConnectionFailed, locals_too=False)
    full: Any = {"max_queue": 1, "command_timeout": 0.2}
    async with Redis("127.0.0.1", 1, **full) as r:
        calls = [asyncio.create_task(r.set("k", VALUE)) for _ in range(3)]
        await asyncio.wait(calls)
        kinds = set[type[BaseException] | None]()
        for call in calls:
            kinds.add(type(call.exception()))
            await fails(call, (ConnectionFailed, Overloaded, NotSent), locals_too=False)
        assert Overloaded in kinds


async def test_a_url(quiet: list[str]) -> None:
    for url in (
        f"redis://{USER}:{PASSWORD}@host:port",
        f"redis://{USER}:{PASSWORD}@[host",
        f"redis://{USER}:{PASSWORD}@host/{VALUE}",
        f"redis://{USER}:{PASSWORD}@host?{VALUE}=1",
        f"rediss://{USER}:{PASSWORD}@host?ssl_keyfile=x&ssl_password={PASSWORD}",
        f"{USER}:{PASSWORD}@host",
    ):
        with pytest.raises(UsageError) as caught:
            Redis.from_url(url)
        # Frames were given the URL: their variables have it.
        error = caught.value
        assert "canary" not in f"{error}{error!r}{error.__cause__}{error.__context__}{pickle.dumps(error)!r}"
