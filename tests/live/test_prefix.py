"""Key prefixes, against real servers."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from codegen.calls import enumerate_calls
from codegen.verify import Awaited, Batched, _both, lowered
from redpoll import Redis, ServerError, UsageError
from redpoll.routing.prefix import Prefix
from redpoll.testing import EmbeddedServer


def client(server: EmbeddedServer, protocol: Literal[2, 3], decode: bool) -> Redis[Any]:
    if decode:
        return Redis(server.host, server.port, protocol=protocol, key_prefix="p*:")
    return Redis(server.host, server.port, protocol=protocol, decode_responses=False, key_prefix="p*:")


async def test_keys_come_and_go_with_it(
    server: EmbeddedServer, protocol: Literal[2, 3], decode_responses: bool
) -> None:
    def t(text: str) -> str | bytes:
        return text if decode_responses else text.encode()

    async with client(server, protocol, decode_responses) as r, Redis(server.host, server.port) as plain:
        await plain.set("pp:a", "another's")
        assert await r.mset({"a": 1, b"b": 2})
        assert await plain.mget("p*:a", "p*:b") == ["1", "2"]
        assert sorted(await r.keys("*")) == [t("a"), t("b")]
        assert (await r.keys("a"), await r.keys("pp*")) == ([t("a")], [])
        found = await r.scan(count=1000)
        assert sorted(found[1]) == [t("a"), t("b")]
        assert (await r.scan(match="b*", count=1000))[1] == [t("b")]
        await r.rpush("q", 1, 2, 3)
        assert await r.blpop("q", timeout=1) == (t("q"), t("1"))
        assert await r.lmpop(["none", "q"], "LEFT") == (t("q"), [t("2")])
        assert await r.blmpop(1, ["q"], "LEFT") == (t("q"), [t("3")])
        assert await r.brpop("q", timeout=0.01) is None
        await r.zadd("z", {"m": 1, "n": 2})
        assert await r.bzpopmin("z", timeout=1) == (t("z"), t("m"), 1.0)
        assert await r.zmpop(["z"], "MIN") == (t("z"), [(t("n"), 2.0)])
        entry = await r.xadd("s", {"f": "v"})
        assert await r.xread({"s": "0"}) == {t("s"): [(entry, {t("f"): t("v")})]}
        assert await r.xread({"s": "0"}, block=10) == {t("s"): [(entry, {t("f"): t("v")})]}
        await r.xgroup_create("s", "g", "0")
        assert await r.xreadgroup("g", "c", {"s": ">"}) == {t("s"): [(entry, {t("f"): t("v")})]}
        assert await r.eval("return {KEYS[1], ARGV[1]}", 1, "k", "k") == [t("p*:k"), t("k")]
        assert await r.execute("EXISTS", "a", "b") == 2
        assert await r.execute("KEYS", "a") == [t("a")]
        await r.delete("a", "b")
        assert sorted(await plain.keys("*")) == ["p*:s", "pp:a"]
        assert await plain.exists("p*:a", "p*:b") == 0


async def test_sorting_by_other_keys(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, key_prefix="app:") as r:
        await r.rpush("l", 1, 2)
        await r.mset({"w_1": 9, "w_2": 1, "o_1": "one", "o_2": "two"})
        assert await r.sort("l", by="w_*", get=["#", "o_*"]) == ["2", "two", "1", "one"]
        assert await r.sort("l", by="w_*", store="sorted") == 2
        assert await r.lrange("sorted", 0, -1) == ["2", "1"]


async def test_batches_and_dedicated_connections(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, key_prefix="p:") as r, Redis(server.host, server.port) as plain:
        async with r.pipeline() as p:
            p.set("k", "v")
            found, keys, raw = p.get("k"), p.keys("*"), p.raw("KEYS", "k*")
        assert (found.result(), keys.result(), raw.result()) == ("v", ["k"], ["k"])
        assert await r.batch(lambda p: (p.exists("k"), p.scan())) == (1, (0, ["k"]))
        async with r.dedicated() as c:
            assert await c.get("k") == "v"
            await c.watch("k")
            async with c.pipeline() as p:
                again = p.keys("*")
            assert again.result() == ["k"]
            await c.rpush("q", "x")
            assert await c.blpop("q", timeout=1) == ("q", "x")
            assert await c.binary.keys("*") == [b"k"]
            with pytest.raises(UsageError, match="prefix"):
                await c.execute("SOME.MODULE", "k")
        assert await plain.keys("*") == ["p:k"]
        for refused in (r.randomkey(), r.execute("SOME.MODULE", "k"), r.execute("ft.search", "i", "*")):
            with pytest.raises(UsageError, match="prefix"):
                await refused
        with pytest.raises(UsageError, match="prefix"):
            r.pipeline().raw("SOME.MODULE", "k")


async def test_views_with_another_one(server: EmbeddedServer) -> None:
    async with Redis(server.host, server.port, key_prefix="a:") as r:
        await r.set("k", "mine")
        b = r.using(prefix=b"b:")
        await b.set("k", "b's")
        assert (await r.get("k"), await b.get("k"), await b.using(timeout=1).get("k")) == ("mine", "b's", "b's")
        assert await r.using(prefix="").mget("a:k", "b:k") == ["mine", "b's"]
        assert await r.using(prefix=None).text.get("a:k") == "mine"
        assert await b.binary.get("k") == b"b's"
        for wrong in (1, "\ud800", ["a"]):
            with pytest.raises(UsageError, match="prefix"):
                r.using(prefix=wrong)  # type: ignore[arg-type]
    async with Redis.from_url(f"redis://{server.host}:{server.port}?key_prefix=b%3A") as r:
        assert await r.get("k") == "b's"


async def test_on_connect_has_it_too(server: EmbeddedServer) -> None:
    async def prepare(c: Any) -> None:
        await c.set("prepared", "yes")

    async with Redis(server.host, server.port, key_prefix="p:", on_connect=prepare) as r:
        assert await r.get("prepared") == "yes"


async def test_the_server_finds_the_same_keys(server: EmbeddedServer) -> None:
    """The server's own COMMAND GETKEYS finds the keys of a call with the prefix, if it finds those without."""
    prefix = Prefix("p:")
    asked = 0
    async with Redis(server.host, server.port) as r:
        for method in lowered()[1]:
            calls = enumerate_calls(method, _both(method, Awaited(), Batched())).made
            for _, (recorded, _) in calls[:8]:
                try:
                    after = prefix.put_on(recorded.spec, recorded.words)
                except UsageError:
                    continue
                before = await _keys(r, recorded.words)
                if before is None:
                    continue
                asked += 1
                assert await _keys(r, after) == ["p:" + key for key in before], recorded.words
    assert asked > 800


async def _keys(r: Redis, words: tuple[Any, ...]) -> list[str] | None:
    try:
        return list(await r.command_getkeys(str(words[0]), *words[1:]))
    except (ServerError, UsageError):  # no keys, not known to this server, or a sample that is no word
        return None
