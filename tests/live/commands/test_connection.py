"""ECHO, PING and CLIENT."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from redpoll.records.server import ClientInfo, TrackingInfo
from redpoll.testing import EmbeddedServer
from tests.live.commands.cases import Case, Table, case
from tests.live.raw import Raw

CASES: list[Case] = [
    case(lambda c: c.echo("hello"), "hello"),
    case(lambda c: c.ping(), True),
    case(lambda c: c.ping("hello"), "hello"),
    case(lambda c: c.client_getname(), None),
    case(lambda c: c.client_getredir(), -1),
    case(lambda c: c.client_help(), lambda v: v[0].startswith("CLIENT")),
    case(lambda c: c.client_id(), lambda v: v > 0),
    case(lambda c: c.client_info(), lambda v: (v.cmd, v.db, v.user, v.extra) == ("client|info", 0, "default", {})),
    case(lambda c: c.client_list(), lambda v: len(v) == 2 and all(isinstance(x, ClientInfo) for x in v)),
    case(lambda c: c.client_list(type="PUBSUB"), []),
    case(lambda c: c.client_list(type="NORMAL"), lambda v: "peer" in [x.name for x in v]),
    case(lambda c, i: c.client_list(id=[i]), lambda v: [x.cmd for x in v] == ["client|list"], given="CLIENT ID"),
    case(lambda c, i: c.client_list(id=i), lambda v: [x.cmd for x in v] == ["client|list"], given="CLIENT ID"),
    case(lambda c: c.client_list(name="peer"), lambda v: [x.name for x in v] == ["peer"], only="valkey"),
    case(lambda c: c.client_list(not_name="peer", user="default"), lambda v: len(v) == 1, only="valkey"),
    case(lambda c: c.client_list(skipme=True, db=0), lambda v: [x.name for x in v] == ["peer"], only="valkey"),
    case(lambda c: c.client_list(not_id=10**9, maxage=10**6), [], only="valkey"),
    case(lambda c: c.client_pause(1), True),
    case(lambda c: c.client_pause(1, write=True), True),
    case(lambda c: c.client_trackinginfo(), TrackingInfo(["off"], -1, [])),
]


@pytest.fixture
def peer(server: EmbeddedServer) -> Iterator[Raw]:
    """Another connection, named ``peer``."""
    with Raw(server.port) as raw:
        raw.call("CLIENT", "SETNAME", "peer")
        yield raw


@pytest.mark.usefixtures("peer")
@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES, subtests, queued=queued)


@pytest.mark.covers("client_kill")
async def test_kill(table: Table, server: EmbeddedServer, peer: Raw) -> None:
    c = table.checked
    assert await c.client_kill(id=peer.call("CLIENT", "ID")) == 1
    assert await c.client_kill(id=10**9, type="NORMAL") == 0
    assert await c.client_kill(user="default", addr="127.0.0.1:1", laddr=f"127.0.0.1:{server.port}") == 0
    assert await c.client_kill(skipme=True, maxage=10**6) == 0
    if table.kind == "valkey":
        with Raw(server.port) as other:
            other.call("CLIENT", "SETNAME", "other")
            assert await c.client_kill(name="other", not_id=[10**9]) == 1


@pytest.mark.covers("client_unblock")
async def test_unblock(table: Table, peer: Raw) -> None:
    c = table.checked
    number = peer.call("CLIENT", "ID")
    assert await c.client_unblock(number) is False
    for options in ({}, {"timeout": True}, {"error": True}):
        peer.send("BLPOP", "none", 0)
        while "b" not in (await c.client_list(id=[number]))[0].flags:  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0)
        assert await c.client_unblock(number, **options) is True
        assert ("UNBLOCKED" in str(peer.read())) == bool(options.get("error"))


@pytest.mark.covers("client_unpause")
async def test_pause(table: Table) -> None:
    assert await table.checked.client_pause(100_000, write=True) is True
    writing = asyncio.ensure_future(table.client.set("k", "v"))
    assert await table.client.get("k") is None
    assert await table.checked.client_unpause() is True
    assert await writing is True
