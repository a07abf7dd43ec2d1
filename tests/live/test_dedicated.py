"""Connections of one's own, against real servers."""

from __future__ import annotations

import asyncio
import gc
import pickle
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redpoll import Client, ClientClosed, NotSent, PoolTimeout, Redis, UsageError
from redpoll.dedicated import Dedicated
from redpoll.errors import ServerError
from redpoll.testing import EmbeddedServer


@pytest.fixture
async def r(server: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port) as client:
        yield client


async def others(r: Redis) -> int:
    """How many connections the server has beside the shared one."""
    return len(await r.client_list()) - 1


async def test_it_has_all_commands(r: Redis) -> None:
    await r.set("k", "shared")
    async with r.dedicated() as c:
        assert await c.get("k") == "shared"
        assert await c.select(1)
        await c.set("k", "one")
        assert await c.get("k") == "one"
        assert await r.get("k") == "shared"
        assert await c.client_setname("mine")
        assert await c.client_getname() == "mine"
        assert await c.execute("CLIENT", "GETNAME") == "mine"
        assert await c.watch("k")
        assert await c.unwatch()
        assert await c.hset("h", {"f": 1}) == 1
        assert await c.wait(0, 10) == 0
        assert [await c.blpop("q", timeout=0.01), await c.ping()] == [None, True]
    assert await r.get("k") == "shared"


async def test_its_pipeline_runs_on_it(r: Redis) -> None:
    async with r.dedicated() as c:
        async with c.pipeline() as p:
            moved = p.select(2)
            written = p.set("k", "two")
            named = p.client_setname("piped")
            count = p.wait(0, 10)
        assert [moved.result(), written.result(), named.result(), count.result()] == [True, True, True, 0]
        assert await c.get("k") == "two"
        assert await r.get("k") is None
        assert await c.batch(lambda p: (p.get("k"), p.watch("k"))) == ("two", True)
        with pytest.raises(UsageError, match="transaction"):
            c.pipeline().raw("MULTI")
        with pytest.raises(UsageError, match="block"):
            c.pipeline().raw("BLPOP", "q", 1)


@pytest.mark.parametrize("words", [("MULTI",), (b"subscribe", "c"), ("MONITOR",), ("CLIENT REPLY", "OFF"), ("QUIT",)])
async def test_what_is_refused_on_it(r: Redis, words: Any) -> None:
    async with r.dedicated() as c:
        with pytest.raises(UsageError) as error:
            await c.execute(*words)
        assert error.value.outcome == "not_run"
        assert await c.ping()


async def test_what_changes_a_connection_is_not_on_the_shared_one(r: Redis) -> None:
    for refused in (r.execute("SELECT", 1), r.execute("WAIT", 0, 1)):
        with pytest.raises(UsageError):
            await refused
    assert not hasattr(r, "select")
    assert not hasattr(r, "watch")


async def test_it_is_returned_as_it_was(r: Redis) -> None:
    async with r.dedicated() as c:
        first = await c.client_id()
        await c.select(3)
        await c.watch("k")
    await r.set("k", "changed")
    async with r.dedicated() as c:
        assert await c.client_id() == first, "used again"
        assert await c.get("k") == "changed", "database 0"
        mine = next(line for line in await r.client_list() if line.id == first)
        assert (mine.db, getattr(mine, "watch", 0)) == (0, 0)


@pytest.mark.parametrize("change", ["name", "unknown", "auth", "reset", "tracking"])
async def test_what_cannot_be_undone_closes_it(r: Redis, change: str) -> None:
    async with r.dedicated() as c:
        first = await c.client_id()
        if change == "name":
            await c.client_setname("dirty")
        elif change == "unknown":
            with pytest.raises(ServerError):
                await c.execute("SOME.MODULE", "x")
        elif change == "auth":
            with pytest.raises(ServerError):
                await c.execute("AUTH", "nobody", "wrong")
        elif change == "reset":
            assert await c.reset()
        else:
            assert await c.client_tracking("ON")
    async with r.dedicated() as c:
        assert await c.client_id() != first
        assert await c.client_getname() is None


async def test_it_is_entered_once_and_ends_once(r: Redis) -> None:
    d = r.dedicated()
    with pytest.raises(UsageError, match="async with"):
        await d.get("k")
    async with d as c:
        assert c is d
        with pytest.raises(UsageError, match="once"):
            await d.__aenter__()
        view = c.text
        assert await view.ping()
        await c.aclose()
        await c.aclose()
        for returned in (c, view):
            with pytest.raises(ClientClosed, match="returned"):
                await returned.ping()
    with pytest.raises(UsageError, match="once"):
        await d.__aenter__()
    async with r.dedicated() as other:
        assert await other.ping()
        await d.aclose()
        assert await other.ping(), "what was returned is another's"


