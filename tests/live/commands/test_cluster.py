"""CLUSTER, asked of one node at a time: alone, and with a second node.

A cluster takes seconds to settle, so each one serves all four modes: what can be repeated is, and must be the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from redpoll.records.server import PrimaryRole
from redpoll.testing import EmbeddedServer
from tests.live.commands.bare import bare
from tests.live.commands.cases import Checked
from tests.live.commands.test_own_server import MODES, checked, until

OWNED = [(0, 16383)]
SLOT = 15495  # of the key "a"

ALONE = [
    "cluster_set_config_epoch", "cluster_addslotsrange", "cluster_info", "cluster_delslots", "cluster_addslots",
    "cluster_delslotsrange", "cluster_keyslot", "cluster_countkeysinslot", "cluster_getkeysinslot", "cluster_saveconfig",
    "cluster_setslot", "cluster_slots", "cluster_shards", "cluster_nodes", "cluster_myid", "cluster_myshardid",
    "cluster_replicas", "cluster_slaves", "cluster_slot_stats", "cluster_links", "cluster_bumpepoch", "cluster_help",
    "cluster_flushslots", "cluster_count_failure_reports",
]  # fmt: skip


@pytest.fixture
def node(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """A node of a cluster, without slots."""
    with EmbeddedServer(server.binary, options=options(server)) as found:
        yield found


@pytest.fixture
def second(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """Another one."""
    with EmbeddedServer(server.binary, options=options(server)) as found:
        yield found


def options(server: EmbeddedServer) -> dict[str, Any]:
    more = {"cluster-slot-stats-enabled": True} if "valkey" in server.binary.name else {}
    return {
        "cluster-enabled": True,
        "cluster-require-full-coverage": False,
        "cluster-node-timeout": 1000,  # milliseconds; gossip is no slower than this allows
        "cluster-replica-no-failover": True,  # a busy machine is no reason for one
        "repl-diskless-sync-delay": 0,
        **more,
    }


@asynccontextmanager
async def in_every_mode(server: EmbeddedServer, covered: set[str]) -> AsyncIterator[list[Checked]]:
    """Clients of one server: over each protocol, of str and of bytes."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(checked(server, *mode)) for mode in MODES]
        yield clients
        for client in clients:
            covered |= client.called


async def same(clients: list[Checked], call: Callable[[Checked], Awaitable[Any]]) -> Any:
    """Return the value that a call gives in every mode."""
    first, *others = [await call(client) for client in clients]
    assert others == [first] * 3
    return first


async def whole(clients: list[Checked]) -> None:
    """Give a node all slots, and wait until it serves them."""
    assert await clients[0].cluster_addslotsrange((0, 100), (101, 16383)) is True

    async def ok() -> bool:
        return (await clients[0].cluster_info()).state == "ok"

    await until(ok)


@pytest.mark.covers(*ALONE)
async def test_one_node(node: EmbeddedServer, covered: set[str]) -> None:
    async with in_every_mode(node, covered) as clients:
        first = clients[0]
        assert await first.cluster_set_config_epoch(7) is True
        await whole(clients)
        for c in clients:
            info = await c.cluster_info()
            assert (info.slots_assigned, info.known_nodes, info.size, info.my_epoch) == (16384, 1, 1, 7)
            assert await c.cluster_delslots(1, 2) is True
            assert await c.cluster_addslots(1, 2) is True
            assert await c.cluster_delslotsrange((5, 9), (11, 11)) is True
            assert [(found.start, found.end) for found in await c.cluster_slots()] == [(0, 4), (10, 10), (12, 16383)]
            assert await c.cluster_addslotsrange((5, 9), (11, 11)) is True
        await first.set("a", "1")
        assert await same(clients, lambda c: c.cluster_keyslot("a")) == SLOT
        assert await same(clients, lambda c: c.cluster_countkeysinslot(SLOT)) == 1
        assert await same(clients, lambda c: c.cluster_getkeysinslot(SLOT, 10)) == ["a"]
        assert await same(clients, lambda c: c.cluster_saveconfig()) is True
        assert await same(clients, lambda c: c.cluster_setslot(5, stable=True)) is True
        own = await same(clients, lambda c: c.cluster_myid())
        assert len(own) == len(await same(clients, lambda c: c.cluster_myshardid())) == 40
        (slots,) = await same(clients, lambda c: c.cluster_slots())
        assert (slots.start, slots.end, slots.primary.id, slots.replicas) == (0, 16383, own, [])
        (shard,) = await same(clients, lambda c: c.cluster_shards())
        assert (shard.slots, [member.id for member in shard.nodes]) == (OWNED, [own])
        (line,) = await same(clients, lambda c: c.cluster_nodes())
        assert (line.id, line.slots, line.flags, line.is_primary) == (
            own,
            OWNED,
            ["myself", "master", "nofailover"],
            True,
        )
        assert await same(clients, lambda c: c.cluster_replicas(own)) == []
        assert await same(clients, lambda c: c.cluster_slaves(own)) == []
        for c in clients:
            (stats,) = await c.cluster_slot_stats(slotsrange=(SLOT, SLOT))
            assert (stats.slot, stats.key_count) == (SLOT, 1)
            (most,) = await c.cluster_slot_stats(orderby="KEY-COUNT", limit=1, desc=True)
            assert most.slot == SLOT
            assert (await c.cluster_bumpepoch()).split()[0] in ("BUMPED", "STILL")
        assert await same(clients, lambda c: c.cluster_links()) == []
        assert await same(clients, lambda c: c.cluster_count_failure_reports(own)) == 0
        assert (await same(clients, lambda c: c.cluster_help()))[0].startswith("CLUSTER")
        await first.flushall()
        assert await same(clients, lambda c: c.cluster_flushslots()) is True
        assert await same(clients, lambda c: c.cluster_slots()) == []


