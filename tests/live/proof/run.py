"""Calls of every command that a server documents: which are made, on which kind of server, and what came of them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from codegen import overlay, sources
from codegen.calls import Given, enumerate_calls, spread
from codegen.grammar import accepts, tokens
from codegen.ir import Method
from codegen.server import ask
from codegen.spec import Argument, Command
from codegen.verify import Awaited, Recorded, lowered
from redpoll.errors import UsageError
from redpoll.protocol.encode import plain
from redpoll.testing import EmbeddedServer
from tests.live.proof.probe import Admin, Answer, Made, Prober, gone
from tests.live.proof.samples import AFTER, ALWAYS, BEFORE, HERE, KEYSETS, USER, WHOLE_CLUSTER, Adapter, Facts, Line
from tests.live.proof.scene_cluster import cluster
from tests.live.proof.scenes import killing, modules, publishing, replication
from tests.live.proof.stage import Stage, info, until

SCENES = (replication, killing, publishing, modules, cluster)

MOST = 160
"""Calls of one command at most, taken evenly from all that are legal (CLIENT KILL has 6,583)."""

CLUSTER = frozenset({"ASKING", "CLUSTERSCAN", "READONLY", "READWRITE", "TRIMSLOTS"})
"""Commands that are asked of a cluster's node, besides CLUSTER."""

OWN = frozenset(
    {
        "BGREWRITEAOF", "BGSAVE", "CLIENT KILL", "CLIENT PAUSE", "DEBUG", "FAILOVER", "MODULE LOAD", "MODULE LOADEX",
        "MODULE UNLOAD", "REPLICAOF", "SAVE", "SHUTDOWN", "SLAVEOF",
    }
)  # fmt: skip
"""Commands that get a server to themselves: they end it, change its role, or shut others out."""

PAIRS_TWICE = frozenset({"CONFIG SET", "HSET"})
"""Commands whose calls with a mapping and a value behind it the encoding refuses, which the enumeration does not see."""

FORKS = frozenset({"BGREWRITEAOF", "BGSAVE", "SAVE"})
"""Commands that a server refuses while a child of it is saving."""


@dataclass
class Server:
    """What one server documents, and all calls that were made on it.

    Attributes:
        label: ``"Redis 7.0.15"``.
        provider: ``"redis"`` or ``"valkey"``.
        version: as numbers.
        documented: its commands but for containers and modules' own, as it documents them.
        calls: by command.
        newer: calls that were not made, as an argument is newer than the server or another's, by command.
        getkeys: the words of calls with keys, the keys that the ``Spec`` finds, and what COMMAND GETKEYS says.
    """

    label: str
    provider: str
    version: tuple[int, ...]
    documented: dict[str, Command]
    calls: dict[str, list[Made]] = field(default_factory=dict[str, list[Made]])
    newer: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict[str, list[tuple[Any, ...]]])
    getkeys: list[tuple[str, tuple[Any, ...], list[Any], Any]] = field(default_factory=list[Any])

    def has(self, providers: Mapping[str, str]) -> bool:
        """Tell whether something with these providers is on this server."""
        return self.provider in providers and number(providers[self.provider]) <= self.version


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@functools.cache
def generated() -> tuple[dict[str, Command], dict[str, Method], dict[str, str]]:
    """Return the spec, the methods by command, and the commands without one with the reason."""
    commands, methods = lowered()
    found = {method.command: method for method in methods}
    over = overlay.load()
    entries = over.entries
    return overlay.dated(commands, over), found, {name: entries[name].why for name in entries if entries[name].exclude}


