"""What is left to a caller when things go wrong halfway: parts of batches, odd replies, the end of a server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import hiredis
import pytest

from redpoll import CommandTimeout, NotSent, OutcomeUnknown, ProtocolViolation, Redis, UsageError
from redpoll.errors import ReadOnly, ServerError, WrongType
from redpoll.protocol.encode import encode
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer
from tests.fault.expect import checked, failure, results, within
from tests.fault.fake_server import Close, FakeServer, Gate, Hang, On, Own
from tests.fault.proxy import FaultProxy, How

QUICK = Reconnect(initial=0.01, max=0.05)
MIB = 1 << 20
WRONG_TYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
READONLY = b"-READONLY You can't write against a read only replica.\r\n"


@pytest.fixture(params=["shared", "dedicated"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def on(r: Redis[Any], kind: str) -> Any:
    """The client itself, or a connection of its own."""
    if kind == "shared":
        yield r
    else:
        async with r.dedicated() as c:
            yield c


# Batches that are cut.


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_what_was_answered_of_a_lost_batch_has_its_results(
    proxy: FaultProxy, valkey: EmbeddedServer, kind: str, how: How
) -> None:
    valkey.call("SET", "text", "a")
    async with Redis(proxy.host, proxy.port) as r, on(r, kind) as c:
        await c.ping()
        answered = b":1\r\n+OK\r\n$1\r\nb\r\n" + WRONG_TYPE
        before = proxy.to_client.arrived_bytes()
        proxy.to_client.hold()
        proxy.to_client.cut_after(len(answered) + 2, how=how)
        p = c.pipeline(raise_on_error=False)
        queued = (p.incr("n"), p.set("k", "b"), p.get("k"), p.lpush("text", "x"), p.incr("n"), p.incr("n"))
        running = asyncio.create_task(p.execute())
        await proxy.to_client.wait_bytes(before + len(answered) + len(b":2\r\n:3\r\n"))  # all have run
        proxy.to_client.release()
        got = await within(running)
        assert got[:3] == [1, True, "b"]
        checked(got[3], WrongType, "not_run")
        assert [checked(each, OutcomeUnknown, "unknown").command for each in got[4:]] == ["INCR", "INCR"]
        assert queued[0].result() == 1
        assert valkey.call("GET", "n") == "3"


async def test_later_pieces_of_a_lost_batch(kind: str) -> None:
    """The first piece is answered in part, the second is on its way, the third is not: ran, unknown, not run."""
    script = [On("INCR", Own())] * 1500 + [On("INCR", Gate("go"), Close())]
    with FakeServer([script]) as server:
        async with Redis(server.host, server.port, max_inflight=2000, command_timeout=60) as r, on(r, kind) as c:
            p = c.pipeline(raise_on_error=False)
            for _ in range(4000):
                p.incr("n")
            running = asyncio.create_task(p.execute())
            await server.wait_received("INCR", 2000)
            server.open_gate("go")
            got = await within(running, 60)
            assert got[:1500] == [*range(1, 1501)]
            sent = server.count("INCR")
            for number, error in enumerate(got[1500:], 1500):
                checked(error, OutcomeUnknown if number < sent else NotSent, "unknown" if number < sent else "not_run")
            assert sent < 4000


async def test_a_lost_batch_of_reads_asks_only_for_the_rest() -> None:
    script = [
        On("GET", b"$1\r\na\r\n"),
        On("GET", b"-WRONGTYPE no\r\n"),
        On("GET", b"$1\r\nc\r\n$1\r"),
        On("GET", Close()),
    ]
    later = [On("GET", b"$1\r\nC\r\n"), On("GET", b"$1\r\nD\r\n")]
    with FakeServer([script, later]) as server:
        async with Redis(server.host, server.port, reconnect=QUICK) as r:
            p = r.pipeline(raise_on_error=False)
            for key in "abcd":
                p.get(key)
            got = await within(p.execute())
            assert [got[0], *got[2:]] == ["a", "c", "C"]
            checked(got[1], WrongType, "not_run")
            assert server.commands(1) == [(b"GET", b"d")]


async def test_a_batch_that_is_late_has_what_was_answered(kind: str) -> None:
    with FakeServer(answers={"GET": [Hang()]}) as server:
        async with Redis(server.host, server.port) as r, on(r, kind) as c:
            p = c.using(timeout=0.2).pipeline(raise_on_error=False)
            p.incr("n")
            p.get("k")
            first, second = await within(p.execute())
            assert first == 1
            checked(second, CommandTimeout, "unknown")


# Replies of a shape that nobody expects.

ODD: list[tuple[str, bytes, Callable[[Any], Any], str]] = [
    ("HGETALL", b"$6\r\nsecret\r\n", lambda c: c.hgetall("k"), "expected dict[str | bytes, str | bytes], came str"),
    ("HGETALL", b"*1\r\n$6\r\nsecret\r\n", lambda c: c.hgetall("k"), "came list[str \u00d7 1]"),
    (
        *("ZRANGE", b"*2\r\n$1\r\na\r\n$6\r\nsecret\r\n", lambda c: c.zrange("k", 0, -1, withscores=True)),
        "expected list[tuple[str | bytes, float]], came list[str \u00d7 2]",
    ),
    ("INFO", b":7\r\n", lambda c: c.info(), "expected ServerInfo, came int"),
    ("XRANGE", b"%1\r\n$6\r\nsecret\r\n:1\r\n", lambda c: c.xrange("k"), "came dict[int \u00d7 1]"),
    ("HEXISTS", b"$6\r\nsecret\r\n", lambda c: c.hexists("k", "f"), "expected bool, came str"),
    ("SET", b"*0\r\n", lambda c: c.set("k", "v"), "expected bool, came list[]"),
    ("SMEMBERS", b"_\r\n", lambda c: c.smembers("k"), "expected set[str | bytes], came None"),
    ("SCAN", b"*2\r\n$6\r\nsecret\r\n*0\r\n", lambda c: c.scan(0), "came list[str \u00d7 1, list[] \u00d7 1]"),
]


@pytest.mark.parametrize(("name", "reply", "call", "said"), ODD)
async def test_a_reply_of_another_shape(
    kind: str, name: str, reply: bytes, call: Callable[[Any], Any], said: str
) -> None:
    with FakeServer(answers={name: [reply]}) as server:
        async with Redis(server.host, server.port) as r, on(r, kind) as c:
            error, after = await results([call(c), c.echo("after")])
            checked(error, ProtocolViolation, "ran")
            assert (error.command, error.address) == (name, f"{server.host}:{server.port}")
            assert said in error.message
            assert "secret" not in f"{error}{error!r}{error.__cause__!r}{error.__context__!r}"
            assert after == "after"
            p = c.pipeline(raise_on_error=False)
            p.incr("n")
            call(p)
            p.echo("behind")
            first, error, last = await within(p.execute())
            assert (first, last) == (1, "behind")
            assert said in checked(error, ProtocolViolation, "ran").message
            assert await within(c.echo("end")) == "end"
        assert server.connections() == 1


async def test_an_odd_answer_to_a_question_of_ours_leaves_the_connection() -> None:
    with FakeServer(answers={"XREVRANGE": [b":1\r\n"]}) as server:
        async with Redis(server.host, server.port) as r, r.dedicated() as c:
            error = await failure(c.xread({"s": "$"}, block=0), ProtocolViolation, "ran")
            assert error.command == "XREAD"
            assert await within(c.echo("after")) == "after"


# The end of a server.


@pytest.mark.parametrize("protocol", [2, 3])
async def test_shutdown(kind: str, protocol: Literal[2, 3]) -> None:
    with EmbeddedServer() as server:
        async with Redis(server.host, server.port, protocol=protocol, reconnect=False) as r:
            await r.ping()
            async with on(r, kind) as c:
                with pytest.raises(ServerError, match="No shutdown in progress") as caught:
                    await within(c.shutdown(abort=True))
                assert caught.value.outcome == "ran"
                assert await within(c.shutdown(nosave=True)) is True
            async with asyncio.timeout(10):
                while server.alive:  # noqa: ASYNC110  # a process tells nobody when it ends
                    await asyncio.sleep(0.01)


async def test_shutdown_in_words() -> None:
    with EmbeddedServer() as server:
        async with Redis(server.host, server.port, decode_responses=False) as r:
            assert await within(r.execute("shutdown", b"nosave", "NOW")) == b"OK"


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_only_a_server_that_hangs_up_has_shut_down(how: How) -> None:
    with FakeServer(answers={"SHUTDOWN": [Close(how)], "CLIENT KILL": [Close(how)]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.shutdown()) is True
            await failure(r.shutdown(abort=True), OutcomeUnknown, "unknown")
            await failure(r.client_kill(id=1), OutcomeUnknown, "unknown")
            server.answer("SHUTDOWN", Hang())
            await failure(r.using(timeout=0.1).shutdown(), CommandTimeout, "unknown")
            closing = asyncio.create_task(r.shutdown())
            await server.wait_received("SHUTDOWN", 4)
        await failure(closing, OutcomeUnknown, "unknown")


async def test_a_silent_server_has_not_shut_down() -> None:
    with FakeServer(answers={"SHUTDOWN": [Hang()]}) as server:
        async with Redis(server.host, server.port, read_timeout=0.2, health_check=None) as r:
            await failure(r.shutdown(), OutcomeUnknown, "unknown")


# What is refused before it is sent, and what is handed to the socket.


async def test_a_digest_that_would_be_answered_twice(kind: str) -> None:
    with FakeServer() as server:
        async with Redis(server.host, server.port) as r, on(r, kind) as c:
            for word in ("IFDEQ", b"ifdne"):
                with pytest.raises(UsageError, match="16"):
                    await c.execute("SET", "k", "v", "GET", word, "short")
                with pytest.raises(UsageError, match="16"):
                    c.pipeline().raw(b"set", "k", "v", word, b"0" * 17, "GET")
            assert await c.echo("x") == "x"
        assert server.count("SET") == 0


async def test_why_a_digest_is_checked(redis86: EmbeddedServer) -> None:
    """A shorter one beside GET has two replies; one of 16 digits has one, and so has either beside other options."""

    async def replies(*words: Any) -> int:
        reader, writer = await asyncio.open_connection(redis86.host, redis86.port)
        writer.write(encode("", ("SET", "k", "v")) + encode("", words) + encode("", ("ECHO", "end")))
        said = await within(reader.readuntil(b"$3\r\nend\r\n"))
        writer.close()
        await writer.wait_closed()
        parser = hiredis.Reader()
        parser.feed(said)
        return len(list(iter(parser.gets, False))) - 2

    for word in ("IFDEQ", "IFDNE"):
        assert await replies("SET", "k", "w", "GET", word, "short") == 2
        assert await replies("SET", "k", "w", "GET", word, "0123456789abcdef") == 1
        assert await replies("SET", "k", "w", "GET", word, "not hexadecimal!") == 1
        assert await replies("SET", "k", "w", word, "short") == 1
        assert await replies("DELEX", "k", word, "short") == 1


async def test_a_dedicated_connection_is_handed_no_more_than_the_window() -> None:
    with FakeServer(answers={"GET": [Gate("go"), Own()]}) as server:
        async with (
            Redis(server.host, server.port, max_inflight=500, command_timeout=60, read_timeout=60) as r,
            r.dedicated() as c,
        ):
            calls = asyncio.gather(*(c.get("k") for _ in range(100_000)))
            await server.wait_received("GET", 500)
            await asyncio.sleep(0.1)
            assert server.count("GET") == 500
            calls.cancel()
            await results([calls])
            server.open_gate("go")
            assert await within(c.echo("x")) == "x"
            assert server.count("GET") == 500, "those that waited were taken back"


async def test_a_dedicated_connection_that_takes_nothing_is_handed_little(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        async with Redis(proxy.host, proxy.port, command_timeout=60) as r, r.dedicated() as c:
            await c.ping()
            proxy.to_server.stop_reading()
            values = [b"x" * MIB for _ in range(64)]
            calls = asyncio.gather(*(c.rpush("l", value) for value in values))
            await asyncio.sleep(0.2)
            assert c._bound.connection._unwritten() < 3 * MIB
            proxy.to_server.read_again()
            assert await within(calls, 60) == [*range(1, 65)], "in their order"


# Memory.

_MEASURE = """
import resource, sys
from redpoll.errors import ProtocolViolation
from redpoll.protocol.calls import Call
from redpoll.protocol.session import Session