@pytest.mark.covers("cluster_flushslot", "clusterscan")
async def test_what_valkey_alone_has(valkey: EmbeddedServer, covered: set[str]) -> None:
    with EmbeddedServer(valkey.binary, options=options(valkey)) as node:
        async with in_every_mode(node, covered) as clients:
            await whole(clients)
            for c in clients:
                await c.set("a", "1")
                cursor, keys = await c.clusterscan(slot=SLOT)
                while cursor != "0":
                    cursor, more = await c.clusterscan(cursor, slot=SLOT, match="*", count=100)
                    keys += more
                assert keys == ["a"]
                for how in ({}, {"async_": True}, {"sync": True}):
                    assert await c.cluster_flushslot(SLOT, **how) is True
                    assert await c.exists("a") == 0
                    await c.set("a", "1")


TWO = [
    "cluster_meet", "cluster_links", "cluster_setslot", "cluster_replicate", "cluster_replicas", "cluster_slaves",
    "cluster_failover", "cluster_forget", "cluster_reset",
]  # fmt: skip
MIGRATIONS = ["cluster_migrateslots", "cluster_getslotmigrations", "cluster_cancelslotmigrations"]


async def acquainted(one: list[Checked], two: list[Checked], first: EmbeddedServer) -> tuple[str, str]:
    """Make two nodes one cluster, whose slots the first one has; return their ids."""
    await whole(one)
    assert await same(two, lambda c: c.cluster_meet(first.host, first.port)) is True

    async def met() -> bool:
        lists = [await one[0].cluster_nodes(), await two[0].cluster_nodes()]
        known = all(len(lines) == 2 and not any("handshake" in line.flags for line in lines) for lines in lists)
        return known and len(await one[0].cluster_links()) == 2 and any(line.slots for line in lists[1])

    await until(met)
    return await same(one, lambda c: c.cluster_myid()), await same(two, lambda c: c.cluster_myid())


@pytest.mark.covers(*TWO)
async def test_two_nodes(node: EmbeddedServer, second: EmbeddedServer, covered: set[str]) -> None:
    async with in_every_mode(node, covered) as clients, in_every_mode(second, covered) as others:
        own, theirs = await acquainted(clients, others, node)
        for c in clients:
            assert {link.node for link in await c.cluster_links()} == {theirs}
            assert await c.cluster_setslot(5, migrating=theirs) is True
            (mine,) = [line for line in await c.cluster_nodes() if line.is_myself]
            assert mine.migrating == {5: theirs}
            assert await c.cluster_setslot(5, stable=True) is True
        other = others[0]
        assert await same(others, lambda c: c.cluster_replicate(own)) is True

        async def replicates() -> bool:
            info = await other.info("replication")
            up = info["role"] == "slave" and info["master_link_status"] == "up"
            return up and bool(await clients[0].cluster_replicas(own))

        await until(replicates)
        for c in clients:
            assert [line.id for line in await c.cluster_slaves(own)] == [theirs]
            assert [line.id for line in await c.cluster_replicas(own)] == [theirs]
        assert await other.cluster_failover(takeover=True) is True

        async def swapped() -> bool:
            return isinstance(await other.role(), PrimaryRole) and bool(await other.cluster_replicas(theirs))

        await until(swapped)
        assert await other.cluster_forget(own) is True
        assert await same(others, lambda c: c.cluster_reset(soft=True)) is True


@pytest.mark.covers(*MIGRATIONS)
async def test_migrations(valkey: EmbeddedServer, covered: set[str]) -> None:
    settings = options(valkey)
    with (
        EmbeddedServer(valkey.binary, options=settings) as node,
        EmbeddedServer(valkey.binary, options=settings) as second,
    ):
        async with in_every_mode(node, covered) as clients, in_every_mode(second, covered) as others:
            _, theirs = await acquainted(clients, others, node)
            for number, c in enumerate(clients):
                assert await c.cluster_migrateslots(([(3, 4)], theirs)) is True
                assert await c.cluster_cancelslotmigrations() is True
                migrations = await c.cluster_getslotmigrations()
                assert len(migrations) == number + 1
                assert {(found.state, found.operation, found.target) for found in migrations} == {
                    ("cancelled", "EXPORT", theirs)
                }


@pytest.mark.covers("asking", "readonly", "readwrite")
async def test_the_state_of_a_connection(node: EmbeddedServer, covered: set[str]) -> None:
    for protocol, decode in MODES:
        async with bare(node, protocol, decode) as connection:
            own = Checked(connection, str if decode else bytes, covered)
            for method in (own.asking, own.readonly, own.readwrite):
                assert await method() is True
