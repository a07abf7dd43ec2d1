"""The commands on the server itself: state, saving, configuration, users, logs, latency, memory, modules, commands."""

from __future__ import annotations

import time
from typing import Any

import pytest

from redpoll.errors import ServerError
from redpoll.records.commands import CommandDocs
from redpoll.records.server import MemoryStats, PrimaryRole, ServerInfo
from redpoll.testing import EmbeddedServer
from tests.live.commands.cases import Case, Raises, Table, case

V = "SET k v"
BOB = ("ACL DELUSER bob", "ACL SETUSER bob on nopass ~a* &* +get (~b* +set)")
SPIN = ("EVAL", "for i = 1, 300000 do end", 0)
SLOW = ("CONFIG SET slowlog-log-slower-than 0", "SLOWLOG RESET", V)
EVENT = ("CONFIG SET latency-monitor-threshold 1", "LATENCY RESET", ("EVAL", "for i = 1, 3000000 do end", 0))


def starts(word: str) -> Any:
    return lambda value: value[0].startswith(word)


def told(info: ServerInfo) -> bool:
    return isinstance(info["used_memory"], int) and info["role"] == "master" and info.keyspace[0].keys == 1


def measured(stats: MemoryStats) -> bool:
    return stats.keys_count == 1 and 0 < stats.startup_allocated < stats.total_allocated


def documented(docs: dict[str, CommandDocs]) -> bool:
    get = docs["get"]
    return (get.since, get.group, [argument.name for argument in get.arguments]) == ("1.0.0", "string", ["key"])


SERVER: list[Case] = [
    case(lambda c: c.dbsize(), 1, V),
    case(lambda c: c.debug("HELP"), Raises("DEBUG command not allowed", ServerError)),
    case(lambda c: c.failover(abort=True), Raises("No failover in progress", ServerError)),
    case(lambda c: c.flushall(), True, V, then={"DBSIZE": 0}),
    case(lambda c: c.flushall(asynchronous=True), True, V, then={"DBSIZE": 0}),
    case(lambda c: c.flushall(sync=True), True, V, then={"DBSIZE": 0}),
    case(lambda c: c.flushdb(), True, V, then={"DBSIZE": 0}),
    case(lambda c: c.flushdb(asynchronous=True), True, V, then={"DBSIZE": 0}),
    case(lambda c: c.info(), told, V),
    case(lambda c: c.info("server", "keyspace"), lambda v: set(v.sections) == {"server", "keyspace"}, V),
    case(lambda c: c.lastsave(), lambda v: abs(v - time.time()) < 10_000),
    case(lambda c: c.lolwut(), lambda v: len(v) > 100),
    case(lambda c: c.lolwut(version=5), lambda v: "ver." in v),
    case(lambda c: c.replicaof(), True),
    case(lambda c: c.slaveof(), True),
    case(lambda c: c.role(), lambda v: isinstance(v, PrimaryRole) and v.replicas == []),
    case(lambda c: c.swapdb(0, 1), True, V, then={"DBSIZE": 0}),
    case(lambda c: c.time(), lambda v: abs(v[0] - time.time()) < 60 and 0 <= v[1] < 1_000_000),
]

