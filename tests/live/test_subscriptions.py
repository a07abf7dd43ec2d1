"""Subscriptions, against real servers, over either protocol, of text and of bytes."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from redpoll import (
    ClientClosed,
    ConnectionFailed,
    ConnectionLost,
    DecodeFailed,
    Dedicated,
    Gap,
    KeyEvent,
    Message,
    Overloaded,
    Reconnect,
    Redis,
    UsageError,
    keyevent,
    keyspace,
)
from redpoll.errors import NoPermission
from redpoll.testing import EmbeddedServer

LIMIT = 5.0


@pytest.fixture
async def r(server: EmbeddedServer, protocol: Literal[2, 3]) -> AsyncIterator[Redis]:
    async with Redis(server.host, server.port, protocol=protocol) as client:
        yield client


@pytest.fixture
async def v(valkey: EmbeddedServer) -> AsyncIterator[Redis]:
    async with Redis(valkey.host, valkey.port) as client:
        yield client


async def subscribers(r: Redis[Any]) -> int:
    return len(await r.client_list(type="PUBSUB"))


async def until(what: Any, wanted: Any) -> None:
    """Wait until an async function gives what is wanted."""
    begin = time.monotonic()
    while (found := await what()) != wanted:
        assert time.monotonic() - begin < LIMIT, f"{found!r}, not {wanted!r}"
        await asyncio.sleep(0.01)


async def take(sub: Any, count: int) -> list[str]:
    async with asyncio.timeout(LIMIT):
        return [(await anext(sub)).data for _ in range(count)]


async def test_channels_patterns_and_shard_channels(each_client: Redis[Any], decode_responses: bool) -> None:
    def word(text: str) -> Any:
        return text if decode_responses else text.encode()

    r = each_client
    async with r.subscribe("a", patterns=["b.*"], shards=["c"]) as sub:
        assert await r.publish("a", "1") == 1
        assert await r.publish("b.x", "ä") == 1
        assert await r.spublish("c", "3") == 1
        async with asyncio.timeout(LIMIT):
            found = [await anext(sub) for _ in range(3)]
        assert sorted(found, key=lambda message: message.kind) == [
            Message(word("a"), word("1"), None, "message"),
            Message(word("b.x"), word("ä"), word("b.*"), "pmessage"),
            Message(word("c"), word("3"), None, "smessage"),
        ]
        assert await sub.get_message(0) is None
    await until(lambda: r.publish("a", "2"), 0)


async def test_what_is_subscribed_changes_while_it_runs(r: Redis) -> None:
    async with r.subscribe("a") as sub:
        await sub.add("b", "a", patterns=["p*"], shards=["s"])
        assert await r.pubsub_numsub("a", "b") == {"a": 1, "b": 1}
        assert await r.pubsub_numpat() == 1
        assert await r.pubsub_shardnumsub("s") == {"s": 1}
        await r.publish("b", "kept")
        await sub.remove("b", "never subscribed", patterns=["p*"], shards=["s"])
        assert await r.pubsub_numsub("a", "b") == {"a": 1, "b": 0}
        assert (await r.pubsub_numpat(), await r.pubsub_shardnumsub("s")) == (0, {"s": 0})
        assert await take(sub, 1) == ["kept"]
        await sub.remove("a")
        assert await r.publish("a", "x") == 0
        await sub.add("a")
        assert await r.publish("a", "y") == 1
        assert await take(sub, 1) == ["y"]


async def test_all_subscriptions_share_one_connection_and_the_server_knows_of_one(r: Redis) -> None:
    async with r.subscribe("a") as one, r.subscribe("a", "b") as two, r.binary.subscribe(patterns=["a*"]) as three:
        assert await subscribers(r) == 1
        assert await r.pubsub_numsub("a") == {"a": 1}
        assert await r.publish("a", "x") == 2, "once by its name, once by the pattern"
        assert await take(one, 1) == await take(two, 1) == ["x"]
        assert await take(three, 1) == [b"x"]
        await two.aclose()
        await until(lambda: r.pubsub_numsub("a", "b"), {"a": 1, "b": 0})
        await r.publish("a", "y")
        assert await take(one, 1) == ["y"]


async def test_it_does_not_stand_in_the_way_of_commands(r: Redis) -> None:
    async with r.subscribe("a", buffer=10_000) as sub:
        await asyncio.gather(*(r.publish("a", str(n)) for n in range(2000)), *(r.incr("n") for _ in range(2000)))
        assert await r.get("n") == "2000"
        assert await take(sub, 2000) == [str(n) for n in range(2000)]


async def test_a_quiet_subscription_outlives_all_time_limits(server: EmbeddedServer, protocol: Literal[2, 3]) -> None:
    options: Any = {"command_timeout": 0.1, "read_timeout": 0.2, "health_check": 0.05, "protocol": protocol}
    async with Redis(server.host, server.port, **options) as r, r.subscribe("a", gaps="raise") as sub:
        assert await sub.get_message(0.8) is None
        await r.publish("a", "x")
        assert await take(sub, 1) == ["x"]
        assert sub.gaps == 0


async def test_a_killed_connection_is_one_gap_before_later_messages(r: Redis) -> None:
    gaps: list[Gap] = []
    async with (
        r.subscribe("a", patterns=["b*"], gaps="yield", on_gap=gaps.append) as sub,
        r.subscribe("a", gaps="raise") as strict,
        r.subscribe("a") as calm,
    ):
        await r.publish("a", "before")
        (client,) = await r.client_list(type="PUBSUB")
        await r.client_kill(id=client.id)

        async def published() -> int:
            return await r.publish("a", "after")

        await until(published, 1)
        async with asyncio.timeout(LIMIT):
            first, gap, second = [await anext(sub) for _ in range(3)]
        assert (first.data, second.data) == ("before", "after")  # type: ignore[union-attr]  # no gaps
        assert isinstance(gap, Gap)
        assert (gap.cause, gap.missed) == ("connection", None)
        assert gaps == [gap]
        assert await take(strict, 1) == ["before"]
        with pytest.raises(ConnectionLost, match="lost"):
            await anext(strict)
        assert await take(strict, 1) == ["after"]
        assert await take(calm, 2) == ["before", "after"]
        assert calm.gaps == 1
        assert (await r.pubsub_numsub("a"), await r.pubsub_numpat()) == ({"a": 1}, 1)


async def test_a_hundred_reconnects_without_duplicates(valkey: EmbeddedServer, v: Redis) -> None:
    got: list[str] = []

    async def one_subscriber() -> bool:
        found = await v.client_list(type="PUBSUB")
        return len(found) == 1 and (found[0].sub, found[0].psub, found[0].ssub) == (2, 1, 1)

    async with (
        Redis(valkey.host, valkey.port, reconnect=Reconnect(max=0.05)) as r,
        r.subscribe("a", "b", patterns=["c*"], shards=["d"], gaps="yield") as sub,
    ):
        for number in range(100):
            await v.client_kill(type="PUBSUB")
            await until(one_subscriber, True)
            await v.publish("a", str(number))
            while not isinstance(message := await sub.get_message(LIMIT), Message):
                assert isinstance(message, Gap)
            got.append(message.data)
        assert await sub.get_message(0) is None
        assert got == [str(number) for number in range(100)]
        assert sub.gaps == 100


async def test_who_is_refused_is_told_and_others_live(server: EmbeddedServer, protocol: Literal[2, 3]) -> None:
    server.call("ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*", "resetchannels", "&open*")
    options: Any = {"username": "ann", "password": "secret", "protocol": protocol}
    async with Redis(server.host, server.port, **options) as r, r.subscribe("open") as sub:
        refused = r.subscribe("open2", "closed")
        with pytest.raises(NoPermission, match="SUBSCRIBE") as error:
            await refused.__aenter__()
        assert error.value.outcome == "not_run"
        assert refused.closed
        with pytest.raises(NoPermission, match="PSUBSCRIBE"):
            await sub.add("open3", patterns=["*"])
        found = await asyncio.gather(*(_enter(r, name) for name in ("open4", "closed", "open5")))
        assert found == [True, False, True]
        await r.publish("open", "x")
        assert await take(sub, 1) == ["x"]
        assert await r.pubsub_channels() == ["open"], "nothing of what failed stays"


async def _enter(r: Redis, name: str) -> bool:
    try:
        async with r.subscribe(name):
            return True
    except NoPermission:
        return False


async def test_who_loses_the_permission_ends_and_others_live(valkey: EmbeddedServer, v: Redis) -> None:
    await v.execute("ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*", "resetchannels", "&a", "&b")
    async with (
        Redis(valkey.host, valkey.port, username="ann", password="secret") as r,
        r.subscribe("a") as one,
        r.subscribe("a", "b") as two,
    ):
        await v.execute("ACL", "SETUSER", "ann", "resetchannels", "&a")  # which closes ann's subscribed connection
        with pytest.raises(NoPermission):
            await asyncio.wait_for(anext(two), LIMIT)
        assert two.closed
        await until(lambda: v.publish("a", "x"), 1)
        assert await take(one, 1) == ["x"]
        with pytest.raises(NoPermission):
            await two.add("a")


async def test_handlers_get_their_messages_and_may_fail(r: Redis, caplog: pytest.LogCaptureFixture) -> None:
    got: list[str] = []

    async def slowly(message: Message[str]) -> None:
        await asyncio.sleep(0.01)
        got.append(message.data)

    def fail(message: Message[str]) -> None:
        raise ValueError(message.channel)

    sub = r.subscribe("a", "b", "bad", patterns=["p*"])
    sub.on("a", slowly)
    async with sub:
        sub.on("p*", lambda message: got.append(message.channel), kind="pmessage")
        sub.on("bad", fail)
        await sub.add("c")
        await sub.remove("c")
        with pytest.raises(UsageError, match="add it first"):
            sub.on("c", fail)
        for channel in ("a", "bad", "p1", "b", "a"):
            await r.publish(channel, channel)
        assert await take(sub, 1) == ["b"]

        async def handled() -> list[str]:
            return got

        await until(handled, ["a", "p1", "a"])
        assert await sub.get_message(0) is None
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(records) == 1
    assert "bad" in records[0].message


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest", "close"])
async def test_a_slow_reader_has_a_bound(v: Redis, overflow: Literal["drop_oldest", "drop_newest", "close"]) -> None:
    async with v.subscribe("a", buffer=10, overflow=overflow, gaps="yield") as sub, v.subscribe("a") as other:
        await asyncio.gather(*(v.publish("a", str(n)) for n in range(100)))
        assert await take(other, 100) == [str(n) for n in range(100)]
        found: list[Any] = []
        try:
            while (item := await sub.get_message(0.05)) is not None:
                found.append(item.missed if isinstance(item, Gap) else int(item.data))
        except Overloaded:
            found.append("overloaded")
    expected = {
        "drop_oldest": [90, *range(90, 100)],
        "drop_newest": [*range(10), 90],
        "close": [*range(10), "overloaded"],
    }
    assert found == expected[overflow]
    assert sub.dropped == (0 if overflow == "close" else 90)


async def test_a_reader_that_has_all_wait_misses_nothing(r: Redis) -> None:
    count = 50_000
    async with r.subscribe("a", buffer=100, overflow="wait", gaps="raise") as sub:
        for _ in range(count // 1000):
            await r.batch(lambda p: [p.publish("a", "x" * 200) for _ in range(1000)])
        assert len(await take(sub, count)) == count
        assert await sub.get_message(0.01) is None


async def test_a_reader_too_slow_for_the_server_has_a_gap_and_goes_on(valkey: EmbeddedServer, v: Redis) -> None:
    await v.config_set("client-output-buffer-limit", "pubsub 1mb 512kb 1")
    try:
        async with (
            Redis(valkey.host, valkey.port) as r,
            r.subscribe("a", buffer=10, overflow="wait", gaps="yield") as sub,
        ):
            sent = 0
            while await subscribers(v) and sent < 300:  # the server closes it
                await v.batch(lambda p: [p.publish("a", "x" * 10_000) for _ in range(50)])
                sent += 1
            assert sent < 300
            seen = 0
            async with asyncio.timeout(LIMIT):
                while not isinstance(item := await anext(sub), Gap):
                    seen += 1
            assert 10 <= seen < sent * 50
            assert item.cause == "connection"
            await until(lambda: v.publish("a", "again"), 1)
            assert await take(sub, 1) == ["again"]
    finally:
        await v.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")


async def test_text_that_is_none_is_told_in_its_place(r: Redis) -> None:
    async with r.subscribe("a") as sub, r.binary.subscribe("a") as raw:
        for data in (b"1", b"\xff", b"2"):
            await r.publish("a", data)
        assert await take(sub, 1) == ["1"]
        with pytest.raises(DecodeFailed, match="binary"):
            await asyncio.wait_for(anext(sub), LIMIT)
        assert await take(sub, 1) == ["2"]
        assert await take(raw, 3) == [b"1", b"\xff", b"2"]


async def test_closing_the_client_ends_the_iteration(server: EmbeddedServer, protocol: Literal[2, 3]) -> None:
    r = Redis(server.host, server.port, protocol=protocol)
    async with r.subscribe("a") as sub:

        async def read() -> list[str]:
            return [message.data async for message in sub]

        reader = asyncio.create_task(read())
        await r.publish("a", "x")
        await asyncio.sleep(0.05)
        await r.aclose()
        assert await asyncio.wait_for(reader, LIMIT) == ["x"]
        with pytest.raises(ClientClosed):
            await sub.get_message(1)
        with pytest.raises(ClientClosed):
            await sub.add("b")
    with pytest.raises(ClientClosed):
        await r.subscribe("a").__aenter__()


async def test_closing_a_subscription_ends_its_iteration(v: Redis) -> None:
    sub = v.subscribe("a")
    with pytest.raises(UsageError, match="async with"):
        await anext(sub)
    async with sub:
        reader = asyncio.create_task(anext(sub, None))
        await asyncio.sleep(0)
        await sub.aclose()
        assert await asyncio.wait_for(reader, LIMIT) is None
    with pytest.raises(UsageError, match="once"):
        await sub.__aenter__()
    with pytest.raises(ClientClosed):
        sub.on("a", print)
    with pytest.raises(TypeError):
        pickle.dumps(sub)


async def test_being_cancelled_leaves_nothing_behind(v: Redis) -> None:
    async with v.subscribe("other") as other:
        for turns in range(6):
            entering = asyncio.create_task(v.subscribe("a").__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0)
            entering.cancel()
            if not isinstance((await asyncio.gather(entering, return_exceptions=True))[0], asyncio.CancelledError):
                await entering.result().aclose()
        await until(v.pubsub_channels, ["other"])
        reading = asyncio.create_task(anext(other))
        await asyncio.sleep(0)
        reading.cancel()
        await v.publish("other", "x")
        assert await take(other, 1) == ["x"]


async def test_a_server_that_is_not_there(unused_tcp_port: int) -> None:
    async with Redis("127.0.0.1", unused_tcp_port, command_timeout=0.2) as r:
        with pytest.raises(ConnectionFailed, match=r"within 0\.2 s"):
            await r.subscribe("a").__aenter__()
    async with Redis("127.0.0.1", unused_tcp_port, offline="fail") as r:
        with pytest.raises(ConnectionFailed):
            await asyncio.wait_for(r.subscribe("a").__aenter__(), LIMIT)
    async with Redis("127.0.0.1", unused_tcp_port, reconnect=False) as r:
        with pytest.raises(ConnectionFailed):
            await asyncio.wait_for(r.subscribe("a").__aenter__(), LIMIT)


async def test_without_reconnect_a_loss_ends_it(valkey: EmbeddedServer, v: Redis) -> None:
    async with Redis(valkey.host, valkey.port, reconnect=False) as r, r.subscribe("a") as sub:
        await v.client_kill(type="PUBSUB")
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(anext(sub), LIMIT)
        assert sub.closed


async def test_events_of_keys(each_client: Redis[Any], decode_responses: bool) -> None:
    r = each_client
    await r.config_set("notify-keyspace-events", "KEA")
    async with r.subscribe(patterns=[keyspace("user:*"), keyevent("expired", db="*")]) as sub:
        await r.set("other", "1")
        await r.set("user:1", "1", px=20)
        found = []
        async with asyncio.timeout(LIMIT):
            async for message in sub:
                event = KeyEvent.of(message)
                assert event is not None
                found.append((message.pattern, event))
                if len(found) == 4:
                    break
    key: Any = "user:1" if decode_responses else b"user:1"
    assert {(event.key, event.db) for _, event in found} == {(key, 0)}
    assert sorted(event.event for _, event in found) == ["expire", "expired", "expired", "set"]
    assert KeyEvent.of(Message("news", "x")) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"buffer": 0}, "buffer"),
        ({"overflow": "maybe"}, "overflow"),
        ({"gaps": "maybe"}, "gaps"),
        ({"patterns": "a*"}, "patterns"),
        ({"shards": [None]}, "None"),
    ],
)
async def test_options_out_of_their_limits(v: Redis, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        v.subscribe("a", **options)


async def test_one_that_is_forgotten_warns(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        held: list[Any] = [await r.subscribe("a").__aenter__()]
        with pytest.warns(ResourceWarning, match="unclosed subscription"):
            held.clear()


async def test_an_unused_connection_is_not_kept_for_ever(v: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redpoll.routing.subscriptions._IDLE", 0.05)
    async with v.subscribe("a"):
        pass
    async with v.subscribe("b") as sub:
        (first,) = await v.client_list(type="PUBSUB")
        assert await sub.get_message(0.15) is None
        assert [client.id for client in await v.client_list(type="PUBSUB")] == [first.id]
    await until(lambda: _count(v), 1)


async def _count(r: Redis) -> int:
    return len(await r.client_list())


async def test_its_connection_is_prepared_as_all_are(server: EmbeddedServer, protocol: Literal[2, 3]) -> None:
    async def prepare(c: Dedicated) -> None:
        await c.client_setname("prepared")

    async with (
        Redis(server.host, server.port, protocol=protocol, db=3, on_connect=prepare) as r,
        r.subscribe("a") as sub,
    ):
        (found,) = await r.client_list(type="PUBSUB")
        assert (found.name, found.db) == ("prepared", 3)
        await r.publish("a", "x")
        assert await take(sub, 1) == ["x"]


async def test_closing_while_it_is_dialled_again(valkey: EmbeddedServer, v: Redis) -> None:
    lost = asyncio.Event()
    patient = Reconnect(initial=60, max=60)
    async with (
        Redis(valkey.host, valkey.port, reconnect=patient, on_disconnect=lambda _: lost.set()) as r,
        r.subscribe("a") as sub,
    ):
        await v.client_kill(type="PUBSUB")
        reading = asyncio.create_task(anext(sub, None))
        await asyncio.wait_for(lost.wait(), LIMIT)
        await r.aclose()
        assert await asyncio.wait_for(reading, LIMIT) is None


def test_a_later_event_loop(valkey: EmbeddedServer) -> None:
    r = Redis(valkey.host, valkey.port)

    async def first() -> Any:
        return await r.subscribe("a", "b").__aenter__()

    async def second() -> None:
        with pytest.raises(ClientClosed, match="event loop"):
            await anext(left)
        async with r.subscribe("a") as sub:
            assert await r.publish("a", "x") == 1
            assert await take(sub, 1) == ["x"]
        await left.aclose()
        await r.aclose()

    left = asyncio.run(first())
    asyncio.run(second())
