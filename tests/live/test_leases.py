"""Blocking commands, what ends them, and WAIT, against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from redpoll import CommandTimeout, PoolTimeout, Redis, ServerError, UsageError
from redpoll.errors import NoPermission, NotBusy, Unblocked
from redpoll.routing import blocking
from redpoll.testing import EmbeddedServer


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


async def blocked(server: EmbeddedServer, count: int) -> None:
    async with asyncio.timeout(10):
        while f"blocked_clients:{count}\r" not in server.call("INFO", "clients"):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.001)


async def calls(server: EmbeddedServer, command: str, count: int) -> None:
    """Wait until the server has finished a command so many times."""
    async with asyncio.timeout(10):
        while f"cmdstat_{command}:calls={count}," not in server.call("INFO", "commandstats"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
def _short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "SLICE", 0.05)


# Blocks without end.


@pytest.mark.usefixtures("_short_slices")
async def test_a_list_over_several_slices(r: Redis, server: EmbeddedServer) -> None:
    popping = asyncio.create_task(r.blpop(["q", "p"], timeout=0))
    await calls(server, "blpop", 3)
    await r.rpush("p", "x")
    assert await popping == ("p", "x")
    assert len(await r.client_list()) == 2, "all slices on one connection"


@pytest.mark.usefixtures("_short_slices")
@pytest.mark.parametrize("name", ["blmove", "blmpop", "bzpopmin", "bzmpop", "brpoplpush"])
async def test_other_commands_in_slices(r: Redis, server: EmbeddedServer, name: str) -> None:
    popping: asyncio.Task[Any] = asyncio.create_task(
        {
            "blmove": lambda: r.blmove("q", "to", "LEFT", "RIGHT", timeout=0),
            "blmpop": lambda: r.execute("BLMPOP", 0, 1, "q", "LEFT"),
            "bzpopmin": lambda: r.bzpopmin("z", timeout=0),
            "bzmpop": lambda: r.execute("BZMPOP", b"0", 1, "z", "MIN"),
            "brpoplpush": lambda: r.execute("BRPOPLPUSH", "q", "to", 0),
        }[name]()
    )
    await calls(server, name, 2)
    await (r.zadd("z", {"m": 1}) if "z" in name else r.rpush("q", "x"))
    assert await popping in ("x", ["q", ["x"]], ("z", "m", 1.0), ["z", [["m", 1.0]]], ["z", [["m", "1"]]])


@pytest.mark.usefixtures("_short_slices")
@pytest.mark.parametrize("before", [0, 1])
async def test_nothing_that_a_stream_gets_between_slices_is_missed(
    r: Redis, server: EmbeddedServer, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that comes exactly when a slice has ended is seen by the next one."""
    for number in range(before):
        await r.xadd("s", {"n": number})
    ended = 0
    after = blocking.after_a_slice

    def add(spec: Any, words: Any) -> Any:
        nonlocal ended
        ended += 1
        if ended == 2:
            server.call("XADD", "s", "*", "n", "between")
            server.call("XADD", "s", "*", "n", "the two")
        return after(spec, words)

    monkeypatch.setattr(blocking, "after_a_slice", add)
    async with asyncio.timeout(10):
        found = await r.xread({"s": "$"}, block=0)
    assert [fields for _, fields in found["s"]] == [{"n": "between"}, {"n": "the two"}]


@pytest.mark.usefixtures("_short_slices")
async def test_a_stream_of_which_the_last_was_deleted(r: Redis, server: EmbeddedServer) -> None:
    await r.xadd("s", {"n": 1}, id="5-0")
    await r.xadd("s", {"n": 2}, id="7-0")
    await r.xdel("s", "7-0")
    reading = asyncio.create_task(r.binary.xread({"s": "$", "t": b"$"}, block=0))
    await calls(server, "xread", 2)
    await r.xadd("s", {"n": 3}, id="8-0")
    assert list((await reading)[b"s"]) != []


