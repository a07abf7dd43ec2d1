"""Callers who give up, race, leave, or call from where they must not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from redpoll import ClientClosed, CommandTimeout, NotSent, OutcomeUnknown, Redis, RedisError, WrongLoop
from redpoll.testing import EmbeddedServer
from tests.fault.expect import PROMPT, blocked, failure, results, turns, within
from tests.fault.fake_server import FakeServer, On, Own, Pause
from tests.fault.proxy import FaultProxy

SOURCE = Path(__file__).parents[2] / "src"


async def _pipeline(r: Redis) -> list[Any]:
    p = r.pipeline()
    for _ in range(3):
        p.incr("n")
    return await p.execute()


OPERATIONS: dict[str, Callable[[Redis], Awaitable[Any]]] = {
    "get": lambda r: r.get("k"),
    "incr": lambda r: r.incr("n"),
    "large": lambda r: r.set("large", b"x" * (2 << 20)),
    "pipeline": _pipeline,
    "batch": lambda r: r.batch(lambda p: (p.incr("n"), p.get("k"))),
    "blpop": lambda r: r.blpop("none", timeout=0.01),
    "hmget": lambda r: r.hmget("h", ["a", "b"]),
}


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("name", OPERATIONS)
async def test_cancel_at_every_await(valkey: EmbeddedServer, name: str, connected: bool) -> None:
    """A call is cancelled after 0, 1, 2 … turns of the loop; all others are served, and in step."""
    tasks = set(asyncio.all_tasks())
    cancelled = 0
    r = Redis(valkey.host, valkey.port)
    for turn in range(40):
        if not connected:
            await r.aclose()
            r = Redis(valkey.host, valkey.port)
        before = [asyncio.ensure_future(r.echo(f"before {turn} {number}")) for number in range(2)]
        task = asyncio.ensure_future(OPERATIONS[name](r))
        after = [asyncio.ensure_future(r.echo(f"after {turn} {number}")) for number in range(2)]
        await turns(turn)
        task.cancel()
        try:
            await within(task)
        except asyncio.CancelledError:
            cancelled += 1
        assert await within(asyncio.gather(*before)) == [f"before {turn} 0", f"before {turn} 1"]
        assert await within(asyncio.gather(*after)) == [f"after {turn} 0", f"after {turn} 1"]
        assert await within(r.echo(f"late {turn}")) == f"late {turn}"
    assert cancelled > 0
    await r.aclose()
    assert asyncio.all_tasks() == tasks


async def test_cancel_the_first_of_those_who_wait_for_the_connection(proxy: FaultProxy) -> None:
    proxy.to_client.hold(which="next")
    async with Redis(proxy.host, proxy.port) as r:
        first = asyncio.create_task(r.incr("n"))
        others = asyncio.gather(*(r.incr("n") for _ in range(5)))
        await proxy.to_server.wait_arrived(b"HELLO")
        first.cancel()
        await turns()
        assert first.cancelled()
        proxy.to_client.release()
        assert await within(others) == [1, 2, 3, 4, 5]
        assert proxy.connections() == 1


async def test_cancel_all_while_the_reply_is_late(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        proxy.to_client.hold()
        calls = [asyncio.create_task(r.incr("n")) for _ in range(100)]
        kept = asyncio.create_task(r.echo("kept"))
        await proxy.to_server.wait_passed(b"ECHO")
        for call in calls:
            call.cancel()
        await turns()
        proxy.to_client.release()
        assert await within(kept) == "kept"
        assert all(call.cancelled() for call in calls)
        assert await within(r.incr("n")) == 101
        assert proxy.connections() == 1


@pytest.mark.parametrize("size", [3, 2500])
async def test_cancel_a_pipeline_on_its_way(proxy: FaultProxy, valkey: EmbeddedServer, size: int) -> None:
    """What was sent of it runs, its replies are dropped, the rest is never sent; the connection stays."""
    async with Redis(proxy.host, proxy.port, max_inflight=1000) as r:
        await r.ping()
        proxy.to_client.hold()
        p = r.pipeline()
        for number in range(size):
            p.rpush("l", number)
        running = asyncio.create_task(p.execute())
        sent = min(size, 1000)
        await proxy.to_server.wait_passed(b"RPUSH", sent)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await within(running, PROMPT)
        others = asyncio.gather(r.echo("mine"), r.incr("n"), r.llen("l"))
        await turns()
        proxy.to_client.release()
        assert await within(others) == ["mine", 1, sent]
        assert valkey.call("LRANGE", "l", 0, -1) == [str(number) for number in range(sent)]
        assert proxy.connections() == 1


@pytest.mark.parametrize("turn", [0, 1, 4, 9])
async def test_cancel_a_close(valkey: EmbeddedServer, turn: int) -> None:
    """Closing goes on without the one who asked for it, and leaves nothing."""
    tasks = set(asyncio.all_tasks())
    r = Redis(valkey.host, valkey.port)
    calls = [asyncio.ensure_future(call) for call in (r.incr("n"), r.blpop("q", timeout=0))]
    await turns(turn)
    closing = asyncio.create_task(r.aclose())
    await turns(turn % 4)
    closing.cancel()
    await within(asyncio.gather(closing, return_exceptions=True), PROMPT)
    await within(r.aclose(), 1 + PROMPT)
    for got in await results(calls):
        assert got == 1 or isinstance(got, NotSent | OutcomeUnknown | ClientClosed), got
    await failure(r.incr("n"), ClientClosed, "not_run")
    assert asyncio.all_tasks() == tasks


async def test_cancel_blpop_then_rpush(proxy: FaultProxy, valkey: EmbeddedServer) -> None:
    """Cancelling closes the connection; as soon as the server has noticed, nothing is popped for nobody."""
    async with Redis(proxy.host, proxy.port) as r:
        await r.ping()
        for _ in range(10):
            popping = asyncio.create_task(r.blpop("q", timeout=0))
            await blocked(valkey, 1)
            popping.cancel()
            await turns()
            assert popping.cancelled()
            await blocked(valkey, 0)
            assert await within(r.rpush("q", "a")) == 1
            assert await within(r.llen("q")) == 1
            assert await within(r.blpop("q", timeout=1)) == ("q", "a")
        assert await within(r.echo("x")) == "x"


async def test_cancel_while_leasing(valkey: EmbeddedServer) -> None:
    """Places among the leased connections come back, wherever the one who holds or awaits one gives up."""
    async with Redis(valkey.host, valkey.port, max_leased=2) as r:
        for turn in range(0, 40, 4):
            calls = [asyncio.ensure_future(r.blpop("none", timeout=0.01)) for _ in range(4)]
            await turns(turn)
            calls[turn // 4 % 4].cancel()
            got = await results(calls)
            assert [each for each in got if each is not None and not isinstance(each, asyncio.CancelledError)] == []
        both = [asyncio.ensure_future(r.blpop("q", timeout=0)) for _ in range(2)]
        await blocked(valkey, 2)
        await r.rpush("q", "a", "b")
        assert sorted(await results(both)) == [("q", "a"), ("q", "b")]


async def test_the_timeout_races_the_reply() -> None:
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    with FakeServer(answers={"GET": [Pause(0.004), Own()]}) as server:
        server.store.strings[b"k"] = b"v"
        async with Redis(server.host, server.port) as r:
            values = timeouts = 0
            for turn in range(150):
                timeout = 0.002 + 0.0001 * (turn % 50)  # around the moment at which the reply comes
                for got in await results([r.using(timeout=timeout).get("k"), r.using(timeout=timeout).get("k")]):
                    values += got == "v"
                    timeouts += isinstance(got, CommandTimeout)
                    assert got == "v" or isinstance(got, CommandTimeout)
                assert await within(r.echo(str(turn))) == str(turn)
            assert values
            assert timeouts
            assert server.connections() == 1
    assert problems == []


def _script(body: str, server: EmbeddedServer, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own that uses redpoll; ``PORT`` is the server's port."""
    head = "import asyncio, os, sys, gc, time\nfrom redpoll import *\n"
    return subprocess.run(
        [sys.executable, "-X", "dev", *flags, "-c", head + textwrap.dedent(body).replace("PORT", str(server.port))],
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "use",
    ["await r.get('k')", "await r.blpop('q', timeout=0.01)", "asyncio.ensure_future(r.blpop('q')); await r.get('k')"],
)
def test_the_loop_ends_without_a_close(valkey: EmbeddedServer, use: str) -> None:
    program = """
        async def main():
            r = Redis("127.0.0.1", PORT)
            USE
        asyncio.run(main())
        gc.collect()
        print("done")
    """
    ran = _script(program.replace("USE", use), valkey)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
    assert "ResourceWarning: unclosed" in ran.stderr
    complaints = ("Traceback", "was never", "was destroyed", "Exception ignored", "is closed", "never retrieved")
    assert [line for line in ran.stderr.splitlines() if any(word in line for word in complaints)] == []


