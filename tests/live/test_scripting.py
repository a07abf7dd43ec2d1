"""Scripts and libraries of functions on real servers."""

from __future__ import annotations

from typing import Any

import pytest

from redpoll import Redis, UsageError
from redpoll.errors import NoPermission, NoScript, ServerError
from redpoll.testing import EmbeddedServer

ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
WHOLE = "return {1, 'a', {2, 'b'}, false}"
LIBRARY = """#!lua name=counters
redis.register_function('bump', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function{function_name='peek', callback=function(keys) return redis.call('GET', keys[1]) end,
    flags={'no-writes'}}
"""


async def calls(r: Redis[Any], command: str) -> int:
    """Return how often the server has run a command."""
    found = (await r.text.execute("INFO", "commandstats")).partition(f"cmdstat_{command}:calls=")[2]
    return int(found.partition(",")[0] or 0)


async def test_a_script(each_client: Redis[Any], decode_responses: bool) -> None:
    r = each_client
    add = r.script(ADD, returns=int)
    assert [await add(["n"], [5]), await add(keys=["n"], args=[2])] == [5, 7]
    assert await r.script_exists(add.sha) == [True]
    assert (await calls(r, "evalsha"), await calls(r, "eval")) == (2, 1)
    await r.script_flush()
    assert await add(["n"], [1]) == 8
    assert (await calls(r, "evalsha"), await calls(r, "eval")) == (3, 2)
    text: Any = str if decode_responses else str.encode
    assert await r.script(WHOLE)() == [1, text("a"), [2, text("b")], None]
    assert await r.evalsha_or_eval("return ARGV[1]", args=["x"]) == text("x")
    assert await r.register_script("return KEYS[1]")(["k"]) == text("k")
    assert await r.using(prefix="p:").script("return KEYS[1]", returns=str)(["k"]) == "p:k"


@pytest.mark.parametrize(
    ("returns", "lua", "value"),
    [
        (int, "return 7", 7),
        (int, "return '7'", 7),
        (float, "return '1.5'", 1.5),
        (float, "redis.setresp(3) return {double=1.5}", 1.5),
        (str, "return 't\u00e9'", "t\u00e9"),
        (bytes, r"return '\255\0'", b"\xff\0"),
        (bool, "return true", True),
        (bool, "return false", False),
        (bool, "redis.setresp(3) return true", True),
        (bool, "redis.setresp(3) return false", False),
        (bool, "return redis.call('SET', 'k', 'v')", True),
        (bool, "return redis.call('EXISTS', 'k')", False),
        (list, "return {1, 2}", [1, 2]),
        (dict, "redis.setresp(3) return {map={[1]=2}}", {1: 2}),
        (set, "redis.setresp(3) return {set={[1]=true}}", {1}),
        (len, "return {1, 2}", 2),
    ],
)
async def test_returns(each_client: Redis[Any], returns: Any, lua: str, value: Any) -> None:
    found = await each_client.script(lua, returns=returns)()
    assert found == value
    assert type(found) is type(value)
    async with each_client.pipeline() as p:
        queued = each_client.script(lua, returns=returns)(client=p)
    assert queued.result() == value


async def test_a_readonly_script(each_client: Redis[Any]) -> None:
    await each_client.set("k", "v")
    get = each_client.script("return redis.call('GET', KEYS[1])", readonly=True, returns=str)
    assert [await get(["k"]), await get(["k"])] == ["v", "v"]
    assert (await calls(each_client, "evalsha_ro"), await calls(each_client, "eval_ro")) == (2, 1)
    with pytest.raises(ServerError, match="read-only"):
        await each_client.script(ADD, readonly=True)(["n"], [1])


async def test_one_that_does_not_compile(each_client: Redis[Any]) -> None:
    script = each_client.script("retur 1\nreturn 2")
    p = each_client.pipeline()
    before, queued = p.incr("n"), script(client=p)
    await p.execute(raise_on_error=False)
    failures = [queued.exception()]
    for call in (script, script.load):
        with pytest.raises(ServerError) as error:
            await call()
        failures.append(error.value)
    for failure in failures:
        assert isinstance(failure, ServerError)
        assert "near '1'" in failure.message
        assert f"(script {script.sha}: retur 1)" in failure.message
        assert failure.outcome == "not_run"
    assert before.result() == 1


async def test_one_that_fails_or_makes_an_error_up(each_client: Redis[Any]) -> None:
    with pytest.raises(ServerError, match="no luck"):
        await each_client.script("redis.call('INCR', 'n') error('no luck')")()
    with pytest.raises(NoScript) as error:
        await each_client.script("redis.call('INCR', 'n') return redis.error_reply('NOSCRIPT of my own')")()
    assert error.value.outcome == "unknown"
    assert int(await each_client.get("n")) == 2


