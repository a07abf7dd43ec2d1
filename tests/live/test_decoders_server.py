"""Replies about the server, its clients, users, functions and cluster: the same records over every protocol and reader."""

from __future__ import annotations

import contextlib
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any

import hiredis
import pytest

from redpoll import decoders as d
from redpoll.records import commands as commands_records
from redpoll.records import server as server_records
from redpoll.testing import EmbeddedServer
from tests.live.raw import Raw

MODES = [(2, True), (2, False), (3, True), (3, False)]
LIBRARY = """#!lua name=lib1
redis.register_function{function_name='f1', callback=function() return 1 end, flags={'no-writes'}}
redis.register_function{function_name='f2', callback=function() return 2 end, description='two'}
"""


def is_valkey(server: EmbeddedServer) -> bool:
    return "valkey" in server.binary.name


def ask(server: EmbeddedServer, decode: Callable[[Any], Any], *words: Any) -> list[Any]:
    """Return the value in each mode; all pickle."""
    values: list[Any] = []
    for protocol, text in MODES:
        with Raw(server.port, protocol=protocol, text=text) as c:
            values.append(decode(c.call(*words)))
    assert pickle.loads(pickle.dumps(values)) == values
    return values


def same(server: EmbeddedServer, decode: Callable[[Any], Any], *words: Any) -> Any:
    """Return the value that all modes agree on."""
    first, *others = ask(server, decode, *words)
    assert others == [first] * 3
    return first


def run(server: EmbeddedServer, *words: Any) -> Any:
    with Raw(server.port) as c:
        return c.call(*words)


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_info(server: EmbeddedServer) -> None:
    run(server, "CONFIG", "RESETSTAT")
    run(server, "SET", "k", "v", "EX", 1000)
    for info in ask(server, d.text.info, "INFO", "everything"):
        assert info.server == ("valkey" if is_valkey(server) else "redis")
        assert info.version == server.version
        assert info["tcp_port"] == server.port
        assert isinstance(info["used_memory"], int)
        assert isinstance(info["mem_fragmentation_ratio"], float)
        assert isinstance(info["run_id"], str)
        assert info["redis_git_sha1"] != 0
        assert info["role"] == info.sections["replication"]["role"] == "master"
        assert info.get("no_such_name") is None
        assert (info.keyspace[0].keys, info.keyspace[0].expires) == (1, 1)
        assert 0 <= info.keyspace[0].avg_ttl <= 1_000_000
        assert isinstance(info["listener0"], dict)
        assert info["listener0"]["port"] == server.port
        assert isinstance(info["module"], dict)
        assert info["module"]["ver"] == 1
        assert isinstance(info["cmdstat_set"], dict)
        assert info["cmdstat_set"]["calls"] == 1


def test_clients(server: EmbeddedServer) -> None:
    with Raw(server.port, protocol=3) as other:
        other.call("CLIENT", "SETNAME", "watcher")
        other.call("CLIENT", "SETINFO", "LIB-NAME", "raw")
        number = other.call("CLIENT", "ID")
        for clients in ask(server, d.text.client_list, "CLIENT", "LIST"):
            (found,) = [client for client in clients if client.id == number]
            assert (found.name, found.db, found.user, found.resp, found.cmd) == (
                "watcher",
                0,
                "default",
                3,
                "client|id",
            )
            assert (found.lib_name, found.multi, found.redir) == ("raw", -1, -1)
            assert found.laddr == f"127.0.0.1:{server.port}"
            assert found.extra == {}
    for protocol, info in zip((2, 2, 3, 3), ask(server, d.text.client_info, "CLIENT", "INFO"), strict=True):
        assert (info.cmd, info.resp, info.sub, info.watch, info.flags) == ("client|info", protocol, 0, 0, "N")


def test_tracking_info(server: EmbeddedServer) -> None:
    assert same(server, d.server.tracking_info, "CLIENT", "TRACKINGINFO") == server_records.TrackingInfo(
        ["off"], -1, []
    )
    with Raw(server.port, protocol=3, text=False) as c:
        c.call("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a:")
        assert d.server.tracking_info(c.call("CLIENT", "TRACKINGINFO")) == server_records.TrackingInfo(
            ["on", "bcast"], 0, ["a:"]
        )