@pytest.mark.usefixtures("_short_slices")
async def test_a_consumer_group_in_slices(r: Redis, server: EmbeddedServer) -> None:
    await r.xgroup_create("s", "g", id="$", mkstream=True)
    reading = asyncio.create_task(r.xreadgroup("g", "c", {"s": ">"}, block=0))
    await calls(server, "xreadgroup", 2)
    await r.xadd("s", {"n": 1})
    assert [fields for _, fields in (await reading)["s"]] == [{"n": "1"}]


@pytest.mark.usefixtures("_short_slices")
async def test_from_now_on_without_the_right_to_ask(r: Redis, server: EmbeddedServer) -> None:
    await r.execute("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+xread", "+client|unblock")
    async with Redis(server.host, server.port, username="reader", password="pw") as reader:
        reading = asyncio.create_task(reader.xread({"s": "$"}, block=0))
        await blocked(server, 1)
        await r.xadd("s", {"n": 1})
        assert [fields for _, fields in (await reading)["s"]] == [{"n": "1"}]
        with pytest.raises(NoPermission):
            await reader.blpop("q", timeout=0)


@pytest.mark.usefixtures("_short_slices")
async def test_errors_name_the_command(r: Redis) -> None:
    await r.set("s", "no stream")
    with pytest.raises(ServerError) as error:
        await r.xread({"s": "$"}, block=0)
    assert (error.value.code, error.value.command) == ("WRONGTYPE", "XREAD")


async def test_a_server_that_stopped_is_noticed(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "SLICE", 0.1)
    async with Redis(server.host, server.port, command_timeout=0.1) as r:
        popping = asyncio.create_task(r.blpop("q", timeout=0))
        await blocked(server, 1)
        server.pause()
        try:
            with pytest.raises(CommandTimeout) as error:
                await asyncio.wait_for(popping, 5)
            assert error.value.outcome == "unknown"
        finally:
            server.resume()


# What ends a block.


async def test_client_unblock(r: Redis, server: EmbeddedServer) -> None:
    for how in ("ERROR", "TIMEOUT"):
        for timeout in (0, 20):
            popping = asyncio.create_task(r.blpop("q", timeout=timeout))
            await blocked(server, 1)
            (who,) = [each.id for each in await r.client_list() if each.cmd == "blpop"]
            assert await r.execute("CLIENT", "UNBLOCK", who, how) == 1
            if how == "ERROR":
                with pytest.raises(Unblocked) as error:
                    await popping
                assert error.value.outcome == "not_run"
            else:
                assert await popping is None


async def test_a_role_change(r: Redis, server: EmbeddedServer) -> None:
    """The server ends the block and the connection as it becomes a replica; the call goes out again."""
    popping = asyncio.create_task(r.blpop("q", timeout=0))
    timed = asyncio.create_task(r.blpop("other", timeout=30))
    await blocked(server, 2)
    with_multi = ("MULTI",), ("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), ("EXEC",)

    def change() -> None:
        with socket.create_connection((server.host, server.port)) as raw:
            for words in with_multi:
                raw.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass

    await asyncio.to_thread(change)
    await blocked(server, 2)
    await r.rpush("q", "x")
    await r.rpush("other", "y")
    assert [await popping, await timed] == [("q", "x"), ("other", "y")]


async def test_what_ends_blocks_is_never_held_up_by_them(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, max_leased=2, db=1) as r:
        popping = [asyncio.create_task(r.blpop("q", timeout=0)) for _ in range(2)]
        await blocked(server, 2)
        with pytest.raises(PoolTimeout):
            await r.using(timeout=0.01).blpop("q", timeout=1)
        blockers = [each.id for each in await r.client_list() if each.cmd == "blpop"]
        for who in blockers:
            assert await r.execute("CLIENT UNBLOCK", who, "ERROR")
        for each in popping:
            with pytest.raises(Unblocked):
                await each


async def test_a_script_is_killed_by_a_client_of_another_database(server: EmbeddedServer) -> None:
    """A server that runs a script refuses SELECT, so the connection for SCRIPT KILL must do without."""
    async with Redis(server.host, server.port, db=2) as r:
        await r.execute("CONFIG", "SET", "busy-reply-threshold", 10)
        endless = asyncio.create_task(r.using(timeout=30).execute("EVAL", "while true do end", 0))
        async with asyncio.timeout(20):
            while not endless.done():
                with contextlib.suppress(NotBusy):  # it has not begun
                    await r.script_kill()
                await asyncio.sleep(0.01)
        with pytest.raises(ServerError):
            await endless


# WAIT.


@pytest.fixture
def replica(valkey: EmbeddedServer) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(valkey.binary) as made:
        made.call("REPLICAOF", valkey.host, valkey.port)
        yield made


async def in_sync(primary: EmbeddedServer) -> None:
    async with asyncio.timeout(20):
        while "state=online" not in primary.call("INFO", "replication"):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)


