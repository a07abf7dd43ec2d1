"""The fault proxy itself: what it claims to cut, keep and record is so to the byte."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator

import pytest

from tests.fault.background import PATIENCE
from tests.fault.fake_server import (
    FakeServer,
)
from tests.fault.proxy import FaultProxy


class Target:
    """A peer behind the proxy: keeps what it gets, says what it is told."""

    def __init__(self) -> None:
        self.got: list[bytearray] = []
        self.ended: list[asyncio.Event] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got, ended = bytearray(), asyncio.Event()
        self.got.append(got)
        self.ended.append(ended)
        self.writers.append(writer)
        try:
            while data := await reader.read(1 << 16):
                got += data
                await self.tell()
        except ConnectionError:
            pass
        finally:
            ended.set()
            await self.tell()
            writer.close()

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, data: bytes, connection: int = 0) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: len(self.got) > connection and self.got[connection] == data)

    async def end(self, connection: int = 0) -> bytes:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(lambda: len(self.ended) > connection and self.ended[connection].is_set())
        return bytes(self.got[connection])


@pytest.fixture
async def setup() -> AsyncIterator[tuple[FaultProxy, Target]]:
    target = Target()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    with FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy, target
    server.close()
    for ended in target.ended:
        await ended.wait()
    await asyncio.gather(*(writer.wait_closed() for writer in target.writers), return_exceptions=True)


class Client:
    """A bare client of the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: FaultProxy) -> Client:
        return cls(*await asyncio.open_connection(proxy.host, proxy.port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> tuple[bytes, str]:
        """Return what came until the end, and how that came."""
        got = bytearray()
        async with asyncio.timeout(PATIENCE):
            try:
                while data := await self.reader.read(1 << 16):
                    got += data
            except ConnectionResetError:
                return bytes(got), "rst"
        return bytes(got), "fin"

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(count)

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


DATA = bytes(range(256)) * 4096  # 1 MiB in which every shift shows


async def test_it_forwards_both_ways_and_records(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    client.send(b"to the server")
    await target.until(b"to the server")
    target.writers[0].write(b"to the client")
    assert await client.exactly(13) == b"to the client"
    assert proxy.to_server.passed_record() == b"to the server"
    assert proxy.to_client.passed(b"client") == 1
    assert (proxy.to_server.arrived_bytes(), proxy.to_client.passed_bytes()) == (13, 13)
    assert (proxy.connections(), proxy.open_connections()) == (1, 1)
    await client.close()
    assert await target.end() == b"to the server"
    await proxy.wait_closed()


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("count", [1, 13, 65_536, 1_000_001])
async def test_a_cut_after_so_many_bytes_to_the_server(setup: tuple[FaultProxy, Target], count: int, how: str) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    proxy.to_server.cut_after(count, how="rst" if how == "rst" else "fin", which="all")
    client.send(DATA)
    assert await target.end() == DATA[:count]
    assert proxy.to_server.passed_bytes() == count
    assert await client.rest() == (b"", how)
    await client.close()


@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("count", [1, 13, 65_536, 1_000_001])
async def test_a_cut_after_so_many_bytes_to_the_client(setup: tuple[FaultProxy, Target], count: int, how: str) -> None:
    proxy, target = setup
    proxy.to_client.cut_after(count, how="rst" if how == "rst" else "fin", which="next")
    client = await Client.of(proxy)
    client.send(b"?")
    await target.until(b"?")
    target.writers[0].write(DATA)
    assert await client.rest() == (DATA[:count], how)
    assert await target.end() == b"?"
    await client.close()


async def test_a_cut_at_the_next_byte(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    client.send(b"before")
    await target.until(b"before")
    proxy.to_server.cut_after(0)
    client.send(b"INCR")
    assert await client.rest() == (b"", "rst")
    assert await target.end() == b"before"
    assert (proxy.to_server.arrived(b"INCR"), proxy.to_server.passed(b"INCR")) == (1, 0)
    await client.close()


async def end_of_a_new_one(proxy: FaultProxy) -> None:
    try:
        client = await Client.of(proxy)
    except ConnectionResetError:
        return  # cut even before this end had looked
    assert await client.rest() == (b"", "rst")
    await client.close()


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_a_cut_now_and_of_the_next(setup: tuple[FaultProxy, Target], how: str) -> None:
    proxy, target = setup
    first = await Client.of(proxy)
    first.send(b"1")
    await target.until(b"1")
    proxy.cut("rst" if how == "rst" else "fin")
    assert await first.rest() == (b"", how)
    assert await target.end() == b"1"
    proxy.cut_next()
    await end_of_a_new_one(proxy)
    third = await Client.of(proxy)
    third.send(b"3")
    await target.until(b"3", 1)
    await first.close()
    await third.close()


async def test_hold_and_release(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    client.send(b"a")
    await target.until(b"a")
    proxy.to_server.hold()
    client.send(DATA)
    await proxy.to_server.wait_bytes(1 + len(DATA))
    assert proxy.to_server.passed_bytes() == 1
    proxy.to_server.release()
    await target.until(b"a" + DATA)
    await client.close()


async def test_an_end_waits_behind_what_is_held(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    client.send(b"a")
    await target.until(b"a")
    proxy.to_server.hold()
    client.send(b"last words")
    await client.close()
    await proxy.wait_closed()
    assert not target.ended[0].is_set()
    proxy.to_server.release()
    assert await target.end() == b"alast words"


async def test_drip(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    proxy.to_server.drip(3, 0.005, which="all")
    client = await Client.of(proxy)
    begin = time.monotonic()
    client.send(DATA[:30])
    await target.until(DATA[:30])
    assert time.monotonic() - begin >= 9 * 0.005
    await client.close()


async def test_delay_keeps_the_order(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    proxy.to_server.delay(0.05, which="all")
    client = await Client.of(proxy)
    begin = time.monotonic()
    for piece in range(10):
        client.send(DATA[piece * 100 : (piece + 1) * 100])
        await asyncio.sleep(0)
    await target.until(DATA[:1000])
    assert time.monotonic() - begin >= 0.05
    await client.close()


@pytest.mark.parametrize("offset", [0, 1, 70_000])
async def test_one_byte_is_corrupt(setup: tuple[FaultProxy, Target], offset: int) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    client.send(b"abc")
    await target.until(b"abc")
    proxy.to_server.corrupt(offset, flip=0x01)
    client.send(DATA)
    expected = bytearray(DATA)
    expected[offset] ^= 0x01
    await target.until(b"abc" + bytes(expected))
    await client.close()


async def test_a_proxy_that_stops_reading_is_felt() -> None:
    target = Target()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with FaultProxy("127.0.0.1", port, receive_buffer=4096) as proxy:
        client = await Client.of(proxy)
        client.send(b"a")
        await target.until(b"a")
        proxy.to_server.stop_reading()
        client.send(DATA * 16)
        assert client.writer.transport.get_write_buffer_size() > 1 << 20
        proxy.to_server.read_again()
        await target.until(b"a" + DATA * 16)
        await client.close()
        await target.end()
    server.close()


async def test_refuse_and_accept(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    port = proxy.port
    old = await Client.of(proxy)
    old.send(b"1")
    await target.until(b"1")
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await Client.of(proxy)
    old.send(b"2")
    await target.until(b"12")
    proxy.accept()
    assert proxy.port == port
    new = await Client.of(proxy)
    new.send(b"3")
    await target.until(b"3", 1)
    await old.close()
    await new.close()


async def test_silence(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    proxy.silence()
    client = await Client.of(proxy)
    client.send(b"hello?")
    await proxy.to_server.wait_arrived(b"hello?")
    assert proxy.to_server.passed_bytes() == 0
    assert target.got == []
    proxy.silence(False)
    other = await Client.of(proxy)
    other.send(b"b")
    await target.until(b"b")
    await client.close()
    await other.close()


async def test_a_dead_target_is_passed_on() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with FaultProxy("127.0.0.1", port) as proxy:
        await end_of_a_new_one(proxy)


async def test_heal_takes_all_faults_back(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    proxy.refuse()
    proxy.to_server.hold(which="all")
    proxy.to_server.cut_after(3, which="all")
    proxy.to_server.corrupt(0, which="next")
    proxy.heal()
    client = await Client.of(proxy)
    client.send(DATA[:1000])
    await target.until(DATA[:1000])
    await client.close()


async def test_it_goes_on_while_the_clients_loop_is_blocked(setup: tuple[FaultProxy, Target]) -> None:
    proxy, _ = setup
    proxy.silence()
    with socket.create_connection((proxy.host, proxy.port)) as sock:
        sock.sendall(b"x" * 100)
        until = time.monotonic() + PATIENCE
        while proxy.to_server.arrived_bytes() < 100:  # this loop blocks the test's event loop
            assert time.monotonic() < until


async def test_waiting_in_vain_says_what_came(setup: tuple[FaultProxy, Target]) -> None:
    proxy, target = setup
    client = await Client.of(proxy)
    client.send(b"abc")
    await target.until(b"abc")
    with pytest.raises(AssertionError, match=r"nothing did not happen within 0\.01 s; connection 0: 3 .* \(3 passed\)"):
        await proxy.until(lambda: False, "nothing", limit=0.01)
    await client.close()


def test_no_thread_is_left_of_a_proxy_that_was_just_cut() -> None:
    with FakeServer() as server:
        before = threading.active_count()
        with FaultProxy(server.host, server.port) as proxy, socket.create_connection((proxy.host, proxy.port)):
            proxy.cut()
        assert threading.active_count() == before
