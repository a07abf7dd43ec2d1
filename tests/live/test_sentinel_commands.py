"""The SENTINEL commands on real Sentinels of both kinds: all that they document is called, over both protocols and readers."""

from __future__ import annotations

import dataclasses
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from codegen import generate, naming, since, spec, tested
from redpoll import Redis, ServerError, UsageError
from redpoll.commands import Commands
from redpoll.records.sentinel import CachedInfo, DownVote, Watched, WatchedPrimary
from redpoll.testing import EmbeddedServer
from tests.live.annotations import misfit, shapes

MODES = [(2, True), (2, False), (3, True), (3, False)]
CANDIDATE = "a" * 40
AGES = {
    "info_refresh", "last_hello_message", "last_ok_ping_reply", "last_ping_reply", "last_ping_sent", "link_pending_commands",
    "o_down_time", "offset", "role_reported_time", "s_down_time",
}  # fmt: skip
"""What differs between two looks."""

Made = tuple[str, tuple[Any, ...], dict[str, Any]]
"""A method and its arguments."""


@dataclasses.dataclass(frozen=True)
class Watch:
    """A primary with a replica, watched as ``main`` by two Sentinels; the first watches ``lost``, where nobody is, too."""

    kind: str
    primary: EmbeddedServer
    replica: EmbeddedServer
    sentinel: EmbeddedServer
    other: EmbeddedServer


@pytest.fixture(scope="module", params=["valkey", "redis8"])
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    binary = request.getfixturevalue(request.param).binary
    with ExitStack() as stack:

        def start(**options: Any) -> EmbeddedServer:
            return stack.enter_context(EmbeddedServer(binary, **options))

        primary = start(options={"repl-diskless-sync-delay": 0})
        replica = start(options={"replicaof": ["127.0.0.1", primary.port], "repl-diskless-sync-delay": 0})
        lost = ("sentinel monitor lost 127.0.0.1 1 1", "sentinel down-after-milliseconds lost 50")
        first = monitoring(primary, 2, *lost, "sentinel deny-scripts-reconfig no")
        sentinel = start(config=first, arguments=("--sentinel",))
        other = start(config=monitoring(primary, 2), arguments=("--sentinel",))
        for each in (sentinel, other):
            hasten(each, 100)
        until(lambda: settled(sentinel) and settled(other))
        until(lambda: "-failover-abort-no-good-slave master lost" in sentinel.log)
        for each in (sentinel, other):
            hasten(each, 500)  # they take a promotion back that they have not heard of for four of these periods
        yield Watch(request.param, primary, replica, sentinel, other)


def monitoring(primary: EmbeddedServer, quorum: int, *more: str) -> str:
    return "\n".join([f"sentinel monitor main 127.0.0.1 {primary.port} {quorum}", *more, ""])


