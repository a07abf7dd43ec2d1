"""Servers that refuse, change their role, load, hang or move."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from redpoll import AuthenticationFailed, CommandTimeout, NotSent, OutcomeUnknown, Redis, RedisError, ServerError
from redpoll.errors import Busy, Loading, MasterDown, MisConfigured, NoPermission, NoReplicas, OutOfMemory, ReadOnly
from redpoll.reconnect import Reconnect
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, checked, eventually, failure, results, turns, within
from tests.fault.fake_server import LOADING, FakeServer, On, Times
from tests.fault.proxy import FaultProxy

QUICK = Reconnect(initial=0.01, max=0.05)


async def test_a_wrong_password_is_told_at_once_and_not_tried_in_a_circle(
    valkey: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">other", "~*", "&*", "+@all")
    with FaultProxy(valkey.host, valkey.port) as proxy:
        async with Redis(proxy.host, proxy.port, username="app", password="canary") as r:
            begin = time.monotonic()
            for _ in range(50):
                error = await failure(r.incr("n"), AuthenticationFailed, "not_run")
                assert "canary" not in f"{error}{error!r}"
            assert proxy.connections() <= 1 + (time.monotonic() - begin)
            valkey.call("ACL", "SETUSER", "app", ">canary")
            assert await eventually(lambda: r.incr("n"), AuthenticationFailed) == 1
    assert "canary" not in caplog.text


async def test_credentials_are_asked_for_each_connection(valkey: EmbeddedServer) -> None:
    valkey.call("ACL", "SETUSER", "app", "on", ">one", "~*", "&*", "+@all")
    asked: list[str] = []
    password = "one"

    async def credentials() -> tuple[str, str]:
        asked.append(password)
        return "app", password

    with FaultProxy(valkey.host, valkey.port) as proxy:
        async with Redis(proxy.host, proxy.port, credentials=credentials, reconnect=QUICK) as r:
            assert await r.acl_whoami() == "app"
            valkey.call("ACL", "SETUSER", "app", "<one", ">two")
            password = "two"
            proxy.cut()
            assert await within(r.acl_whoami()) == "app"
    assert asked == ["one", "two"]


async def test_credentials_that_fail_tell_no_secret() -> None:
    def credentials() -> Any:
        raise RuntimeError("canary")

    with FakeServer() as server:
        async with Redis(server.host, server.port, credentials=credentials) as r:
            error = await failure(r.incr("n"), AuthenticationFailed, "not_run")
            assert "canary" not in f"{error}{error!r}{error.__cause__!r}"
            assert server.connections() == 0


async def test_a_server_that_loads() -> None:
    """A new client connects, and its calls wait within their time; whose time is too short is told why."""
    slow: Any = {"enable-debug-command": "yes", "key-load-delay": 3000, "loading-process-events-interval-bytes": 1024}
    with EmbeddedServer(options={**slow, "rdbcompression": False}) as server:
        async with Redis(server.host, server.port, command_timeout=20) as r:
            async with r.pipeline() as p:
                for number in range(400):
                    p.set(f"k{number}", str(number) * 1000)
            reloading = asyncio.create_task(r.using(timeout=None).execute("DEBUG", "RELOAD"))
            async with Redis(server.host, server.port, command_timeout=20) as other:
                await eventually_refused(other.using(timeout=0.1), Loading)
                begin = time.monotonic()
                error = await failure(other.using(timeout=0.1).incr("n"), Loading, "not_run")
                assert time.monotonic() - begin < 0.1 + PROMPT
                assert error.command == "INCR"
                assert await within(other.incr("n"), 20) == 1
                assert await within(other.batch(lambda p: (p.incr("n"), p.get("k1"))), 20) == (2, "1" * 1000)
            assert await within(reloading, 20) == "OK"


@pytest.mark.parametrize("refusal", [LOADING, b"-BUSY script\r\n", b"-MASTERDOWN link\r\n", b"-TRYAGAIN later\r\n"])
async def test_a_refusal_is_retried(refusal: bytes) -> None:
    with FakeServer(answers={"INCR": [Times(3, [refusal])]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await within(r.incr("n")) == 1
            assert server.count("INCR") == 4
            assert server.count_applied("INCR") == 1


async def test_a_refusal_is_retried_until_the_deadline() -> None:
    with FakeServer(answers={"INCR": [LOADING]}) as server:
        async with Redis(server.host, server.port, command_timeout=0.3) as r:
            begin = time.monotonic()
            await failure(r.incr("n"), Loading, "not_run")
            assert time.monotonic() - begin < 0.3 + PROMPT
            assert 2 <= server.count("INCR") <= 100


async def test_refused_calls_go_out_again_in_their_order() -> None:
    with FakeServer(answers={"RPUSH": [Times(20, [LOADING])]}) as server:
        async with Redis(server.host, server.port) as r:
            assert await results(r.rpush("l", number) for number in range(10)) == [*range(1, 11)]
            assert server.store.lists[b"l"] == [b"%d" % number for number in range(10)]


async def test_a_refusal_is_not_retried_for_scripts() -> None:
    with FakeServer(answers={"EVAL": [LOADING]}) as server:
        async with Redis(server.host, server.port) as r:
            await results([r.eval("return 1", [])])
            assert server.count("EVAL") == 1


async def test_readonly_goes_to_the_new_primary_by_the_same_address(
    pair: tuple[EmbeddedServer, EmbeddedServer],
) -> None:
    primary, replica = pair
    with FaultProxy(primary.host, primary.port) as proxy:
        async with Redis(proxy.host, proxy.port, reconnect=QUICK) as r:
            assert await r.incr("n") == 1
            replica.call("REPLICAOF", "NO", "ONE")
            primary.call("REPLICAOF", replica.host, replica.port)
            proxy.target = (replica.host, replica.port)  # as the name now leads elsewhere
            assert await within(r.incr("n")) == 2
            assert proxy.connections() == 2, "one connection anew"
            assert await results(r.incr("n") for _ in range(20)) == [*range(3, 23)]


async def test_readonly_on_the_new_connection_too(pair: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    _, replica = pair
    with FaultProxy(replica.host, replica.port) as proxy:
        async with Redis(proxy.host, proxy.port) as r:
            begin = time.monotonic()
            for error in await results(r.incr("n") for _ in range(20)):
                checked(error, ReadOnly, "not_run")
            await failure(r.incr("n"), ReadOnly, "not_run")
            assert proxy.connections() <= 2 + (time.monotonic() - begin), "at most one anew a second"


async def test_a_batch_across_a_promotion_keeps_its_order(pair: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    """Nothing of a batch that was refused goes out again behind a later command of it that ran."""
    _, replica = pair
    async with Redis(replica.host, replica.port, command_timeout=30) as r:
        p = r.pipeline(raise_on_error=False)
        for number in range(20_000):
            p.set("k", str(number))
        running = asyncio.create_task(p.execute())
        await asyncio.sleep(0.02)
        await r.execute("REPLICAOF", "NO", "ONE")
        told = await within(running, 30)
        ran = [number for number, result in enumerate(told) if result is True]
        # Of a chunk that the server refused in part the rest is told so; chunks behind it were not sent any more.
        refused = [checked(result, RedisError, "not_run") for result in told if result is not True]
        assert {type(error) for error in refused} <= {ReadOnly, NotSent}
        assert len(ran) + len(refused) == 20_000
        if ran:
            assert await r.get("k") == str(ran[-1])


async def test_masterdown(pair: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    primary, replica = pair
    replica.call("CONFIG", "SET", "replica-serve-stale-data", "no")
    primary.kill()
    async with Redis(replica.host, replica.port, command_timeout=0.3, reconnect=QUICK) as r:
        await eventually_refused(r, MasterDown)
        await failure(r.get("k"), MasterDown, "not_run")
        waiting = asyncio.create_task(r.using(timeout=20).get("k"))
        await turns()
        replica.call("CONFIG", "SET", "replica-serve-stale-data", "yes")
        assert await within(waiting, 20) is None


async def eventually_refused(r: Redis, kind: type[ServerError]) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await r.get("k")
            except kind:
                return
            except CommandTimeout:
                pass
            await asyncio.sleep(0.02)


async def test_a_script_that_runs(valkey: EmbeddedServer) -> None:
    valkey.call("CONFIG", "SET", "busy-reply-threshold", 10)
    async with (
        Redis(valkey.host, valkey.port, command_timeout=10) as busy,
        Redis(valkey.host, valkey.port, command_timeout=10) as r,
    ):
        await r.ping()
        running = asyncio.create_task(busy.eval("while true do end", []))
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        (error,) = await results([r.using(timeout=0.2).incr("n")])
        assert time.monotonic() - begin < 0.2 + PROMPT
        assert isinstance(error, Busy | CommandTimeout)
        assert error.outcome == ("not_run" if isinstance(error, Busy) else "unknown")
        waiting = asyncio.create_task(r.incr("n"))
        await asyncio.sleep(0.05)
        assert await within(r.script_kill()) is True
        assert await within(waiting) in ({1} if isinstance(error, Busy) else {1, 2})
        (error,) = await results([running])
        assert isinstance(error, ServerError)


@pytest.mark.parametrize(
    ("option", "value", "back", "kind"),
    [("maxmemory", 1, 0, OutOfMemory), ("min-replicas-to-write", 1, 0, NoReplicas)],
)
async def test_refusals_that_do_not_pass_are_told_at_once(
    valkey: EmbeddedServer, option: str, value: int, back: int, kind: type[ServerError]
) -> None:
    with FaultProxy(valkey.host, valkey.port) as proxy:
        async with Redis(proxy.host, proxy.port) as r:
            await r.ping()
            valkey.call("CONFIG", "SET", option, value)
            try:
                await failure(r.set("k", "v"), kind, "not_run")
            finally:
                valkey.call("CONFIG", "SET", option, back)
            assert proxy.to_server.arrived(b"\r\nSET\r\n") == 1


@pytest.mark.parametrize(("reply", "kind"), [(b"MISCONF x", MisConfigured), (b"NOPERM x", NoPermission)])
async def test_other_refusals_are_told_at_once(reply: bytes, kind: type[ServerError]) -> None:
    with FakeServer(answers={"INCR": [b"-" + reply + b"\r\n"]}) as server:
        async with Redis(server.host, server.port) as r:
            await failure(r.incr("n"), kind, "not_run")
            assert server.count("INCR") == 1


async def test_the_name_is_resolved_for_each_connection(
    valkey: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(valkey.host, valkey.port) as one, FaultProxy(valkey.host, valkey.port) as two:
        leads_to = one
        loop = asyncio.get_running_loop()
        resolve = loop.getaddrinfo

        async def resolved(host: Any, port: Any, **options: Any) -> Any:
            if host == "redis.test":
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to.host, leads_to.port))]
            return await resolve(host, port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", resolved)
        async with Redis("redis.test", 6379, reconnect=QUICK) as r:
            assert await r.incr("n") == 1
            leads_to = two
            one.cut()
            assert await within(r.get("n")) == "1"
            assert (one.connections(), two.connections()) == (1, 1)


async def test_a_stopped_server_is_noticed_by_its_silence(valkey: EmbeddedServer) -> None:
    """The default timeouts, scaled down: the write may have run, the read goes to the next connection."""
    with FaultProxy(valkey.host, valkey.port) as proxy:
        lost: list[str] = []
        async with Redis(
            proxy.host,
            proxy.port,
            command_timeout=20,
            read_timeout=0.4,
            health_check=0.1,
            on_disconnect=lambda reason: lost.append(reason.message),
        ) as r:
            await r.set("k", "v")
            valkey.pause()
            waiting = asyncio.gather(r.get("k"), r.incr("n"), return_exceptions=True)
            await proxy.wait_closed()
            valkey.resume()
            read, write = await within(waiting)
            assert read == "v"
            checked(write, OutcomeUnknown, "unknown")
            assert "read_timeout" in lost[0]


async def test_loading_behind_a_script_is_not_retried() -> None:
    loading = b"-LOADING dataset\r\n"
    with FakeServer([[On("EVALSHA", loading)]]) as server:
        async with Redis(server.host, server.port) as r:
            await failure(r.evalsha("0" * 40, []), Loading, "unknown")
            assert server.count("EVALSHA") == 1