LIMIT, CHUNK = 16 << 20, bytes(256 << 10)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

class Waits(Call):
    def done(self): return False
    def take(self, reply): return True

def fed(head):
    session, call = Session(print, max_reply_bytes=LIMIT), Waits()
    call.text = False
    session.waiting.extend([call] * 4)
    count = 0
    try:
        session.feed(head)
        while count <= 4 * LIMIT:
            session.feed(CHUNK)
            count += len(CHUNK)
    except ProtocolViolation as error:
        assert "max_reply_bytes" in str(error), error
    return count

before = peak()
print(*(fed(head.encode().decode("unicode_escape").encode()) for head in sys.argv[1:]), peak() - before)
"""


def test_an_absurd_length_anywhere_takes_no_more_than_the_limit() -> None:
    absurd = f"${1 << 62}\\r\\n"
    heads = [
        absurd,
        f"*3\\r\\n:1\\r\\n{absurd}",
        f"*2\\r\\n*1\\r\\n+a\\r\\n*1\\r\\n{absurd}",
        f"%1\\r\\n+field\\r\\n{absurd}",
        f"+OK\\r\\n:1\\r\\n*1\\r\\n{absurd}",
        f"+OK\\r\\n{absurd}",
        f">2\\r\\n+invalidate\\r\\n{absurd}",
        "*2\\r\\n=99999999999\\r\\ntxt:",
    ]
    done = subprocess.run([sys.executable, "-c", _MEASURE, *heads], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *counts, growth = map(int, done.stdout.split())
    limit, chunk = 16 * MIB, 256 << 10
    assert counts[0] == 0, "a reply that begins with it is refused at once"
    assert all(count <= limit + chunk for count in counts), counts
    assert growth < limit + 8 * MIB, f"{growth / MIB:.1f} MiB more"


# Order across a change of the primary.


def numbers_of(server: EmbeddedServer, key: str) -> list[int]:
    return list(map(int, server.call("LRANGE", key, 0, -1)))


def check_order(told: list[Any], found: list[int]) -> None:
    """What was written stands in the order of the calls, once each; nothing stands there that did not run."""
    assert found == sorted(set(found)), "in order, none twice"
    refused = {number for number, result in enumerate(told) if getattr(result, "outcome", "") == "not_run"}
    assert not refused & set(found)


async def switched(proxy: FaultProxy, primary: EmbeddedServer, replica: EmbeddedServer) -> None:
    """Make the replica the primary, and let the name lead there."""
    await asyncio.to_thread(replica.call, "REPLICAOF", "NO", "ONE")
    await asyncio.to_thread(primary.call, "REPLICAOF", replica.host, replica.port)
    proxy.call(lambda: setattr(proxy, "target", (replica.host, replica.port)))


async def test_writers_of_one_key_keep_their_order_across_a_new_primary(
    pair: tuple[EmbeddedServer, EmbeddedServer],
) -> None:
    primary, replica = pair
    with FaultProxy(primary.host, primary.port) as proxy:
        async with Redis(proxy.host, proxy.port, reconnect=QUICK, command_timeout=30, max_inflight=50) as r:
            await r.ping()
            told: list[asyncio.Task[Any]] = []

            async def write() -> None:
                while not moved.done() or len(told) <= 3000:
                    for _ in range(20):
                        told.append(asyncio.create_task(r.rpush("l", str(len(told)))))
                    await asyncio.sleep(0.001)

            moved = asyncio.create_task(switched(proxy, primary, replica))
            await within(write(), 30)
            got = await results(told, 30)
            assert [result for result in got if not isinstance(result, int)] == []
            found = numbers_of(replica, "l")
            check_order(got, found)
            assert found[-1] == len(told) - 1
            assert proxy.connections() >= 2


async def test_batches_of_many_pieces_keep_their_order_across_a_new_primary(
    pair: tuple[EmbeddedServer, EmbeddedServer],
) -> None:
    primary, replica = pair
    with FaultProxy(primary.host, primary.port) as proxy:
        async with Redis(proxy.host, proxy.port, reconnect=QUICK, command_timeout=30) as r:
            await r.ping()
            p = r.pipeline(raise_on_error=False)
            for number in range(30_000):
                p.rpush("l", str(number))
            running = asyncio.create_task(p.execute())
            await proxy.to_server.wait_passed(b"RPUSH", 2000)
            await switched(proxy, primary, replica)
            others = [asyncio.create_task(r.set("k", str(number))) for number in range(200)]
            got = await within(running, 30)
            for number, error in enumerate(got):
                if not isinstance(error, int):
                    checked(error, ReadOnly, "not_run")
                    assert number < 29_999
            check_order(got, numbers_of(replica, "l"))
            assert await results(others) == [True] * 200
            assert replica.call("GET", "k") == "199"


async def test_readonly_in_the_middle_of_many_callers() -> None:
    """A server that turns read-only and leads elsewhere: what it refused goes out there first, in its order."""
    script = [On("RPUSH", Own())] * 10 + [On("RPUSH", READONLY)] * 1000
    with FakeServer([script]) as server:
        async with Redis(server.host, server.port, reconnect=QUICK, max_inflight=30) as r:
            calls = [asyncio.create_task(r.rpush("l", str(number))) for number in range(100)]
            await server.wait_received("RPUSH", 20)
            calls += [asyncio.create_task(r.rpush("l", str(number))) for number in range(100, 200)]
            assert await results(calls) == [*range(1, 201)]
            assert server.store.lists[b"l"] == [b"%d" % number for number in range(200)]
            assert server.connections() == 2


async def test_a_server_that_turns_from_replica_to_primary_in_the_middle() -> None:
    """What it refused before a later write that it ran is told, not sent again behind that one."""
    script = [On("SET", READONLY)] * 20 + [On("SET", Own())] * 1000
    with FakeServer([script]) as server:
        async with Redis(server.host, server.port, reconnect=QUICK) as r:
            await r.ping()
            got = await results([r.set("k", str(number)) for number in range(100)])
            for error in got[:20]:
                checked(error, ReadOnly, "not_run")
            assert got[20:] == [True] * 80
            assert server.store.strings[b"k"] == b"99"