def test_hello_and_modules(server: EmbeddedServer) -> None:
    name = "lua" if is_valkey(server) else "vectorset"
    for protocol, hello in zip((2, 2, 3, 3), ask(server, d.server.hello, "HELLO"), strict=True):
        assert (hello.proto, hello.mode, hello.role, hello.version) == (
            protocol,
            "standalone",
            "master",
            server.version,
        )
        assert [module.name for module in hello.modules] == [name]
    (module,) = same(server, d.server.modules, "MODULE", "LIST")
    assert (module.name, module.version, module.args, module.extra) == (name, 1, [], {})


def test_time_and_role(server: EmbeddedServer) -> None:
    for seconds, microseconds in ask(server, d.server.unix_time, "TIME"):
        assert abs(seconds - time.time()) < 60
        assert 0 <= microseconds < 1_000_000
    assert same(server, d.server.role, "ROLE") == server_records.PrimaryRole(0, [])


def test_role_of_a_replica(valkey: EmbeddedServer) -> None:
    with config(valkey, "repl-diskless-sync-delay", 0), EmbeddedServer(valkey.binary) as replica:
        run(replica, "REPLICAOF", "127.0.0.1", valkey.port)
        run(valkey, "SET", "k", "v")
        until(lambda: d.server.role(run(replica, "ROLE")).state == "connected")
        for role in ask(replica, d.server.role, "ROLE"):
            assert isinstance(role, server_records.ReplicaRole)
            assert (role.host, role.port, role.state) == ("127.0.0.1", valkey.port, "connected")
        until(lambda: bool(d.server.role(run(valkey, "ROLE")).replicas))
        for primary in ask(valkey, d.server.role, "ROLE"):
            (replicated,) = primary.replicas
            assert replicated[:2] == ("127.0.0.1", replica.port)
        (slave,) = [
            found
            for found in d.text.info(run(valkey, "INFO", "replication")).sections["replication"].items()
            if found[0] == "slave0"
        ]
        assert slave[1]["port"] == replica.port


def test_role_of_a_sentinel(valkey: EmbeddedServer) -> None:
    config = f"sentinel monitor mine 127.0.0.1 {valkey.port} 1\n"
    with EmbeddedServer(valkey.binary, config=config, arguments=("--sentinel",)) as sentinel:
        assert same(sentinel, d.server.role, "ROLE") == server_records.SentinelRole(["mine"])
        for info in ask(sentinel, d.text.info, "INFO", "sentinel"):
            assert info["sentinel_masters"] == 1
            assert isinstance(info["master0"], dict)
            assert info["master0"]["name"] == "mine"
        for hello in ask(sentinel, d.server.hello, "HELLO"):
            assert (hello.mode, hello.role) == ("sentinel", None)


@contextlib.contextmanager
def config(server: EmbeddedServer, name: str, value: Any) -> Iterator[None]:
    before = run(server, "CONFIG", "GET", name)[1]
    run(server, "CONFIG", "SET", name, value)
    try:
        yield
    finally:
        run(server, "CONFIG", "SET", name, before)


def test_slow_log_with_binary_arguments(server: EmbeddedServer) -> None:
    run(server, "SLOWLOG", "RESET")
    with config(server, "slowlog-log-slower-than", 0):
        run(server, "SET", "k", b"\xff\xfe")
    commands = [("SLOWLOG", "GET", 50), *([("COMMANDLOG", "GET", 50, "slow")] if is_valkey(server) else [])]
    for words in commands:
        for protocol in (2, 3):
            with Raw(server.port, protocol=protocol, text=False) as c:
                found = [entry for entry in d.server.log_entries(c.call(*words)) if entry.args[0] == "SET"]
            assert found[0].args == ["SET", "k", r"\xff\xfe"]
            assert abs(found[0].timestamp - time.time()) < 60
            assert 0 <= found[0].value < 1_000_000
            assert found[0].client.startswith("127.0.0.1:")