def test_a_client_of_leased_connections_only(valkey: EmbeddedServer) -> None:
    """It names the client, as for any other."""
    program = """
        async def main():
            r = Redis("127.0.0.1", PORT)
            await r.blpop("q", timeout=0.01)
        asyncio.run(main())
        gc.collect()
    """
    ran = _script(program, valkey)
    assert "ResourceWarning: unclosed client of 127.0.0.1" in ran.stderr, ran.stderr


def test_the_next_loop_is_served(valkey: EmbeddedServer) -> None:
    program = """
        r = Redis("127.0.0.1", PORT)
        for turn in range(3):
            print(asyncio.run(r.batch(lambda p: (p.incr("n"),))), asyncio.run(r.blpop("q", timeout=0.01)))
        asyncio.run(r.aclose())
    """
    ran = _script(program, valkey)
    assert (ran.returncode, ran.stdout) == (0, "(1,) None\n(2,) None\n(3,) None\n"), ran.stderr
    assert "Traceback" not in ran.stderr


async def test_another_loop_in_another_thread(valkey: EmbeddedServer) -> None:
    async with Redis(valkey.host, valkey.port) as r:
        await r.incr("n")
        caught: list[BaseException] = []

        def other() -> None:
            for call in (lambda: r.incr("n"), lambda: r.blpop("q", timeout=1), lambda: _pipeline(r), r.aclose):
                try:
                    asyncio.run(_awaited(call))
                except BaseException as error:
                    caught.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        while thread.is_alive():  # noqa: ASYNC110  # this loop must go on
            await asyncio.sleep(0.005)
        thread.join()
        assert [type(error) for error in caught] == [WrongLoop] * 4
        assert all(isinstance(error, RedisError) and error.outcome == "not_run" for error in caught)
        assert await within(r.incr("n")) == 2