async def test_in_a_batch_it_is_loaded_first_and_once(each_client: Redis[Any]) -> None:
    r = each_client
    await r.ping()
    add, get = r.script(ADD, returns=int), r.script("return redis.call('GET', KEYS[1])", returns=str, readonly=True)
    for round_ in range(3):
        async with r.pipeline() as p:
            a = add(["n"], [1], client=p)
            b = p.incr("n")
            c, d = get(["n"], client=p), add(["n"], [1], client=p)
            assert len(p) == 4
        assert (a.result(), b.result(), c.result(), d.result()) == (
            round_ * 3 + 1,
            round_ * 3 + 2,
            str(round_ * 3 + 2),
            round_ * 3 + 3,
        )
    assert (await calls(r, "script|load"), await calls(r, "eval"), await calls(r, "evalsha")) == (2, 0, 6)
    p = r.pipeline()
    add(["n"], [1], client=p)
    assert await p.execute() == [10]


async def test_a_script_that_went_missing_ends_its_own_call_only(each_client: Redis[Any]) -> None:
    r = each_client
    await r.ping()
    add = r.script(ADD, returns=int)
    assert await r.batch(lambda p: (add(["n"], [1], client=p),)) == (1,)
    await r.script_flush()
    p = r.pipeline(raise_on_error=False)
    a, b, c = p.incr("m"), add(["n"], [1], client=p), p.incr("m")
    await p.execute()
    assert isinstance(b.exception(), NoScript)
    assert (a.result(), c.result()) == (1, 2)
    assert int(await r.get("m")) == 2, "the batch was not run again"
    assert await r.batch(lambda p: (add(["n"], [1], client=p),)) == (2,)
    assert await calls(r, "script|load") == 2


async def test_another_connection_is_told_anew(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r, Redis(server.host, server.port) as other:
        add = r.script(ADD, returns=int)
        for _ in range(2):
            await r.ping()
            await r.batch(lambda p: (add(["n"], [1], client=p), p.ping()))
            await other.client_kill(id=await r.client_id())
        assert await calls(other, "script|load") == 2
        async with r.dedicated() as c:
            for _ in range(2):
                await c.batch(lambda p: (add(["n"], [1], client=p), p.ping()))
        assert await calls(other, "script|load") == 3
        async with r.pipeline() as p:
            a = add(["n"], [1], client=p)
            p.wait(0, 10)
        assert a.result() == 5
        assert await calls(other, "script|load") == 4, "its connection is not known beforehand"


async def test_a_batch_whose_block_raises_forgets_its_scripts(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        add, p = r.script(ADD), r.pipeline()

        async def fail() -> None:
            async with p:
                add(["n"], [1], client=p)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with p:
            again = p.ping()
        assert again.result() is True
        assert await calls(r, "script|load") == 0


async def test_a_user_who_may_not_load(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port) as r:
        await r.acl_setuser("limited", "on", "nopass", "~*", "+@all", "-script|load")
        async with Redis(server.host, server.port, username="limited", password="x") as limited:
            add = limited.script(ADD, returns=int)
            p = limited.pipeline(raise_on_error=False)
            queued = add(["n"], [1], client=p)
            await p.execute()
            assert isinstance(queued.exception(), NoPermission)
            assert await add(["n"], [1]) == 1
            assert await limited.batch(lambda p: (add(["n"], [1], client=p),)) == (2,)


async def test_a_library(each_client: Redis[Any]) -> None:
    r = each_client
    lib = r.library("counters", LIBRARY)
    assert await lib.list() is None
    assert await lib.load() == "counters"
    with pytest.raises(ServerError, match="already exists"):
        await lib.load()
    assert await lib.load(replace=True) == "counters"
    bump, peek = lib.function("bump", returns=int), lib.function("peek", returns=str, readonly=True)
    assert [await bump(["n"], [5]), await bump(keys=["n"], args=["1"])] == [5, 6]
    assert await peek(["n"]) == "6"
    async with r.pipeline() as p:
        a, b = bump(["n"], [1], client=p), peek(["n"], client=p)
    assert (a.result(), b.result()) == (7, "7")
    assert await calls(r, "fcall_ro") == 2
    found = await lib.list(withcode=True)
    assert found is not None
    assert [function.name for function in found.functions] == ["bump", "peek"]
    assert found.code == LIBRARY
    dump = await lib.dump()
    assert isinstance(dump, bytes)
    assert await lib.delete()
    with pytest.raises(ServerError, match="not found"):
        await bump(["n"], [1])
    assert await lib.restore(dump)
    with pytest.raises(ServerError, match="already exists"):
        await lib.restore(dump, append=True)
    with pytest.raises(UsageError):
        await lib.restore(dump, flush=True, replace=True)
    assert await bump(["n"], [1]) == 8
    with pytest.raises(ServerError, match="write"):
        await lib.function("bump", readonly=True)(["n"], [1])