async def test_wait_speaks_of_the_batch_that_it_ends(valkey: EmbeddedServer, replica: EmbeddedServer) -> None:
    await in_sync(valkey)
    async with Redis(valkey.host, valkey.port) as r:
        async with r.pipeline() as p:
            p.set("k", 1)
            count = p.wait(1, 5000)
        assert count.result() == 1
        replica.pause()
        try:
            async with r.pipeline() as p:
                p.set("k", 2)
                count = p.wait(1, 150)
            assert count.result() == 0, "the replica has not got it, whatever another connection would say"
            many = r.pipeline()
            for number in range(2500):
                many.set(f"k{number}", number)
            many.raw("WAIT", 1, "50")
            assert (await many.execute())[-1] == 0, "all chunks on the one connection"
            async with r.dedicated() as c:
                await c.set("k", 3)
                assert await c.wait(1, 50) == 0
        finally:
            replica.resume()
        assert await r.get("k2499") == "2499"


async def test_a_server_that_waits_is_no_dead_one(valkey: EmbeddedServer, replica: EmbeddedServer) -> None:
    await in_sync(valkey)
    async with Redis(valkey.host, valkey.port, read_timeout=0.2, health_check=0.1) as r:
        replica.pause()
        try:
            async with r.dedicated() as c:
                for client in (r, c):
                    async with client.pipeline() as p:
                        p.set("k", 1)
                        count = p.wait(1, 500)
                    assert count.result() == 0
                await c.set("k", 2)
                assert await asyncio.gather(c.wait(1, 300), c.wait(1, 400), c.ping()) == [0, 0, True]
                assert await c.ping()
        finally:
            replica.resume()


async def test_wait_given_up_closes_the_connection(valkey: EmbeddedServer, replica: EmbeddedServer) -> None:
    await in_sync(valkey)
    async with Redis(valkey.host, valkey.port) as r:
        replica.pause()
        try:
            p = r.pipeline()
            p.set("k", 1)
            p.wait(1, 0)
            waiting = asyncio.create_task(p.execute())
            await blocked(valkey, 1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await blocked(valkey, 0)
        finally:
            replica.resume()
        assert await r.get("k") == "1"


async def test_where_wait_may_stand(r: Redis) -> None:
    p = r.pipeline()
    with pytest.raises(UsageError, match="behind them"):
        p.wait(1, 10)
    p.set("k", 1)
    aof = p.waitaof(0, 0, 10)
    with pytest.raises(UsageError, match="nothing may follow WAITAOF"):
        p.get("k")
    assert await p.execute() == [True, aof.result()]
    assert aof.result() == (0, 0)
    p.get("k")
    assert await p.execute() == ["1"], "the next batch begins anew"
    for name in ("WAIT", "WAITAOF"):
        with pytest.raises(UsageError):
            await r.execute(name, 1, 1, 1)