def test_latency(server: EmbeddedServer) -> None:
    with config(server, "latency-monitor-threshold", 1):
        run(server, "LATENCY", "RESET")
        run(server, "EVAL", "for i = 1, 2000000 do end", 0)
        latest = {event.name: event for event in same(server, d.server.latency_latest, "LATENCY", "LATEST")}
        assert latest["command"].worst >= latest["command"].latest >= 1
        assert (latest["command"].count is not None) == is_valkey(server)
        history = same(server, d.server.latency_history, "LATENCY", "HISTORY", "command")
        assert history == [(latest["command"].timestamp, latest["command"].latest)]
    run(server, "SET", "k", "v")
    histogram = same(server, d.server.latency_histogram, "LATENCY", "HISTOGRAM", "set")
    assert histogram["set"].calls == max(histogram["set"].buckets.values()) >= 1
    assert same(server, d.server.latency_histogram, "LATENCY", "HISTOGRAM", "nosuch") == {}


def test_memory_stats(server: EmbeddedServer) -> None:
    run(server, "SET", "k", "v")
    for stats in ask(server, d.server.memory_stats, "MEMORY", "STATS"):
        assert stats.keys_count == 1
        assert stats.total_allocated > stats.startup_allocated > 0
        assert 0 < stats.dataset_percentage <= 100
        assert isinstance(stats.fragmentation, float)
        assert isinstance(stats.extra["allocator-rss.ratio"], float)
        assert stats.databases[0]["overhead.hashtable.main"] > 0


def test_acl_user_and_log(server: EmbeddedServer) -> None:
    run(server, "ACL", "SETUSER", "bob", "on", ">pw", "~a*", "resetchannels", "&c*", "+get", "(~b* +set)")
    run(server, "ACL", "LOG", "RESET")
    user = same(server, d.opt(d.server.acl_user), "ACL", "GETUSER", "bob")
    assert user.flags[0] == "on"
    assert len(user.passwords[0]) == 64
    assert user.passwords[0] not in repr(user)
    assert (user.commands, user.keys, user.channels) == ("-@all +get", "~a*", "&c*")
    (selector,) = user.selectors
    assert (selector.commands, selector.keys, selector.channels) == ("-@all +set", "~b*", "")
    assert user.extra == selector.extra == ({"databases": "alldbs"} if is_valkey(server) else {})
    assert same(server, d.opt(d.server.acl_user), "ACL", "GETUSER", "none") is None
    with Raw(server.port) as c, pytest.raises(hiredis.ReplyError, match="WRONGPASS"):
        c.call("AUTH", "bob", "wrong")
    for log in ask(server, d.server.acl_log, "ACL", "LOG"):
        (entry,) = log
        assert (entry.count, entry.reason, entry.context, entry.object, entry.username) == (
            1,
            "auth",
            "toplevel",
            "AUTH",
            "bob",
        )
        assert 0 <= entry.age < 10
        assert entry.client.cmd == "auth"
        assert entry.updated >= entry.created > 1_600_000_000_000


def test_commands(server: EmbeddedServer) -> None:
    every = same(server, d.commands.command_infos, "COMMAND")
    assert len(every) > 200
    get, unknown = same(server, d.commands.command_infos_opt, "COMMAND", "INFO", "get", "nosuch")
    assert unknown is None
    assert (get.name, get.arity, get.flags, get.first_key, get.last_key, get.step) == (
        "get",
        2,
        ["readonly", "fast"],
        1,
        1,
        1,
    )
    (spec,) = get.key_specs
    assert (spec.flags, spec.begin_search) == (["RO", "access"], {"type": "index", "spec": {"index": 1}})
    assert spec.find_keys == {"type": "range", "spec": {"lastkey": 0, "keystep": 1, "limit": 0}}
    (client,) = same(server, d.commands.command_infos, "COMMAND", "INFO", "client")
    assert "client|list" in {sub.name for sub in client.subcommands}