async def test_views(r: Redis) -> None:
    async with r.dedicated() as c:
        await c.select(4)
        await c.set("k", "v")
        assert await c.binary.get("k") == b"v"
        assert await c.binary.text.get("k") == "v"
        assert await c.using(timeout=1).get("k") == "v"
        assert isinstance(c.using(timeout=1), Dedicated)


async def reads(client: Client) -> str | None:
    return await client.using(timeout=3).get("k")


async def test_functions_take_any_client(r: Redis) -> None:
    await r.set("k", "v")
    async with r.dedicated() as c:
        assert [await reads(r), await reads(c)] == ["v", "v"]
        assert isinstance(c, Client)
        for client in (r, c):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(client)


async def test_they_count_towards_max_leased(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, max_leased=2, command_timeout=0.2) as r:
        async with r.dedicated() as one, r.dedicated() as two:
            assert await one.client_id() != await two.client_id()
            for beyond in (r.dedicated().__aenter__(), r.blpop("q", timeout=1)):
                with pytest.raises(PoolTimeout):
                    await beyond
            assert await r.client_unblock(await one.client_id()) is False, "what ends blocks needs no free place"
            waiting = asyncio.create_task(r.using(timeout=5).blpop("q", timeout=0.01))
            await asyncio.sleep(0)
        assert await waiting is None
        assert await others(r) <= 3


async def test_it_does_not_reconnect(r: Redis) -> None:
    async with r.dedicated() as c:
        assert await r.client_kill(id=await c.client_id()) == 1
        with pytest.raises((NotSent, ConnectionError)):
            await c.get("k")
        for _ in range(2):
            with pytest.raises(NotSent, match="gone"):
                await c.get("k")
        assert await r.ping()
    async with r.dedicated() as c:
        assert await c.ping()


async def test_many_at_once_on_one(r: Redis) -> None:
    async with r.dedicated() as c:
        assert await asyncio.gather(*(c.echo(str(n)) for n in range(2000))) == [str(n) for n in range(2000)]
        large = "x" * (1 << 20)
        await c.set("k", large)
        assert await asyncio.gather(*(c.get("k") for _ in range(8))) == [large] * 8


async def test_a_timeout_leaves_it_in_step(r: Redis, server: EmbeddedServer) -> None:
    async with r.dedicated() as c:
        await c.client_id()
        server.pause()
        try:
            with pytest.raises(TimeoutError):
                await c.using(timeout=0.05).echo("late")
        finally:
            server.resume()
        assert await c.echo("mine") == "mine"


async def test_work_left_behind_is_told(r: Redis) -> None:
    async with r.dedicated() as c:
        await c.ping()
        left = asyncio.create_task(c.echo("x"))
        await asyncio.sleep(0)
    with pytest.raises(ConnectionError, match="returned"):
        await left
    assert await r.ping()


async def test_closing_the_client_ends_it(server: EmbeddedServer) -> None:
    r = Redis(server.host, server.port)
    async with r.dedicated() as c:
        await c.select(1)
        blocked = asyncio.create_task(c.blpop("q", timeout=0))
        await asyncio.sleep(0.01)
        await r.aclose()
        with pytest.raises(ConnectionError):
            await blocked
        with pytest.raises((ClientClosed, NotSent)):
            await c.ping()
    with pytest.raises(ClientClosed):
        await r.dedicated().__aenter__()


async def test_a_client_used_for_nothing_else_warns_too(server: EmbeddedServer) -> None:
    r: Redis | None = Redis(server.host, server.port)
    assert r is not None
    async with r.dedicated() as c:
        await c.ping()
    del c
    core = r._core
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        r = None
        gc.collect()
    assert [str(each.message) for each in caught if each.category is ResourceWarning]
    await core.aclose()


async def test_on_connect_gets_one(server: EmbeddedServer) -> None:
    seen: list[Any] = []

    async def prepare(c: Dedicated) -> None:
        seen.append(type(c))
        assert await c.client_setname("prepared")
        await c.aclose()  # not his to close

    async with Redis(server.host, server.port, on_connect=prepare) as r:
        assert await r.client_getname() == "prepared"
        assert await r.blpop("q", timeout=0.01) is None
        async with r.dedicated() as c:
            assert await c.client_getname() == "prepared"
        assert seen == [Dedicated, Dedicated]


async def test_credentials_go_alone(server: EmbeddedServer) -> None:
    # Redis 8 never answers an AUTH that fails behind an unanswered command: every later reply would be another's.
    async with Redis(server.host, server.port) as r, r.dedicated() as c:
        first = asyncio.ensure_future(c.ping())
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="only command under way"):
            await c.auth("wrong", username="nobody")
        assert await first is True
        with pytest.raises(UsageError, match="only command under way"):
            c.pipeline().auth("wrong", username="nobody")
        with pytest.raises(ServerError, match="WRONGPASS"):
            await c.auth("wrong", username="nobody")
        assert await c.echo("still in step") == "still in step"