@functools.cache
def enumerated(command: str) -> list[tuple[Given, Recorded]]:
    """Return legal calls of a command's method, and what each sends with the enumeration's own values."""
    method = generated()[1][command]
    recorder = getattr(Awaited(), method.name)

    def record(*args: Any, **keywords: Any) -> Recorded:
        coroutine = recorder(*args, **keywords)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # what Awaited records
        raise AssertionError("the method waits")

    made = enumerate_calls(method, record).made
    step = max(1, -(-len(made) // MOST))
    return [made[index] for index in range(0, len(made), step)]


def documented(server: EmbeddedServer) -> Server:
    """Ask a server for what it documents."""
    answer = ask(server.url(), limit=1 << 25)
    commands = sources.read_commands(answer.commands, answer.label)
    listed = {name.replace("|", " ").upper() for name in server.call("COMMAND", "LIST")}
    containers = {name.partition(" ")[0] for name in commands if " " in name}
    label = f"{answer.provider.capitalize()} {answer.version}"
    version = number(answer.version)
    names = sorted(name for name in commands if name in listed and name not in containers)
    return Server(label, answer.provider, version, {name: commands[name] for name in names})


def pruned(nodes: Sequence[Argument], server: Server) -> tuple[Argument, ...]:
    """Return a tree without what the spec says to be newer than the server, or only another's."""
    found: list[Argument] = []
    for node in nodes:
        providers = node.providers or ({server.provider: node.since} if node.since else {})
        if not providers or server.has(providers):
            found.append(replace(node, arguments=pruned(node.arguments, server)))
    return tuple(found)


def fits(server: Server, method: Method, given: Given, recorded: Recorded) -> bool:
    """Tell whether no word of a call is newer than the server, by the spec's ``since`` and ``providers``."""
    command = generated()[0][method.command]
    for param in method.params:
        if param.name in given and given[param.name] is not False and param.valkey_only and server.provider != "valkey":
            return False
    tree = pruned(command.arguments, server)
    known = set(tokens(tree))
    late = set(tokens(command.arguments)) - known
    if any(type(word) is str and word in late for word in recorded.words):
        return False
    return accepts(replace(command, arguments=tree), recorded.words) or not accepts(command, recorded.words)


def context(command: str) -> str:
    """Return which server a command is sent to: ``"cluster"``, ``"own"`` or ``"main"``."""
    if command.startswith("CLUSTER ") or command in CLUSTER:
        return "cluster"
    return "own" if command in OWN else "main"


async def prove(binary: Path, folder: Path, *, sense: bool = True) -> Server:
    """Make all calls on servers of one program: over both protocols and with the scenes, or without ``sense`` over RESP3.

    Args:
        binary: the program.
        folder: where files of the servers may go.
        sense: give values that mean something to a server.
    """
    users = folder / "users.acl"
    users.write_text("user default on nopass ~* &* +@all\n")
    with ExitStack() as stack:
        running = {name: stack.enter_context(server) for name, server in servers(binary, users).items()}
        found = documented(running["main"])
        methods = [method for command, method in generated()[1].items() if command in found.documented]
        if not sense:
            await campaigns(found, running, methods, (3,), sense)
            return found
        stages = [Stage(binary, {method.name: method for method in methods}, folder) for _ in SCENES]
        async with asyncio.TaskGroup() as group:  # scenes mostly wait
            for scene, stage in zip(SCENES, stages, strict=True):
                group.create_task(stage.play(scene))
            group.create_task(campaigns(found, running, methods, (2, 3), sense))
        for made in (made for stage in stages for made in stage.made):
            found.calls[made.method.command].append(made)
        getkeys(found, running["main"])
    return found


def servers(binary: Path, users: Path) -> dict[str, EmbeddedServer]:
    """Return the servers of the calls, by ``context``: not started."""
    options: dict[str, Any] = {"enable-debug-command": True, "enable-module-command": True, "save": ""}
    nodes: dict[str, Any] = {"cluster-require-full-coverage": False, "cluster-allow-reads-when-down": True}
    if knows(binary, "cluster-slot-stats-enabled"):
        nodes["cluster-slot-stats-enabled"] = True
    return {
        "main": EmbeddedServer(binary, options={**options, "aclfile": str(users)}, config="timeout 0\n"),
        "own": EmbeddedServer(binary, options=options),
        "cluster": EmbeddedServer(binary, options={"cluster-enabled": True, **nodes}),
    }


def knows(binary: Path, option: str) -> bool:
    """Tell whether a program has a configuration directive."""
    with EmbeddedServer(binary) as server:
        return bool(server.call("CONFIG", "GET", option))


async def campaigns(
    found: Server,
    running: Mapping[str, EmbeddedServer],
    methods: Sequence[Method],
    protocols: Sequence[Literal[2, 3]],
    sense: bool,
) -> None:
    """Make the enumerated calls of all methods."""
    for protocol in protocols:
        for name, server in running.items():
            campaign = Campaign(found, server, name, protocol, running["own"].port, sense)
            await campaign.run([method for method in methods if context(method.command) == name])


class Campaign:
    """The calls of some methods on one server over one protocol."""

    def __init__(
        self, found: Server, server: EmbeddedServer, name: str, protocol: Literal[2, 3], peer: int, sense: bool
    ) -> None:
        self.found = found
        self.sense = sense
        self.server = server
        self.name = name
        self.prober = Prober(server, protocol)
        self.admin = self.prober.admin
        self.facts = Facts(found.version, found.provider == "valkey", protocol, peer)

    async def run(self, methods: Sequence[Method]) -> None:
        try:
            self.fresh()
            for method in methods:
                await self.method(method)
                self.restored()
        finally:
            await self.prober.close()
            self.admin.close()

    def fresh(self) -> None:
        """Bring the server to the state that both protocols begin with."""
        self.admin.close()
        self.server.restart()
        lines: list[Line] = [
            USER, *ALWAYS, ("SET", "k1", "10"),
            ("DUMP", "k1"), ("FUNCTION", "DUMP"), ("CLIENT", "ID"),
        ]  # fmt: skip
        if self.name != "cluster":
            dump, functions, self.facts.id = self.admin.ask(lines)[-3:]
            self.facts.dump, self.facts.functions = (
                each.encode("utf-8", "surrogateescape") for each in (dump, functions)
            )

    def restored(self) -> None:
        if not self.server.alive:
            self.fresh()

    async def method(self, method: Method) -> None:
        """Make the calls of one method; over the second protocol, the same again."""
        command = method.command
        made = self.found.calls.setdefault(command, [])
        adapter = Adapter(method, self.facts, self.sense)
        seen: set[str] = set()
        index = 0
        if self.name == "cluster":
            self.facts.node = self.admin.ask([("CLUSTER", "RESET", "HARD"), ("CLUSTER", "MYID")])[-1]
        for given, recorded in enumerated(command):
            if not fits(self.found, method, given, recorded):
                if self.facts.protocol == 3:
                    self.found.newer.setdefault(command, []).append(recorded.words)
                continue
            adapted = adapter.call(given)
            label = repr(sorted(adapted.items()))
            if label in seen:
                continue
            seen.add(label)
            args, keywords = spread(method.params, adapted)
            try:
                answer = await self.call(method, adapter.keys, args, keywords)
            except UsageError:
                if command not in PAIRS_TWICE:
                    raise
                continue
            if index == len(made):
                made.append(Made(method, args, keywords))
            made[index].answers[self.facts.protocol] = answer
            index += 1

    async def call(self, method: Method, keys: list[str], args: list[Any], keywords: dict[str, Any]) -> Answer:
        command = method.command
        if command in FORKS:
            await until(self.idle)
        self.prepare(method, keys)
        answer = await self.prober.call(method.name, args, keywords, HERE.get(command, ()))
        if method.facts.dedicated:
            await self.prober.close()
        if answer.lost or command == "SHUTDOWN":
            if command == "SHUTDOWN" and await gone(self.server):
                self.fresh()
            self.admin.close()
        if command in AFTER:
            self.admin.ask(AFTER[command])
        return answer

    def idle(self) -> bool:
        """Tell whether no child of the server is saving."""
        state = info(self.server, "persistence")
        return state["rdb_bgsave_in_progress"] == state["aof_rewrite_in_progress"] == "0"

    def prepare(self, method: Method, keys: list[str]) -> None:
        """Make the keys and what else a call needs."""
        command = generated()[0][method.command]
        lines: list[Line] = [("FLUSHALL",)] if self.name != "cluster" else [*WHOLE_CLUSTER]
        if command.group == "scripting":
            lines += ALWAYS
        if command.name.startswith("ACL ") or command.name in ("AUTH", "HELLO"):
            lines.append(USER)
        for key in keys:
            lines += [
                tuple(word.replace("{}", key) for word in line)
                for line in KEYSETS.get(command.group, KEYSETS["string"])
            ]
        lines += BEFORE.get(command.name, ())
        if not lines:
            return
        for line, reply in zip(lines, self.admin.ask(lines), strict=True):
            if isinstance(reply, Exception) and line[0] != "AUTH":
                raise AssertionError(f"{self.found.label}: before {command.name}, {line} gave {reply}")


def getkeys(found: Server, server: EmbeddedServer) -> None:
    """Ask the server for the keys of each call that has some."""
    asked = [(made.method.command, made.words, made.answers[3].keys) for each in found.calls.values() for made in each]
    asked = [(command, words, keys) for command, words, keys in asked if keys and words]
    admin = Admin(server.port)
    try:
        for start in range(0, len(asked), 100):
            part = asked[start : start + 100]
            replies = admin.ask([("COMMAND", "GETKEYS", *plain(command, words)) for command, words, _ in part])
            for (command, words, keys), reply in zip(part, replies, strict=True):
                found.getkeys.append((command, words, [text(key) for key in keys], reply))
    finally:
        admin.close()


def text(word: Any) -> str:
    return (
        bytes(word).decode("utf-8", "surrogateescape")
        if isinstance(word, bytes | bytearray | memoryview)
        else str(word)
    )
