"""Peers that misbehave: what each caller is told, and that the next one is served."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import hiredis
import pytest

from redpoll import (
    AuthenticationFailed,
    CommandTimeout,
    ConnectionFailed,
    NotSent,
    OutcomeUnknown,
    ProtocolViolation,
    Redis,
)
from redpoll.testing import EmbeddedServer
from tests.fault.expect import AT_ONCE_OR_NOT

HELLO = b"%1\r\n$5\r\nproto\r\n:3\r\n"
Answer = Callable[["Peer", list[bytes]], bytes | None]


class Peer:
    """A server that answers as a test says. ``answer`` gives a reply, or None to close the connection."""

    def __init__(self) -> None:
        self.answer: Answer = Peer.usual
        self.seen: list[bytes] = []  # the commands behind the handshakes, by name
        self.connections = 0
        self.reads = True
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def usual(self, words: list[bytes]) -> bytes | None:
        match words:
            case [b"ECHO", word]:
                return b"$%d\r\n%s\r\n" % (len(word), word)
            case [b"HELLO", *_]:
                return HELLO
            case _:
                return b"+OK\r\n"

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def say(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        parser = hiredis.Reader()
        try:
            while self.reads and (data := await reader.read(1 << 16)):
                parser.feed(data)
                while (words := parser.gets()) is not False:
                    if words[0] not in (b"HELLO", b"CLIENT", b"AUTH"):
                        self.seen.append(words[0])
                    reply = self.answer(self, words)
                    if reply is None:
                        return
                    writer.write(reply)
            if not self.reads:
                await asyncio.Event().wait()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    made.cut()
    await asyncio.sleep(0)


def closing_at(command: bytes, times: int) -> Answer:
    """Answer as usual, but close the connection at this command so many times."""
    left = itertools.count(times, -1)

    def answer(peer: Peer, words: list[bytes]) -> bytes | None:
        return None if words[0] == command and next(left) > 0 else peer.usual(words)

    return answer


async def errors_of(*calls: Any) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_a_write_that_was_sent_is_not_sent_again(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        peer.answer = closing_at(b"INCR", 1)
        write, read = await errors_of(r.incr("n"), r.get("k"))
        assert isinstance(write, OutcomeUnknown)
        assert (write.command, write.outcome, write.address) == ("INCR", "unknown", f"127.0.0.1:{peer.port}")
        assert isinstance(write, ConnectionError)
        assert read == "OK", "a read is"
        assert peer.seen == [b"INCR", b"GET"]
        assert peer.connections == 2


async def test_a_write_of_which_the_caller_says_so_is(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        peer.answer = closing_at(b"SET", 2)
        assert await r.using(retry=True).set("k", "v") is True
        assert peer.seen == [b"SET"] * 3


async def test_not_for_ever(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port, command_timeout=0.5) as r:
        peer.answer = closing_at(b"GET", 1000)
        with pytest.raises(OutcomeUnknown) as caught:
            await r.get("k")
        assert caught.value.attempt is not None
        assert 3 <= caught.value.attempt <= 20
        assert peer.seen == [b"GET"] * caught.value.attempt


async def test_order_is_kept_over_a_loss(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        await r.ping()
        peer.answer = closing_at(b"ECHO", 1)
        calls = [asyncio.create_task(r.echo(str(number))) for number in range(5)]
        assert await asyncio.gather(*calls) == [*map(str, range(5))]
        assert peer.seen[1:] == [b"ECHO"] * 6


async def test_what_was_not_sent_runs_on_the_next_connection(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        await r.ping()
        peer.reads = False
        await r.ping()
        large = asyncio.create_task(r.set("large", "x" * 30_000_000))
        await asyncio.sleep(0.05)
        behind = asyncio.create_task(r.incr("n"))
        await asyncio.sleep(0.05)
        assert not behind.done()
        peer.reads = True
        peer.cut()
        with pytest.raises(OutcomeUnknown):
            await large
        assert await behind == "OK"


async def test_what_was_not_sent_and_finds_no_server(peer: Peer) -> None:
    r = Redis("127.0.0.1", peer.port, reconnect=AT_ONCE_OR_NOT)
    refuse = False

    def answer(peer: Peer, words: list[bytes]) -> bytes | None:
        return None if refuse else peer.usual(words)

    peer.answer = answer
    await r.ping()
    refuse = True
    read, write, later = await errors_of(r.get("k"), r.incr("n"), r.incr("n"))
    assert isinstance(write, OutcomeUnknown)
    assert isinstance(later, OutcomeUnknown), "it went out in the same write"
    assert isinstance(read, OutcomeUnknown), "it was sent once, so it may have run"
    with pytest.raises(ConnectionFailed) as caught:
        await r.incr("n")
    assert caught.value.outcome == "not_run"
    refuse = False
    assert await r.get("k") == "OK"
    await r.aclose()


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$-7\r\n", b"\0\0", b"%1\r\n*0\r\n:1\r\n", b"*1\r\n" * 2000]
)
async def test_a_peer_that_does_not_speak_resp(peer: Peer, garbage: bytes) -> None:
    peer.answer = lambda peer, words: garbage
    async with Redis("127.0.0.1", peer.port) as r:
        errors = await errors_of(r.get("k"), r.incr("n"), r.ping())
        assert len({id(error) for error in errors}) == 3
        for error, name in zip(errors, ("GET", "INCR", "PING"), strict=True):
            assert isinstance(error, ProtocolViolation)
            assert (error.command, error.address) == (name, f"127.0.0.1:{peer.port}")


async def test_garbage_behind_a_good_start(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        await r.ping()
        peer.answer = lambda peer, words: b"+first\r\n?" if words[0] == b"GET" else peer.usual(words)
        results = await errors_of(*(r.get(str(number)) for number in range(3)))
        assert results[0] == "first"
        assert all(isinstance(error, ProtocolViolation) and error.outcome == "unknown" for error in results[1:])
        peer.answer = Peer.usual
        assert await r.get("k") == "OK", "the next call gets a new connection"


async def test_a_reply_that_nobody_asked_for(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        await r.ping()
        peer.say(b"+what?\r\n")
        await asyncio.sleep(0.02)
        assert await r.echo("mine") == "mine"
        assert peer.connections == 2


async def test_a_late_reply_is_nobodys(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        await r.ping()
        peer.answer = lambda peer, words: b""
        with pytest.raises(CommandTimeout):
            await r.using(timeout=0.02).get("k")
        waiting = asyncio.create_task(r.echo("mine"))
        await asyncio.sleep(0.01)
        peer.say(b"$4\r\nlate\r\n$4\r\nmine\r\n")
        assert await waiting == "mine"
        assert peer.connections == 1


async def test_pushes_and_attributes_between_replies(peer: Peer) -> None:
    noise = b">2\r\n+invalidate\r\n*1\r\n$1\r\n\xff\r\n|1\r\n+ttl\r\n$3\r\n\n|1\r\n"
    peer.answer = lambda peer, words: noise + (peer.usual(words) or b"")
    async with Redis("127.0.0.1", peer.port) as r:
        calls = [r.echo(f"{number}\n|{number}") for number in range(200)]
        assert await asyncio.gather(*calls) == [f"{number}\n|{number}" for number in range(200)]
        assert peer.connections == 1


async def test_a_server_of_protocol_2(peer: Peer) -> None:
    def answer(peer: Peer, words: list[bytes]) -> bytes | None:
        return b"-ERR unknown command 'HELLO'\r\n" if words[0] == b"HELLO" else peer.usual(words)

    peer.answer = answer
    async with Redis("127.0.0.1", peer.port) as r:
        assert await r.echo("x") == "x"


async def test_a_secret_in_the_servers_message(peer: Peer) -> None:
    peer.answer = lambda peer, words: b"-ERR odd " + b" ".join(words) + b"\r\n"
    for protocol in (2, 3):
        options: Any = {"protocol": protocol, "password": "canary", "reconnect": AT_ONCE_OR_NOT}
        async with Redis("127.0.0.1", peer.port, **options) as r:
            with pytest.raises((AuthenticationFailed, ConnectionFailed)) as caught:
                await r.ping()
            assert "canary" not in str(caught.value)


async def test_a_peer_that_accepts_and_says_nothing(peer: Peer) -> None:
    peer.answer = lambda peer, words: b""
    async with Redis("127.0.0.1", peer.port, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.05) as r:
        with pytest.raises(ConnectionFailed, match=r"within 0\.05 s"):
            await r.ping()


async def test_a_late_answer_to_a_handshake_is_nobodys(peer: Peer) -> None:
    def answer(peer: Peer, words: list[bytes]) -> bytes | None:
        return b"" if words[0] == b"CLIENT" else peer.usual(words)

    peer.answer = answer
    async with Redis("127.0.0.1", peer.port, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.05) as r:
        with pytest.raises(ConnectionFailed):
            await r.echo("x")
        peer.answer = Peer.usual
        peer.say(b"+late\r\n")
        assert await r.echo("mine") == "mine"


async def test_a_reply_above_the_limit(peer: Peer) -> None:
    peer.answer = lambda peer, words: b"$9999\r\n" + b"x" * 5000 if words[0] == b"GET" else peer.usual(words)
    async with Redis("127.0.0.1", peer.port, max_reply_bytes=4096) as r:
        with pytest.raises(ProtocolViolation, match="max_reply_bytes"):
            await r.get("k")
        assert await r.echo("x") == "x"


async def test_a_lost_batch(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        peer.answer = closing_at(b"INCR", 1)
        p = r.pipeline()
        queued = [p.get("k"), p.incr("n"), p.get("k")]
        with pytest.raises(OutcomeUnknown):
            await p.execute()
        answered, *errors = [each.exception() for each in queued]
        assert answered is None or isinstance(answered, OutcomeUnknown), "the reset may overtake an answer"
        assert [error.command for error in errors if isinstance(error, OutcomeUnknown)] == ["INCR", "GET"]
        assert errors[0] is not errors[1]
        assert peer.connections == 1


async def test_a_lost_batch_of_reads(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        peer.answer = closing_at(b"ECHO", 1)
        p = r.pipeline()
        for number in range(3000):
            p.echo(str(number))
        assert await p.execute() == [*map(str, range(3000))]
        assert peer.connections == 2


async def test_nothing_of_a_batch_runs_behind_a_lost_piece(peer: Peer) -> None:
    seen = 0

    def answer(peer: Peer, words: list[bytes]) -> bytes | None:
        nonlocal seen
        if words[0] == b"INCR":
            seen += 1
            return None if seen == 1500 else b"+OK\r\n"
        return peer.usual(words)

    peer.answer = answer
    async with Redis("127.0.0.1", peer.port) as r:
        p = r.pipeline(raise_on_error=False)
        for _ in range(20_000):
            p.incr("n")
        results = await p.execute()
        assert seen == 1500
        # Answers that the reset overtook may be lost as well.
        order = [str, OutcomeUnknown, NotSent]
        kinds = [order.index(type(result)) for result in results]
        assert kinds == sorted(kinds)
        assert kinds.count(0) < 1500
        assert kinds.count(1) >= 1000
        assert kinds.count(2) >= 16_000
        assert all(error.outcome == "not_run" for error in results if isinstance(error, NotSent))
        assert await r.echo("x") == "x"
        assert seen == 1500


async def test_a_blocking_commands_connection_is_lost(peer: Peer) -> None:
    async with Redis("127.0.0.1", peer.port) as r:
        peer.answer = closing_at(b"BLPOP", 1)
        with pytest.raises(OutcomeUnknown):
            await r.blpop("k", timeout=1)


async def test_a_blocking_command_has_its_own_deadline(peer: Peer) -> None:
    peer.answer = lambda peer, words: b"" if words[0] == b"BLPOP" else peer.usual(words)
    async with Redis("127.0.0.1", peer.port, command_timeout=0.05) as r:
        with pytest.raises(CommandTimeout) as caught:
            await r.blpop("k", timeout=0.05)
        assert caught.value.elapsed is not None
        assert 0.1 <= caught.value.elapsed < 1


async def test_a_killed_server() -> None:
    with EmbeddedServer() as server:
        async with Redis(server.host, server.port, reconnect=AT_ONCE_OR_NOT) as r:
            await r.incr("n")
            server.pause()
            waiting = asyncio.gather(r.get("n"), r.incr("n"), r.blpop("q", timeout=0), return_exceptions=True)
            await asyncio.sleep(0.05)
            server.kill()
            read, write, popped = await waiting
            assert isinstance(read, OutcomeUnknown), "sent once, and no server to ask again"
            assert isinstance(write, OutcomeUnknown)
            assert isinstance(popped, ConnectionFailed | OutcomeUnknown)
            with pytest.raises(ConnectionFailed):
                await r.ping()
            server.restart()
            assert await r.incr("n") == 1


async def test_a_restart_between_two_commands() -> None:
    with EmbeddedServer() as server:
        async with Redis(server.host, server.port) as r:
            for _ in range(3):
                assert await r.set("k", "v")
                server.restart()
                await asyncio.sleep(0.01)


async def test_killed_connections_under_load(valkey: EmbeddedServer) -> None:
    """Every reply is the caller's own, and a counter stands between what succeeded and what may have."""
    async with Redis(valkey.host, valkey.port) as r, Redis(valkey.host, valkey.port) as killer:
        done = unknown = refused = 0
        stop = False

        async def worker(number: int) -> None:
            nonlocal done, unknown, refused
            for turn in itertools.count():
                if stop:
                    return
                nonce = f"{number}:{turn}"
                try:
                    assert await r.echo(nonce) == nonce
                    await r.incr("n")
                    done += 1
                except OutcomeUnknown:
                    unknown += 1
                except ConnectionFailed:
                    refused += 1

        workers = [asyncio.create_task(worker(number)) for number in range(50)]
        for _ in range(20):
            await asyncio.sleep(0.02)
            await killer.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        stop = True
        await asyncio.gather(*workers)
        counted = int(await r.get("n") or 0)
        assert done <= counted <= done + unknown
        assert done > 100
