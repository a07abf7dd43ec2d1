"""TLS with harm on the way: nothing leaves before the certificate is accepted, and nothing hangs.

What a hostile server may do after that, within TLS or without, is in test_parsing.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from redpoll import TLS, ConnectionFailed, OutcomeUnknown, Redis
from redpoll.testing import EmbeddedServer
from tests.certificates import Authority
from tests.conftest import SECURE, secure_server
from tests.fault.expect import AT_ONCE_OR_NOT, failure, results, within
from tests.fault.proxy import Direction, FaultProxy

APPLICATION_DATA = 23
ALERT_AND_FINISHED = 100  # bytes that a client sends encrypted at most before it gives a handshake up


@dataclass(frozen=True)
class Site:
    server: EmbeddedServer
    trusted: TLS
    stranger: TLS


@pytest.fixture(scope="module", params=SECURE)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    with EmbeddedServer(secure_server(request.param), tls=authority.pair("127.0.0.1").server()) as server:
        yield Site(server, TLS(ca_file=authority.ca_file), TLS(ca_file=stranger.ca_file))


@pytest.fixture
def proxy(site: Site) -> Iterator[FaultProxy]:
    """A fault proxy in front of the server's port for TLS."""
    assert site.server.tls_port is not None
    with FaultProxy(site.server.host, site.server.tls_port) as made:
        yield made


def client(proxy: FaultProxy, tls: TLS, **options: Any) -> Redis[Any]:
    return Redis(proxy.host, proxy.port, tls=tls, password="canary", **options)


def encrypted(record: bytes) -> int:
    """Return how many bytes of application data a flow of TLS has."""
    at = total = 0
    while at < len(record):
        size = int.from_bytes(record[at + 3 : at + 5], "big")
        if record[at] == APPLICATION_DATA:
            total += size
        at += 5 + size
    return total


@pytest.mark.parametrize("wrong", ["authority", "host"])
async def test_nothing_is_sent_to_a_server_that_is_not_trusted(site: Site, proxy: FaultProxy, wrong: str) -> None:
    tls = site.stranger if wrong == "authority" else TLS(ca_file=site.trusted.ca_file, server_name="other.example")
    async with client(proxy, tls) as r:
        begin = time.monotonic()
        for _ in range(40):
            error = await failure(r.incr("n"), ConnectionFailed, "not_run", 1)
            assert "certificate is not accepted" in error.message
            assert error.final
        got = await results([r.blpop("q", timeout=0) for _ in range(40)])
        assert {(type(error), error.final) for error in got} == {(ConnectionFailed, True)}
        assert proxy.connections() <= 1 + (time.monotonic() - begin), "at most one attempt a second"
        for number in range(proxy.connections()):
            assert encrypted(proxy.to_server.passed_record(number)) <= ALERT_AND_FINISHED
    assert "auth" not in site.server.call("INFO", "commandstats")


async def test_a_handshake_that_stalls(site: Site, proxy: FaultProxy) -> None:
    proxy.to_client.hold(which="all")
    async with client(proxy, site.trusted, connect_timeout=0.2, reconnect=AT_ONCE_OR_NOT) as r:
        begin = time.monotonic()
        error = await failure(r.incr("n"), ConnectionFailed, "not_run", 1)
        assert 0.15 < time.monotonic() - begin < 0.7
        assert "no connection within 0.2 s" in error.message
        assert "TLS" in error.message
        await failure(r.blpop("q", timeout=0), ConnectionFailed, "not_run", 1)
        await proxy.wait_closed()
        proxy.heal()
    async with Redis(proxy.host, proxy.port, tls=site.trusted) as r:
        assert await within(r.echo("x")) == "x"


async def test_a_slow_handshake_succeeds(site: Site, proxy: FaultProxy) -> None:
    proxy.to_client.drip(200, 0.005, which="all")
    proxy.to_server.drip(50, 0.005, which="all")
    async with Redis(proxy.host, proxy.port, tls=site.trusted) as r:
        assert await within(r.echo("x")) == "x"


async def test_cancelled_within_the_handshake(site: Site, proxy: FaultProxy) -> None:
    proxy.to_client.hold(which="all")
    async with client(proxy, site.trusted) as r:
        waiting = asyncio.create_task(r.blpop("q", timeout=0))
        await proxy.to_server.wait_bytes(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await proxy.wait_closed()


@pytest.mark.parametrize("side", ["to_client", "to_server"])
async def test_cut_at_each_byte(site: Site, proxy: FaultProxy, side: str, caplog: pytest.LogCaptureFixture) -> None:
    flow: Direction = getattr(proxy, side)
    async with Redis(proxy.host, proxy.port, tls=site.trusted) as r, r.dedicated():
        length = flow.passed_bytes()
    assert length > 400
    cuts = range(length - 16)  # signatures differ in length by some bytes
    for count in cuts:
        flow.cut_after(count, how="fin" if count % 16 else "rst", which="next")
        async with Redis(proxy.host, proxy.port, tls=site.trusted, reconnect=AT_ONCE_OR_NOT) as r:
            error = await failure(r.incr("n"), ConnectionFailed, "not_run", 2)
            assert not error.message.startswith("no connection within"), f"cut after {count} bytes: {error}"
    assert proxy.connections() == len(cuts) + 1
    assert site.server.call("EXISTS", "n") == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("side", ["to_client", "to_server"])
async def test_a_damaged_byte(site: Site, proxy: FaultProxy, side: str) -> None:
    flow: Direction = getattr(proxy, side)
    for at in range(0, 400, 13):
        flow.corrupt(at, which="next")
        async with client(proxy, site.trusted, reconnect=AT_ONCE_OR_NOT, connect_timeout=0.2) as r:
            await failure(r.incr("n"), ConnectionFailed, "not_run", 2)
    assert site.server.call("EXISTS", "n") == 0


async def test_a_server_that_takes_nothing(site: Site) -> None:
    with FaultProxy(site.server.host, site.server.tls_port or 0, receive_buffer=1 << 16) as proxy:
        limits: Any = {"write_timeout": 0.3, "read_timeout": None, "health_check": None, "command_timeout": None}
        async with Redis(proxy.host, proxy.port, tls=site.trusted, **limits) as r:
            await r.ping()
            proxy.to_server.stop_reading()
            begin = time.monotonic()
            error = await failure(r.set("k", "x" * 30_000_000), OutcomeUnknown, "unknown")
            assert "took nothing for 0.3 s" in error.message
            assert time.monotonic() - begin < 2
            proxy.heal()


async def test_a_loss_under_load(site: Site, proxy: FaultProxy) -> None:
    site.server.reset()
    async with Redis(proxy.host, proxy.port, tls=site.trusted) as r:
        assert await r.set("k", "v" * 100_000)
        for _ in range(5):
            proxy.to_client.cut_after(150_000)
            got = await results([r.get("k") for _ in range(20)], 10)
            assert {len(value) for value in got} == {100_000}