def test_command_docs(server: EmbeddedServer) -> None:
    assert same(server, d.commands.command_docs, "COMMAND", "DOCS", "nosuch") == {}
    docs = same(server, d.commands.command_docs, "COMMAND", "DOCS", "getex", "client", "getset")
    assert (docs["getex"].since, docs["getex"].group, docs["getex"].extra) == ("6.2.0", "string", {})
    key, expiration = docs["getex"].arguments
    assert (key.name, key.type, key.key_spec_index, key.flags) == ("key", "key", 0, [])
    assert (expiration.type, expiration.flags) == ("oneof", ["optional"])
    assert [choice.token for choice in expiration.arguments] == ["EX", "PX", "EXAT", "PXAT", "PERSIST"]
    assert (docs["getset"].doc_flags == ["deprecated"]) != is_valkey(server)
    assert (docs["getset"].deprecated_since == "6.2.0") != is_valkey(server)
    assert docs["client"].subcommands["client|list"].history[0][0] == "2.8.12"
    everything = same(server, d.commands.command_docs, "COMMAND", "DOCS")
    assert len(everything) > 200


def test_functions(server: EmbeddedServer) -> None:
    assert same(server, d.commands.function_stats, "FUNCTION", "STATS") == commands_records.FunctionStats(
        None, {"LUA": commands_records.FunctionEngine(0, 0)}
    )
    assert run(server, "FUNCTION", "LOAD", LIBRARY) == "lib1"
    functions = [
        commands_records.FunctionInfo("f1", None, {"no-writes"}),
        commands_records.FunctionInfo("f2", "two", set()),
    ]
    expected = commands_records.FunctionLibrary("lib1", "LUA", functions)
    assert same(server, d.commands.function_list, "FUNCTION", "LIST") == [expected]
    (library,) = same(server, d.commands.function_list, "FUNCTION", "LIST", "WITHCODE")
    assert library.code == LIBRARY
    assert same(server, d.commands.function_stats, "FUNCTION", "STATS").engines == {
        "LUA": commands_records.FunctionEngine(1, 2)
    }


LOOP = "#!lua name=lib2\nredis.register_function{function_name='spin', callback=function() while true do end end, flags={'no-writes'}}"


def test_a_running_function(server: EmbeddedServer) -> None:
    run(server, "FUNCTION", "LOAD", LOOP)
    with config(server, "busy-reply-threshold", 20), Raw(server.port) as spinner:
        connections = [Raw(server.port, protocol=protocol, text=text) for protocol, text in MODES]
        spinner.send("FCALL", "spin", 0, "arg")
        try:
            for c in connections:
                running = d.commands.function_stats(c.call("FUNCTION", "STATS")).running
                assert running is not None
                assert (running.name, running.command) == ("spin", ["FCALL", "spin", "0", "arg"])
                assert 0 < running.duration < 60_000
        finally:
            connections[0].call("FUNCTION", "KILL")
            assert isinstance(spinner.read(), hiredis.ReplyError)
            for c in connections:
                c.close()


