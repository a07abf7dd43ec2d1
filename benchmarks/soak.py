"""Runs many callers against a real server through a faulty network for as long as told, and checks what they were told.

``python -m benchmarks.soak [--minutes N] [--tasks N] [--seed N] [--calm] [--uvloop]``. It goes in rounds. Within one,
callers ask for nonces, count, append, pop with blocking, send pipelines and give up at random, while the connections are
cut, killed, held up and starved and the server is stopped for a moment. After each round the callers stop and it is
checked that

* every reply was its caller's own;
* what succeeded ran once, what was ``not_run`` never, and what is ``unknown`` at most once;
* each caller's appended values stand in its order;
* nothing popped by a call that succeeded is lost or doubled;
* no task and no open file is left beyond those of the idle client, and memory does not grow.

The exit code is 1 where a check failed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from redpoll import ConnectionFailed, ConnectionLost, Options, Overloaded, Redis, RedisError
from redpoll.testing import EmbeddedServer
from tests.fault.proxy import FaultProxy

_SETTLE = 8.0  # seconds that callers get to end once a round is over
_GROWTH = 8 << 20  # bytes of memory that a run may add …
_TURNS = 5  # … seen from so many turns through the options on, as the heap takes its time to find its size
_MORE_BLOCKS = 5_000  # allocations that a run may add: a call that leaked anything would add 20,000 and more a round
_SHOWN = 10  # of what is wrong in one round
_OPTIONS: tuple[Options, ...] = (
    {},
    {"max_inflight": 4},
    {"health_check": 0.02, "read_timeout": 0.15, "write_timeout": 0.15},
    {"max_inflight": 20, "max_queue": 10, "overflow": "fail"},
    {"offline": "fail"},
    {"protocol": 2},
)
"""What the clients of the rounds are told, in turn."""


class Round:
    """The callers of one round and what each was told."""

    def __init__(self, r: Redis, tasks: int, chance: random.Random) -> None:
        self.r = r
        self.tasks = tasks
        self.chance = chance
        self.over = False
        self.calls = 0
        self.errors: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.outcomes: dict[str, str] = {}  # each appended value → "ok" or an outcome
        self.counts: Counter[str] = Counter()  # of increments: "ok" or an outcome
        self.popped: Counter[str] = Counter()
        self.given_up_pops = 0

    async def told(self, call: Callable[[Redis], object], cancel: bool) -> tuple[str, object]:
        """Run a call; return "ok" and its value, or the outcome and the error. A cancelled call's is unknown."""
        self.calls += 1
        task = asyncio.ensure_future(call(self.r))  # type: ignore[arg-type]  # they all return coroutines
        if cancel:
            for _ in range(self.chance.randrange(12)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            return "ok", await task
        except asyncio.CancelledError:
            self.errors["cancelled"] += 1
            return "unknown", None
        except RedisError as error:
            self.errors[f"{type(error).__name__} {error.outcome}"] += 1
            if isinstance(error, ConnectionFailed | ConnectionLost | Overloaded):
                await asyncio.sleep(0.001)
            return error.outcome, error

    async def work(self, number: int) -> None:
        """Be one caller until the round is over."""
        for turn in itertools.count():
            if self.over:
                return
            nonce = f"{number}:{turn}"
            cancel = self.chance.random() < 0.05
            what = self.chance.randrange(20)
            if what < 8:
                await self.echo(nonce, cancel)
            elif what < 13:
                outcome, _ = await self.told(lambda r: r.incr("n"), cancel)
                self.counts[outcome] += 1
            elif what < 18:
                word = nonce
                outcome, _ = await self.told(lambda r, word=word: r.rpush("l", word), cancel)  # type: ignore[misc]
                self.outcomes[nonce] = outcome
            elif what == 18:
                await self.pipeline(nonce, cancel)
            else:
                await self.pop(nonce, cancel)

    async def echo(self, nonce: str, cancel: bool) -> None:
        """Ask for a nonce, now and then with a time that is too short."""
        timeout = 0.002 if self.chance.random() < 0.02 else 5.0
        outcome, value = await self.told(lambda r: r.using(timeout=timeout).echo(nonce), cancel)
        if outcome == "ok" and value != nonce:
            self.wrong.append(f"asked for {nonce}, got {value!r}")

    async def pipeline(self, nonce: str, cancel: bool) -> None:
        """Send a batch whose every reply is known."""

        async def batch(r: Redis) -> list[object]:
            p = r.pipeline()
            for part in range(20):
                p.echo(f"{nonce}.{part}")
            return await p.execute()

        outcome, value = await self.told(batch, cancel)
        if outcome == "ok" and value != [f"{nonce}.{part}" for part in range(20)]:
            self.wrong.append(f"batch {nonce} got others' replies")

    async def pop(self, nonce: str, cancel: bool) -> None:
        """Put a value into a list and take one out, waiting for it."""
        outcome, _ = await self.told(lambda r: r.rpush("q", nonce), False)
        self.outcomes[f"q {nonce}"] = outcome
        outcome, value = await self.told(lambda r: r.blpop("q", timeout=0.05), cancel)
        if outcome == "ok" and isinstance(value, tuple):
            self.popped[value[1]] += 1
        elif outcome == "unknown":
            self.given_up_pops += 1  # it may have taken one with it

    async def run(self, seconds: float) -> None:
        """Let all callers work for some seconds, and wait until the last has ended."""
        workers = [asyncio.create_task(self.work(number)) for number in range(self.tasks)]
        await asyncio.sleep(seconds)
        self.over = True
        _, late = await asyncio.wait(workers, timeout=_SETTLE)
        if late:
            self.wrong.append(f"{len(late)} callers still waited {_SETTLE:g} s after the end")
            for task in late:
                task.cancel()
        for task in workers:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self.wrong.append(f"a caller failed: {error!r}")

    def check(self, server: EmbeddedServer) -> list[str]:
        """Compare what the callers were told with what the server has; return what is wrong."""
        counted = int(server.call("GET", "n") or 0)
        ok, unknown = self.counts["ok"], self.counts["unknown"]
        if not ok <= counted <= ok + unknown:
            self.wrong.append(f"counted {counted}, told {ok} ok and {unknown} unknown")
        kept: list[str] = server.call("LRANGE", "l", 0, -1)
        for word, times in Counter(kept).items():
            if times > 1 or self.outcomes.get(word) == "not_run":
                self.wrong.append(f"{word} stands there {times} times, told {self.outcomes.get(word)}")
        present = set(kept)
        appended = [word for word in self.outcomes if not word.startswith("q ")]
        self.wrong += [f"{word} is missing" for word in appended if self.outcomes[word] == "ok" and word not in present]
        # What is unknown may run late, on the connection that was lost, behind its caller's next command.
        self.wrong += _out_of_order([word for word in kept if self.outcomes.get(word) == "ok"])
        self._check_queue(server)
        return self.wrong

    def _check_queue(self, server: EmbeddedServer) -> None:
        left: list[str] = server.call("LRANGE", "q", 0, -1)
        found = self.popped + Counter(left)
        for word, times in found.items():
            if times > 1 or self.outcomes.get(f"q {word}") == "not_run":
                self.wrong.append(f"queued {word} was found {times} times")
        put = [word[2:] for word, outcome in self.outcomes.items() if word.startswith("q ") and outcome == "ok"]
        lost = [word for word in put if word not in found]
        if len(lost) > self.given_up_pops:
            self.wrong.append(f"{len(lost)} queued values are lost, {self.given_up_pops} pops were given up")


def _out_of_order(kept: list[str]) -> list[str]:
    last: dict[str, int] = {}
    found: list[str] = []
    for word in kept:
        caller, _, turn = word.partition(":")
        if int(turn) <= last.get(caller, -1):
            found.append(f"{word} stands behind a later one")
        last[caller] = int(turn)
    return found


_HARM = ("rst", "fin", "kill", "hold", "starve", "drip", "partial", "stop", "refuse", "readonly", "pause", "script")


async def chaos(proxy: FaultProxy, server: EmbeddedServer, chance: random.Random, done: Counter[str]) -> None:
    """Do some harm every now and then, until cancelled; leave all healed."""
    try:
        while True:
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            name = chance.choice(_HARM)
            done[name] += 1
            if name in {"rst", "fin"}:
                proxy.cut("rst" if name == "rst" else "fin")
            elif name == "kill":
                server.call("CLIENT", "KILL", "TYPE", "normal")
            elif name == "pause":
                server.call("CLIENT", "PAUSE", chance.randrange(1, 200), "WRITE")
            elif name == "partial":
                direction = chance.choice((proxy.to_server, proxy.to_client))
                direction.cut_after(chance.randrange(2000), how=chance.choice(("rst", "fin")))
            else:
                await _for_a_moment(name, proxy, server, chance.uniform(0.01, 0.2))
    finally:
        server.resume()
        server.call("REPLICAOF", "NO", "ONE")
        server.call("CLIENT", "UNPAUSE")
        proxy.heal()


async def _for_a_moment(name: str, proxy: FaultProxy, server: EmbeddedServer, seconds: float) -> None:
    if name == "hold":
        proxy.to_client.hold()
    elif name == "starve":
        proxy.to_server.stop_reading()
    elif name == "drip":
        proxy.to_client.drip(100, 0.001)
    elif name == "refuse":
        proxy.refuse()
        proxy.cut()
    elif name == "readonly":
        server.call("REPLICAOF", "127.0.0.1", 1)
    elif name == "script":
        script = asyncio.ensure_future(asyncio.to_thread(_run_script, server, seconds))
        try:
            await asyncio.shield(script)
        finally:
            await asyncio.wait([script])  # it cannot be cancelled, and keeps the server from being healed
        return
    else:
        server.pause()
    await asyncio.sleep(seconds)
    if name == "readonly":
        server.call("REPLICAOF", "NO", "ONE")
    server.resume()
    proxy.heal()


def _run_script(server: EmbeddedServer, seconds: float) -> None:
    """Keep the server busy; from ``busy-reply-threshold`` on it refuses commands."""
    server.call("CONFIG", "SET", "busy-reply-threshold", 5)
    clock = "local t = redis.call('TIME'); return t[1] * 1000000 + t[2]"
    script = f"local function now() {clock} end; local e = now() + ARGV[1]; while now() < e do end; return 1"
    server.call("EVAL", script, 0, int(seconds * 1e6))


def resident() -> int:
    """Return how many bytes of memory this process holds; 0 where the system does not tell."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0


def open_files() -> int:
    """Return how many files this process has open; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0


async def soak(options: argparse.Namespace) -> bool:
    """Run round after round; return whether all was right."""
    chance = random.Random(options.seed)
    wrong: list[str] = []
    sizes: list[int] = []
    blocks: list[int] = []
    begin = time.monotonic()
    with EmbeddedServer() as server:
        async with Redis(server.host, server.port) as r:
            await r.ping()  # event loops open a file or two at the first connection, and keep them
        for number in itertools.count(1):
            told = await _round(server, options, chance, _OPTIONS[(number - 1) % len(_OPTIONS)], wrong)
            server.call("FLUSHALL")
            gc.collect()
            sizes.append(resident())
            blocks.append(sys.getallocatedblocks())
            print(
                f"round {number}: {told}, memory {sizes[-1] / 2**20:.1f} MiB in {blocks[-1]:,} blocks, "
                f"tasks {len(asyncio.all_tasks())}, open files {open_files()}",
                flush=True,
            )
            if time.monotonic() - begin >= options.minutes * 60:
                break
    wrong += _grown("memory in bytes", sizes, _TURNS, _GROWTH)
    wrong += _grown("memory in blocks", blocks, 2, _MORE_BLOCKS)
    for line in wrong:
        print(f"WRONG: {line}")
    return not wrong


def _grown(what: str, measured: list[int], turns: int, most: int) -> list[str]:
    """Say by how much something grew over the rounds; return what is wrong with it.

    How much a client holds depends on its options, so each round of the last turn through them is compared with the one
    that had the same options in the second turn (or in the first, where there are two only); the median counts.

    Args:
        what: names it.
        measured: for each round.
        turns: how many turns it takes to tell.
        most: how much it may grow.
    """
    turn = len(_OPTIONS)
    done = len(measured) // turn
    if done < turns:
        print(f"{what}: too few rounds to tell, it takes {turns * turn}")
        return []
    begin, end = turn if done > 2 else 0, turn * (done - 1)
    grown = statistics.median(measured[end + at] - measured[begin + at] for at in range(turn))
    print(f"{what}: {grown:+,.0f} from round {begin + 1} on")
    return [f"{what} grew by {grown:,.0f}, by more than {most:,}"] if grown > most else []


async def _round(
    server: EmbeddedServer, options: argparse.Namespace, chance: random.Random, told: Options, wrong: list[str]
) -> str:
    """Run one round with a proxy and a client of its own, which must go without a trace; return what there was.

    Args:
        server: the server.
        options: of the soak.
        chance: chooses.
        told: options of the client.
        wrong: gets what was wrong.
    """
    harm: Counter[str] = Counter()
    gc.collect()
    tasks, files = len(asyncio.all_tasks()), open_files()
    with FaultProxy(server.host, server.port) as proxy:
        async with Redis(proxy.host, proxy.port, **told) as r:
            round_ = Round(r, options.tasks, chance)
            work = asyncio.create_task(round_.run(options.round))
            harming = None if options.calm else asyncio.create_task(chaos(proxy, server, chance, harm))
            await asyncio.sleep(options.round)
            if harming is not None:
                harming.cancel()
                await asyncio.wait([harming])
                if not harming.cancelled() and (error := harming.exception()) is not None:
                    round_.wrong.append(f"the harm failed: {error!r}")
            await work
    gc.collect()
    for what, before, after in (("tasks", tasks, len(asyncio.all_tasks())), ("open files", files, open_files())):
        if after != before:
            round_.wrong.append(f"{after} {what} after the round, {before} before")
    found = round_.check(server)
    wrong += found[:_SHOWN]
    errors = dict(sorted(round_.errors.items()))
    return f"{round_.calls:,} calls, harm {sum(harm.values())}, errors {errors}, wrong {len(found)}"


def main() -> int:
    """Run as told on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="at least; the last round is finished")
    parser.add_argument("--round", type=float, default=5.0, help="seconds of a round")
    parser.add_argument("--tasks", type=int, default=50, help="callers at a time")
    parser.add_argument("--seed", type=int, default=None, help="of all random choices")
    parser.add_argument("--calm", action="store_true", help="do no harm")
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.randrange(1 << 32)
    print(f"seed {options.seed}")
    if options.uvloop:
        import uvloop

        good = uvloop.run(soak(options))
    else:
        good = asyncio.run(soak(options))
    print("all was right" if good else "something was wrong")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
