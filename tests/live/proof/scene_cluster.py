"""A cluster of three nodes: slots that move, a replica that takes its primary's place, a node that is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

from redpoll.testing import EmbeddedServer
from tests.live.proof.stage import Stage, until

OPTIONS: dict[str, Any] = {
    "cluster-enabled": True,
    "cluster-require-full-coverage": False,
    "cluster-node-timeout": 1000,  # milliseconds; gossip is no slower than this allows
    "cluster-replica-no-failover": True,  # a busy machine is no reason for one
    "repl-diskless-sync-delay": 0,
}


async def cluster(stage: Stage) -> None:
    """The first node has all slots; the second one becomes its replica; the third one is forgotten."""
    with stage.servers(3, **OPTIONS) as (one, two, three):
        one.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        for protocol in stage.protocols():
            for other in (two, three):
                assert await stage.call(one, "cluster_meet", other.host, other.port) is True
            if protocol == 3:
                await asyncio.sleep(2.2)  # a primary of Redis votes for a replica once in twice the node timeout
            nodes = [one, two, three] if protocol == 2 else [one, two]
            await until(lambda nodes=nodes: acquainted(nodes))
            await stage.call(one, "cluster_links")
            await slots_in_motion(stage, one, two)
            await replica(stage, one, two)
            await failovers(stage, one, two)
            forgetful = one if protocol == 2 else two  # for a minute a node takes no notice of what it forgot
            if one.version.startswith("7.0."):  # newer ones tell each other, and forget what is forgotten again
                await until(lambda forgetful=forgetful: myself(three) in seen(forgetful))
            assert await stage.call(forgetful, "cluster_forget", myself(three)) is True
            assert await stage.call(two, "cluster_reset", soft=True) is True


async def slots_in_motion(stage: Stage, one: EmbeddedServer, two: EmbeddedServer) -> None:
    """Slots on their way to another node, one by one and by the servers' own migration."""
    source, target = myself(one), myself(two)
    assert await stage.call(one, "cluster_setslot", 5, migrating=target) is True
    assert await stage.call(two, "cluster_setslot", 5, importing=source) is True
    for server in (one, two):
        (mine,) = [node for node in await stage.call(server, "cluster_nodes") if node.is_myself]
        assert (mine.migrating, mine.importing) == (({5: target}, {}) if server is one else ({}, {5: source}))
        assert await stage.call(server, "cluster_setslot", 5, stable=True) is True
    assert await stage.call(one, "cluster_setslot", 5, node=source) is True
    if stage.has("cluster_migrateslots"):
        two.pause()  # else they might be there before they are called off
        assert await stage.call(one, "cluster_migrateslots", ([(3, 4)], target), ([(9, 9)], target)) is True
        assert await stage.call(one, "cluster_cancelslotmigrations") is True
        two.resume()
        assert len(await stage.call(one, "cluster_getslotmigrations")) >= 2
    if stage.has("cluster_migration"):
        for server in (two, one):
            task = await stage.call(server, "cluster_migration", import_=[(3, 4), (9, 9)])
            await until(lambda server=server: owns(server, 9))
            (found,) = await stage.call(server, "cluster_migration", status=task)
            assert (found.id, found.slots) == (task, [(3, 4), (9, 9)])
            assert await stage.call(server, "cluster_migration", cancel=task) == 0


async def replica(stage: Stage, one: EmbeddedServer, two: EmbeddedServer) -> None:
    """The second node becomes the first one's replica, and answers what a replica may."""
    assert await stage.call(one, "set", "k", "v") is True
    slot = await stage.call(one, "cluster_keyslot", "k")
    assert await stage.call(one, "cluster_countkeysinslot", slot) == 1
    assert await stage.call(one, "cluster_getkeysinslot", slot, 10) == ["k"]
    assert await stage.call(two, "cluster_replicate", myself(one)) is True
    await until(lambda: in_step(two, one))
    for name in ("cluster_replicas", "cluster_slaves"):
        (found,) = await stage.call(one, name, myself(one))
        assert (found.id, found.is_primary) == (myself(two), False)
    for name in ("cluster_nodes", "cluster_slots", "cluster_shards", "cluster_info", "cluster_links"):
        await stage.call(two, name)
    await stage.call(one, "cluster_count_failure_reports", myself(two))
    await stage.refused("MOVED", two, "get", "k")
    assert await stage.call(two, "readonly") is True
    assert await stage.call(two, "get", "k") == "v"
    assert await stage.call(two, "readwrite") is True
    await stage.refused("MOVED", two, "get", "k")


async def failovers(stage: Stage, one: EmbeddedServer, two: EmbeddedServer) -> None:
    """The two change places, in each of the ways, and once more."""
    primary, other = one, two
    for how in ({}, {"force": True}, {"takeover": True}, {"takeover": True}):
        assert await stage.call(other, "cluster_failover", **how) is True
        await until(lambda primary=primary, other=other: in_step(primary, other))
        primary, other = other, primary


def myself(server: EmbeddedServer) -> str:
    return str(server.call("CLUSTER", "MYID"))


def seen(server: EmbeddedServer) -> dict[str, list[str]]:
    """Return the words of each node's line, as one of them sees it."""
    lines = str(server.call("CLUSTER", "NODES")).splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def acquainted(nodes: list[EmbeddedServer]) -> bool:
    """Tell whether each node knows each other, and the slots of the first one."""
    ids = {myself(node) for node in nodes}
    for view in map(seen, nodes):
        ready = [name for name in ids if name in view and "handshake" not in view[name][1]]
        if len(ready) < len(ids) or view[myself(nodes[0])][6] != "connected" or len(view[myself(nodes[0])]) < 8:
            return False
    return all("cluster_state:ok" in node.call("CLUSTER", "INFO") for node in nodes)


def owns(server: EmbeddedServer, slot: int) -> bool:
    """Tell whether a node serves a slot, by its own view."""
    return any(
        int(first) <= slot <= int(last) and primary[2] == myself(server)
        for first, last, primary, *_ in server.call("CLUSTER", "SLOTS")
    )


def in_step(replica: EmbeddedServer, primary: EmbeddedServer) -> bool:
    """Tell whether both nodes agree that one replicates the other, and it does."""
    role, _, port, state, *_ = [*replica.call("ROLE"), None, None, None]
    if (role, port, state) != ("slave", primary.port, "connected") or primary.call("ROLE")[0] != "master":
        return False
    views = [seen(server)[myself(replica)] for server in (replica, primary)]
    return all("slave" in view[1] and view[2] == myself(primary) for view in views) and owns(primary, 0)
