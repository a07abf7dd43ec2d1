"""No server, a silent one, an old one, a full one, and a user who may do little."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from redpoll import AuthenticationFailed, ConnectionFailed, Redis
from redpoll.testing import EmbeddedServer
from tests.fault.expect import AT_ONCE_OR_NOT, PROMPT, checked, eventually, failure, results, within
from tests.fault.fake_server import (
    MAX_CLIENTS,
    NO_HELLO,
    NOPROTO,
    OK,
    Action,
    Close,
    FakeServer,
    Gate,
    Hang,
    Nothing,
    On,
    Times,
    bulk,
)
from tests.fault.proxy import FaultProxy


async def test_dialling_is_refused(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port, reconnect=AT_ONCE_OR_NOT, command_timeout=1) as r:
        assert await r.incr("n") == 1
        proxy.refuse()
        proxy.cut()
        await results([r.get("n")])  # it notices the loss
        got = await results([r.incr("n") for _ in range(20)] + [r.get("n")])
        errors = [checked(error, ConnectionFailed, "not_run") for error in got]
        assert len({id(error) for error in errors}) == 21
        assert {error.address for error in errors} == {f"{proxy.host}:{proxy.port}"}
        assert {error.command for error in errors} == {"INCR", "GET"}
        assert valkey.call("GET", "n") == "1"
        proxy.accept()
        assert await within(r.incr("n")) == 2


async def test_a_killed_server() -> None:
    with EmbeddedServer() as server:
        async with Redis(server.host, server.port, reconnect=AT_ONCE_OR_NOT, command_timeout=1) as r:
            await r.set("k", "v")
            server.kill()
            await results([r.get("k")])  # it notices the loss
            await failure(r.set("k", "w"), ConnectionFailed, "not_run")
            await failure(r.blpop("q", timeout=1), ConnectionFailed, "not_run")
            server.restart()
            assert await within(r.set("k", "x")) is True


async def test_accepts_and_is_silent(proxy: FaultProxy) -> None:
    proxy.silence()
    async with Redis(proxy.host, proxy.port, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.1) as r:
        begin = time.monotonic()
        got = await results([r.incr("n"), r.get("n"), r.blpop("q", timeout=0)])
        assert 0.1 <= time.monotonic() - begin < 0.1 + PROMPT
        assert [checked(error, ConnectionFailed, "not_run").command for error in got[:2]] == ["INCR", "GET"]
        checked(got[2], ConnectionFailed, "not_run")
        await proxy.wait_closed()
        assert proxy.to_server.arrived(b"INCR") == 0
        proxy.heal()
        assert await within(r.incr("n")) == 1


@pytest.mark.parametrize("hello", [NO_HELLO, NOPROTO, b"-NOPERM no permissions to run the 'hello' command\r\n"])
async def test_no_hello(hello: bytes) -> None:
    with FakeServer(answers={"HELLO": [hello]}) as server:
        async with Redis(server.host, server.port, username="app", password="canary", client_name="web", db=3) as r:
            assert await within(r.incr("n")) == 1
            assert await within(r.get("none")) is None
        sent = server.call(lambda: [each.words[:2] for each in server.received])
        behind = sent[sent.index((b"AUTH", b"app")) :]
        assert (b"SELECT", b"3") in behind, "the database is selected as the user"
        assert (b"CLIENT", b"SETNAME") in behind
        assert server.connections() == 1


@pytest.mark.parametrize(
    "actions",
    [
        (b"-ERR this proxy speaks no such thing\r\n",),
        (OK,),
        (b"%1\r\n$5\r\nproto\r\n:2\r\n",),
        (bulk(b"?"),),
        (Close("fin"),),
        (Close("rst"),),
    ],
)
async def test_a_hello_that_goes_wrong(actions: tuple[Action, ...]) -> None:
    with FakeServer(answers={"HELLO": actions}) as server:
        async with Redis(server.host, server.port, password="canary", reconnect=AT_ONCE_OR_NOT) as r:
            error = await failure(r.incr("n"), ConnectionFailed, "not_run")
            assert "canary" not in f"{error}{error!r}"
            assert server.count("INCR") == 0
            server.call(lambda: server.answers.clear())
            assert await eventually(lambda: r.incr("n"), ConnectionFailed) == 1


async def test_a_late_setinfo_reply_is_nobodys() -> None:
    first = [On("CLIENT SETINFO", Gate("late"), OK), On("CLIENT SETINFO", OK)]
    with FakeServer([first]) as server:
        async with Redis(server.host, server.port, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.1) as r:
            await failure(r.incr("n"), ConnectionFailed, "not_run")
            again = results([r.echo("a"), r.incr("n"), r.echo("b")])
            server.open_gate("late")
            assert await again == ["a", 1, "b"]
            assert server.commands(0) == []
            assert len(server.commands(1)) == 3
            await server.wait_ended(0)


async def test_setinfo_is_never_answered() -> None:
    with FakeServer([[On("CLIENT SETINFO", Nothing())]]) as server:
        async with Redis(server.host, server.port, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.1) as r:
            await failure(r.incr("n"), ConnectionFailed, "not_run")
            assert await within(r.incr("n")) == 1
            assert server.count("INCR") == 1


async def test_setinfo_is_refused() -> None:
    with FakeServer(answers={"CLIENT": [b"-ERR unknown command 'CLIENT'\r\n"]}) as server:
        async with Redis(server.host, server.port, client_name="web") as r:
            assert await within(r.incr("n")) == 1


async def test_the_server_is_full(valkey: EmbeddedServer) -> None:
    async with (
        Redis(valkey.host, valkey.port) as first,
        Redis(valkey.host, valkey.port, reconnect=AT_ONCE_OR_NOT, command_timeout=1) as second,
    ):
        await first.ping()
        async with asyncio.timeout(10):
            while (await first.execute("CLIENT", "LIST")).count("\n") > 1:
                pass  # connections of earlier tests, which the server is about to end
        await first.execute("CONFIG", "SET", "maxclients", 1)
        try:
            error = await failure(second.incr("n"), ConnectionFailed, "not_run")
            assert "max" in str(error) or "connection" in str(error)
            await failure(second.blpop("q", timeout=1), ConnectionFailed, "not_run")
        finally:
            await first.execute("CONFIG", "SET", "maxclients", 10000)
        assert await within(second.incr("n")) == 1


@pytest.mark.parametrize("end", [Close("rst"), Close("fin"), Hang()])
async def test_the_server_is_full_and_hangs_up(end: Action) -> None:
    with FakeServer(greeting=[Times(1, [MAX_CLIENTS, end], [])]) as server:
        async with Redis(
            server.host, server.port, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.2, command_timeout=1
        ) as r:
            got = await results([r.incr("n"), r.get("n")])
            for error in got:
                checked(error, ConnectionFailed, "not_run")
            assert server.connections() == 1, "one connection was tried for all who wait"
            assert await within(r.incr("n")) == 1


async def test_select_is_denied(valkey: EmbeddedServer) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">canary", "~*", "&*", "+@all", "-select")
    async with Redis(valkey.host, valkey.port, username="app", password="canary", db=1) as r:
        error = await failure(r.set("k", "v"), ConnectionFailed, "not_run")
        assert "database 1" in str(error)
        assert "canary" not in str(error)
        await failure(r.blpop("q", timeout=1), ConnectionFailed, "not_run")
    assert valkey.call("DBSIZE") == 0, "nothing ran in database 0"
    async with Redis(valkey.host, valkey.port, username="app", password="canary") as r:
        assert await r.set("k", "v") is True, "database 0 needs no SELECT"


async def test_wrong_password_tells_no_secret(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port, username="app", password="canary") as r:
        got = await results([r.set("k", "v"), r.blpop("q", timeout=1)])
        for error in got:
            assert "canary" not in repr(checked(error, AuthenticationFailed, "not_run"))
            with contextlib.suppress(AttributeError):
                assert "canary" not in repr(error.__context__)
