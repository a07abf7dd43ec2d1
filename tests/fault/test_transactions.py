"""Transactions whose connection is cut, or whose caller gives up."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from redpoll import CommandTimeout, ConnectionLost, Dedicated, NotSent, OutcomeUnknown, Redis, Transaction
from redpoll.protocol.encode import encode
from redpoll.testing import EmbeddedServer
from tests.fault.expect import checked, failure, turns, within
from tests.fault.proxy import FaultProxy

BODY = (("INCR", "a"), ("INCR", "b"))
WIRE = b"".join(encode(words[0], words) for words in (("MULTI",), *BODY, ("EXEC",)))
EXEC = encode("EXEC", ("EXEC",))


async def proved(r: Redis) -> None:
    await within(r.batch(lambda tx: (tx.ping(),), atomic=True))


@pytest.mark.parametrize("passed", [0, 1, len(WIRE) // 2, len(WIRE) - len(EXEC), len(WIRE) - 1])
async def test_cut_before_exec(proxy: FaultProxy, valkey: EmbeddedServer, passed: int) -> None:
    """The client cannot know it, but nothing has run, and nothing of it goes out elsewhere."""
    async with Redis(proxy.host, proxy.port) as r:
        await proved(r)
        proxy.to_server.cut_after(passed)
        tx = r.transaction()
        queued = [tx.incr("a"), tx.incr("b")]
        await failure(tx.execute(), OutcomeUnknown, "unknown")
        errors = [checked(each.exception(), OutcomeUnknown, "unknown") for each in queued]
        assert errors[0] is not errors[1]
        assert await within(r.exists("a", "b")) == 0
        assert proxy.to_server.arrived(b"INCR") == 2, "it was not sent again"
        assert valkey.call("EXISTS", "a") == 0
        assert await within(r.batch(lambda tx: (tx.incr("a"), tx.incr("b")), atomic=True)) == (1, 1)


@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize("answered", [0, 5, 20])
async def test_cut_after_exec(proxy: FaultProxy, answered: int, retry: bool) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await proved(r)
        proxy.to_client.cut_after(answered)  # its replies are the sign that it has run
        view = r.using(retry=True) if retry else r
        await failure(view.batch(lambda tx: (tx.incr("a"), tx.incr("b")), atomic=True), OutcomeUnknown, "unknown")
        assert await within(r.mget("a", "b")) == ["1", "1"], "all of it, once"


async def test_cut_while_it_is_asked(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    """Nothing of it was sent, so it runs on the next connection, once that has been asked."""
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_server.cut_after(10)
        assert await within(r.batch(lambda tx: (tx.incr("a"), tx.incr("b")), atomic=True)) == (1, 1)
        assert proxy.to_server.passed(WIRE) == 1
        assert proxy.to_server.passed(b"DISCARD") == 1


async def test_nobody_there_after(proxy: FaultProxy) -> None:
    async with Redis(proxy.host, proxy.port, offline="fail", reconnect=False) as r:
        await r.ping()
        proxy.to_server.hold()
        tx = r.transaction()
        queued = [tx.incr("a"), tx.incr("b")]
        running = asyncio.create_task(tx.execute(raise_on_error=False))
        await proxy.to_server.wait_arrived(b"DISCARD")
        proxy.refuse()
        proxy.cut()
        await within(running)
        for each in queued:
            error = each.exception()
            assert getattr(error, "outcome", None) == "not_run", repr(error)
        assert proxy.to_server.arrived(b"INCR") == 0


async def test_a_watching_connection_is_lost(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    """A transaction behind a lost WATCH does not run on another connection, which watches nothing."""
    async with Redis(proxy.host, proxy.port) as r, r.dedicated() as c:
        await c.watch("a")
        proxy.cut()
        with contextlib.suppress(ConnectionLost):
            await within(c.ping())
        await failure(c.batch(lambda tx: (tx.incr("a"),), atomic=True), NotSent, "not_run")
        assert valkey.call("EXISTS", "a") == 0


async def test_watch_transaction_on_a_lost_connection(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:

        async def body(c: Dedicated[str], tx: Transaction[str]) -> None:
            await c.get("a")
            proxy.to_client.cut_after(0)
            tx.incr("a")

        await failure(r.watch_transaction("a", body), OutcomeUnknown, "unknown")
        assert valkey.call("GET", "a") == "1", "it is not run anew: it may have run, and has"


async def test_cancelled_on_the_way(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    """It runs wholly or not at all, and the connection stays in step."""
    async with Redis(proxy.host, proxy.port) as r:
        await proved(r)
        proxy.to_client.hold()
        running = asyncio.create_task(r.batch(lambda tx: (tx.incr("a"), tx.incr("b")), atomic=True))
        await proxy.to_server.wait_passed(EXEC, 2)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        echo = asyncio.create_task(r.echo("in step"))
        await turns()
        proxy.to_client.release()
        assert await within(echo) == "in step"
        assert (valkey.call("GET", "a"), valkey.call("GET", "b")) == ("1", "1")
        assert len(proxy.links) == 1


async def test_too_late(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        quick = r.using(timeout=0.05)
        proxy.to_client.hold()
        error = await failure(quick.batch(lambda tx: (tx.incr("a"),), atomic=True), CommandTimeout, "not_run")
        assert error.command == "INCR", "the probe was not answered: it was never sent"
        proxy.to_client.release()
        await within(r.ping())
        proxy.to_client.hold()
        await failure(quick.batch(lambda tx: (tx.incr("a"),), atomic=True), CommandTimeout, "unknown")
        proxy.to_client.release()
        assert await within(r.get("a")) == "1"
