"""Scenarios 3, 13, 46, 48 and 49 for calls that the shared connection does not carry, or not yet."""

from __future__ import annotations

import asyncio
import time

from redpoll import ClientClosed, ConnectionFailed, NotSent, ProtocolViolation, Redis
from redpoll.testing import EmbeddedServer
from tests.fault.expect import checked, results, turns, within
from tests.fault.fake_server import FakeServer
from tests.fault.proxy import FaultProxy
from tests.fault.test_callers import _script


def test_s46_a_client_of_leased_connections_only(valkey: EmbeddedServer) -> None:
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


def test_s48_fork_within_a_turn(valkey: EmbeddedServer) -> None:
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


async def test_s49_close_while_a_leased_connection_is_dialled(proxy: FaultProxy) -> None:
    proxy.silence()
    r = Redis(proxy.host, proxy.port)
    calls = [asyncio.ensure_future(call) for call in (r.incr("n"), r.blpop("q", timeout=0))]
    await proxy.wait_connections(2)
    begin = time.monotonic()
    await within(r.aclose())
    assert time.monotonic() - begin < 2
    for error in await results(calls, seconds=1):
        assert isinstance(error, NotSent | ClientClosed), error
        assert error.outcome == "not_run"
    await turns()
    assert proxy.open_connections() == 0, "closing leaves no connection behind"


async def test_s03_a_leased_call_meets_a_peer_that_does_not_speak_resp() -> None:
    """Nothing of the call was sent, and its error names it, as one on the shared connection does."""
    with FakeServer(greeting=[b"HTTP/1.1 400 Bad Request\r\n\r\n"]) as server:
        async with Redis(server.host, server.port) as r:
            shared, leased = await results([r.incr("n"), r.blpop("q", timeout=1)])
            for error, name in ((shared, "INCR"), (leased, "BLPOP")):
                assert checked(error, ProtocolViolation, "not_run").command == name


async def test_s13_a_leased_calls_error_names_the_call() -> None:
    with FakeServer(answers={"HELLO": [b"+OK\r\n"]}) as server:
        async with Redis(server.host, server.port) as r:
            (error,) = await results([r.blpop("q", timeout=1)])
            assert checked(error, ConnectionFailed, "not_run").command == "BLPOP"
