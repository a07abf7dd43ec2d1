"""Every generated method of these groups gives a value in each of its shapes, or is listed with a reason."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from codegen import spec, tested
from redpoll import commands
from redpoll.faces import AwaitedFace
from redpoll.testing import EmbeddedServer
from tests.live.annotations import Shape, shapes
from tests.live.commands.cases import COMMANDS, Case, Raises, called, command_of, method, shapes_of

MODULES = [
    "string", "hash", "list", "set", "sorted_set", "generic", "stream", "bitmap", "geo", "hyperloglog", "scripting",
    "function", "pubsub", "connection", "client", "server", "acl", "config", "latency", "memory", "module", "slowlog",
    "commandlog", "command", "transactions", "vector_set", "cluster",
]  # fmt: skip

SPEC = spec.load(Path(__file__).parents[3] / "commands.json")
SERVERS = [server for server in tested.load() if server.only is None]  # Sentinels have a test of their own
TABLES = SERVERS[:2]  # those that run the tables; of the newest, the live proof calls every command

UNCOVERED: dict[str, str] = {}
"""Methods that give no value to assert though a server here has their command, and why."""

UNCOVERED_SHAPES: dict[tuple[str, int], str] = {
    ("xreadgroup", 0): "claim= came with Redis 8.4, and the tables run on 8.2"
}
"""Overloads that are not called, and why."""


def methods(modules: Iterable[str] = MODULES) -> list[str]:
    """Return the names of the generated methods of the modules, in their order."""
    found: list[str] = []
    for name in modules:
        module = importlib.import_module(f"{commands.__name__}.{name}")
        for face in vars(module).values():
            if isinstance(face, type) and issubclass(face, AwaitedFace) and face.__module__ == module.__name__:
                found += [method for method in vars(face) if inspect.iscoroutinefunction(vars(face)[method])]
    return found


def siblings() -> Iterator[ModuleType]:
    """Import the other test modules of this folder."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.stem != "test_coverage":
            yield importlib.import_module(f"tests.live.commands.{path.stem}")


def tables() -> Iterator[Case]:
    """Return the cases of all tables, each once."""
    seen: set[int] = set()
    for module in siblings():
        for table in vars(module).values():
            if isinstance(table, list):
                for each in table:
                    if isinstance(each, Case) and id(each) not in seen:
                        seen.add(id(each))
                        yield each


def marked() -> set[str]:
    """Return the methods that tests call beside the tables; each such test fails if it does not."""
    found: set[str] = set()
    for module in siblings():
        for test in vars(module).values():
            for mark in getattr(test, "pytestmark", ()):
                if mark.name == "covers":
                    found |= set(mark.args)
    return found


def kinds(**servers: EmbeddedServer) -> dict[str, set[str]]:
    """Return the commands that each server has."""
    return {kind: {name.lower() for name in found.call("COMMAND", "LIST")} for kind, found in servers.items()}


def test_servers_have_what_the_spec_says(
    valkey: EmbeddedServer, redis8: EmbeddedServer, redis86: EmbeddedServer
) -> None:
    """The rule that tells which commands are confirmed is right of every command, on each server."""
    servers = {"valkey": valkey, "redis8": redis8, "redis86": redis86}
    has = kinds(**servers)
    for told, (kind, server) in zip(SERVERS, servers.items(), strict=True):
        version = tested.numbers(server.version)
        assert version >= told.version, f"servers.toml promises {told.name} {told.version}"
        ours = replace(told, version=version)
        expected = {name.replace(" ", "|").lower() for name, command in SPEC.items() if ours.has(command)}
        assert has[kind] ^ expected == set()


def test_every_method_is_covered(valkey: EmbeddedServer, redis8: EmbeddedServer) -> None:
    has = kinds(valkey=valkey, redis8=redis8)
    everywhere = set.union(*has.values())
    every = methods()
    assert len(every) == len(set(every)) > 330
    covered = {name for name in marked() if command_of(name) in everywhere}
    hit: set[Shape] = set()
    for each in tables():
        if isinstance(each.expected, Raises):
            continue
        name, args, kwargs = called(each)
        if any(each.only in (None, kind) and command_of(name) in has[kind] for kind in has):
            covered.add(name)
            hit.add(shapes_of(name, args, kwargs)[0])
    uncovered = {name for name in every if name not in covered}
    unconfirmed = tested.unconfirmed(SPEC, TABLES)
    too_new = {name for name in uncovered if command_of(name) not in everywhere}
    assert uncovered - too_new == set(UNCOVERED)
    assert too_new <= {name for name in every if COMMANDS[name] in unconfirmed}
    elsewhere = {path.stem for path in Path(commands.__path__[0]).glob("*.py")} - {"__init__", "table", *MODULES}
    assert {name for name in methods(elsewhere) if COMMANDS[name] not in unconfirmed} == set(), "tested nowhere"
    missed = {
        (shape.name, shape.index)
        for name in covered & set(every)
        for shape in shapes(method(name))
        if len(shapes(method(name))) > 1 and not shape.fallback and shape not in hit
    }
    assert missed == set(UNCOVERED_SHAPES)