ACL: list[Case] = [
    case(lambda c: c.acl_cat(), lambda v: {"string", "fast"} <= set(v)),
    case(lambda c: c.acl_cat("hyperloglog"), lambda v: "pfadd" in v),
    case(lambda c: c.acl_deluser("bob", "none"), 1, *BOB),
    case(lambda c: c.acl_dryrun("bob", "GET", "a1"), "OK", *BOB),
    case(lambda c: c.acl_dryrun("bob", "GET", "q1"), lambda v: "bob" in v, *BOB),
    case(lambda c: c.acl_genpass(), lambda v: len(v) == 64),
    case(lambda c: c.acl_genpass(32), lambda v: len(v) == 8),
    case(
        lambda c: c.acl_getuser("bob"),
        lambda v: (v.commands, v.keys, v.selectors[0].keys) == ("-@all +get", "~a*", "~b*")
        and {"on", "nopass"} <= set(v.flags),
        *BOB,
    ),
    case(lambda c: c.acl_getuser("none"), None),
    case(lambda c: c.acl_help(), starts("ACL")),
    case(lambda c: c.acl_list(), lambda v: [line.split()[1] for line in v] == ["bob", "default"], *BOB),
    case(lambda c: c.acl_load(), Raises("ACL file", ServerError)),
    case(lambda c: c.acl_save(), Raises("ACL file", ServerError)),
    case(lambda c: c.acl_log(), [], "ACL LOG RESET"),
    case(lambda c: c.acl_log(5, reset=False), [], "ACL LOG RESET"),
    case(lambda c: c.acl_log(reset=True), True),
    case(
        lambda c: c.acl_setuser("bob", "on", ">secret", "~*"),
        True,
        "ACL DELUSER bob",
        then={"ACL USERS": ["bob", "default"]},
    ),
    case(lambda c: c.acl_users(), ["bob", "default"], *BOB),
    case(lambda c: c.acl_whoami(), "default"),
]

CONFIG: list[Case] = [
    case(lambda c: c.config_get("maxmemory"), {"maxmemory": "0"}),
    case(lambda c: c.config_get("maxmemory", "timeou*"), {"maxmemory": "0", "timeout": "0"}),
    case(lambda c: c.config_get("none"), {}),
    case(lambda c: c.config_help(), starts("CONFIG")),
    case(lambda c: c.config_resetstat(), True),
    case(lambda c: c.config_rewrite(), Raises("config file", ServerError)),
    case(lambda c: c.config_set({"timeout": 0, "maxmemory": "0"}), True),
    case(lambda c: c.config_set("timeout", 0), True),
    case(lambda c: c.config_set(parameter="timeout", value="0"), True),
    case(lambda c: c.config_set(mapping={"timeout": 0}), True),
    case(lambda c: c.config_set({"none": 1}), Raises("Unknown option|Unsupported", ServerError)),
]

LOGS: list[Case] = [
    case(lambda c: c.slowlog_get(), lambda v: ["SET", "k", "v"] in [e.args for e in v], *SLOW),
    case(lambda c: c.slowlog_get(1), lambda v: len(v) == 1 and abs(v[0].timestamp - time.time()) < 60, *SLOW),
    case(lambda c: c.slowlog_help(), starts("SLOWLOG")),
    case(lambda c: c.slowlog_len(), lambda v: v >= 2, *SLOW),
    case(lambda c: c.slowlog_reset(), True),
    case(lambda c: c.commandlog_get(9, "SLOW"), lambda v: ["SET", "k", "v"] in [e.args for e in v], *SLOW),
    case(lambda c: c.commandlog_get(-1, "LARGE-REPLY"), []),
    case(lambda c: c.commandlog_help(), starts("COMMANDLOG")),
    case(lambda c: c.commandlog_len("LARGE-REQUEST"), 0),
    case(lambda c: c.commandlog_reset("SLOW"), True),
]

LATENCY: list[Case] = [
    case(lambda c: c.latency_doctor(), lambda v: "latency" in v.lower()),
    case(lambda c: c.latency_graph("command"), lambda v: v.startswith("command - high"), *EVENT),
    case(lambda c: c.latency_help(), starts("LATENCY")),
    case(
        lambda c: c.latency_histogram("set"),
        lambda v: v["set"].calls == max(v["set"].buckets.values()) == 1,
        "CONFIG RESETSTAT",
        V,
    ),
    case(lambda c: c.latency_histogram(), lambda v: "flushall" in v),
    case(lambda c: c.latency_histogram("none"), {}),
    case(lambda c: c.latency_history("command"), lambda v: v[0][1] >= 1 and abs(v[0][0] - time.time()) < 60, *EVENT),
    case(lambda c: c.latency_history("none"), []),
    case(lambda c: c.latency_latest(), lambda v: {e.name: e for e in v}["command"].worst >= 1, *EVENT),
    case(lambda c: c.latency_reset("command"), 1, *EVENT),
    case(lambda c: c.latency_reset("none"), 0),
]