async def test_another_loop_in_another_thread_while_many_calls_wait(valkey: EmbeddedServer) -> None:
    """The check is cheap for the client's own loop, yet never lets another thread in."""
    async with Redis(valkey.host, valkey.port) as r:
        await r.ping()  # from now on it belongs to this loop
        kinds: set[type] = set()
        stop = threading.Event()

        def other() -> None:
            while not stop.is_set():
                try:
                    asyncio.run(_awaited(lambda: r.incr("n")))
                except WrongLoop as error:
                    kinds.add(type(error))

        thread = threading.Thread(target=other)
        thread.start()
        try:
            for turn in range(200):
                nonces = [f"{turn} {number}" for number in range(20)]
                assert await results(map(r.echo, nonces)) == nonces
        finally:
            stop.set()
            thread.join()
        assert kinds == {WrongLoop}
        assert await within(r.get("n")) is None


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


def test_fork(valkey: EmbeddedServer) -> None:
    """The child gets a clear error for whatever it does; the parent goes on, on the same connection."""
    program = """
        async def used(call):
            try:
                print("child got", repr(await call()), flush=True)
            except RedisError as error:
                print("child", type(error).__name__, error.outcome, flush=True)

        def child_of(r):
            asyncio._set_running_loop(None)
            try:
                for call in (lambda: r.incr("n"), lambda: r.blpop("q", timeout=1), r.aclose):
                    asyncio.run(used(call))
                del r, call
                gc.collect()
            finally:
                os._exit(0)

        async def main():
            r = Redis("127.0.0.1", PORT)
            me = await r.client_id()
            assert await r.blpop("q", timeout=0.01) is None
            child = os.fork()
            if child == 0:
                child_of(r)
            calls = asyncio.gather(*(r.incr("n") for _ in range(10)))
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                await r.echo("x")
            assert await calls == [*range(1, 11)]
            assert await asyncio.wait_for(r.incr("n"), 5) == 11
            assert await r.client_id() == me
            await r.aclose()
            print("parent fine")

        asyncio.run(main())
    """
    ran = _script(program, valkey, "-W", "ignore::DeprecationWarning")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["child WrongLoop not_run"] * 3 + ["parent fine"], ran.stderr
    assert valkey.call("GET", "n") == "11"


