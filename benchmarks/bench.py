"""Measures redpoll's CPU time a command as a multiple of the yardstick's, and its import time.

``python -m benchmarks.bench [--seconds N] [--uvloop]``. It starts a server of its own. The rounds of all contestants
are interleaved, so that what else runs on the machine hits them alike; the figure is the median of the rounds' ratios.
CPU time is the client process's, the server's does not count.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import hiredis

from redpoll import Redis, Subscription
from redpoll.testing import EmbeddedServer

from . import yardstick

Round = Callable[[], Awaitable[int]]  # runs once, gives the number of commands


@dataclass
class Case:
    name: str
    bare: Round
    ours: Round
    goal: float | None = None


async def _spread(tasks: int, each: int, one: Callable[[], Awaitable[object]]) -> int:
    async def run() -> None:
        for _ in range(each):
            await one()

    await asyncio.gather(*(run() for _ in range(tasks)))
    return tasks * each


def _batch(bare: yardstick.Yardstick, r: Redis, count: int) -> tuple[Round, Round]:
    async def theirs() -> int:
        futures = [bare.call("GET", "key") for _ in range(count)]
        for future in futures:
            await future
        return count

    async def ours() -> int:
        async with r.pipeline() as p:
            for _ in range(count):
                p.get("key")
        return count

    return theirs, ours


def _transaction(bare: yardstick.Yardstick, r: Redis) -> tuple[Round, Round]:
    async def theirs() -> int:
        futures = [bare.call("MULTI"), *(bare.call("GET", "key") for _ in range(100)), bare.call("EXEC")]
        for future in futures:
            await future
        return 100

    async def ours() -> int:
        async with r.transaction() as tx:
            for _ in range(100):
                tx.get("key")
        return 100

    return theirs, ours


def cases(bare: yardstick.Yardstick, r: Redis) -> list[Case]:
    big = "x" * (1 << 20)

    def get(tasks: int, each: int) -> tuple[Round, Round]:
        return (
            lambda: _spread(tasks, each, lambda: bare.call("GET", "key")),
            lambda: _spread(tasks, each, lambda: r.get("key")),
        )

    return [
        Case("GET, 1,000 tasks", *get(1000, 10), goal=1.5),
        Case("GET, 50 tasks", *get(50, 100), goal=1.5),
        Case("GET, 1 task", *get(1, 1000), goal=1.25),
        Case("pipeline of 1,000 GET", *_batch(bare, r, 1000)),
        Case("pipeline of 100 GET", *_batch(bare, r, 100), goal=1.4),
        Case("MULTI, 100 GET, EXEC", *_transaction(bare, r), goal=1.6),
        Case(
            "SET of 1 MiB, 1 task",
            lambda: _spread(1, 50, lambda: bare.call("SET", "big", big)),
            lambda: _spread(1, 50, lambda: r.set("big", big)),
        ),
    ]


MESSAGES = 20_000
PUBLISH = "for _ = 1, ARGV[1] do redis.call('PUBLISH', ARGV[2], ARGV[3]) end"  # so that it is no work of this process


class Pushes(asyncio.Protocol):
    """The least that a subscriber can do: read each push as text and count it."""

    def __init__(self) -> None:
        self.reader = hiredis.Reader(encoding="utf-8")
        self.left = 2  # the replies to HELLO and SUBSCRIBE
        self.done = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while self.reader.gets() is not False:
            self.left -= 1
        if self.left <= 0:
            self.done.set()


async def messages(server: EmbeddedServer, r: Redis, sub: Subscription) -> Case:
    transport, pushes = await asyncio.get_running_loop().create_connection(Pushes, server.host, server.port)
    transport.write(hiredis.pack_command(("HELLO", 3)) + hiredis.pack_command(("SUBSCRIBE", "bare")))
    await pushes.done.wait()

    async def publish(channel: str) -> int:
        await r.eval(PUBLISH, 0, MESSAGES, channel, "x" * 64)
        return MESSAGES

    async def count() -> int:
        pushes.left = MESSAGES
        pushes.done.clear()
        await publish("bare")
        await pushes.done.wait()
        return MESSAGES

    async def read() -> int:
        left = await publish("ours")
        async for _ in sub:
            left -= 1
            if not left:
                break
        return MESSAGES

    return Case("message to async for", count, read)


async def measure(server: EmbeddedServer, seconds: float) -> bool:
    bare = await yardstick.connect(server.host, server.port)
    met = True
    async with Redis(server.host, server.port) as r, r.subscribe("ours", buffer=MESSAGES) as sub:
        await r.set("key", "value")
        print(f"{'case':<24}{'bare µs':>10}{'redpoll µs':>12}{'ratio':>8}{'goal':>8}")
        for case in [*cases(bare, r), await messages(server, r, sub)]:
            await case.bare(), await case.ours()
            costs: list[tuple[float, float]] = []
            until = time.monotonic() + seconds
            while time.monotonic() < until or len(costs) < 3:
                costs.append((await _cost(case.bare), await _cost(case.ours)))
            ratio = statistics.median(ours / theirs for theirs, ours in costs)
            theirs, ours = (statistics.median(side) * 1e6 for side in zip(*costs, strict=True))
            met = met and (case.goal is None or ratio <= case.goal)
            goal = "" if case.goal is None else f"{case.goal:.2f}"
            print(f"{case.name:<24}{theirs:>10.1f}{ours:>12.1f}{ratio:>8.2f}{goal:>8}", flush=True)
    bare.transport.abort()
    return met


async def _cost(run: Round) -> float:
    begin = time.process_time()
    count = await run()
    return (time.process_time() - begin) / count


def import_times(rounds: int) -> bool:
    """Compare the CPU time of ``import redpoll`` with ``import redis.asyncio``, each less a bare interpreter's."""
    costs: dict[str, list[float]] = {"pass": [], "import redpoll": [], "import redis.asyncio": []}
    for _ in range(rounds + 1):
        for statement, times in costs.items():
            times.append(_cpu_of(statement))
    # The first round may have had to compile.
    empty, ours, theirs = (statistics.median(times[1:]) * 1e3 for times in costs.values())
    print(f"import redpoll {ours - empty:.0f} ms, redis.asyncio {theirs - empty:.0f} ms of CPU")
    return ours <= theirs


def _cpu_of(statement: str) -> float:
    # With bytecode, as an installed package has it, whatever this process was told.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each case")
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop")
    options = parser.parse_args()
    with EmbeddedServer() as server:
        if options.uvloop:
            import uvloop

            met = uvloop.run(measure(server, options.seconds))
        else:
            met = asyncio.run(measure(server, options.seconds))
    met = import_times(7) and met
    print("all goals met" if met else "a goal was missed")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