MEMORY: list[Case] = [
    case(lambda c: c.memory_doctor(), lambda v: len(v) > 20),
    case(lambda c: c.memory_help(), starts("MEMORY")),
    case(lambda c: c.memory_malloc_stats(), lambda v: len(v) > 20),
    case(lambda c: c.memory_purge(), True),
    case(lambda c: c.memory_stats(), measured, V),
    case(lambda c: c.memory_usage("k"), lambda v: 10 < v < 200, V),
    case(lambda c: c.memory_usage("none"), None),
    case(lambda c: c.memory_usage("l", samples=0), lambda v: v > 10, "RPUSH l a"),
    case(lambda c: c.module_help(), starts("MODULE")),
    case(lambda c: c.module_list(), lambda v: [m.name for m in v] in (["lua"], ["vectorset"])),
    case(lambda c: c.module_load("none.so"), Raises("MODULE command not allowed", ServerError)),
    case(lambda c: c.module_loadex("none.so", config={"a": 1}, args=["b"]), Raises("not allowed", ServerError)),
    case(lambda c: c.module_unload("none"), Raises("not allowed", ServerError)),
]

COMMAND: list[Case] = [
    case(lambda c: c.command_count(), lambda v: v > 200),
    case(lambda c: c.command_docs("get"), documented),
    case(lambda c: c.command_docs("none"), {}),
    case(lambda c: c.command_getkeys("MSET", "a", 1, "b", 2), ["a", "b"]),
    case(
        lambda c: c.command_getkeysandflags("LMOVE", "a", "b", "LEFT", "LEFT"),
        [("a", ["RW", "access", "delete"]), ("b", ["RW", "insert"])],
    ),
    case(lambda c: c.command_help(), starts("COMMAND")),
    case(lambda c: c.command_info("get", "none"), lambda v: (v[0].name, v[0].arity, v[1]) == ("get", 2, None)),
    case(lambda c: c.command_list(), lambda v: "client|list" in v),
    case(lambda c: c.command_list(pattern="xa*"), lambda v: {"xack", "xadd"} <= set(v) and "get" not in v),
    case(lambda c: c.command_list(aclcat="hyperloglog"), lambda v: "pfadd" in v and "get" not in v),
    case(lambda c: c.command_list(module="none"), []),
]

WHOLE: list[Case] = [
    case(lambda c: c.command(), lambda v: {"get", "client"} <= {x.name for x in v}),
    case(lambda c: c.command_docs(), lambda v: len(v) > 200),
    case(lambda c: c.command_info(), lambda v: len(v) > 200),
]
"""The largest replies there are; once is enough."""

CASES = [*SERVER, *ACL, *CONFIG, *LOGS, *LATENCY, *MEMORY, *COMMAND]


@pytest.mark.parametrize("queued", [False, True], ids=["awaited", "queued"])
async def test_values(table: Table, subtests: pytest.Subtests, queued: bool) -> None:
    await table.run(CASES if queued else [*CASES, *WHOLE], subtests, queued=queued)


@pytest.mark.covers("acl_log")
async def test_the_log_of_users(table: Table, server: EmbeddedServer) -> None:
    server.call("ACL", "LOG", "RESET")
    server.call("ACL", "SETUSER", "bob", "on", ">right")
    with pytest.raises(Exception, match="WRONGPASS"):
        server.call("AUTH", "bob", "wrong")
    (entry,) = await table.checked.acl_log(1)
    assert (entry.count, entry.reason, entry.object, entry.username) == (1, "auth", "AUTH", "bob")
    assert (entry.client.cmd, entry.extra) == ("auth", {})