def test_fork_within_a_turn(valkey: EmbeddedServer) -> None:
    """Calls wait for the turn's write when the process forks: the child must not pass for the parent."""
    program = """
        async def main():
            r = Redis("127.0.0.1", PORT)
            await r.ping()
            calls = asyncio.gather(*(r.incr("n") for _ in range(10)))
            await asyncio.sleep(0)
            child = os.fork()
            if child == 0:
                asyncio._set_running_loop(None)
                try:
                    async def use():
                        await r.incr("n")
                    asyncio.run(use())
                except BaseException as error:
                    print("child", type(error).__name__, flush=True)
                finally:
                    os._exit(0)
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                await r.echo("x")
            assert await calls == [*range(1, 11)]
            await r.aclose()
            print("parent fine")

        asyncio.run(main())
    """
    ran = _script(program, valkey, "-W", "ignore::DeprecationWarning")
    assert ran.stdout.splitlines() == ["child WrongLoop", "parent fine"], ran.stdout + ran.stderr


async def test_close_while_hung(valkey: EmbeddedServer) -> None:
    r = Redis(valkey.host, valkey.port)
    await r.incr("n")
    valkey.pause()
    calls = [asyncio.ensure_future(call) for call in (r.incr("n"), r.get("n"))]
    await turns()
    begin = time.monotonic()
    await within(r.aclose())
    assert time.monotonic() - begin < 1 + PROMPT
    for error in await results(calls):
        assert isinstance(error, OutcomeUnknown | NotSent | ClientClosed), error
    await failure(r.incr("n"), ClientClosed, "not_run")
    await within(r.aclose())
    valkey.resume()


async def test_close_while_nothing_can_be_written(valkey: EmbeddedServer) -> None:
    with FaultProxy(valkey.host, valkey.port, receive_buffer=4096) as proxy:
        r = Redis(proxy.host, proxy.port)
        await r.ping()
        proxy.to_server.stop_reading()
        large = asyncio.ensure_future(r.set("large", b"x" * (32 << 20)))
        await turns()
        queued = asyncio.ensure_future(r.incr("n"))
        await turns()
        await within(r.aclose(), 1 + PROMPT)
        await failure(large, OutcomeUnknown, "unknown")
        await failure(queued, NotSent, "not_run")


async def test_close_while_dialling(proxy: FaultProxy) -> None:
    proxy.silence()
    r = Redis(proxy.host, proxy.port)
    calls = [asyncio.ensure_future(call) for call in (r.incr("n"), r.get("n"))]
    await proxy.wait_connections(1)
    await within(r.aclose())
    for error in await results(calls):
        assert isinstance(error, NotSent | ClientClosed), error
        assert error.outcome == "not_run"
    await proxy.wait_closed()


async def test_close_waits_for_what_is_in_flight() -> None:
    with FakeServer([[On("INCR", Pause(0.1), Own())]]) as server:
        r = Redis(server.host, server.port)
        await r.ping()
        call = asyncio.ensure_future(r.incr("n"))
        await turns()
        await within(r.aclose())
        assert await within(call) == 1


async def test_a_listener_that_closes_the_client(proxy: FaultProxy) -> None:
    closed = asyncio.Event()

    async def close(_reason: RedisError) -> None:
        await r.aclose()
        closed.set()

    async with Redis(proxy.host, proxy.port, on_disconnect=close) as r:
        await r.ping()
        proxy.cut()
        await within(closed.wait())
        await failure(r.ping(), ClientClosed, "not_run")
