"""What comes is cut up, cut off, damaged, unasked, oversized, or mixed with pushes.

Session and parser are tested on their own in tests/unit/protocol; here the whole client meets a server that sends such
things, and must tell its callers the truth, close, and go on with a new connection.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from redpoll import CommandTimeout, OutcomeUnknown, ProtocolViolation, Redis, RedisError, ServerError
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, checked, failure, resident, results, within
from tests.fault.fake_server import Close, FakeServer, Hang, On, Own, Pieces, bulk, push
from tests.fault.proxy import FaultProxy

REPLIES = [
    b"+status\r\n",
    b":-42\r\n",
    bulk(b"with \r\n inside"),
    bulk(b""),
    bulk("Grüße".encode()),
    b"$-1\r\n",
    b"*-1\r\n",
    b"_\r\n",
    b"#t\r\n",
    b"#f\r\n",
    b",3.25\r\n",
    b",inf\r\n",
    b"(3492890328409238509324850943850943825024385\r\n",
    b"=8\r\ntxt:text\r\n",
    b"*0\r\n",
    b"*3\r\n:1\r\n*2\r\n+a\r\n$1\r\nb\r\n_\r\n",
    b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n#f\r\n",
    b"~2\r\n+x\r\n+y\r\n",
    b"-ERR an error\r\n",
    b"-WRONGTYPE another\r\n",
]
NOISE = push(b"invalidate", b"\xff\r\n|") + b"|1\r\n+ttl\r\n$3\r\n\n|1\r\n" + b">1\r\n+x\r\n"


async def _sampled(replies: list[bytes], size: int) -> list[Any]:
    """Send as many commands as there are replies, which come in pieces of a size; return what the callers got."""
    script = [On("SAMPLE", Pieces(reply, size)) for reply in replies]
    with FakeServer([script]) as server:
        async with Redis(server.host, server.port) as r:
            got = await results([r.execute("SAMPLE", number) for number in range(len(replies))])
            assert await within(r.echo("in step")) == "in step"
            assert server.connections() == 1
    return [(type(each), str(each.message)) if isinstance(each, ServerError) else each for each in got]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
async def test_every_chunking(size: int) -> None:
    whole = await _sampled(REPLIES, 1 << 20)
    assert await _sampled(REPLIES, size) == whole
    assert whole[:4] == ["status", -42, "with \r\n inside", ""]
    assert whole[-2][0] is ServerError


@pytest.mark.parametrize("reply", [b"$5\r\nhel", b"$5\r\nhello", b"$5", b"*2\r\n$1\r\na\r\n", b"+O"])
async def test_fin_within_a_reply(reply: bytes) -> None:
    with FakeServer([[On("GETDEL", reply, Close("fin"))], [On("GET", reply, Close("fin"))]]) as server:
        async with Redis(server.host, server.port) as r:
            error = await failure(r.getdel("k"), OutcomeUnknown, "unknown", PROMPT)
            assert error.command == "GETDEL"
            assert await within(r.get("k")) is None, "a read is asked again"
            assert server.commands() == [(b"GETDEL", b"k"), (b"GET", b"k"), (b"GET", b"k")]
            assert server.connections() == 3


@pytest.mark.parametrize("good", [0, 1, 4])
async def test_a_bad_type_byte(proxy: FaultProxy, valkey: EmbeddedServer, good: int) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.corrupt(good * len(b":1\r\n"))
        proxy.to_client.hold()
        before = proxy.to_client.arrived_bytes()
        calls = asyncio.gather(*(r.incr("n") for _ in range(5)), return_exceptions=True)
        await proxy.to_client.wait_bytes(before + 5 * len(b":1\r\n"))  # all have run
        proxy.to_client.release()
        got = await within(calls)
        assert got[:good] == [*range(1, good + 1)]
        broken = [checked(error, ProtocolViolation, "unknown") for error in got[good:]]
        assert len({id(error) for error in broken}) == 5 - good, "each caller has an instance of its own"
        await proxy.wait_closed()
        assert valkey.call("GET", "n") == "5", "they may have run, and here they have"
        assert await within(r.incr("n")) == 6
        assert proxy.connections() == 2


async def test_a_reply_that_nobody_asked_for() -> None:
    lost: list[RedisError] = []
    with FakeServer() as server:
        async with Redis(server.host, server.port, on_disconnect=lost.append) as r:
            assert await r.incr("n") == 1
            server.send(bulk(b"stolen"))
            await server.wait_ended(0)
            checked(lost[0], ProtocolViolation, "unknown")
            assert await results([r.echo("a"), r.incr("n"), r.get("n")]) == ["a", 2, "2"]
            assert server.connections() == 2


async def test_one_reply_too_many() -> None:
    with FakeServer([[On("INCR", Own(), b":99\r\n")]]) as server:
        async with Redis(server.host, server.port) as r:
            assert await r.incr("n") == 1
            await server.wait_ended(0)
            assert await r.get("n") == "1"


@pytest.mark.parametrize("opening", [b"*1\r\n", b"%1\r\n+k\r\n", b"~1\r\n", b">2\r\n+k\r\n"])
async def test_too_deep(opening: bytes) -> None:
    with FakeServer([[On("GET", opening * 100_000, Hang())]]) as server:
        async with Redis(server.host, server.port) as r:
            await failure(r.get("k"), ProtocolViolation, "unknown")
            assert await within(r.echo("x")) == "x"


@pytest.mark.parametrize("reply", [b"*4611686018427387904\r\n", b"$99999999999999999999\r\n", b"$-7\r\n", b"*-7\r\n"])
async def test_an_impossible_size(reply: bytes) -> None:
    with FakeServer([[On("GET", reply, Hang())]]) as server:
        async with Redis(server.host, server.port) as r:
            await r.ping()
            before = resident()
            await failure(r.get("k"), ProtocolViolation, "unknown")
            assert resident() - before < 4 << 20
            assert await within(r.echo("x")) == "x"


@pytest.mark.parametrize("reply", [b"$536870000\r\n", b"%1000000000\r\n"])
async def test_a_size_that_is_only_announced(reply: bytes) -> None:
    """Nothing is reserved for it that the machine would feel; the reply never comes, so its caller's time runs out."""
    with FakeServer([[On("GET", reply, Hang())]]) as server:
        async with Redis(server.host, server.port) as r:
            await r.ping()
            before = resident()
            error = (await results([r.using(timeout=0.2).get("k")]))[0]
            assert isinstance(error, CommandTimeout | ProtocolViolation)
            assert error.outcome == "unknown"
            assert resident() - before < 4 << 20