@pytest.fixture(scope="module", params=["valkey", "redis8"])
def node(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A cluster of one node that owns every slot but the last."""
    found = request.getfixturevalue(request.param)
    options: dict[str, Any] = {"cluster-enabled": True}
    if request.param == "valkey":
        options["cluster-slot-stats-enabled"] = True
    with EmbeddedServer(found.binary, options=options) as server:
        with Raw(server.port) as c:
            c.call("CLUSTER", "ADDSLOTSRANGE", 0, 10, 12, 16382)
            c.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
            until(lambda: d.text.cluster_info(c.call("CLUSTER", "INFO")).state == "ok")
        yield server


RANGES = [(0, 10), (12, 16382)]


def test_cluster_info_and_nodes(node: EmbeddedServer) -> None:
    info = same(node, d.text.cluster_info, "CLUSTER", "INFO")
    assert (info.state, info.slots_assigned, info.slots_ok, info.known_nodes, info.size) == ("ok", 16382, 16382, 1, 1)
    assert info.extra["total_cluster_links_buffer_limit_exceeded"] == 0
    own = run(node, "CLUSTER", "MYID")
    (line,) = same(node, d.text.cluster_nodes, "CLUSTER", "NODES")
    assert (line.id, line.port, line.slots, line.flags, line.primary_id) == (
        own,
        node.port,
        RANGES,
        ["myself", "master"],
        None,
    )
    assert line.is_myself
    assert line.is_primary
    assert same(node, d.text.cluster_replicas, "CLUSTER", "REPLICAS", own) == []


def test_cluster_slots_and_shards(node: EmbeddedServer) -> None:
    own = run(node, "CLUSTER", "MYID")
    slots = same(node, d.cluster.cluster_slots, "CLUSTER", "SLOTS")
    assert [(found.start, found.end) for found in slots] == RANGES
    assert (slots[0].primary.port, slots[0].primary.id, slots[0].replicas) == (node.port, own, [])
    (shard,) = same(node, d.cluster.cluster_shards, "CLUSTER", "SHARDS")
    assert (shard.slots, shard.extra) == (RANGES, {})
    (member,) = shard.nodes
    assert (member.id, member.port, member.role, member.health, member.extra) == (
        own,
        node.port,
        "master",
        "online",
        {},
    )


def test_slot_stats_and_scan(node: EmbeddedServer) -> None:
    run(node, "SET", "a", "1")
    for (stats,) in ask(node, d.cluster.slot_stats, "CLUSTER", "SLOT-STATS", "SLOTSRANGE", 15495, 15495):
        assert (stats.slot, stats.key_count, stats.extra) == (15495, 1, {})
        assert (stats.network_bytes_in is not None) == is_valkey(node)
    if is_valkey(node):
        with Raw(node.port, text=False) as c:
            cursor, found = d.text_scan(c.call("CLUSTERSCAN", "0", "SLOT", 15495))
            while cursor != b"0":
                assert isinstance(cursor, bytes)
                cursor, more = d.text_scan(c.call("CLUSTERSCAN", cursor, "SLOT", 15495))
                found += more
        assert found == [b"a"]


def settled(server: EmbeddedServer) -> bool:
    nodes = d.text.cluster_nodes(run(server, "CLUSTER", "NODES"))
    links = d.cluster.cluster_links(run(server, "CLUSTER", "LINKS"))
    known = d.text.cluster_info(run(server, "CLUSTER", "INFO")).slots_assigned == 16382
    return known and len(nodes) == len(links) == 2 and not any("handshake" in line.flags for line in nodes)


def test_links_and_migrations(node: EmbeddedServer) -> None:
    options: dict[str, Any] = {"cluster-enabled": True}
    with EmbeddedServer(node.binary, options=options) as other:
        run(node, "CLUSTER", "MEET", "127.0.0.1", other.port)
        for side in (node, other):
            until(lambda side=side: settled(side))
        for links in ask(node, d.cluster.cluster_links, "CLUSTER", "LINKS"):
            assert sorted(link.direction for link in links) == ["from", "to"]
            assert {link.node for link in links} == {run(other, "CLUSTER", "MYID")}
            assert all(link.create_time > 1_600_000_000_000 and link.send_buffer_used >= 0 for link in links)
        target = run(other, "CLUSTER", "MYID")
        run(node, "CLUSTER", "SETSLOT", 5, "MIGRATING", target)
        mine = next(line for line in d.text.cluster_nodes(run(node, "CLUSTER", "NODES")) if line.is_myself)
        assert (mine.migrating, mine.importing, mine.slots) == ({5: target}, {}, RANGES)
        run(node, "CLUSTER", "SETSLOT", 5, "STABLE")
        if is_valkey(node):
            run(node, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 3, 4, "NODE", target)
            until(
                lambda: d.cluster.slot_migrations(run(node, "CLUSTER", "GETSLOTMIGRATIONS"))[0].state
                in {"success", "failed"}
            )
            (migration,) = same(node, d.cluster.slot_migrations, "CLUSTER", "GETSLOTMIGRATIONS")
            assert (migration.state, migration.message) == ("success", "")
            assert (migration.operation, migration.slots, migration.target) == ("EXPORT", [(3, 4)], target)
            assert abs(migration.create_time - time.time()) < 60
