"""Users, passwords and who gives them; that they change while connections stand; and how old these become."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from redpoll import (
    AuthenticationFailed,
    ConnectionFailed,
    Credentials,
    Dedicated,
    Keepalive,
    OutcomeUnknown,
    Redis,
    RedisError,
    RotatingCredentials,
    UsageError,
)
from redpoll.errors import NotAuthenticated
from redpoll.testing import EmbeddedServer
from tests.conftest import EVERY
from tests.live.test_client import until_blocked


@pytest.fixture(params=EVERY)
def each(request: pytest.FixtureRequest) -> EmbeddedServer:
    """Each server in turn, with the users app (password one or two) and other (password three)."""
    server: EmbeddedServer = request.getfixturevalue(request.param)
    server.call("ACL", "SETUSER", "app", "on", ">one", ">two", "~*", "&*", "+@all")
    server.call("ACL", "SETUSER", "other", "on", ">three", "~*", "&*", "+@all")
    return server


def users(server: EmbeddedServer) -> list[str]:
    """Return the users of the connections, but for the default one, who asks."""
    lines = server.call("CLIENT", "LIST").splitlines()
    found = [dict(part.partition("=")[::2] for part in line.split())["user"] for line in lines]
    return sorted(user for user in found if user != "default")


async def until(true: Any, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # only the server knows
            await asyncio.sleep(0.01)


# Who gives them.


class OfRedisPy(redis_py.CredentialProvider):
    def get_credentials(self) -> tuple[str, str]:
        return "app", "one"


class Async:
    async def get_credentials_async(self) -> tuple[str, str]:
        await asyncio.sleep(0)
        return "app", "one"


async def _later() -> tuple[str, str]:
    return "app", "one"


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize(
    "source",
    [
        Credentials("app", "one"),
        ("app", "one"),
        lambda: ("app", "one"),
        lambda: Credentials("app", "one"),
        _later,
        OfRedisPy(),
        Async(),
        RotatingCredentials("app", "one"),
        redis_py.UsernamePasswordCredentialProvider("app", "one"),
    ],
    ids=str,
)
async def test_sources(valkey: EmbeddedServer, source: Any, protocol: Any) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
    async with Redis(valkey.host, valkey.port, credentials=source, protocol=protocol) as r:
        assert await r.acl_whoami() == "app"
        assert await r.blpop("none", timeout=0.01) is None
        async with r.dedicated() as c:
            assert await c.acl_whoami() == "app"
    assert "Credentials" not in repr(r._core.settings)


async def test_they_are_asked_for_each_connection(valkey: EmbeddedServer) -> None:
    asked = 0

    def provider() -> tuple[str, str]:
        nonlocal asked
        asked += 1
        return "default", ""

    async with Redis(valkey.host, valkey.port, credentials=provider) as r, r.dedicated():
        assert asked == 1
        assert await r.ping()
        assert asked == 2
        assert await r.blpop("none", timeout=0.01) is None
        assert asked == 3


@pytest.mark.parametrize("protocol", [2, 3])
async def test_the_default_users_password(each: EmbeddedServer, protocol: Any) -> None:
    with EmbeddedServer(each.binary, options={"requirepass": "canary"}) as server:
        for options in ({"password": "canary"}, {"credentials": lambda: ("canary",)}):
            given: Any = options
            async with Redis(server.host, server.port, protocol=protocol, **given) as r:
                assert await r.acl_whoami() == "default"
                await r.reauthenticate()
                assert await r.acl_whoami() == "default"
        async with Redis(server.host, server.port, protocol=protocol) as r:
            # On protocol 2 Redis 7.0 has nothing in its handshake that tells.
            with pytest.raises((AuthenticationFailed, NotAuthenticated), match=r"wants a password|NOAUTH"):
                await r.ping()


# They change.


async def test_every_connection_follows(each: EmbeddedServer) -> None:
    credentials = RotatingCredentials("app", "one")
    async with Redis(each.host, each.port, credentials=credentials) as r, r.dedicated() as c, r.dedicated() as own:
        await r.ping()
        await c.ping()
        await own.auth("three", username="other")
        waiting = asyncio.create_task(r.blpop("q", timeout=20))
        await until_blocked(r, True)
        async with r.dedicated() as idle:
            await idle.ping()
        assert users(each) == ["app"] * 4 + ["other"]
        each.call("ACL", "SETUSER", "fourth", "on", ">four", "~*", "&*", "+@all")
        threading.Thread(target=credentials.rotate, args=("fourth", "four")).run()
        await until(lambda: users(each).count("fourth") == 3)
        assert users(each) == ["app"] + ["fourth"] * 3 + ["other"], "the blocked one follows later"
        assert await c.acl_whoami() == await r.acl_whoami() == "fourth"
        assert await own.acl_whoami() == "other", "whoever has authenticated himself stays so"
        await r.rpush("q", "x")
        assert await waiting == ("q", "x")
        await until(lambda: "app" not in users(each))


async def test_no_command_is_lost_or_out_of_step_meanwhile(each: EmbeddedServer) -> None:
    credentials = RotatingCredentials("app", "one")
    each.call("CONFIG", "RESETSTAT")
    lost: list[RedisError] = []
    async with Redis(each.host, each.port, credentials=credentials, on_disconnect=lost.append) as r:
        await r.ping()
        done = 0

        async def caller(name: int) -> None:
            nonlocal done
            for number in range(200):
                assert await r.echo(f"{name}:{number}") == f"{name}:{number}"
                done += 1

        callers = [asyncio.create_task(caller(name)) for name in range(20)]
        rounds = 0
        while not all(each.done() for each in callers):
            credentials.rotate(*(("app", "two"), ("other", "three"), ("app", "one"))[rounds % 3])
            rounds += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*callers)
        assert done == 4000
        assert rounds > 3
        assert lost == []
        stats = each.call("INFO", "commandstats").partition("cmdstat_auth:")[2].split()[0]
        assert int(stats.partition("calls=")[2].split(",")[0]) > 3
        assert "rejected_calls=0,failed_calls=0" in stats


async def test_refused_behind_a_slow_command(each: EmbeddedServer) -> None:
    """A server that answers no failing AUTH behind an unanswered command would have every later reply shifted."""
    errors: list[Exception] = []
    credentials = RotatingCredentials("app", "one")
    async with Redis(each.host, each.port, credentials=credentials, on_error=errors.append) as r:
        await r.set("k", "v")
        each.call("CLIENT", "PAUSE", 400, "WRITE")
        slow = asyncio.create_task(r.incr("n"))
        await asyncio.sleep(0.05)
        credentials.rotate("app", "canary-wrong")
        await asyncio.sleep(0.05)
        behind = [asyncio.create_task(r.get("k")) for _ in range(10)]
        assert await slow == 1
        for call in behind:
            with pytest.raises(AuthenticationFailed) as caught:
                await call
            assert caught.value.outcome == "not_run"
            assert "canary" not in f"{caught.value!r}{caught.value}"
        assert [type(error) for error in errors] == [AuthenticationFailed]
        credentials.rotate("app", "two")
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await r.get("k") == "v"
                    break
                except AuthenticationFailed:
                    await asyncio.sleep(0.05)


async def test_refused_on_a_dedicated_connection(each: EmbeddedServer) -> None:
    errors: list[Exception] = []
    credentials = RotatingCredentials("app", "one")
    async with Redis(each.host, each.port, credentials=credentials, on_error=errors.append) as r, r.dedicated() as c:
        await c.ping()
        credentials.rotate("app", "canary-wrong")
        calls = [asyncio.create_task(c.get("k")) for _ in range(5)]
        await until(lambda: errors)
        for result in await asyncio.gather(*calls, return_exceptions=True):
            assert result is None or isinstance(result, AuthenticationFailed)
        with pytest.raises(AuthenticationFailed):
            await c.get("k")
    assert "canary" not in "".join(map(repr, errors))


async def test_by_hand(each: EmbeddedServer) -> None:
    password = "one"
    async with Redis(each.host, each.port, credentials=lambda: ("app", password)) as r:
        await r.reauthenticate()  # there is no connection yet
        await r.ping()
        password = "two"
        await r.reauthenticate()
        password = "canary-wrong"
        with pytest.raises(AuthenticationFailed) as caught:
            await r.reauthenticate()
        assert "canary" not in str(caught.value)
    async with Redis(each.host, each.port) as r:
        with pytest.raises(UsageError, match="no credentials"):
            await r.reauthenticate()


async def test_they_change_while_a_connection_is_dialled(valkey: EmbeddedServer) -> None:
    for user in ("a", "b"):
        valkey.call("ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all")
    credentials = RotatingCredentials("a", "pw")

    def rotate(_c: Dedicated[str]) -> None:
        credentials.rotate("b", "pw")

    async with Redis(valkey.host, valkey.port, credentials=credentials, on_connect=rotate) as r:
        assert await r.ping()
        await until(lambda: users(valkey) == ["b"])


async def test_a_provider_that_fails_leaves_connections_alone(valkey: EmbeddedServer) -> None:
    errors: list[Exception] = []
    broken = False

    def provider() -> tuple[str, str]:
        if broken:
            raise RuntimeError("canary")
        return "default", ""

    async with Redis(valkey.host, valkey.port, credentials=provider, on_error=errors.append) as r:
        await r.ping()
        broken = True
        with pytest.raises(AuthenticationFailed, match="failed with RuntimeError") as caught:
            await r.reauthenticate()
        assert "canary" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
        assert await r.ping()
    assert len(errors) == 1


def test_a_closed_client_is_told_no_more(valkey: EmbeddedServer) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">one", ">two", "~*", "&*", "+@all")
    credentials = RotatingCredentials("app", "one")
    r = Redis(valkey.host, valkey.port, credentials=credentials)

    async def use() -> None:
        await r.ping()
        assert len(credentials._listeners) == 1

    for _ in range(2):  # the second time on another event loop
        with asyncio.Runner() as runner:
            runner.run(use())
        credentials.rotate("app", "two")
    with asyncio.Runner() as runner:
        runner.run(r.aclose())
    assert credentials._listeners == ()


# A user who goes.


async def test_the_user_is_deleted(each: EmbeddedServer) -> None:
    each.call("ACL", "SETUSER", "gone", "on", ">canary", "~*", "&*", "+@all")
    errors: list[Exception] = []
    async with Redis(each.host, each.port, username="gone", password="canary", on_error=errors.append) as r:
        await r.set("k", "v")
        blocked = asyncio.create_task(r.blpop("q", timeout=20))
        await until_blocked(r, True)
        before = int(each.call("INFO", "stats").partition("total_connections_received:")[2].split()[0])
        each.call("CLIENT", "PAUSE", 200, "WRITE")
        in_flight = asyncio.create_task(r.incr("n"))
        await asyncio.sleep(0.02)
        each.call("ACL", "DELUSER", "gone")
        with pytest.raises(OutcomeUnknown):
            await in_flight
        begin = time.monotonic()
        for _ in range(300):
            with pytest.raises(AuthenticationFailed) as caught:
                await r.incr("n")
            assert "canary" not in repr(caught.value)
        with pytest.raises((AuthenticationFailed, OutcomeUnknown)):
            await blocked
        for _ in range(300):
            with pytest.raises(AuthenticationFailed):
                await r.blpop("q", timeout=1)
        after = int(each.call("INFO", "stats").partition("total_connections_received:")[2].split()[0])
        dials = after - before - 3  # and three calls of this test
        assert dials <= 1 + time.monotonic() - begin, "one a second"
        assert {type(error) for error in errors} == {AuthenticationFailed}


# Age.


async def test_old_connections_are_replaced_without_a_loss(valkey: EmbeddedServer) -> None:
    errors: list[Exception] = []
    async with Redis(valkey.host, valkey.port, max_connection_age=0.2, on_error=errors.append) as r:
        first = await r.client_id()
        async with r.dedicated() as c:
            leased = await c.client_id()
            ids, until_ = set[int](), time.monotonic() + 0.9
            while time.monotonic() < until_:
                ids.update(await asyncio.gather(*(r.client_id() for _ in range(20))))
                await asyncio.sleep(0.005)
            assert await c.client_id() == leased, "a connection that is somebody's own is not taken away"
        assert first in ids
        assert 4 <= len(ids) <= 7
        async with r.dedicated() as c:
            assert await c.client_id() != leased
    assert errors == []


async def test_an_old_connection_stays_while_no_other_can_be_made(valkey: EmbeddedServer) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
    errors: list[Exception] = []
    options: Any = {"username": "app", "password": "one", "on_error": errors.append}
    async with Redis(valkey.host, valkey.port, max_connection_age=0.1, **options) as r:
        await r.client_id()
        valkey.call("ACL", "SETUSER", "app", "<one", ">two")
        last = await r.client_id()
        await until(lambda: errors)
        assert await r.client_id() == last
        assert isinstance(errors[0], AuthenticationFailed)


# Unix sockets and sockets.


@pytest.fixture
def path(valkey: EmbeddedServer) -> Iterator[str]:
    assert valkey.socket_path is not None
    return valkey.socket_path  # type: ignore[return-value]  # no clean-up is needed


async def test_unix_sockets(valkey: EmbeddedServer, path: str, tmp_path: Path) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
    async with Redis.from_url(f"unix://app:one@{path}?db=1") as r:
        assert await r.acl_whoami() == "app"
        assert await r.blpop("none", timeout=0.01) is None
        await r.reauthenticate()
        assert path in repr(r)
    nowhere = tmp_path / "nowhere.sock"
    for wrong in (nowhere, tmp_path, tmp_path / ("x" * 200)):
        async with Redis(path=str(wrong), command_timeout=0.3) as r:
            with pytest.raises(ConnectionFailed) as caught:
                await r.ping()
            assert str(wrong) in str(caught.value)


@pytest.mark.parametrize("tls", [True, None])
async def test_a_name_that_no_host_can_have(tls: Any) -> None:
    async with Redis("x" * 64 + ".example", 1, tls=tls) as r:
        with pytest.raises(ConnectionFailed, match="cannot connect") as caught:
            await r.ping()
        assert caught.value.final


async def test_keepalive_reaches_the_socket(valkey: EmbeddedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    idle, user = getattr(socket, "TCP_KEEPIDLE", None), getattr(socket, "TCP_USER_TIMEOUT", None)
    for given, wanted in ((True, (1, 15, 30_000)), (Keepalive(idle=7, unacknowledged=9.5), (1, 7, 9_500))):
        async with Redis(valkey.host, valkey.port, keepalive=given) as r:
            await r.ping()
            sock: socket.socket = r._core._connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == wanted[0]
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            if idle is not None and user is not None:
                assert sock.getsockopt(socket.IPPROTO_TCP, idle) == wanted[1]
                assert sock.getsockopt(socket.IPPROTO_TCP, user) == wanted[2]
    async with Redis(valkey.host, valkey.port, keepalive=False) as r:
        await r.ping()
        sock = r._core._connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