@pytest.mark.parametrize(
    "reply",
    [
        b"$4611686018427387904\r\n",
        b"$1099511627776\r\n",
        b"*2147483648\r\n",
        b"*2147483647\r\n",
        b"*2\r\n:1\r\n*2147483647\r\n",
        b"~2147483647\r\n",
        b"%1073741824\r\n",
    ],
)
async def test_a_size_beyond_the_limit_is_refused_at_once(reply: bytes) -> None:
    with FakeServer([[On("GET", reply, Hang())]]) as server:
        async with Redis(server.host, server.port) as r:
            await r.ping()
            before = time.thread_time()
            await failure(r.using(timeout=2).get("k"), ProtocolViolation, "unknown")
            assert await within(r.echo("x")) == "x"
            assert time.thread_time() - before < 0.5, "CPU seconds that the event loop was held"


async def test_numbers_of_5000_digits() -> None:
    digits = b"7" * 5000
    with FakeServer([[On("GET", b"(" + digits + b"\r\n")]], answers={"INCR": [b":" + digits + b"\r\n"]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.execute("GET", "k")) in {digits.decode(), digits}
            await failure(r.incr("n"), ProtocolViolation, "unknown")
            assert await within(r.echo("x")) == "x"


@pytest.mark.parametrize(
    "reply",
    [
        b"%1\r\n*1\r\n:1\r\n:2\r\n",  # a map whose key is an array
        b"%1\r\n%0\r\n:2\r\n",
        b"$?\r\n;4\r\nstre\r\n;0\r\n",  # streamed types, which no server sends
        b"*?\r\n:1\r\n.\r\n",
        b"!10\r\nERR oh no!\r\n\r\n",
    ],
)
async def test_what_cannot_be_a_python_value(reply: bytes) -> None:
    with FakeServer([[On("GET", reply)]]) as server:
        async with Redis(server.host, server.port) as r:
            got = await results([r.execute("GET", "k"), r.incr("n"), r.echo("x")])
            assert [checked(error, ProtocolViolation, "unknown").command for error in got] == ["GET", "INCR", "ECHO"]
            assert await within(r.echo("x")) == "x"


@pytest.mark.parametrize("size", [1, 3, 17, 1 << 20])
async def test_pushes_and_attributes_between_replies(size: int) -> None:
    plain = await _sampled(REPLIES, 1 << 20)
    assert await _sampled([NOISE + reply + NOISE for reply in REPLIES], size) == plain


async def test_pushes_while_nobody_waits() -> None:
    with FakeServer() as server:
        async with Redis(server.host, server.port) as r:
            await r.ping()
            for _ in range(100):
                server.send(push(b"invalidate", b"k"))
            assert await results([r.echo(str(number)) for number in range(100)]) == [*map(str, range(100))]
            assert server.connections() == 1


@pytest.mark.parametrize("prefix", [b"+", b"-ERR ", b":", b"$1"])
async def test_a_first_line_without_end(prefix: bytes) -> None:
    with FakeServer([[On("GET", prefix + b"1" * (80 << 10), Hang())]]) as server:
        async with Redis(server.host, server.port) as r:
            await failure(r.get("k"), ProtocolViolation, "unknown")
            assert await within(r.echo("x")) == "x"


async def test_an_inner_line_without_end() -> None:
    with FakeServer([[On("LRANGE", b"*2\r\n+" + b"x" * (1 << 20), Hang())]]) as server:
        async with Redis(server.host, server.port, max_reply_bytes=512 << 10) as r:
            error = await failure(r.lrange("k", 0, -1), ProtocolViolation, "unknown")
            assert "max_reply_bytes" in str(error)
            assert await within(r.echo("x")) == "x"


async def test_a_line_that_ends_late_is_one() -> None:
    with FakeServer([[On("GET", Pieces(b"+" + b"x" * 60_000 + b"\r\n", 1000))]]) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.get("k")) == "x" * 60_000