def hasten(sentinel: EmbeddedServer, publish: int) -> None:
    """Let a Sentinel ask every tenth of a second, where it would every ten seconds, and publish every so many milliseconds."""
    sentinel.call("SENTINEL", "DEBUG", "info-period", 100, "ping-period", 100, "publish-period", publish)


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def fields(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def state(sentinel: EmbeddedServer, name: str) -> dict[str, str]:
    return fields(sentinel.call("SENTINEL", "MASTER", name))


def settled(sentinel: EmbeddedServer) -> bool:
    """Tell whether a Sentinel is linked to the replica and to the other Sentinel of ``main``."""
    replicas, others = ([*map(fields, sentinel.call("SENTINEL", what, "main"))] for what in ("REPLICAS", "SENTINELS"))
    linked = len(replicas) == len(others) == 1 and "disconnected" not in replicas[0]["flags"] + others[0]["flags"]
    return linked and replicas[0]["master-link-status"] == "ok"


def client(server: EmbeddedServer, protocol: Any = 3, text: bool = True) -> Redis[Any]:
    if text:
        return Redis(server.host, server.port, protocol=protocol)
    return Redis(server.host, server.port, protocol=protocol, decode_responses=False)


async def call(r: Redis[Any], text: bool, method: str, *args: Any, **kwargs: Any) -> Any:
    """Return what a method gives; it must be what it promises, and pickle."""
    value = await getattr(r, method)(*args, **kwargs)
    fitting = [shape for shape in shapes(getattr(Commands, method)) if shape.takes(args, kwargs)]
    assert fitting, (method, args, kwargs)
    for shape in fitting:
        assert misfit(value, shape.returns, str if text else bytes) == "", method
    assert pickle.loads(pickle.dumps(value)) == value
    return value


def steady(value: Any) -> Any:
    """Return a value without what differs between two looks."""
    if isinstance(value, list):
        return [steady(item) for item in value]
    if isinstance(value, dict):
        return {name: steady(item) for name, item in value.items()}
    if isinstance(value, Watched):
        names = {field.name for field in dataclasses.fields(value)} & AGES
        still: dict[str, Any] = {name: 0 for name in names if getattr(value, name) is not None}
        return dataclasses.replace(value, **still)
    return value.info and value.info["run_id"] if isinstance(value, CachedInfo) else value


async def all_same(watch: Watch, calls: list[Made]) -> list[Any]:
    """Make the calls, in their order, in each mode; return the values, on which all modes agree."""
    values: list[list[Any]] = []
    for protocol, text in MODES:
        async with client(watch.sentinel, protocol, text) as r:
            values.append([await call(r, text, method, *args, **kwargs) for method, args, kwargs in calls])
    for made, first, *others in zip(calls, *values, strict=True):
        assert [steady(value) for value in others] == [steady(first)] * 3, made
    return values[0]


async def same(watch: Watch, method: str, *args: Any, **kwargs: Any) -> Any:
    """Return the value of one call, on which all modes agree."""
    return (await all_same(watch, [(method, args, kwargs)]))[0]


def calls(watch: Watch) -> list[Made]:
    """Return calls of every method but ``sentinel_failover`` that leave all as it was."""
    main = ("127.0.0.1", watch.primary.port)
    found: list[Made] = [
        ("ckquorum", ("main",), {}),
        ("config", (), {"get": "*"}),
        ("config", (), {"get": ["announce-*", "loglevel"]}),
        ("config", (), {"set": {"announce-port": 0, "loglevel": "notice"}}),
        ("debug", (), {}),
        ("debug", ({"info-period": 100, "ping-period": 100},), {}),
        ("flushconfig", (), {}),
        ("get_master_addr_by_name", ("main",), {}),
        ("get_master_addr_by_name", ("nobody",), {}),
        ("help", (), {}),
        ("info_cache", ("main", "lost"), {}),
        ("info_cache", ("nobody",), {}),
        ("is_master_down_by_addr", (*main, 0), {}),
        ("is_master_down_by_addr", ("127.0.0.1", 1, 0), {}),
        ("is_master_down_by_addr", (*main, 1, CANDIDATE), {}),
        ("master", ("main",), {}),
        ("masters", (), {}),
        ("monitor", ("third", "127.0.0.1", watch.other.port, 1), {}),
        ("remove", ("third",), {}),
        ("myid", (), {}),
        ("pending_scripts", (), {}),
        ("replicas", ("main",), {}),
        ("reset", ("no*",), {}),
        ("sentinels", ("main",), {}),
        ("set", ("main", {"quorum": 2, "parallel-syncs": 1}), {}),
        ("set", ("main", "quorum", 2), {}),
        ("set", ("main",), {"rename_command": {"PING": "PING"}}),
        ("set", ("main",), {"mapping": {"failover-timeout": 180_000}, "rename_command": {"PING": "PING"}}),
        ("simulate_failure", (), {"help": True}),
        ("slaves", ("main",), {}),
    ]
    if watch.kind == "valkey":
        found += [
            ("get_primary_addr_by_name", ("main",), {}),
            ("is_primary_down_by_addr", (*main, 0), {}),
            ("primaries", (), {}),
            ("primary", ("main",), {}),
        ]
    return [(f"sentinel_{method}", args, kwargs) for method, args, kwargs in found]


async def test_all_that_a_sentinel_documents(watch: Watch) -> None:
    commands = spec.load(generate.ROOT / "commands.json")
    (server,) = [
        each for each in tested.load() if each.only and (each.provider == "valkey") == (watch.kind == "valkey")
    ]
    listed = {str(name).upper().replace("|", " ") for name in watch.sentinel.call("COMMAND", "LIST")}
    documented = {name for name in listed if name.startswith("SENTINEL ")}
    assert server.version == since.numbers(watch.sentinel.version)
    assert documented | {"SENTINEL"} == {name for name, command in commands.items() if server.has(command)}
    called = {method for method, _, _ in calls(watch)} | {"sentinel_failover"}
    assert called == {naming.method_name(name) for name in documented}
    await all_same(watch, calls(watch))


async def test_what_a_sentinel_knows(watch: Watch) -> None:
    main, lost = sorted(await same(watch, "sentinel_masters"), key=lambda primary: primary.name == "lost")
    assert (main.name, main.ip, main.port, main.flags) == ("main", "127.0.0.1", watch.primary.port, ("master",))
    assert (main.quorum, main.replicas, main.sentinels, main.role_reported) == (2, 1, 1, "master")
    assert (main.failover_state, main.s_down_time, main.is_down, main.extra) == (None, None, False, {})
    assert 0 <= main.info_refresh < 60_000
    assert {"s_down", "o_down", "master"} <= set(lost.flags)
    assert (lost.is_down, lost.down_after_milliseconds, lost.runid) == (True, 50, "")
    assert lost.s_down_time >= lost.o_down_time >= 0
    assert steady(await same(watch, "sentinel_master", "main")) == steady(main)
    (replica,) = await same(watch, "sentinel_replicas", "main")
    assert replica.name == f"127.0.0.1:{watch.replica.port}"
    assert (replica.primary_host, replica.primary_port) == ("127.0.0.1", watch.primary.port)
    assert (replica.primary_link_up, replica.priority, replica.announced, replica.extra) == (True, 100, True, {})
    assert replica.offset > 0
    assert [steady(replica)] == steady(await same(watch, "sentinel_slaves", "main"))
    (other,) = await same(watch, "sentinel_sentinels", "main")
    assert (other.port, other.runid, other.flags) == (watch.other.port, other.name, ("sentinel",))
    assert (other.voted_leader_epoch, other.extra) == (0, {})
    async with client(watch.other) as r:
        assert await r.sentinel_myid() == other.runid
    cache = await same(watch, "sentinel_info_cache", "main", "lost")
    assert [report.info and report.info["tcp_port"] for report in cache["main"]] == [
        watch.primary.port,
        watch.replica.port,
    ]
    assert cache["lost"] == [CachedInfo(0, None)]
    assert 0 <= cache["main"][0].age < 60_000


async def test_questions_and_settings(watch: Watch) -> None:
    address = ("127.0.0.1", watch.primary.port)
    assert await same(watch, "sentinel_get_master_addr_by_name", "main") == address
    assert await same(watch, "sentinel_get_master_addr_by_name", "nobody") is None
    assert (await same(watch, "sentinel_ckquorum", "main")).startswith("OK 2 usable Sentinels")
    assert await same(watch, "sentinel_is_master_down_by_addr", *address, 0) == DownVote(False, None, 0)
    assert await same(watch, "sentinel_is_master_down_by_addr", "127.0.0.1", 1, 0) == DownVote(True, None, 0)
    voted = await same(watch, "sentinel_is_master_down_by_addr", *address, 1, CANDIDATE)
    assert voted == DownVote(False, CANDIDATE, 1)
    times = await same(watch, "sentinel_debug")
    assert (times["INFO-PERIOD"], times["TILT-TRIGGER"]) == (100, 2000)
    assert await same(watch, "sentinel_config", get="announce-port") == {"announce-port": "0"}
    assert await same(watch, "sentinel_reset", "no*") == 0
    assert await same(watch, "sentinel_simulate_failure", help=True) == [
        "crash-after-election",
        "crash-after-promotion",
    ]
    async with client(watch.sentinel) as r:
        assert await r.sentinel_config(set={"announce-port": 26_379}) is True
        assert await r.sentinel_config(get=["announce-port", "resolve-*"]) == {
            "announce-port": "26379",
            "resolve-hostnames": "no",
        }
        assert await r.sentinel_config(set={"announce-port": 0}) is True
        assert await r.sentinel_debug({"tilt-trigger": 2001}) is True
        assert (await r.sentinel_debug())["TILT-TRIGGER"] == 2001
        assert await r.sentinel_debug({"tilt-trigger": 2000}) is True
        assert await r.sentinel_monitor("third", "127.0.0.1", watch.other.port, 1) is True
        assert await r.sentinel_set("third", {"quorum": 3, "failover-timeout": 1000}) is True
        changed = await r.sentinel_master("third")
        assert (changed.port, changed.quorum, changed.failover_timeout) == (watch.other.port, 3, 1000)
        assert await r.sentinel_set("third", "quorum", 2) is True
        assert (await r.sentinel_master("third")).quorum == 2
        assert await r.sentinel_reset("thi*") == 1
        assert await r.sentinel_remove("third") is True


async def test_a_pipeline_gives_the_same(watch: Watch) -> None:
    async with client(watch.sentinel) as r, r.pipeline() as p:
        known, where, times = p.sentinel_masters(), p.sentinel_get_master_addr_by_name("main"), p.sentinel_debug()
    assert {primary.name for primary in known.result()} == {"main", "lost"}
    assert where.result() == ("127.0.0.1", watch.primary.port)
    assert times.result()["INFO-PERIOD"] == 100


async def test_what_is_refused(watch: Watch) -> None:
    async with client(watch.sentinel) as r:
        with pytest.raises(ServerError, match="No such"):
            await r.sentinel_master("nobody")
        with pytest.raises(ServerError) as found:
            await r.sentinel_failover("lost")
        assert found.value.code == "NOGOODSLAVE"
        with pytest.raises(ServerError, match="Duplicate"):
            await r.sentinel_monitor("main", "127.0.0.1", 1, 1)
        with pytest.raises(UsageError, match="crash_after_election, crash_after_promotion or help"):
            await r.sentinel_simulate_failure()
        no_names: tuple[Any, ...] = ({}, "CONFIG")
        for names in no_names:
            with pytest.raises(UsageError, match="rename_command"):
                await r.sentinel_set("main", rename_command=names)
        with pytest.raises(UsageError, match="a mapping, or a option"):
            await r.sentinel_set("main")  # type: ignore[call-overload]  # that is refused


async def test_scripts_that_wait_and_run(watch: Watch, tmp_path: Path) -> None:
    gate, script = tmp_path / "gate", tmp_path / "notify"
    gate.touch()
    script.write_text(f"#!/bin/sh\nwhile [ -e '{gate}' ]; do sleep 0.05; done\n", encoding="utf-8")
    script.chmod(0o700)
    try:
        async with client(watch.sentinel) as r:
            assert await r.sentinel_set("lost", {"notification-script": str(script)})
            assert (await r.sentinel_master("lost")).notification_script == str(script)
            await r.sentinel_set("lost", "quorum", 1)  # an event that calls the script
        until(lambda: any("running" in each for each in watch.sentinel.call("SENTINEL", "PENDING-SCRIPTS")))
        for protocol, text in MODES:
            async with client(watch.sentinel, protocol, text) as r:
                pending = await call(r, text, "sentinel_pending_scripts")
            first = next(each for each in pending if each.running)
            assert (first.argv[0], first.argv[1], first.retry_num) == (str(script), "+set", 1)
            assert first.pid > 0
            assert (first.run_delay, first.extra) == (None, {})
            assert 0 <= first.run_time < 60_000
    finally:
        gate.unlink()
        watch.sentinel.call("SENTINEL", "SET", "lost", "notification-script", "")
        until(lambda: not watch.sentinel.call("SENTINEL", "PENDING-SCRIPTS"))


async def test_failover(watch: Watch) -> None:
    def moved(server: EmbeddedServer) -> bool:
        here = all(state(each, "main")["port"] == str(server.port) for each in (watch.sentinel, watch.other))
        return here and settled(watch.sentinel) and "failover-state" not in state(watch.sentinel, "main")

    async with client(watch.sentinel, 2) as r:
        assert await call(r, True, "sentinel_failover", "main") is True
        until(lambda: moved(watch.replica))
        assert await r.sentinel_get_master_addr_by_name("main") == ("127.0.0.1", watch.replica.port)
        primary = await r.sentinel_master("main")
        assert isinstance(primary, WatchedPrimary)
        assert primary.config_epoch > 0
    options = {"coordinated": True} if watch.kind == "valkey" else {}
    async with client(watch.sentinel, 3, text=False) as r:
        assert await call(r, False, "sentinel_failover", "main", **options) is True
        until(lambda: moved(watch.primary))
        assert await r.sentinel_get_master_addr_by_name("main") == ("127.0.0.1", watch.primary.port)


async def test_a_simulated_crash(watch: Watch) -> None:
    with EmbeddedServer(
        watch.sentinel.binary, config=monitoring(watch.primary, 1), arguments=("--sentinel",)
    ) as doomed:
        hasten(doomed, 500)
        until(lambda: settled_replica(doomed))
        async with client(doomed) as r:
            assert await call(r, True, "sentinel_simulate_failure", crash_after_election=True) is True
            assert await r.sentinel_failover("main") is True
        until(lambda: not doomed.alive)


def settled_replica(sentinel: EmbeddedServer) -> bool:
    replicas = [*map(fields, sentinel.call("SENTINEL", "REPLICAS", "main"))]
    return any(each["flags"] == "slave" and each["master-link-status"] == "ok" for each in replicas)
